//! Timers that are set from outside, through a reference.

use troupe_actor::timer::{TimerError, TimerOrder};

use super::World;
use crate::model::{Kind, Party, State};
use crate::script::timers::{FIRST_KEY, delay, repeat};

/// Names of timers of a run.
const TIMER_NAMES: [&str; 2] = ["one", "other"];

impl World {
    /// Somebody sets a timer for an actor's place.
    pub(super) fn set_timer(&mut self) {
        let Some(key) = self.actor() else { return };
        let address = self.before_request(key);
        let (port, me) = self.port();
        let (delay_ms, repeat) = (delay(&mut self.random), repeat(&mut self.random));
        let name = self.random.permille(400).then(|| self.random.pick(&TIMER_NAMES));
        let hops = self.random.below(self.profile.hops + 1).saturating_sub(1);
        let mut model = self.model.lock();
        let id = model.timer(key, 0, repeat);
        model.timers[id].name = name;
        let (message, payload) = model.message(Party::Port(port), 0, address, Kind::Tick(id), hops);
        model.timers[id].message = Some(message);
        model.arrive(message);
        drop(model);
        let order = TimerOrder { delay_ms, repeat, payload: &payload };
        let set = self.system.set_timer(address, me, &order, name);
        let mut model = self.model.lock();
        model.note(|| format!("timer {id} of #{key}: {set:?}"));
        match set {
            Ok(number) => model.place_timer(id, number, delay_ms),
            Err(TimerError::Ended) => {
                let told = matches!(model.messages[message].state, State::Lost(_));
                model.require(told, "TMR-1", || format!("#{key} has ended, and nobody hears of its timer {id}"));
            }
            Err(error) => {
                let max = model.actors[key].traits.mailbox;
                let right = payload.len() > max.max_payload as usize || max.max_bytes < (1 << 20);
                model.require(right, "TMR-5", || format!("timer {id} of #{key} is refused: {error}"));
                model.unsend(message);
            }
        }
        drop(model);
        self.check(None);
    }

    /// Somebody takes a timer of an actor's place back; seldom one that is over.
    pub(super) fn cancel_timer(&mut self) {
        let count = self.model.lock().timers.len() as u32;
        if count == 0 {
            return self.set_timer();
        }
        let first = self.random.below(count) as usize;
        let found = {
            let model = self.model.lock();
            let mut after = (first..count as usize).chain(0..first);
            after.find(|id| model.timers[*id].message.is_some() && model.timers[*id].number != 0)
        };
        if let Some(id) = found {
            self.take_timer_back(id);
        }
    }

    fn take_timer_back(&mut self, id: usize) {
        let timer = self.model.lock().timers[id];
        let address = self.before_request(timer.key);
        // Whoever ends lets go of what falls due.
        let ends = {
            let actor = &self.model.lock().actors[timer.key];
            !actor.is_live() || actor.ending.is_some() || actor.killed
        };
        let expected = self.model.lock().disarm(id);
        let taken = self.system.cancel_timer(address, timer.number);
        let mut model = self.model.lock();
        model.require(taken == expected || ends, "TMR-2", || {
            format!("timer {id} of #{}, {timer:?}, can be taken back: {expected}, said: {taken}", timer.key)
        });
        drop(model);
        self.check(None);
    }

    /// An environment sets a timer for the life of an actor that it runs, or takes it back.
    pub(super) fn set_own_timer(&mut self) {
        let outside = {
            let model = self.model.lock();
            model.live.iter().copied().filter(|key| model.actors[*key].traits.external.is_some()).collect::<Vec<_>>()
        };
        if outside.is_empty() {
            return;
        }
        let key = self.random.pick(&outside);
        let address = self.before_request(key);
        let number = FIRST_KEY + self.random.below(3);
        let (delay_ms, repeat) = (delay(&mut self.random), repeat(&mut self.random));
        let cancels = self.random.permille(350);
        let mut model = self.model.lock();
        let (life, ends) = (model.actors[key].incarnation, model.actors[key].ending.is_some());
        // Seldom for a life that is over.
        let old = life > 1 && self.random.permille(150);
        let (life, up) = (life - u32::from(old), model.actors[key].is_up() && !old);
        if cancels {
            drop(model);
            let taken = self.system.cancel_own_timer(address, life, number);
            let mut model = self.model.lock();
            // One that comes up may have timers already.
            let expected = (up || taken) && model.cancel_own_timer(key, number);
            model.require((taken == expected && !(old && taken)) || ends, "TMR-2", || {
                format!("timer {number} of #{key} can be taken back: {expected}, said: {taken}")
            });
            drop(model);
            return self.check(None);
        }
        let id = model.timer(key, number, repeat);
        drop(model);
        let payload = (id as u32).to_le_bytes();
        let set = self.system.set_own_timer(address, life, number, &TimerOrder { delay_ms, repeat, payload: &payload });
        let mut model = self.model.lock();
        model.require(set.is_err() || !old, "TMR-2", || format!("timer {number} of an old life of #{key}: {set:?}"));
        model.require(set.is_ok() == up || !up, "TMR-1", || format!("timer {number} of #{key}, which is up: {set:?}"));
        if set.is_ok() {
            model.cancel_own_timer(key, number);
            model.own_timer(id, life, delay_ms);
        }
        drop(model);
        self.check(None);
    }

    /// Takes back what would tick for ever.
    pub(super) fn stop_ticking(&mut self) {
        let lasting = self.model.lock().lasting_timers();
        lasting.into_iter().for_each(|id| self.take_timer_back(id));
    }
}
