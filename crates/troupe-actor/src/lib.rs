//! The actor kernel: ids, mailboxes, turns, restarts, names, asks. Knows no wasm and no JavaScript.
//!
//! [`system::ActorSystem`] is the way in; [`behavior::Behavior`] is what actors run; the way of a
//! message is [`record`] → [`gate`] → [`shard`] → [`mailbox`] → a turn → effects → the next record.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "indexes and lengths are bounded far below their types where they are made"
)]

pub mod ask;
pub mod backlog;
pub mod behavior;
pub mod cell;
pub mod chain;
pub mod clock;
pub mod counters;
pub mod dead_letter;
pub mod error;
pub mod event;
pub mod fault;
pub mod frame;
pub mod gate;
pub mod groups;
pub mod health;
pub mod hub;
pub mod id;
pub mod interrupt;
pub mod mailbox;
mod open_asks;
#[cfg(troupe_planted)]
pub mod planted;
pub mod port;
pub mod quiet;
pub mod reason;
pub mod record;
pub mod registry;
mod routed;
pub mod shard;
pub mod shared;
pub mod spec;
pub mod stash;
pub mod status;
pub mod subscriptions;
pub mod supervision;
pub mod sync;
pub mod system;
pub mod text;
pub mod ticker;
pub mod timer;
pub mod topics;
pub mod tree;
pub mod worker;
