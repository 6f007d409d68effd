//! An idle process is never woken: alone in its binary, because it measures the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![cfg(target_os = "linux")]

mod common;

use std::time::{Duration, Instant};

use common::{Actor, Log, PATIENCE, Settled, World, puppet, spawn_spec, ticker};

/// Context switches of all threads of this process so far: each wake-up is one.
fn switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
    statuses
        .flat_map(|status| status.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
        .sum()
}

#[test]
fn an_idle_system_parks_its_ticker_and_wakes_nobody() {
    let world = World::threaded(4, 2);
    let actor = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    for _ in 0..3 {
        assert_eq!(world.wait(world.ask(actor, "x", 60_000)), Settled::value("x"));
        let deadline = Instant::now() + PATIENCE;
        while !ticker().is_parked() {
            assert!(Instant::now() < deadline, "the ticker goes on ticking");
            std::thread::yield_now();
        }
        // The one wait for time in these tests: that nothing happens can only be seen by waiting.
        let before = switches();
        std::thread::sleep(Duration::from_millis(300));
        let woken = switches() - before;
        assert!(woken <= 5, "{woken} wake-ups while idle");
    }
}
