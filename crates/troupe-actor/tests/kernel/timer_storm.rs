//! Timers under random schedules: never early, never after a cancel that said so, never of an earlier life.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use troupe_actor::frame::{Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::supervision::spec::BackoffKind;
use troupe_actor::timer::{Repeat, TimerOrder};

use crate::common::{Random, World, external};

/// What the test knows of a timer that is set.
#[derive(Clone, Copy)]
struct Known {
    id: u32,
    due: u64,
}

struct Storm {
    world: World,
    actor: Address,
    random: Random,
    life: u32,
    /// By own key, and by the number of a timer from outside.
    own: HashMap<u32, Known>,
    outside: HashMap<u32, Known>,
    cancelled: Arc<Mutex<Vec<u32>>>,
    next: u32,
    seen: u32,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let mut spec = external(&world);
        spec.restart.max_restarts = u32::MAX;
        spec.restart.backoff.kind = BackoffKind::Immediate;
        let actor = world.spawn_external(spec);
        let (own, outside) = (HashMap::new(), HashMap::new());
        let random = Random::new(seed);
        Self { world, actor, random, life: 1, own, outside, cancelled: Arc::default(), next: 0, seen: 0 }
    }

    fn now(&self) -> u64 {
        self.world.system.now_ms()
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..3 => self.set(),
            3..5 => self.cancel(),
            5..8 => {
                let ms = u64::from(self.random.below(30));
                self.world.system.advance(ms);
            }
            8 => self.world.tell(self.actor, "m"),
            _ => {}
        }
        self.serve();
    }

    fn set(&mut self) {
        let (delay_ms, key) = (self.random.below(40), self.random.below(4));
        let repeat = match self.random.below(3) {
            0 => Repeat::Once,
            1 => Repeat::Delay(1 + self.random.below(20)),
            _ => Repeat::Rate(1 + self.random.below(20)),
        };
        self.next += 1;
        let known = Known { id: self.next, due: self.now() + u64::from(delay_ms) };
        let payload = known.id.to_le_bytes();
        let order = TimerOrder { delay_ms, repeat, payload: &payload };
        let (system, me) = (&self.world.system, self.world.me);
        if self.random.below(2) == 0 {
            // What it replaces may be in the environment's hands already, as after any cancel.
            if let Some(old) = self.own.insert(key, known)
                && self.random.below(2) == 0
                && system.cancel_own_timer(self.actor, self.life, key)
            {
                self.cancelled.lock().unwrap().push(old.id);
            }
            assert_eq!(system.set_own_timer(self.actor, self.life, key, &order), Ok(()));
        } else if let Ok(number) = system.set_timer(self.actor, me, &order, None) {
            self.outside.insert(number, known);
        }
    }

    fn cancel(&mut self) {
        let system = &self.world.system;
        let key = self.random.below(4);
        if let Some(known) = self.own.get(&key).copied()
            && system.cancel_own_timer(self.actor, self.life, key)
        {
            self.cancelled.lock().unwrap().push(known.id);
            self.own.remove(&key);
        }
        let some = self.outside.iter().map(|(number, known)| (*number, *known)).min_by_key(|(number, _)| *number);
        if let Some((number, known)) = some {
            if system.cancel_timer(self.actor, number) {
                self.cancelled.lock().unwrap().push(known.id);
            }
            self.outside.remove(&number);
        }
    }

    /// The environment does some of the work that came, now and then crashing.
    fn serve(&mut self) {
        for work in self.world.work() {
            match work.kind {
                work::START => self.world.done(&work, |_| {}),
                work::TURN => {
                    work.frames().iter().for_each(|frame| self.look(frame, work.count));
                    if self.random.below(12) == 0 {
                        let lost: Vec<u32> = self.own.drain().map(|(_, known)| known.id).collect();
                        self.cancelled.lock().unwrap().extend(lost);
                        self.life += 1;
                        self.world.done(&work, |out| out.crash("Error\0oh\0\0"));
                    } else {
                        let late = u64::from(self.random.below(3)) * 7;
                        self.world.begun(&work, 0, |_| {});
                        self.world.system.advance(late);
                        self.world.done_single(&work, |out| out.consume(1));
                    }
                }
                _ => {}
            }
        }
    }

    fn look(&mut self, frame: &Frame<'_>, count: u32) {
        let payload = match frame.kind {
            kind::TIMER => &frame.payload[8..],
            kind::MESSAGE if frame.payload != b"m" => frame.payload,
            _ => return,
        };
        let id = u32::from_le_bytes(payload.try_into().unwrap());
        assert!(frame.kind != kind::TIMER || count == 1, "a tick is a turn of its own");
        assert!(!self.cancelled.lock().unwrap().contains(&id), "timer {id} was cancelled, or its life is over");
        let known = self.own.values().chain(self.outside.values()).find(|known| known.id == id);
        if let Some(known) = known {
            assert!(self.now() >= known.due, "timer {id} was early");
        }
        self.seen += 1;
    }
}

#[test]
fn no_schedule_of_setting_cancelling_crashing_and_time_brings_a_tick_that_must_not_come() {
    // TMR-2, TMR-4
    let mut seen = 0;
    for seed in 0..60 {
        let mut storm = Storm::new(seed);
        (0..300).for_each(|_| storm.step());
        seen += storm.seen;
        storm.world.system.kill(storm.actor);
        assert_eq!(storm.world.run().system.audit().census.timers, 0);
    }
    assert!(seen > 1_000, "only {seen} ticks");
}
