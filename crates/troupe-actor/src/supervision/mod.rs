//! Restarting, decided purely: no clock, no random source but what is passed in.
//!
//! [`decide`] is the whole decision about an actor with a budget of its own (a pool's child);
//! [`engine`] is a supervisor whose children share one. Both build on [`window`] and [`backoff`].

pub mod backoff;
pub mod check;
pub mod decide;
pub mod engine;
pub mod protocol;
pub mod spec;
pub mod window;

pub use check::warnings;
