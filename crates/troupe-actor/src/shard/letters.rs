//! Dead letters of a shard: what is recorded of a message that nobody handles (`DL-1`).

use std::sync::Arc;

use super::deliver::Lost;
use super::{Shard, TimerKind};
use crate::counters::LossReason;
use crate::dead_letter::Loss;
use crate::shared::Shared;

/// The first message that a full mailbox drops is told by name, then none for so long (`OVF-4`), in milliseconds.
const FIRST_DROP_EVERY_MS: u64 = 60_000;

impl Shard {
    /// Records a message that nobody handles; one for an actor of this shard with its cell.
    pub(super) fn bury(&mut self, shared: &Shared, local: Option<u32>, mut loss: Loss) {
        if loss.reason == LossReason::MailboxFull && shared.is_listened() {
            loss.first_drop = local.is_some_and(|local| self.is_first_drop(local));
        }
        if let Some(after_ms) = shared.dead_letter(loss, self.now) {
            self.set_timer(after_ms, TimerKind::Letters);
        }
    }

    /// Records messages of one actor of this shard.
    pub(super) fn bury_all(&mut self, shared: &Shared, local: u32, all: Vec<Lost>) {
        if all.is_empty() {
            return;
        }
        let (target, path) = (self.address_of(local), self.path_of(local));
        for lost in all {
            self.bury(shared, Some(local), lost.record(target, &path));
        }
    }

    fn is_first_drop(&mut self, local: u32) -> bool {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.tag != 0) else { return false };
        let rare = cell.rare_mut();
        let first = now >= rare.next_drop_line;
        if first {
            rare.next_drop_line = now + FIRST_DROP_EVERY_MS;
        }
        first
    }
}

/// A payload to be captured with its dead letter.
pub(super) fn captured(shared: &Shared, payload: &[u8]) -> Option<Arc<[u8]>> {
    shared.captures(payload.len()).then(|| Arc::from(payload))
}
