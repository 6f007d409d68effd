//! Groups and shared names from outside.

use troupe_actor::cell::Waiter;
use troupe_actor::shard::Joined;

use super::World;
use crate::model::{CREWS, Waits};

/// Most watches of groups.
const WATCHING: usize = 4;

impl World {
    /// Somebody lets an actor join or leave a group.
    pub(super) fn group(&mut self) {
        let Some(key) = self.actor() else { return };
        let address = self.before_request(key);
        let group = self.random.pick(&CREWS);
        if self.random.permille(300) {
            let expected = self.model.lock().leave(key, group);
            let left = self.system.leave_group(address, group);
            self.model
                .lock()
                .require(left == expected, "GRP-1", || format!("#{key} was in {group}: {expected}, said: {left}"));
        } else {
            let expected = self.model.lock().join(key, group);
            let joined = self.system.join_group(address, group);
            self.model.lock().require(joined == expected, "GRP-1", || {
                format!("#{key} joins {group}: {expected:?}, said: {joined:?}")
            });
        }
        self.check(None);
    }

    /// A port watches a group, or takes that back.
    pub(super) fn watch_group(&mut self) {
        let full = self.watching.len() >= WATCHING;
        if full || (!self.watching.is_empty() && self.random.permille(300)) {
            let at = self.random.below(self.watching.len() as u32) as usize;
            let (group, waiter) = self.watching.swap_remove(at);
            self.model.lock().unwatch_group((waiter.port, waiter.slot));
            self.system.unwatch_group(group, waiter);
            return self.check(None);
        }
        let (port, _) = self.port();
        let (group, waiter) = (self.random.pick(&CREWS), Waiter { port, slot: self.slot() });
        let found = self.system.watch_group(group, waiter).unwrap_or_default();
        self.watching.push((group, waiter));
        self.model.lock().watch_group((port, waiter.slot), group, &found);
        self.check(None);
    }

    /// Somebody wants an actor that somebody else spawns: it hears when that has come up, or has gone.
    pub(super) fn share(&mut self) {
        let Some(key) = self.actor().filter(|key| self.model.lock().is_alone(*key)) else { return };
        let address = self.before_request(key);
        let (port, _) = self.port();
        let slot = self.slot();
        let joined = self.system.join_start(address, Waiter { port, slot });
        let mut model = self.model.lock();
        model.check_joined(key, joined);
        match joined {
            Joined::Starting => model.wait(port, slot, Waits::Start(key)),
            Joined::Ending => model.wait(port, slot, Waits::End(key)),
            Joined::Up | Joined::Gone => {}
        }
        drop(model);
        self.check(None);
    }
}
