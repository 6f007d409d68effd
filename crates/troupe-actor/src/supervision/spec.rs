//! What a restart depends on, as the user set it.

/// When an actor is restarted (`RST-1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// After every end that nobody asked for.
    Permanent,
    /// After an abnormal end.
    Transient,
    /// Never.
    Temporary,
}

/// How the wait grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackoffKind {
    /// No wait.
    Immediate,
    /// One more `initial` each time.
    Linear,
    /// Times `factor` each time.
    Exponential,
}

/// The wait before a restart (`BO-1`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// How it grows.
    pub kind: BackoffKind,
    /// The second restart's wait, in milliseconds; the first is at once.
    pub initial_ms: u64,
    /// Growth of the exponential kind.
    pub factor: f64,
    /// Never more than this, in milliseconds.
    pub max_ms: u64,
    /// Up to this share is taken off, at random: 0 to 1.
    pub jitter: f64,
}

/// One actor's restart rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartSpec {
    /// When.
    pub restart: Restart,
    /// Budget within the window; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// The window, in milliseconds.
    pub within_ms: u64,
    /// The wait.
    pub backoff: Backoff,
    /// A healthy run this long forgets earlier failures, in milliseconds (`BO-2`).
    pub reset_after_ms: u64,
}

/// Who else is restarted with a child that failed (`SUP-1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// All its siblings.
    OneForAll,
    /// The siblings that start after it.
    RestForOne,
}

/// When a supervisor ends because its significant children did (`SUP-6`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoShutdown {
    /// Never.
    Never,
    /// With the first one.
    AnySignificant,
    /// With the last one.
    AllSignificant,
}

/// One supervisor's rules; the budget is shared by its children (`INT-3`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupervisorSpec {
    /// Who else is restarted.
    pub strategy: Strategy,
    /// Budget within the window; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// The window, in milliseconds.
    pub within_ms: u64,
    /// The wait before a restart.
    pub backoff: Backoff,
    /// A healthy run this long forgets earlier failures, in milliseconds (`BO-2`).
    pub reset_after_ms: u64,
    /// Whether it ends with its significant children.
    pub auto_shutdown: AutoShutdown,
}

/// What a supervisor knows about one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildSpec {
    /// When it is restarted.
    pub restart: Restart,
    /// Its end counts for [`AutoShutdown`].
    pub significant: bool,
    /// How long an orderly end may take, in milliseconds; `u64::MAX` for no limit.
    pub shutdown_ms: u64,
}

impl Default for RestartSpec {
    /// Permanent, 5 in 60 s, exponential from 100 ms to 30 s with 20 % jitter, reset after 15 s.
    fn default() -> Self {
        Self {
            restart: Restart::Permanent,
            max_restarts: 5,
            within_ms: 60_000,
            backoff: Backoff {
                kind: BackoffKind::Exponential,
                initial_ms: 100,
                factor: 2.0,
                max_ms: 30_000,
                jitter: 0.2,
            },
            reset_after_ms: 15_000,
        }
    }
}

impl Default for SupervisorSpec {
    /// One-for-one, with the budget and the backoff of [`RestartSpec`].
    fn default() -> Self {
        let RestartSpec { max_restarts, within_ms, backoff, reset_after_ms, .. } = RestartSpec::default();
        Self {
            strategy: Strategy::OneForOne,
            max_restarts,
            within_ms,
            backoff,
            reset_after_ms,
            auto_shutdown: AutoShutdown::Never,
        }
    }
}

impl Default for ChildSpec {
    /// Permanent, not significant, 5 s to end in order.
    fn default() -> Self {
        Self { restart: Restart::Permanent, significant: false, shutdown_ms: 5_000 }
    }
}
