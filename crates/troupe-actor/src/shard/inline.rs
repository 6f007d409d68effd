//! Turns that a port's own thread runs: the same way as any turn, but for one ask of an idle actor.

use super::deliver::{Incoming, Wants};
use super::{Job, Outcome, Shard};
use crate::id::Address;
use crate::record;
use crate::shared::Shared;

impl Shard {
    /// Whether the actor is idle and its next turn may run on a port's thread.
    #[inline]
    #[must_use]
    pub fn can_run_inline(&self, target: Address) -> bool {
        let cell = self.cells.get(self.local(target.index) as usize);
        cell.is_some_and(|cell| {
            cell.tag == target.tag
                && cell.is_idle()
                && cell.spec.as_deref().is_some_and(|spec| spec.inline)
                && cell.behavior.as_deref().is_some_and(|behavior| behavior.runs_inline())
        })
    }

    /// Delivers one ask and takes the turn that it makes. `None` when the ask was refused.
    pub fn begin_inline(&mut self, shared: &Shared, bytes: &[u8], target: Address, slot: u32, number: u64) -> Option<Job> {
        let record = record::read(bytes, 0)?;
        let frame = record.frame;
        // The deadline is set only if the turn leaves the ask open: most never need one.
        let message = Incoming {
            target,
            sender: frame.address,
            incarnation: 0,
            corr: frame.corr,
            payload: frame.payload,
            wants: Wants::Answer(record::FOREVER),
        };
        self.deliver(shared, &message);
        let local = self.local(target.index);
        if let Some(at) = self.run_queue.iter().rposition(|queued| *queued == local) {
            self.run_queue.remove(at);
        }
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.scheduled = false;
        }
        let mut job = self.take_turn(shared, local, slot, number)?;
        job.timeout = record.word;
        Some(job)
    }

    /// Takes an inline turn back. True when the ask is settled and its completion flushed.
    pub fn commit_inline(&mut self, shared: &Shared, job: Job) -> bool {
        let local = job.local;
        let timeout = job.timeout;
        let done = matches!(job.outcome, Outcome::Done | Outcome::Crashed(_));
        let number = crate::frame::read(job.input.frames(), 0).map(|frame| frame.corr);
        self.refresh_clock(shared);
        self.commit(shared, job);
        let open = number.is_some_and(|number| {
            self.asks.get_mut(number).is_some_and(|ask| ask.target == local)
        });
        if open && let Some(number) = number {
            let deadline = self.deadline(timeout);
            self.asks.set_deadline(number, deadline);
        }
        self.flush(shared);
        done && !open
    }
}
