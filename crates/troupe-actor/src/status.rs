//! The states of an actor (`semantics.md`, section 0), one closed list.

use std::fmt;

/// Where an actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// Registered; comes up with its first message.
    Creating,
    /// Coming up for the first time.
    Starting,
    /// Handles messages.
    Ready,
    /// Waits out a backoff, or comes up again.
    Restarting,
    /// Works off what it accepted, then stops.
    Draining,
    /// Goes down.
    Stopping,
    /// Ended.
    Terminated,
    /// Ended because its restart budget is spent.
    Failed,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Creating,
        Self::Starting,
        Self::Ready,
        Self::Restarting,
        Self::Draining,
        Self::Stopping,
        Self::Terminated,
        Self::Failed,
    ];

    /// The public name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Restarting => "restarting",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Terminated => "terminated",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
