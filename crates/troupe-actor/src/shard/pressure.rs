//! What is done with a turn before it is given out, for actors that ask for it: a frame in front says how
//! full the mailbox is (`OVF-6`), and a test lets the turn fail.

use super::{Job, Shard, Work};
use crate::cell::Cell;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::mailbox::TurnInput;

/// Makes the turn crash, if a test wants one of its messages to.
fn inject(cell: &Cell, job: &mut Job) {
    let Some(faults) = cell.spec.as_deref().and_then(|spec| spec.faults.as_deref()) else { return };
    let failed = cell.rare.as_deref().map_or(0, |rare| rare.counters.failed);
    if let Some(crash) = faults.of_turn(cell.handled + failed, job.messages) {
        job.work = Work::Fail(Box::new(crash));
    }
}

/// The payload of the frame, and whether the mailbox is at its high-water mark, with the turn that was just taken.
fn pressure(cell: &Cell, job: &Job) -> Option<([u8; 16], bool)> {
    let limits = cell.spec.as_deref().filter(|spec| spec.pressure)?.mailbox;
    let rare = cell.rare.as_deref();
    let answers = rare.map_or(0, |rare| rare.queued_answers);
    let (aside, aside_bytes) = rare.map_or((0, 0), |rare| (rare.stash.len(), rare.stash.frames().len()));
    #[cfg(troupe_planted)]
    let aside = if crate::planted::is(crate::planted::Bug::PressureWithoutStash) { 0 } else { aside };
    let messages = cell.mailbox.len().saturating_sub(answers) + aside + job.messages;
    #[cfg(troupe_planted)]
    let messages =
        messages - if crate::planted::is(crate::planted::Bug::PressureWithoutTurn) { job.messages } else { 0 };
    let bytes = cell.mailbox.bytes() + aside_bytes + job.input.frames().len();
    let high = cell.backlog
        || u64::from(messages) * 5 >= u64::from(limits.max_messages) * 4
        || bytes.saturating_mul(5) >= limits.max_bytes.saturating_mul(4);
    let mut payload = [0; 16];
    let clamp = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
    let words = [messages, clamp(bytes), limits.max_messages, clamp(limits.max_bytes)];
    for (slot, word) in payload.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    Some((payload, high))
}

impl Shard {
    /// Prepares a turn that was taken and is about to be given out.
    #[cold]
    pub(super) fn prepare_turn(&mut self, job: &mut Job) {
        let Some(cell) = self.cells.get(job.local as usize) else { return };
        inject(cell, job);
        if matches!(job.work, Work::Turn)
            && let Some((payload, high)) = pressure(cell, job)
        {
            let flags = if high { frame::FLAG_HIGH } else { 0 };
            self.put_in_turn(job, flags, &payload);
        }
    }

    /// Puts the frame in front: it is one of the turn's frames from now on, until the turn is given back.
    fn put_in_turn(&mut self, job: &mut Job, flags: u16, payload: &[u8]) {
        let mut buffer = self.pool.take();
        Frame { kind: frame::kind::PRESSURE, flags, corr: 0, address: Address::NONE, payload }.write_to(&mut buffer);
        let front = buffer.len();
        let TurnInput { buffer: turn, start, end, count } = std::mem::take(&mut job.input);
        buffer.extend_from_slice(turn.get(start..).unwrap_or_default());
        self.pool.give(turn);
        job.input = TurnInput { buffer, start: 0, end: front + end - start, count: count + 1 };
    }
}
