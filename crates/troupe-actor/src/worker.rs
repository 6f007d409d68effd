//! Workers: the threads that run a shard's jobs.
//!
//! A shard has one driver at a time. A turn that runs longer than [`SLOW_TICKS`] loses its shard:
//! the watchdog makes a spare thread the driver, and the straggler only commits its turn when it
//! comes back (`ENG-8`). At the bound of spare threads the longest-running turn must make room, once it
//! has run for [`LONG_TICKS`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::gate::Gate;
use crate::interrupt::{self, TurnSlot};
use crate::quiet::tell_if_quiet;
use crate::shard::{Job, Outbox, Shard};
use crate::shared::Shared;
use crate::sync;
use crate::ticker::Ticker;

/// Ticks after which a turn counts as slow.
const SLOW_TICKS: u64 = 2;
/// Ticks after which a turn is asked to make room at the bound of spare threads. Ticks measure wall
/// time: whether it used the processor that long is looked at where it runs (`ENG-3`).
const LONG_TICKS: u64 = 100;
/// How long a worker looks for work before it sleeps, while traffic is light. Below some 20 µs a
/// worker is asleep by the time the next request comes; more only burns the processor.
const SPIN: Duration = Duration::from_micros(20);
/// An inbox with more bytes than this is a flood: looking for work would only steal time from
/// whoever fills it.
const LIGHT_BYTES: usize = 8 * 1024;
/// Largest inbox buffer that is kept after a flood.
const KEEP_BYTES: usize = 4 * 1024 * 1024;
/// Turns between two looks at the clock and the inbox.
const TURNS_PER_ROUND: u32 = 32;

/// One shard with its lock and its way in.
pub struct ShardHandle {
    /// The shard.
    pub state: sync::Mutex<Shard>,
    /// The way in.
    pub gate: Arc<Gate>,
    /// Number of the current driver.
    driver: AtomicU64,
    /// Rounds so far: whoever asks whether the system lives looks at whether it moves.
    rounds: AtomicU64,
    watch: Mutex<Watch>,
}

/// What the watchdog knows of a shard's driver.
#[derive(Default)]
struct Watch {
    slot: Option<Arc<TurnSlot>>,
    number: u64,
    ticks: u64,
}

/// The threads of a system.
pub struct Workers {
    shared: Arc<Shared>,
    shards: Vec<Arc<ShardHandle>>,
    ticker: Arc<Ticker>,
    closed: AtomicBool,
    /// Ticks so far, for rounds to see that time has passed without reading the clock.
    ticks: AtomicU64,
    spares: Mutex<Spares>,
    spare_wanted: Condvar,
}

struct Spares {
    /// Shards that wait for a driver.
    waiting: VecDeque<(usize, u64)>,
    /// Spare threads that wait for a shard.
    idle: usize,
    /// Threads beyond one per shard.
    extra: usize,
    max_extra: usize,
    /// Turns that lost their shard and still run, oldest first.
    stragglers: VecDeque<Straggler>,
    /// Ticks so far.
    now: u64,
}

/// A turn that lost its shard.
struct Straggler {
    slot: Arc<TurnSlot>,
    number: u64,
    /// When it began, in ticks.
    began: u64,
}

impl ShardHandle {
    /// A handle for a shard behind this gate.
    #[must_use]
    pub fn new(shard: Shard, gate: Arc<Gate>) -> Self {
        Self {
            state: sync::Mutex::new(shard),
            gate,
            driver: AtomicU64::new(1),
            rounds: AtomicU64::new(0),
            watch: Mutex::default(),
        }
    }

    /// Rounds that its drivers have begun.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Takes what lies in the inbox over into mailboxes; the bytes of its records, `None` when it is
    /// empty.
    pub fn drain_inbox(&self, shard: &mut Shard, shared: &Shared, scratch: &mut Outbox) -> Option<usize> {
        if !self.gate.is_filled() {
            return None;
        }
        self.gate.take(scratch);
        shard.drain(shared, &scratch.records, &mut scratch.signals);
        let bytes = scratch.records.len();
        if scratch.records.capacity() > KEEP_BYTES {
            scratch.records = Vec::new();
        }
        scratch.records.clear();
        scratch.signals.clear();
        Some(bytes)
    }
}

impl Workers {
    /// The threads of a system, none of them started.
    #[must_use]
    pub fn new(shared: Arc<Shared>, shards: Vec<Arc<ShardHandle>>, ticker: Arc<Ticker>, max_extra: usize) -> Arc<Self> {
        let spares =
            Spares { waiting: VecDeque::new(), idle: 0, extra: 0, max_extra, stragglers: VecDeque::new(), now: 0 };
        Arc::new(Self {
            shared,
            shards,
            ticker,
            closed: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            spares: Mutex::new(spares),
            spare_wanted: Condvar::new(),
        })
    }

    /// Starts one worker per shard, and the watchdog.
    ///
    /// # Errors
    /// When the operating system refuses a thread; [`Workers::close`] ends those that run.
    pub fn start(self: &Arc<Self>) -> std::io::Result<()> {
        for index in 0..self.shards.len() {
            self.spawn_thread(index, 1)?;
        }
        let watchdog = Arc::downgrade(self);
        self.ticker.register(move || watchdog.upgrade().is_some_and(|workers| workers.tick()));
        Ok(())
    }

    /// Ends all threads once they are done with what they run.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for shard in &self.shards {
            shard.gate.unpark();
        }
        let _guard = self.spares.lock();
        self.spare_wanted.notify_all();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn spawn_thread(self: &Arc<Self>, shard: usize, driver: u64) -> std::io::Result<()> {
        let workers = Arc::clone(self);
        std::thread::Builder::new().name(format!("troupe-{shard}")).spawn(move || workers.thread(shard, driver))?;
        Ok(())
    }

    /// A worker's life: it drives a shard until it loses it, then waits for another.
    fn thread(self: Arc<Self>, shard: usize, driver: u64) {
        let slot = Arc::new(TurnSlot::default());
        let slot_index = self.shared.add_slot(&slot);
        interrupt::install(&slot);
        let mut own = Own { slot, slot_index, number: 0, scratch: Outbox::default(), job: Job::default() };
        let mut next = Some((shard, driver));
        while let Some((shard, driver)) = next {
            if let Some(handle) = self.shards.get(shard) {
                self.drive(handle, driver, &mut own);
            }
            next = self.next_shard(&own.slot);
        }
        self.shared.remove_slot(slot_index);
    }

    /// Waits until a shard needs a driver; `None` ends the thread.
    fn next_shard(&self, slot: &Arc<TurnSlot>) -> Option<(usize, u64)> {
        let mut spares = self.spares.lock();
        spares.stragglers.retain(|straggler| !Arc::ptr_eq(&straggler.slot, slot));
        while !self.is_closed() {
            if let Some(next) = spares.waiting.pop_front() {
                return Some(next);
            }
            // One waiting spare per shard is plenty; threads beyond that end.
            if spares.idle >= self.shards.len() {
                break;
            }
            spares.idle += 1;
            self.spare_wanted.wait(&mut spares);
            spares.idle -= 1;
        }
        spares.extra = spares.extra.saturating_sub(1);
        None
    }

    /// Runs a shard's jobs until another thread becomes its driver, or the system is closed.
    fn drive(&self, handle: &ShardHandle, driver: u64, own: &mut Own) {
        handle.gate.install_worker();
        *handle.watch.lock() = Watch { slot: Some(Arc::clone(&own.slot)), ..Watch::default() };
        self.ticker.enter();
        let mut light = true;
        while !self.is_closed() && handle.driver.load(Ordering::Acquire) == driver {
            let drained = self.round(handle, driver, own);
            if let Some(bytes) = drained {
                light = bytes <= LIGHT_BYTES;
                continue;
            }
            if light && self.spin(handle) {
                continue;
            }
            self.sleep(handle, driver);
        }
        // The last turn may have left work and timers that a sleeping successor does not know of.
        handle.state.lock().flush(&self.shared);
        handle.gate.ring();
        self.ticker.leave();
    }

    /// One round: inbox, timers, some turns. `None` when there was nothing to do, otherwise the
    /// bytes that came through the inbox.
    fn round(&self, handle: &ShardHandle, driver: u64, own: &mut Own) -> Option<usize> {
        let shared = &*self.shared;
        // Only the driver counts, so this needs no locked instruction.
        handle.rounds.store(handle.rounds().wrapping_add(1), Ordering::Relaxed);
        let ticks = self.ticks.load(Ordering::Relaxed);
        let mut shard = handle.state.lock();
        shard.refresh_clock(shared);
        let bytes = handle.drain_inbox(&mut shard, shared, &mut own.scratch);
        shard.run_timers(shared);
        shard.look(shared);
        let mut turns = 0;
        let most = if shared.quiet.is_held() { 0 } else { TURNS_PER_ROUND };
        while turns < most {
            own.number += 1;
            if !shard.next_job(shared, own.slot_index, own.number, &mut own.job) {
                break;
            }
            turns += 1;
            drop(shard);
            own.job.run(&own.slot, own.number);
            shard = handle.state.lock();
            let is_late = self.ticks.load(Ordering::Relaxed) != ticks;
            if is_late {
                // What the turn begins now, such as the wait for an answer, must not begin in the past.
                shard.refresh_clock(shared);
            }
            shard.commit(shared, &mut own.job);
            if is_late || handle.driver.load(Ordering::Relaxed) != driver {
                break;
            }
        }
        let idle = most == 0 || !shard.has_work();
        if idle {
            shard.flush(shared);
        }
        (turns > 0 || bytes.is_some() || !idle).then_some(bytes.unwrap_or(0))
    }

    /// Looks for work for a moment; true when there is some.
    fn spin(&self, handle: &ShardHandle) -> bool {
        let start = Instant::now();
        loop {
            for _ in 0..32 {
                if handle.gate.is_filled() || self.is_closed() {
                    return true;
                }
                std::hint::spin_loop();
            }
            // Whoever has work goes first: it is often the very thread that this one waits for.
            std::thread::yield_now();
            if start.elapsed() >= SPIN {
                return false;
            }
        }
    }

    fn sleep(&self, handle: &ShardHandle, driver: u64) {
        let shared = &*self.shared;
        if shared.quiet.is_wanted() {
            tell_if_quiet(shared, &self.shards);
        }
        let (due, look) = {
            let mut shard = handle.state.lock();
            (shard.next_due(), shard.next_look(shared))
        };
        let now = shared.clock.now_ms();
        let wake = due.into_iter().chain(look).min();
        if wake.is_some_and(|wake| wake <= now) {
            return;
        }
        // A manual clock moves by hand, and whoever moves it rings.
        let limit = wake.filter(|_| !shared.clock.is_manual()).map(|wake| Duration::from_millis(wake - now));
        self.ticker.leave();
        handle.gate.sleep(driver, limit, || {
            self.is_closed()
                || handle.driver.load(Ordering::SeqCst) != driver
                || due.is_some_and(|due| due <= shared.clock.now_ms())
                || (!shared.quiet.is_held()
                    && handle.state.try_lock().is_none_or(|shard| shard.has_work() || shard.next_due() != due))
        });
        self.ticker.enter();
    }

    /// The watchdog: called at every tick while somebody runs.
    fn tick(self: &Arc<Self>) -> bool {
        if self.is_closed() {
            return false;
        }
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.spares.lock().now += 1;
        for (index, handle) in self.shards.iter().enumerate() {
            let mut watch = handle.watch.lock();
            let Some(slot) = watch.slot.clone() else { continue };
            let number = slot.current();
            if number == 0 || number != watch.number {
                (watch.number, watch.ticks) = (number, 0);
                continue;
            }
            watch.ticks += 1;
            let ticks = watch.ticks;
            drop(watch);
            if ticks >= SLOW_TICKS {
                slot.mark_slow(number);
                self.hand_over(index, handle, slot, ticks);
            }
        }
        true
    }

    /// Gives a shard whose driver is stuck in a turn to a spare thread.
    fn hand_over(self: &Arc<Self>, index: usize, handle: &ShardHandle, slot: Arc<TurnSlot>, ticks: u64) {
        let mut spares = self.spares.lock();
        let began = spares.now.saturating_sub(ticks);
        let number = handle.watch.lock().number;
        let is_free = spares.idle > spares.waiting.len();
        let straggler = Straggler { slot, number, began };
        if !is_free && spares.extra >= spares.max_extra {
            // Tried again at the next tick, until a thread is free or the longest turn makes room.
            let longest = spares.stragglers.front().unwrap_or(&straggler);
            if spares.now.saturating_sub(longest.began) >= LONG_TICKS {
                longest.slot.evict(longest.number);
            }
            return;
        }
        spares.stragglers.push_back(straggler);
        handle.watch.lock().slot = None;
        let driver = handle.driver.fetch_add(1, Ordering::SeqCst) + 1;
        // The turn may have ended just now, and its thread may be asleep at the gate.
        handle.gate.unpark();
        if is_free {
            spares.waiting.push_back((index, driver));
            self.spare_wanted.notify_one();
            return;
        }
        spares.extra += 1;
        if self.spawn_thread(index, driver).is_err() {
            // Without a thread the shard waits for the straggler.
            spares.extra -= 1;
            spares.waiting.push_back((index, driver));
        }
    }
}

/// What one worker thread keeps for itself.
struct Own {
    slot: Arc<TurnSlot>,
    slot_index: u32,
    number: u64,
    scratch: Outbox,
    /// The job it runs, in place: jobs are large and turns are short.
    job: Job,
}
