//! A turn on the caller's thread: on a stack of its own, so that it can leave the thread half-way.
//!
//! The call is a future that owns the instance and is polled once. If it is not ready then, the
//! engine found it running for longer than a tick; a worker polls it to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use troupe_actor::behavior::{Behavior, InlineTurn, SuspendedTurn};
use troupe_actor::reason::{Crash, ReasonTag};

use crate::instance::ComponentActor;
use crate::trap;

/// Bytes of turn buffer an actor keeps between turns.
const KEPT_TURN_BYTES: usize = 4 << 10;
/// Short turns on a worker after which a component may run inline at first.
const SHORT_TURNS_FIRST: u32 = 1;
/// The same after a slow turn, and after the last of many.
const SHORT_TURNS_AGAIN: (u32, u32) = (8, 512);
/// Slow turns this far apart have nothing to do with each other: the system set the thread aside.
const FORGET_AFTER: Duration = Duration::from_secs(1);

/// Whether a component's turns have been short enough for a thread that must not be held up.
pub(crate) struct Gate {
    /// Short turns on workers still wanted; open at zero.
    wanted: AtomicU32,
    /// The last slow turn, and how many short ones were wanted after it.
    last: Mutex<Option<(Instant, u32)>>,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self { wanted: AtomicU32::new(SHORT_TURNS_FIRST), last: Mutex::new(None) }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) == 0
    }

    /// A turn was short.
    #[inline]
    pub(crate) fn note_short(&self) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if wanted != 0 {
            // Losing a race here only delays the opening by a turn.
            let _ = self.wanted.compare_exchange(wanted, wanted - 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A turn was slow: short ones are wanted before the next may run inline, twice as many each
    /// time it happens again soon.
    #[cold]
    pub(crate) fn note_slow(&self) {
        let now = Instant::now();
        let mut last = self.last.lock();
        let wanted = match *last {
            Some((then, wanted)) if now - then < FORGET_AFTER => (wanted * 2).min(SHORT_TURNS_AGAIN.1),
            _ => SHORT_TURNS_AGAIN.0,
        };
        *last = Some((now, wanted));
        self.wanted.store(wanted, Ordering::Relaxed);
    }
}

type Call = Pin<Box<dyn Future<Output = (Box<ComponentActor>, wasmtime::Result<()>)> + Send>>;

/// Runs a turn on this thread, for as long as a tick.
pub(crate) fn handle(mut actor: Box<ComponentActor>, turn: &[u8]) -> InlineTurn {
    actor.turn.clear();
    actor.turn.extend_from_slice(turn);
    actor.begin(actor.plan.turn_budget, true);
    let mut call: Call = Box::pin(run(actor));
    match poll(&mut call) {
        Poll::Pending => InlineTurn::Suspended(Box::new(Suspended { call })),
        Poll::Ready((actor, Ok(()))) => {
            actor.settle();
            InlineTurn::Done(actor, Ok(()))
        }
        Poll::Ready((actor, Err(error))) if trap::is_pool_full(&error) => InlineTurn::Declined(actor),
        Poll::Ready((actor, Err(error))) => {
            let crash = actor.crash(&error);
            InlineTurn::Done(actor, Err(crash))
        }
    }
}

async fn run(mut actor: Box<ComponentActor>) -> (Box<ComponentActor>, wasmtime::Result<()>) {
    let result = actor.handle_on_fiber().await;
    if actor.turn.capacity() > KEPT_TURN_BYTES {
        actor.turn = Vec::new();
    }
    (actor, result)
}

fn poll(call: &mut Call) -> Poll<(Box<ComponentActor>, wasmtime::Result<()>)> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A call that left its first thread. Dropping it unwinds the guest and drops the instance.
struct Suspended {
    call: Call,
}

impl SuspendedTurn for Suspended {
    fn finish(mut self: Box<Self>) -> (Option<Box<dyn Behavior>>, Result<(), Crash>) {
        // A call leaves its thread once, and the engine looks at kills and the budget on its own,
        // so one more poll runs to the end; the second is for a future engine that yields again.
        for _ in 0..2 {
            if let Poll::Ready((actor, result)) = poll(&mut self.call) {
                actor.settle();
                return match result {
                    Ok(()) => (Some(actor), Ok(())),
                    Err(error) => {
                        let crash = actor.crash(&error);
                        (Some(actor), Err(crash))
                    }
                };
            }
        }
        (None, Err(Crash::new(ReasonTag::HostError, "the turn did not resume on its worker")))
    }
}
