//! Time, injected: the machine's, or a test's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds since the system began.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's monotonic clock.
    Monotonic(Instant),
    /// A clock that stands still until somebody moves it.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock, beginning now.
    #[must_use]
    pub fn monotonic() -> Self {
        Self::Monotonic(Instant::now())
    }

    /// The reading.
    #[inline]
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::Monotonic(start) => u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            Self::Manual(now) => now.load(Ordering::Acquire),
        }
    }
}
