//! Quiet: that nothing is left to do until the clock moves on. Tests with a manual clock wait for
//! it, and hold the actors still while they prepare something.

use std::sync::Arc;

use crate::cell::Waiter;
use crate::port::write_completion;
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::worker::ShardHandle;

/// Who waits for quiet, and whether everybody is held still.
#[derive(Default)]
pub struct Quiet {
    held: AtomicBool,
    wanted: AtomicBool,
    waiters: Mutex<Vec<Waiter>>,
}

impl Quiet {
    /// Whether no turn may begin.
    #[inline]
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// Lets no turn begin from now on, or lets them begin again. Whoever lets go rings afterwards.
    pub fn hold(&self, on: bool) {
        self.held.store(on, Ordering::SeqCst);
    }

    /// Whether anybody waits for quiet.
    #[inline]
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Adds one who waits. The caller looks itself afterwards: it may be quiet already.
    pub fn want(&self, waiter: Waiter) {
        let mut waiters = self.waiters.lock();
        waiters.push(waiter);
        self.wanted.store(true, Ordering::SeqCst);
    }

    fn take(&self) -> Vec<Waiter> {
        let mut waiters = self.waiters.lock();
        self.wanted.store(false, Ordering::SeqCst);
        std::mem::take(&mut *waiters)
    }
}

/// Whether nothing is left to do until the clock moves on. Nobody may hold a shard's lock.
pub(crate) fn is_quiet(shared: &Shared, shards: &[Arc<ShardHandle>]) -> bool {
    // All locks at a time, in the order of the shards: one that was seen without work must not be
    // given some by another that is looked at later.
    let locked: Vec<_> = shards.iter().map(|handle| handle.state.lock()).collect();
    let now = shared.clock.now_ms();
    shards.iter().all(|handle| !handle.gate.is_filled()) && locked.iter().all(|shard| shard.is_quiet(now))
}

/// Tells those who wait for quiet, if it is. Whoever ends the last piece of work calls it.
#[cold]
pub(crate) fn tell_if_quiet(shared: &Shared, shards: &[Arc<ShardHandle>]) {
    if !is_quiet(shared, shards) {
        return;
    }
    for waiter in shared.quiet.take() {
        if let Some(port) = shared.port(waiter.port) {
            let mut bytes = Vec::new();
            write_completion(&mut bytes, waiter.slot, 0, &[]);
            port.deliver(&bytes);
        }
    }
}
