//! Runs of seeds, and what to say about one that failed.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::behavior::PANIC;
use crate::engine;
use crate::model::{Totals, Violation};
use crate::world::World;

/// Failures after which a run of many seeds ends.
const MAX_FAILURES: usize = 10;

/// A seed that showed something that no rule allows.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Steps until it showed.
    pub steps: u64,
    /// What it showed.
    pub violation: Violation,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} fails at step {}: {}", self.seed, self.steps, self.violation)?;
        write!(f, "replay: npm run simulate -- --seed {}", self.seed)
    }
}

/// Which seeds to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// How long at most.
    pub limit: Option<Duration>,
    /// On how many threads.
    pub threads: usize,
}

/// What many seeds showed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: u64,
    /// Those that failed, the smallest first.
    pub failures: Vec<Failure>,
    /// What all of them did.
    pub totals: Totals,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs one seed.
///
/// # Errors
/// What it showed.
pub fn run(seed: u64) -> Result<Totals, Failure> {
    simulate(seed, false).0
}

/// Runs one seed, and says what happened.
pub fn run_traced(seed: u64) -> (Result<Totals, Failure>, Vec<String>) {
    simulate(seed, true)
}

fn simulate(seed: u64, traced: bool) -> (Result<Totals, Failure>, Vec<String>) {
    quiet_panics();
    let mut trace = Vec::new();
    let engine = guarded(|| engine::run(seed, traced.then_some(&mut trace)));
    match engine {
        Ok(Ok(_)) => {}
        Ok(Err((steps, violation))) => return (Err(Failure { seed, steps, violation }), trace),
        Err(violation) => return (Err(Failure { seed, steps: 0, violation }), trace),
    }
    let mut world = World::new(seed, traced);
    let violation = match guarded(|| world.run()) {
        Ok(Ok(totals)) => return (Ok(totals), world.trace()),
        Ok(Err(violation)) | Err(violation) => violation,
    };
    let failure = Failure { seed, steps: world.steps, violation };
    let trace = world.trace();
    // A kernel that failed may fail again while it is taken apart.
    let _ = guarded(|| drop(world));
    (Err(failure), trace)
}

/// Does something that must not panic.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = format!("the kernel panicked: {}", text_of(&*panic));
        Violation { rule: "NODE-1", text }
    })
}

/// Runs many seeds.
#[must_use]
pub fn run_many(plan: &Plan) -> Report {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..plan.threads {
            scope.spawn(|| work(plan, begun, &next, &report));
        }
    });
    let mut report = report.into_inner();
    report.failures.sort_by_key(|failure| failure.seed);
    report.elapsed = begun.elapsed();
    report
}

fn work(plan: &Plan, begun: Instant, next: &AtomicU64, report: &Mutex<Report>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let late = plan.limit.is_some_and(|limit| begun.elapsed() >= limit);
        if number >= plan.seeds || late || report.lock().failures.len() >= MAX_FAILURES {
            return;
        }
        let result = run(plan.from + number);
        let mut report = report.lock();
        report.seeds += 1;
        match result {
            Ok(totals) => report.totals.add(&totals),
            Err(failure) => report.failures.push(failure),
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

/// Keeps the panics that are part of a run out of the output.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if text_of(info.payload()) != PANIC {
                usual(info);
            }
        }));
    });
}
