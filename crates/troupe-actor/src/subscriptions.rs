//! The subscriptions of one actor. They belong to its place: a restart keeps them (`TOP-9`).
//!
//! Whoever matches topics knows a subscription by a number that is never used again, so that what was
//! published to one that has ended is recognised when it comes; the actor knows it by its tag.

use std::sync::Arc;

use crate::frame::OUTSIDE_TAG;
use crate::topics::SubscriptionSpec;

/// Most subscriptions of one actor.
pub const MAX_PER_ACTOR: usize = 1_000;

/// What one of them is known by, apart from what it is to: a message looks at this only, and eight of
/// these are in one cache line.
#[derive(Clone, Copy, Debug)]
struct Known {
    number: u32,
    tag: u32,
}

/// Those of one actor.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// By number, which only grows.
    known: Vec<Known>,
    /// What each of them is to, in the same order.
    specs: Vec<SubscriptionSpec>,
    last: u32,
    /// Tags of subscriptions that ended while messages of them may have been in the actor's hands.
    unwanted: Vec<u32>,
}

/// The place of a subscription that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub number: u32,
    pub tag: u32,
    /// The one it takes over from, if that was to something else.
    pub ends: Option<u32>,
}

impl Subscriptions {
    /// The tag of a subscription, if it has not ended.
    #[must_use]
    pub fn tag_of(&self, number: u32) -> Option<u32> {
        let first = self.known.first()?.number;
        // Numbers follow each other where nothing has ended, and where something has there are fewer: so
        // this is the place, or the last one it can be.
        let last = (number.checked_sub(first)? as usize).min(self.known.len() - 1);
        let found = self.known.get(last).filter(|known| known.number == number);
        found.or_else(|| self.search(number, last)).map(|known| known.tag)
    }

    fn search(&self, number: u32, end: usize) -> Option<&Known> {
        let before = self.known.get(..end)?;
        before.get(before.binary_search_by_key(&number, |known| known.number).ok()?)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Finds the place of a subscription with this tag; without one, of the one to the same pattern in the
    /// same group that was made from outside. `None` when there is no room for one more.
    pub(crate) fn slot(&self, tag: Option<u32>, spec: &SubscriptionSpec) -> Option<Slot> {
        let known = self.all().find(|(known, held)| match tag {
            Some(tag) => known.tag == tag,
            None => known.is_outside() && held.is_like(spec),
        });
        let next = self.last + 1;
        match known {
            // A guest subscribes again in each life: nothing that is on its way is lost by that.
            Some((known, held)) if held.is_like(spec) => {
                Some(Slot { number: known.number, tag: known.tag, ends: None })
            }
            // No number is used twice, so there are as many for good.
            _ if next >= OUTSIDE_TAG => None,
            Some((known, _)) => Some(Slot { number: next, tag: known.tag, ends: Some(known.number) }),
            None if self.known.len() >= MAX_PER_ACTOR => None,
            None => Some(Slot { number: next, tag: tag.unwrap_or(OUTSIDE_TAG | next), ends: None }),
        }
    }

    /// Enters a subscription that was made.
    pub(crate) fn enter(&mut self, slot: Slot, spec: SubscriptionSpec) {
        self.last = self.last.max(slot.number);
        self.take(slot.number);
        if let Some(ended) = slot.ends {
            self.take(ended);
        }
        let at = self.known.partition_point(|known| known.number < slot.number);
        self.known.insert(at, Known { number: slot.number, tag: slot.tag });
        self.specs.insert(at, spec);
    }

    /// Takes the subscription with this tag out; its number.
    pub(crate) fn remove(&mut self, tag: u32) -> Option<u32> {
        let number = self.known.iter().find(|known| known.tag == tag)?.number;
        self.take(number);
        Some(number)
    }

    /// Tags of the subscriptions to this pattern that were made from outside.
    pub(crate) fn outside(&self, pattern: &str) -> Vec<u32> {
        let all = self.all().filter(|(known, spec)| known.is_outside() && &*spec.pattern == pattern);
        all.map(|(known, _)| known.tag).collect()
    }

    fn all(&self) -> impl Iterator<Item = (Known, &SubscriptionSpec)> {
        self.known.iter().copied().zip(&self.specs)
    }

    fn take(&mut self, number: u32) {
        if let Ok(at) = self.known.binary_search_by_key(&number, |known| known.number) {
            self.known.remove(at);
            self.specs.remove(at);
        }
    }

    /// Messages with this tag that are with the running turn are to be dropped when they come back.
    pub(crate) fn drop_later(&mut self, tag: u32) {
        self.unwanted.push(tag);
    }

    /// Whether messages are to be dropped.
    pub(crate) const fn has_unwanted(&self) -> bool {
        !self.unwanted.is_empty()
    }

    pub(crate) fn take_unwanted(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.unwanted)
    }
}

impl Known {
    const fn is_outside(self) -> bool {
        self.tag >= OUTSIDE_TAG
    }
}

impl SubscriptionSpec {
    /// To a pattern, in no group.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self { pattern: Arc::from(pattern), group: None, once: false }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.group == other.group
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PER_ACTOR, OUTSIDE_TAG, Slot, Subscriptions};
    use crate::topics::SubscriptionSpec;

    fn add(subscriptions: &mut Subscriptions, tag: Option<u32>, pattern: &str) -> Option<Slot> {
        let spec = SubscriptionSpec::new(pattern);
        let slot = subscriptions.slot(tag, &spec)?;
        subscriptions.enter(slot, spec);
        Some(slot)
    }

    #[test]
    fn a_number_is_of_one_subscription_for_ever() {
        let mut all = Subscriptions::default();
        assert_eq!(add(&mut all, Some(7), "a"), Some(Slot { number: 1, tag: 7, ends: None }));
        assert_eq!(add(&mut all, Some(7), "a"), Some(Slot { number: 1, tag: 7, ends: None }), "again");
        assert_eq!(add(&mut all, Some(7), "b"), Some(Slot { number: 2, tag: 7, ends: Some(1) }), "taken over");
        assert_eq!((all.tag_of(1), all.tag_of(2), all.len()), (None, Some(7), 1));
        assert_eq!(all.remove(7), Some(2));
        assert_eq!(add(&mut all, Some(7), "b"), Some(Slot { number: 3, tag: 7, ends: None }));
    }

    #[test]
    fn those_from_outside_go_by_their_pattern() {
        let mut all = Subscriptions::default();
        add(&mut all, Some(1), "a");
        assert_eq!(add(&mut all, None, "a").map(|slot| slot.tag), Some(OUTSIDE_TAG | 2));
        assert_eq!(add(&mut all, None, "a").map(|slot| slot.number), Some(2), "the same one");
        assert_eq!(all.outside("a"), [OUTSIDE_TAG | 2]);
        assert!(all.outside("b").is_empty());
    }

    #[test]
    fn each_is_found_by_its_number_whatever_ended_before_it() {
        let mut all = Subscriptions::default();
        let mut wanted = std::collections::BTreeMap::new();
        for round in 0..200u32 {
            let slot = add(&mut all, Some(1_000 + round), "a").expect("there is room");
            wanted.insert(slot.number, slot.tag);
            // The first, the newest and some in between end.
            for ended in [round / 3, round * 7 % 200, round].into_iter().filter(|_| round % 2 == 1) {
                if let Some(number) = all.remove(1_000 + ended) {
                    wanted.remove(&number);
                }
            }
            for number in 0..=round + 2 {
                assert_eq!(all.tag_of(number), wanted.get(&number).copied(), "{number} in round {round}");
            }
        }
        assert!(wanted.len() > 10, "{} are left", wanted.len());
    }

    #[test]
    fn an_actor_has_so_many_at_most() {
        let mut all = Subscriptions::default();
        for tag in 0..MAX_PER_ACTOR as u32 {
            assert!(add(&mut all, Some(tag), "a").is_some());
        }
        assert_eq!(add(&mut all, Some(u32::MAX >> 1), "a"), None);
        assert!(add(&mut all, Some(3), "b").is_some(), "one in place of another");
        all.last = OUTSIDE_TAG - 1;
        assert_eq!(add(&mut all, Some(3), "c"), None, "no number is left");
        assert!(add(&mut all, Some(3), "b").is_some(), "the same one again needs none");
    }
}
