//! A shard: the actors of one worker, in plain memory behind one lock.
//!
//! Whoever holds the lock may hand out a [`Job`], and takes it back with [`Shard::commit`]; the
//! lock is never held while a job runs. So the shard's own worker, a spare worker and a port's
//! thread can all run turns of a shard, and all take the same way:
//!
//! `drain` (records → mailboxes) → `next_job` (a turn) → run → `commit` (effects → mailboxes,
//! completions, other shards' outboxes) → `flush`.

mod ahead;
mod answers;
mod bonds;
mod chains;
mod control;
mod deliver;
mod effects;
mod ending;
mod external;
mod health;
mod inline;
mod job;
mod joining;
mod letters;
mod lifecycle;
mod look;
mod observe;
mod overflow;
mod place;
mod pressure;
mod publish;
mod quiet;
mod shutdown;
mod standing;
mod stash;
mod subscribe;
mod sweep;
mod talk;
mod timers;
mod tree;
mod turn;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

pub use answers::MAX_ANSWER_BYTES;
pub use bonds::MAX_WATCHES;
pub use control::{ActorStatus, Census, EndRequest};
pub use external::Parked;
pub use job::{Job, Outcome, Work};
pub use joining::Joined;
pub use look::Patience;
pub use publish::MAX_PUBLISHED_BYTES;
pub(crate) use publish::published;
pub use standing::Readiness;

use crate::ask::AskTable;
use crate::cell::{Cell, Waiter};
use crate::counters::Counters;
use crate::id::Address;
use crate::mailbox::BufferPool;
use crate::reason::ExitReason;
use crate::shared::Shared;
use crate::status::Status;
use crate::timer::TimerKey;
use crate::tree::Tree;
use crate::tree::report::{ChildReport, PlaceOrder, Sweep};
use crate::tree::spec::SupervisorId;

/// How many ended actors a shard remembers, so that a message to one is refused as `stopped`.
const REMEMBERED_ENDS: usize = 4096;

/// A list of asks that were due is kept for the next ones up to this size.
const KEEP_DUE: usize = 4096;

/// What shards tell each other besides messages. The tree is on the first shard.
#[derive(Debug)]
pub enum Signal {
    /// A full target makes this many messages of this actor wait.
    Park(Address, u32),
    /// So many messages of this actor were taken by a full target, or refused.
    Unpark(Address, u32),
    /// Begin a life in this place: the child's number, the incarnation.
    Begin(Address, u32, u32),
    /// End this life of this place in order, within a grace in milliseconds; the place stays.
    TakeDown(Address, u32, u64),
    /// End the life in this place now; the place stays.
    KillLife(Address),
    /// Give the place up: why, and whether a budget is spent.
    EndPlace(Box<(Address, ExitReason, bool)>),
    /// Make a place and begin a life there.
    Make(Box<PlaceOrder>),
    /// Do this to every member of a pool.
    Sweep(SupervisorId, Box<Sweep>, u32),
    /// To the tree: something happened.
    Child(Box<ChildReport>),
}

/// What goes to another shard with the next flush.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Records.
    pub records: Vec<u8>,
    /// Signals.
    pub signals: Vec<Signal>,
}

impl Outbox {
    /// Whether there is nothing to flush.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.signals.is_empty()
    }
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// Come up again: cell, tag, incarnation that failed.
    Restart(u32, u64, u32),
    /// Messages waited long enough for room: cell, tag.
    Waiting(u32, u64),
    /// An actor took too long to go down: cell, tag.
    Grace(u32, u64),
    /// A life took too long to go down: cell, tag, incarnation.
    LifeGrace(u32, u64, u32),
    /// A supervisor's own: which, and its number there.
    Tree(SupervisorId, u64),
    /// One message a turn no longer: cell, tag.
    Batch(u32, u64),
    /// The time for queues is over, while the system shuts down.
    Drained,
    /// A life is to be probed: cell, tag, incarnation.
    Probe(u32, u64, u32),
    /// What runs may have run too long for a healthy actor: cell, tag, incarnation.
    ProbeOver(u32, u64, u32),
    /// A log is to be told of the dead letters that it had no line for.
    Letters,
    /// The system's shutdown deadline.
    Shutdown,
}

/// How an actor ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `terminated` or `failed`.
    pub status: Status,
    /// Why.
    pub reason: ExitReason,
    /// Its path.
    pub path: Arc<str>,
    /// Its last life.
    pub incarnation: u32,
}

/// The actors of one worker.
pub struct Shard {
    index: u32,
    cells: Vec<Cell>,
    free: Vec<u32>,
    run_queue: VecDeque<u32>,
    jobs: VecDeque<Job>,
    asks: AskTable,
    pool: BufferPool,
    outboxes: Vec<Outbox>,
    /// Bytes that waited for each shard when something was last sent there.
    waiting_at: Vec<usize>,
    completions: Vec<Vec<u8>>,
    timers: BinaryHeap<Reverse<(u64, TimerKind)>>,
    /// When timers of actors are due, and whose they are: exactly those that are set.
    ticks: BTreeSet<(u64, u32, TimerKey)>,
    due: Vec<u32>,
    now: u64,
    counters: Counters,
    late_replies: u64,
    ended: HashMap<u64, Ended>,
    ended_order: VecDeque<u64>,
    /// Somebody wants an event for each message.
    observes: bool,
    /// Somebody wants to hear of mailboxes that fill up.
    observes_water: bool,
    /// Turns since the last flush.
    since_flush: u32,
    /// Jobs that are with some thread.
    running: u32,
    /// Those of them that wait in an environment for something outside.
    waiting: u32,
    /// When running jobs have taken too long, and whose they are.
    deadlines: BTreeSet<(u64, u32)>,
    /// Slot and number of jobs whose actor has gone on without them.
    abandoned: Vec<(u32, u64)>,
    /// Answers of environments to jobs that were over.
    stale_work: u64,
    inline: inline::InlineAnswer,
    /// What is left to do for pools that go up or down: which sweep, how many members.
    sweeps: HashMap<SupervisorId, sweep::Sweeping>,
    /// Supervisors and pools; only the first shard's is used.
    tree: Tree,
    talk: talk::Talk,
    /// What the asks of the turn that is being committed are made for.
    hand: chains::Hand,
    /// Asks that ports gave up, since records were last taken over.
    aborts: Vec<(Address, u32)>,
    look: look::Look,
}

impl Shard {
    /// The shard with this index, of a system with `shards` of them.
    #[must_use]
    pub fn new(index: u32, shards: u32) -> Self {
        Self {
            index,
            cells: Vec::new(),
            free: Vec::new(),
            run_queue: VecDeque::new(),
            jobs: VecDeque::new(),
            asks: AskTable::default(),
            pool: BufferPool::default(),
            outboxes: (0..shards).map(|_| Outbox::default()).collect(),
            waiting_at: vec![0; shards as usize],
            completions: Vec::new(),
            timers: BinaryHeap::new(),
            ticks: BTreeSet::new(),
            due: Vec::new(),
            now: 0,
            counters: Counters::default(),
            late_replies: 0,
            ended: HashMap::new(),
            ended_order: VecDeque::new(),
            observes: false,
            observes_water: false,
            since_flush: 0,
            running: 0,
            waiting: 0,
            deadlines: BTreeSet::new(),
            abandoned: Vec::new(),
            stale_work: 0,
            inline: inline::InlineAnswer::default(),
            sweeps: HashMap::new(),
            tree: Tree::new(shards),
            talk: talk::Talk::default(),
            hand: chains::Hand::default(),
            aborts: Vec::new(),
            look: look::Look::default(),
        }
    }

    /// Reads the clock; deadlines are measured against this reading.
    #[inline]
    pub fn refresh_clock(&mut self, shared: &Shared) {
        self.now = shared.clock.now_ms();
        // Read here, once for many turns: a message pays for nothing but a look at its own shard.
        self.observes = shared.observes_messages();
        self.observes_water = shared.observes_water();
    }

    /// The reading of the clock.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// Whether there is a job to hand out.
    #[inline]
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.run_queue.is_empty() || !self.jobs.is_empty()
    }

    /// Whether a message is queued, or a job is queued or with some thread.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.has_work() || self.running != 0 || self.counters.pending() != Some(0)
    }

    /// Sums of the actors of this shard, ended ones included.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Asks of this shard's actors that are not settled, or whose frames are still queued.
    #[must_use]
    pub fn open_asks(&self) -> usize {
        self.asks.len()
    }

    /// Answers that came after their ask was settled.
    #[must_use]
    pub const fn late_replies(&self) -> u64 {
        self.late_replies
    }

    /// Answers of environments to jobs that were over.
    #[must_use]
    pub const fn stale_work(&self) -> u64 {
        self.stale_work
    }

    /// The cell of a global index.
    #[inline]
    fn local(&self, index: u32) -> u32 {
        index / self.outboxes.len() as u32
    }

    /// The global index of a cell.
    #[inline]
    pub(crate) fn global(&self, local: u32) -> u32 {
        local * self.outboxes.len() as u32 + self.index
    }

    /// The shard that owns a global index.
    #[inline]
    fn owner(&self, index: u32) -> u32 {
        index % self.outboxes.len() as u32
    }

    /// The cell behind an address, if the address is alive.
    #[inline]
    fn resolve(&mut self, address: Address) -> Option<(u32, &mut Cell)> {
        let local = self.local(address.index);
        let cell = self.cells.get_mut(local as usize)?;
        (cell.tag == address.tag && cell.tag != 0).then_some((local, cell))
    }

    /// The address of an occupied cell.
    #[inline]
    fn address_of(&self, local: u32) -> Address {
        Address { index: self.global(local), tag: self.cells.get(local as usize).map_or(0, |cell| cell.tag) }
    }

    /// Puts an actor into the run queue if it can take a turn and is not there yet.
    #[inline]
    fn schedule(&mut self, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if !cell.scheduled && cell.is_runnable() {
            cell.scheduled = true;
            self.run_queue.push_back(local);
        }
    }

    /// Queues a job that some thread takes with [`Shard::next_job`]; until then there is no turn to
    /// kill. One of an external actor goes to its environment.
    fn queue_job(&mut self, job: Job) {
        if self.cells.get(job.local as usize).is_some_and(|cell| cell.external) && !job.is_injected() {
            self.running += 1;
            return self.hand_over(job);
        }
        if let Some(cell) = self.cells.get_mut(job.local as usize) {
            cell.running = true;
            cell.turn = (u32::MAX, 0);
        }
        self.jobs.push_back(job);
    }

    /// The buffer of completions for a port.
    #[inline]
    fn completions_of(&mut self, port: u32) -> Option<&mut Vec<u8>> {
        let needed = port as usize + 1;
        if self.completions.len() < needed {
            self.completions.resize_with(needed, Vec::new);
        }
        self.completions.get_mut(port as usize)
    }

    /// Hands completions that wait for `waiter`'s port over, then says `tell` to the port.
    fn tell_port(&mut self, shared: &Shared, waiter: Waiter, tell: impl FnOnce(&dyn crate::port::Port, u32)) {
        let Some(port) = shared.port(waiter.port) else { return };
        if let Some(buffer) = self.completions.get_mut(waiter.port as usize)
            && !buffer.is_empty()
        {
            port.deliver(buffer);
            buffer.clear();
        }
        tell(&*port, waiter.slot);
    }

    /// Sends what was put aside for other shards and for ports.
    pub fn flush(&mut self, shared: &Shared) {
        self.since_flush = 0;
        for ((index, outbox), waiting) in self.outboxes.iter_mut().enumerate().zip(&mut self.waiting_at) {
            if !outbox.is_empty() {
                *waiting = shared.push(index as u32, outbox);
            }
        }
        for (index, buffer) in self.completions.iter_mut().enumerate() {
            if !buffer.is_empty() {
                if let Some(port) = shared.port(index as u32) {
                    port.deliver(buffer);
                }
                buffer.clear();
            }
        }
    }

    fn set_timer(&mut self, after_ms: u64, kind: TimerKind) {
        // One more, because the reading of the clock was rounded down: never early (`TMR-4`).
        self.timers.push(Reverse((self.now.saturating_add(after_ms).saturating_add(1), kind)));
    }

    /// When [`Shard::run_timers`] is next worth calling.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let tick = self.ticks.first().map(|(at, ..)| *at);
        [timer, deadline, tick, self.asks.next_due()].into_iter().flatten().min()
    }

    /// Does what is due: deadlines of asks, restarts, ends of waits, ticks of timers.
    pub fn run_timers(&mut self, shared: &Shared) {
        let mut due = std::mem::take(&mut self.due);
        self.asks.expire(self.now, &mut due);
        for number in due.drain(..) {
            self.settle_early(shared, number, crate::ask::AskError::Timeout);
        }
        if due.capacity() <= KEEP_DUE {
            self.due = due;
        }
        self.end_overdue(shared);
        while let Some(Reverse((at, kind))) = self.timers.peek().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop();
            self.fire(shared, at, kind);
        }
        self.run_ticks(shared);
    }

    fn fire(&mut self, shared: &Shared, at: u64, kind: TimerKind) {
        match kind {
            TimerKind::Restart(local, tag, incarnation) => self.restart_due(shared, local, tag, incarnation),
            TimerKind::Waiting(local, tag) => self.refuse_waiting(shared, local, tag),
            TimerKind::Grace(local, tag) => self.grace_over(shared, local, tag),
            TimerKind::LifeGrace(local, tag, incarnation) => self.life_grace_over(shared, local, tag, incarnation),
            TimerKind::Tree(node, timer) => self.tree_due(shared, node, timer),
            TimerKind::Batch(local, tag) => self.batch_again(local, tag),
            TimerKind::Drained => self.stop_all(shared),
            TimerKind::Probe(local, tag, incarnation) => self.probe_due(shared, local, tag, incarnation),
            TimerKind::ProbeOver(local, tag, incarnation) => self.probe_over(shared, at, local, tag, incarnation),
            TimerKind::Letters => shared.summarize_letters(self.now),
            TimerKind::Shutdown => self.kill_all(shared),
        }
    }

    fn remember_end(&mut self, tag: u64, ended: Ended) {
        if self.ended_order.len() >= REMEMBERED_ENDS
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.ended_order.push_back(tag);
        self.ended.insert(tag, ended);
    }
}
