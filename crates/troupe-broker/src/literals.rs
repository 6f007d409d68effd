//! Patterns without a wildcard, by the topic that each of them is.
//!
//! A look-up among many costs what it waits for memory, so it looks in few places: the topic lies in the
//! table itself, in one cache line with the list that is kept at it and with the one target that most
//! topics have.

use std::hash::BuildHasher;
use std::hint::black_box;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use troupe_actor::id::Address;
use troupe_actor::text::Text;
use troupe_actor::topics::Target;

use crate::index::spread;
use crate::patterns::Ends;

/// Topics up to this many bytes need no allocation of their own.
const SHORT: usize = 30;

/// How many tables, a power of two: one that grows moves its lines while everybody waits, so none has all.
const TABLES: usize = 16;

/// No target.
const NOBODY: Target = Target { address: Address::NONE, tag: 0 };

/// Where a topic is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteralSpot {
    hash: u32,
    /// Tells topics with the same hash apart.
    number: u32,
}

/// One topic: a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Line {
    topic: Text<SHORT>,
    address: Address,
    tag: u32,
    number: u32,
    ends: Ends,
}

/// Topics, each with what is kept at it.
#[derive(Debug, Default)]
pub struct Literals {
    tables: [HashTable<Line>; TABLES],
    len: usize,
    /// Numbers that were given back, and the lowest that was never given.
    free: Vec<u32>,
    next: u32,
    hasher: RandomState,
}

impl Literals {
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The place of a topic, made if need be.
    pub fn insert(&mut self, topic: &str) -> LiteralSpot {
        let hash = hash(&self.hasher, topic.as_bytes());
        if let Some(line) = self.line(hash, topic.as_bytes()) {
            return LiteralSpot { hash, number: line.number };
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        let Target { address, tag } = NOBODY;
        let line = Line { topic: Text::new(topic), address, tag, number, ends: Ends::EMPTY };
        let hasher = &self.hasher;
        if let Some(table) = self.tables.get_mut(table_of(hash)) {
            table.insert_unique(spread(hash), line, |line| spread(self::hash(hasher, line.topic.as_bytes())));
            self.len += 1;
        }
        LiteralSpot { hash, number }
    }

    /// What is kept at a topic.
    pub fn find(&self, topic: &str) -> Option<Ends> {
        self.look_up(topic).map(|line| line.ends)
    }

    /// The one target of a topic, if it has only one and somebody said so.
    pub fn only(&self, topic: &str) -> Option<Target> {
        let Line { address, tag, .. } = *self.look_up(topic)?;
        Some(Target { address, tag }).filter(|target| *target != NOBODY)
    }

    /// Brings the lines of these topics into the processor's caches. Nothing of a look-up depends on the one
    /// before it, so that the processor waits for the memory of several at once.
    pub fn fetch(&self, topics: &[&[u8]]) {
        if self.len > 0 {
            for topic in topics {
                black_box(self.line(hash(&self.hasher, topic), topic).is_some());
            }
        }
    }

    /// What is kept at a place, to be changed.
    pub fn ends_mut(&mut self, spot: LiteralSpot) -> Option<&mut Ends> {
        self.line_mut(spot).map(|line| &mut line.ends)
    }

    /// Says which target a topic has, if it has only one.
    pub fn set_only(&mut self, spot: LiteralSpot, target: Option<Target>) {
        if let Some(line) = self.line_mut(spot) {
            Target { address: line.address, tag: line.tag } = target.unwrap_or(NOBODY);
        }
    }

    /// Removes a topic; tables that are empty give their memory back.
    pub fn remove(&mut self, spot: LiteralSpot) {
        let Some(table) = self.tables.get_mut(table_of(spot.hash)) else { return };
        let Ok(line) = table.find_entry(spread(spot.hash), |line| line.number == spot.number) else { return };
        line.remove();
        self.free.push(spot.number);
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
        }
    }

    /// The topic at a place.
    pub fn topic(&self, spot: LiteralSpot) -> String {
        let table = self.tables.get(table_of(spot.hash));
        let line = table.and_then(|table| table.find(spread(spot.hash), |line| line.number == spot.number));
        let bytes = line.map(|line| line.topic.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn look_up(&self, topic: &str) -> Option<&Line> {
        if self.len == 0 {
            return None;
        }
        self.line(hash(&self.hasher, topic.as_bytes()), topic.as_bytes())
    }

    fn line(&self, hash: u32, topic: &[u8]) -> Option<&Line> {
        let table = self.tables.get(table_of(hash))?;
        table.find(spread(hash), |line| line.topic.as_bytes() == topic)
    }

    fn line_mut(&mut self, spot: LiteralSpot) -> Option<&mut Line> {
        let table = self.tables.get_mut(table_of(spot.hash))?;
        table.find_mut(spread(spot.hash), |line| line.number == spot.number)
    }
}

fn hash(hasher: &RandomState, topic: &[u8]) -> u32 {
    hasher.hash_one(topic) as u32
}

/// By the topmost bits: a table takes its places from the others.
const fn table_of(hash: u32) -> usize {
    (hash >> (u32::BITS - TABLES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::{Line, Literals, NOBODY};
    use troupe_actor::id::Address;
    use troupe_actor::topics::Target;

    #[test]
    fn a_topic_is_a_cache_line_and_keeps_its_place_while_tables_grow() {
        assert_eq!(size_of::<Line>(), 64);
        let mut all = Literals::default();
        let topic = |number: u32| format!("{}.{number}", "long".repeat(number as usize % 10));
        let target = |number: u32| Target { address: Address { index: number, tag: 1 }, tag: number };
        let spots: Vec<_> = (0..10_000).map(|number| all.insert(&topic(number))).collect();
        for (number, spot) in (0..).zip(&spots) {
            all.set_only(*spot, Some(target(number)));
            assert_eq!(all.insert(&topic(number)), *spot, "the same place again");
        }
        for (number, spot) in (0..).zip(&spots) {
            assert_eq!((all.topic(*spot), all.only(&topic(number))), (topic(number), Some(target(number))));
            all.set_only(*spot, None);
            assert_eq!((all.only(&topic(number)), all.len()), (None, 10_000 - number as usize));
            all.remove(*spot);
            assert_eq!(all.find(&topic(number)), None);
        }
        assert!(all.tables.iter().all(|table| table.capacity() == 0), "the memory is given back");
        assert_eq!(NOBODY.address, Address::NONE);
    }
}
