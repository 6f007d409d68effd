//! Somebody who listens to lives, and does at once, or late, what a hook can do: it ends the very actor that it
//! hears of, or sends it something.

use super::World;
use crate::model::Kind;

/// How often a listener acts in one run: what it sets off is heard of, too.
pub const DEEDS: u32 = 150;

impl World {
    /// Does what listeners do about what they heard since the last time.
    pub(super) fn hook(&mut self) {
        let heard = self.model.lock().take_heard();
        if self.deeds == 0 || self.profile.hooks == 0 {
            return;
        }
        for key in heard {
            if self.random.permille(self.profile.hooks) {
                if self.random.permille(300) {
                    self.overdue.push(key);
                } else {
                    self.react(key);
                }
            }
        }
        if !self.overdue.is_empty() && self.random.permille(150) {
            let at = self.random.below(self.overdue.len() as u32) as usize;
            let key = self.overdue.swap_remove(at);
            self.react(key);
        }
    }

    fn react(&mut self, key: usize) {
        self.deeds = self.deeds.saturating_sub(1);
        let grace = self.random.coin().then(|| self.random.pick::<u64>(&[0, 3, 1_000]));
        self.model.lock().note(|| format!("a listener does something about #{key}"));
        match self.random.below(10) {
            0 => self.end_actor(key, false, grace, None),
            1 => self.end_actor(key, true, grace, None),
            2 => self.kill(key),
            3 => {
                let (port, slot) = (self.port().0, self.slot());
                let drains = self.random.coin();
                self.end_actor(key, drains, grace, Some((port, slot)));
            }
            4..=6 => self.send_to(key, Kind::Tell),
            7 => {
                let wait = self.random.pick(&[0, 20, 2_000]);
                let slot = self.slot();
                self.send_to(key, Kind::Send(slot, wait));
            }
            _ => {
                let timeout = self.random.pick(&[1, 50, 5_000]);
                let slot = self.slot();
                self.send_to(key, Kind::Ask(slot, timeout));
            }
        }
    }
}
