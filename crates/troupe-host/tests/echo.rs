//! The thin path: bytes in, an actor that answers out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use common::{component_with, echo, factory, host, load, op, ops, turn};
use troupe_host::Limits;

#[test]
fn a_component_echoes_its_turn() {
    let host = host();
    let factory = factory(&host, echo());
    let mut actor = factory.create().unwrap();
    assert!(actor.output().is_empty());
    assert_eq!(turn(&mut actor, b"first"), b"first");
    assert_eq!(turn(&mut actor, b""), b"");
    assert_eq!(turn(&mut actor, &[7; 20_000]), [7; 20_000]);
    factory.retire(actor);
}

#[test]
fn an_incarnation_keeps_its_state_and_shares_none() {
    let host = host();
    let factory = factory(&host, ops());
    let mut first = factory.create().unwrap();
    let mut second = factory.create().unwrap();
    for expected in 1u32..=3 {
        assert_eq!(turn(&mut first, &[op::COUNT]), expected.to_le_bytes());
    }
    assert_eq!(turn(&mut second, &[op::COUNT]), 1u32.to_le_bytes());
}

#[test]
fn a_result_freed_by_post_return_is_copied_before() {
    let module = r#"
        (memory (export "memory") 1 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "post") (param i32) (memory.fill (i32.const 1024) (i32.const 0xee) (i32.const 100)))
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (i32.store (i32.const 16) (local.get $ptr))
            (i32.store (i32.const 20) (local.get $len))
            (i32.const 16))"#;
    let host = host();
    let factory = factory(&host, component_with(module, "", r#"(post-return (func $i "post"))"#));
    let mut actor = factory.create().unwrap();
    assert_eq!(turn(&mut actor, b"kept"), b"kept");
}

#[test]
fn start_gets_its_configuration_and_may_refuse() {
    let module = r#"
        (memory (export "memory") 1 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (data (i32.const 100) "no thanks")
        (func (export "start") (param $ptr i32) (param $len i32) (result i32)
            (i32.store (i32.const 16) (i32.eqz (local.get $len)))
            (i32.store (i32.const 20) (i32.const 100))
            (i32.store (i32.const 24) (i32.const 9))
            (i32.store8 (i32.const 2000) (i32.load8_u (local.get $ptr)))
            (i32.const 16))
        (func (export "stop") unreachable)
        (func (export "handle") (param $ptr i32) (param $len i32) (result i32)
            (i32.store (i32.const 16) (i32.const 2000))
            (i32.store (i32.const 20) (i32.const 1))
            (i32.const 16))"#;
    let lines = r#"
        (func (export "start") (param "config" (list u8)) (result (result (error string)))
            (canon lift (core func $i "start") (memory $i "memory") (realloc (func $i "realloc"))))
        (func (export "stop") (canon lift (core func $i "stop")))"#;
    let host = host();
    let component = load(&host, component_with(module, lines, ""));
    assert!(component.info().has_start);
    let factory = host.factory(&component, Limits::default()).unwrap();
    assert!(!factory.creates_inline(), "start is the guest's code");
    let mut actor = factory.create().unwrap();
    actor.start(b"Q").unwrap();
    assert_eq!(turn(&mut actor, b"x"), b"Q");
    actor.stop();
    let mut other = factory.create().unwrap();
    let error = other.start(b"").unwrap_err();
    assert_eq!(error.crash.message, "no thanks");
    assert_eq!(error.crash.tag.as_str(), "start-failed");
}

#[test]
fn info_says_what_a_component_is() {
    let host = host();
    let wasm = ops();
    let length = wasm.len() as u64;
    let component = load(&host, wasm.clone());
    let info = component.info();
    assert_eq!(info.exports, ["handle"]);
    assert!(info.imports.is_empty());
    assert_eq!((info.bytes, info.memory_initial, info.memory_maximum), (length, 65_536, Some(65_536)));
    assert_eq!(info.hash.len(), 64);
    assert!(!info.from_cache && !info.has_start);
    assert!(std::sync::Arc::ptr_eq(&component, &load(&host, wasm)), "the same bytes are loaded once");
    assert_eq!(host.stats().components, 1);
}
