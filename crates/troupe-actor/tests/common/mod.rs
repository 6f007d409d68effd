//! What the kernel's tests share: scripted behaviors, a port that records, and a world around them.
#![allow(dead_code, unused_imports, clippy::print_stderr, reason = "each suite uses a part of it")]

mod behaviors;
mod clockwork;
mod environment;
mod port;
mod random;
mod topics;
pub mod tree;
mod wild;
mod world;

pub use behaviors::{Actor, Handler, InlineMode, Log, Out, Turn, each, puppet, spawn_spec, trap};
pub use clockwork::clockwork;
pub use environment::{Work, external};
pub use port::{PATIENCE, Settled, TestPort};
pub use random::Random;
pub use topics::{NaiveTopics, Topic};
pub use wild::{Crowd, quiet_panics, random_spec, wild};
pub use world::{World, ticker};
