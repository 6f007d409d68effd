//! How a member of a pool stands, for whoever chooses among them (`QG-2`).

use super::Shard;
use crate::cell::Cell;
use crate::id::Address;
use crate::status::Status;

/// What a message to an actor would meet, from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Readiness {
    /// It has ended, or takes no more messages.
    Gone,
    /// It waits out a backoff.
    Waiting,
    /// It comes up: its mailbox takes messages.
    Coming,
    /// It handles messages, and its mailbox is full.
    Full,
    /// It handles messages, and there is room.
    Ready,
}

impl Readiness {
    fn of(cell: &Cell) -> Self {
        match cell.status() {
            _ if !cell.accepts() => Self::Gone,
            Status::Ready if cell.backlog || !cell.has_room(0) => Self::Full,
            Status::Ready => Self::Ready,
            _ if cell.running => Self::Coming,
            _ => Self::Waiting,
        }
    }
}

impl Shard {
    /// How an actor stands, and how many messages it has, in its hands and waiting.
    #[must_use]
    pub fn standing(&self, address: Address) -> (Readiness, u32) {
        let local = self.local(address.index);
        match self.cells.get(local as usize) {
            Some(cell) if cell.tag == address.tag && cell.tag != 0 => {
                (Readiness::of(cell), cell.messages() + cell.in_hand)
            }
            _ => (Readiness::Gone, 0),
        }
    }
}
