//! Errors by moment: a spawn, and the making of a system.

use crate::id::Address;

/// Why a spawn was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// Somebody has this name.
    #[error("the name '{name}' is taken")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: Address,
    },
    /// The name is not allowed (`REG-4`).
    #[error("the name '{name}' is not allowed: {why}")]
    NameInvalid {
        /// The name.
        name: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A topic that it was to be subscribed to is refused.
    #[error(transparent)]
    Topic(#[from] crate::topics::TopicError),
    /// The system is shut down.
    #[error("the system is shut down")]
    Shutdown,
    /// No cell is left.
    #[error("the system holds as many actors as it can")]
    Full,
    /// The behavior did not come up.
    #[error(transparent)]
    Start(#[from] crate::reason::StartError),
}

/// Why a system could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The operating system refused a thread.
    #[error("the operating system refused a thread: {0}")]
    Thread(#[from] std::io::Error),
}
