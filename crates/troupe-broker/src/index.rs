//! A table of numbers by a hash of what they stand for; what that is lies elsewhere, at the number.

use hashbrown::HashTable;

/// A number and 32 bits of its hash, so that the table grows without a look at what lies elsewhere.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    number: u32,
}

/// Numbers by hash.
#[derive(Debug, Default)]
pub struct Index {
    slots: HashTable<Slot>,
}

impl Index {
    /// The number with this hash that `is_it` accepts.
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let found = self.slots.find(spread(hash), |slot| slot.hash == hash && is_it(slot.number));
        found.map(|slot| slot.number)
    }

    /// Adds a number that is not there.
    pub fn insert(&mut self, hash: u32, number: u32) {
        let slot = Slot { hash, number };
        self.slots.insert_unique(spread(slot.hash), slot, |slot| spread(slot.hash));
    }

    /// Removes a number.
    pub fn remove(&mut self, hash: u32, number: u32) {
        if let Ok(slot) = self.slots.find_entry(spread(hash), |slot| slot.number == number) {
            slot.remove();
        }
    }
}

/// 32 bits of hash as the table wants them: it takes the place from the low bits and a mark from the
/// topmost seven.
pub const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
