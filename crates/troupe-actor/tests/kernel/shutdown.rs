//! The end of a system (`SHUT`).

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::error::SpawnError;
use troupe_actor::reason::ReasonTag;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::{ActorSpec, SpawnArgs};

use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

fn plain(log: &Log) -> ActorSpec {
    let log = log.clone();
    spawn_spec(Actor::new(move || puppet(&log)))
}

fn stuck() -> ActorSpec {
    spawn_spec(Actor::new(|| {
        Box::new(|_, out| {
            out.wait_for(&[1]);
            Ok(())
        })
    }))
}

#[test]
fn what_was_accepted_is_worked_off_and_the_waiter_hears_last() {
    let (world, log) = (World::sharded(2), Log::default());
    let actors = [(); 4].map(|()| world.spawn(plain(&log)));
    let watches = actors.map(|actor| world.watch(actor));
    let asks = actors.map(|actor| world.ask(actor, "x", 1_000));
    let slot = world.slot();
    world.system.shutdown(1_000, world.waiter(slot));
    assert_eq!(world.wait(slot), Settled::value(""));
    assert!(asks.iter().all(|ask| world.settled(*ask) == Some(Settled::value("x"))));
    assert!(watches.iter().all(|watch| world.settled(*watch) == Some(Settled::ended(ReasonTag::Shutdown))));
    assert_eq!(world.port.order().last(), Some(&slot));
}

#[test]
fn after_it_everything_is_refused() {
    // SHUT-3
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(plain(&log));
    let slot = world.slot();
    world.system.shutdown(1_000, world.waiter(slot));
    world.wait(slot);
    assert_eq!(world.wait(world.ask(actor, "x", 100)), Settled::error(AskError::Shutdown));
    assert_eq!(world.wait(world.send(actor, "x", 100)), Settled::error(AskError::Shutdown));
    let refused = world.system.spawn(&Arc::new(plain(&log)), SpawnArgs::default(), None).unwrap_err();
    assert_eq!(refused, SpawnError::Shutdown);
    let reasons: Vec<_> = world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["shutdown", "shutdown"]);
    let again = world.slot();
    world.system.shutdown(0, world.waiter(again));
    assert_eq!(world.settled(again), Some(Settled::value("")));
}

#[test]
fn at_the_deadline_all_that_are_left_are_killed() {
    // SHUT-2
    let (world, log) = (World::sharded(2), Log::default());
    let (good, bad) = (world.spawn(plain(&log)), world.spawn(stuck()));
    world.tell(bad, "x");
    let open = world.ask(bad, "y", FOREVER);
    world.run();
    let (one, two) = (world.watch(good), world.watch(bad));
    let slot = world.slot();
    world.system.shutdown(1_000, world.waiter(slot));
    world.advance(1_000);
    assert_eq!(world.settled(one), Some(Settled::ended(ReasonTag::Shutdown)));
    assert_eq!((world.settled(two), world.settled(slot)), (None, None));
    world.advance(1);
    assert_eq!(world.settled(two), Some(Settled::ended(ReasonTag::Killed)));
    assert!(world.settled(open).is_some());
    assert_eq!(world.settled(slot), Some(Settled::value("")));
}

#[test]
fn several_callers_join_one_shutdown() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    world.spawn(plain(&log));
    world.events();
    let slots = [world.slot(), world.slot()];
    slots.iter().for_each(|slot| world.system.shutdown(1_000, world.waiter(*slot)));
    world.run();
    assert!(slots.iter().all(|slot| world.settled(*slot) == Some(Settled::value(""))));
    assert_eq!(world.events(), ["shutdown", "stopped shutdown"]);
}

#[test]
fn actors_in_every_state_are_ended() {
    let (world, log) = (World::sharded(3), Log::default());
    let lazy = world.spawn(ActorSpec { lazy: true, ..plain(&log) });
    let notes = log.clone();
    let starting = Arc::new(spawn_spec(Actor::new(move || puppet(&notes)).starting()));
    let crashed = world.spawn(plain(&log));
    for _ in 0..2 {
        world.tell(crashed, "boom");
        world.run();
    }
    let (starting, started) = world.spawn_waiting(&starting, SpawnArgs::default());
    let waiting = world.spawn(stuck());
    world.tell(waiting, "x");
    world.run();
    let slot = world.slot();
    world.system.shutdown(100, world.waiter(slot));
    world.advance(200);
    assert_eq!(world.settled(slot), Some(Settled::value("")));
    assert!(world.settled(started.unwrap()).is_some());
    for actor in [lazy, starting, crashed, waiting] {
        assert!(world.status(actor).exit.is_some());
    }
}

#[test]
fn an_empty_system_is_down_at_once() {
    let world = World::new();
    let slot = world.slot();
    world.system.shutdown(1_000, world.waiter(slot));
    assert_eq!(world.settled(slot), Some(Settled::value("")));
}
