//! Subscriptions that end while messages of them are with a turn: in the same turn others come, under the
//! same tag (`TOP-7`), and what lies behind the turn stays queued (`DLV-2`) and in its replay (`TURN-3`).

use std::sync::{Arc, OnceLock};

use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::topics::{SubscriptionSpec, Unsubscribed};

use super::topics::{listener, obey, subscribed};
use crate::common::{Actor, Log, World, each, external, spawn_spec, trap};

#[test]
fn a_subscription_that_takes_a_tag_over_gets_the_last_message() {
    let (world, log) = (World::new(), Log::default());
    world.retain("t.b", "last");
    let actor = world.spawn(listener(&log, "s", obey));
    world.tell(actor, "sub 5 t.a");
    world.tell(actor, "sub 5 t.b");
    world.run();
    assert_eq!(log.take(), ["s t.b last kept"]);
}

#[test]
fn one_that_asks_for_one_copy_gets_what_the_one_before_it_was_given() {
    // TOP-6: the one whose place it takes is none of the actor's others.
    let (world, log) = (World::new(), Log::default());
    world.retain("t.b", "last");
    let actor = world.spawn(listener(&log, "s", obey));
    for (line, given) in [("once 5 t.*", true), ("once 5 t.b", true), ("once 6 t.#", false), ("once 6 #", false)] {
        world.tell(actor, line);
        world.run();
        assert_eq!(log.take(), if given { vec!["s t.b last kept"] } else { vec![] }, "{line}");
    }
    assert_eq!(world.system.shared().hub.unheard(), 1);
}

#[test]
fn a_subscription_that_takes_a_tag_over_gets_what_is_published_in_the_same_turn() {
    let (world, log) = (World::new(), Log::default());
    let seen = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let seen = seen.clone();
        each(move |frame, out| {
            if frame.kind == kind::TOPIC {
                seen.add(String::from_utf8_lossy(frame.message()));
            } else {
                out.subscribe(0, 5, "t.a", "");
                out.subscribe(0, 5, "t.b", "");
                out.publish(0, "t.b", b"own");
            }
            Ok(())
        })
    })));
    world.tell(actor, "go");
    world.run();
    assert_eq!(log.take(), ["own"]);
}

#[test]
fn what_a_turn_leaves_over_does_not_come_under_a_tag_that_another_subscription_has() {
    let (world, log) = (World::new(), Log::default());
    let seen = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let seen = seen.clone();
        Box::new(move |turn, out| {
            for frame in &turn.frames {
                seen.add(String::from_utf8_lossy(frame.message()));
                match frame.message() {
                    b"begin" => out.subscribe(0, 5, "t.a", ""),
                    b"change" => {
                        out.unsubscribe(5);
                        out.subscribe(0, 5, "t.b", "");
                        out.consume(1);
                        break;
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    })));
    world.tell(actor, "begin");
    world.run();
    world.tell(actor, "change");
    world.publish("t.a", "old");
    world.run();
    world.publish("t.b", "new");
    world.run();
    assert_eq!(log.take(), ["begin", "change", "new"]);
}

#[test]
fn what_lies_behind_a_running_turn_stays_counted_when_something_behind_it_is_dropped() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let topic = SubscriptionSpec::new("t");
    assert_eq!(world.system.subscribe_actor(actor, &topic), Ok(true));
    world.tell_all(actor, &["m"; 70]);
    world.run();
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts().len(), 64);
    world.publish("t", "x");
    world.run();
    assert_eq!(world.status(actor).queued, 7);
    assert_eq!(world.system.unsubscribe_actor(actor, "t"), Unsubscribed::Done);
    assert_eq!(world.status(actor).queued, 6);
    assert!(world.system.audit().is_balanced());
    world.done(&turn, |_| {});
    assert_eq!(world.only_work(work::TURN).texts().len(), 6);
}

#[test]
fn what_is_dropped_behind_a_replay_is_no_part_of_it() {
    let (world, log) = (World::new(), Log::default());
    let own: Arc<OnceLock<Address>> = Arc::default();
    let (seen, me) = (log.clone(), Arc::clone(&own));
    let spec = spawn_spec(Actor::new(move || {
        let (seen, me) = (seen.clone(), Arc::clone(&me));
        Box::new(move |turn, out| {
            let texts: Vec<_> = turn.frames.iter().map(|frame| String::from_utf8_lossy(frame.message())).collect();
            seen.add(texts.join(","));
            if texts.iter().any(|text| text == "boom") {
                return Err(trap("boom"));
            }
            if texts == ["leave"] {
                out.publish(0, "t", b"own");
                out.tell(*me.get().unwrap(), b"later");
                out.unsubscribe(frame::OUTSIDE_TAG | 1);
            }
            Ok(())
        })
    }));
    let actor = world.spawn(subscribed(spec, &["t"]));
    own.set(actor).unwrap();
    world.tell_all(actor, &["boom", "leave", "a", "b", "c"]);
    world.run();
    assert_eq!(log.take(), ["boom,leave,a,b,c", "boom", "leave", "a", "b", "c", "later"]);
}
