//! A supervisor on a desk: children are letters, and what the engine wants is written down in
//! short: `+a` begin a life, `-a` take it down, `!a` kill it, `xa` give the place up, `~100` wait,
//! `7=ok` answer request 7, then `UP`, `FAILED(a trap)` and `DOWN(shutdown)`.

use std::collections::{BTreeMap, BTreeSet};

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::engine::Engine;
use troupe_actor::supervision::protocol::{Charge, ChildEnd, ChildNo, Input, Output, Request, RequestError};
use troupe_actor::supervision::spec::{Backoff, BackoffKind, ChildSpec, Restart, Strategy, SupervisorSpec};

/// No jitter, so that waits can be read: at once, 100, 200, 400 … 1,000 ms.
pub const BACKOFF: Backoff =
    Backoff { kind: BackoffKind::Exponential, initial_ms: 100, factor: 2.0, max_ms: 1_000, jitter: 0.0 };

pub fn supervisor(strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec { strategy, backoff: BACKOFF, ..SupervisorSpec::default() }
}

pub fn child(restart: Restart) -> ChildSpec {
    ChildSpec { restart, ..ChildSpec::default() }
}

pub fn permanent(count: usize) -> Vec<ChildSpec> {
    vec![child(Restart::Permanent); count]
}

/// How a child answers a start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Up,
    Ignore,
    Fail,
    FailAlways,
    Hang,
}

pub struct Desk {
    pub engine: Engine,
    pub now: u64,
    /// `child: reason, attempt n, wait` for each restart decided, `child up` for each carried out.
    pub events: Vec<String>,
    /// How the next starts of a child go; up if nothing is said.
    pub starts: BTreeMap<char, Vec<Start>>,
    /// Children that do not answer when they are taken down.
    pub deaf: BTreeSet<char>,
    lives: BTreeMap<ChildNo, u32>,
    timers: Vec<(u64, u64)>,
}

pub const fn letter(no: ChildNo) -> char {
    (b'a' + no as u8) as char
}

pub const fn number(letter: char) -> ChildNo {
    letter as ChildNo - 'a' as ChildNo
}

impl Desk {
    pub fn new(spec: SupervisorSpec, children: Vec<ChildSpec>) -> Self {
        Self {
            engine: Engine::new(spec, children),
            now: 0,
            events: Vec::new(),
            starts: BTreeMap::new(),
            deaf: BTreeSet::new(),
            lives: BTreeMap::new(),
            timers: Vec::new(),
        }
    }

    /// One that is up.
    pub fn up(spec: SupervisorSpec, children: Vec<ChildSpec>) -> Self {
        let mut desk = Self::new(spec, children);
        let log = desk.feed(Input::Start);
        assert!(log.ends_with("UP"), "{log}");
        desk
    }

    /// One input, and all that follows without the time going on.
    pub fn feed(&mut self, input: Input) -> String {
        let mut log = Vec::new();
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut outputs = Vec::new();
            self.engine.step(input, self.now, &mut || 0.0, &mut outputs);
            for output in outputs {
                inputs.extend(self.carry_out(output, &mut log));
            }
        }
        log.join(" ")
    }

    fn carry_out(&mut self, output: Output, log: &mut Vec<String>) -> Option<Input> {
        match output {
            Output::Start { child, incarnation } => {
                log.push(format!("+{}", letter(child)));
                self.lives.insert(child, incarnation);
                let script = self.starts.entry(letter(child)).or_default();
                let how = if script.is_empty() { Start::Up } else { script.remove(0) };
                self.answer_start(child, how)
            }
            Output::TakeDown { child, .. } => {
                log.push(format!("-{}", letter(child)));
                let answers = !self.deaf.contains(&letter(child));
                answers.then(|| self.down(letter(child), ReasonTag::Shutdown))
            }
            Output::Kill { child, .. } => {
                log.push(format!("!{}", letter(child)));
                Some(self.down(letter(child), ReasonTag::Killed))
            }
            Output::End { child, .. } => self.note(log, format!("x{}", letter(child))),
            Output::SetTimer { timer, at_ms } => {
                self.timers.push((at_ms, timer));
                self.note(log, format!("~{}", at_ms - self.now))
            }
            Output::Reply { id, result } => self.note(log, format!("{id}={}", answer(result))),
            Output::Restarting { child, reason, attempt, delay_ms } => {
                self.events.push(format!("{}: {}, attempt {attempt}, {delay_ms} ms", letter(child), reason.tag));
                None
            }
            Output::Restarted { child } => {
                self.events.push(format!("{} up", letter(child)));
                None
            }
            Output::Up => self.note(log, "UP".to_owned()),
            Output::StartFailed { child, reason, deterministic } => {
                let always = if deterministic { " always" } else { "" };
                self.note(log, format!("FAILED({} {}{always})", letter(child), reason.tag))
            }
            Output::Down { reason } => self.note(log, format!("DOWN({})", reason.tag)),
        }
    }

    fn note(&self, log: &mut Vec<String>, text: String) -> Option<Input> {
        log.push(text);
        None
    }

    /// The present life of a child; 0 before the first.
    pub fn life(&self, letter: char) -> u32 {
        self.lives.get(&number(letter)).copied().unwrap_or(0)
    }

    fn answer_start(&self, child: ChildNo, how: Start) -> Option<Input> {
        let incarnation = self.life(letter(child));
        let failed = |deterministic| {
            let reason = ExitReason { tag: ReasonTag::StartFailed, text: "no".to_owned() };
            Some(Input::ChildStartFailed { child, incarnation, reason, deterministic })
        };
        match how {
            Start::Up => Some(Input::ChildUp { child, incarnation }),
            Start::Ignore => Some(Input::ChildIgnored { child, incarnation }),
            Start::Fail => failed(false),
            Start::FailAlways => failed(true),
            Start::Hang => None,
        }
    }

    /// A start that hung goes on.
    pub fn start_now(&mut self, letter: char, how: Start) -> String {
        let input = self.answer_start(number(letter), how).expect("an answer");
        self.feed(input)
    }

    pub fn down(&self, letter: char, tag: ReasonTag) -> Input {
        let end = ChildEnd { reason: ExitReason::plain(tag), uptime_ms: 0, charge: Charge::Normal };
        Input::ChildDown { child: number(letter), incarnation: self.life(letter), end }
    }

    /// A life ends by itself, or one that was deaf is over at last.
    pub fn ends(&mut self, letter: char, tag: ReasonTag) -> String {
        let input = self.down(letter, tag);
        self.feed(input)
    }

    pub fn crash(&mut self, letter: char) -> String {
        self.ends(letter, ReasonTag::Trap)
    }

    /// A crash, with how long the life was up and what it costs.
    pub fn crash_after(&mut self, letter: char, uptime_ms: u64, charge: Charge) -> String {
        let end = ChildEnd { reason: ExitReason::plain(ReasonTag::Trap), uptime_ms, charge };
        self.feed(Input::ChildDown { child: number(letter), incarnation: self.life(letter), end })
    }

    /// Somebody ends a child for good, past the supervisor.
    pub fn gone(&mut self, letter: char, tag: ReasonTag) -> String {
        let (child, incarnation) = (number(letter), self.life(letter));
        self.feed(Input::ChildGone { child, incarnation, reason: ExitReason::plain(tag) })
    }

    pub fn stop(&mut self) -> String {
        self.feed(Input::Stop { reason: ExitReason::plain(ReasonTag::Shutdown) })
    }

    pub fn request(&mut self, id: u64, request: Request) -> String {
        self.feed(Input::Request { id, request })
    }

    /// The time goes on to the next timer.
    pub fn wait(&mut self) -> String {
        let first = (0..self.timers.len()).min_by_key(|at| self.timers[*at]).expect("a timer");
        let (at, timer) = self.timers.remove(first);
        self.now = self.now.max(at);
        self.feed(Input::Due { timer })
    }

    /// Goes on from timer to timer until there is none.
    pub fn wait_all(&mut self) -> String {
        let mut log = Vec::new();
        while !self.timers.is_empty() {
            log.push(self.wait());
        }
        log.retain(|part| !part.is_empty());
        log.join(" ")
    }

    /// What the children are: a letter each, upper case when up, `-` behind those that ended.
    pub fn children(&self) -> String {
        use troupe_actor::supervision::engine::ChildState;
        let show = |child: troupe_actor::supervision::engine::ChildInfo| match child.state {
            ChildState::Up => letter(child.child).to_ascii_uppercase().to_string(),
            ChildState::Ended => format!("{}-", letter(child.child)),
            _ => letter(child.child).to_string(),
        };
        self.engine.children().map(show).collect()
    }
}

fn answer(result: Result<Option<ChildNo>, RequestError>) -> String {
    match result {
        Ok(None) => "ok".to_owned(),
        Ok(Some(child)) => letter(child).to_string(),
        Err(RequestError::Restarting) => "restarting".to_owned(),
        Err(RequestError::NotFound) => "not-found".to_owned(),
        Err(RequestError::Running) => "running".to_owned(),
        Err(RequestError::StartFailed(reason)) => format!("failed({})", reason.tag),
        Err(RequestError::ShuttingDown) => "shutting-down".to_owned(),
    }
}
