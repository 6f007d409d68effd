//! Coming up, failing, coming up again. How an actor ends is in `ending.rs`, what a supervisor asks
//! of a life in `place.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::bonds::notices;
use super::deliver::Lost;
use super::ending::LastEnd;
use super::subscribe::returned;
use super::{Job, Shard, TimerKind, Work};
use crate::ask::AskError;
use crate::behavior::Behavior;
use crate::cell::Ending;
use crate::counters::LossReason;
use crate::event::Event;
use crate::frame::{self, Frame, Frames};
use crate::id::Address;
use crate::reason::{Crash, ExitReason, ReasonTag, StartError};
use crate::shared::Shared;
use crate::status::Status;
use crate::supervision::decide::{Decision, End, decide};
use crate::supervision::protocol::Charge;
use crate::tree::report::Report;

/// After a crash that did not come again, one message a turn for this long (`TURN-3`).
const CAUTION_MS: u64 = 1_000;

impl Shard {
    /// Begins a life: a worker makes the behavior and starts it.
    pub(super) fn begin_start(&mut self, shared: &Shared, local: u32) {
        let address = self.address_of(local);
        let path = self.path_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(spec) = cell.spec.clone() else { return };
        cell.incarnation = cell.incarnation.wrapping_add(1);
        if cell.status() == Status::Creating {
            cell.set_status(Status::Starting);
        }
        let seed = shared.seed_for(cell.id(address.index), cell.incarnation);
        let user = cell.rare.as_deref().and_then(|rare| rare.user.as_deref()).unwrap_or(&spec.user);
        let state = cell.rare.as_deref().and_then(|rare| rare.state.as_deref()).or(spec.state.as_deref());
        let config = configuration((seed, cell.incarnation), (address, &path), &spec.peers, user, state);
        self.queue_job(Job::new(local, Work::Start(spec, config.into_boxed_slice()), None));
    }

    /// Comes up again at once, where that runs none of the guest's code: a behavior that was made
    /// ahead is there sooner than a worker could be. False when a worker has to do it.
    pub(super) fn restart_here(&mut self, shared: &Shared, local: u32) -> bool {
        let Some(spec) = self.cells.get(local as usize).and_then(|cell| cell.spec.clone()) else { return false };
        if spec.faults.is_some() || !spec.factory.creates_inline() {
            return false;
        }
        // A failure is the worker's to meet again: here it could fail for ever in one go.
        let Ok(Ok(behavior)) = catch_unwind(AssertUnwindSafe(|| spec.factory.create())) else { return false };
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.incarnation = cell.incarnation.wrapping_add(1);
        }
        self.came_up(shared, local, behavior);
        true
    }

    /// A job that was no turn is done: the actor is up, or down.
    pub(super) fn commit_life(&mut self, shared: &Shared, mut job: Job) {
        self.unwatch_job(job.local);
        let behavior = job.behavior.take();
        let Some(cell) = self.cells.get_mut(job.local as usize) else { return };
        if cell.ending == Some(Ending::Kill) {
            self.retire(job.local, behavior);
            self.killed(shared, job.local);
        } else if matches!(cell.ending, Some(Ending::TakingDown | Ending::KillLife)) {
            self.retire(job.local, behavior);
            self.proceed_life(shared, job.local);
        } else if cell.status() == Status::Stopping {
            self.retire(job.local, behavior);
            self.ended_in_order(shared, job.local);
        } else if let Some(behavior) = behavior {
            self.came_up(shared, job.local, behavior);
        }
    }

    fn came_up(&mut self, shared: &Shared, local: u32, behavior: Box<dyn Behavior>) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let first = cell.status() == Status::Starting;
        let supervised = cell.is_supervised();
        cell.single = cell.is_cautious(&*behavior, now);
        cell.behavior = Some(behavior);
        cell.since = now;
        cell.set_status(Status::Ready);
        let mut failure = None;
        let mut waiters = Vec::new();
        if let Some(rare) = cell.rare.as_deref_mut() {
            failure = rare.last_failure.take();
            if supervised && !first {
                rare.history.restarts = rare.history.restarts.saturating_add(1);
            }
            waiters = std::mem::take(&mut rare.start_waiters);
        }
        for waiter in waiters {
            self.tell_port(shared, waiter, |port, slot| port.started(slot, Ok(())));
        }
        if shared.is_listened() {
            let subject = self.subject(local);
            shared.emit(&match failure {
                Some(reason) if !first => Event::Restarted(subject, reason),
                _ => Event::Started(subject),
            });
        }
        self.note_up(local);
        self.arm_probe(shared, local);
        self.proceed_ending(shared, local);
        self.schedule(local);
    }

    /// A start failed. The first one of a spawn leaves nothing behind (`STA-1`).
    pub(super) fn start_failed(&mut self, shared: &Shared, local: u32, error: StartError) {
        self.drop_life_timers(local);
        self.unwatch_job(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let lazy = cell.spec.as_deref().is_some_and(|spec| spec.lazy);
        let first = cell.status() == Status::Starting && !lazy;
        let ending = cell.ending;
        if ending == Some(Ending::Kill) {
            return self.killed(shared, local);
        }
        let waiters = cell.rare.as_deref_mut().map(|rare| std::mem::take(&mut rare.start_waiters)).unwrap_or_default();
        for waiter in waiters {
            self.tell_port(shared, waiter, |port, slot| port.started(slot, Err(&error)));
        }
        let reason = ExitReason { tag: start_tag(&error.crash), text: error.crash.message.clone() };
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let place = cell.rare.as_deref().and_then(|rare| rare.place.as_ref());
        let expected = place.is_some_and(|place| !place.up);
        if cell.is_closed() || (first && !expected) {
            let end = LastEnd { status: Status::Terminated, reason, loss: shared.loss_of_stop() };
            return self.terminate(shared, local, end, !first);
        }
        cell.ending = None;
        // Of a first start whoever asked for it hears; nobody asked for what a supervisor makes by itself.
        if !first || (expected && self.is_observed(local)) {
            self.emit_crash(shared, local, &error.crash);
        }
        match ending {
            Some(Ending::KillLife) => {
                return self.life_over(local, ExitReason::plain(ReasonTag::Killed), Charge::Normal);
            }
            Some(Ending::TakeDown) => return self.life_over(local, reason, Charge::Normal),
            _ => {}
        }
        if !expected {
            let end = End { tag: reason.tag, uptime_ms: 0, deterministic: error.deterministic, replay: false };
            return self.decide(shared, local, end, reason);
        }
        self.cells
            .get_mut(local as usize)
            .into_iter()
            .for_each(|cell| cell.rare_mut().last_failure = Some(reason.clone()));
        let ignored = error.crash.tag == ReasonTag::Normal;
        let what = if ignored { Report::Ignored } else { Report::StartFailed(reason, error.deterministic) };
        self.report_child(local, what);
    }

    /// A turn crashed. One message is the culprit; several are tried again one at a time (`TURN-3`).
    pub(super) fn fail_turn(&mut self, shared: &Shared, mut job: Job, crash: &Crash) {
        let local = job.local;
        job.input.strip_pressure();
        self.emit_crash(shared, local, crash);
        let reason = ExitReason::from(crash);
        let uptime_ms = self.cells.get(local as usize).map_or(0, |cell| self.now.saturating_sub(cell.since));
        let mut end = End { tag: crash.tag, uptime_ms, deterministic: false, replay: false };
        let notices = if job.input.count > job.messages { notices(&job.input, job.input.end) } else { 0 };
        let several = job.messages + notices > 1;
        #[cfg(troupe_planted)]
        let several = several || (job.messages == 1 && crate::planted::is(crate::planted::Bug::PoisonAgain));
        let answers = several && job.input.count > job.messages;
        let mut free = false;
        let from = if several { job.input.start } else { job.input.end };
        let returned = self.cells.get(local as usize).map_or(0, |cell| returned(cell, &job.input, from));
        if several {
            let (start, count, messages) = (job.input.start, job.input.count, job.messages + notices);
            self.requeue_all(&job);
            if let Some(cell) = self.cells.get_mut(local as usize) {
                cell.mailbox.put_back(job.input, start, count, &mut self.pool);
                let rare = cell.rare_mut();
                rare.replay = messages;
                rare.replay_free = true;
            }
            end.replay = true;
        } else {
            free = self.blame(shared, job, crash);
        }
        // Before what goes out of the mailbox counts as a part of the replay, or not.
        if let Some(rare) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()) {
            rare.replay_in_hand = 0;
        }
        self.drop_unsubscribed(shared, local, 0..returned, 0);
        self.lose_life(shared, local, Some(crash), answers);
        if self.cells.get(local as usize).is_some_and(|cell| cell.ticking) {
            self.ticks_handled(shared, local);
        }
        #[cfg(troupe_planted)]
        let free = free && !crate::planted::is(crate::planted::Bug::ReplayChargedTwice);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.in_hand = 0;
        match cell.ending {
            Some(Ending::Kill) => self.killed(shared, local),
            #[cfg(troupe_planted)]
            Some(Ending::Stop | Ending::Drain) if crate::planted::is(crate::planted::Bug::RestartAfterStop) => {
                self.decide(shared, local, end, reason)
            }
            Some(Ending::Stop | Ending::Drain) => self.end_failed(shared, local, reason),
            Some(Ending::KillLife) => {
                self.life_over(local, ExitReason::plain(ReasonTag::Killed), Charge::Normal);
            }
            Some(Ending::TakeDown | Ending::TakingDown) => self.life_over(local, reason, Charge::Normal),
            _ if free => self.restart_after(shared, local, reason, 0),
            _ => self.decide(shared, local, end, reason),
        }
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::WaitersForgotten)
            && let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.backlog)
        {
            (cell.backlog, cell.rare_mut().overflow) = (false, Default::default());
        }
        // Answers and ticks of the life that is over took bytes.
        self.made_room(shared, local);
    }

    /// The one message of a turn is the culprit: it is not run again (`MBX-3`). Returns whether
    /// its crash is the one that was charged already.
    fn blame(&mut self, shared: &Shared, job: Job, crash: &Crash) -> bool {
        let local = job.local;
        let path = self.path_of(local);
        let culprit = Frames::new(job.input.frames()).find(Frame::is_message).map(|frame| {
            ((frame.kind == frame::kind::ASK).then_some(frame.corr), Lost::new(shared, &frame, LossReason::Poison))
        });
        let found = culprit.is_some();
        if let Some((ask, lost)) = culprit {
            if let Some(number) = ask {
                self.settle_now(shared, number, AskError::Crashed, Some(crash));
            }
            self.counters.failed += 1;
            if let Some(cell) = self.cells.get_mut(local as usize) {
                cell.rare_mut().counters.failed += 1;
            }
            let loss = lost.record(self.address_of(local), &path);
            self.bury(shared, Some(local), loss);
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        let end = job.input.end;
        let notices = notices(&job.input, end);
        cell.mailbox.put_back(job.input, end, 0, &mut self.pool);
        let Some(rare) = cell.rare.as_deref_mut() else { return false };
        if rare.replay == 0 || (!found && notices == 0) {
            return false;
        }
        rare.replay -= 1;
        std::mem::take(&mut rare.replay_free)
    }

    pub(super) fn requeue_all(&mut self, job: &Job) {
        for frame in Frames::new(job.input.frames()).filter(|frame| frame.kind == frame::kind::ASK) {
            self.asks.requeue(frame.corr);
        }
        self.ticks_put_back(job.local);
    }

    /// What belonged to the life that ended goes with it: answers, waits, unanswered asks.
    pub(super) fn lose_life(&mut self, shared: &Shared, local: u32, crash: Option<&Crash>, in_turn: bool) {
        self.drop_life_timers(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if cell.stashed {
            self.unstash_all(local);
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        // First, because what the actor asked itself comes back into its own mailbox (`ASK-4`).
        let error = if crash.is_some() { AskError::Crashed } else { AskError::Stopped };
        for number in rare.open_asks.take() {
            self.settle_now(shared, number, error, crash);
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        rare.awaiting.clear();
        rare.in_hand = None;
        rare.lapsed.clear();
        rare.answers.clear();
        rare.answer_count = 0;
        let stale = std::mem::take(&mut rare.queued_answers);
        // Going through a long queue at every crash would cost more than the crash.
        #[cfg(troupe_planted)]
        let (in_turn, stale) =
            if crate::planted::is(crate::planted::Bug::OwnAnswer) { (false, 0) } else { (in_turn, stale) };
        if in_turn || stale > 0 {
            let mut notices = 0;
            cell.mailbox.extract(&mut Vec::new(), |frame: &Frame<'_>| match frame.kind {
                _ if frame.is_message() => false,
                #[cfg(troupe_planted)]
                frame::kind::DOWN if crate::planted::is(crate::planted::Bug::NoticeLost) => true,
                frame::kind::DOWN => {
                    notices += 1;
                    false
                }
                _ => true,
            });
            // Notices are of the actor, not of one life of it (`MBX-2`).
            cell.rare_mut().queued_answers = notices;
        }
    }

    /// `done` messages of a replay went through, or are gone (`TURN-3`).
    pub(super) fn replayed(&mut self, shared: &Shared, local: u32, done: u32) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let tag = cell.tag;
        let rare = cell.rare_mut();
        rare.replay = rare.replay.saturating_sub(done);
        if rare.replay > 0 {
            return;
        }
        let unreproduced = std::mem::take(&mut rare.replay_free);
        if unreproduced {
            rare.single_until = now + CAUTION_MS;
        }
        cell.single = cell.behavior.as_deref().is_none_or(|behavior| cell.is_cautious(behavior, now));
        if unreproduced {
            self.set_timer(CAUTION_MS, TimerKind::Batch(local, tag));
            if shared.is_listened() {
                shared.emit(&Event::CrashUnreproduced(self.subject(local)));
            }
        }
    }

    /// The time of single messages may be over. A running turn looks itself when it ends.
    pub(super) fn batch_again(&mut self, local: u32, tag: u64) {
        let now = self.now;
        if let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.tag == tag && !cell.running) {
            cell.single = cell.behavior.as_deref().is_none_or(|behavior| cell.is_cautious(behavior, now));
        }
    }

    pub(super) fn decide(&mut self, shared: &Shared, local: u32, end: End, reason: ExitReason) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.ending = None;
        if cell.is_supervised() {
            let charge = if end.replay { Charge::Replay } else { Charge::Normal };
            return self.life_over(local, reason, charge);
        }
        let Some(spec) = cell.spec.clone() else { return };
        match decide(&spec.restart, &mut cell.rare_mut().history, end, now, shared.random()) {
            Decision::Restart(delay) => self.schedule_restart(shared, local, reason, delay, true),
            Decision::End => self.end_failed(shared, local, reason),
            Decision::GiveUp => {
                let end = LastEnd { status: Status::Failed, reason, loss: LossReason::GaveUp };
                self.terminate(shared, local, end, true);
            }
        }
    }

    /// A restart that costs nothing because its failure was charged already.
    fn restart_after(&mut self, shared: &Shared, local: u32, reason: ExitReason, delay: u64) {
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.ending = None;
            if cell.is_supervised() {
                return self.life_over(local, reason, Charge::Free);
            }
            let history = &mut cell.rare_mut().history;
            history.restarts = history.restarts.saturating_add(1);
        }
        self.schedule_restart(shared, local, reason, delay, false);
    }

    fn schedule_restart(&mut self, shared: &Shared, local: u32, reason: ExitReason, delay_ms: u64, charged: bool) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.set_status(Status::Restarting);
        let (tag, incarnation) = (cell.tag, cell.incarnation);
        let rare = cell.rare_mut();
        rare.last_failure = Some(reason.clone());
        let attempt = rare.history.failures;
        self.tell_pool(local, &reason, charged);
        if shared.is_listened() {
            shared.emit(&Event::Restarting { subject: self.subject(local), reason, attempt, delay_ms });
        }
        if delay_ms == 0 {
            if !self.restart_here(shared, local) {
                self.begin_start(shared, local);
            }
        } else {
            self.set_timer(delay_ms, TimerKind::Restart(local, tag, incarnation));
        }
    }

    pub(super) fn restart_due(&mut self, shared: &Shared, local: u32, tag: u64, incarnation: u32) {
        let due = self.cells.get(local as usize).is_some_and(|cell| {
            cell.tag == tag && cell.incarnation == incarnation && cell.status() == Status::Restarting && !cell.running
        });
        #[cfg(troupe_planted)]
        let due = due || crate::planted::is(crate::planted::Bug::StaleTimer);
        if due {
            self.begin_start(shared, local);
        }
    }

    /// Gives a behavior that is no longer needed back to where it came from.
    pub(super) fn retire(&mut self, local: u32, behavior: Option<Box<dyn Behavior>>) {
        let Some(behavior) = behavior else { return };
        if let Some(spec) = self.cells.get(local as usize).and_then(|cell| cell.spec.as_deref()) {
            // A panic of a destructor must not take the worker along.
            let _ = catch_unwind(AssertUnwindSafe(|| spec.factory.retire(behavior)));
        }
    }

    /// A frame that was settled before its turn came leaves the queue.
    pub(super) fn count_settled(&mut self, local: u32, error: AskError) {
        let aborted = error == AskError::Aborted;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let own = &mut cell.rare_mut().counters;
        for counters in [own, &mut self.counters] {
            if aborted {
                counters.aborted += 1;
            } else {
                counters.expired += 1;
            }
        }
    }

    fn emit_crash(&self, shared: &Shared, local: u32, crash: &Crash) {
        if shared.is_listened() {
            shared.emit(&Event::Crashed(self.subject(local), Box::new(crash.clone())));
        }
    }

    /// The actor's path: under its supervisor its key there, in a pool its name or its number.
    pub(super) fn path_of(&self, local: u32) -> Arc<str> {
        let Some(cell) = self.cells.get(local as usize) else { return Arc::from("") };
        let parent = cell.parent().map_or("/user", |parent| &*parent.path);
        let rare = cell.rare.as_deref();
        let key = rare.and_then(|rare| rare.place.as_ref()?.key.as_ref());
        match key.or_else(|| rare?.name.as_ref()) {
            Some(name) => Arc::from(format!("{parent}/{name}")),
            None => Arc::from(format!("{parent}/${}", cell.id(self.global(local)))),
        }
    }
}

fn start_tag(crash: &Crash) -> ReasonTag {
    match crash.tag {
        ReasonTag::Deadline | ReasonTag::StartTimeout => ReasonTag::StartTimeout,
        _ => ReasonTag::StartFailed,
    }
}

/// The configuration frames of a start.
fn configuration(
    (seed, incarnation): (u64, u32),
    (own, path): (Address, &str),
    peers: &[(String, Address)],
    user: &[u8],
    state: Option<&[u8]>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut push =
        |kind, address, payload: &[u8]| Frame { kind, flags: 0, corr: 0, address, payload }.write_to(&mut out);
    push(frame::kind::SEED, Address::NONE, &seed.to_le_bytes());
    push(frame::kind::INCARNATION, Address::NONE, &incarnation.to_le_bytes());
    push(frame::kind::SELF, own, path.as_bytes());
    for (name, address) in peers {
        push(frame::kind::PEER, *address, name.as_bytes());
    }
    push(frame::kind::USER, Address::NONE, user);
    if let Some(state) = state {
        push(frame::kind::STATE, Address::NONE, state);
    }
    out
}
