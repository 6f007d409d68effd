//! Health: a probe at every boundary that one is due for, judged by how long what runs has run
//! (`HLT-1`, `HLT-2`).

use troupe_actor::health::{HealthSpec, HealthState};
use troupe_actor::reason::ReasonTag;

use super::{Deed, Hand, Model, Phase, Work};

/// The probes of one life.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// What the last one found.
    pub state: HealthState,
    /// Failures in a row.
    pub failures: u32,
    /// When the next one is due.
    next: u64,
    /// One is to be made at the next boundary.
    wanted: bool,
    /// One is queued or runs.
    asked: bool,
    /// The boundary has something to do besides the next turn.
    attention: bool,
    /// The job that is watched, and when it will have run too long.
    watched: Option<(u64, u64)>,
    /// What runs has run too long, and was judged.
    overdue: bool,
    /// Too many failures in a row: the life ends at the next boundary.
    condemned: bool,
    /// The job that was killed for that.
    killed: Option<u64>,
}

/// Something of a shard's timers, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The first phase of the shutdown is over.
    Drained,
    /// A probe is due.
    Probe(usize),
    /// What runs may have run too long.
    Over(usize),
    /// The deadline of the shutdown.
    Shutdown,
}

impl Model {
    fn health_of(&self, key: usize) -> Option<HealthSpec> {
        self.actors[key].traits.health
    }

    /// A life came up: nothing is known of it.
    pub(super) fn arm_probe(&mut self, key: usize) {
        let Some(spec) = self.health_of(key) else { return };
        let next = self.now + spec.interval_ms + 1;
        self.actors[key].probe = Probe { next, ..Probe::default() };
        self.mark(next);
    }

    /// What is due of the probes of a shard, and when.
    pub(super) fn probes_due(&self, shard: usize) -> Vec<(u64, Due)> {
        let mut due = Vec::new();
        for key in self.live.iter().copied() {
            let actor = &self.actors[key];
            if self.shard_of(actor.address) != shard || self.health_of(key).is_none() || actor.phase != Phase::Up {
                continue;
            }
            due.push((actor.probe.next, Due::Probe(key)));
            due.extend(actor.probe.watched.map(|(_, at)| (at, Due::Over(key))));
        }
        due.retain(|(at, _)| *at <= self.now);
        due
    }

    /// Whether a life goes on, so that it is probed.
    fn is_probed(&self, key: usize) -> bool {
        let actor = &self.actors[key];
        let ends = actor.ending.is_some() || actor.killed || actor.taking_down || actor.life_killed || actor.doomed;
        actor.phase == Phase::Up && !ends && actor.expect.is_none()
    }

    pub(super) fn probe_due(&mut self, key: usize) {
        let Some(spec) = self.health_of(key) else { return };
        if !self.is_probed(key) {
            // A life that ends is not probed again.
            self.actors[key].probe.next = u64::MAX;
            return;
        }
        let (now, busy) = (self.now, self.actors[key].is_busy());
        self.note(|| format!("#{key} is to be probed, busy: {busy}"));
        let probe = &mut self.actors[key].probe;
        let fresh = !std::mem::replace(&mut probe.wanted, !probe.asked);
        probe.next = now + spec.interval_ms + 1;
        let (next, overdue) = (probe.next, probe.overdue);
        self.mark(next);
        if !busy {
            self.attend(key);
        } else if overdue {
            self.probe_fails(key);
        } else if fresh {
            self.watch_probe(key);
        }
    }

    /// Whatever runs now is watched from now on.
    pub(super) fn watch_probe(&mut self, key: usize) {
        let Some(spec) = self.health_of(key) else { return };
        let over = self.now + spec.timeout_ms + 1;
        let actor = &mut self.actors[key];
        // What is queued runs for nobody.
        let job = actor.hand.as_ref().filter(|_| !actor.queued_job).map_or(0, |hand| hand.number);
        actor.probe.attention = true;
        if job != 0 && actor.probe.watched.is_some_and(|(watched, _)| watched == job) {
            return;
        }
        actor.probe.watched = Some((job, over));
        self.mark(over);
    }

    pub(super) fn probe_over(&mut self, key: usize) {
        let Some((job, at)) = self.actors[key].probe.watched else { return };
        let same = self.actors[key].is_held() && self.job_of(key) == Some(job) && at <= self.now;
        if self.is_probed(key) && same && !self.actors[key].probe.overdue {
            self.actors[key].probe.overdue = true;
            self.note(|| format!("#{key} has run too long"));
            self.probe_fails(key);
        }
    }

    fn probe_fails(&mut self, key: usize) {
        let Some(spec) = self.health_of(key) else { return };
        let probe = &mut self.actors[key].probe;
        probe.failures += 1;
        probe.state = HealthState::Unhealthy;
        let condemned = spec.restart && probe.failures >= spec.failures;
        probe.attention |= condemned;
        probe.condemned |= condemned;
        let failures = probe.failures;
        if condemned && self.actors[key].is_held() {
            self.actors[key].probe.killed = self.job_of(key);
        }
        self.note(|| format!("#{key} is unhealthy {failures} times in a row, condemned: {condemned}"));
    }

    /// At a boundary of a life that goes on: ends it for its health, or probes it. True when it ended.
    pub(super) fn at_boundary(&mut self, key: usize) -> bool {
        let attends = self.health_of(key).is_some() && self.is_probed(key) && self.actors[key].probe.attention;
        if attends {
            self.attend(key);
        }
        self.actors[key].expect.is_some() || self.actors[key].phase == Phase::Placed
    }

    fn attend(&mut self, key: usize) {
        let actor = &mut self.actors[key];
        (actor.probe.attention, actor.probe.overdue) = (false, false);
        if std::mem::take(&mut actor.probe.condemned) {
            let uptime = self.now.saturating_sub(actor.since);
            actor.awaiting.clear();
            self.settle_open(key, troupe_actor::ask::AskError::Crashed);
            return self.fails(key, ReasonTag::Health, uptime, false, false, false);
        }
        if std::mem::take(&mut actor.probe.wanted) {
            actor.probe.asked = true;
            actor.queued_job = true;
        }
    }

    /// A probe was answered, or crashed its actor.
    pub(super) fn commit_probe(&mut self, key: usize, hand: &Hand) {
        let deed = hand.deed.clone().unwrap_or_default();
        self.note(|| format!("#{key} answers its probe: {:?} {:?}", deed.health, deed.failed));
        if self.actors[key].killed {
            return;
        }
        if let Some(tag) = deed.failed {
            self.settle_open(key, troupe_actor::ask::AskError::Crashed);
            self.actors[key].awaiting.clear();
            let uptime = self.now.saturating_sub(self.actors[key].since);
            let tag = if tag == ReasonTag::Deadline { ReasonTag::Health } else { tag };
            let tag = self.crash_tag(key, tag, &deed);
            return self.fails(key, tag, uptime, false, false, false);
        }
        let probe = &mut self.actors[key].probe;
        probe.asked = false;
        // One that came too late was judged already.
        if std::mem::take(&mut probe.overdue) {
            return;
        }
        let state = deed.health.unwrap_or_default();
        if state == HealthState::Unhealthy {
            return self.probe_fails(key);
        }
        (probe.failures, probe.state) = (0, state);
    }

    /// The reason of a crash: what was ended for its health did not crash by itself.
    pub(super) fn crash_tag(&mut self, key: usize, tag: ReasonTag, deed: &Deed) -> ReasonTag {
        let condemned = std::mem::take(&mut self.actors[key].probe.condemned);
        if condemned && !deed.returned { ReasonTag::Health } else { tag }
    }

    /// An actor that is probed and was not asked to end.
    #[must_use]
    pub fn probed(&self) -> Option<usize> {
        let waits = |key: &usize| {
            let actor = &self.actors[*key];
            actor.traits.health.is_some() && actor.ending.is_none() && !actor.killed
        };
        self.live.iter().copied().find(waits)
    }

    /// Whether a job was killed, because its actor or its life was, or for its health.
    #[must_use]
    pub fn is_killed(&self, key: usize, job: u64) -> bool {
        let actor = &self.actors[key];
        actor.killed || actor.life_killed || actor.probe.killed == Some(job)
    }

    /// The life is over, and with it what was found of it.
    pub(super) fn forget_probe(&mut self, key: usize) {
        self.actors[key].probe.condemned = false;
    }

    /// How a handler answers a probe.
    pub fn answer_probe(&mut self, key: usize, killed: bool) -> Result<HealthState, Option<ReasonTag>> {
        let failing = self.actors[key].traits.unhealthy;
        let answer = match self.random.below(1_000) {
            _ if killed && self.random.coin() => Err(Some(ReasonTag::Killed)),
            n if n < 20 => Err(Some(self.random.pick(&[ReasonTag::Trap, ReasonTag::Deadline, ReasonTag::Oom]))),
            n if n < 30 => Err(None),
            n if n < 30 + failing => Ok(HealthState::Unhealthy),
            _ => Ok(self.random.pick(&[HealthState::Healthy, HealthState::Degraded, HealthState::Unknown])),
        };
        let (health, failed) = match answer {
            Ok(health) => (Some(health), None),
            Err(tag) => (None, Some(tag.unwrap_or(ReasonTag::HostPanic))),
        };
        match self.actors[key].hand.as_mut().filter(|hand| hand.work == Work::Health) {
            Some(hand) => hand.deed = Some(Deed { health, failed, ..Deed::default() }),
            None => self.fail("HLT-2", format!("#{key} is probed in the middle of something else")),
        }
        answer
    }
}
