//! Jobs that an environment does, such as a JavaScript thread: handed to its port, kept here until
//! the answer comes as a record, and then committed the same way as any job. Deadlines of jobs are
//! by the clock on the wall, because what they wait for uses no processor.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bonds::has_unwanted;
use super::effects;
use super::subscribe::returned;
use super::turn::MAX_TURN_BYTES;
use super::{Job, Outcome, Shard, TimerKind, Work};
use crate::ask::AskState;
use crate::behavior::{Behavior, InlineTurn};
use crate::frame::{self, Frames};
use crate::health::{Health, HealthState};
use crate::mailbox::Verdict;
use crate::port::{WORK_SLOT, work, write_parts};
use crate::reason::{Crash, ExitReason, ReasonTag, StartError};
use crate::record::{self, Record};
use crate::shared::Shared;
use crate::spec::External;
use crate::topics::Unsubscribed;

/// Grace of an actor that stopped itself (`STOP-3`); a request to stop carries its own.
const OWN_STOP_MS: u64 = 5_000;

/// A job that an environment has.
pub struct Parked {
    job: Job,
    /// Its number; an answer with another one is stale.
    number: u32,
    /// Its handler waits for something.
    begun: bool,
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").field("number", &self.number).field("messages", &self.job.messages).finish()
    }
}

/// Stands for an external actor's behavior: holds the result of its last turn.
struct Remote {
    output: Vec<u8>,
    /// Its handlers wait: one message a turn.
    single: bool,
}

impl Behavior for Remote {
    fn start(&mut self, _: &[u8]) -> Result<(), StartError> {
        Err(StartError { crash: misplaced(), deterministic: true })
    }

    fn handle(&mut self, _: &[u8]) -> Result<(), Crash> {
        Err(misplaced())
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn handle_inline(self: Box<Self>, _: &[u8]) -> InlineTurn {
        InlineTurn::Declined(self)
    }

    fn runs_inline(&self) -> bool {
        false
    }

    fn takes_batches(&self) -> bool {
        !self.single
    }

    fn stop(&mut self) {}
}

fn misplaced() -> Crash {
    Crash::new(ReasonTag::HostError, "an external actor's job came to a worker")
}

fn limit_text(what: &str, limit_ms: u64) -> String {
    format!("the {what} took longer than {limit_ms} ms")
}

impl Shard {
    fn external(&self, local: u32) -> Option<External> {
        self.cells.get(local as usize)?.spec.as_deref()?.external
    }

    /// Tells an external actor's environment something.
    fn tell_environment(&mut self, local: u32, (kind, number): (u32, u32), count: u32, frames: &[u8]) {
        let Some(External { port, definition, .. }) = self.external(local) else { return };
        let address = self.address_of(local);
        let (incarnation, generation) =
            self.cells.get(local as usize).map_or((0, 0), |cell| (cell.incarnation, cell.generation));
        let (low, high) = (address.tag as u32, (address.tag >> 32) as u32);
        let words = [address.index, low, high, number, incarnation, definition, generation, count];
        let mut head = [0u8; work::HEAD_BYTES];
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        if let Some(buffer) = self.completions_of(port) {
            write_parts(buffer, WORK_SLOT, kind, [&head, frames]);
        }
    }

    /// Hands a job of an external actor to its environment.
    pub(super) fn hand_over(&mut self, mut job: Job) {
        let local = job.local;
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(spec) = cell.spec.clone() else { return };
        cell.running = true;
        // No thread has it, so there is none to interrupt.
        cell.turn = (u32::MAX, 0);
        let rare = cell.rare_mut();
        rare.jobs = rare.jobs.wrapping_add(1);
        let number = rare.jobs;
        match &mut job.work {
            Work::Start(_, config) => {
                let config = std::mem::take(config);
                self.watch_job(local, now.saturating_add(spec.start_ms).saturating_add(1));
                self.tell_environment(local, (work::START, number), 0, &config);
            }
            Work::Stop => self.tell_environment(local, (work::STOP, number), 0, &[]),
            Work::Health => {
                self.tell_environment(local, (work::HEALTH, number), 0, &[]);
                self.watch_probe(local);
            }
            _ if job.asks > 0 => {
                let frames = self.with_contexts(local, job.input.frames());
                self.tell_environment(local, (work::TURN, number), job.input.count, &frames);
                self.pool.give(frames);
            }
            _ => self.tell_environment(local, (work::TURN, number), job.input.count, job.input.frames()),
        }
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().parked = Some(Box::new(Parked { job, number, begun: false }));
        }
    }

    /// Hands turns of external actors over, as far as they are next. For a thread that is no worker:
    /// turns of other actors stay where they are.
    pub fn serve_external(&mut self, shared: &Shared) {
        while let Some(local) = self.run_queue.front().copied() {
            let Some(cell) = self.cells.get_mut(local as usize) else { return };
            if !cell.external {
                return;
            }
            self.run_queue.pop_front();
            cell.scheduled = false;
            let mut job = Job::default();
            if !cell.is_runnable() || !self.take_turn(shared, local, (u32::MAX, 0), &mut job) {
                continue;
            }
            if job.is_injected() {
                // A worker lets it fail.
                self.running -= 1;
                self.queue_job(job);
            } else {
                self.hand_over(job);
            }
        }
    }

    /// Tells the environment of an actor that has ended for good.
    pub(super) fn forget_external(&mut self, local: u32) {
        self.tell_environment(local, (work::ENDED, 0), 0, &[]);
    }

    /// Tells the environment that a life has ended which it had no job of.
    pub(super) fn tell_life_over(&mut self, local: u32, was_idle: bool) {
        if was_idle {
            self.tell_environment(local, (work::ABANDONED, 0), 0, &[]);
        }
    }

    /// Lets an external actor that stops itself be killed if that takes too long.
    pub(super) fn limit_own_stop(&mut self, local: u32) {
        if let Some(tag) = self.cells.get(local as usize).filter(|cell| cell.external).map(|cell| cell.tag) {
            self.set_timer(OWN_STOP_MS, TimerKind::Grace(local, tag));
        }
    }

    /// Subscriptions of an actor have ended: what of them lies in a turn that its environment has.
    pub(super) fn topics_in_hand(&self, local: u32, ended: &[u32]) -> Unsubscribed {
        let parked = self.cells.get(local as usize).and_then(|cell| cell.rare.as_deref()?.parked.as_deref());
        let Some(parked) = parked else { return Unsubscribed::Done };
        let topics = Frames::new(parked.job.input.frames()).filter(|frame| frame.kind == frame::kind::TOPIC);
        let mut tags: Vec<u32> = topics.map(|frame| frame.corr).filter(|tag| ended.contains(tag)).collect();
        tags.dedup();
        if tags.is_empty() { Unsubscribed::Done } else { Unsubscribed::InHand { job: parked.number, tags } }
    }

    /// Takes a job back without an answer, and tells the environment that it is over.
    pub(super) fn abandon(&mut self, local: u32) -> Option<Job> {
        let parked = self.cells.get_mut(local as usize)?.rare.as_deref_mut()?.parked.take()?;
        self.unwatch_job(local);
        self.waiting -= u32::from(parked.begun);
        self.tell_environment(local, (work::ABANDONED, parked.number), 0, &[]);
        Some(parked.job)
    }

    /// The actor or its life was killed: nobody waits for what the environment makes of its job.
    pub(super) fn take_back(&mut self, shared: &Shared, job: Job) {
        self.running -= 1;
        if let Some(cell) = self.cells.get_mut(job.local as usize) {
            cell.running = false;
        }
        self.drop_job(shared, job, None);
    }

    /// An answer of an environment. One for a job that is over is dropped and counted.
    pub(super) fn take_work(&mut self, shared: &Shared, record: &Record<'_>) {
        let found = self.resolve(record.target).and_then(|(local, cell)| {
            let rare = cell.rare.as_deref_mut()?;
            let is_it = rare.parked.as_deref().is_some_and(|parked| parked.number == record.word);
            #[cfg(troupe_planted)]
            let is_it = is_it || crate::planted::is(crate::planted::Bug::WorkLate);
            Some((local, is_it.then(|| rare.parked.take()).flatten()?))
        });
        let Some((local, parked)) = found else {
            self.stale_work += 1;
            return;
        };
        let Parked { job, number, begun } = *parked;
        self.waiting -= u32::from(begun);
        if record.frame.kind == record::kind::WORK_BEGUN {
            return self.work_begun(shared, job, number, record.frame.payload);
        }
        self.unwatch_job(local);
        let single = record.frame.flags & record::FLAG_SINGLE != 0;
        self.work_done(shared, job, record.frame.payload, single);
    }

    fn work_done(&mut self, shared: &Shared, mut job: Job, result: &[u8], single: bool) {
        let failure = effects::crash_of(result);
        let remote = || -> Option<Box<dyn Behavior>> { Some(Box::new(Remote { output: result.to_vec(), single })) };
        match (&job.work, failure) {
            (Work::Start(..), Some(crash)) => {
                job.outcome = Outcome::StartFailed(Box::new(StartError { crash, deterministic: false }));
            }
            (Work::Start(..), None) => {
                job.behavior = remote();
                job.outcome = Outcome::Done;
            }
            (Work::Turn, None) => {
                job.behavior = remote();
                job.outcome = Outcome::Done;
            }
            (Work::Turn, Some(crash)) => {
                // The crash is of one message, whatever came before it happened.
                self.advance(shared, &mut job, result);
                job.outcome = Outcome::Crashed(Box::new(crash));
            }
            (Work::Health, failure) => job.outcome = Outcome::Probed(Box::new(health_of(result, failure))),
            // How it goes down decides nothing.
            _ => job.outcome = Outcome::Done,
        }
        self.commit(shared, &mut job);
    }

    /// A handler waits: what came before it is done, what comes after it waits in the mailbox, and
    /// its time begins.
    fn work_begun(&mut self, shared: &Shared, mut job: Job, number: u32, result: &[u8]) {
        let local = job.local;
        let limit_ms = self.external(local).map_or(u64::MAX, |external| external.handler_ms);
        if matches!(job.work, Work::Turn) {
            if job.input.count > 1 {
                self.advance(shared, &mut job, result);
            }
            #[cfg(troupe_planted)]
            let limit_ms = if crate::planted::is(crate::planted::Bug::WorkUnwatched) { u64::MAX } else { limit_ms };
            self.watch_job(local, self.now.saturating_add(limit_ms).saturating_add(1));
        }
        self.waiting += 1;
        let now = self.now;
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.began = now;
            cell.rare_mut().parked = Some(Box::new(Parked { job, number, begun: true }));
        }
    }

    /// Commits the first frames of a turn that the environment still has; `job` becomes a turn of
    /// the one frame behind them.
    fn advance(&mut self, shared: &Shared, job: &mut Job, result: &[u8]) {
        let local = job.local;
        let consumed = frame::word(result, 4).unwrap_or(0).min(job.input.count.saturating_sub(1));
        if consumed == 0 {
            job.input.strip_pressure();
        }
        let answered = self.apply_effects(shared, local, result);
        let consumed_end = job.input.offset_after(consumed);
        // What came back would stand behind the message in hand: it stays aside until that is done.
        let aside = self.apply_stash(shared, local, result, &job.input, None);
        let tick = self.keep_tick(local, &job.input, consumed_end);
        let done = self.requeue_rest(job, consumed_end);
        let handled = done - aside.len() as u32;
        self.counters.handled += u64::from(handled);
        let asks = Frames::new(job.input.buffer.get(job.input.start..consumed_end).unwrap_or_default())
            .filter(|frame| frame.kind == frame::kind::ASK)
            .count() as u32;
        if answered != asks || !aside.is_empty() {
            self.remember_open_asks(local, &job.input, consumed_end);
        }
        if job.observed != 0 {
            self.observe_processed(shared, job, consumed_end, &aside);
        }
        let rest = job.input.count - consumed;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.handled += u64::from(handled);
        cell.single = true;
        let returned = returned(cell, &job.input, consumed_end);
        cell.mailbox.put_back(std::mem::take(&mut job.input), consumed_end, rest, &mut self.pool);
        self.drop_unsubscribed(shared, local, 1..returned, done);
        if self.cells.get(local as usize).and_then(|cell| cell.rare.as_deref()).is_some_and(|rare| rare.replay > 0) {
            self.replayed(shared, local, done);
        }
        if self.cells.get(local as usize).is_some_and(|cell| cell.ticking) {
            self.ticks_handled(shared, local);
        }
        if self.cells.get(local as usize).is_some_and(has_unwanted) {
            self.drop_unwanted(shared, local, 1);
        }
        self.take_one(job);
        self.hold_tick(local, tick);
        self.look_at_water(shared, local);
    }

    /// Takes the first frame of the mailbox as the job's turn, whatever has become of it meanwhile:
    /// the environment has it in hand.
    fn take_one(&mut self, job: &mut Job) {
        let Some(cell) = self.cells.get_mut(job.local as usize) else { return };
        let (table, mut messages, mut asks, mut answers) = (&mut self.asks, 0, 0, 0);
        let input = cell.mailbox.take(1, MAX_TURN_BYTES, &mut self.pool, |frame, _| {
            match frame.kind {
                frame::kind::MESSAGE | frame::kind::TOPIC => messages += 1,
                frame::kind::ASK => {
                    messages += 1;
                    if let Some(ask) = table.get_mut(frame.corr) {
                        ask.state = AskState::Delivered;
                        asks += 1;
                    }
                }
                _ => answers += 1,
            }
            Verdict::Take
        });
        job.input = input.unwrap_or_default();
        (job.messages, job.asks) = (messages, asks);
        cell.in_hand = messages;
        if answers > 0 {
            let rare = cell.rare_mut();
            rare.queued_answers = rare.queued_answers.saturating_sub(answers);
        }
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::TickTwice) {
            self.take_ticks(job);
        }
    }

    /// Ends the job of a cell at `at`, unless it is done by then.
    pub(super) fn watch_job(&mut self, local: u32, at: u64) {
        self.unwatch_job(local);
        if at == u64::MAX {
            return;
        }
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().job_deadline = at;
            self.deadlines.insert((at, local));
        }
    }

    pub(super) fn unwatch_job(&mut self, local: u32) {
        let Some(rare) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()) else { return };
        if rare.job_deadline != 0 {
            self.deadlines.remove(&(rare.job_deadline, local));
            rare.job_deadline = 0;
        }
    }

    /// Ends jobs whose time is up.
    pub(super) fn end_overdue(&mut self, shared: &Shared) {
        while let Some((at, local)) = self.deadlines.first().copied().filter(|(at, _)| *at <= self.now) {
            self.deadlines.remove(&(at, local));
            if let Some(rare) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()) {
                rare.job_deadline = 0;
            }
            match self.abandon(local) {
                Some(job) => self.overdue(shared, job),
                None => self.start_overdue(shared, local),
            }
        }
    }

    fn overdue(&mut self, shared: &Shared, mut job: Job) {
        let spec = self.cells.get(job.local as usize).and_then(|cell| cell.spec.clone());
        let (start_ms, handler_ms) =
            spec.map_or((0, 0), |spec| (spec.start_ms, spec.external.map_or(0, |external| external.handler_ms)));
        job.outcome = match &job.work {
            Work::Start(..) => Outcome::StartFailed(Box::new(start_timeout(start_ms))),
            _ => Outcome::Crashed(Box::new(Crash::new(ReasonTag::Deadline, limit_text("handler", handler_ms)))),
        };
        self.commit(shared, &mut job);
    }

    /// A worker's start takes too long, and the guest may be waiting where nothing interrupts it:
    /// the actor does not wait for it any longer. What comes of it is thrown away.
    fn start_overdue(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.running) else { return };
        let Some(start_ms) = cell.spec.as_deref().map(|spec| spec.start_ms) else { return };
        cell.running = false;
        let (slot, number) = cell.turn;
        self.abandoned.push((slot, number));
        shared.kill_turn(slot, number);
        self.start_failed(shared, local, start_timeout(start_ms));
    }

    /// Drops a job that comes back for a life that was given up meanwhile; false for any other.
    #[inline]
    pub(super) fn drop_abandoned(&mut self, job: &mut Job) -> bool {
        if self.abandoned.is_empty() {
            return false;
        }
        let before = self.abandoned.len();
        self.abandoned.retain(|turn| *turn != job.turn);
        if before == self.abandoned.len() {
            return false;
        }
        let late = std::mem::take(job);
        // A panic of a destructor must not take the worker along.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(late)));
        true
    }

    /// An environment has gone: its actors end.
    pub fn end_external(&mut self, shared: &Shared, port: u32) {
        for local in 0..self.cells.len() as u32 {
            if self.external(local).is_none_or(|external| external.port != port) {
                continue;
            }
            if let Some(cell) = self.cells.get_mut(local as usize) {
                let text = "the environment that ran it has ended".to_owned();
                cell.rare_mut().exit = Some(ExitReason { tag: ReasonTag::Killed, text });
            }
            self.kill_local(shared, local);
        }
    }
}

/// What an environment says of an actor's health. A probe that fails there is an answer too: nothing of
/// the actor was lost by it.
fn health_of(result: &[u8], failure: Option<Crash>) -> Health {
    match failure {
        Some(crash) => Health::new(HealthState::Unhealthy, &crash.message),
        None => Health::read(result.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default()).unwrap_or_default(),
    }
}

fn start_timeout(limit_ms: u64) -> StartError {
    StartError { crash: Crash::new(ReasonTag::StartTimeout, limit_text("start", limit_ms)), deterministic: false }
}
