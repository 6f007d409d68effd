//! Asks of actors, and handlers that wait for the answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use troupe_actor::ask::AskError;
use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec, trap};

/// What a frame is, for notes.
fn describe(frame: &frame::Frame<'_>) -> String {
    let text = String::from_utf8_lossy(frame.payload);
    match frame.kind {
        kind::REPLY => format!("reply {} {text}", frame.corr),
        kind::ASK_FAILED => format!("failed {} #{}", frame.corr, frame::word(frame.payload, 0).unwrap()),
        kind::SEND_FAILED => format!("refused {} #{}", frame.corr, frame::word(frame.payload, 0).unwrap()),
        _ => text.into_owned(),
    }
}

/// Notes everything; `ask:<tag>:<text>` asks `target`, `wait:<tag>,<tag>` asks both tags and waits.
fn asker(log: &Log, target: Address, timeout_ms: u32) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, out| {
            for (at, frame) in turn.frames.iter().enumerate() {
                log.add(describe(frame));
                let text = String::from_utf8_lossy(frame.payload).into_owned();
                if frame.kind != kind::MESSAGE {
                    continue;
                }
                if text == "boom" {
                    return Err(trap("boom"));
                }
                if let Some((tag, request)) = text.strip_prefix("ask:").and_then(|rest| rest.split_once(':')) {
                    out.ask(target, tag.parse().unwrap(), timeout_ms, request.as_bytes());
                }
                if let Some(tags) = text.strip_prefix("wait:") {
                    let tags: Vec<u32> = tags.split(',').map(|tag| tag.parse().unwrap()).collect();
                    tags.iter().for_each(|tag| out.ask(target, *tag, timeout_ms, tag.to_string().as_bytes()));
                    out.wait_for(&tags);
                    out.consume(at as u32 + 1);
                    break;
                }
            }
            Ok(())
        })
    })
}

fn echo(world: &World) -> Address {
    world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))))
}

/// One shard, and several: cells are dealt out in turn, so asker and target are apart.
fn worlds() -> [World; 2] {
    [World::new(), World::sharded(3)]
}

#[test]
fn an_actor_asks_another_and_the_answer_comes_as_a_frame() {
    for world in worlds() {
        let log = Log::default();
        let target = echo(&world);
        let actor = world.spawn(spawn_spec(asker(&log, target, 0)));
        world.tell(actor, "ask:5:hello");
        world.run();
        assert_eq!(log.take(), ["ask:5:hello", "reply 5 hello"]);
    }
}

#[test]
fn a_waiting_handler_gets_nothing_but_its_answer_first() {
    for world in worlds() {
        let log = Log::default();
        let target = echo(&world);
        let actor = world.spawn(spawn_spec(asker(&log, target, 0)));
        world.tell_all(actor, &["wait:1", "a", "b"]);
        world.tell(actor, "c");
        world.run();
        assert_eq!(log.take(), ["wait:1", "reply 1 1", "a", "b", "c"]);
        assert_eq!(world.status(actor).counters.handled, 4);
    }
}

#[test]
fn a_handler_that_waits_for_two_answers_hears_each_of_them_first() {
    for world in worlds() {
        let log = Log::default();
        let target = echo(&world);
        let actor = world.spawn(spawn_spec(asker(&log, target, 0)));
        world.tell_all(actor, &["wait:1,2", "next"]);
        world.run();
        let notes = log.take();
        assert_eq!(notes.first().map(String::as_str), Some("wait:1,2"));
        assert_eq!(notes.get(1).map(String::as_str), Some("reply 1 1"));
        assert!(notes.contains(&"reply 2 2".to_owned()) && notes.contains(&"next".to_owned()), "{notes:?}");
    }
}

/// Asks twice, then waits for the second answer, then for the first.
#[test]
fn an_answer_that_came_before_it_was_waited_for_is_not_lost() {
    for world in worlds() {
        let log = Log::default();
        let target = echo(&world);
        let notes = log.clone();
        let actor = world.spawn(spawn_spec(Actor::new(move || {
            let notes = notes.clone();
            let mut waits = vec![1u32, 2];
            Box::new(move |turn, out| {
                turn.frames.iter().for_each(|frame| notes.add(describe(frame)));
                match turn.frames[0].kind {
                    kind::MESSAGE if turn.frames[0].payload == b"go" => {
                        out.ask(target, 1, 0, b"one");
                        out.ask(target, 2, 0, b"two");
                        out.wait_for(&[waits.pop().unwrap()]);
                        out.consume(1);
                    }
                    kind::REPLY => {
                        if let Some(tag) = waits.pop() {
                            out.wait_for(&[tag]);
                        }
                    }
                    _ => {}
                }
                Ok(())
            })
        })));
        world.tell_all(actor, &["go", "after"]);
        world.run();
        let notes: Vec<_> = log.take().into_iter().filter(|note| note != "go").collect();
        // The first turn also showed `after`, which it did not consume.
        assert_eq!(notes, ["after", "reply 2 two", "reply 1 one", "after"]);
    }
}

#[test]
fn an_answer_that_is_not_consumed_comes_again_in_front() {
    let (world, log) = (World::new(), Log::default());
    let target = echo(&world);
    let notes = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            let frames: Vec<_> = turn.frames.iter().map(describe).collect();
            notes.add(frames.join("|"));
            if turn.frames[0].payload == b"go" {
                out.ask(target, 1, 0, b"one");
                out.ask(target, 2, 0, b"two");
                out.wait_for(&[1, 2]);
            }
            out.consume(1);
            Ok(())
        })
    })));
    world.tell_all(actor, &["go", "a", "b"]);
    world.run();
    assert_eq!(log.take(), ["go|a|b", "reply 1 one|reply 2 two", "reply 2 two|a|b", "a|b", "b"]);
    assert_eq!(world.status(actor).counters.handled, 3);
}

type Killer = Box<dyn Fn(Address)>;
thread_local! {
    static KILLER: RefCell<Option<Killer>> = const { RefCell::new(None) };
}

#[test]
fn a_kill_with_an_answer_in_hand_loses_no_message_from_the_books() {
    let world = Rc::new(World::new());
    let target = echo(&world);
    let own = Arc::new(OnceLock::<Address>::new());
    let me = Arc::clone(&own);
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let me = Arc::clone(&me);
        Box::new(move |turn, out| {
            if turn.frames[0].kind == kind::REPLY {
                // Killed from outside while this turn runs.
                KILLER.with_borrow(|kill| kill.as_ref().unwrap()(*me.get().unwrap()));
                return Ok(());
            }
            out.ask(target, 1, 0, b"one");
            out.wait_for(&[1]);
            out.consume(1);
            Ok(())
        })
    })));
    own.set(actor).unwrap();
    let weak = Rc::downgrade(&world);
    KILLER.set(Some(Box::new(move |address| assert!(weak.upgrade().unwrap().system.kill(address)))));
    world.tell_all(actor, &["go", "a", "b"]);
    world.run();
    assert_eq!(world.wait(world.watch(actor)), Settled::ended(ReasonTag::Killed));
    // The two messages behind the wait.
    assert_eq!(world.system.audit().counters.discarded.iter().sum::<u64>(), 2);
}

#[test]
fn the_timeout_of_an_actors_ask_comes_as_a_frame() {
    for world in worlds() {
        let log = Log::default();
        let target = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
        let actor = world.spawn(spawn_spec(asker(&log, target, 50)));
        world.tell_all(actor, &["wait:9", "next"]);
        world.advance(50);
        assert_eq!(log.take(), ["wait:9"]);
        world.advance(2);
        assert_eq!(log.take(), [format!("failed 9 #{}", AskError::Timeout as u32).as_str(), "next"]);
    }
}

#[test]
fn an_ask_without_a_timeout_waits_five_seconds() {
    // ASK-1
    let (world, log) = (World::new(), Log::default());
    let target = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    let actor = world.spawn(spawn_spec(asker(&log, target, 0)));
    world.tell(actor, "ask:9:x");
    world.advance(5_000);
    assert_eq!(log.take(), ["ask:9:x"]);
    world.advance(1);
    assert_eq!(log.take(), ["failed 9 #1"]);
}

#[test]
fn failures_of_the_asked_actor_come_as_frames() {
    for world in worlds() {
        let log = Log::default();
        let target = echo(&world);
        let actor = world.spawn(spawn_spec(asker(&log, target, 0)));
        let nobody = world.spawn(spawn_spec(asker(&log, Address { index: 1, tag: 5 }, 0)));
        world.tell(actor, "ask:1:fail: no");
        world.tell(actor, "ask:2:boom");
        world.tell(nobody, "ask:3:x");
        world.advance(1_000);
        let mut notes = log.take();
        notes.retain(|note| !note.starts_with("ask"));
        notes.sort();
        assert_eq!(notes, ["failed 1 #11", "failed 2 #6", "failed 3 #4"]);
    }
}

/// Keeps a request until the next message, and answers it then.
fn answers_when_told() -> Actor {
    Actor::new(|| {
        let mut open = None;
        each(move |frame, out| {
            match (frame.kind, open) {
                (kind::ASK, _) => open = Some(frame.corr),
                (_, Some(corr)) => out.reply(corr, b"late"),
                _ => {}
            }
            Ok(())
        })
    })
}

#[test]
fn answers_to_an_older_incarnation_are_dropped() {
    // Section 0: incarnations are stamped on asks.
    for world in worlds() {
        let log = Log::default();
        let target = world.spawn(spawn_spec(answers_when_told()));
        let actor = world.spawn(spawn_spec(asker(&log, target, 5_000)));
        world.tell(actor, "ask:1:x");
        world.run();
        world.tell(actor, "boom");
        world.run();
        world.tell(target, "answer now");
        world.run();
        world.tell(actor, "after");
        world.run();
        assert_eq!(log.take(), ["ask:1:x", "boom", "after"]);
        assert_eq!(world.system.audit().late_replies, 1);
    }
}

#[test]
fn answers_that_come_during_a_backoff_are_not_for_the_next_life() {
    for world in worlds() {
        let log = Log::default();
        let target = world.spawn(spawn_spec(answers_when_told()));
        let actor = world.spawn(spawn_spec(asker(&log, target, 5_000)));
        world.tell(actor, "boom");
        world.run();
        world.tell(actor, "ask:1:x");
        world.run();
        world.tell(actor, "boom");
        world.run();
        // The second failure in a row waits; the answer meets the dead life.
        world.tell(target, "answer now");
        world.run();
        world.advance(1_000);
        world.tell(actor, "after");
        world.run();
        assert_eq!(log.take(), ["boom", "ask:1:x", "boom", "after"]);
    }
}

#[test]
fn a_crash_of_a_handler_that_waited_settles_its_own_ask() {
    let world = World::new();
    let target = echo(&world);
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        each(move |frame, out| {
            if frame.kind == kind::REPLY {
                return Err(trap("after the answer"));
            }
            out.ask(target, 1, 0, b"x");
            out.wait_for(&[1]);
            Ok(())
        })
    })));
    let slot = world.ask(actor, "go", 5_000);
    assert!(matches!(world.wait(slot), Settled::Crashed(_, crash) if crash.message == "after the answer"));
    assert_eq!(world.status(actor).incarnation, 2);
}

#[test]
fn a_reply_may_come_after_awaited_answers() {
    let world = World::sharded(2);
    let target = echo(&world);
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let mut asked = None;
        Box::new(move |turn, out| {
            let frame = &turn.frames[0];
            if frame.kind == kind::ASK {
                asked = Some(frame.corr);
                out.ask(target, 1, 0, frame.payload);
                out.wait_for(&[1]);
                out.consume(1);
            } else {
                out.reply(asked.take().unwrap(), frame.payload);
            }
            Ok(())
        })
    })));
    let slots: Vec<_> = (0..5).map(|n: u32| world.ask(actor, n.to_string(), 1_000)).collect();
    world.run();
    for (n, slot) in slots.into_iter().enumerate() {
        assert_eq!(world.settled(slot), Some(Settled::value(&n.to_string())));
    }
}

#[test]
fn answers_take_no_room_in_the_mailbox() {
    // OVF-3
    let world = World::new();
    let log = Log::default();
    let target = echo(&world);
    let mut spec = spawn_spec(asker(&log, target, 0).one_at_a_time());
    spec.mailbox.max_messages = 2;
    spec.mailbox.overflow = troupe_actor::spec::Overflow::Reject;
    let actor = world.spawn(spec);
    for tag in 0..10 {
        world.tell(actor, format!("ask:{tag}:x"));
        world.run();
    }
    assert_eq!(log.take().len(), 20);
    assert_eq!(world.system.audit().counters.refused.iter().sum::<u64>(), 0);
}
