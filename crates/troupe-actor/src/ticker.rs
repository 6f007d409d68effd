//! The one thread that measures slowness: it ticks every millisecond while somebody runs guests,
//! and parks when nobody does, so that an idle process is never woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Time between ticks.
pub const TICK: Duration = Duration::from_millis(1);
/// Ticks without anybody running until the thread parks.
const LINGER_TICKS: u32 = 20;

type Callback = Box<dyn Fn() -> bool + Send + Sync>;

/// A ticker and its thread; the thread ends with the last handle.
pub struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    running: AtomicUsize,
    ticks: AtomicU64,
    parked: AtomicBool,
    closed: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
    callbacks: Mutex<Vec<Callback>>,
}

impl Ticker {
    /// Starts the thread, parked.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            running: AtomicUsize::new(0),
            ticks: AtomicU64::new(0),
            parked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            lock: Mutex::new(()),
            wake: Condvar::new(),
            callbacks: Mutex::new(Vec::new()),
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name("troupe-ticker".into()).spawn(move || own.run())?;
        Ok(Self { shared })
    }

    /// Calls `callback` at every tick until it returns false.
    pub fn register(&self, callback: impl Fn() -> bool + Send + Sync + 'static) {
        self.shared.callbacks.lock().push(Box::new(callback));
    }

    /// Says that this thread may run guests until [`Ticker::leave`]; wakes the ticker if it parked.
    #[inline]
    pub fn enter(&self) {
        // Pairs with `park`: either we see `parked`, or the ticker sees our count.
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.shared.unpark();
        }
    }

    /// Takes back one [`Ticker::enter`].
    #[inline]
    pub fn leave(&self) {
        self.shared.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Ticks so far.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.shared.ticks.load(Ordering::Relaxed)
    }

    /// Whether the thread is parked: true in an idle process. One that was woken is not, even before it runs.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.shared.running.load(Ordering::SeqCst) == 0 && self.shared.parked.load(Ordering::SeqCst)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.unpark();
    }
}

impl Shared {
    fn run(&self) {
        let mut idle = 0;
        while !self.closed.load(Ordering::SeqCst) {
            std::thread::sleep(TICK);
            self.ticks.fetch_add(1, Ordering::Relaxed);
            self.callbacks.lock().retain(|callback| callback());
            idle = if self.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
            if idle > LINGER_TICKS {
                self.park();
                idle = 0;
            }
        }
    }

    fn park(&self) {
        let mut guard = self.lock.lock();
        self.parked.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::SeqCst) {
            self.wake.wait(&mut guard);
        }
        self.parked.store(false, Ordering::SeqCst);
    }

    #[cold]
    fn unpark(&self) {
        let _guard = self.lock.lock();
        self.wake.notify_all();
    }
}
