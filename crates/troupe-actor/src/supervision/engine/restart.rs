//! Failures: the budget, the wait, and who else goes down (`SUP-4`, `INT-1`…`INT-7`, `BO-1`).

use super::super::backoff::delay_ms;
use super::super::protocol::{Charge, ChildNo, Output};
use super::super::spec::Strategy;
use super::child::ChildState;
use super::order::Then;
use super::{Engine, Step};
use crate::reason::{ExitReason, ReasonTag};

/// An end that is followed by a restart, if the budget allows it.
pub(super) struct Failure {
    pub reason: ExitReason,
    /// How long that life was up; none if it never was.
    pub uptime_ms: Option<u64>,
    pub charge: Charge,
}

impl Engine {
    /// Restarts a child that has no life any more, with those that the strategy adds. Every
    /// attempt is one unit, that of a member which did not come up included (`INT-2`).
    pub(super) fn restart(&mut self, no: ChildNo, failure: Failure, step: &mut Step<'_>) {
        let Failure { reason, uptime_ms, charge } = failure;
        self.forget_failures(no, uptime_ms, step.now);
        #[cfg(troupe_planted)]
        let charge = if uptime_ms.is_none() && crate::planted::is(crate::planted::Bug::StartUncharged) {
            Charge::Free
        } else {
            charge
        };
        if charge != Charge::Free && !self.window.charge(step.now, self.spec.max_restarts, self.spec.within_ms) {
            return self.give_up(no, self.intensity(&reason), false, step);
        }
        let attempt = self.count_failure(no, charge);
        let delay_ms = match charge {
            Charge::Normal => delay_ms(&self.spec.backoff, attempt, (step.random)()),
            Charge::Replay | Charge::Free => 0,
        };
        step.out.push(Output::Restarting { child: no, reason, attempt, delay_ms });
        match self.spec.strategy {
            Strategy::OneForOne => self.restart_alone(no, delay_ms, step),
            Strategy::OneForAll => self.fall_and_rise(0, delay_ms),
            #[cfg(troupe_planted)]
            Strategy::RestForOne if crate::planted::is(crate::planted::Bug::RestSpared) => {
                self.restart_alone(no, delay_ms, step)
            }
            Strategy::RestForOne => self.fall_and_rise(no, delay_ms),
        }
    }

    fn restart_alone(&mut self, no: ChildNo, delay_ms: u64, step: &mut Step<'_>) {
        if delay_ms == 0 {
            return self.begin(no, step);
        }
        let timer = self.set_timer(delay_ms, step);
        self.timers.insert(timer, no);
        if let Some(child) = self.children.get_mut(no) {
            child.state = ChildState::Delayed { timer };
        }
    }

    /// A healthy run forgets earlier failures (`BO-2`): the child's own, or the whole group's.
    fn forget_failures(&mut self, no: ChildNo, uptime_ms: Option<u64>, now: u64) {
        let healthy = |run: u64| run >= self.spec.reset_after_ms;
        if self.spec.strategy != Strategy::OneForOne {
            if self.steady_since.is_some_and(|since| healthy(now.saturating_sub(since))) {
                self.failures = 0;
            }
        } else if uptime_ms.is_some_and(healthy)
            && let Some(child) = self.children.get_mut(no)
        {
            child.failures = 0;
        }
    }

    /// Failures in a row, this one included unless it was counted already.
    fn count_failure(&mut self, no: ChildNo, charge: Charge) -> u32 {
        self.restarts += 1;
        let Some(child) = self.children.get_mut(no) else { return 0 };
        child.restarts = child.restarts.saturating_add(1);
        let failures = if self.spec.strategy == Strategy::OneForOne { &mut child.failures } else { &mut self.failures };
        if charge != Charge::Free {
            *failures = failures.saturating_add(1);
        }
        *failures
    }

    /// A restart is impossible: the supervisor goes down and its parent decides (`INT-6`). Before
    /// it was up that is a failed start (`SUP-3`).
    pub(super) fn give_up(&mut self, no: ChildNo, reason: ExitReason, deterministic: bool, step: &mut Step<'_>) {
        if let Some(child) = self.children.get_mut(no) {
            child.state = ChildState::Waiting;
        }
        let then =
            if self.came_up { Then::Over(reason) } else { Then::StartFailed { child: no, reason, deterministic } };
        self.fall_for_good(then, step);
    }

    fn intensity(&self, last: &ExitReason) -> ExitReason {
        let (max, within) = (self.spec.max_restarts, self.spec.within_ms);
        let colon = if last.text.is_empty() { "" } else { ": " };
        let text =
            format!("more than {max} restarts within {within} ms; the last failure: {}{colon}{}", last.tag, last.text);
        ExitReason { tag: ReasonTag::Intensity, text }
    }
}
