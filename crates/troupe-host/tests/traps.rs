//! Every way a guest can fail is one of a closed list.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::time::{Duration, Instant};

use common::{component, config, crash, factory, factory_with, host, host_with, op, ops, ops_module, turn, work};
use troupe_actor::reason::ReasonTag;
use troupe_host::{HostConfig, Limits, TrapHandling};

const TABLE: [(u8, ReasonTag, &str); 7] = [
    (op::UNREACHABLE, ReasonTag::Trap, "unreachable"),
    (op::OUT_OF_BOUNDS, ReasonTag::Trap, "memory-out-of-bounds"),
    (op::DIVIDE, ReasonTag::Trap, "integer-division-by-zero"),
    (op::RECURSE, ReasonTag::StackOverflow, "stack-overflow"),
    (op::NULL_CALL, ReasonTag::Trap, "indirect-call-to-null"),
    (op::OVERFLOW, ReasonTag::Trap, "integer-overflow"),
    (op::BAD_LIST, ReasonTag::HostError, ""),
];

fn classified(trap_handling: TrapHandling) {
    let (host, _) = host_with(HostConfig { trap_handling, ..config() });
    let factory = factory(&host, ops());
    for (what, tag, kind) in TABLE {
        let crash = crash(&factory, &[what]);
        assert_eq!((crash.tag, crash.trap.as_str()), (tag, kind), "{crash:?}");
        assert!(!crash.message.is_empty());
        // Nothing of a crash stays behind.
        let mut next = factory.create().unwrap();
        assert_eq!(turn(&mut next, &[0, 1, 2]), [0, 1, 2]);
    }
}

#[test]
fn traps_are_classified_by_signals() {
    classified(TrapHandling::Signals);
}

#[test]
fn traps_are_classified_by_explicit_checks() {
    classified(TrapHandling::Explicit);
}

#[test]
fn a_trap_tells_the_guests_frames_unless_told_not_to() {
    let mut seen = crash(&factory(&host(), ops()), &[op::RECURSE]);
    assert_eq!(seen.backtrace.len(), 16);
    seen = crash(&factory(&host(), ops()), &[op::UNREACHABLE]);
    assert!(seen.backtrace[0].contains("+0x"), "{:?}", seen.backtrace);
    let (quiet, _) = host_with(HostConfig { trap_backtrace: false, ..config() });
    assert!(crash(&factory(&quiet, ops()), &[op::UNREACHABLE]).backtrace.is_empty());
}

#[test]
fn a_crashed_instance_stays_dead() {
    let host = host();
    let factory = factory(&host, ops());
    let mut actor = factory.create().unwrap();
    actor.handle(&[op::UNREACHABLE]).unwrap_err();
    let again = actor.handle(&[op::ECHO]).unwrap_err();
    assert_eq!(again.tag, ReasonTag::HostError);
}

#[test]
fn a_guest_that_may_not_grow_runs_out_of_memory() {
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let host = host();
    let seen = crash(&factory_with(&host, component(&ops_module("1")), limits.clone()), &[op::GROW_OR_TRAP]);
    assert_eq!(seen.tag, ReasonTag::Oom);
    // A memory that forbids growing by itself is the same to whoever needs more.
    let seen = crash(&factory_with(&host, ops(), limits.clone()), &[op::GROW_OR_TRAP]);
    assert_eq!(seen.tag, ReasonTag::Oom);
    let limits = Limits { table_elements: 3000, ..limits };
    let seen = crash(&factory_with(&host, ops(), limits), &[op::TABLE_GROW_OR_TRAP]);
    assert_eq!(seen.tag, ReasonTag::Oom);
}

#[test]
fn a_guest_may_grow_up_to_its_limit() {
    let module = r#"
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (block $full (loop $l (br_if $full (i32.eq (memory.grow (i32.const 1)) (i32.const -1))) (br $l)))
            (i32.store (i32.const 32) (memory.size))
            (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
            (i32.store (i32.const 16) (i32.const 32))
            (i32.store (i32.const 20) (i32.const 4))
            (i32.const 16))"#;
    let host = host();
    for (bytes, pages) in [(2u64 << 20, 32u32), (5 << 20, 80), (16 << 20, 256)] {
        let limits = Limits { memory_bytes: bytes, ..Limits::default() };
        let mut actor =
            factory_with(&host, component(module), Limits { message_bytes: 1 << 20, ..limits }).create().unwrap();
        assert_eq!(turn(&mut actor, b""), pages.to_le_bytes());
    }
}

#[test]
fn a_result_larger_than_allowed_is_a_host_error() {
    let limits = Limits { hostcall_bytes: 50_000, ..Limits::default() };
    let seen = crash(&factory_with(&host(), ops(), limits), &[op::LONG]);
    assert_eq!(seen.tag, ReasonTag::HostError);
    assert!(seen.message.contains("too much data"), "{}", seen.message);
}

#[test]
fn a_deeper_stack_can_be_given() {
    // Each frame of this guest takes a few words; the depth is counted in memory.
    let module = r#"
        (memory (export "memory") 1 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func $deep (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                (else (i32.const 0))))
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (drop (call $deep (i32.const 10000)))
            (i32.store (i32.const 16) (local.get $ptr))
            (i32.store (i32.const 20) (local.get $len))
            (i32.const 16))"#;
    let host = host();
    let seen = crash(&factory(&host, component(module)), b"");
    assert_eq!(seen.tag, ReasonTag::StackOverflow);
    let roomy = Limits { stack_bytes: 1 << 20, ..Limits::default() };
    factory_with(&host, component(module), roomy).create().unwrap().handle(b"").unwrap();
}

/// Runs something while the ticker ticks.
fn ticking<T>(host: &troupe_host::Host, run: impl FnOnce() -> T) -> T {
    let ticker = host.ticker();
    ticker.enter();
    let out = run();
    ticker.leave();
    out
}

#[test]
fn a_spinning_guest_uses_up_its_processor_time() {
    let host = host();
    let limits = Limits { handler_time: Some(Duration::from_millis(20)), ..Limits::default() };
    let factory = factory_with(&host, ops(), limits);
    let began = Instant::now();
    let seen = ticking(&host, || crash(&factory, &[op::SPIN]));
    assert_eq!((seen.tag, seen.trap.as_str()), (ReasonTag::Deadline, "interrupt"));
    assert!(seen.message.contains("20 ms"), "{}", seen.message);
    assert!(began.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_long_turn_within_its_time_ends_well() {
    let host = host();
    let factory = factory(&host, ops());
    let mut actor = factory.create().unwrap();
    let bytes = work(2000);
    assert_eq!(ticking(&host, || turn(&mut actor, &bytes)), bytes);
    assert!(!actor.runs_inline(), "it was slow");
}
