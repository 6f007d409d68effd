//! The scenarios (`__test__/scenarios`) over Rust behaviors, in virtual time. The same table is run
//! over components and over actors in JavaScript.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod actor;
mod runner;
mod table;
mod trees;

use std::panic::{AssertUnwindSafe, catch_unwind};

use runner::Run;
use table::{Scenario, matrix, scenarios};

fn run_all(scenarios: &[Scenario]) {
    assert!(!scenarios.is_empty());
    // All of them, so that one look shows everything that is wrong.
    let failed =
        scenarios.iter().filter(|scenario| catch_unwind(AssertUnwindSafe(|| Run::new(scenario).all())).is_err());
    let failed: Vec<&str> = failed.map(|scenario| &*scenario.name).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn starting() {
    run_all(&scenarios("starting.json"));
}

#[test]
fn messages() {
    run_all(&scenarios("messages.json"));
}

#[test]
fn restarts() {
    run_all(&scenarios("restarts.json"));
}

#[test]
fn ending() {
    run_all(&scenarios("ending.json"));
}

#[test]
fn trees_of_supervisors() {
    run_all(&scenarios("trees.json"));
}

#[test]
fn restart_matrix() {
    run_all(&matrix("restart-matrix.json"));
}
