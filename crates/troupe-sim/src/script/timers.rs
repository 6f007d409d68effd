//! What handlers do about their own timers.

use troupe_actor::frame::effect;
use troupe_actor::id::Address;
use troupe_actor::timer::Repeat;

use super::Writer;
use crate::model::{Model, TimerDeed};
use crate::random::Random;

/// The first key of a timer: no tag of an ask is as large.
pub const FIRST_KEY: u32 = 1 << 20;

/// How a timer goes on, if chance says so.
pub fn repeat(random: &mut Random) -> Repeat {
    let period = random.pick(&[1, 7, 50, 400]);
    match random.below(4) {
        0 => Repeat::Delay(period),
        1 => Repeat::Rate(period),
        _ => Repeat::Once,
    }
}

/// How long until a timer ticks for the first time, in milliseconds.
pub fn delay(random: &mut Random) -> u32 {
    random.pick(&[0, 1, 10, 100, 1_500])
}

impl Model {
    /// Sets a timer, or takes one back.
    pub(super) fn deal_with_timers(&mut self, key: usize, writer: &mut Writer) {
        // An environment sets the timers of its actors itself.
        if self.actors[key].traits.external.is_some() || !self.random.permille(self.faults.timer) {
            return;
        }
        let number = FIRST_KEY + self.random.below(3);
        if self.random.permille(350) {
            writer.deed.timers.push(TimerDeed::Cancel(number));
            return writer.push(effect::CANCEL_TIMER, 0, number, Address::NONE, &[]);
        }
        let (delay, repeat) = (delay(&mut self.random), repeat(&mut self.random));
        let id = self.timer(key, number, repeat);
        writer.deed.timers.push(TimerDeed::Set(id, delay));
        let (period, mode) = match repeat {
            Repeat::Once => (0, 0),
            Repeat::Delay(period) => (period, 1),
            Repeat::Rate(period) => (period, 2),
        };
        let words = [delay, period, mode, id as u32];
        let payload: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        writer.push(effect::SET_TIMER, 0, number, Address::NONE, &payload);
    }
}
