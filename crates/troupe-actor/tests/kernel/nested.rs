//! Asks that are made on behalf of a request: its deadline (`ASK-1`), and the chain of those that wait
//! for it (`REE-2`, `REE-3`).

use std::sync::{Arc, Mutex};

use troupe_actor::ask::AskError;
use troupe_actor::chain::MAX_CHAIN;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::SpawnArgs;

use crate::common::{Actor, InlineMode, Log, Settled, World, each, external, puppet, spawn_spec};

/// The addresses that actors of a test know each other by, filled once all of them are there.
type Directory = Arc<Mutex<Vec<Address>>>;

/// How a forwarder names the request it works for.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// It does not: the wait says it.
    Nothing,
    /// It says which, and waits.
    Request,
    /// It says which, and does not wait.
    RequestWithoutWait,
    /// It says that there is none, and waits.
    Nobody,
}

/// Passes an ask `n n n …` on to the actor with the first number and answers with what that says;
/// an ask without numbers is answered `end`, `keep` is left open. A failure is passed back.
fn forwarder(log: &Log, all: &Directory, names: Names, timeout_ms: u32) -> Actor {
    let (log, all) = (log.clone(), Arc::clone(all));
    Actor::new(move || {
        let (log, all) = (log.clone(), Arc::clone(&all));
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut last = 0;
        Box::new(move |turn, out| {
            for (at, frame) in turn.frames.iter().enumerate() {
                let text = String::from_utf8_lossy(frame.payload).into_owned();
                match frame.kind {
                    kind::ASK | kind::MESSAGE => {
                        log.add(&text);
                        let (first, rest) = text.split_once(' ').unwrap_or((&text, ""));
                        let Ok(target) = first.parse::<usize>() else {
                            if frame.kind == kind::ASK && text != "keep" {
                                out.reply(frame.corr, b"end");
                            }
                            continue;
                        };
                        last += 1;
                        open.push((last, frame.corr));
                        let target = all.lock().unwrap()[target];
                        match names {
                            Names::Nothing => out.ask(target, last, timeout_ms, rest.as_bytes()),
                            Names::Nobody => out.ask_for(target, last, (timeout_ms, 0), rest.as_bytes()),
                            _ => out.ask_for(target, last, (timeout_ms, frame.corr), rest.as_bytes()),
                        }
                        if names != Names::RequestWithoutWait {
                            out.wait_for(&[last]);
                            out.consume(at as u32 + 1);
                            return Ok(());
                        }
                    }
                    kind::REPLY => {
                        let at = open.iter().position(|(tag, _)| *tag == frame.corr).unwrap();
                        out.reply(open.remove(at).1, frame.payload);
                    }
                    kind::ASK_FAILED => {
                        let at = open.iter().position(|(tag, _)| *tag == frame.corr).unwrap();
                        let code = frame::word(frame.payload, 0).unwrap();
                        let text = format!("#{code} {}", String::from_utf8_lossy(&frame.payload[4..]));
                        log.add(&text);
                        out.fail(open.remove(at).1, text.as_bytes());
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    })
}

/// Forwarders named `a`, `b`, …; on one shard, or each on another one.
fn company(world: &World, names: &[Names], timeout_ms: u32) -> (Vec<Address>, Log) {
    let (all, log) = (Directory::default(), Log::default());
    for (at, names) in names.iter().enumerate() {
        let name = ((b'a' + at as u8) as char).to_string();
        let actor = world.spawn_named(&name, spawn_spec(forwarder(&log, &all, *names, timeout_ms)));
        all.lock().unwrap().push(actor);
    }
    let actors = all.lock().unwrap().clone();
    (actors, log)
}

fn worlds() -> [World; 2] {
    [World::new(), World::sharded(3)]
}

fn failed(text: &str) -> Settled {
    Settled::Error(AskError::HandlerError as u32, text.as_bytes().to_vec())
}

#[test]
fn a_nested_ask_has_what_is_left_of_the_requests_deadline() {
    // ASK-1, over three actors: the last one never answers.
    for world in worlds() {
        let (actors, log) = company(&world, &[Names::Nothing; 3], 5_000);
        let slot = world.ask(actors[0], "1 2 keep", 300);
        world.advance(300);
        assert_eq!(world.settled(slot), None);
        world.advance(1);
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
        let inherited = "#1 the deadline of the request on whose behalf it was made has passed";
        assert_eq!(log.take(), ["1 2 keep", "2 keep", "keep", inherited, inherited]);
        // Nobody waits any more: all of them take the next request at once.
        assert_eq!(world.wait(world.ask(actors[0], "1 2", 300)), Settled::value("end"));
    }
}

#[test]
fn a_nested_ask_may_end_before_its_request() {
    for world in worlds() {
        let (actors, _) = company(&world, &[Names::Nothing; 2], 100);
        let slot = world.ask(actors[0], "1 keep", 300);
        world.advance(101);
        assert_eq!(world.settled(slot), Some(failed("#1 no reply in time")));
    }
}

#[test]
fn the_deadline_shrinks_while_an_actor_waits() {
    // One that asks twice, one after the other: the second ask has what the first one left.
    for world in worlds() {
        let log = Log::default();
        let keeper = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
        let notes = log.clone();
        let actor = world.spawn(spawn_spec(Actor::new(move || {
            let notes = notes.clone();
            each(move |frame, out| {
                if frame.kind == kind::ASK_FAILED {
                    notes.add(format!("{} failed", frame.corr));
                }
                if frame.kind == kind::ASK || frame.corr == 1 {
                    let tag = if frame.kind == kind::ASK { 1 } else { 2 };
                    out.ask(keeper, tag, 200, b"keep");
                    out.wait_for(&[tag]);
                }
                Ok(())
            })
        })));
        world.ask(actor, "x", 300);
        world.advance(201);
        assert_eq!(log.take(), ["1 failed"]);
        world.advance(99);
        assert_eq!(log.len(), 0);
        world.advance(1);
        assert_eq!(log.take(), ["2 failed"]);
    }
}

#[test]
fn an_ask_for_a_request_that_has_expired_is_never_executed() {
    // ASK-3: the request expires while its handler is at work.
    for world in worlds() {
        let log = Log::default();
        let target = {
            let log = log.clone();
            world.spawn(spawn_spec(Actor::new(move || puppet(&log))))
        };
        let now = Arc::clone(&world.now);
        let notes = log.clone();
        let actor = world.spawn(spawn_spec(Actor::new(move || {
            let (now, notes) = (Arc::clone(&now), notes.clone());
            each(move |frame, out| {
                match frame.kind {
                    kind::ASK => {
                        now.fetch_add(500, std::sync::atomic::Ordering::SeqCst);
                        out.ask(target, 1, 5_000, b"too late");
                        out.wait_for(&[1]);
                    }
                    kind::ASK_FAILED => notes.add(format!("#{}", frame::word(frame.payload, 0).unwrap())),
                    _ => {}
                }
                Ok(())
            })
        })));
        let slot = world.ask(actor, "x", 300);
        assert_eq!(world.wait(slot), Settled::error(AskError::Timeout));
        assert_eq!(log.take(), ["#1"]);
        let refused = world.system.audit().counters.refused;
        let expired = world.system.audit().counters.expired;
        assert_eq!(refused[LossReason::Expired as usize] + expired, 1);
    }
}

#[test]
fn a_request_without_an_end_leaves_its_asks_their_own() {
    for world in worlds() {
        let (actors, _) = company(&world, &[Names::Nothing; 2], 100);
        let slot = world.ask(actors[0], "1 keep", FOREVER);
        world.advance(101);
        assert_eq!(world.settled(slot), Some(failed("#1 no reply in time")));
    }
}

#[test]
fn the_ask_of_an_inline_turn_has_a_deadline_to_inherit() {
    for names in [Names::Nothing, Names::Request, Names::RequestWithoutWait] {
        let world = World::new();
        let (all, log) = (Directory::default(), Log::default());
        let first = world.spawn(spawn_spec(forwarder(&log, &all, names, 5_000).inline(InlineMode::Done)));
        let second = world.spawn(spawn_spec(forwarder(&log, &all, Names::Nothing, 5_000)));
        all.lock().unwrap().extend([first, second]);
        let (_, slot) = world.ask_inline(first, "1 keep", 300);
        world.advance(301);
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
        assert_eq!(log.take().len(), 3);
    }
}

#[test]
fn a_guest_may_name_the_request_it_asks_for() {
    for names in [Names::Request, Names::RequestWithoutWait] {
        for world in worlds() {
            let (actors, log) = company(&world, &[names; 2], 5_000);
            let slot = world.ask(actors[0], "1 keep", 300);
            world.advance(301);
            assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
            assert!(log.take().last().unwrap().starts_with("#1 the deadline of the request"));
        }
    }
}

#[test]
fn an_ask_for_no_request_has_its_own_deadline() {
    for world in worlds() {
        let (actors, log) = company(&world, &[Names::Nobody; 2], 400);
        world.ask(actors[0], "1 keep", 300);
        world.advance(301);
        assert_eq!(log.take(), ["1 keep", "keep"]);
        world.advance(100);
        assert_eq!(log.take(), ["#1 no reply in time"]);
    }
}

#[test]
fn a_cycle_of_two_and_of_three_is_refused_at_once_with_its_path() {
    // REE-2
    for world in worlds() {
        let (actors, _) = company(&world, &[Names::Nothing; 4], 5_000);
        for (request, path) in [
            ("1 0", "/user/a → /user/b → /user/a"),
            ("1 2 0", "/user/a → /user/b → /user/c → /user/a"),
            // Those in front of the cycle are not in it.
            ("1 2 3 2", "/user/c → /user/d → /user/c"),
        ] {
            let expected = format!("the request would wait for itself: {path}");
            let settled = world.wait(world.ask(actors[0], request, 1_000));
            let Settled::Error(_, text) = settled else { panic!("{settled:?}") };
            let text = String::from_utf8(text).unwrap();
            assert!(text.ends_with(&format!("#19 {expected}")), "{text}");
        }
        let audit = world.system.audit();
        assert_eq!(audit.counters.refused[LossReason::Cycle as usize], 3);
        // They are all free again.
        assert_eq!(world.wait(world.ask(actors[0], "1 2 3", 1_000)), Settled::value("end"));
    }
}

#[test]
fn an_ask_of_oneself_is_refused_even_without_a_wait() {
    // REE-3
    for names in [Names::Nothing, Names::RequestWithoutWait, Names::Nobody] {
        for world in worlds() {
            let (actors, _) = company(&world, &[names], 5_000);
            let path = "#19 the request would wait for itself: /user/a → /user/a";
            assert_eq!(world.wait(world.ask(actors[0], "0", 1_000)), failed(path));
            world.tell(actors[0], "0");
            world.run();
            assert_eq!(world.status(actors[0]).counters.offered(), 4);
        }
    }
}

#[test]
fn an_actor_that_does_not_wait_may_be_asked_back() {
    // It is not blocked, so this is no cycle; but whoever waits for it is.
    for world in worlds() {
        let (actors, _) = company(&world, &[Names::RequestWithoutWait, Names::Nothing, Names::Nothing], 5_000);
        assert_eq!(world.wait(world.ask(actors[0], "1 0", 1_000)), Settled::value("end"));
        let path = "#19 the request would wait for itself: /user/c → /user/b → /user/c";
        let settled = world.wait(world.ask(actors[2], "0 1 2", 1_000));
        assert_eq!(settled, failed(&format!("#11 #11 {path}")));
    }
}

#[test]
fn a_chain_of_thirty_two_is_taken_and_one_more_is_refused() {
    for world in worlds() {
        let (all, log) = (Directory::default(), Log::default());
        for at in 0..MAX_CHAIN + 2 {
            let name = format!("n{at}");
            let actor = world.spawn_named(&name, spawn_spec(forwarder(&log, &all, Names::Nothing, 5_000)));
            all.lock().unwrap().push(actor);
        }
        let first = all.lock().unwrap()[0];
        let path = |last: usize| (1..=last).map(|at| format!("{at} ")).collect::<String>() + "x";
        assert_eq!(world.wait(world.ask(first, path(MAX_CHAIN), 1_000)), Settled::value("end"));
        let settled = world.wait(world.ask(first, path(MAX_CHAIN + 1), 1_000));
        let Settled::Error(_, text) = settled else { panic!("{settled:?}") };
        let text = String::from_utf8(text).unwrap();
        let expected = "more than 32 actors would wait for each other: /user/n0 → /user/n1 → /user/n2 → /user/n3 → … → \
                        /user/n30 → /user/n31 → /user/n32 → /user/n33";
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn what_is_asked_after_the_answer_is_not_for_the_request() {
    // The actor answers first and then asks whoever asked it, which is free by then.
    for world in worlds() {
        let (all, log) = (Directory::default(), Log::default());
        let a = world.spawn(spawn_spec(forwarder(&log, &all, Names::Nothing, 5_000)));
        let asked = Arc::clone(&all);
        let b = world.spawn(spawn_spec(Actor::new(move || {
            let asked = Arc::clone(&asked);
            each(move |frame, out| {
                if frame.kind == kind::ASK {
                    out.reply(frame.corr, b"first");
                    out.ask(asked.lock().unwrap()[0], 1, 5_000, b"x");
                    out.wait_for(&[1]);
                }
                Ok(())
            })
        })));
        all.lock().unwrap().extend([a, b]);
        assert_eq!(world.wait(world.ask(a, "1 x", 300)), Settled::value("first"));
        assert_eq!(log.take(), ["1 x", "x"]);
    }
}

#[test]
fn an_environment_is_told_what_its_asks_bring_along() {
    let world = World::sharded(2);
    let script = world.spawn_external(external(&world));
    world.ask(script, "from outside", 300);
    let turn = world.only_work(work::TURN);
    let now = world.now.load(std::sync::atomic::Ordering::SeqCst);
    let [context] = &turn.contexts()[..] else { panic!("{turn:?}") };
    assert_eq!((context.deadline, &context.chain[..]), (now + 301, &[script][..]));
    world.done(&turn, |out| out.reply(turn.asks()[0], b""));
    // Of an actor that waits, with its own.
    let (all, log) = (Directory::default(), Log::default());
    let guest = world.spawn(spawn_spec(forwarder(&log, &all, Names::Nothing, 100)));
    all.lock().unwrap().push(script);
    world.ask(guest, "0 x", 300);
    let turn = world.only_work(work::TURN);
    let [context] = &turn.contexts()[..] else { panic!("{turn:?}") };
    assert_eq!((context.deadline, &context.chain[..]), (now + 101, &[guest, script][..]));
    // Which comes back with what the environment asks on the actor's behalf.
    let (slot, record) = world.ask_within(guest, "x", 5_000, context);
    world.system.inject(&record);
    let expected = format!(
        "the request would wait for itself: {} → {} → {}",
        world.status(guest).path,
        world.status(script).path,
        world.status(guest).path
    );
    assert_eq!(world.wait(slot), Settled::Error(AskError::Cycle as u32, expected.into_bytes()));
    let third = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let (slot, record) = world.ask_within(third, "keep", 5_000, context);
    world.system.inject(&record);
    world.advance(101);
    let text = b"the deadline of the request on whose behalf it was made has passed".to_vec();
    assert_eq!(world.settled(slot), Some(Settled::Error(AskError::Timeout as u32, text)));
    world.done(&turn, |_| {});
    assert_eq!(log.take().len(), 2);
}

#[test]
fn an_inline_ask_of_an_environment_brings_its_context_along() {
    let world = World::new();
    let target = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default())).inline(InlineMode::Done)));
    let now = world.now.load(std::sync::atomic::Ordering::SeqCst);
    let context = troupe_actor::chain::Context { deadline: now + 50, chain: vec![target] };
    let (slot, record) = world.ask_within(target, "x", 5_000, &context);
    let mut answer = Vec::new();
    world.system.ask_inline(&record, &mut answer);
    let Some(Settled::Error(code, _)) = world.settled(slot) else { panic!() };
    assert_eq!(code, AskError::Cycle as u32);
    let context = troupe_actor::chain::Context { chain: vec![world.me], ..context };
    let (slot, record) = world.ask_within(target, "keep", 5_000, &context);
    world.system.ask_inline(&record, &mut answer);
    world.advance(49);
    assert_eq!(world.settled(slot), None);
    world.advance(1);
    assert!(matches!(world.settled(slot), Some(Settled::Error(1, _))));
}

#[test]
fn an_actor_that_ended_meanwhile_still_has_its_path_in_a_cycle() {
    // The asked actor names those that wait; one of them is killed while its request is on its way.
    let world = World::sharded(2);
    let args = |name: &str| SpawnArgs { name: Some(Arc::from(name)), ..SpawnArgs::default() };
    let spec = Arc::new(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let (gone, target) = (world.spawn_args(&spec, args("gone")), world.spawn_args(&spec, args("target")));
    world.system.kill(gone);
    world.run();
    let context = troupe_actor::chain::Context { deadline: u64::MAX, chain: vec![target, gone] };
    let (slot, record) = world.ask_within(target, "x", 5_000, &context);
    world.system.inject(&record);
    let text = "the request would wait for itself: /user/target → /user/gone → /user/target";
    assert_eq!(world.wait(slot), Settled::Error(AskError::Cycle as u32, text.as_bytes().to_vec()));
}
