//! Publishing and subscriptions (`TOP-6` … `TOP-9`), over topics that a test matches in the simplest way.

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::{FLAG_REPORT, FLAG_RETAIN, Frame, kind};
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::topics::{SubscriptionSpec, Unsubscribed};

use crate::common::{Actor, Log, Out, Settled, Topic, World, each, spawn_spec, trap};

/// Notes what it gets as `name topic text`; a message from elsewhere is a line for `act`.
pub(super) fn listener(log: &Log, name: &str, act: fn(&str, &mut Out)) -> ActorSpec {
    let (log, name) = (log.clone(), name.to_owned());
    spawn_spec(Actor::new(move || {
        let (log, name) = (log.clone(), name.clone());
        each(move |frame, out| {
            match frame.kind {
                kind::TOPIC => {
                    let Topic { topic, text, retained } = Topic::read(frame);
                    log.add(format!("{name} {topic} {text}{}", if retained { " kept" } else { "" }));
                    if text == "boom" {
                        return Err(trap("boom"));
                    }
                }
                kind::SEND_FAILED => log.add(format!("{name} refused #{}", frame.corr)),
                _ => act(&String::from_utf8_lossy(frame.payload), out),
            }
            Ok(())
        })
    }))
}

/// Does what a line says: `sub tag pattern`, `leave tag`, `pub topic text`, `boom`.
pub(super) fn obey(line: &str, out: &mut Out) {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["sub", tag, pattern] => out.subscribe(0, tag.parse().unwrap(), pattern, ""),
        ["once", tag, pattern] => out.subscribe_once(tag.parse().unwrap(), pattern),
        ["leave", tag] => out.unsubscribe(tag.parse().unwrap()),
        ["pub", topic, text] => out.publish(0, topic, text.as_bytes()),
        ["keep", topic, text] => out.publish(FLAG_RETAIN, topic, text.as_bytes()),
        ["try", topic] => out.publish(FLAG_REPORT, topic, b"x"),
        _ => {}
    }
}

pub(super) fn subscribed(spec: ActorSpec, patterns: &[&str]) -> ActorSpec {
    let subscriptions = patterns.iter().map(|pattern| SubscriptionSpec::new(pattern)).collect();
    ActorSpec { subscriptions, ..spec }
}

pub(super) fn grouped(spec: ActorSpec, pattern: &str, group: &str) -> ActorSpec {
    let one = SubscriptionSpec { group: Some(Arc::from(group)), ..SubscriptionSpec::new(pattern) };
    ActorSpec { subscriptions: vec![one], ..spec }
}

pub(super) fn lost(world: &World, reason: LossReason) -> (u64, u64) {
    let counters = world.system.audit().counters;
    (counters.refused[reason as usize], counters.discarded[reason as usize])
}

#[test]
fn a_message_reaches_every_subscriber_on_every_shard() {
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        for name in ["a", "b", "c", "d"] {
            world.spawn(subscribed(listener(&log, name, obey), &["orders.*"]));
        }
        let publisher = world.spawn(listener(&log, "p", obey));
        world.subscribe(5, "orders.>");
        world.tell(publisher, "pub orders.new 1");
        world.publish("orders.old", "2");
        world.publish("other", "3");
        world.run();
        let mut seen = log.take();
        seen.sort();
        let expected =
            ["a", "b", "c", "d"].map(|name| [format!("{name} orders.new 1"), format!("{name} orders.old 2")]);
        assert_eq!(seen, expected.concat(), "on {shards} shards");
        let mut here = world.port.published();
        here.sort();
        assert_eq!(here, ["orders.new [5] 1", "orders.old [5] 2"]);
        assert_eq!(world.system.shared().hub.unheard(), 1);
    }
}

#[test]
fn what_one_publisher_sends_a_subscriber_comes_in_order() {
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["t.#"]));
        let publisher = world.spawn(spawn_spec(Actor::new(move || {
            each(move |frame, out| {
                let text = String::from_utf8_lossy(frame.payload).into_owned();
                out.publish(0, "t.a", format!("{text}1").as_bytes());
                out.tell(subscriber, b"between");
                out.publish(0, "t", format!("{text}2").as_bytes());
                Ok(())
            })
        })));
        for round in 0..20 {
            world.tell(publisher, round.to_string());
            world.publish("t.port", &round.to_string());
        }
        world.run();
        let seen = log.take();
        let own: Vec<String> = seen.iter().filter(|line| !line.contains("port")).cloned().collect();
        let expected: Vec<String> =
            (0..20).flat_map(|round| [format!("s t.a {round}1"), format!("s t {round}2")]).collect();
        assert_eq!(own, expected);
        let port: Vec<String> = seen.into_iter().filter(|line| line.contains("port")).collect();
        assert_eq!(port, (0..20).map(|round| format!("s t.port {round}")).collect::<Vec<_>>());
    }
}

#[test]
fn a_turn_that_crashes_has_published_nothing() {
    let (world, log) = (World::new(), Log::default());
    world.spawn(subscribed(listener(&log, "s", obey), &["t"]));
    let publisher = world.spawn(spawn_spec(Actor::new(|| {
        Box::new(|turn, out| {
            out.publish(0, "t", b"never");
            if turn.incarnation == 1 { Err(trap("boom")) } else { Ok(()) }
        })
    })));
    world.tell(publisher, "a");
    world.run();
    assert!(log.take().is_empty());
    world.tell(publisher, "b");
    world.run();
    assert_eq!(log.take(), ["s t never"]);
}

#[test]
fn a_subscriber_may_be_its_own_publisher() {
    let (world, log) = (World::new(), Log::default());
    let own = world.spawn(subscribed(listener(&log, "own", obey), &["#"]));
    world.tell(own, "pub t 1");
    world.tell(own, "pub t 2");
    world.run();
    assert_eq!(log.take(), ["own t 1", "own t 2"]);
}

#[test]
fn a_full_subscriber_loses_only_its_own() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let (world, log) = (World::new(), Log::default());
        let mut spec = subscribed(listener(&log, "full", obey), &["t"]);
        spec.mailbox.overflow = overflow;
        spec.mailbox.max_messages = 2;
        let full = world.spawn(spec);
        world.spawn(subscribed(listener(&log, "other", obey), &["t"]));
        let publisher = world.spawn(listener(&log, "p", obey));
        // Both wait out a backoff, so that nothing is taken from their mailboxes.
        for _ in 0..2 {
            world.publish("t", "boom");
            world.run();
        }
        log.take();
        for number in 1..=3 {
            world.tell(publisher, format!("pub t {number}"));
        }
        world.run();
        let slot = world.publish_confirmed("t", "4");
        world.run();
        let drops = overflow == Overflow::DropOldest;
        let count: u32 = if drops { 2 } else { 1 };
        assert_eq!(world.settled(slot), Some(Settled::Value(count.to_le_bytes().to_vec())), "{overflow:?}");
        assert_eq!(world.status(publisher).counters.handled, 3, "the publisher does not wait");
        assert_eq!(lost(&world, LossReason::MailboxFull), if drops { (0, 2) } else { (2, 0) }, "{overflow:?}");
        let letters: Vec<&str> = world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect();
        assert_eq!(letters[letters.len() - 2..], ["mailbox-full"; 2]);
        world.advance(10_000);
        let (mut left, other): (Vec<_>, Vec<_>) = log.take().into_iter().partition(|line| line.starts_with("full"));
        assert_eq!(other, ["other t 1", "other t 2", "other t 3", "other t 4"]);
        left.sort();
        assert_eq!(left, if drops { ["full t 3", "full t 4"] } else { ["full t 1", "full t 2"] });
        assert_eq!(world.status(full).counters.accepted, if drops { 6 } else { 4 });
    }
}

#[test]
fn a_confirmed_publish_counts_the_mailboxes_that_took_it() {
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        for name in ["a", "b", "c"] {
            world.spawn(subscribed(listener(&log, name, obey), &["t"]));
        }
        let mut small = subscribed(listener(&log, "small", obey), &["t"]);
        small.mailbox.max_payload = 3;
        world.spawn(small);
        world.subscribe(1, "t");
        world.subscribe(2, "#");
        let slots = [("t", "yes", 5_u32), ("t", "large", 4), ("u", "x", 1), ("v.w", "x", 1)];
        for (topic, text, count) in slots {
            let slot = world.publish_confirmed(topic, text);
            assert_eq!(world.wait(slot), Settled::Value(count.to_le_bytes().to_vec()), "{topic} {text}");
        }
        world.port.fill(true);
        let slot = world.publish_confirmed("u", "x");
        assert_eq!(world.wait(slot), Settled::Value(0_u32.to_le_bytes().to_vec()), "the port's queue is full");
        let slot = world.publish_confirmed("a..b", "x");
        assert_eq!(world.wait(slot), Settled::error(AskError::TopicInvalid));
    }
}

#[test]
fn one_subscriber_gets_a_copy_for_each_subscription() {
    let (world, log) = (World::new(), Log::default());
    world.spawn(subscribed(listener(&log, "twice", obey), &["t.*", "t.#"]));
    let mut once = subscribed(listener(&log, "once", obey), &["t.*", "t.#"]);
    once.subscriptions.iter_mut().for_each(|one| one.once = true);
    world.spawn(once);
    world.publish("t.a", "1");
    world.run();
    assert_eq!(log.take(), ["twice t.a 1", "twice t.a 1", "once t.a 1"]);
}

#[test]
fn subscriptions_survive_a_restart() {
    let (world, log) = (World::new(), Log::default());
    let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["spec"]));
    world.tell(subscriber, "sub 1 own");
    world.run();
    assert!(world.system.subscribe_actor(subscriber, &SubscriptionSpec::new("outside")).unwrap());
    for topic in ["own", "spec", "outside"] {
        world.publish(topic, "boom");
        world.run();
    }
    // The third crash waits out a backoff; the mailbox takes messages meanwhile.
    for topic in ["own", "spec", "outside"] {
        world.publish(topic, "after");
    }
    world.advance(10_000);
    let seen: Vec<String> = log.take().into_iter().filter(|line| line.ends_with("after")).collect();
    assert_eq!(seen, ["s own after", "s spec after", "s outside after"]);
    assert_eq!(world.status(subscriber).restarts, 4, "the last crash was of a turn with others, then alone");
}

#[test]
fn a_life_that_subscribes_again_loses_nothing_that_is_queued() {
    let (world, log) = (World::new(), Log::default());
    let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &[]));
    world.tell(subscriber, "sub 1 t");
    world.run();
    world.tell(subscriber, "sub 1 t");
    world.publish("t", "1");
    world.publish("t", "2");
    world.run();
    assert_eq!(log.take(), ["s t 1", "s t 2"]);
    world.tell(subscriber, "sub 1 u");
    world.publish("t", "3");
    world.publish("u", "4");
    world.run();
    assert_eq!(log.take(), ["s t 3"], "in the turn that took the tag over; the other was published before");
    world.publish("t", "5");
    world.publish("u", "6");
    world.run();
    assert_eq!(log.take(), ["s u 6"]);
}

#[test]
fn subscriptions_are_gone_before_the_end_is_told() {
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["t"]));
        let end = world.stop(subscriber);
        assert_eq!(world.wait(end), Settled::ended(ReasonTag::Normal));
        world.publish("t", "1");
        world.run();
        assert_eq!(world.system.shared().hub.unheard(), 1, "nobody is subscribed");
        assert_eq!(world.system.audit().counters.offered(), 0);
        assert_eq!(world.system.subscribe_actor(subscriber, &SubscriptionSpec::new("t")), Ok(false));
    }
}

#[test]
fn what_was_on_its_way_to_an_actor_that_ended_is_refused() {
    let (world, log) = (World::new(), Log::default());
    let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["t"]));
    let slot = world.publish_confirmed("t", "1");
    // The record lies in the inbox already; the kill comes after it, so hold it back behind a crash.
    world.system.kill(subscriber);
    assert_eq!(world.wait(slot), Settled::Value(1_u32.to_le_bytes().to_vec()));
    assert_eq!(lost(&world, LossReason::Killed), (0, 1), "it was in the mailbox and ended with it");
}

#[test]
fn nothing_is_handled_after_an_unsubscribe_returned() {
    let (world, log) = (World::new(), Log::default());
    let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["t"]));
    for text in ["1", "2"] {
        world.publish("t", text);
    }
    assert_eq!(world.system.unsubscribe_actor(subscriber, "t"), Unsubscribed::Done);
    assert_eq!(world.system.unsubscribe_actor(subscriber, "t"), Unsubscribed::Nothing);
    world.publish("t", "3");
    world.run();
    assert!(log.take().is_empty());
    assert_eq!(lost(&world, LossReason::NoSubscriber), (0, 2), "they were queued");
    assert!(world.system.dead_letters().is_empty(), "who unsubscribes knows");
}

#[test]
fn an_unsubscribe_in_a_turn_holds_for_what_comes_back_of_it() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let one = world.spawn(subscribed(
        spawn_spec(Actor::new(move || {
            let notes = notes.clone();
            Box::new(move |turn, out| {
                let kinds: Vec<u16> = turn.frames.iter().map(|frame: &Frame<'_>| frame.kind).collect();
                notes.add(format!("{kinds:?}"));
                out.consume(1);
                match turn.frames[0].payload {
                    b"subscribe" => out.subscribe(0, 1, "t", ""),
                    b"unsubscribe" => out.unsubscribe(1),
                    _ => {}
                }
                Ok(())
            })
        })),
        &[],
    ));
    world.tell(one, "subscribe");
    world.run();
    world.tell(one, "unsubscribe");
    world.publish("t", "1");
    world.tell(one, "more");
    world.publish("t", "2");
    world.run();
    assert_eq!(log.take(), ["[1]", "[1, 7, 1, 7]", "[1]"]);
    assert_eq!(lost(&world, LossReason::NoSubscriber), (0, 2));
}

#[test]
fn a_subscriber_that_crashes_on_every_message_goes_on_and_loses_those() {
    let (world, log) = (World::new(), Log::default());
    let subscriber = world.spawn(subscribed(listener(&log, "s", obey), &["t"]));
    for text in ["boom", "1", "boom", "2"] {
        world.publish("t", text);
    }
    world.advance(60_000);
    let counters = world.status(subscriber).counters;
    assert_eq!((counters.accepted, counters.handled, counters.failed), (4, 2, 2));
    let reasons: Vec<&str> = world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["poison", "poison"]);
}

#[test]
fn an_unsubscribe_ends_a_replay_of_its_messages() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let notes = log.clone();
    let mut spec = spawn_spec(
        Actor::new(move || {
            let notes = notes.clone();
            Box::new(move |turn, _| {
                notes.add(format!("{} frames", turn.frames.len()));
                if turn.frames.len() > 1 { Err(trap("boom")) } else { Ok(()) }
            })
        })
        .starting(),
    );
    spec.subscriptions = vec![SubscriptionSpec::new("t")];
    let subscriber = world.spawn(spec);
    world.system.hold(true);
    for text in ["1", "2", "3"] {
        world.publish("t", text);
    }
    world.system.hold(false);
    // The turn of three crashes; before the replay of it the subscription ends.
    world.system.run_until_idle();
    assert_eq!(world.system.unsubscribe_actor(subscriber, "t"), Unsubscribed::Done);
    world.tell(subscriber, "after");
    world.advance(5_000);
    world.check();
    assert_eq!(world.status(subscriber).queued, 0);
}

#[test]
fn a_kept_message_greets_whoever_subscribes() {
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        world.retain("t.a", "old");
        world.retain("t.a", "new");
        let publisher = world.spawn(listener(&log, "p", obey));
        world.tell(publisher, "keep t.b two");
        world.run();
        let spec = subscribed(listener(&log, "spec", obey), &["t.*"]);
        world.spawn(spec);
        world.spawn(ActorSpec { lazy: true, ..subscribed(listener(&log, "lazy", obey), &["t.a"]) });
        let own = world.spawn(listener(&log, "own", obey));
        world.tell(own, "sub 3 t.b");
        world.subscribe(9, "t.#");
        world.run();
        let mut seen = log.take();
        seen.sort();
        assert_eq!(seen, ["lazy t.a new kept", "own t.b two kept", "spec t.a new kept", "spec t.b two kept"]);
        assert_eq!(world.port.published(), ["t.a [9] new kept", "t.b [9] two kept"]);
        world.retain("t.a", "");
        world.spawn(subscribed(listener(&log, "late", obey), &["t.a"]));
        world.run();
        let late: Vec<String> = log.take().into_iter().filter(|line| line.starts_with("late")).collect();
        assert!(late.is_empty(), "an empty message forgets it");
    }
}
