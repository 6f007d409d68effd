//! The supervision engine by itself: no kernel, no clock, no threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod budget;
mod desk;
mod matrix;
mod orders;
mod random;
mod requests;
mod stale;
mod stopping;
mod world;

#[path = "../common/random.rs"]
mod generator;
