//! What becomes of messages whose subscription is taken back while they wait, or lie in somebody's hands
//! (`TOP-7`).

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::{OUTSIDE_TAG, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::Overflow;
use troupe_actor::status::Status;
use troupe_actor::topics::Unsubscribed;

use super::topics::{lost, subscribed};
use crate::common::{Actor, Log, Settled, Topic, Work, World, external, puppet, spawn_spec};

/// Handled, and discarded because nobody is subscribed.
fn fates(world: &World, actor: Address) -> (u64, u64) {
    let counters = world.status(actor).counters;
    assert_eq!(lost(world, LossReason::NoSubscriber).1, counters.discarded[LossReason::NoSubscriber as usize]);
    (counters.handled, counters.discarded[LossReason::NoSubscriber as usize])
}

fn in_hand(world: &World, actor: Address, pattern: &str) -> (u32, Vec<u32>) {
    match world.system.unsubscribe_actor(actor, pattern) {
        Unsubscribed::InHand { job, tags } => (job, tags),
        other => panic!("{pattern}: {other:?}"),
    }
}

#[test]
fn an_environment_drops_what_it_has_in_hand_and_has_not_begun() {
    let world = World::new();
    let actor = world.spawn_external(subscribed(external(&world), &["t", "u"]));
    for (topic, text) in [("t", "0"), ("u", "1"), ("t", "2"), ("t", "3")] {
        world.publish(topic, text);
    }
    let turn = world.only_work(work::TURN);
    world.publish("t", "queued");
    world.run();
    // The handler of the first one takes its own subscription back.
    assert_eq!(in_hand(&world, actor, "t"), (turn.number, vec![OUTSIDE_TAG | 1]));
    assert_eq!(world.system.unsubscribe_actor(actor, "t"), Unsubscribed::Nothing);
    assert_eq!(fates(&world, actor), (0, 1), "what was queued is gone at once");
    world.done(&turn, |out| {
        out.discard(2);
        out.discard(3);
    });
    assert_eq!(fates(&world, actor), (2, 3));
    assert!(world.system.dead_letters().is_empty(), "who unsubscribes knows");
    assert!(world.work().is_empty());
    assert_eq!(world.system.unsubscribe_actor(actor, "u"), Unsubscribed::Done, "nothing is in hand any more");
}

#[test]
fn what_an_environment_gives_back_is_dropped() {
    for crashes in [false, true] {
        let world = World::new();
        let actor = world.spawn_external(subscribed(external(&world), &["t"]));
        for text in ["0", "1", "2"] {
            world.publish("t", text);
        }
        let turn = world.only_work(work::TURN);
        in_hand(&world, actor, "t");
        if crashes {
            world.done(&turn, |out| {
                out.discard(0);
                out.consume(1);
                out.crash("Error\0boom\0\0");
            });
            assert_eq!(fates(&world, actor), (0, 2), "one dropped, one crashed, one that was not begun");
            assert_eq!(world.status(actor).counters.failed, 1);
            world.done(&world.only_work(work::START), |_| {});
        } else {
            // Its handler waits: what is behind it is the mailbox's again.
            world.begun(&turn, 0, |_| {});
            world.done_single(&turn, |out| out.consume(1));
            assert_eq!(fates(&world, actor), (1, 2));
        }
        assert!(world.work().is_empty());
    }
}

#[test]
fn a_turn_that_waits_has_begun_what_is_left_of_it() {
    let world = World::new();
    let actor = world.spawn_external(subscribed(external(&world), &["t"]));
    for text in ["0", "1", "2"] {
        world.publish("t", text);
    }
    let turn = world.only_work(work::TURN);
    world.begun(&turn, 1, |_| {});
    in_hand(&world, actor, "t");
    // What is behind the one in hand leaves with it.
    world.done_single(&turn, |out| out.consume(1));
    assert_eq!(fates(&world, actor), (2, 1));
    assert!(world.work().is_empty());
}

#[test]
fn what_was_put_aside_goes_too() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let spec = spawn_spec(Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            for (at, frame) in turn.frames.iter().enumerate() {
                match frame.kind {
                    kind::TOPIC if Topic::read(frame).text.starts_with("later") => out.stash(at as u32),
                    kind::TOPIC => notes.add(Topic::read(frame).text),
                    _ => out.unstash(),
                }
            }
            Ok(())
        })
    }));
    let actor = world.spawn(subscribed(spec, &["t", "u"]));
    for (topic, text) in [("t", "later 1"), ("u", "later 2"), ("t", "later 3"), ("u", "now")] {
        world.publish(topic, text);
    }
    world.run();
    assert_eq!(world.status(actor).queued, 3);
    assert_eq!(world.system.unsubscribe_actor(actor, "t"), Unsubscribed::Done);
    assert_eq!((world.status(actor).queued, fates(&world, actor)), (1, (1, 2)));
    assert_eq!(world.system.unsubscribe_actor(actor, "u"), Unsubscribed::Done);
    world.tell(actor, "unstash");
    world.run();
    assert_eq!(log.take(), ["now"]);
    assert_eq!((world.status(actor).queued, fates(&world, actor)), (0, (2, 3)));
}

/// An actor with one message in its environment's hands, and room for so many more.
fn busy(world: &World, room: u32) -> (Address, Work) {
    let mut spec = subscribed(external(world), &["t"]);
    (spec.mailbox.max_messages, spec.mailbox.overflow, spec.mailbox.wait_ms) = (room, Overflow::Wait, 60_000);
    let actor = world.spawn_external(spec);
    world.publish("t", "in hand");
    (actor, world.only_work(work::TURN))
}

#[test]
fn who_waits_for_room_comes_in() {
    let world = World::new();
    let (actor, turn) = busy(&world, 2);
    for text in ["0", "1"] {
        world.publish("t", text);
    }
    let sends = ["a", "b"].map(|text| world.send(actor, text, 60_000));
    world.run();
    assert_eq!(sends.map(|slot| world.settled(slot)), [None, None]);
    in_hand(&world, actor, "t");
    world.run();
    assert_eq!(sends.map(|slot| world.settled(slot)), [(); 2].map(|()| Some(Settled::value(""))));
    world.done(&turn, |out| out.discard(0));
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["a", "b"]);
    world.done(&turn, |_| {});
    assert_eq!(fates(&world, actor), (2, 3));
}

#[test]
fn a_mailbox_that_an_unsubscribe_empties_is_low_again() {
    // OVF-6
    let world = World::new();
    world.listen().system.shared().listen_to_water(true);
    let (actor, turn) = busy(&world, 10);
    (0..4).for_each(|_| world.publish("t", "x"));
    world.tell_all(actor, &["a"; 5]);
    world.run();
    in_hand(&world, actor, "t");
    let water: Vec<String> = world.events().into_iter().filter(|event| event.contains(" of ")).collect();
    assert_eq!(water, ["high 8 of 10", "low 5 of 10"]);
    world.done(&turn, |_| {});
    world.done(&world.only_work(work::TURN), |_| {});
}

#[test]
fn a_message_that_cannot_be_read_is_a_dead_letter_and_its_actor_goes_on() {
    let world = World::new();
    let actor = world.spawn_external(subscribed(external(&world), &["t"]));
    let sent = world.send(actor, "sent", 1_000);
    let asked = world.ask(actor, "asked", 1_000);
    world.publish("t", "published");
    let answered = world.ask(actor, "answered", 1_000);
    world.tell(actor, "read");
    let turn = world.only_work(work::TURN);
    let answer = turn.frames()[3].corr;
    world.done(&turn, |out| {
        out.reply(answer, b"yes");
        (0..4).for_each(|at| out.discard_unreadable(at));
    });
    assert_eq!(world.settled(sent), Some(Settled::value("")), "it was in the mailbox");
    assert_eq!(world.settled(asked), Some(Settled::error(AskError::Unreadable)));
    assert_eq!(world.settled(answered), Some(Settled::value("yes")), "what was answered was read");
    let letters = world.system.dead_letters();
    assert!(letters.iter().all(|letter| letter.reason == LossReason::Unreadable), "{letters:?}");
    assert_eq!(letters.len(), 3);
    let status = world.status(actor);
    assert_eq!((status.counters.handled, lost(&world, LossReason::Unreadable), status.restarts), (2, (0, 3), 0));
    assert!(world.system.audit().is_balanced());
}

#[test]
fn only_topic_messages_that_were_consumed_can_be_dropped_each_once() {
    let (message, topic) = (0, 1);
    for (drops, stashes, consumed) in [
        (vec![message], vec![], 2),
        (vec![topic; 2], vec![], 2),
        (vec![topic], vec![topic], 2),
        (vec![topic], vec![], 1),
    ] {
        let world = World::new();
        let case = format!("{drops:?} {stashes:?} {consumed}");
        let spec = spawn_spec(Actor::new(move || {
            let (drops, stashes) = (drops.clone(), stashes.clone());
            Box::new(move |turn, out| {
                if turn.incarnation == 1 {
                    drops.iter().for_each(|at| out.discard(*at));
                    stashes.iter().for_each(|at| out.stash(*at));
                    out.consume(consumed);
                }
                Ok(())
            })
        }));
        let actor = world.spawn(subscribed(spec, &["t"]));
        world.tell(actor, "message");
        world.publish("t", "x");
        world.listen().run();
        let events = world.events();
        assert_eq!(events.first().map(String::as_str), Some("crashed host-error"), "{case}: {events:?}");
        assert_eq!(lost(&world, LossReason::NoSubscriber), (0, 0), "{case}: the turn had no effect");
    }
}

#[test]
fn a_drain_does_not_wait_for_a_message_that_went_with_its_subscription() {
    // STOP-2
    let world = World::new();
    let actor = world.spawn(subscribed(spawn_spec(Actor::new(|| puppet(&Log::default()))), &["t"]));
    world.publish("t", "queued");
    let drained = world.end(actor, true, u64::MAX);
    assert_eq!((world.status(actor).status, world.status(actor).queued), (Status::Draining, 1));
    assert_eq!(world.system.unsubscribe_actor(actor, "t"), Unsubscribed::Done);
    assert_eq!(world.wait(drained), Settled::ended(ReasonTag::Normal));
}
