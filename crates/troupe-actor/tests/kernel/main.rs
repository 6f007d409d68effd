//! The kernel with Rust behaviors, on one thread, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod adversaries;
mod asks;
mod awaits;
mod bonds;
mod conversations;
mod ending;
mod external;
mod faults;
mod floods;
mod groups;
mod health;
mod inline;
mod letters;
mod looking;
mod losses;
mod names;
mod nested;
mod observing;
mod ordering;
mod overflow;
mod place_timers;
mod pools;
mod pressure;
mod replay;
mod restarts;
mod room;
mod shutdown;
mod starting;
mod stash;
mod storm;
mod tables;
mod takeovers;
mod timer_storm;
mod timers;
mod topic_edges;
mod topics;
mod tree_ends;
mod tree_storm;
mod trees;
mod turns;
mod unsubscribed;
mod water;
