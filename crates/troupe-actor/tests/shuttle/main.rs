//! Races of asks under a model checker: the kernel's locks, atomics and thread wake-ups are shuttle's
//! (`src/sync.rs`), and each test runs under thousands of schedules, chosen at random or by priorities with few
//! changes.
//!
//! Explored: every order in which threads take a shard's lock, push to its inbox, ring and go to sleep, with turns
//! that run between two holds of the lock. Each ask settles exactly once, nothing is left in a table, the books
//! balance, no mailbox holds more than its bound, and nobody sleeps while there is work: threads that all sleep fail
//! the test.
//!
//! Not explored: weak memory orders (every atomic is sequentially consistent here), the lock-free table of names, spare
//! threads and the ticker, which live by real time, and what is beyond the number of schedules.
#![cfg(troupe_shuttle)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "the behaviors are those of all suites")]

#[path = "../common/behaviors.rs"]
mod behaviors;
mod stage;

use std::sync::Arc;

use shuttle::thread;
use troupe_actor::ask::AskError;
use troupe_actor::frame::kind;
use troupe_actor::spec::Overflow;

use behaviors::{Actor, each, spawn_spec};
use stage::{Heard, Stage, explore};

/// Answers each ask with its payload; `keep` is left open.
fn echo() -> Actor {
    Actor::new(|| {
        each(|frame, out| {
            if frame.kind == kind::ASK && frame.payload != b"keep" {
                out.reply(frame.corr, frame.payload);
            }
            Ok(())
        })
    })
}

const TIMED_OUT: Heard = Heard::Failed(AskError::Timeout as u32);
const ABORTED: Heard = Heard::Failed(AskError::Aborted as u32);
const STOPPED: Heard = Heard::Failed(AskError::Stopped as u32);

#[test]
fn an_ask_its_reply_its_timeout_its_abort_and_a_kill_settle_it_once() {
    explore(20_000, || {
        let stage = Stage::new(1);
        let actor = stage.spawn(spawn_spec(echo()));
        let workers = stage.work();
        let (first, second) = (stage.slot(), stage.slot());
        let asker = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                stage.ask(actor, first, "x", 5);
                stage.ask(actor, second, "keep", 5);
                stage.abort(actor, first);
            })
        };
        let time = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || stage.advance(6))
        };
        let killer = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                stage.system.kill(actor);
            })
        };
        for other in [asker, time, killer] {
            other.join().unwrap();
        }
        stage.end(workers);
        let all = [Heard::Value(b"x".to_vec()), TIMED_OUT, ABORTED, STOPPED];
        stage.heard_one_of(first, &all);
        stage.heard_one_of(second, &[TIMED_OUT, STOPPED]);
    });
}

#[test]
fn a_nested_ask_over_two_shards_settles_with_its_request() {
    explore(10_000, || {
        let stage = Stage::new(2);
        let target = stage.spawn(spawn_spec(echo()));
        let actor = stage.spawn(spawn_spec(Actor::new(move || {
            let mut open = 0;
            each(move |frame, out| {
                match frame.kind {
                    kind::ASK => {
                        open = frame.corr;
                        out.ask(target, 1, 1_000, frame.payload);
                        out.wait_for(&[1]);
                    }
                    kind::REPLY => out.reply(open, frame.payload),
                    kind::ASK_FAILED => out.fail(open, b"failed"),
                    _ => {}
                }
                Ok(())
            })
        })));
        let workers = stage.work();
        let slot = stage.slot();
        stage.ask(actor, slot, "x", 5);
        let time = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || stage.advance(6))
        };
        let killer = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                stage.system.kill(target);
            })
        };
        time.join().unwrap();
        killer.join().unwrap();
        stage.end(workers);
        let failed = Heard::Failed(AskError::HandlerError as u32);
        stage.heard_one_of(slot, &[Heard::Value(b"x".to_vec()), TIMED_OUT, failed]);
    });
}

#[test]
fn a_cycle_over_two_shards_is_refused_whoever_comes_first() {
    explore(8_000, || {
        let stage = Stage::new(2);
        let known = Arc::new(std::sync::Mutex::new(Vec::new()));
        for other in [1usize, 0] {
            let known = Arc::clone(&known);
            let all = Arc::clone(&known);
            let actor = stage.spawn(spawn_spec(Actor::new(move || {
                let known = Arc::clone(&known);
                let mut open = 0;
                each(move |frame, out| {
                    match frame.kind {
                        kind::ASK => {
                            open = frame.corr;
                            out.ask(known.lock().unwrap()[other], 1, 1_000, b"");
                            out.wait_for(&[1]);
                        }
                        _ => out.reply(open, frame.payload.get(..4).unwrap_or_default()),
                    }
                    Ok(())
                })
            })));
            all.lock().unwrap().push(actor);
        }
        let workers = stage.work();
        let slot = stage.slot();
        let first = known.lock().unwrap()[0];
        stage.ask(first, slot, "x", u32::MAX);
        stage.end(workers);
        stage.heard_one_of(
            slot,
            &[Heard::Value(0u32.to_le_bytes().to_vec()), Heard::Value((AskError::Cycle as u32).to_le_bytes().to_vec())],
        );
    });
}

#[test]
fn of_racing_senders_never_one_more_gets_in_than_there_is_room() {
    explore(8_000, || {
        let stage = Stage::new(1);
        let mut spec = spawn_spec(Actor::new(|| each(|_, _| Ok(()))));
        (spec.mailbox.max_messages, spec.mailbox.overflow) = (2, Overflow::Reject);
        let actor = stage.spawn(spec);
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let stage = Arc::clone(&stage);
                thread::spawn(move || {
                    for _ in 0..2 {
                        let slot = stage.slot();
                        stage.send(actor, slot);
                        assert!(stage.system.status(actor).unwrap().queued <= 2);
                    }
                })
            })
            .collect();
        let workers = stage.work();
        for sender in senders {
            sender.join().unwrap();
        }
        stage.end(workers);
        let counters = stage.system.status(actor).unwrap().counters;
        assert_eq!(counters.offered(), 6);
        assert!(counters.handled >= 2);
    });
}
