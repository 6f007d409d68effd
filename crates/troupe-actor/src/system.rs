//! A system: its shards, its workers, and what can be asked of it from outside.

mod bonds;
pub mod find;
mod groups;
mod inject;
mod pools;
mod quiet;
mod supervise;
mod timers;
mod topics;
mod vitals;

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use crate::cell::Waiter;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::dead_letter::{DeadLetter, DeadLetters, LossCounts};
use crate::error::{SpawnError, SystemError};
use crate::gate::Gate;
use crate::hub::Hub;
use crate::id::{ActorId, Address};
use crate::interrupt::{self, TurnSlot};
use crate::port::Port;
use crate::reason::Crash;
use crate::record;
use crate::registry::check_name;
use crate::shard::{ActorStatus, Census, EndRequest, Job, Outbox, Shard};
use crate::shared::Shared;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::ticker::Ticker;
use crate::topics::Topics;
use crate::worker::{ShardHandle, Workers};

use vitals::Beats;
pub use vitals::Vitals;

/// What a system is made from. Nothing here has a default.
#[derive(Clone, Debug)]
pub struct SystemConfig {
    /// Shards, each with its worker.
    pub shards: u32,
    /// Threads beyond one per shard that may drive shards whose worker is stuck (`ENG-8`).
    pub spare_threads: usize,
    /// Dead letters kept.
    pub dead_letters: usize,
    /// Bytes of their payloads that are kept, the newest; 0 for none.
    pub captured_bytes: usize,
    /// Seed of jitter and of the guests' generators (`BO-5`).
    pub seed: u64,
    /// Time.
    pub clock: Clock,
    /// Who matches topics, for as many shards; [`NoTopics`](crate::topics::NoTopics) for none.
    pub topics: Arc<dyn Topics>,
    /// A published message that nobody is subscribed to becomes a dead letter.
    pub unheard_letters: bool,
}

/// The conservation law, as it stands (`DLV-2`).
#[derive(Clone, Debug)]
pub struct Audit {
    /// Sums of the system.
    pub counters: Counters,
    /// Messages and actors, counted one by one.
    pub census: Census,
    /// Dead letters since the start, by reason.
    pub dead_letters: LossCounts,
    /// Answers that came too late.
    pub late_replies: u64,
    /// Answers of environments to jobs that were over.
    pub stale_work: u64,
    /// Actors that have not ended.
    pub live: u32,
}

impl Audit {
    /// Whether nothing was lost: what left and what is there is what came.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.counters.pending() == Some(self.census.queued + self.census.in_hand)
    }
}

/// What became of an ask that the calling thread wanted to run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Not run: send it the ordinary way.
    Declined,
    /// Accepted; the answer goes to the port.
    Pending,
    /// Settled; the port's completions say how.
    Settled,
    /// Answered, by the guest's own error if `failed`; the answer is in the caller's hands.
    Answered {
        /// It is an error of the guest's own.
        failed: bool,
    },
    /// Its turn crashed.
    Crashed(Box<CrashedAsk>),
}

/// An ask whose turn crashed on the calling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashedAsk {
    /// The actor's path.
    pub actor: Arc<str>,
    /// What happened.
    pub crash: Crash,
}

/// A new actor.
#[derive(Clone, Copy, Debug)]
pub struct Spawned {
    /// Where messages go.
    pub address: Address,
    /// Who it is.
    pub id: ActorId,
    /// It handles messages already; otherwise the waiter hears when it does.
    pub ready: bool,
}

/// A system of actors.
pub struct ActorSystem {
    shared: Arc<Shared>,
    shards: Vec<Arc<ShardHandle>>,
    workers: Option<Arc<Workers>>,
    ticker: Arc<Ticker>,
    next_shard: AtomicU32,
    beats: Beats,
}

crate::sync::thread_local! {
    static OWN: RefCell<OwnThread> = RefCell::default();
}

/// What a thread that is no worker needs to run turns.
#[derive(Default)]
struct OwnThread {
    slot: Arc<TurnSlot>,
    /// The slot's number in each system this thread has run turns of, the last one at the end.
    systems: Vec<(Weak<Shared>, u32)>,
    /// Turns so far.
    number: u64,
}

impl ActorSystem {
    /// Makes a system and starts its workers.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new(config: &SystemConfig, ticker: Arc<Ticker>) -> Result<Self, SystemError> {
        let mut system = Self::manual(config, ticker);
        let workers = system.workers.insert(Workers::new(
            Arc::clone(&system.shared),
            system.shards.clone(),
            Arc::clone(&system.ticker),
            config.spare_threads,
        ));
        workers.start()?;
        Ok(system)
    }

    /// Makes a system without threads: [`ActorSystem::run_until_idle`] runs it on the caller's.
    #[must_use]
    pub fn manual(config: &SystemConfig, ticker: Arc<Ticker>) -> Self {
        let count = config.shards.max(1);
        let gates: Vec<Arc<Gate>> = (0..count).map(|_| Arc::default()).collect();
        let shards = gates
            .iter()
            .enumerate()
            .map(|(index, gate)| Arc::new(ShardHandle::new(Shard::new(index as u32, count), Arc::clone(gate))));
        let shards = shards.collect();
        let hub = Hub::new(Arc::clone(&config.topics), config.unheard_letters);
        let letters = DeadLetters::new(config.dead_letters, config.captured_bytes);
        let shared = Arc::new(Shared::new(gates, config.clock.clone(), config.seed, letters, hub));
        Self { shared, shards, workers: None, ticker, next_shard: AtomicU32::new(0), beats: Beats::default() }
    }

    /// What the shards share: ports, names, dead letters.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Shards in turn, for new actors.
    fn next_shard(&self) -> Option<&Arc<ShardHandle>> {
        let next = self.next_shard.fetch_add(1, Ordering::Relaxed) as usize % self.shards.len();
        self.shards.get(next)
    }

    fn shard_of(&self, address: Address) -> Option<&Arc<ShardHandle>> {
        if address.port().is_some() {
            return None;
        }
        self.shards.get(address.index as usize % self.shards.len())
    }

    /// Attaches an environment; the number is its index in addresses.
    pub fn attach(&self, port: Arc<dyn Port>) -> u32 {
        self.shared.attach(port)
    }

    /// Forgets an environment; the actors that it ran end.
    pub fn detach(&self, port: u32) {
        self.shared.detach(port);
        for index in 0..self.shards.len() as u32 {
            self.with_shard(Address { index, tag: 0 }, |shard, shared| shard.end_external(shared, port));
        }
    }

    /// Spawns an actor. When its start runs the guest's code, a worker does it and the waiter
    /// hears how it went (`STA-1`).
    ///
    /// # Errors
    /// When the name is taken or illegal, the system is closing, or an actor that can come up on
    /// the caller's thread does not.
    pub fn spawn(&self, spec: &Arc<ActorSpec>, args: SpawnArgs, waiter: Option<Waiter>) -> Result<Spawned, SpawnError> {
        if self.shared.is_closing() {
            return Err(SpawnError::Shutdown);
        }
        if let Some(name) = &args.name {
            check_name(name).map_err(|why| SpawnError::NameInvalid { name: name.to_string(), why })?;
        }
        let inline = !spec.lazy && spec.faults.is_none() && spec.external.is_none() && spec.factory.creates_inline();
        let behavior = if inline { Some(spec.factory.create()?) } else { None };
        let Some(handle) = self.next_shard() else { return Err(SpawnError::Full) };
        let spawned = {
            let mut shard = handle.state.lock();
            shard.refresh_clock(&self.shared);
            let spawned = shard.spawn(&self.shared, spec, args, behavior, waiter);
            if spec.external.is_some() {
                shard.flush(&self.shared);
            }
            spawned
        };
        let (address, id) = spawned?;
        // A start, the timer of the first probe, or a kept message, which a sleeping worker does not know of.
        if (!inline && !spec.lazy) || spec.health.is_some() || !spec.subscriptions.is_empty() {
            handle.gate.ring();
        }
        Ok(Spawned { address, id, ready: inline || spec.lazy })
    }

    /// Runs an ask's turn on the calling thread, if the actor is idle and its behavior allows it.
    /// `record` is what [`ActorSystem::inject`] would take; an answer that the turn itself gives
    /// goes into `answer` and not through the port.
    pub fn ask_inline(&self, record: &[u8], answer: &mut Vec<u8>) -> Inline {
        let Some(parsed) = record::read(record, 0) else { return Inline::Declined };
        let Some(handle) = self.shard_of(parsed.target) else { return Inline::Declined };
        // What this port sent before must be in its mailbox first (`ORD-1`).
        if handle.gate.is_filled() || self.shared.quiet.is_held() || self.shared.is_closing() {
            return Inline::Declined;
        }
        OWN.with(|own| {
            // Borrowed while it runs a turn: a turn within a turn is declined.
            let Ok(mut own) = own.try_borrow_mut() else { return Inline::Declined };
            self.run_inline(handle, record, answer, &mut own)
        })
    }

    fn run_inline(&self, handle: &ShardHandle, record: &[u8], answer: &mut Vec<u8>, own: &mut OwnThread) -> Inline {
        let slot_index = own.register(&self.shared);
        let Some(parsed) = record::read(record, 0) else { return Inline::Declined };
        let Some(mut shard) = handle.state.try_lock() else { return Inline::Declined };
        if !shard.can_run_inline(parsed.target) || handle.gate.is_filled() {
            return Inline::Declined;
        }
        own.number += 1;
        let mut job = Job::default();
        if !shard.begin_inline(&self.shared, &parsed, (slot_index, own.number), &mut job) {
            shard.flush(&self.shared);
            return Inline::Settled;
        }
        drop(shard);
        self.ticker.enter();
        job.run_inline(&own.slot, own.number);
        self.ticker.leave();
        let mut shard = handle.state.lock();
        let due = shard.next_due();
        let outcome = shard.commit_inline(&self.shared, &mut job, answer);
        // The sleeping worker knows neither of new work nor of a new timer.
        let wanted = shard.has_work() || shard.next_due() != due;
        drop(shard);
        if wanted {
            handle.gate.ring();
        }
        outcome
    }

    /// Does something to the shard of an address, after what lies in its inbox.
    fn with_shard<T>(&self, address: Address, act: impl FnOnce(&mut Shard, &Shared) -> T) -> Option<T> {
        let handle = self.shard_of(address)?;
        let mut scratch = Outbox::default();
        let mut shard = handle.state.lock();
        shard.refresh_clock(&self.shared);
        handle.drain_inbox(&mut shard, &self.shared, &mut scratch);
        let due = shard.next_due();
        let result = act(&mut shard, &self.shared);
        shard.flush(&self.shared);
        let wanted = shard.has_work() || shard.next_due() != due;
        drop(shard);
        if wanted {
            handle.gate.ring();
        }
        Some(result)
    }

    /// Asks an actor to end.
    pub fn end(&self, address: Address, request: EndRequest) {
        self.with_shard(address, |shard, shared| shard.end(shared, address, request));
    }

    /// Ends an actor now. False when it has ended already.
    pub fn kill(&self, address: Address) -> bool {
        self.with_shard(address, |shard, shared| shard.kill(shared, address)).unwrap_or(false)
    }

    /// Replaces the custom state that the actor's next start is given. False when it has ended.
    pub fn set_state(&self, address: Address, state: Box<[u8]>) -> bool {
        self.with_shard(address, |shard, _| shard.set_state(address, state)).unwrap_or(false)
    }

    /// Tells the waiter when the actor has ended.
    pub fn watch(&self, address: Address, waiter: Waiter) {
        self.with_shard(address, |shard, shared| shard.watch(shared, address, waiter));
    }

    /// A port gives up on its ask `slot` of `target`. The record
    /// [`ABORT`](crate::record::kind::ABORT) does the same without a lock.
    pub fn abort_ask(&self, target: Address, asker: Address, slot: u32) {
        self.with_shard(target, |shard, shared| shard.abort_ask(shared, asker, slot));
    }

    /// A snapshot of an actor; `None` if nothing is remembered of it.
    #[must_use]
    pub fn status(&self, address: Address) -> Option<ActorStatus> {
        self.with_shard(address, |shard, _| shard.status(address)).flatten()
    }

    /// Snapshots of all actors that have not ended.
    #[must_use]
    pub fn statuses(&self) -> Vec<ActorStatus> {
        self.shards.iter().flat_map(|handle| handle.state.lock().statuses()).collect()
    }

    /// The conservation law as it stands; exact when the system is quiet.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut audit = Audit {
            counters: Counters::default(),
            census: Census::default(),
            dead_letters: self.shared.dead_letter_counts(),
            late_replies: 0,
            stale_work: 0,
            live: self.shared.live(),
        };
        for handle in &self.shards {
            let shard = handle.state.lock();
            audit.counters.add(shard.counters());
            audit.census.add(&shard.census());
            audit.late_replies += shard.late_replies();
            audit.stale_work += shard.stale_work();
        }
        audit
    }

    /// Whether a message is queued, under way or in an actor's hands.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        // When the last actor has ended, what shards still tell each other is of no use to anybody.
        let ended = self.shared.is_closing() && self.shared.live() == 0;
        self.shards.iter().any(|handle| (!ended && handle.gate.is_filled()) || handle.state.lock().is_busy())
    }

    /// The dead letters that are kept, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.shared.dead_letters()
    }

    /// Ends all actors within the deadline; the waiter hears when none is left.
    pub fn shutdown(&self, deadline_ms: u64, waiter: Waiter) {
        if self.shared.close() {
            if self.shared.is_listened() {
                self.shared.emit(&crate::event::Event::Shutdown);
            }
            self.shared.set_draining(true);
            self.with_tree(|shard, shared| shard.tree_shut_down(shared));
        }
        // A system whose root gave up has begun by itself, without a deadline.
        if self.shared.begin_shutdown() {
            for index in 0..self.shards.len() as u32 {
                self.with_shard(Address { index, tag: 0 }, |shard, _| shard.set_deadline(deadline_ms));
            }
        }
        self.shared.when_empty(waiter);
    }

    /// Ends the threads. Call it after the shutdown.
    pub fn close(&self) {
        self.shared.close();
        if let Some(workers) = &self.workers {
            workers.close();
        }
    }

    /// Runs a system without threads until nothing is left to do now.
    pub fn run_until_idle(&self) {
        OWN.with(|own| {
            let Ok(mut own) = own.try_borrow_mut() else { return };
            let slot_index = own.register(&self.shared);
            let mut scratch = Outbox::default();
            let mut worked = true;
            while worked {
                worked = false;
                for handle in &self.shards {
                    worked |= self.step(handle, &mut own, slot_index, &mut scratch);
                }
            }
        });
    }

    /// One turn of one shard, with what comes before and after it; false when there was nothing.
    fn step(&self, handle: &ShardHandle, own: &mut OwnThread, slot_index: u32, scratch: &mut Outbox) -> bool {
        let mut shard = handle.state.lock();
        shard.refresh_clock(&self.shared);
        let mut worked = handle.drain_inbox(&mut shard, &self.shared, scratch).is_some();
        shard.run_timers(&self.shared);
        shard.look(&self.shared);
        own.number += 1;
        let mut job = Job::default();
        if shard.next_job(&self.shared, slot_index, own.number, &mut job) {
            worked = true;
            drop(shard);
            job.run(&own.slot, own.number);
            shard = handle.state.lock();
            shard.commit(&self.shared, &mut job);
        }
        shard.flush(&self.shared);
        worked || shard.has_work() || handle.gate.is_filled()
    }

    /// The shards, for whoever drives a system without threads step by step.
    #[must_use]
    pub fn shards(&self) -> &[Arc<ShardHandle>] {
        &self.shards
    }

    /// When the next timer of a system without threads is due, in milliseconds of its clock.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.shards.iter().filter_map(|handle| handle.state.lock().next_due()).min()
    }
}

impl Drop for ActorSystem {
    fn drop(&mut self) {
        self.close();
    }
}

impl OwnThread {
    /// The number of this thread's slot in the system of `shared`.
    fn register(&mut self, shared: &Arc<Shared>) -> u32 {
        let is_it = |(system, _): &(Weak<Shared>, u32)| std::ptr::eq(system.as_ptr(), Arc::as_ptr(shared));
        if let Some((_, index)) = self.systems.last().filter(|system| is_it(system)) {
            return *index;
        }
        self.systems.retain(|(system, _)| system.strong_count() > 0);
        interrupt::install(&self.slot);
        let known = self.systems.iter().position(is_it).map(|at| self.systems.remove(at));
        let system = known.unwrap_or_else(|| (Arc::downgrade(shared), shared.add_slot(&self.slot)));
        let index = system.1;
        self.systems.push(system);
        index
    }
}
