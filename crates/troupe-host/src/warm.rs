//! Instances made ahead, and instances taken apart later: both off the path of those who wait.
//!
//! One thread serves all. It sleeps while there is nothing to do.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use troupe_actor::behavior::Behavior;

use crate::factory::Stock;

/// Instances waiting to be dropped; with more, whoever retires one drops it himself.
const DEAD_MAX: usize = 4096;
/// Instances dropped before the next refill is looked at.
const DEAD_AT_ONCE: usize = 16;
/// With so many waiting to be dropped the thread is woken before its nap is over.
const DEAD_WAKES: usize = 256;
/// How long the thread naps after it worked. Waking it costs whoever retires an instance more than
/// everything else about that, so a burst of crashes wakes it once.
const NAP: Duration = Duration::from_millis(1);
/// Naps without work before it sleeps until it is woken.
const IDLE_NAPS: u32 = 10;

#[derive(Default)]
struct Work {
    dead: Vec<Box<dyn Behavior>>,
    low: VecDeque<Weak<Stock>>,
    closed: bool,
    rest: Rest,
}

/// What the thread does while there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rest {
    /// It works.
    #[default]
    Awake,
    /// It looks again by itself in a moment.
    Nap,
    /// It must be woken.
    Sleep,
}

struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
}

/// The thread that makes and drops instances.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared { work: Mutex::default(), wake: Condvar::new() });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("troupe-keeper".into()).spawn(move || run(&own))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Drops a behavior soon, on another thread.
    pub(crate) fn bury(&self, behavior: Box<dyn Behavior>) {
        let mut work = self.shared.work.lock();
        if work.dead.len() >= DEAD_MAX || work.closed {
            drop(work);
            drop(behavior);
            return;
        }
        work.dead.push(behavior);
        if work.rest == Rest::Sleep || (work.rest == Rest::Nap && work.dead.len() == DEAD_WAKES) {
            self.shared.wake.notify_one();
        }
    }

    /// Asks for a stock to be filled up.
    pub(crate) fn refill(&self, stock: &Arc<Stock>) {
        let mut work = self.shared.work.lock();
        work.low.push_back(Arc::downgrade(stock));
        if work.rest != Rest::Awake {
            self.shared.wake.notify_one();
        }
    }

    /// Instances waiting to be dropped.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.work.lock().dead.len()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.work.lock().closed = true;
        self.shared.wake.notify_one();
        let Some(thread) = self.thread.take() else { return };
        // The last handle may go with an instance that this very thread drops.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    loop {
        let (dead, low) = {
            let mut work = shared.work.lock();
            let mut naps = 0;
            while work.dead.is_empty() && work.low.is_empty() {
                if work.closed {
                    return;
                }
                if naps < IDLE_NAPS {
                    naps += 1;
                    work.rest = Rest::Nap;
                    shared.wake.wait_for(&mut work, NAP);
                } else {
                    work.rest = Rest::Sleep;
                    shared.wake.wait(&mut work);
                }
                work.rest = Rest::Awake;
            }
            let from = work.dead.len().saturating_sub(DEAD_AT_ONCE);
            (work.dead.split_off(from), work.low.pop_front())
        };
        // First what somebody may wait for: nobody waits for a drop.
        if let Some(stock) = low.and_then(|weak| weak.upgrade()) {
            stock.fill();
        }
        drop(dead);
    }
}
