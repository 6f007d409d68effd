//! What observers are told. Events never decide anything.

use std::sync::Arc;

use crate::dead_letter::{DeadLetter, LossCounts};
use crate::health::Health;
use crate::id::{ActorId, Address};
use crate::reason::{Crash, ExitReason};

/// Which actor an event is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its identity.
    pub id: ActorId,
    /// Its address.
    pub address: Address,
    /// Its path.
    pub path: Arc<str>,
    /// Which life of it.
    pub incarnation: u32,
    /// How long that life has lasted, in milliseconds.
    pub uptime_ms: u64,
    /// Somebody observes this very actor.
    pub observed: bool,
    /// What its environment made it from (see [`crate::spec::Observed`]); 0 where that is not known.
    pub origin: u32,
}

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An actor came up for the first time.
    Started(Subject),
    /// A turn or a start failed.
    Crashed(Subject, Box<Crash>),
    /// An actor will come up again.
    Restarting {
        /// Which actor.
        subject: Subject,
        /// Why.
        reason: ExitReason,
        /// Failures in a row.
        attempt: u32,
        /// Wait until then, in milliseconds.
        delay_ms: u64,
    },
    /// An actor came up again.
    Restarted(Subject, ExitReason),
    /// An actor ended in order, or was killed.
    Stopped(Subject, ExitReason),
    /// An actor's restart budget is spent.
    Failed(Subject, ExitReason),
    /// An actor's health has changed.
    Health {
        /// Which actor.
        subject: Subject,
        /// How it was.
        from: Health,
        /// How it is.
        to: Health,
    },
    /// A mailbox is filled to 80 % of its bound, or emptied to half of it again (`OVF-6`).
    Water {
        /// Whose.
        subject: Subject,
        /// It filled up; otherwise it emptied.
        high: bool,
        /// Messages in it.
        queued: u32,
        /// Messages that it holds at most.
        capacity: u32,
    },
    /// An observed actor begins to go down.
    Stopping(Subject),
    /// Messages of this many bytes each are given to their handler.
    Received(Subject, Vec<u32>),
    /// Messages of this many bytes each were handled: their turn took this many nanoseconds.
    Processed(Subject, Vec<u32>, u64),
    /// A handler has been running for this many milliseconds (`OBS-4`).
    LongHandler(Subject, u64),
    /// The oldest message in a mailbox has waited for long (`OBS-4`).
    QueueAge {
        /// Whose mailbox.
        subject: Subject,
        /// Messages in it.
        queued: u32,
        /// How long that message has waited at least, in milliseconds.
        waited_ms: u64,
    },
    /// A message without a receiver.
    DeadLetter(DeadLetter),
    /// Messages without a receiver that a log had no line for, by reason.
    DeadLettersUnsaid(LossCounts),
    /// A turn crashed, its messages one by one did not (`TURN-3`).
    CrashUnreproduced(Subject),
    /// A guest wrote a log line; the level is 0 debug, 1 info, 2 warn, 3 error.
    Log {
        /// Which actor.
        subject: Subject,
        /// How important.
        level: u32,
        /// The line.
        text: String,
    },
    /// Something outside the actors: its public name and a sentence.
    Host {
        /// Public name of the event.
        name: &'static str,
        /// What happened, where.
        text: String,
    },
    /// A supervisor's or a pool's restart budget is spent; its parent decides what follows (`INT-6`).
    GaveUp {
        /// Its path.
        path: Arc<str>,
        /// Why.
        reason: ExitReason,
    },
    /// The root gave up: every actor ends, and the system is not ready any more (`INT-6`).
    SystemFailed(ExitReason),
    /// The system begins to shut down.
    Shutdown,
}
