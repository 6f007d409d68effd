//! What goes into a supervision [`Engine`](super::engine::Engine) and what comes out (`SUP-0`).
//!
//! A *place* is what outlives a child's lives: its address, mailbox and name. The engine begins and
//! ends lives in places; it gives a place up with [`Output::End`], and begins in a new one when it
//! starts a child whose place is gone.

use super::spec::ChildSpec;
use crate::reason::ExitReason;

/// Number of a child within its supervisor. Grows in start order, never used again.
pub type ChildNo = u32;

/// How much a failure costs (`TURN-3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// One unit of the budget, and the wait.
    Normal,
    /// A replay begins: one unit, no wait.
    Replay,
    /// The failure was charged already: no unit, no wait.
    Free,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEnd {
    /// Why.
    pub reason: ExitReason,
    /// How long it was up, in milliseconds.
    pub uptime_ms: u64,
    /// What its restart costs.
    pub charge: Charge,
}

/// What somebody wants of a supervisor. Always answered by [`Output::Reply`], never later than the
/// start or the end that it causes (`SUP-5`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// One more child, last in the start order. Its number is [`Engine::next_child`] before the
    /// step. Answered when it is up; one that does not come up leaves nothing behind.
    ///
    /// [`Engine::next_child`]: super::engine::Engine::next_child
    AddChild(ChildSpec),
    /// End a child's life, or its wait for the next, and its place. It stays listed, unless
    /// temporary.
    StopChild(ChildNo),
    /// Bring a stopped child up again; costs nothing (`INT-2`) and forgets its failures (`BO-2`).
    RestartChild(ChildNo),
    /// Take a stopped child off the list.
    DeleteChild(ChildNo),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The child, or its group, or the supervisor itself, is between two lives.
    #[error("the child is being restarted")]
    Restarting,
    /// No such child.
    #[error("there is no such child")]
    NotFound,
    /// The child is up.
    #[error("the child is running")]
    Running,
    /// It did not come up.
    #[error("the child did not start: {}: {}", .0.tag, .0.text)]
    StartFailed(ExitReason),
    /// The supervisor is going down.
    #[error("the supervisor is going down")]
    ShuttingDown,
}

/// Something happened. Inputs about a life that is over are dropped and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Come up, for the first time or again.
    Start,
    /// A child is up.
    ChildUp {
        /// Which.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
    },
    /// A child did not want to come up, and that is no failure (`STA-3`).
    ChildIgnored {
        /// Which.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
    },
    /// A child did not come up.
    ChildStartFailed {
        /// Which.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
        /// Why.
        reason: ExitReason,
        /// It will fail the same way each time: not retried (`INT-7`).
        deterministic: bool,
    },
    /// A life is over; the place is still there.
    ChildDown {
        /// Whose.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
        /// How it ended.
        end: ChildEnd,
    },
    /// A child was ended for good by a request, its own included; the place is gone. Never followed
    /// by an automatic restart (`RST-2`).
    ChildGone {
        /// Which.
        child: ChildNo,
        /// Its last life.
        incarnation: u32,
        /// Why.
        reason: ExitReason,
    },
    /// A timer's time has come.
    Due {
        /// Which.
        timer: u64,
    },
    /// Go down, in reverse order. Answered by [`Output::Down`], or by [`Output::StartFailed`] if
    /// that was under way; by nothing if the supervisor is down already.
    Stop {
        /// Why.
        reason: ExitReason,
    },
    /// Go down at once.
    Kill,
    /// Somebody wants something.
    Request {
        /// Comes back with the answer.
        id: u64,
        /// What.
        request: Request,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Begin a life in the child's place, or in a new one if that is gone. Answered by
    /// [`Input::ChildUp`], [`Input::ChildIgnored`] or [`Input::ChildStartFailed`].
    Start {
        /// Which.
        child: ChildNo,
        /// Number of the life, one more than the last.
        incarnation: u32,
    },
    /// End the life in order, keep the place. Answered by [`Input::ChildDown`], or whatever the
    /// child came to by itself meanwhile. Whoever carries this out kills when the grace is over.
    TakeDown {
        /// Whose.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
        /// How long that may take, in milliseconds; `u64::MAX` for no limit.
        grace_ms: u64,
    },
    /// Give the place up: the queue is dead-lettered, the name released, `Down` sent.
    End {
        /// Whose.
        child: ChildNo,
        /// Why.
        reason: ExitReason,
    },
    /// End the life at once, keep the place. Answered like [`Output::TakeDown`].
    Kill {
        /// Whose.
        child: ChildNo,
        /// Which of its lives.
        incarnation: u32,
    },
    /// Come back with [`Input::Due`]. Never cancelled: a stale timer is recognised.
    SetTimer {
        /// Its number.
        timer: u64,
        /// When, on the clock that `now_ms` is read from.
        at_ms: u64,
    },
    /// The answer to a request.
    Reply {
        /// Which.
        id: u64,
        /// The child that came up; none if it ignored its start, and for stops and deletions.
        result: Result<Option<ChildNo>, RequestError>,
    },
    /// A child failed and will be restarted, with those that its strategy adds (`FAIL-6`).
    Restarting {
        /// Which failed.
        child: ChildNo,
        /// Why.
        reason: ExitReason,
        /// Failures in a row.
        attempt: u32,
        /// The wait, in milliseconds.
        delay_ms: u64,
    },
    /// A child is up again: the one that failed, or one that went down with it.
    Restarted {
        /// Which.
        child: ChildNo,
    },
    /// Every child has come up.
    Up,
    /// Coming up failed; those that had come up are down again (`SUP-3`). The life is over, places
    /// are kept.
    StartFailed {
        /// Which child it was.
        child: ChildNo,
        /// Why.
        reason: ExitReason,
        /// It will fail the same way each time (`INT-7`).
        deterministic: bool,
    },
    /// This supervisor's life is over, every child is down; places are kept. Its parent decides:
    /// [`Input::Start`] again, or the end of every place.
    Down {
        /// Why.
        reason: ExitReason,
    },
}
