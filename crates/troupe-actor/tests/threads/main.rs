//! The kernel with real workers and real time. Nothing here waits for a time to pass: it waits for
//! what should happen, and fails when that takes unreasonably long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod capacity;
mod handover;
mod names;
mod quiet;
mod races;
mod traffic;
mod trees;
mod unsubscribed;
