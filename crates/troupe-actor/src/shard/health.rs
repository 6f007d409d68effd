//! Health probes (`HLT-1`, `HLT-2`): a job at a message boundary, made before the next message. What
//! runs when a probe is due is judged by how long it runs, never by how long the probe waits.

use super::{Job, Outcome, Shard, TimerKind, Work};
use crate::behavior::Behavior;
use crate::cell::{Cell, Ending};
use crate::event::Event;
use crate::health::{Health, HealthSpec, HealthState, Probe};
use crate::reason::{Crash, ReasonTag};
use crate::shared::Shared;
use crate::status::Status;

impl Shard {
    /// A life has come up: nothing is known of its health, and its first probe is due an interval
    /// later.
    pub(super) fn arm_probe(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(spec) = cell.spec.as_deref().and_then(|spec| spec.health) else { return };
        let kind = TimerKind::Probe(local, cell.tag, cell.incarnation);
        cell.attention = false;
        let before = std::mem::take(cell.probe_mut());
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::ProbesAddUp) {
            cell.probe_mut().failures = before.failures;
        }
        cell.probe_mut().health = before.health;
        self.set_health(shared, local, Health::default());
        self.set_timer(spec.interval_ms, kind);
    }

    /// The cell of a timer, unless that life or the actor is over or going down.
    fn probed(&mut self, local: u32, tag: u64, incarnation: u32) -> Option<(&mut Cell, HealthSpec)> {
        let cell = self.cells.get_mut(local as usize)?;
        let lives = cell.tag == tag && cell.incarnation == incarnation && cell.status() == Status::Ready;
        let spec = cell.spec.as_deref()?.health?;
        (lives && cell.ending.is_none()).then_some((cell, spec))
    }

    pub(super) fn probe_due(&mut self, shared: &Shared, local: u32, tag: u64, incarnation: u32) {
        let Some((cell, spec)) = self.probed(local, tag, incarnation) else { return };
        let running = cell.running;
        let probe = cell.probe_mut();
        // A probe that is under way is the one that was due: there are never two.
        let fresh = !std::mem::replace(&mut probe.wanted, !probe.asked);
        let overdue = probe.overdue;
        self.set_timer(spec.interval_ms, TimerKind::Probe(local, tag, incarnation));
        if !running {
            self.attend(shared, local);
        } else if overdue {
            self.took_too_long(shared, local, spec);
        } else if fresh {
            self.watch_probe(local);
        }
    }

    /// Looks in time for a timeout whether the same work still runs.
    pub(super) fn watch_probe(&mut self, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(timeout_ms) = cell.spec.as_deref().and_then(|spec| spec.health).map(|spec| spec.timeout_ms) else {
            return;
        };
        let kind = TimerKind::ProbeOver(local, cell.tag, cell.incarnation);
        let work = cell.work_in_hand();
        let over_at = self.now.saturating_add(timeout_ms).saturating_add(1);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.attention = true;
            let in_hand = cell.is_in_hand();
            let probe = cell.probe_mut();
            if in_hand && probe.watched == work {
                // It is watched already, and its time does not begin anew.
                return;
            }
            (probe.watched, probe.over_at) = (work, over_at);
        }
        self.set_timer(timeout_ms, kind);
    }

    pub(super) fn probe_over(&mut self, shared: &Shared, at: u64, local: u32, tag: u64, incarnation: u32) {
        let Some((cell, spec)) = self.probed(local, tag, incarnation) else { return };
        // The timer of earlier work says nothing of what runs now.
        let early = at < cell.probe_mut().over_at;
        #[cfg(troupe_planted)]
        let early = early && !crate::planted::is(crate::planted::Bug::ProbeImpatient);
        let work = cell.work_in_hand();
        if early || !cell.running || cell.probe_mut().overdue || cell.probe_mut().watched != work || !cell.is_in_hand()
        {
            return;
        }
        cell.probe_mut().overdue = true;
        self.took_too_long(shared, local, spec);
    }

    fn took_too_long(&mut self, shared: &Shared, local: u32, spec: HealthSpec) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let what = if cell.probe_mut().asked { "the health probe" } else { "a handler" };
        let text = format!("{what} has run for more than {} ms", spec.timeout_ms);
        self.probe_failed(shared, local, text);
    }

    /// At a boundary: ends a life that is unhealthy, or probes it.
    pub(super) fn attend(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.attention = false;
        let ready = cell.status() == Status::Ready;
        let Some(probe) = cell.rare.as_deref_mut().and_then(|rare| rare.probe.as_deref_mut()) else { return };
        probe.overdue = false;
        if let Some(text) = probe.doom.take() {
            let behavior = cell.behavior.take();
            self.retire(local, behavior);
            return self.fail_turn(shared, Job::new(local, Work::Health, None), &unhealthy(text));
        }
        if std::mem::take(&mut probe.wanted) && ready {
            probe.asked = true;
            let behavior = cell.behavior.take();
            return self.queue_job(Job::new(local, Work::Health, behavior));
        }
        self.schedule(local);
    }

    /// A probe was answered. An answer that came too late was judged already.
    pub(super) fn commit_probe(&mut self, shared: &Shared, mut job: Job, health: Health) {
        let local = job.local;
        let behavior: Option<Box<dyn Behavior>> = job.behavior.take();
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if cell.ending == Some(Ending::Kill) {
            return self.commit_killed(shared, job, behavior);
        }
        cell.behavior = behavior;
        let probe = cell.probe_mut();
        probe.asked = false;
        let late = std::mem::take(&mut probe.overdue);
        if late {
            return self.go_on(shared, local);
        }
        if health.state == HealthState::Unhealthy {
            self.probe_failed(shared, local, health.text);
        } else {
            probe.failures = 0;
            self.set_health(shared, local, health);
        }
        self.go_on(shared, local);
    }

    fn probe_failed(&mut self, shared: &Shared, local: u32, text: String) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(spec) = cell.spec.as_deref().and_then(|spec| spec.health) else { return };
        let probe = cell.probe_mut();
        probe.failures = probe.failures.saturating_add(1);
        let failures = probe.failures;
        self.set_health(shared, local, Health::new(HealthState::Unhealthy, &text));
        #[cfg(troupe_planted)]
        let failures = failures - u32::from(crate::planted::is(crate::planted::Bug::ProbeLenient));
        if spec.restart && failures >= spec.failures {
            self.condemn(shared, local, format!("{failures} health probes failed in a row: {text}"));
        }
    }

    /// Ends a life for its health: at the next boundary, which is brought about.
    fn condemn(&mut self, shared: &Shared, local: u32, text: String) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.attention = true;
        let (slot, number) = cell.turn;
        let running = cell.running;
        cell.probe_mut().doom = Some(text.clone());
        if !running {
            return;
        }
        match self.abandon(local) {
            Some(mut job) => {
                job.outcome = Outcome::Crashed(Box::new(unhealthy(text)));
                self.commit(shared, &mut job);
            }
            None => shared.kill_turn(slot, number),
        }
    }

    /// The crash of a job: what the kernel ended for its health did not crash by itself.
    pub(super) fn take_doom(&mut self, job: &Job, crash: Crash) -> Crash {
        let Some(cell) = self.cells.get_mut(job.local as usize) else { return crash };
        cell.attention = false;
        let probe = cell.rare.as_deref_mut().and_then(|rare| rare.probe.as_deref_mut());
        match probe.and_then(|probe| probe.doom.take()) {
            Some(text) => unhealthy(text),
            None if matches!(job.work, Work::Health) => probe_crash(crash),
            None => crash,
        }
    }

    fn set_health(&mut self, shared: &Shared, local: u32, to: Health) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let health = &mut cell.probe_mut().health;
        if *health == to {
            return;
        }
        let from = std::mem::replace(health, to.clone());
        if shared.is_listened() {
            shared.emit(&Event::Health { subject: self.subject(local), from, to });
        }
    }
}

impl Cell {
    fn probe_mut(&mut self) -> &mut Probe {
        self.rare_mut().probe.get_or_insert_with(Box::default)
    }

    /// What runs now: slot and number of a turn, or the number of an environment's job.
    fn work_in_hand(&self) -> (u32, u64) {
        match self.rare.as_deref().filter(|_| self.external) {
            Some(rare) => (u32::MAX, u64::from(rare.jobs)),
            None => self.turn,
        }
    }

    /// Whether somebody has taken the job that is queued for it.
    fn is_in_hand(&self) -> bool {
        self.external || self.turn.0 != u32::MAX
    }
}

fn unhealthy(text: String) -> Crash {
    Crash::new(ReasonTag::Health, text)
}

/// A probe that crashed has lost the life. One that used up its time was ended for its health.
fn probe_crash(mut crash: Crash) -> Crash {
    if crash.tag == ReasonTag::Deadline {
        crash.tag = ReasonTag::Health;
    }
    crash.message = format!("in the health probe: {}", crash.message);
    crash
}
