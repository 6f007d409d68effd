//! A system under a test's clock: time moves by hand, and the test waits until nothing is left to do.

use super::ActorSystem;
use crate::cell::Waiter;
use crate::quiet::{is_quiet, tell_if_quiet};

impl ActorSystem {
    /// Milliseconds since the system began, by its clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }

    /// Moves a manual clock on and wakes the workers, which do what has fallen due. False for a
    /// system that lives by the machine's clock.
    pub fn advance(&self, ms: u64) -> bool {
        let moved = self.shared.clock.advance(ms);
        if moved {
            self.ring_all();
        }
        moved
    }

    /// When something next falls due, by the system's clock.
    #[must_use]
    pub fn next_moment(&self) -> Option<u64> {
        self.shards.iter().filter_map(|handle| handle.state.lock().next_moment()).min()
    }

    /// Whether nothing is left to do until the clock moves on.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        is_quiet(&self.shared, &self.shards)
    }

    /// Completes the waiter once nothing is left to do until the clock moves on.
    pub fn when_quiet(&self, waiter: Waiter) {
        self.shared.quiet.want(waiter);
        tell_if_quiet(&self.shared, &self.shards);
    }

    /// Lets no turn begin until it is called with `false`: what is sent meanwhile is taken into the
    /// mailboxes, and is there as a whole when the actors go on.
    pub fn hold(&self, on: bool) {
        self.shared.quiet.hold(on);
        if !on {
            self.ring_all();
        }
    }

    fn ring_all(&self) {
        for handle in &self.shards {
            handle.gate.ring();
        }
    }
}
