//! What the shards of one system share: names, ports, dead letters, the way into each shard.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::cell::Waiter;
use crate::clock::Clock;
use crate::counters::LossReason;
use crate::dead_letter::{DeadLetter, DeadLetters, Loss, LossCounts};
use crate::event::Event;
use crate::gate::Gate;
use crate::groups::Groups;
use crate::hub::Hub;
use crate::id::ActorId;
use crate::interrupt::TurnSlot;
use crate::port::{Port, write_completion};
use crate::quiet::Quiet;
use crate::registry::Registry;
use crate::shard::{Outbox, Patience};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::tree::spec::SupervisorId;

/// Shared by all shards; everything in it locks for a moment only, and locks nothing else meanwhile.
pub struct Shared {
    /// Time.
    pub clock: Clock,
    /// Names.
    pub names: Registry,
    /// Groups; their watchers are told under their lock.
    pub groups: Groups,
    /// Who waits until nothing is left to do.
    pub quiet: Quiet,
    /// Topics.
    pub hub: Hub,
    gates: Vec<Arc<Gate>>,
    ports: RwLock<Vec<Option<Arc<dyn Port>>>>,
    slots: RwLock<Vec<Option<Arc<TurnSlot>>>>,
    dead_letters: Mutex<DeadLetters>,
    /// Largest payload that is captured with its dead letter; 0 for none.
    max_captured: usize,
    listeners: AtomicU32,
    message_listeners: AtomicU32,
    water_listeners: AtomicU32,
    closing: AtomicBool,
    /// A shutdown was asked for, and has its deadline.
    shutting_down: AtomicBool,
    /// The shutdown still lets actors work off their queues.
    draining: AtomicBool,
    /// The root gave up (`INT-6`).
    failed: AtomicBool,
    /// What is long (`OBS-4`): a handler, a wait in a mailbox.
    patience: [AtomicU64; 2],
    next_supervisor: AtomicU32,
    live: AtomicU32,
    closed_waiters: Mutex<Vec<Waiter>>,
    random: AtomicU64,
    seed: u64,
    tags: RandomState,
}

impl Shared {
    /// For a system with these gates, one per shard.
    #[must_use]
    pub fn new(gates: Vec<Arc<Gate>>, clock: Clock, seed: u64, dead_letters: DeadLetters, hub: Hub) -> Self {
        Self {
            clock,
            names: Registry::default(),
            groups: Groups::default(),
            quiet: Quiet::default(),
            hub,
            gates,
            ports: RwLock::new(Vec::new()),
            slots: RwLock::new(Vec::new()),
            max_captured: dead_letters.max_captured(),
            dead_letters: Mutex::new(dead_letters),
            listeners: AtomicU32::new(0),
            message_listeners: AtomicU32::new(0),
            water_listeners: AtomicU32::new(0),
            closing: AtomicBool::new(false),
            shutting_down: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            patience: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
            next_supervisor: AtomicU32::new(SupervisorId::USER.0 + 1),
            live: AtomicU32::new(0),
            closed_waiters: Mutex::new(Vec::new()),
            random: AtomicU64::new(seed),
            seed,
            tags: RandomState::new(),
        }
    }

    /// Hands an outbox over to its shard and wakes the shard's worker if it sleeps. Returns how many bytes wait there.
    pub fn push(&self, shard: u32, outbox: &mut Outbox) -> usize {
        self.gates.get(shard as usize).map_or(0, |gate| gate.push(outbox))
    }

    /// Bytes that wait for a shard.
    #[must_use]
    pub fn waiting(&self, shard: u32) -> usize {
        self.gates.get(shard as usize).map_or(0, |gate| gate.waiting())
    }

    /// From when on an event says that something takes long; never before it is called.
    pub fn set_patience(&self, patience: Patience) {
        let [handler, queued] = &self.patience;
        handler.store(patience.handler_ms, Ordering::Relaxed);
        queued.store(patience.queued_ms, Ordering::Relaxed);
    }

    /// What is long.
    #[must_use]
    pub fn patience(&self) -> Patience {
        let [handler_ms, queued_ms] = self.patience.each_ref().map(|ms| ms.load(Ordering::Relaxed));
        Patience { handler_ms, queued_ms }
    }

    /// Adds a port; the number is its index in addresses.
    pub fn attach(&self, port: Arc<dyn Port>) -> u32 {
        let mut ports = self.ports.write();
        ports.push(Some(port));
        (ports.len() - 1) as u32
    }

    /// Forgets a port: what would go there is dropped.
    pub fn detach(&self, port: u32) {
        self.groups.forget_port(port);
        if let Some(place) = self.ports.write().get_mut(port as usize) {
            *place = None;
        }
        self.hub.forget_port(port);
    }

    /// The port with this index, while it is attached.
    #[must_use]
    pub fn port(&self, port: u32) -> Option<Arc<dyn Port>> {
        self.ports.read().get(port as usize)?.clone()
    }

    /// Adds a thread that runs turns; the number is what cells note for kill.
    pub fn add_slot(&self, slot: &Arc<TurnSlot>) -> u32 {
        let mut slots = self.slots.write();
        let free = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        if free == slots.len() {
            slots.push(None);
        }
        if let Some(place) = slots.get_mut(free) {
            *place = Some(Arc::clone(slot));
        }
        free as u32
    }

    /// Forgets a thread that runs no turn any more; its number goes to another one.
    pub fn remove_slot(&self, slot: u32) {
        if let Some(place) = self.slots.write().get_mut(slot as usize) {
            *place = None;
        }
    }

    /// Asks turn `number` of slot `slot` to end.
    pub fn kill_turn(&self, slot: u32, number: u64) {
        if let Some(Some(slot)) = self.slots.read().get(slot as usize) {
            slot.kill(number);
        }
    }

    /// Counts environments that want events.
    pub fn listen(&self, on: bool) {
        count(&self.listeners, on);
    }

    /// Counts environments that want an event for each message of every actor.
    pub fn listen_to_messages(&self, on: bool) {
        count(&self.message_listeners, on);
    }

    /// Counts environments that want to hear of mailboxes that fill up and empty again (`OVF-6`).
    pub fn listen_to_water(&self, on: bool) {
        count(&self.water_listeners, on);
    }

    /// Whether anybody wants to hear of mailboxes that fill up.
    #[inline]
    #[must_use]
    pub fn observes_water(&self) -> bool {
        self.water_listeners.load(Ordering::Relaxed) != 0
    }

    /// Whether anybody wants an event for each message.
    #[inline]
    #[must_use]
    pub fn observes_messages(&self) -> bool {
        self.message_listeners.load(Ordering::Relaxed) != 0
    }

    /// Whether anybody wants events: nothing is built for an event that nobody hears.
    #[inline]
    #[must_use]
    pub fn is_listened(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) != 0
    }

    /// Tells every environment that listens.
    pub fn emit(&self, event: &Event) {
        for port in self.ports.read().iter().flatten() {
            if port.listens() {
                port.event(event);
            }
        }
    }

    /// Records a dead letter. The result is in how many milliseconds a log wants to be told of those it has
    /// no line for: call [`Shared::summarize_letters`] then.
    pub fn dead_letter(&self, loss: Loss, at: u64) -> Option<u64> {
        let listened = self.is_listened();
        // What an observer sends itself is not told to observers: it would never end (`DL-3`).
        let told = listened && !loss.sender.is_observer();
        let mut letters = self.dead_letters.lock();
        let (logged, summary) = if listened { letters.tell_log(&loss, at) } else { (false, None) };
        let letter = letters.push(loss, at);
        drop(letters);
        if told {
            self.emit(&Event::DeadLetter(DeadLetter { logged, ..letter }));
        }
        summary
    }

    /// Tells what the log had no line for (`DL-2`).
    pub fn summarize_letters(&self, at: u64) {
        let summary = self.dead_letters.lock().summary(at);
        if let Some(counts) = summary {
            self.emit(&Event::DeadLettersUnsaid(counts));
        }
    }

    /// Whether a payload of so many bytes is captured with its dead letter.
    #[inline]
    #[must_use]
    pub const fn captures(&self, bytes: usize) -> bool {
        bytes <= self.max_captured && self.max_captured != 0
    }

    /// How many dead letters there were, by reason.
    #[must_use]
    pub fn dead_letter_counts(&self) -> LossCounts {
        *self.dead_letters.lock().counts()
    }

    /// The dead letter with this number, while it is kept.
    #[must_use]
    pub fn find_dead_letter(&self, id: u64) -> Option<DeadLetter> {
        self.dead_letters.lock().get(id).cloned()
    }

    /// The dead letters that are kept, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.lock().list()
    }

    /// The tag of an actor: a keyed hash of its identity, so that it cannot be guessed.
    #[must_use]
    pub fn tag_of(&self, id: ActorId) -> u64 {
        self.tags.hash_one(id).max(1)
    }

    /// The seed of one life of an actor: the same system seed gives the same ones (`BO-5`).
    #[must_use]
    pub fn seed_for(&self, id: ActorId, incarnation: u32) -> u64 {
        mix(self.seed ^ mix(id.as_u64()) ^ u64::from(incarnation))
    }

    /// Uniform in [0, 1), from the system's seed.
    #[must_use]
    pub fn random(&self) -> f64 {
        let state = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        (mix(state) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Refuses new actors and messages from now on. True for the first call.
    pub fn close(&self) -> bool {
        !self.closing.swap(true, Ordering::SeqCst)
    }

    /// Notes that a shutdown has its deadline. True for the first call.
    pub fn begin_shutdown(&self) -> bool {
        !self.shutting_down.swap(true, Ordering::SeqCst)
    }

    /// Whether the system shuts down.
    #[inline]
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// While a system shuts down: whether actors still work off their queues (`SHUT-1`).
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Lets actors work off their queues while the system shuts down, or no longer.
    pub fn set_draining(&self, on: bool) {
        self.draining.store(on, Ordering::SeqCst);
    }

    /// The root gave up: the system ends by itself and is not ready any more (`INT-6`).
    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Whether the root gave up.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// A number for one more supervisor or pool.
    #[must_use]
    pub fn new_supervisor(&self) -> SupervisorId {
        SupervisorId(self.next_supervisor.fetch_add(1, Ordering::Relaxed))
    }

    /// Why a message of an actor that was asked to stop is dropped.
    #[must_use]
    pub fn loss_of_stop(&self) -> LossReason {
        if self.is_closing() && !self.is_failed() { LossReason::Shutdown } else { LossReason::Stopped }
    }

    /// One actor more.
    pub fn actor_came(&self) {
        self.live.fetch_add(1, Ordering::SeqCst);
    }

    /// One actor less; the last one of a closing system completes whoever waits.
    pub fn actor_gone(&self) {
        // Sequentially consistent with `close` and `when_empty`: one of the two sees the other.
        if self.live.fetch_sub(1, Ordering::SeqCst) == 1 && self.closing.load(Ordering::SeqCst) {
            self.complete_closed();
        }
    }

    /// Actors that have not ended.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.live.load(Ordering::SeqCst)
    }

    /// Completes `waiter` once no actor is left; at once if none is.
    pub fn when_empty(&self, waiter: Waiter) {
        self.closed_waiters.lock().push(waiter);
        if self.live() == 0 {
            self.complete_closed();
        }
    }

    fn complete_closed(&self) {
        self.summarize_letters(self.clock.now_ms());
        for waiter in std::mem::take(&mut *self.closed_waiters.lock()) {
            if let Some(port) = self.port(waiter.port) {
                let mut bytes = Vec::new();
                write_completion(&mut bytes, waiter.slot, 0, &[]);
                port.deliver(&bytes);
            }
        }
    }
}

/// One more, or one less.
fn count(counter: &AtomicU32, on: bool) {
    if on {
        counter.fetch_add(1, Ordering::Relaxed);
    } else {
        let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    }
}

/// The output function of splitmix64 (Steele, Lea, Flood 2014).
const fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
