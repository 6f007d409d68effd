//! Why an actor ended, and why a turn failed.

use std::fmt;

/// The closed list of reasons (`FAIL-5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonTag {
    /// The guest trapped, or failed its turn itself.
    Trap,
    /// The guest's stack was used up.
    StackOverflow,
    /// The guest's memory limit was reached, or that of what waits for it beyond its mailbox's bound.
    Oom,
    /// The handler used up its processor time.
    Deadline,
    /// The guest used up its fuel.
    Fuel,
    /// The guest broke the protocol, or a host call failed.
    HostError,
    /// The host's own code panicked; caught at the boundary.
    HostPanic,
    /// The guest left with a status other than zero.
    Exit,
    /// Its health probe failed.
    Health,
    /// It did not come up.
    StartFailed,
    /// It took too long to come up.
    StartTimeout,
    /// Killed.
    Killed,
    /// The system was shut down.
    Shutdown,
    /// It ended in order.
    Normal,
    /// The new version did not come up.
    UpgradeFailed,
    /// A supervisor's restart budget is spent (`INT-6`).
    Intensity,
    /// A linked actor ended abnormally.
    Linked,
    /// There never was such an actor, or it was gone before it was watched.
    NoSuchActor,
}

impl ReasonTag {
    /// Every tag, in the order of their public numbers.
    pub const ALL: [Self; 18] = [
        Self::Trap,
        Self::StackOverflow,
        Self::Oom,
        Self::Deadline,
        Self::Fuel,
        Self::HostError,
        Self::HostPanic,
        Self::Exit,
        Self::Health,
        Self::StartFailed,
        Self::StartTimeout,
        Self::Killed,
        Self::Shutdown,
        Self::Normal,
        Self::UpgradeFailed,
        Self::Intensity,
        Self::Linked,
        Self::NoSuchActor,
    ];

    /// The public name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::StackOverflow => "stack-overflow",
            Self::Oom => "oom",
            Self::Deadline => "deadline",
            Self::Fuel => "fuel",
            Self::HostError => "host-error",
            Self::HostPanic => "host-panic",
            Self::Exit => "exit",
            Self::Health => "health",
            Self::StartFailed => "start-failed",
            Self::StartTimeout => "start-timeout",
            Self::Killed => "killed",
            Self::Shutdown => "shutdown",
            Self::Normal => "normal",
            Self::UpgradeFailed => "upgrade-failed",
            Self::Intensity => "intensity",
            Self::Linked => "linked",
            Self::NoSuchActor => "no-such-actor",
        }
    }
}

impl fmt::Display for ReasonTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A turn or a start that failed: the tag, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tag}: {message}")]
pub struct Crash {
    /// Which of the closed list.
    pub tag: ReasonTag,
    /// What happened, as a sentence; at most [`Crash::MAX_TEXT`] bytes.
    pub message: String,
    /// The kind of trap in the engine's words, such as `unreachable`; empty when it was none.
    pub trap: String,
    /// Guest frames, innermost first, at most 16.
    pub backtrace: Vec<String>,
    /// The last kilobytes the guest wrote to its standard error.
    pub stderr: String,
}

impl Crash {
    /// Longest message, and longest line of a backtrace, in bytes: an ended actor is remembered with its reason,
    /// and whoever watches it is told.
    pub const MAX_TEXT: usize = 8 << 10;

    /// What is kept of a text: at most [`Crash::MAX_TEXT`] bytes.
    #[must_use]
    pub fn cut(text: &str) -> &str {
        text.get(..text.floor_char_boundary(Self::MAX_TEXT)).unwrap_or_default()
    }

    /// A crash about which nothing but its tag and a sentence is known.
    #[must_use]
    pub fn new(tag: ReasonTag, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(Self::cut(&message).len());
        Self { tag, message, trap: String::new(), backtrace: Vec::new(), stderr: String::new() }
    }
}

/// Why a behavior did not come up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{crash}")]
pub struct StartError {
    /// What happened.
    pub crash: Crash,
    /// It will fail the same way each time: not retried (`INT-7`).
    pub deterministic: bool,
}

/// Why an actor ended for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitReason {
    /// Which of the closed list.
    pub tag: ReasonTag,
    /// What happened, as a sentence; empty for an orderly end.
    pub text: String,
}

impl ExitReason {
    /// A reason without a text.
    #[must_use]
    pub const fn plain(tag: ReasonTag) -> Self {
        Self { tag, text: String::new() }
    }
}

impl From<&Crash> for ExitReason {
    fn from(crash: &Crash) -> Self {
        Self { tag: crash.tag, text: crash.message.clone() }
    }
}
