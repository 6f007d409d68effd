//! Dead letters and events (`DL-1`, `DL-2`, `FAIL-6`).

use troupe_actor::counters::LossReason;
use troupe_actor::event::Event;
use troupe_actor::frame::{Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::record::{FOREVER, Record};
use troupe_actor::spec::Overflow;

use crate::common::{Actor, Log, World, puppet, spawn_spec};

fn spawn(world: &World, name: &str) -> Address {
    world.spawn_named(name, spawn_spec(Actor::new(|| puppet(&Log::default())).one_at_a_time()))
}

#[test]
fn a_dead_letter_says_who_sent_what_to_whom_and_when() {
    let world = World::new();
    let actor = spawn(&world, "target");
    world.advance(500);
    world.tell(actor, "boom!!");
    world.run();
    let letters = world.system.dead_letters();
    let letter = &letters[0];
    assert_eq!((letter.id, letter.sender, &*letter.target), (1, world.me, "/user/target"));
    assert_eq!((letter.reason.as_str(), letter.bytes, letter.at), ("poison", 6, 1_500));
}

#[test]
fn every_way_to_lose_a_message_has_its_reason() {
    let world = World::new();
    world.tell(Address { index: 9, tag: 9 }, "x");
    let stopped = spawn(&world, "stopped");
    world.wait(world.stop(stopped));
    world.tell(stopped, "x");
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
    spec.restart.max_restarts = 0;
    let failed = world.spawn(spec);
    world.tell(failed, "boom");
    world.run();
    world.tell(failed, "x");
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())).starting());
    spec.mailbox.overflow = Overflow::Reject;
    spec.mailbox.max_messages = 1;
    let (full, _) = world.spawn_waiting(&std::sync::Arc::new(spec), troupe_actor::spec::SpawnArgs::default());
    world.tell_all(full, &["fits", "x"]);
    world.tell(spawn(&world, "large"), vec![0; (1 << 20) + 1]);
    world.run();
    let reasons: Vec<_> = world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["no-such-actor", "stopped", "poison", "gave-up", "mailbox-full", "too-large"]);
    let refused = world.system.audit().counters.refused.iter().sum::<u64>();
    assert_eq!(refused, 5, "poison was accepted");
}

#[test]
fn the_ring_keeps_the_newest_and_numbers_go_on() {
    let world = World::new();
    for _ in 0..250 {
        world.tell(Address { index: 9, tag: 9 }, "x");
    }
    world.run();
    let ids: Vec<u64> = world.system.dead_letters().iter().map(|letter| letter.id).collect();
    assert_eq!(ids, (151..=250).collect::<Vec<_>>());
}

#[test]
fn a_life_is_told_event_by_event_in_order() {
    let world = World::new();
    world.listen();
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
    spec.restart.max_restarts = 2;
    spec.restart.backoff.jitter = 0.0;
    let actor = world.spawn(spec);
    for _ in 0..3 {
        world.tell(actor, "boom");
        world.advance(1_000);
    }
    let expected = [
        "started",
        "crashed trap",
        "dead poison",
        "restarting #1 in 0",
        "restarted @2 after trap",
        "crashed trap",
        "dead poison",
        "restarting #2 in 100",
        "restarted @3 after trap",
        "crashed trap",
        "dead poison",
        "failed trap",
    ];
    assert_eq!(world.events(), expected);
    let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    world.wait(world.stop(other));
    assert_eq!(world.events(), ["started", "stopped normal"]);
    let third = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    assert!(world.system.kill(third));
    assert_eq!(world.events(), ["started", "stopped killed"]);
}

#[test]
fn nobody_hears_events_without_wanting_them() {
    let world = World::new();
    world.wait(world.stop(spawn(&world, "quiet")));
    assert!(world.events().is_empty());
    world.system.shared().listen(true);
    world.system.shared().listen(false);
    spawn(&world, "quiet");
    assert!(world.events().is_empty());
}

#[test]
fn a_request_that_waited_too_long_is_a_dead_letter() {
    let world = World::new();
    let actor = spawn(&world, "slow");
    // The second failure in a row is followed by a wait.
    for _ in 0..2 {
        world.tell(actor, "boom");
        world.run();
    }
    let late = world.ask(actor, "too late", 10);
    world.advance(5_000);
    assert!(world.settled(late).is_some());
    let letters = world.system.dead_letters();
    let found: Vec<_> = letters.iter().map(|letter| (letter.reason.as_str(), letter.bytes)).collect();
    assert_eq!(found, [("poison", 4), ("poison", 4), ("expired", 8)]);
    assert_eq!(world.system.audit().counters.expired, 1);
}

#[test]
fn a_log_has_ten_lines_then_a_summary_a_minute() {
    let world = World::new();
    world.port.keep_events();
    world.listen();
    for _ in 0..25 {
        world.tell(Address { index: 9, tag: 9 }, "x");
    }
    world.run();
    let logged = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::DeadLetter(letter) if letter.logged)).count()
    };
    let events = world.port.kept_events();
    assert_eq!((events.len(), logged(&events)), (25, 10));
    world.advance(59_000);
    assert!(world.port.kept_events().is_empty());
    world.advance(1_002);
    let Some(Event::DeadLettersUnsaid(counts)) = world.port.kept_events().pop() else { panic!("no summary") };
    assert_eq!(counts[LossReason::NoSuchActor as usize], 15);
    world.advance(60_001);
    world.tell(Address { index: 9, tag: 9 }, "x");
    world.run();
    assert_eq!(logged(&world.port.kept_events()), 1, "after a quiet minute it is news again");
    world.events();
}

#[test]
fn what_the_log_had_no_line_for_is_told_at_the_end_at_the_latest() {
    let world = World::new();
    world.listen();
    for _ in 0..12 {
        world.tell(Address { index: 9, tag: 9 }, "x");
    }
    world.run();
    let slot = world.slot();
    world.system.shutdown(0, world.waiter(slot));
    world.run();
    let events = world.events();
    assert!(events.last().is_some_and(|last| last.starts_with("DeadLettersUnsaid")), "{events:?}");
}

#[test]
fn the_first_message_that_an_actor_drops_in_a_minute_has_its_line() {
    let world = World::new();
    for _ in 0..20 {
        world.tell(Address { index: 9, tag: 9 }, "x");
    }
    world.run();
    world.port.keep_events();
    world.listen();
    let lines = |world: &World| {
        let events = world.port.kept_events();
        let logged = events.iter().filter_map(|event| match event {
            Event::DeadLetter(letter) if letter.logged => Some(letter.target.to_string()),
            _ => None,
        });
        logged.collect::<Vec<_>>()
    };
    for _ in 0..20 {
        world.tell(Address { index: 9, tag: 9 }, "x");
    }
    world.run();
    assert_eq!(lines(&world).len(), 10);
    let full = |name: &str| {
        let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())).starting());
        spec.mailbox.overflow = Overflow::Reject;
        spec.mailbox.max_messages = 1;
        let args = troupe_actor::spec::SpawnArgs { name: Some(name.into()), ..Default::default() };
        let (address, _) = world.spawn_waiting(&std::sync::Arc::new(spec), args);
        world.tell_all(address, &["a", "b", "c", "d"]);
        address
    };
    full("one");
    full("two");
    world.run();
    assert_eq!(lines(&world), ["/user/one", "/user/two"]);
    world.events();
}

#[test]
fn what_an_observer_of_dead_letters_sends_is_recorded_and_told_to_nobody() {
    let world = World::new();
    world.listen();
    let mut bytes = Vec::new();
    let sender = Address { tag: Address::OBSERVER, ..world.me };
    let frame = Frame { kind: kind::MESSAGE, flags: 0, corr: 0, address: sender, payload: b"x" };
    Record { target: Address { index: 9, tag: 9 }, word: FOREVER, frame }.write_to(&mut bytes);
    world.system.inject(&bytes);
    world.run();
    assert!(world.events().is_empty());
    assert_eq!(world.system.dead_letters().len(), 1);
    assert_eq!(world.system.audit().dead_letters[LossReason::NoSuchActor as usize], 1);
}
