//! Turns: which actor is next, what it is given, and what becomes of the result.

use std::ops::Range;

use super::bonds::{has_unwanted, notices};
use super::deliver::Lost;
use super::effects::{Plan, malformed};
use super::observe::EVENTS;
use super::stash::check_stash;
use super::subscribe::returned;
use super::{Job, Outcome, Shard, Work};
use crate::ask::{AskError, AskState, AskTable};
use crate::behavior::Behavior;
use crate::cell::Ending;
use crate::counters::LossReason;
use crate::frame::{self, Frames};
use crate::mailbox::{TurnInput, Verdict};
use crate::reason::Crash;
use crate::shared::Shared;
use crate::stash::Stash;

/// Most frames of a turn (`TURN-5`).
pub const MAX_TURN_FRAMES: u32 = 64;
/// Most bytes of a turn that holds more than one frame (`TURN-5`).
pub const MAX_TURN_BYTES: usize = 30 * 1024;
/// Turns between two flushes of what waits for other shards and ports.
const FLUSH_EVERY: u32 = 16;

/// What a turn took out of a mailbox.
#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u32,
    asks: u32,
    answers: u32,
    expired: u32,
    aborted: u32,
    /// Flags of all messages: whether a tick is among them.
    flags: u16,
    /// A tick of the actor's own timer, which is alone in its turn.
    tick: bool,
}

/// Whether an ask is still worth handling; one that was settled meanwhile goes (`ASK-3`).
#[inline]
fn judge_ask(table: &mut AskTable, tally: &mut Tally, number: u32, first: bool) -> Verdict {
    let state = table.get_mut(number).map(|ask| &mut ask.state);
    #[cfg(troupe_planted)]
    if state.is_some() && crate::planted::is(crate::planted::Bug::ExpiredDelivered) {
        tally.messages += 1;
        tally.asks += 1;
        return Verdict::Take;
    }
    let settled = match state {
        Some(state @ (AskState::Queued | AskState::Delivered)) => {
            *state = AskState::Delivered;
            tally.messages += 1;
            tally.asks += 1;
            return Verdict::Take;
        }
        Some(AskState::Settled(error)) => Some(*error),
        None => None,
    };
    if first {
        table.remove(number);
        match settled {
            Some(AskError::Aborted) => tally.aborted += 1,
            _ => tally.expired += 1,
        }
    }
    Verdict::Skip
}

/// Checks what can only be checked against the turn itself.
#[inline]
fn check(plan: Plan, output: &[u8], job: &Job) -> Result<Plan, Box<Crash>> {
    let fault = if plan.stashes { check_stash(output, &job.input, plan.consumed) } else { None };
    fault.map_or(Ok(plan), |what| Err(malformed(what)))
}

impl Shard {
    /// Hands out the next job, as turn `number` of slot `slot`.
    #[inline]
    pub fn next_job(&mut self, shared: &Shared, slot: u32, number: u64, job: &mut Job) -> bool {
        while let Some(queued) = self.jobs.pop_front() {
            if let Some(live) = self.live_job(shared, queued, slot, number) {
                *job = live;
                return true;
            }
        }
        while let Some(local) = self.run_queue.pop_front() {
            if !self.talk.goes_on() {
                self.look_at_next_turns();
            }
            let Some(cell) = self.cells.get_mut(local as usize) else { continue };
            cell.scheduled = false;
            let external = cell.external;
            if cell.is_runnable() && self.take_turn(shared, local, (slot, number), job) {
                if !external || job.is_injected() {
                    return true;
                }
                self.hand_over(std::mem::take(job));
            }
        }
        false
    }

    /// A queued job, unless its actor was killed meanwhile.
    fn live_job(&mut self, shared: &Shared, mut job: Job, slot: u32, number: u64) -> Option<Job> {
        let cell = self.cells.get_mut(job.local as usize)?;
        if matches!(cell.ending, Some(Ending::Kill | Ending::KillLife)) {
            cell.running = false;
            let behavior = job.behavior.take();
            self.drop_job(shared, job, behavior);
            return None;
        }
        cell.turn = (slot, number);
        job.turn = (slot, number);
        self.running += 1;
        if let Work::Start(spec, _) = &job.work {
            let at = self.now.saturating_add(spec.start_ms).saturating_add(1);
            self.watch_job(job.local, at);
        }
        if matches!(job.work, Work::Health) {
            self.watch_probe(job.local);
        }
        Some(job)
    }

    /// Takes an actor's next turn into `job`; false when every queued message turned out to be dead.
    pub(crate) fn take_turn(&mut self, shared: &Shared, local: u32, turn: (u32, u64), job: &mut Job) -> bool {
        job.begin_turn(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        if let Some(rare) = cell.rare.as_deref_mut().filter(|rare| rare.answer_count > 0) {
            let buffer = std::mem::take(&mut rare.answers);
            let count = std::mem::take(&mut rare.answer_count);
            // Answered: whatever the handler waits for next, it says again.
            rare.awaiting.clear();
            job.input = TurnInput { start: 0, end: buffer.len(), buffer, count };
        } else if !self.take_messages(shared, job) {
            self.proceed_ending(shared, local);
            return false;
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        if let Some(rare) = cell.rare.as_deref_mut().filter(|rare| rare.replay > 0) {
            rare.replay_in_hand = job.messages + notices(&job.input, job.input.end);
        }
        job.behavior = cell.behavior.take();
        cell.running = true;
        cell.turn = turn;
        cell.began = self.now;
        cell.in_hand = job.messages;
        let prepares = cell.prepares;
        if EVENTS && (cell.observed | self.observes) {
            self.observe_received(shared, job);
        }
        self.running += 1;
        if prepares {
            self.prepare_turn(job);
        }
        true
    }

    /// Takes messages out of the mailbox; false when there are none.
    #[inline]
    fn take_messages(&mut self, shared: &Shared, job: &mut Job) -> bool {
        let Some(cell) = self.cells.get_mut(job.local as usize) else { return false };
        let limit = if cell.single { 1 } else { MAX_TURN_FRAMES };
        let (table, mut tally) = (&mut self.asks, Tally::default());
        let mut expired = Vec::new();
        let input = cell.mailbox.take(limit, MAX_TURN_BYTES, &mut self.pool, |frame, first| match frame.kind {
            // What comes before a tick has happened when it is handled: it may have cancelled the timer.
            _ if tally.tick => Verdict::Skip,
            frame::kind::TIMER if !first => Verdict::Skip,
            frame::kind::MESSAGE | frame::kind::TOPIC => {
                tally.messages += 1;
                tally.flags |= frame.flags;
                Verdict::Take
            }
            frame::kind::ASK => {
                let (verdict, before) = (judge_ask(table, &mut tally, frame.corr, first), expired.len());
                if tally.expired as usize > before {
                    expired.push(Lost::new(shared, frame, LossReason::Expired));
                }
                verdict
            }
            frame::kind::TIMER => {
                tally.tick = true;
                tally.answers += 1;
                Verdict::Take
            }
            _ => {
                tally.answers += 1;
                Verdict::Take
            }
        });
        let (backlog, high) = (cell.backlog, cell.high);
        (job.messages, job.asks) = (tally.messages, tally.asks);
        if tally.answers + tally.expired + tally.aborted > 0 {
            self.note_rare(shared, job.local, tally, expired);
        }
        if backlog {
            self.admit_waiting(shared, job.local);
        } else if high {
            self.look_at_water(shared, job.local);
        }
        let found = input.is_some();
        job.input = input.unwrap_or_default();
        if tally.tick || tally.flags & frame::FLAG_TICK != 0 {
            self.take_ticks(job);
        }
        found
    }

    /// Accounts for what was no plain message among the frames that a turn took.
    #[cold]
    fn note_rare(&mut self, shared: &Shared, local: u32, tally: Tally, expired: Vec<Lost>) {
        self.bury_all(shared, local, expired);
        self.counters.expired += u64::from(tally.expired);
        self.counters.aborted += u64::from(tally.aborted);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let rare = cell.rare_mut();
        rare.counters.expired += u64::from(tally.expired);
        rare.counters.aborted += u64::from(tally.aborted);
        rare.queued_answers = rare.queued_answers.saturating_sub(tally.answers);
        // Dead asks of a replay are over; those in front of the turn were of the replay first.
        let dead = tally.expired + tally.aborted;
        if rare.replay > 0 && dead > 0 {
            self.replayed(shared, local, dead);
        }
    }

    /// Takes a job back and lets its effects happen. What is left in `job` is of no use.
    #[inline]
    pub fn commit(&mut self, shared: &Shared, job: &mut Job) {
        self.running -= 1;
        if self.drop_abandoned(job) {
            return;
        }
        #[cfg(troupe_planted)]
        let job = crate::planted::unslow(job);
        if job.slow {
            // Whoever drives the shard meanwhile may have slept ever since: deadlines and waits that
            // this job gives rise to would begin in the past (`TMR-4`).
            self.refresh_clock(shared);
        }
        if let Some(cell) = self.cells.get_mut(job.local as usize) {
            cell.running = false;
        }
        match std::mem::replace(&mut job.outcome, Outcome::Pending) {
            Outcome::Done if matches!(job.work, Work::Turn) && job.input.count > 0 => self.commit_turn(shared, job),
            Outcome::Done => self.commit_life(shared, std::mem::take(job)),
            Outcome::Probed(health) => self.commit_probe(shared, std::mem::take(job), *health),
            Outcome::Crashed(crash) => self.commit_crash(shared, std::mem::take(job), *crash),
            Outcome::StartFailed(error) => self.start_failed(shared, job.local, *error),
            Outcome::Suspended(suspended) => self.resume_later(std::mem::take(job), suspended),
            Outcome::Declined | Outcome::Pending => self.give_turn_back(shared, std::mem::take(job)),
        }
        self.since_flush += 1;
        if self.since_flush >= FLUSH_EVERY {
            self.flush(shared);
        }
    }

    fn commit_turn(&mut self, shared: &Shared, job: &mut Job) {
        let local = job.local;
        let Some(behavior) = job.behavior.take() else { return };
        if self.cells.get(local as usize).is_some_and(|cell| cell.ending == Some(Ending::Kill)) {
            return self.commit_killed(shared, std::mem::take(job), Some(behavior));
        }
        match Plan::read(behavior.output(), job.input.count).and_then(|plan| check(plan, behavior.output(), job)) {
            Err(crash) => {
                #[cfg(troupe_planted)]
                if crate::planted::is(crate::planted::Bug::CrashedTurnSends) {
                    self.apply_effects(shared, local, behavior.output());
                }
                self.retire(local, Some(behavior));
                self.fail_turn(shared, std::mem::take(job), &crash);
            }
            Ok(plan) => self.apply_turn(shared, job, behavior, plan),
        }
    }

    fn apply_turn(&mut self, shared: &Shared, job: &mut Job, behavior: Box<dyn Behavior>, mut plan: Plan) {
        let local = job.local;
        let queued = self.run_queue.len();
        if plan.consumed == 0 {
            job.input.strip_pressure();
        }
        let consumed_end = job.input.offset_after(plan.consumed);
        if let Some(tags) = plan.awaits.take() {
            self.take_in_hand(job, consumed_end, tags);
        }
        let answered = self.apply_effects(shared, local, behavior.output());
        self.converse(shared, local, &job.input, queued);
        let (mut front, mut aside) = (None, Vec::new());
        if plan.stashes {
            let front = front.insert(Stash::default());
            aside = self.apply_stash(shared, local, behavior.output(), &job.input, Some(front));
        }
        let mut handled = job.messages;
        let notices = if job.input.count > job.messages { notices(&job.input, consumed_end) } else { 0 };
        if plan.consumed < job.input.count {
            handled = self.requeue_rest(job, consumed_end);
        }
        handled -= aside.len() as u32;
        self.counters.handled += u64::from(handled);
        if answered != job.asks || self.has_open_asks(local) {
            self.remember_open_asks(local, &job.input, consumed_end);
        }
        if EVENTS && job.observed != 0 {
            self.observe_processed(shared, job, consumed_end, &aside);
        }
        let slow = job.slow && behavior.was_slow();
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.in_hand = 0;
        cell.handled += u64::from(handled);
        let rest = job.input.count - plan.consumed;
        cell.single = slow || cell.is_cautious(&*behavior, now);
        cell.behavior = Some(behavior);
        // What the turn took out of the stash stands in front of it, and is as old.
        let unstashed = front.as_ref().map_or(0, Stash::len) as usize;
        let returned = 0..unstashed + returned(cell, &job.input, consumed_end);
        cell.mailbox.put_back(std::mem::take(&mut job.input), consumed_end, rest, &mut self.pool);
        if plan.stops && !cell.is_closed() {
            // A life that is killed because its grace is over is not given another one to go down in.
            let killed = cell.ending == Some(Ending::KillLife);
            cell.ending = Some(if killed { Ending::Kill } else { Ending::Stop });
            self.limit_own_stop(local);
            if !killed {
                self.observe_stopping(shared, local);
                // The mailbox is closed, as when somebody else asks for the end.
                self.refuse_all_waiting(shared, local, shared.loss_of_stop());
            }
        }
        if let Some(front) = front {
            self.put_in_front(local, &front);
        }
        self.let_go(local);
        self.after_turn(shared, local, handled + aside.len() as u32 + notices, returned);
    }

    fn after_turn(&mut self, shared: &Shared, local: u32, handled: u32, returned: Range<usize>) {
        // First, while what came back still stands where it was put.
        if self.cells.get(local as usize).is_some_and(has_unwanted) {
            self.drop_unsubscribed(shared, local, returned, handled);
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if cell.rare.is_some() {
            self.after_rare_turn(shared, local, handled);
        }
        self.go_on(shared, local);
    }

    /// What may follow from a turn of an actor that has something which not all have.
    fn after_rare_turn(&mut self, shared: &Shared, local: u32, handled: u32) {
        let Some(rare) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()) else { return };
        if rare.replay > 0 {
            rare.replay_in_hand = 0;
            self.replayed(shared, local, handled);
        }
        // Behind that, because a tick that goes may be a part of the replay.
        if self.cells.get(local as usize).is_some_and(|cell| cell.ticking) {
            self.ticks_handled(shared, local);
        }
        if self.cells.get(local as usize).is_some_and(has_unwanted) {
            self.drop_unwanted(shared, local, 0);
        }
        self.look_at_answers(local);
    }

    /// Moves a requested end on, or queues the actor for its next turn.
    #[inline]
    pub(super) fn go_on(&mut self, shared: &Shared, local: u32) {
        if self.observes_water {
            self.look_at_water(shared, local);
        }
        let Some(cell) = self.cells.get(local as usize) else { return };
        if cell.ending.is_some() {
            self.proceed_ending(shared, local);
        } else if cell.attention {
            self.attend(shared, local);
        } else {
            self.schedule(local);
        }
    }

    fn has_open_asks(&self, local: u32) -> bool {
        self.cells
            .get(local as usize)
            .and_then(|cell| cell.rare.as_deref())
            .is_some_and(|rare| !rare.open_asks.is_empty())
    }

    /// Notes asks that were consumed without an answer, so that a crash or an end settles them.
    pub(super) fn remember_open_asks(&mut self, local: u32, input: &TurnInput, consumed_end: usize) {
        let consumed = input.buffer.get(input.start..consumed_end).unwrap_or_default();
        let (table, Some(cell)) = (&mut self.asks, self.cells.get_mut(local as usize)) else { return };
        let is_open = |number: u32| {
            table.get_mut(number).is_some_and(|ask| ask.target == local && ask.state == AskState::Delivered)
        };
        let fresh = Frames::new(consumed).filter(|frame| frame.kind == frame::kind::ASK).map(|frame| frame.corr);
        cell.rare_mut().open_asks.note(fresh, is_open);
    }

    /// Marks the asks behind `consumed_end` as queued again; returns how many messages were consumed.
    pub(super) fn requeue_rest(&mut self, job: &Job, consumed_end: usize) -> u32 {
        let rest = job.input.buffer.get(consumed_end..job.input.end).unwrap_or_default();
        let mut messages = job.messages;
        for frame in Frames::new(rest) {
            match frame.kind {
                frame::kind::MESSAGE | frame::kind::TOPIC => {
                    messages -= 1;
                    self.tick_put_back(job.local, &frame);
                }
                frame::kind::ASK => {
                    messages -= 1;
                    self.asks.requeue(frame.corr);
                }
                _ => {
                    if let Some(cell) = self.cells.get_mut(job.local as usize) {
                        cell.rare_mut().queued_answers += 1;
                    }
                    self.tick_put_back(job.local, &frame);
                }
            }
        }
        messages
    }

    /// Nothing ran: the turn goes back to the front of the mailbox.
    fn give_turn_back(&mut self, shared: &Shared, mut job: Job) {
        job.input.strip_pressure();
        let start = job.input.start;
        self.requeue_rest(&job, start);
        let count = job.input.count;
        if let Some(cell) = self.cells.get_mut(job.local as usize) {
            cell.in_hand = 0;
            cell.behavior = job.behavior;
            cell.rare.iter_mut().for_each(|rare| rare.replay_in_hand = 0);
            let returned = returned(cell, &job.input, start);
            cell.mailbox.put_back(job.input, start, count, &mut self.pool);
            if cell.ticking {
                self.ticks_handled(shared, job.local);
            }
            self.drop_unsubscribed(shared, job.local, 0..returned, 0);
        }
        self.go_on(shared, job.local);
    }

    /// A turn left a port's thread half-way: a worker finishes it.
    fn resume_later(&mut self, mut job: Job, suspended: Box<dyn crate::behavior::SuspendedTurn>) {
        job.work = Work::Resume(suspended);
        self.queue_job(job);
    }

    fn commit_crash(&mut self, shared: &Shared, mut job: Job, crash: Crash) {
        let behavior = job.behavior.take();
        if self.cells.get(job.local as usize).is_some_and(|cell| cell.ending == Some(Ending::Kill)) {
            return self.commit_killed(shared, job, behavior);
        }
        self.retire(job.local, behavior);
        let crash = self.take_doom(&job, crash);
        self.fail_turn(shared, job, &crash);
    }
}
