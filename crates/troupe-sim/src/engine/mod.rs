//! The supervision engine alone, with children that are nothing but numbers.
//!
//! A run makes one supervisor, answers what it wants in any order that children could, lets timers
//! fall due, asks and ends it; [`Watch`] checks every output against the rules.

mod watch;

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::engine::Engine;
use troupe_actor::supervision::protocol::{Charge, ChildEnd, Input, Output, Request};
use troupe_actor::supervision::spec::{
    AutoShutdown, Backoff, BackoffKind, ChildSpec, Restart, Strategy, SupervisorSpec,
};

use self::watch::Watch;
use crate::model::Violation;
use crate::random::Random;

/// Steps of a run.
const STEPS: u32 = 250;
/// Steps until a supervisor that was asked to end must have done so.
const PATIENCE: u32 = 2_000;

/// Runs one seed; `trace` gets what happened, if there is one.
///
/// # Errors
/// The first thing that no rule allows, and the number of inputs until then.
pub fn run(seed: u64, trace: Option<&mut Vec<String>>) -> Result<u64, (u64, Violation)> {
    let mut world = World::new(seed, trace.is_some());
    let result = world.run();
    if let Some(trace) = trace {
        trace.append(&mut world.trace);
    }
    result.map(|()| world.inputs).map_err(|violation| (world.inputs, violation))
}

struct World {
    engine: Engine,
    watch: Watch,
    random: Random,
    now: u64,
    /// Timers that were set: when, which.
    timers: Vec<(u64, u64)>,
    next_request: u64,
    inputs: u64,
    traced: bool,
    trace: Vec<String>,
    /// How often children fail, in a thousand.
    failing: u32,
    /// How often somebody asks for something.
    asking: u32,
    /// How often somebody ends the supervisor.
    ending: u32,
}

impl World {
    fn new(seed: u64, traced: bool) -> Self {
        let mut random = Random::new(seed ^ 0x656e_6769_6e65);
        let spec = supervisor(&mut random);
        let count = random.between(0, 6);
        let children: Vec<ChildSpec> = (0..count).map(|_| child(&mut random, &spec)).collect();
        Self {
            engine: Engine::new(spec, children.clone()),
            watch: Watch::new(spec, children),
            now: 1_000,
            timers: Vec::new(),
            next_request: 1,
            inputs: 0,
            traced,
            trace: Vec::new(),
            failing: random.pick(&[20, 100, 300]),
            asking: random.pick(&[0, 60, 200]),
            ending: random.pick(&[3, 15]),
            random,
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.note(|world| format!("{:?} {:?}", world.engine.spec(), world.engine.children().collect::<Vec<_>>()));
        self.feed(Input::Start);
        for _ in 0..STEPS {
            self.step();
            self.verdict()?;
        }
        self.finish()
    }

    fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.traced {
            let line = format!("{:>7} {}", self.now, line(self));
            self.trace.push(line);
        }
    }

    fn verdict(&self) -> Result<(), Violation> {
        self.watch.violation.clone().map_or(Ok(()), Err)
    }

    /// Feeds one input and looks at what comes out.
    fn feed(&mut self, input: Input) {
        self.inputs += 1;
        self.note(|_| format!("{input:?}"));
        let mut out = Vec::new();
        let stale = self.engine.stale();
        self.watch.before(&input, self.now, self.engine.next_child());
        let random = &mut self.random;
        let mut chance = || f64::from(random.below(1 << 20)) / f64::from(1 << 20);
        self.engine.step(input, self.now, &mut chance, &mut out);
        self.watch.turned(&self.engine);
        for output in &out {
            if let Output::SetTimer { timer, at_ms } = output {
                self.timers.push((*at_ms, *timer));
            }
            self.note(|_| format!("    {output:?}"));
            self.watch.output(output, self.now);
        }
        self.watch.after(self.engine.stale() > stale, &self.engine);
    }

    fn step(&mut self) {
        if self.random.permille(self.ending) {
            return self.end_or_begin();
        }
        if self.random.permille(self.asking) {
            return self.request();
        }
        match self.random.below(10) {
            0 => self.stale(),
            1 | 2 => self.pass_time(),
            _ => self.child_does_something(),
        }
    }

    fn end_or_begin(&mut self) {
        let input = match (self.watch.is_over(), self.random.below(4)) {
            (true, _) => Input::Start,
            (false, 0) => Input::Kill,
            (false, _) => Input::Stop { reason: ExitReason::plain(ReasonTag::Shutdown) },
        };
        self.feed(input);
    }

    fn pass_time(&mut self) {
        let next = self.timers.iter().map(|(at, _)| *at).min();
        match next {
            Some(at) if self.random.coin() => self.now = self.now.max(at),
            _ => self.now += self.random.pick::<u64>(&[1, 9, 120]),
        }
        while let Some(due) = self.timers.iter().position(|(at, _)| *at <= self.now) {
            let (_, timer) = self.timers.swap_remove(due);
            self.feed(Input::Due { timer });
        }
    }

    /// Somebody tells of a life that is over, or of a timer twice.
    fn stale(&mut self) {
        let Some((child, incarnation)) = self.watch.some_old_life(&mut self.random) else { return };
        let input = match self.random.below(3) {
            0 => Input::ChildUp { child, incarnation },
            1 => Input::ChildDown { child, incarnation, end: end(ReasonTag::Trap, 0, Charge::Normal) },
            _ => Input::Due { timer: 1 << 40 },
        };
        self.feed(input);
    }

    fn request(&mut self) {
        let child = self.random.below(self.engine.next_child() + 2);
        let request = match self.random.below(4) {
            0 => Request::AddChild(child_spec(&mut self.random, self.engine.spec())),
            1 => Request::StopChild(child),
            2 => Request::RestartChild(child),
            _ => Request::DeleteChild(child),
        };
        self.next_request += 1;
        self.feed(Input::Request { id: self.next_request, request });
    }

    fn child_does_something(&mut self) {
        let Some((child, incarnation, life)) = self.watch.some_life(&mut self.random) else {
            return self.pass_time();
        };
        let fails = self.random.permille(self.failing);
        let uptime_ms = self.watch.uptime(child, self.now);
        let tags = [ReasonTag::Trap, ReasonTag::Normal, ReasonTag::Killed, ReasonTag::Shutdown, ReasonTag::Oom];
        let tag = self.random.pick(&tags);
        let charge = match self.random.below(8) {
            0 => Charge::Replay,
            1 if self.watch.may_be_free(child) => Charge::Free,
            _ => Charge::Normal,
        };
        let reason = ExitReason::plain(tag);
        let input = match life {
            watch::Life::Starting if fails => match self.random.below(4) {
                0 => Input::ChildIgnored { child, incarnation },
                1 => Input::ChildGone { child, incarnation, reason },
                _ => Input::ChildStartFailed {
                    child,
                    incarnation,
                    reason: ExitReason::plain(ReasonTag::StartFailed),
                    deterministic: self.random.permille(100),
                },
            },
            watch::Life::Starting => Input::ChildUp { child, incarnation },
            watch::Life::Up if fails && self.random.permille(150) => Input::ChildGone { child, incarnation, reason },
            watch::Life::Up if fails => Input::ChildDown { child, incarnation, end: end(tag, uptime_ms, charge) },
            watch::Life::Up => return,
            watch::Life::GoingDown if self.random.permille(50) => Input::ChildGone { child, incarnation, reason },
            watch::Life::GoingDown => {
                Input::ChildDown { child, incarnation, end: end(ReasonTag::Shutdown, uptime_ms, Charge::Normal) }
            }
        };
        self.feed(input);
    }

    /// Ends the supervisor: within a bounded number of answers every child is down (`SUP-7`).
    fn finish(&mut self) -> Result<(), Violation> {
        self.failing = 0;
        self.feed(Input::Stop { reason: ExitReason::plain(ReasonTag::Shutdown) });
        for _ in 0..PATIENCE {
            self.verdict()?;
            if self.watch.is_over() {
                self.watch.check_end();
                return self.verdict();
            }
            self.child_does_something();
        }
        self.watch.fail("SUP-7", "a supervisor that was asked to stop never does".to_owned());
        self.verdict()
    }
}

fn end(tag: ReasonTag, uptime_ms: u64, charge: Charge) -> ChildEnd {
    ChildEnd { reason: ExitReason::plain(tag), uptime_ms, charge }
}

fn supervisor(random: &mut Random) -> SupervisorSpec {
    let initial_ms = random.pick(&[0u64, 1, 20]);
    SupervisorSpec {
        strategy: random.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        max_restarts: random.pick(&[0, 1, 2, 4, 10, u32::MAX]),
        within_ms: random.pick(&[1, 10, 100, 5_000]),
        backoff: Backoff {
            kind: random.pick(&[BackoffKind::Immediate, BackoffKind::Linear, BackoffKind::Exponential]),
            initial_ms,
            factor: random.pick(&[1.0, 2.0, 10.0]),
            max_ms: initial_ms.max(random.pick(&[1, 40, 900])),
            jitter: random.pick(&[0.0, 0.2, 1.0]),
        },
        reset_after_ms: random.pick(&[5, 100, 3_000]),
        auto_shutdown: random.pick(&[
            AutoShutdown::Never,
            AutoShutdown::Never,
            AutoShutdown::AnySignificant,
            AutoShutdown::AllSignificant,
        ]),
    }
}

fn child(random: &mut Random, supervisor: &SupervisorSpec) -> ChildSpec {
    child_spec(random, supervisor)
}

fn child_spec(random: &mut Random, supervisor: &SupervisorSpec) -> ChildSpec {
    let restart = random.pick(&[Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary]);
    // A permanent child cannot be significant, nor any child where that means nothing (`SUP-6`).
    let may = restart != Restart::Permanent && supervisor.auto_shutdown != AutoShutdown::Never;
    ChildSpec { restart, significant: may && random.coin(), shutdown_ms: random.pick(&[0, 100, u64::MAX]) }
}
