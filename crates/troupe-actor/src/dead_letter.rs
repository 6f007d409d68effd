//! Dead letters: records of messages without a receiver (`DL-1`, `DL-2`).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::counters::LossReason;
use crate::id::Address;

/// A record of one message that was refused, failed or discarded.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Number of the dead letter within its system.
    pub id: u64,
    /// Who sent it.
    pub sender: Address,
    /// Path of the target, empty when it is unknown.
    pub target: Arc<str>,
    /// Why nobody handled it.
    pub reason: LossReason,
    /// Payload bytes.
    pub bytes: usize,
    /// Milliseconds of the system's clock.
    pub at: u64,
}

/// The newest dead letters; older ones make room.
#[derive(Debug)]
pub struct DeadLetters {
    ring: VecDeque<DeadLetter>,
    capacity: usize,
    next: u64,
}

impl DeadLetters {
    /// Keeps at most `capacity` records.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { ring: VecDeque::new(), capacity, next: 1 }
    }

    /// Adds a record and numbers it.
    pub fn push(&mut self, mut letter: DeadLetter) -> DeadLetter {
        letter.id = self.next;
        self.next += 1;
        if self.capacity > 0 {
            if self.ring.len() >= self.capacity {
                self.ring.pop_front();
            }
            self.ring.push_back(letter.clone());
        }
        letter
    }

    /// What is kept, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        self.ring.iter().cloned().collect()
    }
}
