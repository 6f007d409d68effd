//! Events of single messages and of an end that begins: told to whoever asked for them. A message of
//! an actor that nobody observes costs one look at two flags.

use super::{Job, Shard};
use crate::event::Event;
use crate::frame::Frames;
use crate::shared::Shared;

/// Whether messages can be events at all: `npm run bench -- events` measures a build in which they cannot.
pub(super) const EVENTS: bool = cfg!(not(troupe_no_events));

/// The payloads of the messages among some frames, by length; those with these numbers are left out.
fn sizes(frames: &[u8], without: &[u32]) -> Vec<u32> {
    let wanted = Frames::new(frames).zip(0..).filter(|(frame, number)| frame.is_message() && !without.contains(number));
    wanted.map(|(frame, _)| frame.message_len() as u32).collect()
}

impl Shard {
    /// The messages of a turn are about to be handled.
    #[cold]
    pub(super) fn observe_received(&self, shared: &Shared, job: &mut Job) {
        if !shared.is_listened() || job.messages == 0 {
            return;
        }
        job.observed = shared.clock.now_ns().max(1);
        shared.emit(&Event::Received(self.subject(job.local), sizes(job.input.frames(), &[])));
    }

    /// The messages of a turn up to `end` were handled, but for the frames with the numbers in `aside`.
    #[cold]
    pub(super) fn observe_processed(&self, shared: &Shared, job: &Job, end: usize, aside: &[u32]) {
        let handled = sizes(job.input.buffer.get(job.input.start..end).unwrap_or_default(), aside);
        if handled.is_empty() {
            return;
        }
        let nanos = shared.clock.now_ns().saturating_sub(job.observed);
        shared.emit(&Event::Processed(self.subject(job.local), handled, nanos));
    }

    /// Tells of a mailbox that has filled up or emptied since it was looked at last (`OVF-6`).
    #[inline]
    pub(super) fn look_at_water(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get(local as usize) else { return };
        if !self.observes_water && !cell.high {
            return;
        }
        #[cfg(troupe_planted)]
        match (cell.high, cell.is_high()) {
            (true, true) if crate::planted::is(crate::planted::Bug::WaterAgain) => {
                return self.observe_water(shared, local, true);
            }
            (true, false) if crate::planted::is(crate::planted::Bug::WaterRestless) => {
                return self.observe_water(shared, local, false);
            }
            _ => {}
        }
        let high = if cell.high { !cell.is_low() } else { cell.is_high() };
        if high != cell.high {
            self.observe_water(shared, local, high);
        }
    }

    /// A mailbox has filled up, or emptied again (`OVF-6`).
    #[cold]
    pub(super) fn observe_water(&mut self, shared: &Shared, local: u32, high: bool) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.high = high;
        let queued = cell.messages();
        let capacity = cell.spec.as_deref().map_or(0, |spec| spec.mailbox.max_messages);
        if shared.observes_water() {
            shared.emit(&Event::Water { subject: self.subject(local), high, queued, capacity });
        }
    }

    /// Whether somebody observes this very actor.
    pub(super) fn is_observed(&self, local: u32) -> bool {
        let cell = self.cells.get(local as usize);
        cell.and_then(|cell| cell.spec.as_deref()).is_some_and(|spec| spec.observed.life)
    }

    /// An observed actor begins to go down in order.
    pub(super) fn observe_stopping(&self, shared: &Shared, local: u32) {
        if shared.is_listened() && self.is_observed(local) {
            shared.emit(&Event::Stopping(self.subject(local)));
        }
    }
}
