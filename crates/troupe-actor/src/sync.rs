//! What threads share and wait for: the machine's own, or under `--cfg troupe_shuttle` that of a model
//! checker, which runs the same code under thousands of schedules (`tests/shuttle`).
//!
//! Only what decides about messages is exchanged: the shards' locks, gates, clocks, turn slots and what
//! they share. Spare threads and the ticker live by real time and stay as they are.

#[cfg(not(troupe_shuttle))]
mod machine {
    pub use parking_lot::{Mutex, RwLock};
    pub use std::sync::atomic;
    pub use std::thread;
    pub(crate) use std::thread_local;
}

#[cfg(troupe_shuttle)]
mod checked {
    use std::fmt;
    use std::sync::{PoisonError, TryLockError};

    use shuttle::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    pub use shuttle::sync::atomic;
    pub(crate) use shuttle::thread_local;

    /// Sleeping, of which shuttle's own may end without a reason: then nobody would notice a bell that was not rung.
    pub mod thread {
        use std::sync::{Arc, PoisonError};
        use std::time::Duration;

        use shuttle::sync::{Condvar, Mutex};

        shuttle::thread_local! {
            static OWN: Thread = Thread::default();
        }

        /// A thread that may sleep.
        #[derive(Clone, Default)]
        pub struct Thread(Arc<(Mutex<bool>, Condvar)>);

        impl Thread {
            /// Wakes it, or keeps it from falling asleep the next time.
            pub fn unpark(&self) {
                let (token, rung) = &*self.0;
                *token.lock().unwrap_or_else(PoisonError::into_inner) = true;
                rung.notify_one();
            }
        }

        /// The calling thread.
        pub fn current() -> Thread {
            OWN.with(Thread::clone)
        }

        /// Sleeps until it is woken.
        pub fn park() {
            let Thread(own) = current();
            let (token, rung) = &*own;
            let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
            while !std::mem::replace(&mut *token, false) {
                token = rung.wait(token).unwrap_or_else(PoisonError::into_inner);
            }
        }

        /// As [`park`]: a model has no time.
        pub fn park_timeout(_: Duration) {
            park();
        }
    }

    /// A lock without poisoning.
    #[derive(Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// A free lock.
        pub const fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// The lock, if it is free.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        }
    }

    impl<T> fmt::Debug for Mutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Mutex")
        }
    }

    /// A lock for many readers, without poisoning.
    #[derive(Default)]
    pub struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// A free lock.
        pub const fn new(value: T) -> Self {
            Self(shuttle::sync::RwLock::new(value))
        }

        /// Waits until nobody writes.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        /// Waits until nobody else is at it.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(troupe_shuttle)]
pub(crate) use checked::thread_local;
#[cfg(troupe_shuttle)]
pub use checked::*;
#[cfg(not(troupe_shuttle))]
pub(crate) use machine::thread_local;
#[cfg(not(troupe_shuttle))]
pub use machine::*;
