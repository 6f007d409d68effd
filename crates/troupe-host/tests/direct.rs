//! A component that is one core module is called without the component around it. Nobody may notice: each
//! guest runs here in both ways, and does the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::sync::Arc;

use common::{cached, component_with, factory, host, op, ops_module, work};
use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn};
use troupe_host::Host;

/// A component inside the component: not one module and nothing else, so the engine calls it.
const MORE: &str = "(component)";

/// The same guest, called directly and by the engine.
fn both(host: &Host, module: &str, lines: &str, options: &str) -> [Arc<dyn BehaviorFactory>; 2] {
    [lines.to_owned(), format!("{lines} {MORE}")].map(|lines| factory(host, component_with(module, &lines, options)))
}

/// What a turn came to: its output, or how it crashed.
fn outcome(actor: &mut Box<dyn Behavior>, turn: &[u8]) -> Result<Vec<u8>, (String, String)> {
    match actor.handle(turn) {
        Ok(()) => Ok(actor.output().to_vec()),
        Err(crash) => Err((crash.tag.as_str().to_owned(), crash.trap)),
    }
}

/// The same on a fiber.
fn outcome_inline(actor: Box<dyn Behavior>, turn: &[u8]) -> Result<Vec<u8>, (String, String)> {
    match actor.handle_inline(turn) {
        InlineTurn::Done(actor, Ok(())) => Ok(actor.output().to_vec()),
        InlineTurn::Done(_, Err(crash)) => Err((crash.tag.as_str().to_owned(), crash.trap)),
        InlineTurn::Suspended(suspended) => match suspended.finish() {
            (Some(actor), Ok(())) => Ok(actor.output().to_vec()),
            (_, Err(crash)) => Err((crash.tag.as_str().to_owned(), crash.trap)),
            (None, Ok(())) => panic!("no behavior"),
        },
        InlineTurn::Declined(_) => panic!("declined"),
    }
}

fn assert_same(host: &Host, module: &str, options: &str, turn: &[u8]) {
    let [direct, lifted] = both(host, module, "", options).map(|factory| {
        let mut actor = factory.create().unwrap();
        (outcome(&mut actor, turn), outcome_inline(factory.create().unwrap(), turn))
    });
    assert_eq!(direct, lifted, "turn {:?} of {module}", turn.first());
    assert_eq!(direct.0, direct.1, "turn {:?} of {module} on a fiber", turn.first());
}

#[test]
fn turns_crashes_and_limits_are_the_same() {
    let host = host();
    let module = ops_module("1 8");
    for operation in 0..=op::OVERFLOW {
        if operation != op::SPIN && operation != op::WORK {
            assert_same(&host, &module, "", &[operation, 0, 0, 0, 9, 9, 9]);
        }
    }
    assert_same(&host, &module, "", &[]);
    assert_same(&host, &module, "", &work(10));
}

#[test]
fn a_long_turn_leaves_its_thread_and_comes_back() {
    let host = host();
    // Some hundred milliseconds of work.
    assert_same(&host, &ops_module("1 1"), "", &work(2_000));
}

/// A guest whose `realloc` returns `realloc`, and whose `handle` says that its result lies at `result`, where
/// `at` and `len` are.
fn liar(realloc: &str, result: i32, at: i32, len: i32) -> String {
    format!(
        r#"(memory (export "memory") 1 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
        (func (export "post") (param i32) (memory.fill (i32.const 1024) (i32.const 0xee) (i32.const 100)))
        (func (export "handle") (param i32 i32) (result i32)
            (if (i32.lt_u (i32.const {result}) (i32.const 65528)) (then
                (i32.store (i32.const {result}) (i32.const {at}))
                (i32.store (i32.const {result}) offset=4 (i32.const {len}))))
            (i32.const {result}))"#
    )
    .replace(&format!("(i32.store (i32.const {result}) offset=4"), &format!("(i32.store offset=4 (i32.const {result})"))
}

#[test]
fn a_guest_that_lies_about_addresses_is_caught() {
    let host = host();
    let honest = "(i32.const 1024)";
    for (realloc, result, at, len) in [
        (honest, 16, 1024, 4),
        ("(i32.const 65535)", 16, 1024, 4),
        ("(i32.const -1)", 16, 1024, 4),
        ("unreachable", 16, 1024, 4),
        (honest, 17, 1024, 4),
        (honest, 65532, 0, 0),
        (honest, -4, 0, 0),
        (honest, 16, 65_530, 7),
        (honest, 16, -1, -1),
        (honest, 16, -1, 0),
        (honest, 16, 65_536, 0),
        (honest, 16, 0, 65_536),
    ] {
        for options in ["", r#"(post-return (func $i "post"))"#] {
            assert_same(&host, &liar(realloc, result, at, len), options, b"turn");
        }
    }
}

#[test]
fn a_result_beyond_the_limit_is_refused() {
    let host = host();
    let limits = troupe_host::Limits { hostcall_bytes: 30_000, ..Default::default() };
    let crashes = ["", MORE].map(|lines| {
        let component = common::load(&host, component_with(&ops_module("1 1"), lines, ""));
        let factory = host.factory(&component, limits.clone()).unwrap();
        common::crash(&factory, &[op::LONG]).tag
    });
    assert_eq!(crashes[0], crashes[1]);
}

const LIFE: &str = r#"
    (memory (export "memory") 1 1)
    (data (i32.const 100) "no thanks\ff")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "freed") (param i32) (memory.fill (i32.const 100) (i32.const 0x2e) (i32.const 9)))
    (func (export "start") (param $ptr i32) (param $len i32) (result i32)
        (i32.store (i32.const 16) (i32.load8_u (local.get $ptr)))
        (i32.store (i32.const 20) (i32.const 100))
        (i32.store (i32.const 24) (i32.add (i32.const 9) (i32.load8_u offset=1 (local.get $ptr))))
        (i32.const 16))
    (func (export "stop") unreachable)
    (func (export "health") (result i32)
        (i32.store (i32.const 40) (i32.const 0)) (i32.store (i32.const 44) (i32.const 0)) (i32.const 40))
    (func (export "handle") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (i32.const 100)) (i32.store (i32.const 20) (i32.const 9)) (i32.const 16))"#;

#[test]
fn starts_stops_and_health_are_the_same() {
    let host = host();
    let start = |options: &str| {
        format!(
            r#"(func (export "start") (param "config" (list u8)) (result (result (error string)))
                (canon lift (core func $i "start") (memory $i "memory") (realloc (func $i "realloc")) {options}))
            (func (export "stop") (canon lift (core func $i "stop")))
            (func (export "health") (result (list u8)) (canon lift (core func $i "health") (memory $i "memory")))"#
        )
    };
    for options in ["", r#"(post-return (func $i "freed"))"#] {
        // Well; refused; refused with text that is none; a result that is neither.
        for config in [[0, 0], [1, 0], [1, 1], [2, 0]] {
            let seen = both(&host, LIFE, &start(options), "").map(|factory| {
                let mut actor = factory.create().unwrap();
                let started = actor.start(&config).map_err(|error| (error.crash.tag, error.deterministic));
                let text = factory.create().unwrap().start(&config).err().map(|error| error.crash.message);
                let health = actor.health().map_err(|crash| crash.tag);
                let output = if started.is_ok() { outcome(&mut actor, b"x") } else { Ok(Vec::new()) };
                actor.stop();
                (started, text.filter(|text| text.starts_with("no")), health.is_ok(), output)
            });
            assert_eq!(seen[0], seen[1], "{config:?} {options}");
        }
    }
}

#[test]
fn code_from_the_cache_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cache");
    for from_cache in [false, true] {
        let (host, _) = cached(&folder);
        for lines in ["", MORE] {
            let component = common::load(&host, component_with(&ops_module("1 1"), lines, ""));
            assert_eq!(component.info().from_cache, from_cache);
            let factory = host.factory(&component, troupe_host::Limits::default()).unwrap();
            assert_eq!(common::turn(&mut factory.create().unwrap(), &[op::COUNT]), 1u32.to_le_bytes());
        }
    }
}

#[test]
fn what_is_around_the_module_is_validated_too() {
    // The lift names a core function of another type than the export says.
    let wasm = component_with(
        r#"(memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
        (func (export "handle") (param i32 i32) (result i32) i32.const 0) (func (export "other") (param i64))"#,
        r#"(func (export "stop") (canon lift (core func $i "other")))"#,
        "",
    );
    let error = host().load_bytes(wasm).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("not a valid component"), "{error}");
}
