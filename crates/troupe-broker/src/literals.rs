//! Patterns without a wildcard, by the topic that each of them is.
//!
//! A look-up among many costs what it waits for memory, so it looks in few places: the table holds what
//! is kept at a pattern, a topic lies in one cache line, and the processor reads the list that is kept
//! there while it still waits for the topic.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::index::spread;
use crate::patterns::Ends;
use crate::slab::Slab;
use crate::text::Text;

/// Topics up to this many bytes need no allocation of their own.
const SHORT: usize = 62;

/// One topic: a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Topic(Text<SHORT>);

#[derive(Debug)]
struct Slot {
    hash: u32,
    /// The topic's in `Literals::topics`.
    number: u32,
    ends: Ends,
}

/// Topics, each with what is kept at it.
#[derive(Debug, Default)]
pub struct Literals {
    slots: HashTable<Slot>,
    topics: Slab<Topic>,
    hasher: RandomState,
}

impl Literals {
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// The number of a topic, which gets one if it has none.
    pub fn insert(&mut self, topic: &str) -> u32 {
        let hash = self.hash(topic.as_bytes());
        if let Some(slot) = self.slot(hash, topic) {
            return slot.number;
        }
        let number = self.topics.insert(Topic(Text::new(topic)));
        let slot = Slot { hash, number, ends: Ends::EMPTY };
        self.slots.insert_unique(spread(hash), slot, |slot| spread(slot.hash));
        number
    }

    /// What is kept at a topic.
    pub fn find(&self, topic: &str) -> Option<Ends> {
        if self.slots.is_empty() {
            return None;
        }
        self.slot(self.hash(topic.as_bytes()), topic).map(|slot| slot.ends)
    }

    /// What is kept at the topic with this number, to be changed.
    pub fn ends_mut(&mut self, number: u32) -> Option<&mut Ends> {
        let hash = self.hash(self.topics.get(number)?.0.as_bytes());
        let slot = self.slots.find_mut(spread(hash), |slot| slot.number == number)?;
        Some(&mut slot.ends)
    }

    /// Removes a topic; a table that is empty gives its memory back.
    pub fn remove(&mut self, number: u32) {
        let Some(Topic(text)) = self.topics.remove(number) else { return };
        let hash = self.hash(text.as_bytes());
        if let Ok(slot) = self.slots.find_entry(spread(hash), |slot| slot.number == number) {
            slot.remove();
        }
        if self.slots.is_empty() {
            self.slots = HashTable::new();
        }
    }

    /// The topic with this number.
    pub fn topic(&self, number: u32) -> String {
        let bytes = self.topics.get(number).map(|topic| topic.0.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn slot(&self, hash: u32, topic: &str) -> Option<&Slot> {
        let is_it = |number| self.topics.get(number).is_some_and(|known| known.0.as_bytes() == topic.as_bytes());
        self.slots.find(spread(hash), |slot| slot.hash == hash && is_it(slot.number))
    }

    fn hash(&self, topic: &[u8]) -> u32 {
        self.hasher.hash_one(topic) as u32
    }
}
