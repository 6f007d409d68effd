//! Turns that a port's own thread runs: the same way as any turn, but for one ask of an idle actor.

use super::deliver::{Incoming, Terms, Wants};
use super::{Job, Outcome, Shard};
use crate::chain::Context;
use crate::frame::{Frames, kind};
use crate::id::Address;
use crate::record::{self, Record};
use crate::shared::Shared;
use crate::system::{CrashedAsk, Inline};

impl Shard {
    /// Whether the actor is idle and its next turn may run on a port's thread.
    #[inline]
    #[must_use]
    pub fn can_run_inline(&self, target: Address) -> bool {
        let cell = self.cells.get(self.local(target.index) as usize);
        cell.is_some_and(|cell| {
            cell.tag == target.tag
                && cell.is_idle()
                && cell.spec.as_deref().is_some_and(|spec| spec.inline && spec.faults.is_none())
                && cell.behavior.as_deref().is_some_and(|behavior| behavior.runs_inline())
        })
    }

    /// Delivers one ask and takes the turn that it makes into `job`. False when the ask was refused.
    pub fn begin_inline(&mut self, shared: &Shared, record: &Record<'_>, turn: (u32, u64), job: &mut Job) -> bool {
        let frame = record.frame;
        let chained = (frame.kind == record::kind::CHAINED_ASK).then(|| Context::read(frame.payload)).flatten();
        let (terms, timeout, payload) = match &chained {
            Some((context, start)) => {
                (self.chained(record, context), record::FOREVER, frame.payload.get(*start..).unwrap_or_default())
            }
            // The deadline is set only if the turn leaves the ask open: most never need one.
            None => (Terms::until(record::NEVER), record.word, frame.payload),
        };
        let message = Incoming {
            target: record.target,
            sender: frame.address,
            incarnation: 0,
            corr: frame.corr,
            payload,
            wants: Wants::Answer(terms),
        };
        self.deliver(shared, &message);
        let local = self.local(record.target.index);
        // An idle actor was just queued: nothing else is behind it.
        if self.run_queue.back() == Some(&local) {
            self.run_queue.pop_back();
        }
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.scheduled = false;
        }
        job.timeout = timeout;
        self.take_turn(shared, local, turn, job)
    }

    /// Takes an inline turn back. An answer that the turn gave is swapped into `answer`.
    pub fn commit_inline(&mut self, shared: &Shared, job: &mut Job, answer: &mut Vec<u8>) -> Inline {
        let local = job.local;
        let timeout = job.timeout;
        let done = matches!(job.outcome, Outcome::Done | Outcome::Crashed(_));
        let number = Frames::new(job.input.frames()).find(|frame| frame.kind == kind::ASK).map(|frame| frame.corr);
        self.refresh_clock(shared);
        (self.inline.number, self.inline.timeout) = (number, timeout);
        self.commit(shared, job);
        self.inline.number = None;
        if let Some(failed) = self.inline.answered.take() {
            std::mem::swap(&mut self.inline.answer, answer);
            self.flush(shared);
            return Inline::Answered { failed };
        }
        if let Some(crashed) = self.inline.crashed.take() {
            self.flush(shared);
            return Inline::Crashed(crashed);
        }
        let open = number.filter(|number| self.asks.get_mut(*number).is_some_and(|ask| ask.target == local));
        if let Some(number) = open {
            let deadline = self.deadline(timeout);
            self.asks.set_deadline(number, deadline);
        }
        self.flush(shared);
        if done && open.is_none() { Inline::Settled } else { Inline::Pending }
    }
}

/// The ask whose turn a port's thread brings back just now, and the answer the turn gave.
#[derive(Default)]
pub(super) struct InlineAnswer {
    /// The ask's number, while its turn is committed.
    pub number: Option<u32>,
    /// Its timeout, in milliseconds.
    pub timeout: u32,
    /// Whether the answer is the guest's own error; `None` without one.
    pub answered: Option<bool>,
    /// The crash that the turn was.
    pub crashed: Option<Box<CrashedAsk>>,
    /// The answer.
    pub answer: Vec<u8>,
}
