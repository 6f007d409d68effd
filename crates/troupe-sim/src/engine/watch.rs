//! What must be true of a supervisor's outputs.

use std::collections::{BTreeMap, BTreeSet};

use troupe_actor::reason::ReasonTag;
use troupe_actor::supervision::engine::{Engine, SupervisorState};
use troupe_actor::supervision::protocol::{Charge, ChildNo, Input, Output, Request};
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec};

use crate::model::{Violation, bounds};
use crate::random::Random;

/// How far a life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It comes up.
    Starting,
    /// It is up.
    Up,
    /// It is to go down.
    GoingDown,
}

#[derive(Clone, Debug)]
struct Child {
    spec: ChildSpec,
    life: Option<Life>,
    incarnation: u32,
    since: u64,
    /// A request wants it down, so that it goes out of turn.
    requested: bool,
    /// A request started it: one that does not come up is not restarted.
    asked: bool,
    /// It was started in this life of the supervisor.
    begun: bool,
}

impl Child {
    const fn new(spec: ChildSpec) -> Self {
        Self { spec, life: None, incarnation: 0, since: 0, requested: false, asked: false, begun: false }
    }
}

/// What a failure in this step must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// A restart, charged or not.
    Restart(ChildNo, Charge),
    /// No restart: the budget is spent.
    GiveUp,
    /// No restart: it is not of that kind.
    End(ChildNo),
}

/// The rules of one supervisor, and what it did so far.
pub struct Watch {
    /// The first thing that no rule allows.
    pub violation: Option<Violation>,
    spec: SupervisorSpec,
    children: BTreeMap<ChildNo, Child>,
    charged: Vec<u64>,
    /// It was told to end, or ends by itself: nothing begins any more.
    ending: bool,
    over: bool,
    /// The group's members go down, from this one on.
    falling: Option<ChildNo>,
    /// The last one that was started in this rise.
    rising: Option<ChildNo>,
    /// `Up` was said in this life.
    up: bool,
    must: Option<Must>,
    /// Requests without an answer, and the child that each wants added.
    requests: BTreeMap<u64, Option<ChildNo>>,
    /// Children whose addition failed: nothing of them is left.
    refused: BTreeSet<ChildNo>,
    /// What came in is about something that is over.
    expect_stale: bool,
    /// The child that somebody wants started.
    serving: Option<ChildNo>,
    /// What came in may be a reason to go down.
    may_end: bool,
    outputs: usize,
}

impl Watch {
    pub fn new(spec: SupervisorSpec, children: Vec<ChildSpec>) -> Self {
        let child = |spec| Child::new(spec);
        Self {
            violation: None,
            spec,
            children: (0..).zip(children.into_iter().map(child)).collect(),
            charged: Vec::new(),
            ending: false,
            over: true,
            falling: None,
            rising: None,
            up: false,
            must: None,
            requests: BTreeMap::new(),
            refused: BTreeSet::new(),
            expect_stale: false,
            serving: None,
            may_end: false,
            outputs: 0,
        }
    }

    pub fn fail(&mut self, rule: &'static str, text: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { rule, text: format!("{:?}: {text}", self.spec.strategy) });
        }
    }

    fn require(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.fail(rule, text());
        }
    }

    pub const fn is_over(&self) -> bool {
        self.over
    }

    pub fn some_life(&self, random: &mut Random) -> Option<(ChildNo, u32, Life)> {
        let lives: Vec<_> =
            self.children.iter().filter_map(|(no, child)| Some((*no, child.incarnation, child.life?))).collect();
        (!lives.is_empty()).then(|| random.pick(&lives))
    }

    pub fn some_old_life(&self, random: &mut Random) -> Option<(ChildNo, u32)> {
        let old: Vec<_> = self.children.iter().filter(|(_, child)| child.incarnation > 1).collect();
        if old.is_empty() {
            return None;
        }
        let (no, child) = random.pick(&old);
        Some((*no, 1 + random.below(child.incarnation - 1)))
    }

    pub fn uptime(&self, child: ChildNo, now: u64) -> u64 {
        self.children.get(&child).map_or(0, |child| now - child.since)
    }

    /// A failure is free only after one that was charged.
    pub fn may_be_free(&self, child: ChildNo) -> bool {
        self.children.get(&child).is_some_and(|child| child.incarnation > 1)
    }

    /// An input is about to be fed; `next` is the number that a child added by it would get.
    pub fn before(&mut self, input: &Input, now: u64, next: ChildNo) {
        self.outputs = 0;
        self.must = None;
        self.expect_stale = false;
        self.serving = match input {
            Input::Request { request: Request::AddChild(_), .. } => Some(next),
            Input::Request { request: Request::RestartChild(no), .. } => Some(*no),
            _ => None,
        };
        self.may_end = self.is_reason(input);
        match input {
            Input::Start if self.over => {
                (self.over, self.ending, self.up) = (false, false, false);
                (self.falling, self.rising) = (None, None);
                self.charged.clear();
                self.children.values_mut().for_each(|child| child.begun = false);
            }
            Input::Start => self.expect_stale = true,
            Input::Stop { .. } if !self.over => self.ending = true,
            Input::Kill if !self.over => {
                self.ending = true;
                self.children.values_mut().for_each(|child| child.requested = true);
            }
            Input::ChildUp { child, incarnation } => self.child_up(*child, *incarnation, now),
            Input::ChildIgnored { child, incarnation } => {
                self.life_over(*child, *incarnation, None);
            }
            Input::ChildStartFailed { child, incarnation, deterministic, .. } => {
                let asked = self.children.get(child).is_some_and(|child| child.asked);
                let went = self.life_over(*child, *incarnation, None);
                if went == Some(Life::Starting) && self.up && !self.ending && !*deterministic && !asked {
                    self.judge(*child, Charge::Normal, now);
                }
            }
            Input::ChildDown { child, incarnation, end } => {
                let went = self.life_over(*child, *incarnation, Some(end.reason.tag));
                if went == Some(Life::Up) && !self.ending {
                    self.fails(*child, end.reason.tag, end.charge, now);
                }
            }
            Input::ChildGone { child, incarnation, .. } => {
                self.life_over(*child, *incarnation, None);
            }
            Input::Request { id, request } => {
                let added = matches!(request, Request::AddChild(_)).then_some(next);
                self.requests.insert(*id, added);
                self.requested(request, next);
            }
            _ => {}
        }
    }

    /// Whether an input may end the supervisor: a failed start before it was up or one that will fail
    /// each time (`SUP-3`, `INT-7`), or the end of a significant child (`SUP-6`).
    fn is_reason(&self, input: &Input) -> bool {
        match input {
            Input::ChildStartFailed { deterministic, .. } => !self.up || *deterministic,
            Input::ChildDown { child, .. } | Input::ChildGone { child, .. } | Input::ChildIgnored { child, .. } => {
                let significant = self.children.get(child).is_some_and(|child| child.spec.significant);
                significant && self.spec.auto_shutdown != AutoShutdown::Never
            }
            _ => false,
        }
    }

    fn requested(&mut self, request: &Request, next: ChildNo) {
        match request {
            Request::AddChild(spec) => {
                self.children.insert(next, Child::new(*spec));
            }
            Request::StopChild(no) => {
                if let Some(child) = self.children.get_mut(no).filter(|child| child.life.is_some()) {
                    child.requested = true;
                }
            }
            Request::RestartChild(_) | Request::DeleteChild(_) => {}
        }
    }

    fn is_current(&self, no: ChildNo, incarnation: u32) -> bool {
        self.children.get(&no).is_some_and(|child| child.life.is_some() && child.incarnation == incarnation)
    }

    fn child_up(&mut self, no: ChildNo, incarnation: u32, now: u64) {
        self.expect_stale = !self.is_current(no, incarnation);
        let current = self.children.get_mut(&no).filter(|_| !self.expect_stale);
        if let Some(child) = current.filter(|child| child.life == Some(Life::Starting)) {
            (child.life, child.since, child.asked) = (Some(Life::Up), now, false);
        }
    }

    /// A life is over; how far it was.
    fn life_over(&mut self, no: ChildNo, incarnation: u32, _tag: Option<ReasonTag>) -> Option<Life> {
        self.expect_stale = !self.is_current(no, incarnation);
        if self.expect_stale {
            return None;
        }
        self.children.get_mut(&no).and_then(|child| child.life.take())
    }

    /// A child that was up failed, and nobody had asked it to go.
    fn fails(&mut self, no: ChildNo, tag: ReasonTag, charge: Charge, now: u64) {
        let Some(child) = self.children.get(&no) else { return };
        let normal = matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown);
        let stays = match child.spec.restart {
            Restart::Permanent => true,
            Restart::Transient => !normal,
            Restart::Temporary => false,
        };
        if !stays {
            self.must = Some(Must::End(no));
        } else if self.falling.is_none_or(|first| no < first) {
            self.judge(no, charge, now);
        }
    }

    /// One more restart, if the budget allows it (`INT-1`).
    fn judge(&mut self, no: ChildNo, charge: Charge, now: u64) {
        if self.falling.is_some_and(|first| no >= first) {
            return;
        }
        let counted = self.charged.iter().filter(|at| now - **at < self.spec.within_ms).count();
        let spent = self.spec.max_restarts != u32::MAX && counted >= self.spec.max_restarts as usize;
        self.must = Some(if spent && charge != Charge::Free { Must::GiveUp } else { Must::Restart(no, charge) });
    }

    /// The engine took the input in: whether it goes down now, and may.
    pub fn turned(&mut self, engine: &Engine) {
        let stopping = matches!(engine.state(), SupervisorState::Stopping | SupervisorState::Down);
        if !stopping || self.ending || self.over {
            return;
        }
        let may = self.may_end || self.must == Some(Must::GiveUp);
        self.require(may, "SUP-6", || "goes down without a reason".to_owned());
        self.ending = true;
    }

    /// The supervisor wants something.
    pub fn output(&mut self, output: &Output, now: u64) {
        self.outputs += 1;
        match output {
            Output::Start { child, incarnation } => self.starts(*child, *incarnation),
            Output::TakeDown { child, incarnation, grace_ms } => self.takes_down(*child, *incarnation, *grace_ms),
            Output::Kill { child, incarnation } => {
                let current = self.is_current(*child, *incarnation);
                self.require(current && self.ending, "SUP-0", || format!("kills {child} {incarnation} for nothing"));
                if let Some(child) = self.children.get_mut(child) {
                    child.life = Some(Life::GoingDown);
                }
            }
            Output::End { child, .. } => self.ends(*child),
            Output::Restarting { child, attempt, delay_ms, .. } => self.restarts(*child, *attempt, *delay_ms, now),
            Output::Up => {
                let twice = std::mem::replace(&mut self.up, true);
                // In one-for-one, one that was up may be coming up again.
                let alone = self.spec.strategy == Strategy::OneForOne;
                let rising = !alone && self.children.values().any(|child| child.life == Some(Life::Starting));
                self.require(!twice && !self.ending && !rising, "SUP-2", || "says that it is up".to_owned());
            }
            Output::StartFailed { .. } => {
                let up = self.up;
                self.require(!up, "SUP-3", || "its start failed after it was up".to_owned());
                self.is_down("SUP-3");
            }
            Output::Down { .. } => self.is_down("SUP-7"),
            Output::Reply { id, result } => {
                let open = self.requests.remove(id);
                self.require(open.is_some(), "SUP-5", || format!("request {id} was answered twice"));
                let begun = |no: &ChildNo| self.children.get(no).is_some_and(|child| child.incarnation > 0);
                if result.is_err() {
                    self.refused.extend(open.flatten().filter(begun));
                }
            }
            Output::SetTimer { .. } | Output::Restarted { .. } => {}
        }
    }

    fn is_down(&mut self, rule: &'static str) {
        let alive: Vec<_> = self.children.iter().filter(|(_, child)| child.life.is_some()).map(|(no, _)| *no).collect();
        self.require(alive.is_empty(), rule, || format!("is down with {alive:?} alive"));
        (self.over, self.ending, self.falling) = (true, false, None);
    }

    fn starts(&mut self, no: ChildNo, incarnation: u32) {
        let (over, ending, falling) = (self.over, self.ending, self.falling);
        let refused = self.refused.contains(&no);
        self.require(!refused, "SUP-5", || format!("starts {no}, whose addition was refused"));
        self.require(!over && !ending, "SUP-7", || format!("starts {no} while it goes down"));
        let going: Vec<_> =
            self.children.iter().filter(|(_, child)| child.life == Some(Life::GoingDown)).map(|(no, _)| *no).collect();
        if let Some(first) = falling {
            let down = self.children.range(first..).all(|(_, child)| child.life.is_none() || child.requested);
            self.require(down, "SUP-4", || format!("starts {no} before {going:?} are down"));
            (self.falling, self.rising) = (None, None);
        }
        let alone = self.spec.strategy == Strategy::OneForOne;
        let starting = self.children.values().any(|child| child.life == Some(Life::Starting) && !child.asked && !alone);
        let Some(child) = self.children.get_mut(&no) else {
            return self.fail("SUP-0", format!("starts {no}, which it does not have"));
        };
        let (lives, before) = (child.life, child.incarnation);
        let requested = self.serving == Some(no);
        child.asked |= requested;
        // In one-for-one, one that was up before comes up again out of turn.
        let in_order = !alone || !std::mem::replace(&mut child.begun, true);
        child.life = Some(Life::Starting);
        child.incarnation = incarnation;
        self.require(lives.is_none(), "SUP-0", || format!("starts {no}, which lives: {lives:?}"));
        self.require(incarnation == before + 1, "SUP-0", || format!("life {incarnation} of {no} follows {before}"));
        if in_order && !requested {
            let after = self.rising.is_none_or(|last| last < no);
            self.require(after && !starting, "SUP-2", || format!("starts {no} out of order"));
            self.rising = Some(no);
        }
    }

    fn takes_down(&mut self, no: ChildNo, incarnation: u32, grace_ms: u64) {
        let current = self.is_current(no, incarnation);
        self.require(current, "SUP-0", || format!("takes life {incarnation} of {no} down, which is over"));
        let grouped = self.ending || self.falling.is_some();
        let others = self
            .children
            .iter()
            .filter(|(other, child)| **other != no && child.life == Some(Life::GoingDown) && !child.requested);
        let going: Vec<_> = others.map(|(other, _)| *other).collect();
        let later = self.children.range(no + 1..).any(|(_, child)| child.life.is_some() && !child.requested);
        let first = if self.ending { Some(0) } else { self.falling };
        let Some(child) = self.children.get_mut(&no) else { return };
        let (requested, grace) = (child.requested, child.spec.shutdown_ms);
        child.life = Some(Life::GoingDown);
        self.require(grace == grace_ms, "STOP-3", || format!("{no} has {grace_ms} ms to go down, not {grace}"));
        if requested {
            return;
        }
        self.require(grouped, "SUP-1", || format!("takes {no} down for nothing"));
        self.require(first.is_some_and(|first| no >= first), "SUP-1", || {
            format!("takes {no} down, which is not of the group")
        });
        self.require(going.is_empty() && !later, "SUP-2", || {
            format!("takes {no} down while {going:?} go, later {later}")
        });
    }

    fn ends(&mut self, no: ChildNo) {
        let lives = self.children.get(&no).and_then(|child| child.life);
        self.require(lives.is_none(), "STOP-2", || format!("gives the place of {no} up, which lives: {lives:?}"));
        if self.must == Some(Must::End(no)) {
            self.must = None;
        }
    }

    fn restarts(&mut self, no: ChildNo, attempt: u32, delay_ms: u64, now: u64) {
        let max = self.spec.backoff.max_ms;
        self.require(delay_ms <= max, "BO-1", || format!("waits {delay_ms} ms, {max} at most"));
        match self.must.take() {
            Some(Must::Restart(which, charge)) => {
                self.require(which == no, "SUP-0", || format!("restarts {no} because of {which}"));
                if charge != Charge::Free {
                    self.charged.push(now);
                }
                let (low, high) = if charge == Charge::Normal { bounds(&self.spec.backoff, attempt) } else { (0, 0) };
                self.require((low..=high).contains(&delay_ms), "BO-1", || {
                    format!("waits {delay_ms} ms after failure {attempt}, expected {low} to {high}")
                });
            }
            Some(Must::GiveUp) => {
                let charged = self.charged.clone();
                self.fail("INT-1", format!("restarts {no} at {now} after restarts at {charged:?}"));
            }
            other => self.fail("RST-1", format!("restarts {no}, expected {other:?}")),
        }
        match self.spec.strategy {
            Strategy::OneForOne => {}
            Strategy::OneForAll => (self.falling, self.rising) = (Some(0), None),
            Strategy::RestForOne => (self.falling, self.rising) = (Some(no), None),
        }
    }

    /// The step is over.
    pub fn after(&mut self, stale: bool, engine: &Engine) {
        let expected = self.expect_stale;
        self.require(!expected || stale, "SUP-0", || "did not notice that something is over".to_owned());
        let outputs = self.outputs;
        self.require(!expected || outputs == 0, "SUP-0", || "did something about a life that is over".to_owned());
        let stopping = engine.state() == SupervisorState::Stopping || engine.state() == SupervisorState::Down;
        match self.must.take() {
            Some(Must::Restart(no, _)) if !stopping => self.fail("RST-1", format!("does not restart {no}")),
            Some(Must::Restart(no, _)) if self.spec.max_restarts == u32::MAX => {
                self.fail("INT-1", format!("gives up about {no} with no limit to its budget"));
            }
            Some(Must::Restart(no, _)) => {
                let charged = self.charged.clone();
                self.fail("INT-1", format!("gives up about {no} after restarts at {charged:?}"));
            }
            Some(Must::GiveUp) => {
                self.require(stopping, "INT-6", || "does not give up with its budget spent".to_owned());
            }
            Some(Must::End(no)) => self.require(stopping, "RST-1", || format!("keeps {no}, which is not restarted")),
            None => {}
        }
        self.ending |= stopping && !self.over;
        let listed: BTreeSet<ChildNo> = engine.children().map(|child| child.child).collect();
        self.children.retain(|no, child| listed.contains(no) || child.life.is_some());
        // A request is served in its step, unless a life has to end or begin first.
        for child in self.children.values_mut().filter(|child| child.life.is_none()) {
            child.requested = false;
        }
    }

    /// It is down for good: everybody who asked has heard.
    pub fn check_end(&mut self) {
        let open: Vec<u64> = self.requests.keys().copied().collect();
        self.require(open.is_empty(), "SUP-5", || format!("requests {open:?} were never answered"));
    }
}
