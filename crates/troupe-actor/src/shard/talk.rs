//! Conversations: two actors that answer each other one message at a time run in turns while both are
//! in the cache, instead of once each round of the run queue.
//!
//! Only actors whose last turn in the queue's own order was one message, answered to its sender, are
//! handed over to. So a queue that makes batches keeps making them.

use super::Shard;
use crate::frame;
use crate::mailbox::TurnInput;
use crate::shared::Shared;

/// Turns of one conversation in a row; then the others have theirs.
const MAX_STREAK: u32 = 32;
/// Turns of a conversation between two looks at the clock.
const LOOK_EVERY: u32 = 4;

/// The conversation that goes on.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Turns that jumped the queue, in a row.
    streak: u32,
}

impl Talk {
    /// Whether the next turn jumped the queue.
    #[inline]
    pub(super) const fn goes_on(&self) -> bool {
        self.streak != 0
    }
}

impl Shard {
    /// A turn's effects were done; the run queue had `queued` entries before. Lets the one actor that
    /// they woke run next if the two converse.
    #[inline]
    pub(super) fn converse(&mut self, shared: &Shared, local: u32, input: &TurnInput, queued: usize) {
        let streak = std::mem::take(&mut self.talk.streak);
        let woken = if self.run_queue.len() == queued + 1 { self.run_queue.back().copied() } else { None };
        let answered = input.count == 1 && woken.is_some() && woken == self.sender_of(input);
        if streak == 0
            && let Some(cell) = self.cells.get_mut(local as usize)
        {
            cell.answers = answered;
        }
        let Some(woken) = woken.filter(|_| input.count == 1 && queued > 0 && streak < MAX_STREAK) else { return };
        // Two slow ones would keep the others waiting for a multiple of a turn's time.
        if streak % LOOK_EVERY == LOOK_EVERY - 1 && shared.clock.now_ms() > self.now.saturating_add(1) {
            return;
        }
        if self.cells.get(woken as usize).is_some_and(|cell| cell.answers) {
            self.run_queue.pop_back();
            self.run_queue.push_front(woken);
            self.talk.streak = streak + 1;
        }
    }

    /// The cell of the actor on this shard that sent the turn's first message.
    #[inline]
    fn sender_of(&self, input: &TurnInput) -> Option<u32> {
        let sender = frame::read(input.frames(), 0)?.address.index;
        (self.owner(sender) == self.index).then(|| self.local(sender))
    }
}
