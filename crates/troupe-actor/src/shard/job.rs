//! A job: what a thread does for one actor while it does not hold the shard's lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::behavior::{Behavior, InlineTurn, SuspendedTurn};
use crate::frame::{self, Frames, kind};
use crate::health::Health;
use crate::interrupt::TurnSlot;
use crate::mailbox::TurnInput;
use crate::reason::{Crash, ReasonTag, StartError};
use crate::spec::ActorSpec;

/// What to do.
pub enum Work {
    /// Handle a turn.
    Turn,
    /// Make a behavior and start it with this configuration.
    Start(Arc<ActorSpec>, Box<[u8]>),
    /// Go down in order.
    Stop,
    /// Answer a health probe.
    Health,
    /// Finish a turn that left a port's thread half-way.
    Resume(Box<dyn SuspendedTurn>),
    /// Crash as a test wants it, in place of the turn.
    Fail(Box<Crash>),
}

/// How it went.
pub enum Outcome {
    /// Not run yet.
    Pending,
    /// Done; the result of a turn is with the behavior.
    Done,
    /// A health probe was answered.
    Probed(Box<Health>),
    /// A crash; the behavior is lost.
    Crashed(Box<Crash>),
    /// The start failed.
    StartFailed(Box<StartError>),
    /// Left the port's thread half-way.
    Suspended(Box<dyn SuspendedTurn>),
    /// Nothing ran.
    Declined,
}

/// A job, with all that it needs.
pub struct Job {
    /// The actor's cell.
    pub local: u32,
    /// What to do.
    pub work: Work,
    /// The actor's behavior, if it has one.
    pub behavior: Option<Box<dyn Behavior>>,
    /// The turn.
    pub input: TurnInput,
    /// Messages among the turn's frames; the rest are answers.
    pub messages: u32,
    /// Asks among them.
    pub asks: u32,
    /// How it went.
    pub outcome: Outcome,
    /// It ran longer than the watchdog allows.
    pub slow: bool,
    /// The timeout of the one ask of an inline turn, in milliseconds.
    pub timeout: u32,
    /// When its messages were given out, in nanoseconds of the system's clock, if anybody wants to hear of
    /// them; otherwise 0.
    pub observed: u64,
    /// Slot and number under which a thread runs it.
    pub turn: (u32, u64),
}

impl Default for Job {
    fn default() -> Self {
        Self::new(0, Work::Turn, None)
    }
}

impl Job {
    /// A job without a turn.
    #[must_use]
    pub fn new(local: u32, work: Work, behavior: Option<Box<dyn Behavior>>) -> Self {
        Self {
            local,
            work,
            behavior,
            input: TurnInput::default(),
            messages: 0,
            asks: 0,
            outcome: Outcome::Pending,
            slow: false,
            timeout: 0,
            observed: 0,
            turn: (u32::MAX, 0),
        }
    }

    /// Makes room for a turn of an actor, whose parts are filled in next.
    #[inline]
    pub(super) fn begin_turn(&mut self, local: u32) {
        self.local = local;
        self.work = Work::Turn;
        self.outcome = Outcome::Pending;
        self.slow = false;
        self.messages = 0;
        self.asks = 0;
        self.observed = 0;
    }

    /// Whether a test wants it to fail without being tried.
    pub(super) fn is_injected(&self) -> bool {
        match &self.work {
            Work::Start(spec, config) => injected(spec, config).is_some(),
            Work::Fail(_) => true,
            _ => false,
        }
    }

    /// Runs on a worker, as turn `number` of `slot`.
    pub fn run(&mut self, slot: &TurnSlot, number: u64) {
        slot.begin(number);
        let work = std::mem::replace(&mut self.work, Work::Turn);
        let result = match work {
            Work::Turn => self.turn(),
            Work::Start(spec, config) => self.start(&spec, &config),
            Work::Stop => self.stop(),
            Work::Health => {
                self.work = Work::Health;
                self.health()
            }
            Work::Resume(suspended) => self.resume(suspended),
            Work::Fail(crash) => Outcome::Crashed(crash),
        };
        slot.end();
        self.slow = slot.was_slow(number);
        self.outcome = result;
    }

    /// Runs a turn on a port's thread.
    pub fn run_inline(&mut self, slot: &TurnSlot, number: u64) {
        let Some(behavior) = self.behavior.take() else { return };
        slot.begin(number);
        let frames = self.input.frames();
        let result = catch_unwind(AssertUnwindSafe(|| behavior.handle_inline(frames)));
        slot.end();
        self.outcome = match result {
            Ok(InlineTurn::Done(behavior, result)) => {
                self.behavior = Some(behavior);
                result.map_or_else(crashed, |()| Outcome::Done)
            }
            Ok(InlineTurn::Suspended(suspended)) => Outcome::Suspended(suspended),
            Ok(InlineTurn::Declined(behavior)) => {
                self.behavior = Some(behavior);
                Outcome::Declined
            }
            Err(panic) => crashed(host_panic(&*panic)),
        };
    }

    fn turn(&mut self) -> Outcome {
        let Some(behavior) = self.behavior.as_mut() else {
            return crashed(Crash::new(ReasonTag::HostPanic, "a turn without a behavior"));
        };
        let frames = self.input.frames();
        match catch_unwind(AssertUnwindSafe(|| behavior.handle(frames))) {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(crash)) => crashed(crash),
            Err(panic) => crashed(host_panic(&*panic)),
        }
    }

    fn start(&mut self, spec: &ActorSpec, config: &[u8]) -> Outcome {
        if let Some(error) = injected(spec, config) {
            return Outcome::StartFailed(Box::new(error));
        }
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut behavior = spec.factory.create()?;
            if let Err(error) = behavior.start(config) {
                spec.factory.retire(behavior);
                return Err(error);
            }
            Ok(behavior)
        }));
        match made {
            Ok(Ok(behavior)) => {
                self.behavior = Some(behavior);
                Outcome::Done
            }
            Ok(Err(error)) => Outcome::StartFailed(Box::new(error)),
            Err(panic) => {
                Outcome::StartFailed(Box::new(StartError { crash: host_panic(&*panic), deterministic: false }))
            }
        }
    }

    fn stop(&mut self) -> Outcome {
        if let Some(behavior) = self.behavior.as_mut() {
            // How it goes down decides nothing: it is dropped in any case.
            let _ = catch_unwind(AssertUnwindSafe(|| behavior.stop()));
        }
        Outcome::Done
    }

    fn health(&mut self) -> Outcome {
        let Some(behavior) = self.behavior.as_mut() else { return Outcome::Probed(Box::default()) };
        match catch_unwind(AssertUnwindSafe(|| behavior.health())) {
            Ok(Ok(health)) => Outcome::Probed(Box::new(health)),
            Ok(Err(crash)) => crashed(crash),
            Err(panic) => crashed(host_panic(&*panic)),
        }
    }

    fn resume(&mut self, suspended: Box<dyn SuspendedTurn>) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| suspended.finish())) {
            Ok((None, Ok(()))) => crashed(Crash::new(ReasonTag::HostPanic, "a turn lost its behavior")),
            Ok((behavior, result)) => {
                self.behavior = behavior;
                result.map_or_else(crashed, |()| Outcome::Done)
            }
            Err(panic) => crashed(host_panic(&*panic)),
        }
    }
}

/// The failure that a test wants of this start, whose number the configuration says.
pub(super) fn injected(spec: &ActorSpec, config: &[u8]) -> Option<StartError> {
    let faults = spec.faults.as_deref()?;
    let frame = Frames::new(config).find(|frame| frame.kind == kind::INCARNATION)?;
    faults.of_start(frame::word(frame.payload, 0)?)
}

/// Boxed, because a job is moved several times a turn and hardly ever crashes.
fn crashed(crash: Crash) -> Outcome {
    Outcome::Crashed(Box::new(crash))
}

fn host_panic(panic: &(dyn std::any::Any + Send)) -> Crash {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    Crash::new(ReasonTag::HostPanic, format!("the host panicked: {text}"))
}
