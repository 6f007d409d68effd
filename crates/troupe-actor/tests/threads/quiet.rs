//! Workers under a manual clock: they sleep until it is moved, and tell when nothing is left to do.

use troupe_actor::frame::kind;
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec};

#[test]
fn quiet_comes_after_all_that_was_set_off() {
    let world = World::paced(3);
    let log = Log::default();
    let notes = log.clone();
    let last = world.spawn(spawn_spec(Actor::new(move || puppet(&notes))));
    let mut next = last;
    for _ in 0..20 {
        next = world.spawn(spawn_spec(Actor::new(move || {
            each(move |frame, out| {
                out.tell(next, frame.payload);
                Ok(())
            })
        })));
    }
    for round in 1..=50 {
        world.tell(next, "x");
        world.wait_for_quiet();
        assert_eq!(log.len(), round);
        assert!(world.system.is_quiet());
    }
}

#[test]
fn time_stands_still_until_it_is_moved() {
    let world = World::paced(2);
    let actor = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    let ask = world.ask(actor, "x", 1_000);
    world.wait_for_quiet();
    assert_eq!(world.settled(ask), None);
    world.system.advance(1_000);
    world.wait_for_quiet();
    assert_eq!(world.settled(ask), None, "never early");
    world.system.advance(1);
    world.wait_for_quiet();
    assert!(matches!(world.settled(ask), Some(Settled::Error(..))));
}

#[test]
fn a_restart_waits_for_the_clock() {
    let (world, log) = (World::paced(1), Log::default());
    let mut spec = spawn_spec(Actor::new(move || puppet(&log)));
    spec.restart.backoff.jitter = 0.0;
    let actor = world.spawn(spec);
    for _ in 0..2 {
        world.tell(actor, "boom");
        world.wait_for_quiet();
    }
    assert_eq!(world.status(actor).status, Status::Restarting);
    assert_eq!(world.system.next_due(), Some(101));
    world.system.advance(101);
    world.wait_for_quiet();
    assert_eq!(world.status(actor).status, Status::Ready);
}

#[test]
fn what_is_sent_while_actors_are_held_arrives_as_a_whole() {
    let world = World::paced(1);
    let log = Log::default();
    let notes = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let log = notes.clone();
        Box::new(move |turn, out| {
            log.add(turn.frames.len().to_string());
            for frame in turn.frames.iter().filter(|frame| frame.kind == kind::ASK) {
                out.reply(frame.corr, frame.payload);
            }
            Ok(())
        })
    })));
    world.wait_for_quiet();
    for _ in 0..20 {
        world.system.hold(true);
        (0..10).for_each(|_| world.tell(actor, "x"));
        assert_eq!(world.status(actor).queued, 10);
        world.system.hold(false);
        world.wait_for_quiet();
    }
    assert_eq!(log.take(), vec!["10"; 20]);
}
