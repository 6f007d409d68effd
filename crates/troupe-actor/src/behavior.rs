//! The one trait through which the kernel meets what an actor runs.
//!
//! A turn goes in as frames ([`crate::frame`]), its result comes out as bytes that stay with the
//! behavior until the next call: the kernel reads effects where they lie. A behavior is owned by
//! exactly one thread at a time, and is dropped after a [`Crash`].

use crate::health::Health;
use crate::reason::{Crash, ReasonTag, StartError};

/// What an actor runs: a component instance, or Rust code in tests.
pub trait Behavior: Send {
    /// Comes up. `config` is a vector of configuration frames ([`crate::frame::kind::SEED`] …).
    ///
    /// # Errors
    /// The behavior is dropped and the start counts as failed.
    fn start(&mut self, config: &[u8]) -> Result<(), StartError>;

    /// Handles a turn. After `Ok`, [`Behavior::output`] is the turn's result.
    ///
    /// # Errors
    /// A crash: the behavior is dropped, the turn has had no effect (`TURN-2`).
    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash>;

    /// The result of the last turn that succeeded.
    fn output(&self) -> &[u8];

    /// Handles a turn on a thread that must not be held up. Called only when
    /// [`Behavior::runs_inline`] says so.
    fn handle_inline(self: Box<Self>, turn: &[u8]) -> InlineTurn;

    /// Whether a turn may now run on a thread that must not be held up.
    fn runs_inline(&self) -> bool;

    /// Whether a turn may hold several messages (`TURN-4`).
    fn takes_batches(&self) -> bool {
        true
    }

    /// Asked after a turn that ran longer than the watchdog allows by the clock on the wall: whether
    /// it really used the processor that long, or was only set aside by the system (`ENG-3`).
    fn was_slow(&self) -> bool {
        true
    }

    /// Answers a health probe, between two turns (`HLT-2`). By default nothing is known.
    ///
    /// # Errors
    /// A crash as in [`Behavior::handle`]: the behavior is dropped.
    fn health(&mut self) -> Result<Health, Crash> {
        Ok(Health::default())
    }

    /// Goes down in order. A failure here is ignored: the behavior is dropped right after.
    fn stop(&mut self);

    /// Asks the processor to fetch the behavior itself, some turns before its own.
    fn prefetch(&self) {}

    /// Asks the processor to fetch the next turn, as far as it is queued, and what it will touch
    /// beyond the behavior itself, a turn or two before it.
    fn prefetch_deep(&self, turn: &[u8]) {
        let _ = turn;
    }
}

/// How a turn on the caller's thread ended.
pub enum InlineTurn {
    /// It ended there.
    Done(Box<dyn Behavior>, Result<(), Crash>),
    /// It takes too long for the caller's thread; a worker finishes it.
    Suspended(Box<dyn SuspendedTurn>),
    /// Nothing ran; a worker takes the turn from its beginning.
    Declined(Box<dyn Behavior>),
}

/// A turn that left the caller's thread half-way. Dropping it drops the behavior.
pub trait SuspendedTurn: Send {
    /// Runs the turn to its end on this thread. `None`: the behavior was lost with the crash.
    fn finish(self: Box<Self>) -> (Option<Box<dyn Behavior>>, Result<(), Crash>);
}

/// The factory of actors that an environment runs: it is never asked for a behavior.
pub struct NoFactory;

impl BehaviorFactory for NoFactory {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        let crash = Crash::new(ReasonTag::HostError, "an external actor has no behavior of its own");
        Err(StartError { crash, deterministic: true })
    }

    fn creates_inline(&self) -> bool {
        false
    }
}

/// Makes behaviors: one per incarnation.
pub trait BehaviorFactory: Send + Sync {
    /// Makes a fresh behavior; nothing of an earlier one is left in it.
    ///
    /// # Errors
    /// The start counts as failed; a deterministic error is not retried (`INT-7`).
    fn create(&self) -> Result<Box<dyn Behavior>, StartError>;

    /// Whether `create` and `start` run none of the guest's code, so that the caller's thread may
    /// do them.
    fn creates_inline(&self) -> bool;

    /// Takes a behavior that is no longer needed, dead or stopped; may drop it elsewhere.
    fn retire(&self, behavior: Box<dyn Behavior>) {
        drop(behavior);
    }
}
