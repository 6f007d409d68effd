//! Going up in order and down in reverse, one child at a time (`SUP-2`).

use super::super::protocol::{ChildNo, Output};
use super::child::{ChildState, Fate};
use super::lives::Ended;
use super::{Engine, Step, shutdown};
use crate::reason::{ExitReason, ReasonTag};

/// What the supervisor as a whole is doing.
#[derive(Debug)]
pub(super) enum Mode {
    /// Nothing: not started, or over.
    Over,
    /// Starting the waiting children, from `next` on.
    Rising { next: ChildNo, current: Option<ChildNo> },
    /// Every child's turn has been.
    Steady,
    /// Taking down the children from `first` on, those from `below` on being down.
    Falling { first: ChildNo, below: ChildNo, current: Option<ChildNo>, then: Then },
    /// A group waits out its backoff.
    Pausing { first: ChildNo, timer: u64 },
}

/// What follows when they are down.
#[derive(Debug)]
pub(super) enum Then {
    /// They come up again.
    Rise { delay_ms: u64 },
    /// The life is over.
    Over(ExitReason),
    /// The life is over before it was up.
    StartFailed { child: ChildNo, reason: ExitReason, deterministic: bool },
}

impl Engine {
    /// A new life: the budget is fresh, and all come up but those that somebody stopped.
    pub(super) fn start(&mut self) {
        if !matches!(self.mode, Mode::Over) {
            self.stale += 1;
            return;
        }
        self.window.clear();
        self.failures = 0;
        self.steady_since = None;
        self.came_up = false;
        for child in self.children.iter_mut() {
            child.failures = 0;
            child.been_up = false;
            if child.state == ChildState::Ended && !child.requested {
                child.state = ChildState::Waiting;
            }
        }
        self.mode = Mode::Rising { next: 0, current: None };
    }

    /// A second stop joins the first.
    pub(super) fn stop(&mut self, reason: ExitReason, step: &mut Step<'_>) {
        if !matches!(self.mode, Mode::Over) && !self.is_ending() {
            self.fall_for_good(Then::Over(reason), step);
        }
    }

    pub(super) fn kill(&mut self, step: &mut Step<'_>) {
        if matches!(self.mode, Mode::Over) {
            return;
        }
        self.fall_for_good(Then::Over(ExitReason::plain(ReasonTag::Killed)), step);
        for child in self.children.iter_mut().rev().filter(|child| child.state.has_life()) {
            child.state = ChildState::Stopping;
            step.out.push(Output::Kill { child: child.no, incarnation: child.incarnation });
        }
    }

    /// Whether this life is on its way out.
    pub(super) const fn is_ending(&self) -> bool {
        matches!(self.mode, Mode::Falling { then: Then::Over(_) | Then::StartFailed { .. }, .. })
    }

    /// Whether a group restart is taking this child down.
    pub(super) fn is_falling_member(&self, no: ChildNo) -> bool {
        matches!(self.mode, Mode::Falling { first, then: Then::Rise { .. }, .. } if no >= first)
    }

    /// Everything goes down; nothing that waits or was asked for begins any more.
    pub(super) fn fall_for_good(&mut self, then: Then, step: &mut Step<'_>) {
        let mut unborn = Vec::new();
        for child in self.children.iter_mut() {
            if matches!(child.state, ChildState::Delayed { .. }) {
                child.state = ChildState::Waiting;
            }
            if let Some(id) = child.start_request.take() {
                step.out.push(Output::Reply { id, result: Err(super::RequestError::ShuttingDown) });
                if child.state.has_life() {
                    child.fate = Fate::End;
                } else {
                    unborn.push(child.no);
                }
            }
        }
        // Between two lives, in a group: nothing of it would end any more.
        #[cfg(troupe_planted)]
        unborn.retain(|_| !crate::planted::is(crate::planted::Bug::UnbornReturns));
        for no in unborn {
            self.end_child(no, shutdown(), Ended::ByRequest, step);
        }
        self.steady_since = None;
        self.mode = Mode::Falling { first: 0, below: self.next_child, current: None, then };
    }

    /// The children from `first` on go down, and come up again after the wait.
    pub(super) fn fall_and_rise(&mut self, first: ChildNo, delay_ms: u64) {
        self.steady_since = None;
        let then = Then::Rise { delay_ms };
        self.mode = Mode::Falling { first, below: self.next_child, current: None, then };
    }

    /// Goes on as far as possible without waiting for a child.
    pub(super) fn advance(&mut self, step: &mut Step<'_>) {
        if matches!(self.mode, Mode::Falling { .. }) {
            self.fall(step);
        }
        if matches!(self.mode, Mode::Rising { .. }) {
            self.rise(step);
        }
    }

    fn rise(&mut self, step: &mut Step<'_>) {
        let Mode::Rising { next, current } = &mut self.mode else { return };
        let underway = current.and_then(|no| self.children.get(no));
        if underway.is_some_and(|child| child.state == ChildState::Starting) {
            return;
        }
        if let Some(no) = self.children.next_waiting(*next) {
            (*next, *current) = (no + 1, Some(no));
            return self.begin(no, step);
        }
        self.mode = Mode::Steady;
        self.steady_since = Some(step.now);
        if !self.came_up {
            self.came_up = true;
            step.out.push(Output::Up);
        }
    }

    fn fall(&mut self, step: &mut Step<'_>) {
        let Mode::Falling { first, below, current, then } = &mut self.mode else { return };
        let underway = current.and_then(|no| self.children.get(no));
        if underway.is_some_and(|child| child.state == ChildState::Stopping) {
            return;
        }
        #[cfg(troupe_planted)]
        let first =
            &mut (*first + u32::from(crate::planted::is(crate::planted::Bug::Orphan) && matches!(then, Then::Over(_))));
        if let Some(child) = self.children.last_alive(*first, *below) {
            let no = child.no;
            let leaves = child.is_temporary() && matches!(then, Then::Rise { .. });
            (*below, *current) = (no, Some(no));
            return self.take_down(no, leaves, step);
        }
        match std::mem::replace(&mut self.mode, Mode::Over) {
            Mode::Falling { then: Then::Over(reason), .. } => step.out.push(Output::Down { reason }),
            Mode::Falling { then: Then::StartFailed { child, reason, deterministic }, .. } => {
                step.out.push(Output::StartFailed { child, reason, deterministic });
            }
            Mode::Falling { first, then: Then::Rise { delay_ms }, .. } => self.pause(first, delay_ms, step),
            other => self.mode = other,
        }
    }

    /// The wait of a group restart lies between down and up.
    fn pause(&mut self, first: ChildNo, delay_ms: u64, step: &mut Step<'_>) {
        self.mode = if delay_ms == 0 {
            Mode::Rising { next: first, current: None }
        } else {
            Mode::Pausing { first, timer: self.set_timer(delay_ms, step) }
        };
    }

    pub(super) fn set_timer(&mut self, delay_ms: u64, step: &mut Step<'_>) -> u64 {
        let timer = self.next_timer;
        self.next_timer += 1;
        step.out.push(Output::SetTimer { timer, at_ms: step.now.saturating_add(delay_ms) });
        timer
    }

    /// Begins the child's next life.
    pub(super) fn begin(&mut self, no: ChildNo, step: &mut Step<'_>) {
        let Some(child) = self.children.get_mut(no) else { return };
        child.incarnation = child.incarnation.saturating_add(1);
        child.state = ChildState::Starting;
        child.requested = false;
        if !child.place {
            child.place = true;
            child.place_since = child.incarnation;
        }
        step.out.push(Output::Start { child: no, incarnation: child.incarnation });
    }

    /// Ends the child's life, if nobody does already, and its place too if it `leaves`.
    pub(super) fn take_down(&mut self, no: ChildNo, leaves: bool, step: &mut Step<'_>) {
        let Some(child) = self.children.get_mut(no) else { return };
        if leaves {
            child.fate = Fate::End;
        }
        if child.state != ChildState::Stopping {
            child.state = ChildState::Stopping;
            let (incarnation, grace_ms) = (child.incarnation, child.spec.shutdown_ms);
            step.out.push(Output::TakeDown { child: no, incarnation, grace_ms });
        }
    }
}
