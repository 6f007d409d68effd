//! Guests and hosts for the tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use troupe_actor::behavior::{Behavior, BehaviorFactory};
use troupe_actor::reason::Crash;
use troupe_host::{Host, HostConfig, HostEvent, HostEvents, Limits, LoadedComponent, TrapHandling};

/// Keeps what the host said.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<HostEvent>>);

impl HostEvents for Heard {
    fn emit(&self, event: HostEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
    pub fn events(&self) -> Vec<HostEvent> {
        self.0.lock().unwrap().clone()
    }
}

pub fn config() -> HostConfig {
    HostConfig { cache_dir: None, trap_handling: TrapHandling::Signals, pooled_slots: 256, trap_backtrace: true }
}

pub fn host() -> Host {
    Host::new(config(), Arc::new(Heard::default())).unwrap()
}

pub fn host_with(config: HostConfig) -> (Host, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    (Host::new(config, Arc::clone(&heard) as Arc<dyn HostEvents>).unwrap(), heard)
}

pub fn cached(dir: impl Into<PathBuf>) -> (Host, Arc<Heard>) {
    host_with(HostConfig { cache_dir: Some(dir.into()), ..config() })
}

/// Wraps a core module that exports `memory`, `realloc` and `handle`.
pub fn component(module: &str) -> Vec<u8> {
    component_with(module, "", "")
}

/// The same, with lines for the component and options for the lift of `handle`.
pub fn component_with(module: &str, lines: &str, options: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "handle") (param "turn" (list u8)) (result (list u8))
                (canon lift (core func $i "handle") (memory $i "memory") (realloc (func $i "realloc")) {options}))
            {lines})"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The first byte of a turn says what to do.
pub mod op {
    pub const ECHO: u8 = 0;
    pub const UNREACHABLE: u8 = 1;
    pub const OUT_OF_BOUNDS: u8 = 2;
    pub const DIVIDE: u8 = 3;
    pub const RECURSE: u8 = 4;
    pub const SPIN: u8 = 5;
    pub const GROW_OR_TRAP: u8 = 6;
    /// Spins for as many rounds of 65,536 as the `u32` at offset 4 says, then echoes.
    pub const WORK: u8 = 7;
    /// Counts in memory and returns the count as a `u32`.
    pub const COUNT: u8 = 8;
    /// Returns all of page one, from 4,096 on, and then fills it.
    pub const LEAK: u8 = 9;
    /// Returns a list that is out of bounds.
    pub const BAD_LIST: u8 = 10;
    /// Returns 60,000 bytes.
    pub const LONG: u8 = 11;
    pub const NULL_CALL: u8 = 12;
    pub const TABLE_GROW_OR_TRAP: u8 = 13;
    pub const OVERFLOW: u8 = 14;
}

/// A module that does what the first byte of the turn says. `memory` is its memory type.
pub fn ops_module(memory: &str) -> String {
    format!(
        r#"
        (memory (export "memory") {memory})
        (table $t 4 funcref)
        (type $void (func))
        (global $count (mut i32) (i32.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func $recurse (param i32) (result i32) (i32.add (call $recurse (local.get 0)) (i32.const 1)))
        (func $out (param $ptr i32) (param $len i32) (result i32)
            (i32.store (i32.const 16) (local.get $ptr))
            (i32.store (i32.const 20) (local.get $len))
            (i32.const 16))
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (local $op i32) (local $n i32)
            (if (local.get $len) (then (local.set $op (i32.load8_u (local.get $ptr)))))
            (if (i32.eq (local.get $op) (i32.const 1)) (then unreachable))
            (if (i32.eq (local.get $op) (i32.const 2)) (then (drop (i32.load (i32.const 0x7fffff00)))))
            (if (i32.eq (local.get $op) (i32.const 3)) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))
            (if (i32.eq (local.get $op) (i32.const 4)) (then (drop (call $recurse (i32.const 1)))))
            (if (i32.eq (local.get $op) (i32.const 5)) (then (loop $l (br $l))))
            (if (i32.eq (local.get $op) (i32.const 6)) (then
                (loop $l
                    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
                    (br $l))))
            (if (i32.eq (local.get $op) (i32.const 7)) (then
                (local.set $n (i32.shl (i32.load (i32.add (local.get $ptr) (i32.const 4))) (i32.const 16)))
                (loop $l
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $l (i32.gt_s (local.get $n) (i32.const 0))))))
            (if (i32.eq (local.get $op) (i32.const 8)) (then
                (global.set $count (i32.add (global.get $count) (i32.const 1)))
                (i32.store (i32.const 32) (global.get $count))
                (return (call $out (i32.const 32) (i32.const 4)))))
            (if (i32.eq (local.get $op) (i32.const 9)) (then
                (memory.copy (i32.const 32768) (i32.const 4096) (i32.const 20000))
                (memory.fill (i32.const 4096) (i32.const 170) (i32.const 20000))
                (return (call $out (i32.const 32768) (i32.const 20000)))))
            (if (i32.eq (local.get $op) (i32.const 10)) (then (return (call $out (i32.const 65000) (i32.const 100000)))))
            (if (i32.eq (local.get $op) (i32.const 11)) (then (return (call $out (i32.const 2048) (i32.const 60000)))))
            (if (i32.eq (local.get $op) (i32.const 12)) (then (call_indirect (type $void) (i32.const 1))))
            (if (i32.eq (local.get $op) (i32.const 13)) (then
                (loop $l
                    (if (i32.eq (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))
                    (br $l))))
            (if (i32.eq (local.get $op) (i32.const 14)) (then (drop (i32.trunc_f64_s (f64.const 1e30)))))
            (call $out (local.get $ptr) (local.get $len)))
        "#
    )
}

/// The ops guest with one fixed page.
pub fn ops() -> Vec<u8> {
    component(&ops_module("1 1"))
}

/// An echo without a table: the smallest guest there is.
pub const ECHO_MODULE: &str = r#"
    (memory (export "memory") 1 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
        (i32.store (i32.const 16) (local.get $ptr))
        (i32.store (i32.const 20) (local.get $len))
        (i32.const 16))"#;

pub fn echo() -> Vec<u8> {
    component(ECHO_MODULE)
}

pub fn load(host: &Host, wasm: Vec<u8>) -> Arc<LoadedComponent> {
    host.load_bytes(wasm).unwrap()
}

pub fn factory(host: &Host, wasm: Vec<u8>) -> Arc<dyn BehaviorFactory> {
    factory_with(host, wasm, Limits::default())
}

pub fn factory_with(host: &Host, wasm: Vec<u8>, limits: Limits) -> Arc<dyn BehaviorFactory> {
    host.factory(&load(host, wasm), limits).unwrap()
}

/// One turn that must fail.
pub fn crash(factory: &Arc<dyn BehaviorFactory>, turn: &[u8]) -> Crash {
    let mut actor = factory.create().unwrap();
    actor.handle(turn).expect_err("the turn must crash")
}

/// One turn that must succeed; its output.
pub fn turn(actor: &mut Box<dyn Behavior>, bytes: &[u8]) -> Vec<u8> {
    actor.handle(bytes).unwrap();
    actor.output().to_vec()
}

/// A turn of [`op::WORK`].
pub fn work(rounds: u32) -> Vec<u8> {
    let mut bytes = vec![op::WORK, 0, 0, 0];
    bytes.extend_from_slice(&rounds.to_le_bytes());
    bytes
}
