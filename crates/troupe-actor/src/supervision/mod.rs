//! Restarting one actor, decided purely: no clock, no random source but what is passed in.

pub mod backoff;
pub mod decide;
pub mod spec;
pub mod window;
