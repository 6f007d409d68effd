//! Dead letters and events (`DL-1`, `DL-2`, `FAIL-6`).

use troupe_actor::id::Address;
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
