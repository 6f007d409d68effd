//! How a running turn learns that it must end.
//!
//! Each thread that runs turns has a [`TurnSlot`]. While a turn runs the slot holds its number; a
//! kill writes the number into `kill`, and the behavior, which looks from time to time, sees it.

use std::cell::RefCell;
use std::sync::Arc;

use crate::sync::atomic::{AtomicU64, Ordering};

/// What one thread runs now; read by the watchdog, written by that thread, killed by anybody.
#[derive(Debug, Default)]
pub struct TurnSlot {
    current: AtomicU64,
    kill: AtomicU64,
    evict: AtomicU64,
    slow: AtomicU64,
}

impl TurnSlot {
    /// Marks turn `number` (never zero) as running on this slot.
    #[inline]
    pub fn begin(&self, number: u64) {
        self.current.store(number, Ordering::Release);
    }

    /// Marks that nothing runs.
    #[inline]
    pub fn end(&self) {
        self.current.store(0, Ordering::Release);
    }

    /// The number of the running turn, 0 for none.
    #[inline]
    #[must_use]
    pub fn current(&self) -> u64 {
        self.current.load(Ordering::Acquire)
    }

    /// Asks turn `number` to end; nothing happens when another one runs by then.
    pub fn kill(&self, number: u64) {
        self.kill.store(number, Ordering::Release);
    }

    /// Asks turn `number` to make room: its thread is needed. Measured by the clock on the wall, so
    /// whoever runs it decides whether it really used the processor that long (`ENG-3`).
    pub fn evict(&self, number: u64) {
        self.evict.store(number, Ordering::Release);
    }

    /// Notes that turn `number` runs longer than the watchdog allows.
    pub fn mark_slow(&self, number: u64) {
        self.slow.store(number, Ordering::Relaxed);
    }

    /// Whether turn `number` was marked slow.
    #[inline]
    #[must_use]
    pub fn was_slow(&self, number: u64) -> bool {
        self.slow.load(Ordering::Relaxed) == number
    }

    fn is_killed(&self) -> bool {
        let current = self.current();
        current != 0 && self.kill.load(Ordering::Acquire) == current
    }

    fn is_evicted(&self) -> bool {
        let current = self.current();
        current != 0 && self.evict.load(Ordering::Acquire) == current
    }
}

crate::sync::thread_local! {
    static SLOT: RefCell<Option<Arc<TurnSlot>>> = const { RefCell::new(None) };
}

/// Makes `slot` the calling thread's slot.
pub fn install(slot: &Arc<TurnSlot>) {
    SLOT.with(|own| *own.borrow_mut() = Some(Arc::clone(slot)));
}

/// Whether the turn that runs on the calling thread was killed. For behaviors: ask it whenever the
/// guest can be interrupted.
#[must_use]
pub fn is_killed() -> bool {
    SLOT.with(|own| own.borrow().as_ref().is_some_and(|slot| slot.is_killed()))
}

/// Whether the turn that runs on the calling thread should make room, if it used the processor for
/// long and was not only set aside by the system. For behaviors, as [`is_killed`].
#[must_use]
pub fn is_evicted() -> bool {
    SLOT.with(|own| own.borrow().as_ref().is_some_and(|slot| slot.is_evicted()))
}
