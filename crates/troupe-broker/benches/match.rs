//! Topics alone: what it costs to know whom a message reaches, and to change who that is. Nothing is
//! sent. Rows with `1k` and `1m` have a thousand and a million subscriptions, each to a pattern of its
//! own; the topics of `random` come once, so that no kept route helps.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot set itself up should end at once, and memory is printed"
)]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use troupe_actor::id::Address;
use troupe_actor::topics::{Subscription, Topics};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

/// Bytes that are allocated at the moment.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZES: [(&str, u32); 2] = [("1k", 1_000), ("1m", 1_000_000)];

/// An odd step that visits every number below a power of two, or a million, in no order that a cache
/// of the processor could foresee.
const STEP: u32 = 387_420_489;

fn owner(number: u32) -> Address {
    Address { index: number % 100_000, tag: 1 }
}

fn subscription(number: u32) -> Subscription {
    Subscription { owner: owner(number), tag: number, once: false, group: None }
}

/// What subscription `number` is to; every tenth has a wildcard.
fn pattern(number: u32) -> String {
    let last = if number.is_multiple_of(10) { "*" } else { "new" };
    format!("orders.region-{}.{number}.{last}", number % 16)
}

fn topic(number: u32) -> String {
    format!("orders.region-{}.{number}.new", number % 16)
}

fn filled(size: u32) -> Broker {
    let broker = Broker::new(2, Limits::default());
    for number in 0..size {
        broker.subscribe(&pattern(number), subscription(number), &mut |_, _, _| {}).unwrap();
    }
    broker
}

/// Topics of all subscriptions in random order; long enough that none comes again soon.
fn random_topics(size: u32) -> Vec<String> {
    (0..size).map(|at| topic((u64::from(at) * u64::from(STEP) % u64::from(size)) as u32)).collect()
}

fn memory() {
    for (name, size) in SIZES {
        let before = ALLOCATED.load(Ordering::Relaxed);
        let broker = filled(size);
        let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
        let empty = ALLOCATED.load(Ordering::Relaxed);
        drop(broker);
        let fixed = {
            let before = ALLOCATED.load(Ordering::Relaxed);
            let broker = Broker::new(2, Limits::default());
            let fixed = ALLOCATED.load(Ordering::Relaxed) - before;
            drop(broker);
            fixed
        };
        println!(
            "memory/{name}: {} bytes per subscription, {fixed} bytes for an empty broker ({} MiB at the end)",
            (bytes - fixed) / size as usize,
            empty >> 20
        );
    }
}

fn matching(criterion: &mut Criterion) {
    memory();
    let mut group = criterion.benchmark_group("match");
    for (name, size) in SIZES {
        let broker = filled(size);
        // A thousand would be kept between publishes; with room for none, every route is computed.
        let cold = Broker::new(2, Limits { cached_routes: 0, ..Limits::default() });
        for number in 0..size {
            cold.subscribe(&pattern(number), subscription(number), &mut |_, _, _| {}).unwrap();
        }
        let topics = random_topics(size);
        let mut at = 0;
        group.bench_function(format!("random/{name}"), |bencher| {
            bencher.iter(|| {
                at = (at + 1) % topics.len();
                let route = cold.route(black_box(topics.get(at).unwrap())).unwrap();
                assert!(!route.is_empty());
                route
            });
        });
        let hot: Vec<String> = (0..64).map(topic).collect();
        group.bench_function(format!("hot/{name}"), |bencher| {
            bencher.iter(|| {
                at = (at + 1) % hot.len();
                broker.route(black_box(hot.get(at).unwrap())).unwrap()
            });
        });
        group.bench_function(format!("hot-2-threads/{name}"), |bencher| {
            bencher.iter_custom(|times| two_threads(&broker, &hot, times));
        });
    }
    group.finish();
}

/// Two publishers, each with half of the calls, on the same topics.
fn two_threads(broker: &Broker, topics: &[String], times: u64) -> Duration {
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for topic in topics.iter().cycle().take(times.div_ceil(2) as usize) {
                    black_box(broker.route(black_box(topic)).unwrap());
                }
            });
        }
    });
    begin.elapsed()
}

fn changing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change");
    for (name, size) in SIZES {
        let broker = filled(size);
        let mut number = size;
        group.bench_function(format!("subscribe-unsubscribe/{name}"), |bencher| {
            bencher.iter(|| {
                number = number.wrapping_add(1).max(size);
                broker.subscribe(&pattern(number), subscription(number), &mut |_, _, _| {}).unwrap();
                assert!(broker.unsubscribe(owner(number), number));
            });
        });
        let hot = topic(0);
        group.bench_function(format!("publish-while-changing/{name}"), |bencher| {
            bencher.iter(|| {
                number = number.wrapping_add(1).max(size);
                broker.subscribe(&pattern(number), subscription(number), &mut |_, _, _| {}).unwrap();
                let route = broker.route(black_box(&hot)).unwrap();
                assert!(broker.unsubscribe(owner(number), number));
                route
            });
        });
    }
    group.finish();
}

criterion_group!(benches, matching, changing);
criterion_main!(benches);
