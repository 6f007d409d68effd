//! The bridge: carries messages and requests between Node.js and the host. No policy, no defaults:
//! options arrive complete, and what an answer means is decided in TypeScript.
//!
//! [`system`] is the class that TypeScript holds; [`port`] is one environment's side of the shared
//! buffers; [`hot`] are the few functions of the hot path, which bypass napi-rs's argument
//! conversion. Every export catches unwinding: a panic that reached napi-rs would end the process.
#![cfg_attr(test, allow(dead_code, reason = "napi registers exports only outside of tests"))]

mod convert;
mod error;
mod event_sink;
mod exports;
mod groups;
mod hot;
mod loader;
mod lost;
mod options;
mod port;
mod slab;
mod supervisor;
mod system;
mod testing;
mod timers;
mod topics;
mod tree;
