//! Time, injected: the machine's, or a test's.

use std::sync::Arc;
use std::time::Instant;

use crate::sync::atomic::{AtomicU64, Ordering};

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

    /// A clock that stands still at zero.
    #[must_use]
    pub fn manual() -> Self {
        Self::Manual(Arc::default())
    }

    /// The reading.
    #[inline]
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::Monotonic(start) => u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            // Sequentially consistent, because a worker that goes to sleep looks at it after it armed
            // its bell, and whoever moves it rings afterwards.
            Self::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// The reading in nanoseconds; a manual clock has whole milliseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        match self {
            Self::Monotonic(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Self::Manual(_) => self.now_ms().saturating_mul(1_000_000),
        }
    }

    /// Whether it moves only when somebody moves it.
    #[inline]
    #[must_use]
    pub const fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Moves a manual clock on; false for the machine's, which nobody moves.
    pub fn advance(&self, ms: u64) -> bool {
        let Self::Manual(now) = self else { return false };
        // It stops at the end of time instead of beginning anew.
        let _ = now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(ms)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_never_back() {
        let clock = Clock::manual();
        assert_eq!(clock.now_ms(), 0);
        assert!(clock.advance(7));
        assert_eq!(clock.now_ms(), 7);
        assert!(clock.advance(u64::MAX));
        assert_eq!(clock.now_ms(), u64::MAX);
        assert!(clock.is_manual());
    }

    #[test]
    fn nobody_moves_the_machines_clock() {
        assert!(!Clock::monotonic().advance(1_000));
        assert!(!Clock::monotonic().is_manual());
    }
}
