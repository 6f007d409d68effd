//! Which kept routes a change of subscriptions makes stale, in a few steps whatever their number.
//!
//! A pattern changes only topics that begin with its tokens before the first wildcard. There is a
//! counter for each such beginning, and one for each whole topic; many share one, which costs a route
//! that was good and never keeps one that was not. A topic's stamp is the sum of its counters: they
//! only grow, so an equal sum means that none has changed.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

use crate::topic::Pattern;

/// How many counters: a power of two, 32 KiB of them.
const COUNTERS: usize = 4096;

/// The counters of a broker.
pub struct Stamps {
    counters: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// Which counters a topic depends on.
pub type Places = Box<[u16]>;

impl Default for Stamps {
    fn default() -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { counters, hasher: RandomState::default() }
    }
}

impl Stamps {
    /// The counters of all beginnings of a topic, and of the topic itself.
    pub fn places(&self, topic: &str) -> Places {
        let ends = topic.match_indices('.').map(|(at, _)| at).chain([0, topic.len()]);
        let beginnings = ends.map(|end| self.place(false, topic.get(..end).unwrap_or("")));
        beginnings.chain([self.place(true, topic)]).collect()
    }

    /// The stamp of a topic with these counters. Whoever computes a route reads it under the lock that
    /// changes are made under, before anything else.
    pub fn sum(&self, places: &[u16]) -> u64 {
        let counters = places.iter().filter_map(|place| self.counters.get(usize::from(*place)));
        counters.fold(0, |sum, counter| sum.wrapping_add(counter.load(Ordering::Acquire)))
    }

    /// The counter that a pattern's coming and going changes.
    pub fn of_pattern(&self, pattern: &Pattern<'_>) -> u16 {
        match pattern.literal() {
            Some(topic) => self.place(true, topic),
            None => self.place(false, pattern.prefix()),
        }
    }

    /// A subscription to a pattern with this counter came or went. Called under the lock, before it is
    /// released.
    pub fn changed(&self, place: u16) {
        if let Some(counter) = self.counters.get(usize::from(place)) {
            counter.fetch_add(1, Ordering::Release);
        }
    }

    fn place(&self, is_whole: bool, text: &str) -> u16 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u8(u8::from(is_whole));
        hasher.write(text.as_bytes());
        (hasher.finish() % COUNTERS as u64) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::Stamps;
    use crate::limits::Limits;
    use crate::topic::Pattern;

    #[test]
    fn a_change_is_seen_by_every_topic_that_the_pattern_could_match() {
        let (stamps, limits) = (Stamps::default(), Limits::default());
        for (pattern, topic) in [
            ("a.b", "a.b"),
            ("a.*", "a.b"),
            ("a.#", "a"),
            ("a.b.#", "a.b"),
            ("a.>", "a.b.c"),
            ("*.b", "a.b"),
            ("*", "a"),
            (">", "a.b.c.d"),
            ("#", "a"),
        ] {
            let places = stamps.places(topic);
            let before = stamps.sum(&places);
            stamps.changed(stamps.of_pattern(&Pattern::parse(pattern, &limits).unwrap()));
            assert_ne!(stamps.sum(&places), before, "{pattern} and {topic}");
        }
    }

    #[test]
    fn most_other_topics_keep_their_stamp() {
        let (stamps, limits) = (Stamps::default(), Limits::default());
        let topics: Vec<_> = (0..100).map(|n| stamps.places(&format!("other.{n}.x"))).collect();
        let before: Vec<_> = topics.iter().map(|places| stamps.sum(places)).collect();
        for pattern in ["a.b", "a.*.c", "b.>", "other"] {
            stamps.changed(stamps.of_pattern(&Pattern::parse(pattern, &limits).unwrap()));
        }
        let kept = topics.iter().zip(&before).filter(|(places, before)| stamps.sum(places) == **before).count();
        assert!(kept >= 80, "{kept} of 100 kept");
    }
}
