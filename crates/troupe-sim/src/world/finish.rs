//! The end of a run: everything comes to rest, or is shut down in the middle of it; nothing is left.

use troupe_actor::cell::Waiter;

use super::World;
use crate::model::{Violation, Waits};

/// Rounds until everything must be at rest.
const PATIENCE: u32 = 20_000;

impl World {
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        if !self.profile.rude_end {
            self.come_to_rest()?;
            self.model.lock().check_rest();
            self.verdict()?;
        }
        self.shut_down();
        self.verdict()?;
        for _ in 0..PATIENCE {
            while self.round() {}
            self.verdict()?;
            if self.system.audit().live == 0 {
                break;
            }
            let Some(due) = self.system.next_due() else { break };
            self.advance(due.max(self.now()));
        }
        for shard in 0..self.profile.shards as usize {
            self.inbox(shard);
            self.flush(shard);
        }
        while self.round() {}
        self.verdict()?;
        let audit = self.system.audit();
        let busy = self.system.is_busy();
        let mut model = self.model.lock();
        model.check_end(&audit);
        model.require(!busy, "OBS-3", || "something is left to do".to_owned());
        drop(model);
        self.verdict()
    }

    /// Lets everything that is under way end; what hangs goes on.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        (self.profile.faults.hang, self.deeds) = (0, 0);
        self.model.lock().faults.timer = 0;
        self.stop_ticking();
        for held in self.threads.iter_mut().filter_map(|thread| thread.held.as_mut()) {
            held.hangs = false;
        }
        for _ in 0..PATIENCE {
            while self.round() {}
            self.verdict()?;
            // Who is probed never comes to rest, nor does who ticks.
            while let Some(key) = self.restless() {
                self.end_actor(key, true, None, None);
                while self.round() {}
                self.verdict()?;
            }
            let Some(due) = self.system.next_due() else { return Ok(()) };
            self.advance(due.max(self.now()));
        }
        self.model.lock().fail("SUP-0", "the system does not come to rest");
        self.verdict()
    }

    fn restless(&self) -> Option<usize> {
        let model = self.model.lock();
        model.probed().or_else(|| model.ticking())
    }

    fn shut_down(&mut self) {
        let deadline = self.random.pick::<u64>(&[0, 10, 500, 25_000]);
        self.deeds = 0;
        let slot = self.slot();
        self.deliver_all();
        let mut model = self.model.lock();
        model.note(|| format!("shutdown within {deadline} ms"));
        model.wait(0, slot, Waits::Shutdown);
        model.shut_down(deadline);
        drop(model);
        self.system.shutdown(deadline, Waiter { port: 0, slot });
        self.check(None);
    }
}
