//! Turns: batches, atomicity, what was consumed, results that are none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use troupe_actor::frame::{FORMAT_VERSION, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::ActorSpec;

use crate::common::{Actor, Log, Out, Settled, World, each, puppet, spawn_spec, trap};

/// Notes how many frames each turn has.
fn sizes(log: &Log) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, _| {
            log.add(turn.frames.len().to_string());
            Ok(())
        })
    })
}

fn collector(log: &Log) -> Actor {
    let log = log.clone();
    Actor::new(move || puppet(&log))
}

#[test]
fn a_turn_holds_at_most_64_messages() {
    // TURN-5
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(sizes(&log)));
    (0..150).for_each(|_| world.tell(actor, "x"));
    world.run();
    assert_eq!(log.take(), ["64", "64", "22"]);
    assert_eq!(world.status(actor).counters.handled, 150);
}

#[test]
fn a_turn_holds_at_most_30_kib_but_always_one_message() {
    // TURN-5
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(sizes(&log)));
    (0..4).for_each(|_| world.tell(actor, vec![7; 10_000]));
    world.tell(actor, vec![7; 100_000]);
    world.tell(actor, "small");
    world.run();
    assert_eq!(log.take(), ["3", "1", "1", "1"]);
}

#[test]
fn a_behavior_that_touches_the_world_gets_one_message_a_turn() {
    // TURN-4
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(sizes(&log).one_at_a_time()));
    (0..3).for_each(|_| world.tell(actor, "x"));
    world.run();
    assert_eq!(log.take(), ["1", "1", "1"]);
}

#[test]
fn a_turn_that_crashes_has_had_no_effect() {
    // TURN-2
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let target = world.spawn(spawn_spec(collector(&log)));
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        each(move |frame, out| {
            out.tell(target, frame.payload);
            out.log(1, "said");
            if frame.payload == b"bad" { Err(trap("bad")) } else { Ok(()) }
        })
    })));
    world.tell_all(actor, &["a", "bad", "b"]);
    world.run();
    // The replay delivers each of the others once.
    assert_eq!(log.take(), ["a", "b"]);
    let logged = world.events().iter().filter(|event| *event == "log 1 said").count();
    assert_eq!(logged, 2);
}

#[test]
fn a_crash_that_the_guest_reports_is_a_trap_with_its_words() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(Actor::new(|| {
        each(|_, out| {
            out.crash("TypeError\0x is null\0  at handle (a.js:1)\n  at run (a.js:9)\0");
            Ok(())
        })
    })));
    let Settled::Crashed(path, crash) = world.wait(world.ask(actor, "x", 1_000)) else { panic!("no crash") };
    assert!(path.starts_with("/user/$"), "{path}");
    assert_eq!((crash.tag, crash.message.as_str()), (ReasonTag::Trap, "TypeError: x is null"));
    assert_eq!(crash.backtrace, ["at handle (a.js:1)", "at run (a.js:9)"]);
}

#[test]
fn what_a_turn_did_not_consume_stays_in_front() {
    // TURN-6
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            let texts: Vec<_> = turn.frames.iter().map(|frame| String::from_utf8_lossy(frame.payload)).collect();
            notes.add(texts.join(","));
            if turn.frames[0].kind == kind::ASK {
                out.reply(turn.frames[0].corr, b"done");
            }
            out.consume(1);
            Ok(())
        })
    })));
    world.tell_all(actor, &["a", "b"]);
    let slot = world.ask(actor, "c", 1_000);
    world.tell(actor, "d");
    assert_eq!(world.wait(slot), Settled::value("done"));
    assert_eq!(log.take(), ["a,b,c,d", "b,c,d", "c,d", "d"]);
    let status = world.status(actor);
    assert_eq!((status.counters.handled, status.queued, status.in_hand), (4, 0, 0));
}

#[test]
fn what_arrives_during_a_turn_comes_behind_what_it_left() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let me = Arc::new(std::sync::OnceLock::<Address>::new());
    let own = Arc::clone(&me);
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let (notes, own) = (notes.clone(), Arc::clone(&own));
        Box::new(move |turn, out| {
            let text = String::from_utf8_lossy(turn.frames[0].payload).into_owned();
            if text == "a" {
                out.tell(*own.get().unwrap(), b"self");
            }
            notes.add(text);
            out.consume(1);
            Ok(())
        })
    })));
    me.set(actor).unwrap();
    world.tell_all(actor, &["a", "b", "c"]);
    world.run();
    assert_eq!(log.take(), ["a", "b", "c", "self"]);
}

#[test]
fn effects_of_later_versions_are_skipped() {
    let (world, log) = (World::new(), Log::default());
    let target = world.spawn(spawn_spec(collector(&log)));
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        each(move |_, out| {
            out.unknown();
            out.tell(target, b"after");
            Ok(())
        })
    })));
    world.tell(actor, "x");
    world.run();
    assert_eq!(log.take(), ["after"]);
}

fn malformed(result: impl Fn(&mut Out) + Send + Sync + Clone + 'static) -> ActorSpec {
    spawn_spec(Actor::new(move || {
        let result = result.clone();
        Box::new(move |_, out| {
            result(out);
            Ok(())
        })
    }))
}

#[test]
fn a_malformed_result_is_a_crash_without_effects() {
    let (world, log) = (World::new(), Log::default());
    let target = world.spawn(spawn_spec(collector(&log)));
    let version = FORMAT_VERSION.to_le_bytes();
    let one = 1u32.to_le_bytes();
    let header = [version, one].concat();
    // A tell of eight bytes that are not there, behind one that is whole.
    let mut cut = header.clone();
    let whole = troupe_actor::frame::Frame { kind: 3, flags: 0, corr: 0, address: target, payload: b"12345678" };
    whole.write_to(&mut cut);
    let whole_len = cut.len();
    whole.write_to(&mut cut);
    cut.truncate(whole_len + 24 + 3);
    let mut huge = header.clone();
    huge.extend_from_slice(&[0xFF; 24]);
    let mut short_ask = header.clone();
    troupe_actor::frame::Frame { kind: 4, payload: b"abc", ..whole }.write_to(&mut short_ask);
    let cases: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("no consumed", version.to_vec()),
        ("another version", [9u32.to_le_bytes(), one].concat()),
        ("more consumed than given", [version, 2u32.to_le_bytes()].concat()),
        ("nothing consumed", [version, 0u32.to_le_bytes()].concat()),
        ("a frame cut short", cut),
        ("a length of four gigabytes", huge),
    ];
    for (name, bytes) in cases.into_iter().chain([("an ask without a timeout", short_ask)]) {
        let actor = world.spawn(malformed(move |out| out.raw(&bytes)));
        let Settled::Crashed(_, crash) = world.wait(world.ask(actor, "x", 1_000)) else { panic!("{name}") };
        assert_eq!(crash.tag, ReasonTag::HostError, "{name}: {crash}");
        assert_eq!(world.status(actor).incarnation, 2, "{name}");
    }
    assert!(log.take().is_empty());
}

#[test]
fn consuming_nothing_and_waiting_for_no_tag_is_a_crash_and_no_loop() {
    let world = World::new();
    let actor = world.spawn(malformed(|out| {
        out.consume(0);
        out.wait_for(&[]);
    }));
    assert!(matches!(world.wait(world.ask(actor, "x", 1_000)), Settled::Crashed(..)));
}

#[test]
fn a_panic_of_a_behavior_is_a_crash_of_its_actor_alone() {
    // FAIL-2, ENG-7
    let (world, log) = (World::new(), Log::default());
    let other = world.spawn(spawn_spec(collector(&log)));
    let actor = world.spawn(spawn_spec(Actor::new(|| each(|_, _| panic!("oops")))));
    let Settled::Crashed(_, crash) = world.wait(world.ask(actor, "x", 1_000)) else { panic!("no crash") };
    assert_eq!((crash.tag, crash.message.as_str()), (ReasonTag::HostPanic, "the host panicked: oops"));
    assert_eq!(world.wait(world.ask(other, "x", 1_000)), Settled::value("x"));
    assert_eq!(world.wait(world.ask(actor, "x", 1_000)).clone(), Settled::Crashed(crash_path(&world, actor), crash));
}

fn crash_path(world: &World, actor: Address) -> String {
    world.status(actor).path.to_string()
}

#[test]
fn every_life_is_given_back_to_its_factory() {
    let world = World::new();
    let actor = Arc::new(Actor::new(|| puppet(&Log::default())));
    let spec = ActorSpec { factory: Arc::clone(&actor) as _, ..spawn_spec(Actor::new(|| puppet(&Log::default()))) };
    let address = world.spawn(spec);
    world.tell(address, "boom");
    world.run();
    let counts = |actor: &Actor| (actor.made.load(Ordering::SeqCst), actor.retired.load(Ordering::SeqCst));
    assert_eq!(counts(&actor), (2, 1));
    world.wait(world.stop(address));
    assert_eq!(counts(&actor), (2, 2));
}
