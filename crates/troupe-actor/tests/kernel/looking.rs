//! Handlers that run for long, and messages that wait for long (`OBS-4`).

use troupe_actor::port::work;
use troupe_actor::shard::Patience;
use troupe_actor::spec::{ActorSpec, External};

use crate::common::{World, external};

const PATIENCE: Patience = Patience { handler_ms: 1_000, queued_ms: 10_000 };

/// A world with one actor whose handlers take as long as the test wants, without a limit of its own.
fn world(patience: Patience) -> (World, troupe_actor::id::Address) {
    let world = World::new();
    world.system.shared().set_patience(patience);
    let spec = external(&world);
    let endless = External { handler_ms: u64::MAX, ..spec.external.unwrap() };
    let actor = world.spawn_external(ActorSpec { external: Some(endless), ..spec });
    world.listen();
    world.events();
    (world, actor)
}

fn told(world: &World) -> Vec<String> {
    let short = |line: String| line.split(['(', ' ']).next().unwrap_or_default().to_owned();
    world.events().into_iter().map(short).collect()
}

#[test]
fn a_handler_that_runs_for_long_is_told_once() {
    let (world, actor) = world(PATIENCE);
    world.tell(actor, "a");
    let first = world.only_work(work::TURN);
    world.advance(999);
    assert!(told(&world).is_empty());
    world.advance(251);
    assert_eq!(told(&world), ["LongHandler"]);
    world.advance(5_000);
    assert!(told(&world).is_empty(), "once for each time");
    world.done(&first, |_| {});
    world.tell(actor, "b");
    let second = world.only_work(work::TURN);
    world.advance(1_250);
    assert_eq!(told(&world), ["LongHandler"], "the next one is another one");
    world.done(&second, |_| {});
    world.advance(60_000);
    assert!(told(&world).is_empty());
}

#[test]
fn time_counts_from_the_message_that_waits() {
    let (world, actor) = world(PATIENCE);
    world.tell_all(actor, &["quick", "waits"]);
    let turn = world.only_work(work::TURN);
    world.advance(900);
    world.begun(&turn, 1, |_| {});
    world.advance(900);
    assert!(told(&world).is_empty());
    world.advance(351);
    assert_eq!(told(&world), ["LongHandler"]);
}

#[test]
fn a_message_that_waits_for_long_is_told_once_until_the_queue_keeps_up() {
    let (world, actor) = world(Patience { handler_ms: u64::MAX, ..PATIENCE });
    let pass = |ms: u64| {
        for _ in 0..ms / 250 {
            world.advance(250);
        }
    };
    world.tell(actor, "a");
    let turn = world.only_work(work::TURN);
    world.tell_all(actor, &["b", "c"]);
    pass(9_750);
    assert!(told(&world).is_empty());
    pass(500);
    assert_eq!(told(&world), ["QueueAge"]);
    pass(20_000);
    assert!(told(&world).is_empty());
    // Both are taken, and what comes now leaves in time.
    world.done(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    world.tell(actor, "d");
    pass(1_000);
    world.done(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    world.done(&turn, |_| {});
    pass(1_000);
    world.tell(actor, "e");
    let turn = world.only_work(work::TURN);
    world.tell(actor, "f");
    pass(10_500);
    assert_eq!(told(&world), ["QueueAge"]);
    world.done(&turn, |_| {});
}

#[test]
fn nothing_is_told_before_somebody_asks_for_it() {
    let (world, actor) = world(Patience::ENDLESS);
    world.tell_all(actor, &["a", "b"]);
    let turn = world.only_work(work::TURN);
    world.tell(actor, "c");
    world.advance(60_000);
    assert!(told(&world).is_empty());
    world.done(&turn, |_| {});
}
