//! The way into a shard: an inbox that is swapped whole, and the bell of the shard's driver.

use std::time::Duration;

use crate::shard::Outbox;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::{self, Thread};

/// Nobody sleeps at this gate.
const AWAKE: u64 = 0;

/// One shard's inbox and bell.
#[derive(Default)]
pub struct Gate {
    inbox: Mutex<Outbox>,
    /// The inbox holds something; read without its lock.
    filled: AtomicBool,
    /// Number of the driver that sleeps, or is about to; [`AWAKE`] when none does. A thread that
    /// lost the shard cannot disarm the bell of its successor, because it only takes back its own
    /// number.
    sleeper: AtomicU64,
    worker: Mutex<Option<Thread>>,
}

impl Gate {
    /// Appends to the inbox, empties `outbox`, and wakes the driver if it sleeps. Returns how many bytes wait then.
    pub fn push(&self, outbox: &mut Outbox) -> usize {
        let waiting = {
            let mut inbox = self.inbox.lock();
            if inbox.is_empty() {
                std::mem::swap(&mut *inbox, outbox);
            } else {
                inbox.records.extend_from_slice(&outbox.records);
                inbox.signals.append(&mut outbox.signals);
                outbox.records.clear();
            }
            self.filled.store(true, Ordering::SeqCst);
            inbox.records.len()
        };
        self.ring();
        waiting
    }

    /// Bytes that wait in the inbox.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inbox.lock().records.len()
    }

    /// Appends records to the inbox and wakes the driver if it sleeps.
    pub fn push_records(&self, records: &[u8]) {
        {
            self.inbox.lock().records.extend_from_slice(records);
            self.filled.store(true, Ordering::SeqCst);
        }
        self.ring();
    }

    /// Whether the inbox holds something.
    #[inline]
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.filled.load(Ordering::SeqCst)
    }

    /// Takes what the inbox holds; `empty` is left in its place.
    pub fn take(&self, empty: &mut Outbox) {
        let mut inbox = self.inbox.lock();
        std::mem::swap(&mut *inbox, empty);
        self.filled.store(false, Ordering::SeqCst);
    }

    /// Wakes the driver if it sleeps. Whoever gives a shard work rings after the work can be seen;
    /// the driver looks for work after it armed the bell: one of the two sees the other.
    #[inline]
    pub fn ring(&self) {
        if self.sleeper.load(Ordering::SeqCst) != AWAKE && self.sleeper.swap(AWAKE, Ordering::SeqCst) != AWAKE {
            self.unpark();
        }
    }

    /// Wakes the driver in any case.
    pub fn unpark(&self) {
        if let Some(worker) = &*self.worker.lock() {
            worker.unpark();
        }
    }

    /// Makes the calling thread the one that is woken.
    pub fn install_worker(&self) {
        *self.worker.lock() = Some(thread::current());
    }

    /// Sleeps as driver `driver` (never zero) until rung, or for `limit`. `stay_awake` is asked
    /// after the bell is armed. Returns at once while an earlier driver still has it armed.
    pub fn sleep(&self, driver: u64, limit: Option<Duration>, stay_awake: impl Fn() -> bool) {
        if self.sleeper.compare_exchange(AWAKE, driver, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        if !self.is_filled() && !stay_awake() {
            match limit {
                Some(limit) => thread::park_timeout(limit),
                None => thread::park(),
            }
        }
        let _ = self.sleeper.compare_exchange(driver, AWAKE, Ordering::SeqCst, Ordering::SeqCst);
    }
}
