//! WASI with nothing granted: clocks, random numbers, captured standard error, exit, bounded waits.
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
use std::time::{Duration, Instant};

use common::{crash, factory, factory_with, host, turn};
use troupe_actor::interrupt::{self, TurnSlot};
use troupe_actor::reason::ReasonTag;
use troupe_host::Limits;

const ECHO: u8 = 0;
const NOW: u8 = 1;
const RANDOM: u8 = 2;
const COMPLAIN: u8 = 3;
const EXIT_OK: u8 = 4;
const EXIT_ERR: u8 = 5;
const WAIT_LONG: u8 = 6;
const WAIT_SHORT: u8 = 7;

/// A guest of the imports above, chosen by the first byte of its turn.
const GUEST: &str = r#"(component
        (import "wasi:io/poll@0.2.0" (instance $poll
            (export "pollable" (type $p (sub resource)))
            (export "[method]pollable.block" (func (param "self" (borrow $p))))))
        (alias export $poll "pollable" (type $pollable))
        (import "wasi:io/error@0.2.0" (instance $ioerr (export "error" (type (sub resource)))))
        (alias export $ioerr "error" (type $error))
        (import "wasi:io/streams@0.2.0" (instance $streams
            (export "output-stream" (type $out (sub resource)))
            (alias outer 1 $error (type $e))
            (type $serr' (variant (case "last-operation-failed" (own $e)) (case "closed")))
            (export "stream-error" (type $serr (eq $serr')))
            (export "[method]output-stream.blocking-write-and-flush"
                (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $serr)))))))
        (alias export $streams "output-stream" (type $output))
        (import "wasi:cli/stderr@0.2.0" (instance $stderr
            (alias outer 1 $output (type $o))
            (export "get-stderr" (func (result (own $o))))))
        (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
        (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $p))
            (export "now" (func (result u64)))
            (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
        (core module $memory (memory (export "memory") 1 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $mem (instantiate $memory))
        (core func $now (canon lower (func $clock "now")))
        (core func $subscribe (canon lower (func $clock "subscribe-duration")))
        (core func $block (canon lower (func $poll "[method]pollable.block")))
        (core func $drop (canon resource.drop $pollable))
        (core func $rand (canon lower (func $random "get-random-u64")))
        (core func $quit (canon lower (func $exit "exit")))
        (core func $err (canon lower (func $stderr "get-stderr")))
        (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
            (memory $mem "memory")))
        (core module $main
            (import "m" "memory" (memory 1 1))
            (import "h" "now" (func $now (result i64)))
            (import "h" "subscribe" (func $subscribe (param i64) (result i32)))
            (import "h" "block" (func $block (param i32)))
            (import "h" "drop" (func $drop (param i32)))
            (import "h" "random" (func $random (result i64)))
            (import "h" "exit" (func $exit (param i32)))
            (import "h" "stderr" (func $stderr (result i32)))
            (import "h" "write" (func $write (param i32 i32 i32 i32)))
            (func $out (param i32 i32) (result i32)
                (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
            (func $wait (param $time i64) (local $p i32)
                (local.set $p (call $subscribe (local.get $time)))
                (call $block (local.get $p))
                (call $drop (local.get $p)))
            (func (export "handle") (param $ptr i32) (param $len i32) (result i32) (local $op i32)
                (local.set $op (i32.load8_u (local.get $ptr)))
                (if (i32.eq (local.get $op) (i32.const 1)) (then
                    (i64.store (i32.const 32) (call $now)) (return (call $out (i32.const 32) (i32.const 8)))))
                (if (i32.eq (local.get $op) (i32.const 2)) (then
                    (i64.store (i32.const 32) (call $random)) (return (call $out (i32.const 32) (i32.const 8)))))
                (if (i32.eq (local.get $op) (i32.const 3)) (then
                    (call $write (call $stderr) (i32.add (local.get $ptr) (i32.const 1))
                        (i32.sub (local.get $len) (i32.const 1)) (i32.const 64))
                    unreachable))
                (if (i32.eq (local.get $op) (i32.const 4)) (then (call $exit (i32.const 0))))
                (if (i32.eq (local.get $op) (i32.const 5)) (then (call $exit (i32.const 1))))
                (if (i32.eq (local.get $op) (i32.const 6)) (then (call $wait (i64.const 3600000000000))))
                (if (i32.eq (local.get $op) (i32.const 7)) (then (call $wait (i64.const 20000000))))
                (call $out (local.get $ptr) (local.get $len))))
        (core instance $host
            (export "now" (func $now)) (export "subscribe" (func $subscribe)) (export "block" (func $block))
            (export "drop" (func $drop)) (export "random" (func $rand)) (export "exit" (func $quit))
            (export "stderr" (func $err)) (export "write" (func $write)))
        (core instance $i (instantiate $main (with "m" (instance $mem)) (with "h" (instance $host))))
        (func (export "handle") (param "turn" (list u8)) (result (list u8))
            (canon lift (core func $i "handle") (memory $mem "memory") (realloc (func $mem "realloc")))))"#;

fn guest() -> Vec<u8> {
    wat::parse_str(GUEST).unwrap()
}

#[test]
fn clocks_run_and_random_numbers_differ() {
    let host = host();
    let factory = factory(&host, guest());
    assert!(!factory.creates_inline());
    let mut first = factory.create().unwrap();
    let mut second = factory.create().unwrap();
    assert_eq!(turn(&mut first, &[ECHO, 1]), [ECHO, 1]);
    let now = |actor: &mut _| u64::from_le_bytes(turn(actor, &[NOW]).try_into().unwrap());
    let before = now(&mut first);
    std::thread::sleep(Duration::from_millis(2));
    assert!(now(&mut first) >= before + 1_000_000);
    let mut drawn: Vec<_> = (0..4).map(|_| turn(&mut first, &[RANDOM])).collect();
    drawn.extend((0..4).map(|_| turn(&mut second, &[RANDOM])));
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 8);
}

#[test]
fn the_end_of_standard_error_is_kept() {
    let host = host();
    let factory = factory(&host, guest());
    let mut said = vec![COMPLAIN];
    said.extend_from_slice(b"out of cheese");
    let seen = crash(&factory, &said);
    assert_eq!((seen.tag, seen.stderr.as_str()), (ReasonTag::Trap, "out of cheese"));
    // More than is kept: 3,000 bytes, written by a guest that can hold no more in one turn than that.
    let mut long = vec![COMPLAIN];
    long.extend((0..4000).map(|at| b'a' + (at % 26) as u8));
    assert_eq!(crash(&factory, &long).stderr.len(), 4000);
}

#[test]
fn exit_ends_the_actor_in_order_or_not() {
    let host = host();
    let factory = factory(&host, guest());
    assert_eq!(crash(&factory, &[EXIT_OK]).tag, ReasonTag::Normal);
    let seen = crash(&factory, &[EXIT_ERR]);
    assert_eq!(seen.tag, ReasonTag::Exit);
    assert!(seen.message.contains("status 1"), "{}", seen.message);
}

#[test]
fn a_guest_may_wait_a_little() {
    let host = host();
    let mut actor = factory(&host, guest()).create().unwrap();
    let began = Instant::now();
    turn(&mut actor, &[WAIT_SHORT]);
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert!(!actor.runs_inline(), "what can wait never runs on a thread that must not be held up");
}

#[test]
fn a_guest_that_waits_too_long_is_ended() {
    let host = host();
    let limits = Limits { handler_time: Some(Duration::from_millis(30)), ..Limits::default() };
    let began = Instant::now();
    let seen = crash(&factory_with(&host, guest(), limits), &[WAIT_LONG]);
    assert_eq!(seen.tag, ReasonTag::Deadline);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_waiting_guest_can_be_killed() {
    let host = host();
    let limits = Limits { handler_time: None, ..Limits::default() };
    let factory = factory_with(&host, guest(), limits);
    let slot = Arc::new(TurnSlot::default());
    let theirs = Arc::clone(&slot);
    let thread = std::thread::spawn(move || {
        interrupt::install(&theirs);
        theirs.begin(3);
        crash(&factory, &[WAIT_LONG]).tag
    });
    std::thread::sleep(Duration::from_millis(20));
    slot.kill(3);
    assert_eq!(thread.join().unwrap(), ReasonTag::Killed);
}
