//! The simulator: the real kernel without threads, driven by a seed, and a model that checks after
//! every step what the kernel promises.
//!
//! A seed gives a [`plan::Profile`] (how many shards, which faults, how often), then step by step
//! what happens next ([`world::World`]): a shard reads its inbox, a thread takes a job, runs it,
//! commits it, time passes, somebody sends, asks, stops, kills. What actors do is decided by the
//! same seed ([`script`]). The [`model::Model`] hears of everything as it happens; the first thing
//! that no rule allows ends the run with the rule's name. The same seed gives the same run.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// A tool of tests: a broken assumption of its own must be loud.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a tool of tests: a broken assumption of its own must be loud"
)]

pub mod behavior;
pub mod engine;
pub mod model;
pub mod plan;
pub mod planted;
pub mod port;
pub mod random;
pub mod run;
pub mod script;
pub mod world;
