//! Lives: one at a time, begun when a rule says so and only then, within the budget
//! (`RST-1`, `INT-1`, `BO-1`).

use troupe_actor::event::{Event, Subject};
use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::spec::Overflow;
use troupe_actor::supervision::spec::{Backoff, BackoffKind, Restart};

use super::messages::error_of;
use super::types::Expect;
use super::{Deed, Hand, Model, Phase, Work};

/// How a job came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It ran.
    Ran,
    /// It left its thread half-way.
    Suspended,
    /// It did not run.
    Declined,
}

/// A failure, as the budget sees it.
struct Failure {
    tag: ReasonTag,
    uptime: u64,
    deterministic: bool,
    /// A turn of several messages: they come again one at a time, at once.
    several: bool,
    /// Charged already.
    free: bool,
}

impl Model {
    /// A behavior was made.
    pub fn created(&mut self, key: usize) -> u32 {
        let late = self.late;
        let actor = &mut self.actors[key];
        actor.made += 1;
        let life = actor.made;
        if late {
            actor.ghosts.push(life);
            return life;
        }
        actor.alive.push(life);
        actor.next_watch = 1;
        let alive = actor.alive.len();
        self.require(alive == 1, "ENG-1", || format!("#{key} has {alive} lives at once"));
        life
    }

    /// A behavior is gone.
    pub fn dropped(&mut self, key: usize, life: u32) {
        let actor = &mut self.actors[key];
        actor.alive.retain(|alive| *alive != life);
        actor.ghosts.retain(|ghost| *ghost != life);
    }

    /// The timers of a shard are about to run: starts that take too long fail (`STA-2`).
    pub fn starts_overdue(&mut self, shard: usize) {
        for key in self.live.clone() {
            let mine = self.shard_of(self.actors[key].address) == shard;
            let overdue = self.actors[key].hand.as_ref().is_some_and(|hand| hand.deadline <= self.now);
            if !mine || !overdue || self.actors[key].queued_job {
                continue;
            }
            if self.actors[key].hand.as_ref().is_some_and(|hand| hand.work == Work::Turn) {
                self.handler_overdue(key);
                continue;
            }
            let Some(mut hand) = self.actors[key].hand.take() else { continue };
            self.note(|| format!("#{key} takes too long to start"));
            hand.deed = Some(Deed { failed: Some(ReasonTag::StartTimeout), ..Deed::default() });
            let actor = &mut self.actors[key];
            actor.ghosts.append(&mut actor.alive);
            self.commit_start(key, &hand);
            if self.actors[key].killed {
                self.actors[key].expect = Some(Expect::End(self.killed_as(key)));
            }
        }
    }

    /// What an actor that is killed is said to have ended with.
    pub(super) fn killed_as(&self, key: usize) -> ReasonTag {
        self.actors[key].exit_as.unwrap_or(ReasonTag::Killed)
    }

    /// A job comes back to its shard: what follows from it is fixed now.
    pub fn before_commit(&mut self, key: usize, came: Came) {
        let life_killed = self.actors[key].life_killed;
        if came != Came::Ran && !((self.actors[key].killed || life_killed) && came == Came::Declined) {
            return self.give_back(key, came == Came::Suspended);
        }
        let Some(hand) = self.actors[key].hand.take() else {
            return self.fail("TURN-1", format!("#{key} brings back a job that it was not given"));
        };
        match hand.work {
            Work::Turn => self.commit_turn(key, &hand),
            Work::Start => self.commit_start(key, &hand),
            Work::Stop => {}
            Work::Health => self.commit_probe(key, &hand),
        }
        // One that comes up does so first.
        if hand.work != Work::Start && (self.meets_its_doom(key) || self.at_boundary(key)) {
            return;
        }
        let actor = &self.actors[key];
        let of_life = hand.work == Work::Stop && (actor.taking_down || life_killed);
        let lives = actor.has_place() && !actor.killed && actor.ending.is_none() && actor.phase != Phase::Placed;
        if lives && (of_life || life_killed) && actor.expect.is_none() {
            return self.life_is_over(key);
        }
        if self.actors[key].killed {
            self.actors[key].expect = Some(Expect::End(self.killed_as(key)));
        } else if hand.work == Work::Stop {
            let reason = self.orderly();
            self.actors[key].expect = Some(Expect::End(reason));
        }
    }

    /// At a boundary: ends the life of an actor with that of a linked one, unless it ends anyway.
    fn meets_its_doom(&mut self, key: usize) -> bool {
        let actor = &mut self.actors[key];
        let ending = actor.ending.is_some() || actor.killed || actor.taking_down || actor.life_killed;
        let doomed = std::mem::take(&mut actor.doomed);
        let meets = doomed && !ending && actor.expect.is_none() && actor.phase != Phase::Placed;
        if meets {
            self.doom(key);
        }
        meets
    }

    /// The reason of an orderly end.
    pub(super) fn orderly(&self) -> ReasonTag {
        if self.closing { ReasonTag::Shutdown } else { ReasonTag::Normal }
    }

    fn commit_start(&mut self, key: usize, hand: &Hand) {
        let deed = hand.deed.clone().unwrap_or_default();
        self.note(|| format!("#{key} started: {:?}", deed.failed));
        let Some(tag) = deed.failed.filter(|_| !self.actors[key].killed) else { return };
        let tag = match tag {
            ReasonTag::Deadline | ReasonTag::StartTimeout => ReasonTag::StartTimeout,
            _ => ReasonTag::StartFailed,
        };
        let actor = &mut self.actors[key];
        actor.doomed = false;
        if actor.is_awaited() {
            if actor.pool().is_some() && actor.taken_down() {
                self.life_is_over(key);
            } else if actor.ending.is_none() {
                self.place_fails(key, tag);
            } else {
                actor.expect = Some(if actor.been_up { Expect::End(tag) } else { Expect::Vanish(tag) });
            }
            return;
        }
        let first = !actor.been_up && !actor.traits.lazy;
        if first && actor.taken_down() && actor.place_up {
            return self.life_is_over(key);
        }
        if first {
            actor.expect = Some(Expect::Vanish(tag));
        } else if actor.ending.is_some() {
            actor.expect = Some(Expect::End(tag));
        } else {
            self.fails(key, tag, 0, deed.deterministic, false, false);
        }
    }

    /// A life failed: what the rules say about it must happen before the step is over.
    pub(super) fn fails(
        &mut self,
        key: usize,
        tag: ReasonTag,
        uptime: u64,
        deterministic: bool,
        several: bool,
        free: bool,
    ) {
        self.actors[key].doomed = false;
        self.forget_probe(key);
        self.actors[key].free_restart = free;
        if self.actors[key].is_supervised() {
            return self.place_fails(key, tag);
        }
        if self.actors[key].taken_down() {
            let killed = self.actors[key].life_killed;
            self.life_is_over(key);
            self.actors[key].last = Some(if killed { ReasonTag::Killed } else { tag });
            return;
        }
        let failure = Failure { tag, uptime, deterministic, several, free };
        let expect = self.judge(key, &failure);
        self.note(|| format!("#{key} fails with {tag} after {uptime} ms: expect {expect:?}"));
        if expect == Expect::GiveUp {
            self.actors[key].gave_up = true;
        }
        self.actors[key].expect = Some(expect);
    }

    fn judge(&mut self, key: usize, failure: &Failure) -> Expect {
        let now = self.now;
        let actor = &mut self.actors[key];
        let spec = actor.traits.restart;
        if actor.ending.is_some() {
            return Expect::End(failure.tag);
        }
        if failure.free {
            return Expect::Restart(actor.failures, 0, 0);
        }
        let normal = matches!(failure.tag, ReasonTag::Normal | ReasonTag::Shutdown);
        if spec.restart == Restart::Temporary || (spec.restart == Restart::Transient && normal) {
            return Expect::End(failure.tag);
        }
        if failure.deterministic {
            return Expect::GiveUp;
        }
        if failure.uptime >= spec.reset_after_ms {
            actor.failures = 0;
        }
        let counted = actor.charged.iter().filter(|at| now - **at < spec.within_ms).count();
        if spec.max_restarts != u32::MAX && counted >= spec.max_restarts as usize {
            return Expect::GiveUp;
        }
        actor.charged.push(now);
        actor.failures += 1;
        let (low, high) = if failure.several { (0, 0) } else { bounds(&spec.backoff, actor.failures) };
        let failures = actor.failures;
        if spec.max_restarts != u32::MAX {
            self.windows.insert(now + spec.within_ms);
        }
        Expect::Restart(failures, low, high)
    }

    /// Something happened in the system.
    pub fn event(&mut self, event: &Event) {
        self.hear(event);
        match event {
            Event::Started(subject) => self.came_up(subject, false),
            Event::Restarted(subject, _) => self.came_up(subject, true),
            Event::Crashed(subject, crash) => {
                let (key, tag) = (self.subject(subject.address), crash.tag);
                let expected = key.is_some_and(|key| self.actors[key].expect.is_some() || self.actors[key].has_place());
                self.require(expected, "FAIL-2", || format!("{key:?} crashed with {tag} out of nothing"));
            }
            Event::Restarting { subject, attempt, delay_ms, .. } => self.restarting(subject, *attempt, *delay_ms),
            Event::Stopped(subject, reason) => self.stopped(subject, reason, false),
            Event::Failed(subject, reason) => self.stopped(subject, reason, true),
            Event::DeadLetter(letter) => self.letter(letter),
            Event::GaveUp { path, reason } => self.gave_up(path, reason.tag),
            Event::Water { subject, high, queued, capacity } => self.water(subject, *high, *queued, *capacity),
            Event::CrashUnreproduced(subject) => self.unreproduced(subject),
            _ => {}
        }
    }

    /// Notes whose life an event is about, for whoever listens.
    fn hear(&mut self, event: &Event) {
        let subject = match event {
            Event::Started(subject)
            | Event::Crashed(subject, _)
            | Event::Restarting { subject, .. }
            | Event::Restarted(subject, _)
            | Event::Stopping(subject)
            | Event::Stopped(subject, _)
            | Event::Failed(subject, _)
            | Event::Water { subject, .. }
            | Event::Health { subject, .. } => subject,
            _ => return,
        };
        let known = self.find(subject.address);
        self.heard.extend(known.filter(|_| !self.closing));
    }

    /// Whose lives something was said about since the last time.
    pub fn take_heard(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.heard)
    }

    fn came_up(&mut self, subject: &Subject, again: bool) {
        let Some(key) = self.subject(subject.address) else {
            return self.fail("SUP-7", format!("{} came up, and nobody spawned it", subject.path));
        };
        let now = self.now;
        let actor = &mut self.actors[key];
        // A behavior that is made at once comes up without a job of its own.
        let at_once = match actor.phase {
            Phase::Waiting(at) => at <= now && actor.traits.creates_inline,
            _ => false,
        };
        if at_once {
            actor.incarnation += 1;
        }
        let fits = at_once || (actor.phase == Phase::Coming && actor.hand.is_none() && !actor.queued_job);
        let (phase, incarnation) = (actor.phase, actor.incarnation);
        actor.phase = Phase::Up;
        (actor.been_up, actor.place_up) = (true, true);
        actor.last = None;
        actor.since = now;
        let reset = actor.traits.restart.reset_after_ms;
        self.require(fits, "SUP-0", || format!("#{key} came up while it was {phase:?}"));
        self.require(subject.incarnation == incarnation, "SUP-0", || {
            format!("#{key} came up in life {}, expected {incarnation}", subject.incarnation)
        });
        let first = incarnation == 1;
        let actor = &self.actors[key];
        self.require(again != first || actor.traits.lazy || actor.has_place(), "FAIL-6", || {
            format!("life {incarnation} of #{key}: told as again = {again}")
        });
        self.mark(now + reset);
        self.note(|| format!("#{key} is up, life {incarnation}"));
        self.arm_probe(key);
        self.meets_its_doom(key);
    }

    fn restarting(&mut self, subject: &Subject, attempt: u32, delay: u64) {
        let Some(key) = self.subject(subject.address) else {
            return self.fail("SUP-7", format!("{} restarts, and nobody spawned it", subject.path));
        };
        self.note(|| format!("#{key} restarts, attempt {attempt}, in {delay} ms"));
        let expected = self.actors[key].expect.take();
        let max = self.actors[key].traits.restart.backoff.max_ms;
        if self.actors[key].is_supervised() {
            return self.charge_supervisor(key, delay);
        }
        self.charge_member(key);
        self.require(delay <= max, "BO-1", || format!("#{key} waits {delay} ms, {max} at most"));
        match expected {
            Some(Expect::Restart(failures, low, high)) => {
                self.require((low..=high).contains(&delay), "BO-1", || {
                    format!("#{key} waits {delay} ms after failure {failures}, expected {low} to {high}")
                });
                self.require(attempt == failures, "BO-1", || format!("#{key}: attempt {attempt}, expected {failures}"));
            }
            Some(Expect::GiveUp) => {
                let Model { actors, now, .. } = self;
                let (charged, spec) = (actors[key].charged.clone(), actors[key].traits.restart);
                let text = format!(
                    "#{key} restarts at {now} after restarts at {charged:?}, {} in {} ms allowed",
                    spec.max_restarts, spec.within_ms
                );
                self.fail("INT-1", text);
            }
            other => self.fail("RST-1", format!("#{key} restarts, expected {other:?}")),
        }
        let now = self.now;
        self.actors[key].phase = Phase::Waiting(now + delay);
        self.mark(now + delay + 1);
    }

    fn messages_of_replay(&self, key: usize) -> impl Iterator<Item = usize> + '_ {
        self.actors[key].replay.iter().filter_map(|frame| match frame {
            super::types::Frame::Message(id) => Some(*id),
            _ => None,
        })
    }

    fn unreproduced(&mut self, subject: &Subject) {
        let Some(key) = self.find(subject.address) else { return };
        let now = self.now;
        let vague: Vec<usize> =
            self.messages_of_replay(key).filter(|id| self.may_be_gone(&self.messages[*id])).collect();
        let (messages, watches, actor) = (&self.messages, &self.watches, &mut self.actors[key]);
        let lasts = |frame: &&super::types::Frame| match **frame {
            super::types::Frame::Message(id) => {
                let waits = matches!(messages[id].state, super::State::Sent | super::State::InHand);
                let waits = waits && !vague.contains(&id);
                messages[id].settled.is_none() && waits
            }
            super::types::Frame::Notice(id) => watches[id].notice != super::Notice::Back,
            super::types::Frame::Answer(_) | super::types::Frame::Tick(_) | super::types::Frame::Pressure => false,
        };
        let left = actor.replay.iter().filter(lasts).count();
        let free = std::mem::take(&mut actor.replay_free);
        actor.replay.clear();
        actor.cautious = now + 1_000;
        // Of a mailbox that drops its oldest, the last one goes after its replay is over.
        let dropping = actor.traits.mailbox.overflow == Overflow::DropOldest;
        self.require(free && left <= usize::from(dropping), "TURN-3", || {
            format!("#{key}: a crash did not come again, but {left} messages of its turn are left, free {free}")
        });
        self.mark(now + 1_001);
    }

    /// An actor has ended.
    fn stopped(&mut self, subject: &Subject, reason: &ExitReason, gave_up: bool) {
        let Some(key) = self.subject(subject.address) else {
            return self.fail("SUP-7", format!("{} ended, and nobody spawned it", subject.path));
        };
        let loss = self.going(key);
        let orderly = self.orderly();
        let actor = &self.actors[key];
        let expected = match actor.expect {
            Some(Expect::GiveUp) => gave_up,
            Some(Expect::End(tag)) => !gave_up && tag == reason.tag,
            Some(_) => false,
            // Killed, or asked to stop, while a job was queued.
            None if actor.killed => !gave_up && reason.tag == self.killed_as(key) && !actor.is_held(),
            None => {
                !gave_up
                    && reason.tag == orderly
                    && actor.ending.is_some()
                    && !actor.is_held()
                    && (actor.has_place() || !actor.queued_job)
            }
        };
        if !expected {
            let text = format!(
                "#{key} ended with {} (gave up: {gave_up}) while it was {:?}, ending {:?}, killed {}, expected {:?}",
                reason.tag, actor.phase, actor.ending, actor.killed, actor.expect
            );
            let rule = match actor.expect {
                Some(Expect::Restart(..)) if gave_up => "INT-1",
                Some(Expect::Restart(..)) => "RST-1",
                _ => "STOP-2",
            };
            self.fail(rule, text);
        }
        self.note(|| format!("#{key} ended: {}", reason.tag));
        if let Some(loss) = loss {
            self.settle_open(key, error_of(loss));
        }
        self.ended(key, reason.tag, gave_up);
    }
}

/// The shortest and the longest wait after the `failures`-th failure in a row (`BO-1`).
pub fn bounds(backoff: &Backoff, failures: u32) -> (u64, u64) {
    if failures <= 1 || backoff.kind == BackoffKind::Immediate {
        return (0, 0);
    }
    let steps = f64::from(failures - 2);
    let grown = match backoff.kind {
        BackoffKind::Linear => backoff.initial_ms as f64 * (steps + 1.0),
        _ => backoff.initial_ms as f64 * backoff.factor.powf(steps),
    };
    let base = grown.min(backoff.max_ms as f64);
    // The two ways to raise to a power differ in the last bit.
    ((base * (1.0 - backoff.jitter) - 1e-6).max(0.0) as u64, (base + 1e-6) as u64)
}
