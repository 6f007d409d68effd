//! The way into a shard: an inbox that is swapped whole, and the bell of the shard's worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::shard::Outbox;

/// One shard's inbox and bell.
#[derive(Default)]
pub struct Gate {
    inbox: Mutex<Outbox>,
    /// The inbox holds something; read without its lock.
    filled: AtomicBool,
    /// The worker sleeps, or is about to.
    asleep: AtomicBool,
    worker: Mutex<Option<Thread>>,
}

impl Gate {
    /// Appends to the inbox, empties `outbox`, and wakes the worker if it sleeps.
    pub fn push(&self, outbox: &mut Outbox) {
        {
            let mut inbox = self.inbox.lock();
            if inbox.is_empty() {
                std::mem::swap(&mut *inbox, outbox);
            } else {
                inbox.records.extend_from_slice(&outbox.records);
                inbox.signals.append(&mut outbox.signals);
                outbox.records.clear();
            }
            self.filled.store(true, Ordering::SeqCst);
        }
        self.ring();
    }

    /// Appends records to the inbox and wakes the worker if it sleeps.
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

    /// Wakes the worker if it sleeps.
    #[inline]
    pub fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Wakes the worker in any case.
    pub fn unpark(&self) {
        if let Some(worker) = &*self.worker.lock() {
            worker.unpark();
        }
    }

    /// Makes the calling thread the one that is woken.
    pub fn install_worker(&self) {
        *self.worker.lock() = Some(std::thread::current());
    }

    /// Sleeps until rung, or for `limit`. `stay_awake` is asked after the bell is armed.
    pub fn sleep(&self, limit: Option<Duration>, stay_awake: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !self.is_filled() && !stay_awake() {
            match limit {
                Some(limit) => std::thread::park_timeout(limit),
                None => std::thread::park(),
            }
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

