//! The pool: overflow is honest, slots tell nothing of their last user, instances are made ahead.
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

use common::{component, config, factory, factory_with, host, host_with, op, ops, ops_module, turn};
use troupe_actor::behavior::InlineTurn;
use troupe_host::{HostConfig, HostEvent, Limits, TrapHandling};

#[test]
fn a_full_pool_overflows_and_says_so() {
    let (host, heard) = host_with(HostConfig { pooled_slots: 4, ..config() });
    let factory = factory(&host, ops());
    let mut actors: Vec<_> = (0..10).map(|_| factory.create().unwrap()).collect();
    for actor in &mut actors {
        for count in 1u32..=2 {
            assert_eq!(turn(actor, &[op::COUNT]), count.to_le_bytes());
        }
        assert_eq!(actor.handle(&[op::UNREACHABLE]).unwrap_err().trap, "unreachable");
    }
    assert_eq!(host.stats().pool_overflows, 6);
    let counts: Vec<u64> = heard
        .events()
        .iter()
        .map(|event| match event {
            HostEvent::PoolOverflow { slots: 4, slot_bytes: 65_536, count, .. } => *count,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [1, 2, 4]);
    // Slots come back.
    drop(actors);
    let again: Vec<_> = (0..4).map(|_| factory.create().unwrap()).collect();
    assert_eq!(host.stats().pool_overflows, 6);
    drop(again);
}

#[test]
fn a_large_pool_is_made_when_a_small_one_fills_up() {
    let (host, heard) = host_with(HostConfig { pooled_slots: 700, ..config() });
    let factory = factory(&host, ops());
    let mut actors: Vec<_> = (0..600).map(|_| factory.create().unwrap()).collect();
    for actor in &mut actors {
        assert_eq!(turn(actor, &[op::COUNT]), 1u32.to_le_bytes());
    }
    assert_eq!(heard.events(), [], "neither pool is full");
    assert_eq!(actors[599].handle(&[op::UNREACHABLE]).unwrap_err().trap, "unreachable");
    actors.extend((0..101).map(|_| factory.create().unwrap()));
    assert!(host.stats().pool_overflows > 0, "both are");
    assert!(matches!(heard.events()[0], HostEvent::PoolOverflow { slots: 700, .. }), "{:?}", heard.events());
    // Room in the first pool is used again.
    actors.drain(..512);
    let overflows = host.stats().pool_overflows;
    actors.extend((0..300).map(|_| factory.create().unwrap()));
    assert_eq!(host.stats().pool_overflows, overflows);
}

#[test]
fn no_pool_at_all_works_too() {
    let (host, _) = host_with(HostConfig { pooled_slots: 0, ..config() });
    let mut actor = factory(&host, ops()).create().unwrap();
    assert_eq!(turn(&mut actor, &[op::COUNT]), 1u32.to_le_bytes());
    match actor.handle_inline(&[op::COUNT]) {
        InlineTurn::Done(actor, Ok(())) => assert_eq!(actor.output(), 2u32.to_le_bytes()),
        _ => panic!("not done"),
    }
}

#[test]
fn a_slot_tells_nothing_of_its_last_user() {
    for trap_handling in [TrapHandling::Signals, TrapHandling::Explicit] {
        for memory in ["1 1", "1", "3 40"] {
            let (host, _) = host_with(HostConfig { pooled_slots: 2, trap_handling, ..config() });
            let factory = factory(&host, component(&ops_module(memory)));
            for round in 0..50 {
                let mut actor = factory.create().unwrap();
                let seen = turn(&mut actor, &[op::LEAK]);
                assert!(seen.iter().all(|&byte| byte == 0), "{memory}, round {round}");
                assert!(turn(&mut actor, &[op::LEAK]).iter().all(|&byte| byte == 170));
            }
            assert_eq!(host.stats().pool_overflows, 0);
        }
    }
}

#[test]
fn a_grown_slot_tells_nothing_of_its_last_user() {
    // Grows, sums what is in the last page, then fills everything.
    let module = r#"
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (local $at i32) (local $sum i32) (local $end i32)
            (drop (memory.grow (i32.const 63)))
            (local.set $end (i32.mul (memory.size) (i32.const 65536)))
            (local.set $at (i32.const 4096))
            (loop $l
                (local.set $sum (i32.or (local.get $sum) (i32.load (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 4)))
                (br_if $l (i32.lt_u (local.get $at) (local.get $end))))
            (memory.fill (i32.const 4096) (i32.const 255) (i32.sub (local.get $end) (i32.const 4096)))
            (i32.store (i32.const 32) (local.get $sum))
            (i32.store (i32.const 16) (i32.const 32))
            (i32.store (i32.const 20) (i32.const 4))
            (i32.const 16))"#;
    let (host, _) = host_with(HostConfig { pooled_slots: 1, ..config() });
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let factory = factory_with(&host, component(module), limits);
    for _ in 0..20 {
        let mut actor = factory.create().unwrap();
        assert_eq!(turn(&mut actor, b""), 0u32.to_le_bytes());
        assert_eq!(turn(&mut actor, b""), u32::MAX.to_le_bytes());
    }
    assert_eq!(host.stats().pool_overflows, 0);
}

#[test]
fn instances_are_made_ahead_and_are_fresh() {
    let host = host();
    let factory = factory(&host, ops());
    assert!(factory.creates_inline());
    for _ in 0..200 {
        let mut actor = factory.create().unwrap();
        assert_eq!(turn(&mut actor, &[op::COUNT]), 1u32.to_le_bytes());
        assert!(turn(&mut actor, &[op::LEAK]).iter().all(|&byte| byte == 0));
        factory.retire(actor);
    }
    let began = Instant::now();
    while host.stats().retiring > 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_component_with_a_start_section_is_not_made_ahead_nor_on_the_callers_thread() {
    let module = format!("{} (func $s) (start $s)", common::ECHO_MODULE);
    let host = host();
    let factory = factory(&host, component(&module));
    assert!(!factory.creates_inline());
    let mut actor = factory.create().unwrap();
    assert_eq!(turn(&mut actor, b"x"), b"x");
}

#[test]
fn a_start_section_that_spins_or_traps_fails_the_start() {
    let host = host();
    let ticker = host.ticker();
    ticker.enter();
    let trapping = component(&format!("{} (func $s unreachable) (start $s)", common::ECHO_MODULE));
    let error = factory(&host, trapping).create().err().unwrap();
    assert_eq!(error.crash.trap, "unreachable");
    let spinning = component(&format!("{} (func $s (loop $l (br $l))) (start $s)", common::ECHO_MODULE));
    let limits = Limits { start_time: Duration::from_millis(10), ..Limits::default() };
    let error = factory_with(&host, spinning, limits).create().err().unwrap();
    assert_eq!(error.crash.tag.as_str(), "start-timeout");
    ticker.leave();
}

#[test]
fn limits_that_ask_for_another_class_compile_for_it() {
    let host = host();
    let wasm = component(&ops_module("1"));
    for bytes in [1u64 << 20, 16 << 20, 64 << 20] {
        let limits = Limits { memory_bytes: bytes, message_bytes: 1024, ..Limits::default() };
        let factory = factory_with(&host, wasm.clone(), limits);
        let mut actor = factory.create().unwrap();
        assert_eq!(turn(&mut actor, &[op::COUNT]), 1u32.to_le_bytes());
    }
}

#[test]
fn many_threads_share_one_host() {
    let host = host();
    let factory = factory(&host, ops());
    let ticker = host.ticker();
    ticker.enter();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..300u32 {
                    let mut actor = factory.create().unwrap();
                    assert_eq!(turn(&mut actor, &[op::COUNT]), 1u32.to_le_bytes());
                    if round % 3 == 0 {
                        actor.handle(&[op::DIVIDE]).unwrap_err();
                    }
                    factory.retire(actor);
                }
            });
        }
    });
    ticker.leave();
}
