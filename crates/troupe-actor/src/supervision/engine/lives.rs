//! What children report about their lives.

use super::super::decide::is_restarted;
use super::super::protocol::{Charge, ChildEnd, ChildNo, Output};
use super::super::spec::AutoShutdown;
use super::child::{Child, ChildState, Fate};
use super::order::{Mode, Then};
use super::restart::Failure;
use super::{Engine, Step, shutdown};
use crate::reason::{ExitReason, ReasonTag};

impl Engine {
    /// The child that a report is about, unless that life is over.
    fn reported(&mut self, no: ChildNo, incarnation: u32) -> Option<&mut Child> {
        let current = self.children.get(no).is_some_and(|child| child.is_current(incarnation));
        if !current {
            self.stale += 1;
            return None;
        }
        self.children.get_mut(no)
    }

    pub(super) fn child_up(&mut self, no: ChildNo, incarnation: u32, step: &mut Step<'_>) {
        let Some(child) = self.reported(no, incarnation) else { return };
        match child.state {
            ChildState::Starting => {
                child.state = ChildState::Up;
                // One whose addition was refused meanwhile still leaves nothing behind.
                child.added &= child.fate == Fate::End;
                let again = std::mem::replace(&mut child.been_up, true);
                if let Some(id) = child.start_request.take() {
                    step.out.push(Output::Reply { id, result: Ok(Some(no)) });
                } else if again {
                    step.out.push(Output::Restarted { child: no });
                }
            }
            // It came up while it was being ended; that end is still to be reported.
            ChildState::Stopping => {}
            _ => self.stale += 1,
        }
    }

    /// `STA-3`: not up, and no failure. Its place goes, so that nothing waits there for ever.
    pub(super) fn child_ignored(&mut self, no: ChildNo, incarnation: u32, step: &mut Step<'_>) {
        let ending = self.is_ending();
        let Some(child) = self.reported(no, incarnation) else { return };
        let normal = ExitReason::plain(ReasonTag::Normal);
        match child.state {
            ChildState::Starting if !ending => {
                child.added = false;
                let request = child.start_request.take();
                self.end_child(no, normal, Ended::ByItself, step);
                if let Some(id) = request {
                    step.out.push(Output::Reply { id, result: Ok(None) });
                }
            }
            ChildState::Starting | ChildState::Stopping => self.went_down(no, normal, step),
            _ => self.stale += 1,
        }
    }

    pub(super) fn child_start_failed(
        &mut self,
        no: ChildNo,
        incarnation: u32,
        reason: ExitReason,
        deterministic: bool,
        step: &mut Step<'_>,
    ) {
        let ending = self.is_ending();
        let Some(child) = self.reported(no, incarnation) else { return };
        match child.state {
            ChildState::Starting if !ending => {}
            ChildState::Starting | ChildState::Stopping => return self.went_down(no, reason, step),
            _ => return self.stale += 1,
        }
        if child.start_request.is_some() {
            return self.end_child(no, reason, Ended::ByRequest, step);
        }
        child.state = ChildState::Waiting;
        if !self.came_up {
            self.fall_for_good(Then::StartFailed { child: no, reason, deterministic }, step);
        } else if deterministic {
            self.give_up(no, reason, true, step);
        } else if !self.is_falling_member(no) {
            self.restart(no, Failure { reason, uptime_ms: None, charge: Charge::Normal }, step);
        }
    }

    pub(super) fn child_down(&mut self, no: ChildNo, incarnation: u32, end: ChildEnd, step: &mut Step<'_>) {
        let ending = self.is_ending();
        let Some(child) = self.reported(no, incarnation) else { return };
        if ending || child.state == ChildState::Stopping || child.fate == Fate::End {
            return self.went_down(no, end.reason, step);
        }
        if child.state == ChildState::Starting {
            // Up and down again at once: whoever waits for the start hears that it was up.
            self.child_up(no, incarnation, step);
        }
        let Some(child) = self.children.get_mut(no) else { return };
        let significant = child.spec.significant;
        if !is_restarted(child.spec.restart, end.reason.tag) {
            self.end_child(no, end.reason, Ended::ByItself, step);
            return self.auto_shutdown(significant, step);
        }
        child.state = ChildState::Waiting;
        if !self.is_falling_member(no) {
            let ChildEnd { reason, uptime_ms, charge } = end;
            self.restart(no, Failure { reason, uptime_ms: Some(uptime_ms), charge }, step);
        }
    }

    /// Ended for good by somebody else, or by itself on purpose (`RST-2`).
    pub(super) fn child_gone(&mut self, no: ChildNo, incarnation: u32, reason: ExitReason, step: &mut Step<'_>) {
        let Some(child) = self.children.get(no) else { return self.stale += 1 };
        let known = child.place && (child.place_since..=child.incarnation).contains(&incarnation);
        if !known || child.state == ChildState::Ended {
            return self.stale += 1;
        }
        let lasting = !matches!(self.mode, Mode::Over) && !self.is_ending();
        let unasked = lasting && child.state != ChildState::Stopping && child.fate == Fate::Live;
        let significant = child.spec.significant;
        self.end_child(no, reason, Ended::Gone, step);
        if unasked {
            self.auto_shutdown(significant, step);
        }
    }

    pub(super) fn due(&mut self, timer: u64, step: &mut Step<'_>) {
        if let Mode::Pausing { first, timer: own } = self.mode
            && own == timer
        {
            return self.mode = Mode::Rising { next: first, current: None };
        }
        let child = self.timers.remove(&timer).and_then(|no| self.children.get(no));
        match child.filter(|child| child.state == ChildState::Delayed { timer }).map(|child| child.no) {
            Some(no) => self.begin(no, step),
            None => self.stale += 1,
        }
    }

    /// A life that was to end is over.
    fn went_down(&mut self, no: ChildNo, reason: ExitReason, step: &mut Step<'_>) {
        let Some(child) = self.children.get_mut(no) else { return };
        match child.fate {
            Fate::Live => child.state = ChildState::Waiting,
            Fate::End => self.end_child(no, reason, Ended::ByRequest, step),
        }
    }

    /// No life and none to come; answers whoever waited for either.
    pub(super) fn end_child(&mut self, no: ChildNo, reason: ExitReason, how: Ended, step: &mut Step<'_>) {
        let Some(child) = self.children.get_mut(no) else { return };
        child.state = ChildState::Ended;
        child.fate = Fate::Live;
        child.place = false;
        child.requested = how != Ended::ByItself;
        if how != Ended::Gone {
            step.out.push(Output::End { child: no, reason: reason.clone() });
        }
        if let Some(id) = child.start_request.take() {
            step.out.push(Output::Reply { id, result: Err(super::RequestError::StartFailed(reason)) });
        }
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::RequestForgotten) {
            child.stop_requests.truncate(1);
        }
        for id in std::mem::take(&mut child.stop_requests) {
            step.out.push(Output::Reply { id, result: Ok(None) });
        }
        if child.added || child.is_temporary() {
            self.children.remove(no);
        }
    }

    /// A child that may be significant has ended and will not come back (`SUP-6`).
    fn auto_shutdown(&mut self, significant: bool, step: &mut Step<'_>) {
        let left = |child: &Child| child.spec.significant && child.state != ChildState::Ended;
        let over = match self.spec.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.children.iter().any(left),
        };
        if significant && over {
            self.fall_for_good(Then::Over(shutdown()), step);
        }
    }
}

/// How a child came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is not restarted after such an end.
    ByItself,
    /// Somebody asked the supervisor for it.
    ByRequest,
    /// The place is gone already.
    Gone,
}
