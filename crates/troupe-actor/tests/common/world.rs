//! A system, a port and a clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use troupe_actor::ask::AskError;
use troupe_actor::cell::Waiter;
use troupe_actor::chain::Context;
use troupe_actor::clock::Clock;
use troupe_actor::frame::{Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::port::Port;
use troupe_actor::record::{FLAG_CONFIRM, FOREVER, Record};
use troupe_actor::shard::{ActorStatus, EndRequest};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::system::{ActorSystem, Inline, SystemConfig};
use troupe_actor::ticker::Ticker;

use super::port::{Settled, TestPort};
use super::topics::NaiveTopics;

/// A system with one port; its end checks that nothing was lost.
pub struct World {
    pub system: ActorSystem,
    pub port: Arc<TestPort>,
    pub now: Arc<AtomicU64>,
    /// The port's address.
    pub me: Address,
    index: u32,
    slots: AtomicU32,
    expected: Mutex<Vec<u32>>,
    threaded: bool,
}

fn config(shards: u32, spare_threads: usize, clock: Clock) -> SystemConfig {
    let topics = Arc::new(NaiveTopics::new(shards));
    SystemConfig {
        shards,
        spare_threads,
        dead_letters: 100,
        captured_bytes: 0,
        seed: 7,
        clock,
        topics,
        unheard_letters: false,
    }
}

/// One ticker for all tests that do not look at it.
pub fn ticker() -> Arc<Ticker> {
    static TICKER: OnceLock<Arc<Ticker>> = OnceLock::new();
    Arc::clone(TICKER.get_or_init(|| Arc::new(Ticker::new().unwrap())))
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// One shard on this thread, in virtual time.
    pub fn new() -> Self {
        Self::sharded(1)
    }

    /// Several shards on this thread, in virtual time.
    pub fn sharded(shards: u32) -> Self {
        let now = Arc::new(AtomicU64::new(1_000));
        let clock = Clock::Manual(Arc::clone(&now));
        let config = config(shards, 0, clock);
        Self::around(ActorSystem::manual(&config, ticker()), now, false)
    }

    /// Real workers, real time.
    pub fn threaded(shards: u32, spare_threads: usize) -> Self {
        let config = config(shards, spare_threads, Clock::monotonic());
        Self::around(ActorSystem::new(&config, ticker()).unwrap(), Arc::default(), true)
    }

    /// Real workers, virtual time.
    pub fn paced(shards: u32) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Clock::Manual(Arc::clone(&now));
        let config = config(shards, 2, clock);
        Self::around(ActorSystem::new(&config, ticker()).unwrap(), now, true)
    }

    /// Waits until nothing is left to do at this time; with threads.
    pub fn wait_for_quiet(&self) {
        let slot = self.slot();
        self.system.when_quiet(self.waiter(slot));
        self.port.wait_for(slot);
    }

    /// A system that is made as the test says.
    pub fn with(change: impl FnOnce(&mut SystemConfig)) -> Self {
        let now = Arc::new(AtomicU64::new(1_000));
        let mut config = config(1, 0, Clock::Manual(Arc::clone(&now)));
        change(&mut config);
        Self::around(ActorSystem::manual(&config, ticker()), now, false)
    }

    fn around(system: ActorSystem, now: Arc<AtomicU64>, threaded: bool) -> Self {
        let port = Arc::new(TestPort::default());
        let index = system.attach(Arc::clone(&port) as Arc<dyn Port>);
        let me = Address { index: index | Address::PORT, tag: 0 };
        Self { system, port, now, me, index, slots: AtomicU32::new(1), expected: Mutex::default(), threaded }
    }

    /// Wants events from now on.
    pub fn listen(&self) -> &Self {
        self.system.shared().listen(true);
        self
    }

    pub fn slot(&self) -> u32 {
        self.slots.fetch_add(1, Ordering::Relaxed)
    }

    /// A slot that must be settled in the end.
    pub(super) fn expect(&self) -> u32 {
        let slot = self.slot();
        self.expected.lock().push(slot);
        slot
    }

    pub fn waiter(&self, slot: u32) -> Waiter {
        Waiter { port: self.index, slot }
    }

    /// Spawns an actor and runs until it is up.
    pub fn spawn(&self, spec: ActorSpec) -> Address {
        self.spawn_args(&Arc::new(spec), SpawnArgs::default())
    }

    pub fn spawn_named(&self, name: &str, spec: ActorSpec) -> Address {
        self.spawn_args(&Arc::new(spec), SpawnArgs { name: Some(Arc::from(name)), ..SpawnArgs::default() })
    }

    pub fn spawn_args(&self, spec: &Arc<ActorSpec>, args: SpawnArgs) -> Address {
        let (address, slot) = self.spawn_waiting(spec, args);
        if let Some(slot) = slot {
            assert_eq!(self.wait(slot), Settled::Started);
        }
        address
    }

    /// Spawns; the slot hears of the start unless the actor is up already.
    pub fn spawn_waiting(&self, spec: &Arc<ActorSpec>, args: SpawnArgs) -> (Address, Option<u32>) {
        let slot = self.slot();
        let spawned = self.system.spawn(spec, args, Some(self.waiter(slot))).unwrap();
        (spawned.address, (!spawned.ready).then_some(slot))
    }

    fn record(&self, to: Address, (kind, flags): (u16, u16), word: u32, slot: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame { kind, flags, corr: slot, address: self.me, payload };
        Record { target: to, word, frame }.write_to(&mut bytes);
        bytes
    }

    /// Tells from the port.
    pub fn tell(&self, to: Address, payload: impl AsRef<[u8]>) {
        let record = self.record(to, (kind::MESSAGE, 0), FOREVER, 0, payload.as_ref());
        assert_eq!(self.system.inject(&record), record.len());
    }

    /// Tells several messages in one batch.
    pub fn tell_all(&self, to: Address, payloads: &[&str]) {
        let records: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| self.record(to, (kind::MESSAGE, 0), FOREVER, 0, payload.as_bytes()))
            .collect();
        assert_eq!(self.system.inject(&records), records.len());
    }

    /// Sends from the port, waiting for room at most `wait_ms`.
    pub fn send(&self, to: Address, payload: impl AsRef<[u8]>, wait_ms: u32) -> u32 {
        let slot = self.expect();
        let record = self.record(to, (kind::MESSAGE, FLAG_CONFIRM), wait_ms, slot, payload.as_ref());
        self.system.inject(&record);
        slot
    }

    /// Asks from the port.
    pub fn ask(&self, to: Address, payload: impl AsRef<[u8]>, timeout_ms: u32) -> u32 {
        let slot = self.expect();
        let record = self.record(to, (kind::ASK, 0), timeout_ms, slot, payload.as_ref());
        self.system.inject(&record);
        slot
    }

    /// Gives asks of the port up, all in one batch.
    pub fn abort_all(&self, to: Address, slots: &[u32]) {
        let kind = troupe_actor::record::kind::ABORT;
        let records: Vec<u8> = slots.iter().flat_map(|slot| self.record(to, (kind, 0), 0, *slot, &[])).collect();
        assert_eq!(self.system.inject(&records), records.len());
    }

    /// The record of an ask that an environment makes on behalf of a request of an actor it runs.
    pub fn ask_within(&self, to: Address, payload: &str, timeout_ms: u32, context: &Context) -> (u32, Vec<u8>) {
        let slot = self.expect();
        let mut bytes = Vec::new();
        context.write_to(&mut bytes);
        bytes.extend_from_slice(payload.as_bytes());
        (slot, self.record(to, (troupe_actor::record::kind::CHAINED_ASK, 0), timeout_ms, slot, &bytes))
    }

    /// Asks on this thread.
    pub fn ask_inline(&self, to: Address, payload: &str, timeout_ms: u32) -> (Inline, u32) {
        let slot = self.slot();
        let record = self.record(to, (kind::ASK, 0), timeout_ms, slot, payload.as_bytes());
        let mut answer = Vec::new();
        let mut inline = self.system.ask_inline(&record, &mut answer);
        if let Inline::Answered { failed } = inline {
            let settled =
                if failed { Settled::Error(AskError::HandlerError as u32, answer) } else { Settled::Value(answer) };
            self.port.settle(slot, settled);
            inline = Inline::Settled;
        }
        if let Inline::Crashed(crashed) = &inline {
            self.port.fail(slot, AskError::Crashed, &crashed.actor, &crashed.crash);
            inline = Inline::Settled;
        }
        if inline != Inline::Declined {
            self.expected.lock().push(slot);
        }
        (inline, slot)
    }

    /// Stops or drains.
    pub fn end(&self, to: Address, drain: bool, grace_ms: u64) -> u32 {
        let slot = self.expect();
        self.system.end(to, EndRequest { drain, grace_ms, waiter: Some(self.waiter(slot)) });
        slot
    }

    pub fn stop(&self, to: Address) -> u32 {
        self.end(to, false, u64::MAX)
    }

    pub fn watch(&self, to: Address) -> u32 {
        let slot = self.expect();
        self.system.watch(to, self.waiter(slot));
        slot
    }

    pub fn status(&self, of: Address) -> ActorStatus {
        self.system.status(of).unwrap()
    }

    /// What became of a slot so far.
    pub fn settled(&self, slot: u32) -> Option<Settled> {
        self.port.settled(slot)
    }

    /// Runs until idle, then says what became of a slot; with threads, waits for it.
    pub fn wait(&self, slot: u32) -> Settled {
        if self.threaded {
            return self.port.wait_for(slot);
        }
        self.run();
        self.port.settled(slot).unwrap_or_else(|| panic!("slot {slot} is not settled"))
    }

    /// Runs until nothing is left to do now.
    pub fn run(&self) -> &Self {
        self.system.run_until_idle();
        self
    }

    /// Lets virtual time pass, running whatever falls due at its time.
    pub fn advance(&self, ms: u64) -> &Self {
        self.run();
        let target = self.now.load(Ordering::Relaxed) + ms;
        while let Some(due) = self.system.next_due().filter(|due| *due <= target) {
            let now = self.now.load(Ordering::Relaxed).max(due);
            self.now.store(now, Ordering::Release);
            self.run();
        }
        self.now.store(target, Ordering::Release);
        self.run()
    }

    /// Events since the last look.
    pub fn events(&self) -> Vec<String> {
        self.port.events()
    }

    /// Asserts the conservation law.
    pub fn check(&self) {
        let audit = self.system.audit();
        assert!(audit.is_balanced(), "{audit:?}");
    }
}

impl Drop for World {
    /// Whatever a test did: the law holds, and a shutdown leaves nothing (`DLV-2`, `SHUT-2`).
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if !self.threaded {
            self.run().check();
        }
        let slot = self.slot();
        self.system.shutdown(if self.threaded { 5_000 } else { 0 }, self.waiter(slot));
        self.system.advance(if self.threaded { 5_001 } else { 0 });
        if self.threaded {
            self.port.wait_for(slot);
        } else {
            self.advance(1);
            assert!(self.settled(slot).is_some(), "the shutdown did not end");
        }
        for slot in self.expected.lock().iter() {
            if self.threaded {
                self.port.wait_for(*slot);
            }
            assert!(self.settled(*slot).is_some(), "slot {slot} was never settled");
        }
        if self.threaded {
            // A life that was given up may still be on its way back.
            self.wait_for_quiet();
        }
        self.check();
        let audit = self.system.audit();
        assert_eq!((audit.live, audit.census.queued, audit.census.in_hand), (0, 0, 0), "{audit:?}");
        assert!(!self.system.is_busy(), "something is left to do");
        assert!(self.system.shared().names.is_empty(), "a name was left behind");
        self.system.shared().detach(self.index);
        assert!(self.system.shared().groups.is_empty(), "somebody who has ended is in a group");
        self.port.events();
    }
}
