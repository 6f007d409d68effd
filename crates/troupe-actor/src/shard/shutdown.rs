//! The end of a system (`SHUT-1`): the tree ends its actors in order, each after its queue; when the
//! time for that is over, those left are stopped; at the deadline they are killed.

use super::{EndRequest, Shard, TimerKind};
use crate::event::Event;
use crate::shared::Shared;

/// How many actors a report of a late phase names.
const NAMED: usize = 20;

impl Shard {
    /// Divides the time of a shutdown: three fifths for queues, the rest for stopping.
    pub(crate) fn set_deadline(&mut self, deadline_ms: u64) {
        self.set_timer(deadline_ms / 5 * 3, TimerKind::Drained);
        self.set_timer(deadline_ms, TimerKind::Shutdown);
    }

    /// Stops whoever still works off its queue.
    pub(super) fn stop_all(&mut self, shared: &Shared) {
        self.tell_overrun(shared, "drain");
        shared.set_draining(false);
        for local in self.occupied() {
            let address = self.address_of(local);
            self.end(shared, address, EndRequest { drain: false, grace_ms: u64::MAX, waiter: None });
        }
    }

    /// Kills whoever is left.
    pub(super) fn kill_all(&mut self, shared: &Shared) {
        self.tell_overrun(shared, "stop");
        for local in self.occupied() {
            self.kill_local(shared, local);
        }
    }

    fn occupied(&self) -> Vec<u32> {
        let all = self.cells.iter().enumerate().filter(|(_, cell)| cell.tag != 0);
        all.map(|(local, _)| local as u32).collect()
    }

    /// Names the actors that a phase leaves behind (`SHUT-2`).
    fn tell_overrun(&self, shared: &Shared, phase: &str) {
        let left = self.occupied();
        if left.is_empty() || !shared.is_listened() {
            return;
        }
        let names: Vec<String> = left.iter().take(NAMED).map(|local| self.path_of(*local).to_string()).collect();
        let more = left.len().saturating_sub(NAMED);
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("the time to {phase} is over, not finished: {}{and}", names.join(", "));
        shared.emit(&Event::Host { name: "shutdown-overrun", text });
    }
}
