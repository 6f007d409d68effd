//! A system without threads of its own, and shuttle's threads around it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, Runner};
use troupe_actor::ask::AskError;
use troupe_actor::clock::Clock;
use troupe_actor::event::Event;
use troupe_actor::frame::{self, Frame, kind};
use troupe_actor::groups::Member;
use troupe_actor::id::Address;
use troupe_actor::port::{COMPLETION_BYTES, Port};
use troupe_actor::reason::{Crash, ExitReason, StartError};
use troupe_actor::record::{self, FLAG_CONFIRM, Record};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::system::{ActorSystem, SystemConfig};
use troupe_actor::ticker::Ticker;
use troupe_actor::topics::NoTopics;
use troupe_actor::tree::spec::TreeError;

/// A stack of a thread in a model, in bytes.
const STACK: usize = 256 * 1024;
/// Steps after which a schedule has somebody waiting in vain.
const MAX_STEPS: usize = 100_000;
/// How often a schedule by priorities changes them.
const CHANGES: usize = 4;

/// Runs `test` under so many schedules, half of them random.
pub fn explore(schedules: usize, test: impl Fn() + Send + Sync + Copy + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = shuttle::MaxSteps::FailAfter(MAX_STEPS);
    Runner::new(RandomScheduler::new(schedules / 2), config.clone()).run(test);
    Runner::new(PctScheduler::new(CHANGES, schedules / 2), config).run(test);
}

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Value(Vec<u8>),
    Failed(u32),
}

/// Notes what is told; whoever is told twice fails the test.
#[derive(Default)]
struct Ear(Mutex<HashMap<u32, Heard>>);

impl Ear {
    fn hear(&self, slot: u32, what: Heard) {
        let before = self.0.lock().unwrap().insert(slot, what.clone());
        assert_eq!(before, None, "slot {slot} was told twice, now {what:?}");
    }
}

impl Port for Ear {
    fn deliver(&self, completions: &[u8]) {
        let mut at = 0;
        while at < completions.len() {
            let word = |index: usize| frame::word(completions, at + 4 * index).unwrap();
            let (len, slot, status) = (word(0) as usize, word(1), word(2));
            let start = at + COMPLETION_BYTES;
            let payload = completions[start..start + len].to_vec();
            self.hear(slot, if status == 0 { Heard::Value(payload) } else { Heard::Failed(status) });
            at = start + frame::padded(len);
        }
    }

    fn fail(&self, slot: u32, error: AskError, _: &str, _: &Crash) {
        self.hear(slot, Heard::Failed(error as u32));
    }

    fn started(&self, _: u32, _: Result<(), &StartError>) {}

    fn ended(&self, _: u32, _: &ExitReason, _: u32) {}

    fn supervised(&self, _: u32, _: Result<(), &TreeError>) {}

    fn group_changed(&self, _: u32, _: &Member, _: bool) {}

    fn event(&self, _: &Event) {}

    fn listens(&self) -> bool {
        false
    }
}

/// The system and what the test's threads share.
pub struct Stage {
    pub system: ActorSystem,
    ear: Arc<Ear>,
    me: Address,
    slots: AtomicU32,
    over: AtomicBool,
}

/// It drives nothing here, but a system has one.
fn ticker() -> Arc<Ticker> {
    static TICKER: OnceLock<Arc<Ticker>> = OnceLock::new();
    Arc::clone(TICKER.get_or_init(|| Arc::new(Ticker::new().unwrap())))
}

impl Stage {
    pub fn new(shards: u32) -> Arc<Self> {
        let clock = Clock::Manual(Arc::new(AtomicU64::new(1_000)));
        let config = SystemConfig {
            shards,
            spare_threads: 0,
            dead_letters: 10,
            captured_bytes: 0,
            seed: 7,
            clock,
            topics: Arc::new(NoTopics),
            unheard_letters: false,
        };
        let system = ActorSystem::manual(&config, ticker());
        let ear = Arc::new(Ear::default());
        let index = system.attach(Arc::clone(&ear) as Arc<dyn Port>);
        let me = Address { index: index | Address::PORT, tag: 0 };
        Arc::new(Self { system, ear, me, slots: AtomicU32::new(1), over: AtomicBool::new(false) })
    }

    /// Spawns an actor, which comes up on this thread.
    pub fn spawn(&self, spec: ActorSpec) -> Address {
        self.system.spawn(&Arc::new(spec), SpawnArgs::default(), None).unwrap().address
    }

    pub fn slot(&self) -> u32 {
        self.slots.fetch_add(1, Ordering::SeqCst)
    }

    fn inject(&self, to: Address, (kind, flags): (u16, u16), word: u32, slot: u32, payload: &[u8]) {
        let mut bytes = Vec::new();
        let frame = Frame { kind, flags, corr: slot, address: self.me, payload };
        Record { target: to, word, frame }.write_to(&mut bytes);
        self.system.inject(&bytes);
    }

    pub fn ask(&self, to: Address, slot: u32, payload: &str, timeout_ms: u32) {
        self.inject(to, (kind::ASK, 0), timeout_ms, slot, payload.as_bytes());
    }

    pub fn abort(&self, to: Address, slot: u32) {
        self.inject(to, (record::kind::ABORT, 0), 0, slot, &[]);
    }

    pub fn send(&self, to: Address, slot: u32) {
        self.inject(to, (kind::MESSAGE, FLAG_CONFIRM), 0, slot, b"x");
    }

    pub fn advance(&self, ms: u64) {
        self.system.advance(ms);
    }

    /// A worker for each shard, which sleeps while there is nothing to do.
    pub fn work(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let one = |shard: usize| {
            let stage = Arc::clone(self);
            thread::spawn(move || stage.drive(shard))
        };
        (0..self.system.shards().len()).map(one).collect()
    }

    fn drive(&self, shard: usize) {
        let handle = &self.system.shards()[shard];
        handle.gate.install_worker();
        while !self.over.load(Ordering::SeqCst) {
            self.system.run_until_idle();
            let due = handle.state.lock().next_due();
            handle.gate.sleep(1, None, || {
                self.over.load(Ordering::SeqCst)
                    || due.is_some_and(|due| due <= self.system.shared().clock.now_ms())
                    || handle.state.try_lock().is_none_or(|shard| shard.has_work() || shard.next_due() != due)
            });
        }
    }

    /// Waits until nothing is left to do, then ends the workers and looks at what is left.
    pub fn end(&self, workers: Vec<JoinHandle<()>>) {
        // What is under way comes to its end without further help: nobody sleeps over it.
        while self.system.is_busy() {
            thread::yield_now();
        }
        self.over.store(true, Ordering::SeqCst);
        for handle in self.system.shards() {
            handle.gate.unpark();
        }
        for worker in workers {
            worker.join().unwrap();
        }
        // Whatever still has a deadline.
        self.system.advance(10_000);
        self.system.run_until_idle();
        let audit = self.system.audit();
        assert!(audit.is_balanced(), "{audit:?}");
        assert_eq!((audit.census.queued, audit.census.in_hand), (0, 0));
        let open: usize = self.system.shards().iter().map(|handle| handle.state.lock().open_asks()).sum();
        assert_eq!(open, 0, "an ask was left in a table");
        let heard = self.ear.0.lock().unwrap().len() as u32;
        assert_eq!(heard, self.slots.load(Ordering::SeqCst) - 1, "somebody never heard");
    }

    /// A slot heard one of these.
    pub fn heard_one_of(&self, slot: u32, all: &[Heard]) {
        let heard = self.ear.0.lock().unwrap().get(&slot).cloned().unwrap();
        assert!(all.contains(&heard), "slot {slot} heard {heard:?}");
    }
}
