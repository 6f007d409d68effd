//! Restart types, budget and backoff of one actor (`RST`, `INT`, `BO`).

use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::ActorSpec;
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::{BackoffKind, Restart};

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec, trap};

fn spec(restart: Restart) -> ActorSpec {
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
    spec.restart.restart = restart;
    spec.restart.backoff.jitter = 0.0;
    spec
}

fn crash(world: &World, actor: Address) {
    world.tell(actor, "boom");
    world.run();
}

#[test]
fn restart_type_and_cause_of_the_end_decide_together() {
    // RST-1, RST-2
    let table = [
        (Restart::Permanent, "boom", Status::Ready),
        (Restart::Transient, "boom", Status::Ready),
        (Restart::Temporary, "boom", Status::Terminated),
        (Restart::Permanent, "stop", Status::Terminated),
        (Restart::Transient, "stop", Status::Terminated),
        (Restart::Temporary, "stop", Status::Terminated),
    ];
    for (restart, cause, expected) in table {
        let world = World::new();
        let actor = world.spawn(spec(restart));
        let watch = world.watch(actor);
        world.tell(actor, cause);
        world.advance(100_000);
        assert_eq!(world.status(actor).status, expected, "{restart:?} {cause}");
        let ended = world.settled(watch);
        match (expected, cause) {
            (Status::Ready, _) => assert_eq!(ended, None),
            (_, "stop") => assert_eq!(ended, Some(Settled::ended(ReasonTag::Normal))),
            _ => assert!(matches!(ended, Some(Settled::Ended(reason)) if reason.tag == ReasonTag::Trap)),
        }
    }
}

#[test]
fn a_normal_exit_of_the_guest_restarts_a_permanent_actor_only() {
    // FAIL-3
    for (restart, expected) in [
        (Restart::Permanent, Status::Ready),
        (Restart::Transient, Status::Terminated),
        (Restart::Temporary, Status::Terminated),
    ] {
        let world = World::new();
        let mut spec = spec(restart);
        spec.factory = std::sync::Arc::new(Actor::new(|| {
            each(|_, _| Err(troupe_actor::reason::Crash::new(ReasonTag::Normal, "exit 0")))
        }));
        let actor = world.spawn(spec);
        world.tell(actor, "x");
        world.run();
        assert_eq!(world.status(actor).status, expected, "{restart:?}");
    }
}

#[test]
fn the_sixth_crash_in_a_minute_is_given_up() {
    // INT-1, INT-4
    let world = World::new();
    let actor = world.spawn(spec(Restart::Permanent));
    let watch = world.watch(actor);
    for n in 1..=5 {
        crash(&world, actor);
        world.advance(2_000);
        assert_eq!(world.status(actor).status, Status::Ready, "after crash {n}");
        assert_eq!(world.status(actor).restarts, n);
    }
    let queued = world.ask(actor, "boom", 1_000);
    let behind = world.ask(actor, "behind", 1_000);
    world.run();
    // The turn of two crashed: giving up settles both.
    assert_eq!(world.status(actor).status, Status::Failed);
    for slot in [queued, behind] {
        assert_eq!(world.settled(slot), Some(Settled::error(troupe_actor::ask::AskError::GaveUp)));
    }
    assert!(matches!(world.settled(watch), Some(Settled::Ended(reason)) if reason.tag == ReasonTag::Trap));
    let gave_up = Settled::error(troupe_actor::ask::AskError::GaveUp);
    assert_eq!(world.wait(world.ask(actor, "x", 100)), gave_up);
}

#[test]
fn a_restart_counts_until_exactly_one_window_later() {
    // INT-1
    for (wait, expected) in [(99, Status::Failed), (100, Status::Ready)] {
        let world = World::new();
        let mut spec = spec(Restart::Permanent);
        spec.restart.max_restarts = 1;
        spec.restart.within_ms = 100;
        spec.restart.backoff.kind = BackoffKind::Immediate;
        let actor = world.spawn(spec);
        crash(&world, actor);
        world.advance(wait);
        crash(&world, actor);
        assert_eq!(world.status(actor).status, expected, "{wait}");
    }
}

#[test]
fn a_budget_of_zero_gives_up_at_once_and_an_unlimited_one_never() {
    let world = World::new();
    let mut none = spec(Restart::Permanent);
    none.restart.max_restarts = 0;
    let actor = world.spawn(none);
    crash(&world, actor);
    assert_eq!(world.status(actor).status, Status::Failed);

    let mut endless = spec(Restart::Permanent);
    endless.restart.max_restarts = u32::MAX;
    let actor = world.spawn(endless);
    for _ in 0..200 {
        crash(&world, actor);
        world.advance(30_001);
    }
    assert_eq!((world.status(actor).status, world.status(actor).incarnation), (Status::Ready, 201));
}

#[test]
fn waits_grow_and_are_never_early() {
    // BO-1
    let world = World::new();
    let actor = world.spawn(spec(Restart::Permanent));
    crash(&world, actor);
    assert_eq!(world.status(actor).status, Status::Ready, "the first restart is at once");
    for wait in [100, 200, 400, 800] {
        crash(&world, actor);
        world.advance(wait);
        assert_eq!(world.status(actor).status, Status::Restarting, "{wait}");
        world.advance(1);
        assert_eq!(world.status(actor).status, Status::Ready, "{wait}");
    }
}

#[test]
fn a_healthy_run_forgets_earlier_failures() {
    // BO-2
    let world = World::new();
    let actor = world.spawn(spec(Restart::Permanent));
    crash(&world, actor);
    crash(&world, actor);
    world.advance(101);
    world.advance(15_000);
    crash(&world, actor);
    assert_eq!(world.status(actor).status, Status::Ready, "at once again");
}

#[test]
fn the_same_seed_gives_the_same_waits() {
    // BO-5
    let waits = || {
        let world = World::new();
        world.listen();
        let mut spec = spec(Restart::Permanent);
        spec.restart.backoff.jitter = 0.5;
        let actor = world.spawn(spec);
        for _ in 0..5 {
            crash(&world, actor);
            world.advance(10_000);
        }
        world.events()
    };
    assert_eq!(waits(), waits());
}

#[test]
fn the_mailbox_survives_a_restart_in_order() {
    // MBX-2, BO-6
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || puppet(&notes)).one_at_a_time()));
    world.tell_all(actor, &["a", "boom1", "b", "boom2", "c"]);
    world.run();
    world.tell(actor, "d");
    world.advance(1_000);
    assert_eq!(log.take(), ["a", "boom1", "b", "boom2", "c", "d"]);
}

#[test]
fn messages_to_a_crashing_actor_are_blamed_one_by_one() {
    // MBX-3
    let world = World::new();
    let mut spec = spawn_spec(Actor::new(|| each(|_, _| Err(trap("always")))));
    spec.restart.max_restarts = u32::MAX;
    let actor = world.spawn(spec);
    (0..10).for_each(|_| world.tell(actor, "x"));
    world.advance(1_000_000);
    let counters = world.status(actor).counters;
    assert_eq!((counters.failed, counters.handled), (10, 0));
}
