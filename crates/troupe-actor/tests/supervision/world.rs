//! Children that do anything, around one supervisor, and what must hold whatever they do.

use std::collections::{BTreeMap, BTreeSet};

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::engine::{ChildState, Engine, SupervisorState};
use troupe_actor::supervision::protocol::{Charge, ChildEnd, ChildNo, Input, Output, Request, RequestError};
use troupe_actor::supervision::spec::{
    AutoShutdown, Backoff, BackoffKind, ChildSpec, Restart, Strategy, SupervisorSpec,
};

use crate::generator::Random;

/// The life of a child, as the child itself knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    None,
    Starting,
    Up {
        since: u64,
    },
    /// Told to end; `up` if it had come up.
    Ending {
        up: bool,
        killed: bool,
    },
}

#[derive(Debug)]
pub struct Actor {
    pub life: Life,
    pub incarnation: u32,
    /// It was ended on request, so that only a request may start it.
    stopped: bool,
    /// It was added and has not been up, so that it starts out of turn.
    added: bool,
    pub restart: Restart,
}

pub struct World {
    pub engine: Engine,
    pub random: Random,
    pub now: u64,
    pub actors: BTreeMap<ChildNo, Actor>,
    pub timers: BTreeSet<(u64, u64)>,
    spec: SupervisorSpec,
    open: BTreeMap<u64, Request>,
    next_request: u64,
    /// Restarts that cost a unit, in this life of the supervisor.
    charged: Vec<u64>,
    free: bool,
    life_open: bool,
    said_up: bool,
    /// How often each output came, to show that the test reaches everything.
    pub seen: BTreeMap<&'static str, u64>,
}

fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[random.below(of.len() as u32) as usize]
}

fn child_spec(random: &mut Random) -> ChildSpec {
    use Restart::{Permanent, Temporary, Transient};
    let restart = pick(random, &[Permanent, Permanent, Permanent, Transient, Temporary]);
    ChildSpec { restart, significant: restart != Permanent && random.below(2) == 0, shutdown_ms: 5_000 }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let spec = SupervisorSpec {
            strategy: pick(&mut random, &[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
            max_restarts: pick(&mut random, &[0, 1, 3, 10, u32::MAX]),
            within_ms: pick(&mut random, &[1, 500, 5_000, 60_000]),
            backoff: Backoff {
                kind: pick(&mut random, &[BackoffKind::Immediate, BackoffKind::Linear, BackoffKind::Exponential]),
                initial_ms: pick(&mut random, &[0, 1, 100]),
                factor: 2.0,
                max_ms: pick(&mut random, &[100, 300, 30_000]),
                jitter: pick(&mut random, &[0.0, 0.2, 1.0]),
            },
            reset_after_ms: pick(&mut random, &[0, 100, 15_000]),
            auto_shutdown: pick(
                &mut random,
                &[AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant],
            ),
        };
        let children: Vec<ChildSpec> = (0..random.below(7)).map(|_| child_spec(&mut random)).collect();
        let actor = |spec: &ChildSpec| Actor {
            life: Life::None,
            incarnation: 0,
            stopped: false,
            added: false,
            restart: spec.restart,
        };
        Self {
            actors: (0..).zip(children.iter().map(actor)).collect(),
            engine: Engine::new(spec, children),
            random,
            now: 0,
            timers: BTreeSet::new(),
            spec,
            open: BTreeMap::new(),
            next_request: 1,
            charged: Vec::new(),
            free: false,
            life_open: false,
            said_up: false,
            seen: BTreeMap::new(),
        }
    }

    pub fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        let random = &mut self.random;
        let mut uniform = || f64::from(random.below(1_000)) / 1_000.0;
        self.engine.step(input, self.now, &mut uniform, &mut out);
        for output in out {
            self.check(output);
        }
        self.agree();
    }

    /// The engine's view of every life is the child's own, but for reports under way.
    fn agree(&self) {
        for info in self.engine.children() {
            let actor = &self.actors[&info.child];
            let alive = actor.life != Life::None;
            assert_eq!(info.state.has_life(), alive, "{info:?} {actor:?}");
            assert_eq!(info.incarnation, actor.incarnation);
        }
    }

    fn check(&mut self, output: Output) {
        let label = match &output {
            Output::Start { child, incarnation } => self.check_start(*child, *incarnation),
            Output::TakeDown { child, incarnation, .. } => self.check_end(*child, *incarnation, false),
            Output::Kill { child, incarnation } => self.check_end(*child, *incarnation, true),
            Output::End { child, .. } => {
                assert_eq!(self.actors[child].life, Life::None, "a place is given up while somebody lives there");
                "end"
            }
            Output::SetTimer { timer, at_ms } => {
                assert!(*at_ms > self.now && *at_ms - self.now <= self.spec.backoff.max_ms, "a wait above its maximum");
                assert!(self.timers.insert((*at_ms, *timer)));
                "timer"
            }
            Output::Reply { id, result } => {
                let request = self.open.remove(id).expect("one answer to one request");
                self.note_answer(&request, result);
                if result.is_ok() { "done" } else { "refused" }
            }
            Output::Restarting { child, attempt, delay_ms, .. } => {
                self.check_budget();
                assert!(*delay_ms <= self.spec.backoff.max_ms);
                assert!(self.free || *attempt > 0);
                assert_ne!(self.actors[child].restart, Restart::Temporary);
                "restarting"
            }
            Output::Restarted { child } => {
                assert!(matches!(self.actors[child].life, Life::Up { .. }));
                "restarted"
            }
            Output::Up => {
                assert!(self.life_open && !std::mem::replace(&mut self.said_up, true), "up once in a life");
                "up"
            }
            Output::StartFailed { .. } => self.check_over("start-failed", !self.said_up),
            Output::Down { reason } => {
                let label = if reason.tag == ReasonTag::Intensity { "gave-up" } else { "down" };
                self.check_over(label, true)
            }
        };
        *self.seen.entry(label).or_default() += 1;
    }

    fn check_start(&mut self, child: ChildNo, incarnation: u32) -> &'static str {
        let group = self.spec.strategy != Strategy::OneForOne || !self.said_up;
        let asked = self.is_asked(child);
        let actor = self.actors.get_mut(&child).expect("a child");
        assert_eq!(actor.life, Life::None, "two lives at a time");
        assert_eq!(incarnation, actor.incarnation + 1);
        assert!(!actor.stopped || asked, "{child} was stopped, and starts unasked");
        let once = actor.restart == Restart::Temporary && self.said_up && incarnation > 1;
        assert!(!once || asked, "a temporary child comes back");
        (actor.life, actor.incarnation, actor.stopped) = (Life::Starting, incarnation, false);
        let in_turn = group && !asked && self.engine.state() != SupervisorState::Up;
        if in_turn && self.spec.strategy != Strategy::OneForOne {
            let before = self.engine.children().take_while(|info| info.child < child);
            for info in before {
                let settled = matches!(info.state, ChildState::Up | ChildState::Ended | ChildState::Stopping);
                assert!(settled || self.is_asked(info.child), "{child} starts before {info:?}");
            }
        }
        "start"
    }

    fn check_end(&mut self, child: ChildNo, incarnation: u32, kill: bool) -> &'static str {
        let requested = self.open.values().any(|request| *request == Request::StopChild(child));
        if !kill && !requested {
            let mut after = self.actors.range(child + 1..);
            assert!(after.all(|(_, actor)| actor.life == Life::None), "{child} goes down before one behind it");
        }
        let actor = self.actors.get_mut(&child).expect("a child");
        assert_eq!(incarnation, actor.incarnation);
        let up = match actor.life {
            Life::Starting => false,
            Life::Up { .. } => true,
            Life::Ending { up, killed } => {
                assert!(kill, "taken down twice");
                actor.life = Life::Ending { up, killed: true };
                return if killed { "killed-again" } else { "killed-at-last" };
            }
            Life::None => panic!("{child} has no life to end"),
        };
        actor.life = Life::Ending { up, killed: kill };
        if kill { "killed" } else { "taken-down" }
    }

    fn check_budget(&mut self) {
        if self.free || self.spec.max_restarts == u32::MAX {
            return;
        }
        self.charged.push(self.now);
        let counting = self.charged.iter().filter(|at| self.now - **at < self.spec.within_ms).count();
        assert!(counting <= self.spec.max_restarts as usize, "{counting} restarts in a window");
    }

    fn check_over(&mut self, label: &'static str, allowed: bool) -> &'static str {
        assert!(allowed, "a start cannot fail after it succeeded");
        assert!(std::mem::replace(&mut self.life_open, false), "a life ends once");
        for (child, actor) in &self.actors {
            assert_eq!(actor.life, Life::None, "{child} outlives its supervisor");
        }
        assert!(self.open.is_empty(), "somebody waits for an answer: {:?}", self.open);
        label
    }

    fn note_answer(&mut self, request: &Request, result: &Result<Option<ChildNo>, RequestError>) {
        match (request, result) {
            (Request::StopChild(child), Ok(_)) => {
                let actor = self.actors.get_mut(child).expect("a child");
                assert_eq!(actor.life, Life::None);
                actor.stopped = true;
            }
            (Request::RestartChild(child), Err(RequestError::StartFailed(_))) => {
                self.actors.get_mut(child).expect("a child").stopped = true;
            }
            _ => {}
        }
    }

    /// Whether somebody waits for this child's start, so that it may come out of turn.
    fn is_asked(&self, child: ChildNo) -> bool {
        let restart = Request::RestartChild(child);
        self.actors[&child].added || self.open.values().any(|request| *request == restart)
    }

    /// Starts the supervisor if it is down.
    pub fn start(&mut self) {
        if self.engine.state() == SupervisorState::Down {
            (self.life_open, self.said_up) = (true, false);
            self.charged.clear();
            self.step(Input::Start);
        }
    }

    pub fn request(&mut self) {
        let child = self.random.below(self.engine.next_child() + 1);
        let request = match self.random.below(4) {
            0 if self.actors.len() < 12 => Request::AddChild(child_spec(&mut self.random)),
            0 | 1 => Request::StopChild(child),
            2 => Request::RestartChild(child),
            _ => Request::DeleteChild(child),
        };
        if let Request::AddChild(spec) = &request {
            let actor = Actor { life: Life::None, incarnation: 0, stopped: false, added: true, restart: spec.restart };
            self.actors.insert(self.engine.next_child(), actor);
        }
        let id = self.next_request;
        self.next_request += 1;
        self.open.insert(id, request);
        let next = self.engine.next_child();
        self.step(Input::Request { id, request: self.open[&id].clone() });
        if self.engine.next_child() == next {
            self.actors.retain(|child, _| *child < next);
        }
        let listed: BTreeSet<ChildNo> = self.engine.children().map(|info| info.child).collect();
        self.actors.retain(|child, _| listed.contains(child));
    }

    /// One child does something: comes up, fails, crashes, ends, answers.
    pub fn act(&mut self, child: ChildNo) {
        let Some(actor) = self.actors.get_mut(&child) else { return };
        let incarnation = actor.incarnation;
        let input = match (actor.life, self.random.below(10)) {
            (Life::None, _) => return,
            (Life::Starting, 0..6) => {
                (actor.life, actor.added) = (Life::Up { since: self.now }, false);
                Input::ChildUp { child, incarnation }
            }
            // Came up while it was told to end: that end is still to come.
            (Life::Ending { up: false, killed }, 0..3) => {
                actor.life = Life::Ending { up: true, killed };
                Input::ChildUp { child, incarnation }
            }
            (Life::Starting | Life::Ending { up: false, .. }, 6..8) => {
                actor.life = Life::None;
                let reason = ExitReason::plain(ReasonTag::StartFailed);
                Input::ChildStartFailed { child, incarnation, reason, deterministic: self.random.below(8) == 0 }
            }
            (Life::Starting | Life::Ending { up: false, .. }, 8) => {
                actor.life = Life::None;
                Input::ChildIgnored { child, incarnation }
            }
            (life, dice) if dice == 9 && !matches!(life, Life::Ending { killed: true, .. }) => {
                (actor.life, actor.stopped) = (Life::None, true);
                let tag = pick(&mut self.random, &[ReasonTag::Normal, ReasonTag::Shutdown, ReasonTag::Killed]);
                Input::ChildGone { child, incarnation, reason: ExitReason::plain(tag) }
            }
            (life, _) => {
                actor.life = Life::None;
                let tag = pick(&mut self.random, &[ReasonTag::Trap, ReasonTag::Oom, ReasonTag::Normal]);
                let charge = pick(&mut self.random, &[Charge::Normal, Charge::Normal, Charge::Replay, Charge::Free]);
                self.free = charge == Charge::Free;
                let uptime_ms = if let Life::Up { since } = life { self.now - since } else { 0 };
                Input::ChildDown {
                    child,
                    incarnation,
                    end: ChildEnd { reason: ExitReason::plain(tag), uptime_ms, charge },
                }
            }
        };
        self.step(input);
        self.free = false;
        self.forget_unlisted();
    }

    /// Somebody ends a child for good while it has no life.
    pub fn gone_while_down(&mut self, child: ChildNo) {
        let state = self.engine.child(child).map(|info| info.state);
        if !matches!(state, Some(ChildState::Waiting | ChildState::Delayed { .. })) {
            return;
        }
        let before = self.engine.stale();
        let incarnation = self.actors[&child].incarnation;
        self.step(Input::ChildGone { child, incarnation, reason: ExitReason::plain(ReasonTag::Killed) });
        if self.engine.stale() == before
            && let Some(actor) = self.actors.get_mut(&child)
        {
            actor.stopped = true;
        }
        self.forget_unlisted();
    }

    fn forget_unlisted(&mut self) {
        let listed: BTreeSet<ChildNo> = self.engine.children().map(|info| info.child).collect();
        for (child, actor) in &self.actors {
            assert!(listed.contains(child) || actor.life == Life::None, "{child} lives and is not listed");
        }
        self.actors.retain(|child, _| listed.contains(child));
    }

    /// A report about something that is over must change nothing.
    pub fn lie(&mut self) {
        let child = self.random.below(self.engine.next_child() + 2);
        let last = self.actors.get(&child).map_or(0, |actor| actor.incarnation);
        let alive = self.actors.get(&child).is_some_and(|actor| actor.life != Life::None);
        let incarnation = if alive { last + 1 - 2 * self.random.below(2) } else { last };
        let reason = ExitReason::plain(ReasonTag::Trap);
        let end = ChildEnd { reason: reason.clone(), uptime_ms: 0, charge: Charge::Normal };
        let input = match self.random.below(5) {
            0 => Input::ChildUp { child, incarnation },
            1 => Input::ChildIgnored { child, incarnation },
            2 => Input::ChildStartFailed { child, incarnation, reason, deterministic: true },
            3 => Input::ChildDown { child, incarnation, end },
            _ => Input::Due { timer: u64::MAX },
        };
        let (before, view) = (self.engine.stale(), format!("{:?}", self.engine));
        let mut out = Vec::new();
        self.engine.step(input, self.now, &mut || 0.0, &mut out);
        assert_eq!(out, []);
        assert_eq!(self.engine.stale(), before + 1);
        let unchanged = view.replace(&format!("stale: {before}"), &format!("stale: {}", before + 1));
        assert_eq!(format!("{:?}", self.engine), unchanged);
    }

    /// The next timer is due.
    pub fn wait(&mut self) -> bool {
        let Some((at, timer)) = self.timers.pop_first() else { return false };
        self.now = self.now.max(at);
        self.step(Input::Due { timer });
        true
    }

    /// Children that owe an answer.
    pub fn busy(&self) -> Vec<ChildNo> {
        let owes = |life: Life| matches!(life, Life::Starting | Life::Ending { .. });
        self.actors.iter().filter(|(_, actor)| owes(actor.life)).map(|(child, _)| *child).collect()
    }

    /// Lets every child answer and every timer come, until nothing is under way.
    pub fn settle(&mut self) {
        for round in 0.. {
            let busy = self.busy();
            if busy.is_empty() && !self.wait() {
                break;
            }
            busy.into_iter().for_each(|child| self.act(child));
            assert!(round < 10_000, "it never settles");
        }
        let state = self.engine.state();
        assert!(matches!(state, SupervisorState::Up | SupervisorState::Down), "stuck: {:?}", self.engine);
        assert!(self.open.is_empty(), "somebody waits for an answer: {:?}", self.open);
    }
}
