//! A short run, and seeds that once found something.
#![allow(clippy::panic, reason = "tests")]

use troupe_sim::run::{Plan, run, run_many};

/// Seeds that failed once, and what they found. What a seed does changes with the generator, so each
/// find has its test in the kernel too.
const FOUND: [(u64, &str); 19] = [
    (11, "whoever waits for a tree hears, though one of its places ends while it is given up"),
    (463, "a message dropped from behind a notice is counted once in a replay"),
    (537, "a life whose grace is over gets no other one by stopping itself"),
    (670, "a start that is killed because its grace is over was no orderly end"),
    (903, "who joins a pool on its way down is not counted as a member that is down"),
    (2_103, "a life whose grace is over gets no other one by stopping itself"),
    (2_853, "an addition that was refused does not come up in the supervisor's next life"),
    (5_462, "an addition that comes up after it was refused leaves nothing behind"),
    (20, "what is asked after an answer that came too late is not for that request"),
    (197, "the ask of an inline turn has a deadline for those that name it, too"),
    (52, "a notice for an earlier life's watch does not come to the watch that has its tag now"),
    (227, "a notice that is taken back in a replay is no part of it any more"),
    (589, "a pool does not wait for a member that ended before its first life"),
    (42_501, "a message in hand stays part of its replay when another one is dropped"),
    (14, "a subscription that takes a tag over gets what comes in the same turn"),
    (72, "what lies behind a running turn stays counted when something behind it is dropped"),
    (258, "what is dropped behind a replay is no part of it"),
    (877, "a notice that leaves with an ended subscription's messages does not shift them"),
    (3_240, "an addition that was refused does not come up in the supervisor's next life"),
];

#[test]
fn two_hundred_seeds_show_nothing_that_no_rule_allows() {
    let report = run_many(&Plan { from: 0, seeds: 200, limit: None, threads: 2 });
    for failure in &report.failures {
        println!("{failure}");
    }
    assert!(report.failures.is_empty());
    // A run in which nothing happens shows nothing.
    assert!(report.totals.lives > 3_000 && report.totals.asks > 10_000, "{}", report.totals);
}

#[test]
fn seeds_that_found_something_find_it_no_more() {
    for (seed, what) in FOUND {
        if let Err(failure) = run(seed) {
            panic!("{what}: {failure}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 77] {
        let (first, second) = (troupe_sim::run::run_traced(seed), troupe_sim::run::run_traced(seed));
        assert_eq!(first.1, second.1);
        assert!(first.1.len() > 300);
    }
}

#[test]
fn two_thousand_supervisors_keep_their_rules() {
    for seed in 0..2_000 {
        if let Err((_, violation)) = troupe_sim::engine::run(seed, None) {
            panic!("engine seed {seed}: {violation}");
        }
    }
}

#[test]
fn an_ordinary_build_has_no_planted_bugs() {
    assert_eq!(troupe_sim::planted::bugs().is_some(), cfg!(troupe_planted));
}
