//! Topics and subscriptions over actor addresses: who gets what is published where.
//!
//! [`broker::Broker`] is the way in. A topic comes in, [`topic`] checks it, `cache` knows its route or
//! `patterns` finds those that match, and an immutable route goes out. Nothing here sends a
//! message, holds a queue or knows a thread.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod broker;
mod cache;
mod index;
pub mod limits;
mod literals;
mod patterns;
pub mod retained;
mod route;
mod slab;
mod stamps;
mod subscriptions;
pub mod topic;
mod trie;
