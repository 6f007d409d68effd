//! What can go wrong before an actor runs: finding, reading, checking and compiling a component.

use std::path::PathBuf;

/// A host operation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no file at the path.
    #[error("no component at {}: {source}", path.display())]
    ComponentNotFound {
        /// The path that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The bytes are not a component that can be an actor.
    #[error("{what}")]
    ComponentInvalid {
        /// What was found instead, as a sentence.
        what: String,
    },
    /// The component imports something that is not granted.
    #[error("the component imports `{import}`, which is not granted to it")]
    CapabilityDenied {
        /// The import's name.
        import: String,
    },
    /// The engine could not compile the component.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// The limits contradict each other or the component.
    #[error("{what}")]
    Limits {
        /// The limit, its value, and what it must be, as a sentence.
        what: String,
    },
    /// An engine could not be set up.
    #[error("the engine could not be set up: {0}")]
    Engine(String),
    /// Reading failed.
    #[error("reading {} failed: {source}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl HostError {
    /// A component that cannot be an actor, for the reason given as a sentence.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::ComponentInvalid { what: what.into() }
    }
}
