//! Looking ahead: from some ten thousand actors on, cache misses are the cost of a message. What lies
//! ahead is read here for no other reason than to have it in the cache, several misses at a time.

use std::hint::black_box;

use super::Shard;
use crate::frame::Frames;
use crate::record;

/// Messages that are looked at together.
pub(super) const GROUP: usize = 8;
/// Cells of a shard that its caches hold anyway.
const CACHED_CELLS: usize = 8192;
/// How many turns ahead of its own an actor's cell is read.
const CELL_AHEAD: usize = 9;
/// How many turns ahead of its own an actor's behavior is asked for.
const BEHAVIOR_AHEAD: usize = 5;
/// How many turns ahead its messages, and what lies behind the behavior, are asked for.
const DEEP_AHEAD: usize = 2;

impl Shard {
    /// Overlaps the cache misses of the next turns with the turns before.
    #[inline]
    pub(super) fn look_at_next_turns(&self) {
        if self.run_queue.len() <= BEHAVIOR_AHEAD {
            return;
        }
        let cell = |ahead: usize| self.cells.get(*self.run_queue.get(ahead)? as usize);
        if self.cells.len() > CACHED_CELLS
            && let Some(cell) = cell(CELL_AHEAD)
        {
            cell.touch();
        }
        if let Some(behavior) = cell(BEHAVIOR_AHEAD).and_then(|cell| cell.behavior.as_deref()) {
            behavior.prefetch();
        }
        if let Some(cell) = cell(DEEP_AHEAD)
            && let Some(behavior) = cell.behavior.as_deref()
        {
            behavior.prefetch_deep(cell.mailbox.next_bytes());
        }
    }

    /// Looks at the targets of the next effects of a turn.
    #[inline]
    pub(super) fn look_at_effects(&self, effects: Frames<'_>) {
        if self.cells.len() > CACHED_CELLS {
            self.look_at(effects.take(GROUP).map(|frame| frame.address.index));
        }
    }

    /// Looks at the targets of the next records of an inbox.
    #[inline]
    pub(super) fn look_at_records(&self, records: &[u8], at: usize) {
        if self.cells.len() > CACHED_CELLS {
            let mut at = at;
            let next = std::iter::from_fn(move || {
                let record = record::read(records, at)?;
                at += record.encoded_len();
                Some(record.target.index)
            });
            self.look_at(next.take(GROUP));
        }
    }

    /// First all cells, then all mailboxes: the misses of one kind do not wait for each other.
    #[inline]
    fn look_at(&self, targets: impl Iterator<Item = u32>) {
        let mut found = [u32::MAX; GROUP];
        for (place, index) in found.iter_mut().zip(targets) {
            if self.owner(index) == self.index {
                *place = self.local(index);
                if let Some(cell) = self.cells.get(*place as usize) {
                    cell.touch();
                }
            }
        }
        for cell in found.iter().filter_map(|local| self.cells.get(*local as usize)) {
            black_box(cell.mailbox.last_byte());
        }
    }
}
