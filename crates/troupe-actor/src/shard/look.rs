//! Looking after actors: handlers that run for long, and messages that wait for long (`OBS-4`). Every
//! cell is looked at from time to time while there is something to do, so that a message pays for
//! nothing but the note of when its turn began.

use std::collections::HashMap;

use super::Shard;
use crate::cell::Cell;
use crate::event::Event;
use crate::shared::Shared;

/// Between two looks at a cell, in milliseconds: that late a warning may come.
const LOOK_EVERY_MS: u64 = 250;
/// Most cells that are looked at in one go: the lock is held meanwhile.
const LOOK_CELLS: usize = 4096;

/// What is long, in milliseconds; `u64::MAX` for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A handler has run for so long.
    pub handler_ms: u64,
    /// A message has waited for so long.
    pub queued_ms: u64,
}

impl Patience {
    /// Nothing is ever long.
    pub const ENDLESS: Self = Self { handler_ms: u64::MAX, queued_ms: u64::MAX };
}

/// What the looks of a shard have found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// When the next look begins, in milliseconds of the shard's clock.
    next: u64,
    /// The cell that a look goes on with; 0 when none is under way.
    cursor: usize,
    /// The driver sleeps, and nothing wakes it for the next look.
    unwatched: bool,
    /// The driver sleeps, and wakes for the next look.
    watched: bool,
    /// Runs that a warning was given for: tag, and when they began.
    long: HashMap<u32, (u64, u64)>,
    /// Queues that were not empty, by cell.
    queues: HashMap<u32, Queue>,
}

/// A queue as it was when everything in it was last seen to have left.
#[derive(Clone, Copy, Debug)]
struct Queue {
    tag: u64,
    /// When that was.
    since: u64,
    /// Messages that had left it by then.
    left: u64,
    /// Messages that were in it.
    held: u64,
    /// Some of them wait for long.
    old: bool,
    /// That was said, or what came before was old too.
    told: bool,
}

impl Shard {
    /// Looks at some cells, if it is time.
    #[inline]
    pub fn look(&mut self, shared: &Shared) {
        (self.look.unwatched, self.look.watched) = (false, false);
        if self.now >= self.look.next {
            self.look_at_cells(shared);
        }
    }

    /// The driver is about to sleep: when it has to wake for the next look, if for one at all.
    pub fn next_look(&mut self, shared: &Shared) -> Option<u64> {
        let wanted = shared.patience() != Patience::ENDLESS && self.is_busy();
        (self.look.unwatched, self.look.watched) = (!wanted, wanted);
        wanted.then_some(self.look.next)
    }

    /// Whether a look is due that the driver was to wake for.
    #[must_use]
    pub const fn is_look_due(&self, now: u64) -> bool {
        self.look.watched && now >= self.look.next
    }

    /// Whether something was begun that the sleeping driver would not look at.
    #[inline]
    #[must_use]
    pub const fn is_unwatched(&self) -> bool {
        self.look.unwatched && self.running != 0
    }

    #[cold]
    fn look_at_cells(&mut self, shared: &Shared) {
        let patience = shared.patience();
        let end = self.cells.len().min(self.look.cursor + LOOK_CELLS);
        if patience != Patience::ENDLESS && shared.is_listened() {
            for local in self.look.cursor..end {
                self.look_at_cell(shared, patience, local as u32);
            }
        }
        self.look.cursor = if end < self.cells.len() { end } else { 0 };
        if self.look.cursor == 0 {
            self.look.next = self.now.saturating_add(LOOK_EVERY_MS);
        }
    }

    fn look_at_cell(&mut self, shared: &Shared, patience: Patience, local: u32) {
        let now = self.now;
        let Some(cell) = self.cells.get(local as usize) else { return };
        let run = (cell.tag, cell.began);
        let ran_ms = if cell.running && cell.in_hand > 0 { now.saturating_sub(cell.began) } else { 0 };
        let long = ran_ms >= patience.handler_ms && self.look.long.get(&local) != Some(&run);
        if long {
            self.look.long.insert(local, run);
        } else if !cell.running {
            self.look.long.remove(&local);
        }
        let waited_ms = self.look.queue(cell, local, now, patience.queued_ms);
        let queued = cell.messages();
        if long {
            shared.emit(&Event::LongHandler(self.subject(local), ran_ms));
        }
        if let Some(waited_ms) = waited_ms {
            shared.emit(&Event::QueueAge { subject: self.subject(local), queued, waited_ms });
        }
    }
}

impl Look {
    /// How long at least the oldest message of a queue has waited, if that is long and was not said.
    ///
    /// Messages leave in order: as long as fewer have left than there were at a moment, the last one
    /// of that moment is still there.
    fn queue(&mut self, cell: &Cell, local: u32, now: u64, long_ms: u64) -> Option<u64> {
        let held = u64::from(cell.messages());
        if held == 0 {
            self.queues.remove(&local);
            return None;
        }
        let left = cell.accepted.saturating_sub(held);
        let fresh = Queue { tag: cell.tag, since: now, left, held, old: false, told: false };
        let queue = self.queues.entry(local).or_insert(fresh);
        if queue.tag != cell.tag {
            *queue = fresh;
        }
        if left.saturating_sub(queue.left) >= queue.held {
            // What was old goes on being old until a whole queue has left in time.
            *queue = Queue { told: queue.told && queue.old, ..fresh };
            return None;
        }
        let waited_ms = now.saturating_sub(queue.since);
        if waited_ms < long_ms {
            return None;
        }
        queue.old = true;
        (!std::mem::replace(&mut queue.told, true)).then_some(waited_ms)
    }
}
