//! Full mailboxes (`OVF-1` … `OVF-5`).

use troupe_actor::ask::AskError;
use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec};

/// An actor with this policy and room for `room` messages, which waits out a backoff until
/// virtual time goes on, so that nothing is taken from its mailbox.
fn busy(world: &World, log: &Log, overflow: Overflow, room: u32) -> Address {
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&notes)));
    spec.mailbox.overflow = overflow;
    spec.mailbox.max_messages = room;
    let actor = world.spawn(spec);
    for _ in 0..2 {
        world.tell(actor, "boom");
        world.run();
    }
    assert_eq!(world.status(actor).status, Status::Restarting);
    log.take();
    actor
}

/// Sends its messages on to `target`, wanting to hear of refusals, which it notes.
fn sender(log: &Log, target: Address) -> ActorSpec {
    let log = log.clone();
    spawn_spec(Actor::new(move || {
        let log = log.clone();
        each(move |frame, out| {
            match frame.kind {
                kind::SEND_FAILED => {
                    log.add(format!("refused {} #{}", frame.corr, frame::word(frame.payload, 0).unwrap()));
                }
                _ => {
                    log.add(format!("sends {}", String::from_utf8_lossy(frame.payload)));
                    out.tell_reported(target, u32::from(frame.payload[0]), frame.payload);
                }
            }
            Ok(())
        })
    }))
}

fn refused(world: &World) -> u64 {
    world.system.audit().counters.refused.iter().sum()
}

#[test]
fn reject_refuses_the_newest_and_tells_whoever_wants_to_hear() {
    let (world, log, notes) = (World::new(), Log::default(), Log::default());
    let actor = busy(&world, &log, Overflow::Reject, 2);
    let sends: Vec<_> = (0..3).map(|n: u32| world.send(actor, n.to_string(), 1_000)).collect();
    let ask = world.ask(actor, "ask", 1_000);
    let from = world.spawn(sender(&notes, actor));
    world.tell(from, "A");
    world.tell(actor, "tell");
    world.run();
    let full = Settled::error(AskError::MailboxFull);
    let outcome: Vec<_> = sends.iter().map(|slot| world.settled(*slot).unwrap()).collect();
    assert_eq!(outcome, [Settled::value(""), Settled::value(""), full.clone()]);
    assert_eq!(world.settled(ask), Some(full));
    assert_eq!(notes.take(), ["sends A", "refused 65 #3"]);
    assert_eq!((world.status(actor).queued, refused(&world)), (2, 4));
    assert_eq!(world.system.dead_letters().iter().filter(|l| l.reason.as_str() == "mailbox-full").count(), 4);
}

#[test]
fn the_bound_is_exact_for_messages_and_bytes() {
    // OVF-1, OVF-3
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        let by_count = busy(&world, &log, Overflow::Reject, 10);
        (0..25).for_each(|_| world.tell(by_count, "x"));
        world.run();
        assert_eq!(world.status(by_count).queued, 10);

        let notes = log.clone();
        let mut spec = spawn_spec(Actor::new(move || puppet(&notes)));
        spec.mailbox.overflow = Overflow::Reject;
        // Three frames of 24 bytes of header and 104 of payload.
        spec.mailbox.max_bytes = 3 * 128;
        let by_bytes = world.spawn(spec);
        (0..5).for_each(|_| world.tell(by_bytes, [b'x'; 101]));
        world.run();
        let counters = world.status(by_bytes).counters;
        assert_eq!((counters.accepted, counters.refused.iter().sum::<u64>()), (3, 2));
    }
}

#[test]
fn one_message_larger_than_the_byte_bound_fits_into_an_empty_mailbox() {
    let (world, log) = (World::new(), Log::default());
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest] {
        let notes = log.clone();
        let mut spec = spawn_spec(Actor::new(move || puppet(&notes)));
        spec.mailbox.max_bytes = 100;
        spec.mailbox.overflow = overflow;
        let actor = world.spawn(spec);
        assert_eq!(world.wait(world.send(actor, [b'x'; 500], 1_000)), Settled::value(""), "{overflow:?}");
    }
}

#[test]
fn drop_newest_keeps_what_is_there() {
    let (world, log) = (World::new(), Log::default());
    let actor = busy(&world, &log, Overflow::DropNewest, 2);
    world.tell_all(actor, &["1", "2", "3", "4"]);
    let ask = world.ask(actor, "5", 1_000);
    world.advance(1_000);
    assert_eq!(log.take(), ["1", "2"]);
    assert_eq!(world.settled(ask), Some(Settled::error(AskError::MailboxFull)));
    assert_eq!(refused(&world), 3);
}

#[test]
fn drop_oldest_keeps_the_newest_and_settles_dropped_asks() {
    // OVF-4
    let (world, log) = (World::new(), Log::default());
    let actor = busy(&world, &log, Overflow::DropOldest, 2);
    let ask = world.ask(actor, "1", 5_000);
    world.tell_all(actor, &["2", "3", "4"]);
    world.run();
    assert_eq!(world.settled(ask), Some(Settled::error(AskError::MailboxFull)));
    assert_eq!(world.status(actor).queued, 2);
    world.advance(1_000);
    assert_eq!(log.take(), ["3", "4"]);
    let counters = world.status(actor).counters;
    assert_eq!(counters.discarded.iter().sum::<u64>(), 2);
}

#[test]
fn drop_oldest_drops_as_many_as_a_large_message_needs() {
    let (world, log) = (World::new(), Log::default());
    let actor = busy(&world, &log, Overflow::DropOldest, 100);
    let spec_room = 100;
    (0..spec_room).for_each(|n: u32| world.tell(actor, n.to_string()));
    world.tell(actor, "newest");
    world.advance(1_000);
    let notes = log.take();
    assert_eq!((notes.len(), notes[0].as_str(), notes[99].as_str()), (100, "1", "newest"));

    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&notes)).starting());
    spec.mailbox.overflow = Overflow::DropOldest;
    spec.mailbox.max_bytes = 4 * 32;
    let actor = world.spawn_waiting(&std::sync::Arc::new(spec), troupe_actor::spec::SpawnArgs::default()).0;
    world.tell_all(actor, &["a", "b", "c", "d"]);
    // 24 + 72 bytes leave room for one of 32.
    world.tell(actor, [b'z'; 72]);
    world.run();
    assert_eq!(log.take(), ["d".to_owned(), "z".repeat(72)]);
}

/// A turn is running while more comes: what is queued behind it must stay within reach.
#[test]
fn drop_oldest_is_exact_while_a_turn_runs() {
    let world = World::new();
    let log = Log::default();
    let notes = log.clone();
    let own = std::sync::Arc::new(std::sync::OnceLock::<Address>::new());
    let me = std::sync::Arc::clone(&own);
    let mut spec = spawn_spec(Actor::new(move || {
        let (notes, me) = (notes.clone(), std::sync::Arc::clone(&me));
        each(move |frame, out| {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            // Self-sends are delivered while the turn's mailbox is split.
            if text == "0" {
                (0..30).for_each(|n| out.tell(*me.get().unwrap(), format!("self{n}").as_bytes()));
            }
            notes.add(text);
            Ok(())
        })
    }));
    spec.mailbox.overflow = Overflow::DropOldest;
    spec.mailbox.max_messages = 100;
    let actor = world.spawn(spec);
    own.set(actor).unwrap();
    (0..100).for_each(|n: u32| world.tell(actor, n.to_string()));
    world.run();
    // 64 are in the first turn, 36 behind it; 30 more fit.
    let seen = log.take();
    assert_eq!(seen.len(), 130);
    let own_order: Vec<_> = seen.iter().filter(|note| note.starts_with("self")).collect();
    assert_eq!(own_order.len(), 30);
    assert_eq!(world.status(actor).queued, 0);
}

#[test]
fn a_send_waits_for_room_in_order_and_up_to_its_deadline() {
    // OVF-2
    let (world, log) = (World::new(), Log::default());
    let actor = busy(&world, &log, Overflow::Wait, 1);
    let sends: Vec<_> = ["a", "b", "c"].map(|text| world.send(actor, text, 5_000)).to_vec();
    let hurried = world.send(actor, "hurried", 10);
    let at_once = world.send(actor, "at once", 0);
    world.run();
    assert_eq!(world.settled(sends[0]), Some(Settled::value("")));
    assert_eq!((world.settled(sends[1]), world.settled(sends[2])), (None, None));
    assert_eq!(world.settled(at_once), Some(Settled::error(AskError::MailboxFull)));
    world.advance(10);
    assert_eq!(world.settled(hurried), None);
    world.advance(1);
    assert_eq!(world.settled(hurried), Some(Settled::error(AskError::MailboxFull)));
    world.advance(1_000);
    assert_eq!(log.take(), ["a", "b", "c"]);
    sends.iter().for_each(|slot| assert_eq!(world.settled(*slot), Some(Settled::value(""))));
}

#[test]
fn a_small_message_does_not_overtake_a_large_one_that_waits() {
    // ORD-1
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&notes)).starting());
    spec.mailbox.max_bytes = 128;
    let actor = world.spawn_waiting(&std::sync::Arc::new(spec), troupe_actor::spec::SpawnArgs::default()).0;
    world.send(actor, "first", FOREVER);
    world.send(actor, vec![b'L'; 100], FOREVER);
    world.send(actor, "small", FOREVER);
    world.run();
    assert_eq!(log.take(), ["first".to_owned(), "L".repeat(100), "small".to_owned()]);
}

#[test]
fn a_tell_from_outside_never_waits() {
    let (world, log) = (World::new(), Log::default());
    let actor = busy(&world, &log, Overflow::Wait, 1);
    world.tell_all(actor, &["a", "b"]);
    world.run();
    assert_eq!((world.status(actor).queued, refused(&world)), (1, 1));
}

#[test]
fn an_ask_waits_for_room_no_longer_than_the_policy_and_its_own_deadline() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |_, out| {
            notes.add("turn");
            out.consume(1);
            out.wait_for(&[1]);
            Ok(())
        })
    }));
    spec.mailbox.max_messages = 1;
    spec.mailbox.wait_ms = 100;
    let actor = world.spawn(spec);
    world.tell(actor, "held");
    world.run();
    world.tell(actor, "queued");
    let (short, long, forever) =
        (world.ask(actor, "", 50), world.ask(actor, "", 10_000), world.ask(actor, "", FOREVER));
    world.advance(51);
    assert_eq!(world.settled(short), Some(Settled::error(AskError::Timeout)));
    assert_eq!(world.settled(long), None);
    world.advance(50);
    assert_eq!(world.settled(long), Some(Settled::error(AskError::MailboxFull)));
    assert_eq!(world.settled(forever), Some(Settled::error(AskError::MailboxFull)));
    assert_eq!(log.take(), ["turn"]);
    world.system.kill(actor);
}

#[test]
fn a_full_target_parks_the_sender_until_there_is_room() {
    // OVF-2
    for shards in [1, 2] {
        let (world, log, notes) = (World::sharded(shards), Log::default(), Log::default());
        let actor = busy(&world, &log, Overflow::Wait, 1);
        let from = world.spawn(sender(&notes, actor));
        // One message a turn, so that parking shows.
        for text in ["a", "b", "c"] {
            world.tell(from, text);
            world.run();
        }
        assert_eq!(notes.take(), ["sends a", "sends b"], "the second one waits, the third has no turn");
        assert_eq!(world.status(from).queued, 1);
        world.advance(1_000);
        assert_eq!(notes.take(), ["sends c"]);
        assert_eq!(log.take(), ["a", "b", "c"]);
    }
}

#[test]
fn a_parked_sender_goes_on_when_its_message_is_refused() {
    // OVF-2, OVF-5
    for shards in [1, 2] {
        let (world, notes) = (World::sharded(shards), Log::default());
        let mut spec = spawn_spec(Actor::new(|| {
            Box::new(|_, out| {
                out.consume(1);
                out.wait_for(&[1]);
                Ok(())
            })
        }));
        spec.mailbox.max_messages = 1;
        let actor = world.spawn(spec);
        world.tell(actor, "held");
        world.run();
        world.tell(actor, "queued");
        let from = world.spawn(sender(&notes, actor));
        world.tell_all(from, &["A", "B"]);
        world.run();
        world.tell(from, "C");
        world.run();
        assert_eq!(notes.take(), ["sends A", "sends B"]);
        world.advance(5_000);
        assert!(notes.take().is_empty());
        world.advance(1);
        let mut heard = notes.take();
        heard.sort();
        assert_eq!(heard, ["refused 65 #3", "refused 66 #3", "sends C"]);
        world.system.kill(actor);
    }
}

#[test]
fn waiting_messages_are_refused_when_the_target_ends() {
    for end in ["kill", "stop", "drain"] {
        for shards in [1, 2] {
            let (world, log, notes) = (World::sharded(shards), Log::default(), Log::default());
            let actor = busy(&world, &log, Overflow::Wait, 1);
            let from = world.spawn(sender(&notes, actor));
            world.tell(actor, "queued");
            world.run();
            let slot = world.send(actor, "waits", 5_000);
            world.tell(from, "A");
            world.run();
            match end {
                "kill" => assert!(world.system.kill(actor)),
                _ => drop(world.end(actor, end == "drain", 1_000)),
            }
            world.run();
            assert_eq!(world.settled(slot), Some(Settled::error(AskError::Stopped)), "{end}");
            assert_eq!(notes.take(), ["sends A", "refused 65 #5"], "{end}");
        }
    }
}

#[test]
fn a_message_to_oneself_never_waits() {
    let (world, log) = (World::new(), Log::default());
    let own = std::sync::Arc::new(std::sync::OnceLock::<Address>::new());
    let me = std::sync::Arc::clone(&own);
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let (notes, me) = (notes.clone(), std::sync::Arc::clone(&me));
        each(move |frame, out| {
            if frame.kind == kind::SEND_FAILED {
                notes.add(format!("refused {}", frame.corr));
            } else if frame.payload == b"go" {
                (1..=3).for_each(|tag| out.tell_reported(*me.get().unwrap(), tag, b"self"));
            } else {
                notes.add("self");
            }
            Ok(())
        })
    }));
    spec.mailbox.max_messages = 2;
    let actor = world.spawn(spec);
    own.set(actor).unwrap();
    world.tell(actor, "go");
    world.run();
    assert_eq!(log.take(), ["self", "self", "refused 3"]);
}

#[test]
fn steady_pressure_leaves_no_timers_behind() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&notes)));
    spec.mailbox.max_messages = 2;
    let actor = world.spawn(spec);
    for _ in 0..200 {
        for _ in 0..10 {
            world.send(actor, "x", 5_000);
        }
        world.advance(1);
    }
    assert_eq!(log.take().len(), 2_000);
    // One timer serves all; once it has found nobody waiting, nothing is due.
    world.advance(5_000);
    assert_eq!(world.system.next_due(), None);
}
