//! The stash (`STH-1`).

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::kind;
use troupe_actor::port::work;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::{ActorSpec, Overflow};

use crate::common::{Actor, Handler, Log, Settled, World, external, puppet, spawn_spec, trap};

/// Puts everything aside until it is told to `open`; `close` begins anew. Answers asks.
fn door(log: &Log) -> Handler {
    let (log, mut open) = (log.clone(), false);
    Box::new(move |turn, out| {
        for (at, frame) in turn.frames.iter().enumerate() {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            match &*text {
                "open" => {
                    open = true;
                    out.unstash();
                }
                "close" => open = false,
                "boom" => return Err(trap("boom")),
                "stop" => out.stop(),
                _ if !open && frame.kind != kind::DOWN => {
                    out.stash(at as u32);
                    log.add(format!("aside {text}"));
                    continue;
                }
                _ => {}
            }
            if frame.kind == kind::ASK {
                out.reply(frame.corr, frame.payload);
            }
            log.add(text);
        }
        Ok(())
    })
}

fn spec(log: &Log) -> ActorSpec {
    let log = log.clone();
    spawn_spec(Actor::new(move || door(&log)))
}

fn single(log: &Log) -> ActorSpec {
    let log = log.clone();
    spawn_spec(Actor::new(move || door(&log)).one_at_a_time())
}

#[test]
fn what_was_put_aside_comes_back_in_its_order() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spec(&log));
    world.tell_all(actor, &["a", "b"]);
    world.run();
    assert_eq!(world.status(actor).queued, 2);
    // What is in the same turn as `open` is handled with it.
    world.tell_all(actor, &["open", "c"]);
    world.run();
    assert_eq!(log.take(), ["aside a", "aside b", "open", "c", "a", "b"]);
    let counters = world.status(actor).counters;
    assert_eq!((counters.accepted, counters.handled), (4, 4));
}

#[test]
fn it_comes_before_what_is_queued_for_the_next_turn() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(single(&log));
    world.tell_all(actor, &["a", "b", "open", "c", "close", "d", "open"]);
    world.run();
    assert_eq!(log.take(), ["aside a", "aside b", "open", "a", "b", "c", "close", "aside d", "open", "d"]);
}

#[test]
fn an_ask_that_was_put_aside_is_answered_later() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spec(&log));
    let slot = world.ask(actor, "question", 1_000);
    world.run();
    assert_eq!((world.settled(slot), world.status(actor).queued), (None, 1));
    world.advance(500).tell(actor, "open");
    assert_eq!(world.wait(slot), Settled::Value(b"question".to_vec()));
}

#[test]
fn an_ask_that_was_put_aside_expires_with_its_deadline_and_makes_room() {
    // ASK-3
    let (world, log) = (World::new(), Log::default());
    let mut spec = spec(&log);
    spec.mailbox.max_messages = 2;
    spec.mailbox.overflow = Overflow::Reject;
    let actor = world.spawn(spec);
    let slot = world.ask(actor, "question", 100);
    world.run();
    let given_up = world.ask(actor, "other", FOREVER);
    world.run();
    world.system.abort_ask(actor, world.me, given_up);
    world.advance(101);
    assert_eq!(world.wait(slot), Settled::Error(AskError::Timeout as u32, vec![]));
    let status = world.status(actor);
    assert_eq!((status.queued, status.counters.expired, status.counters.aborted), (0, 1, 1));
    world.tell(actor, "open");
    world.run();
    assert_eq!(log.take(), ["aside question", "aside other", "open"]);
}

#[test]
fn a_crashed_turn_puts_nothing_aside() {
    // TURN-2, TURN-3
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spec(&log));
    world.tell_all(actor, &["a", "boom", "open", "b"]);
    world.run();
    // The replay is one message a turn, and the life that put `a` aside ends with `boom`.
    let seen = log.take();
    assert_eq!(seen, ["aside a", "aside a", "aside a", "open", "a", "b"]);
    assert_eq!((world.status(actor).restarts, world.status(actor).counters.failed), (2, 1));
}

#[test]
fn the_next_life_finds_in_front_what_the_last_one_had_put_aside() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(single(&log));
    world.tell_all(actor, &["a", "b"]);
    world.run();
    world.tell_all(actor, &["boom", "c", "open"]);
    world.run();
    assert_eq!(log.take(), ["aside a", "aside b", "aside a", "aside b", "aside c", "open", "a", "b", "c"]);
}

#[test]
fn an_ask_survives_the_restart_that_it_was_put_aside_in() {
    // MBX-4
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(single(&log));
    let slot = world.ask(actor, "question", 1_000);
    world.run();
    world.tell_all(actor, &["boom", "open"]);
    assert_eq!(world.wait(slot), Settled::Value(b"question".to_vec()));
}

#[test]
fn what_is_put_aside_at_the_end_is_a_dead_letter_and_an_ask_rejects() {
    // MBX-5
    for how in ["stop", "drain", "kill"] {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(spec(&log));
        world.tell(actor, "a");
        let slot = world.ask(actor, "question", FOREVER);
        world.run();
        match how {
            "kill" => assert!(world.system.kill(actor)),
            _ => assert!(matches!(world.wait(world.end(actor, how == "drain", FOREVER.into())), Settled::Ended(..))),
        }
        assert_eq!(world.wait(slot), Settled::Error(AskError::Stopped as u32, vec![]), "{how}");
        let reason = if how == "kill" { LossReason::Killed } else { LossReason::Stopped };
        assert_eq!(world.system.audit().counters.discarded[reason as usize], 2, "{how}");
    }
}

#[test]
fn it_counts_with_the_mailbox_and_one_message_always_gets_in() {
    // OVF-1
    let (world, log) = (World::new(), Log::default());
    let mut spec = spec(&log);
    spec.mailbox.max_messages = 3;
    spec.mailbox.overflow = Overflow::Reject;
    let actor = world.spawn(spec);
    world.tell_all(actor, &["a", "b"]);
    world.run();
    world.tell_all(actor, &["c", "d"]);
    world.run();
    assert_eq!(world.status(actor).queued, 3);
    assert_eq!(world.system.audit().counters.refused[LossReason::MailboxFull as usize], 1);
    world.tell(actor, "open");
    world.run();
    assert_eq!(log.take(), ["aside a", "aside b", "aside c", "open", "a", "b", "c"]);
}

#[test]
fn a_stash_holds_no_more_than_a_mailbox_may() {
    let (world, log) = (World::new(), Log::default());
    let mut spec = spec(&log);
    spec.mailbox.max_messages = 2;
    spec.mailbox.overflow = Overflow::Reject;
    let actor = world.spawn(spec);
    for text in ["a", "b", "c"] {
        world.tell(actor, text);
        world.run();
    }
    let slot = world.ask(actor, "question", FOREVER);
    assert_eq!(world.wait(slot), Settled::Error(AskError::MailboxFull as u32, vec![]));
    assert_eq!(world.system.audit().counters.discarded[LossReason::StashFull as usize], 2);
    assert_eq!(world.status(actor).queued, 2);
    world.tell(actor, "open");
    world.run();
    assert_eq!(log.take()[4..], ["open", "a", "b"]);
}

#[test]
fn under_drop_oldest_the_oldest_is_what_was_put_aside_first() {
    let (world, log) = (World::new(), Log::default());
    let mut spec = spec(&log);
    spec.mailbox.max_messages = 2;
    spec.mailbox.overflow = Overflow::DropOldest;
    let actor = world.spawn(spec);
    for text in ["a", "b", "c"] {
        world.tell(actor, text);
        world.run();
    }
    world.tell(actor, "open");
    world.run();
    assert_eq!(log.take()[3..], ["open", "b", "c"]);
    assert_eq!(world.system.audit().counters.discarded.iter().sum::<u64>(), 1);
}

#[test]
fn senders_that_wait_for_room_get_in_when_what_was_put_aside_comes_back() {
    // OVF-2
    let (world, log) = (World::new(), Log::default());
    let mut spec = spec(&log);
    spec.mailbox.max_messages = 2;
    let actor = world.spawn(spec);
    for text in ["a", "b"] {
        world.tell(actor, text);
        world.run();
    }
    world.tell(actor, "open");
    let hasty = world.send(actor, "x", 0);
    let patient = world.send(actor, "c", 1_000);
    assert_eq!(world.wait(hasty), Settled::Error(AskError::MailboxFull as u32, vec![]));
    assert_eq!(world.wait(patient), Settled::Value(vec![]));
    assert_eq!(log.take(), ["aside a", "aside b", "open", "a", "b", "c"]);
}

#[test]
fn only_messages_that_were_consumed_can_be_put_aside_each_once() {
    for (positions, consumed) in [(&[1u32][..], 1), (&[0, 0], 1), (&[5], 2)] {
        let world = World::new();
        let actor = Actor::new(move || {
            Box::new(move |_, out| {
                positions.iter().for_each(|at| out.stash(*at));
                out.consume(consumed);
                Ok(())
            })
        });
        let actor = world.spawn(spawn_spec(actor));
        world.tell_all(actor, &["a", "b"]);
        world.listen().run();
        let events = world.events();
        assert!(events.iter().any(|event| event == "crashed host-error"), "{events:?}");
    }
}

#[test]
fn an_answered_ask_is_handled_even_if_it_is_put_aside() {
    let world = World::new();
    let actor = Actor::new(|| {
        Box::new(|turn, out| {
            out.reply(turn.frames[0].corr, b"yes");
            out.stash(0);
            Ok(())
        })
    });
    let actor = world.spawn(spawn_spec(actor));
    let slot = world.ask(actor, "x", 1_000);
    assert_eq!(world.wait(slot), Settled::Value(b"yes".to_vec()));
    assert_eq!((world.status(actor).queued, world.status(actor).counters.handled), (0, 1));
}

#[test]
fn an_environment_puts_aside_before_its_handler_waits() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell_all(actor, &["a", "b", "c"]);
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["a", "b", "c"]);
    // `a` was put aside, `b` waits, `c` goes back.
    world.begun(&turn, 1, |out| out.stash(0));
    assert_eq!((world.status(actor).queued, world.status(actor).in_hand), (2, 1));
    world.done(&turn, |out| {
        out.unstash();
        out.consume(1);
    });
    assert_eq!(world.only_work(work::TURN).texts(), ["a", "c"]);
}

#[test]
fn a_crash_behind_others_keeps_what_those_put_aside() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell_all(actor, &["a", "b", "c"]);
    let turn = world.only_work(work::TURN);
    world.done(&turn, |out| {
        out.stash(0);
        out.consume(1);
        out.crash("Error\0oh\0\0");
    });
    let start = world.only_work(work::START);
    world.done(&start, |_| {});
    assert_eq!(world.only_work(work::TURN).texts(), ["a", "c"]);
    assert_eq!(world.status(actor).counters.failed, 1);
}

#[test]
fn what_was_put_aside_is_no_processed_message() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.listen().spawn(spec(&log));
    world.system.shared().listen_to_messages(true);
    world.events();
    world.tell_all(actor, &["a", "close", "bcd"]);
    world.run();
    assert_eq!(world.events(), ["received [1, 5, 3]", "processed [5] in 0"]);
    world.tell(actor, "open");
    world.run();
    assert_eq!(world.events(), ["received [4]", "processed [4] in 0", "received [1, 3]", "processed [1, 3] in 0"]);
}

#[test]
fn what_stays_aside_while_a_handler_waits_counts_for_the_bound() {
    let world = World::new();
    let mut spec = external(&world);
    (spec.mailbox.max_messages, spec.mailbox.overflow) = (1, Overflow::Reject);
    let actor = world.spawn_external(spec);
    world.tell(actor, "a");
    world.done(&world.only_work(work::TURN), |out| out.stash(0));
    let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    world.system.kill(other);
    world.run();
    world.tell(actor, "b");
    world.system.watch_for(actor, other, 1);
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.frames().iter().map(|frame| frame.kind).collect::<Vec<_>>(), [kind::MESSAGE, kind::DOWN]);
    world.begun(&turn, 1, |out| {
        out.unstash();
        out.stash(0);
    });
    assert_eq!(world.status(actor).queued, 1, "one is aside");
    world.system.kill(actor);
}
