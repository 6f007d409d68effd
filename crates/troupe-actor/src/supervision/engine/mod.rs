//! One supervisor, decided purely (`SUP-0`): every step takes what happened, the time and a random
//! source, and says what is to be done. It performs nothing, reads no clock and keeps no thread.
//!
//! What happens to single children is in `lives`, failures and group restarts in `restart`, going
//! up and down in order in `order`, what people want in `requests`. Invariant: a child has at most
//! one life at a time, and every life begun is reported over before the next one begins.

mod child;
mod lives;
mod order;
mod requests;
mod restart;

use std::collections::HashMap;

pub use child::ChildState;
use child::{Child, Children};
use order::{Mode, Then};

use super::protocol::{ChildNo, Input, Output, RequestError};
use super::spec::{ChildSpec, SupervisorSpec};
use super::window::Window;
use crate::reason::{ExitReason, ReasonTag};

/// Where a supervisor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisorState {
    /// Not started, or its life is over.
    Down,
    /// Coming up; not every child has been up yet.
    Starting,
    /// Up; single children may be restarting.
    Up,
    /// A group of its children is restarting.
    Restarting,
    /// Going down.
    Stopping,
}

/// What there is to know about a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildInfo {
    /// Which.
    pub child: ChildNo,
    /// Its specification.
    pub spec: ChildSpec,
    /// Where it stands.
    pub state: ChildState,
    /// Number of its last life; 0 before the first.
    pub incarnation: u32,
    /// Restarts ever attempted because it failed.
    pub restarts: u32,
}

/// One supervisor.
#[derive(Debug)]
pub struct Engine {
    spec: SupervisorSpec,
    children: Children,
    next_child: ChildNo,
    next_timer: u64,
    /// Timers of single children that are not due yet, the stale ones included.
    timers: HashMap<u64, ChildNo>,
    mode: Mode,
    window: Window,
    /// Failures in a row of the group; one-for-one counts them per child.
    failures: u32,
    /// Since when the group has been undisturbed.
    steady_since: Option<u64>,
    /// [`Output::Up`] was said in this life.
    came_up: bool,
    restarts: u64,
    stale: u64,
}

/// What one step has at hand.
struct Step<'a> {
    now: u64,
    random: &'a mut dyn FnMut() -> f64,
    out: &'a mut Vec<Output>,
}

impl Engine {
    /// A supervisor that is down; its children get the numbers from 0 on, in start order.
    #[must_use]
    pub fn new(spec: SupervisorSpec, children: Vec<ChildSpec>) -> Self {
        let mut list = Children::default();
        let mut next_child = 0;
        for child in children {
            list.push(Child::new(next_child, child));
            next_child += 1;
        }
        Self {
            spec,
            children: list,
            next_child,
            next_timer: 1,
            timers: HashMap::new(),
            mode: Mode::Over,
            window: Window::default(),
            failures: 0,
            steady_since: None,
            came_up: false,
            restarts: 0,
            stale: 0,
        }
    }

    /// Takes in what happened at `now_ms` and appends what is to be done, in order. `random` is
    /// uniform in [0, 1) and asked only for a wait.
    pub fn step(&mut self, input: Input, now_ms: u64, random: &mut dyn FnMut() -> f64, out: &mut Vec<Output>) {
        let step = &mut Step { now: now_ms, random, out };
        match input {
            Input::Start => self.start(),
            Input::ChildUp { child, incarnation } => self.child_up(child, incarnation, step),
            Input::ChildIgnored { child, incarnation } => self.child_ignored(child, incarnation, step),
            Input::ChildStartFailed { child, incarnation, reason, deterministic } => {
                self.child_start_failed(child, incarnation, reason, deterministic, step);
            }
            Input::ChildDown { child, incarnation, end } => self.child_down(child, incarnation, end, step),
            Input::ChildGone { child, incarnation, reason } => self.child_gone(child, incarnation, reason, step),
            Input::Due { timer } => self.due(timer, step),
            Input::Stop { reason } => self.stop(reason, step),
            Input::Kill => self.kill(step),
            Input::Request { id, request } => self.request(id, request, step),
        }
        self.advance(step);
    }

    /// Its rules.
    #[must_use]
    pub const fn spec(&self) -> &SupervisorSpec {
        &self.spec
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> SupervisorState {
        match (&self.mode, self.came_up) {
            (Mode::Over, _) => SupervisorState::Down,
            (Mode::Falling { then: Then::Over(_) | Then::StartFailed { .. }, .. }, _) => SupervisorState::Stopping,
            (_, false) => SupervisorState::Starting,
            (Mode::Steady, true) => SupervisorState::Up,
            _ => SupervisorState::Restarting,
        }
    }

    /// The listed children, in start order.
    pub fn children(&self) -> impl Iterator<Item = ChildInfo> {
        self.children.iter().map(info)
    }

    /// One child, if it is listed.
    #[must_use]
    pub fn child(&self, child: ChildNo) -> Option<ChildInfo> {
        self.children.get(child).map(info)
    }

    /// The number that the next child added will have.
    #[must_use]
    pub const fn next_child(&self) -> ChildNo {
        self.next_child
    }

    /// Units of the budget that count at `now_ms`; 0 if there is no limit.
    #[must_use]
    pub fn budget_used(&self, now_ms: u64) -> u32 {
        self.window.used(now_ms, self.spec.within_ms)
    }

    /// Restarts ever attempted; a group counts once.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Inputs dropped because they were about something that is over.
    #[must_use]
    pub const fn stale(&self) -> u64 {
        self.stale
    }
}

const fn info(child: &Child) -> ChildInfo {
    ChildInfo {
        child: child.no,
        spec: child.spec,
        state: child.state,
        incarnation: child.incarnation,
        restarts: child.restarts,
    }
}

const fn shutdown() -> ExitReason {
    ExitReason::plain(ReasonTag::Shutdown)
}
