//! Water marks of mailboxes (`OVF-6`): whatever fills or empties one is seen, and what is put aside counts.

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::frame::kind;
use troupe_actor::port::work;
use troupe_actor::spec::{ActorSpec, Overflow, SpawnArgs};

use super::topics::subscribed;
use crate::common::{Actor, Log, Settled, World, each, external, puppet, spawn_spec, trap};

/// A world in which somebody listens to the marks.
fn watched() -> World {
    let world = World::new();
    world.listen();
    world.system.shared().listen_to_water(true);
    world
}

fn idle() -> Actor {
    Actor::new(|| each(|_, _| Ok(())))
}

fn water(world: &World) -> Vec<String> {
    world.events().into_iter().filter(|event| event.starts_with("high") || event.starts_with("low")).collect()
}

/// Puts aside what it is told, until it is told to `open`. At `boom` it crashes.
fn shelf(room: u32) -> ActorSpec {
    let mut spec = spawn_spec(
        Actor::new(|| {
            Box::new(|turn, out| {
                for (at, frame) in turn.frames.iter().enumerate() {
                    match frame.payload {
                        b"open" => out.unstash(),
                        b"boom" => return Err(trap("boom")),
                        b"back" => {}
                        _ if frame.kind == kind::ASK || turn.incarnation == 1 => out.stash(at as u32),
                        _ => {}
                    }
                }
                Ok(())
            })
        })
        .one_at_a_time(),
    );
    (spec.mailbox.max_messages, spec.mailbox.overflow) = (room, Overflow::Reject);
    spec
}

#[test]
fn a_mailbox_tells_when_it_fills_up_and_when_it_is_empty_enough() {
    let world = watched();
    let mut spec = spawn_spec(idle().starting().one_at_a_time());
    spec.mailbox.max_messages = 10;
    spec.mailbox.overflow = Overflow::Reject;
    let (actor, _) = world.spawn_waiting(&Arc::new(spec), SpawnArgs::default());
    world.tell_all(actor, &["m"; 12]);
    world.run();
    assert_eq!(water(&world), ["high 8 of 10", "low 5 of 10"]);
    world.tell_all(actor, &["m"; 7]);
    world.run();
    assert!(water(&world).is_empty(), "7 of 10 is not high");
    world.system.shared().listen_to_water(false);
    assert_eq!(world.status(actor).counters.refused.iter().sum::<u64>(), 2);
}

#[test]
fn what_was_put_aside_fills_a_mailbox() {
    // STH-1: it counts with the capacity, so it counts here.
    let world = watched();
    let actor = world.spawn(shelf(10));
    for _ in 0..9 {
        world.tell(actor, "aside");
        world.run();
    }
    assert_eq!(water(&world), ["high 8 of 10"]);
    world.tell(actor, "boom");
    world.run();
    // The next life handles all of them, one at a time.
    assert_eq!(water(&world), ["low 5 of 10"]);
    assert_eq!(world.status(actor).queued, 0);
}

#[test]
fn a_request_that_leaves_the_stash_empties_it() {
    let world = watched();
    let actor = world.spawn(shelf(4));
    let slots = [(); 4].map(|()| {
        let slot = world.ask(actor, "aside", 100);
        world.run();
        slot
    });
    assert_eq!(water(&world), ["high 4 of 4"]);
    world.advance(200);
    assert_eq!(slots.map(|slot| world.settled(slot)), [(); 4].map(|()| Some(Settled::error(AskError::Timeout))));
    assert_eq!(water(&world), ["low 2 of 4"]);
}

#[test]
fn what_is_exempt_from_the_bound_does_not_fill_it() {
    // OVF-3
    let (world, log) = (watched(), Log::default());
    let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            for frame in &turn.frames {
                match frame.kind {
                    kind::MESSAGE => (0..8).for_each(|tag| out.ask(other, tag, 1_000, b"x")),
                    _ => notes.add("answer"),
                }
            }
            Ok(())
        })
    }));
    spec.mailbox.max_messages = 5;
    let actor = world.spawn(spec);
    world.tell(actor, "ask");
    world.run();
    assert_eq!(log.take().len(), 8);
    assert_eq!(water(&world), [""; 0]);
}

#[test]
fn published_messages_fill_a_mailbox_too() {
    let world = watched();
    let mut spec = subscribed(external(&world), &["t"]);
    spec.mailbox.max_messages = 10;
    let actor = world.spawn_external(spec);
    world.publish("t", "in hand");
    let turn = world.only_work(work::TURN);
    (0..8).for_each(|_| world.publish("t", "x"));
    world.run();
    assert_eq!(water(&world), ["high 8 of 10"]);
    world.system.kill(actor);
    drop(turn);
}

#[test]
fn those_that_waited_for_room_fill_it_again() {
    let world = watched();
    let mut spec = external(&world);
    (spec.mailbox.max_messages, spec.mailbox.overflow, spec.mailbox.wait_ms) = (10, Overflow::Wait, 60_000);
    let actor = world.spawn_external(spec);
    world.tell(actor, "in hand");
    let turn = world.only_work(work::TURN);
    let sends: Vec<u32> = (0..19).map(|number| world.send(actor, number.to_string(), 60_000)).collect();
    world.run();
    assert_eq!(water(&world), ["high 8 of 10"]);
    world.done(&turn, |_| {});
    assert!(sends.into_iter().all(|slot| world.settled(slot) == Some(Settled::value(""))));
    // A turn took all, and those that waited came in: it was never seen empty.
    assert_eq!((water(&world), world.status(actor).queued), (Vec::new(), 9));
    world.done(&world.only_work(work::TURN), |_| {});
    world.done(&world.only_work(work::TURN), |_| {});
    assert_eq!(water(&world), ["low 0 of 10"]);
    world.system.kill(actor);
}

#[test]
fn what_a_turn_gives_back_fills_it_again() {
    let world = watched();
    let mut spec = external(&world);
    spec.mailbox.max_messages = 10;
    let actor = world.spawn_external(spec);
    world.tell(actor, "in hand");
    let turn = world.only_work(work::TURN);
    world.tell_all(actor, &["m"; 10]);
    world.done(&turn, |_| {});
    assert_eq!(water(&world), ["high 8 of 10", "low 0 of 10"]);
    let turn = world.only_work(work::TURN);
    // Its handler waits: what is behind it is the mailbox's again.
    world.begun(&turn, 0, |_| {});
    assert_eq!(water(&world), ["high 9 of 10"]);
    world.done_single(&turn, |out| out.consume(1));
    world.system.kill(actor);
}
