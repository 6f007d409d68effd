//! Actors that are told how full their mailbox is (`OVF-6`).

use troupe_actor::frame::{FLAG_HIGH, Frame, kind, word};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::{ActorSpec, MailboxSpec, Overflow};
use troupe_actor::timer::{Repeat, TimerOrder};

use crate::common::{Actor, InlineMode, Log, Out, Settled, World, external, spawn_spec, trap};

/// Messages queued, most messages, and whether it is high; `-` for any other frame but a message, whose text it is.
fn read(frame: &Frame<'_>) -> String {
    match frame.kind {
        kind::PRESSURE => {
            let high = if frame.flags & FLAG_HIGH != 0 { " high" } else { "" };
            format!("{} of {}{high}", word(frame.payload, 0).unwrap(), word(frame.payload, 8).unwrap())
        }
        kind::MESSAGE | kind::ASK => String::from_utf8_lossy(frame.payload).into_owned(),
        _ => "-".to_owned(),
    }
}

fn read_all(frames: &[Frame<'_>]) -> String {
    frames.iter().map(read).collect::<Vec<_>>().join(", ")
}

/// Notes each turn as a line; `act` does the rest.
fn told(log: &Log, act: fn(&[Frame<'_>], &mut Out) -> bool) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, out| {
            log.add(read_all(&turn.frames));
            for frame in turn.frames.iter().filter(|frame| frame.kind == kind::ASK) {
                out.reply(frame.corr, b"yes");
            }
            if act(&turn.frames, out) { Ok(()) } else { Err(trap("boom")) }
        })
    })
}

fn asking(actor: Actor, messages: u32) -> ActorSpec {
    let spec = spawn_spec(actor);
    let mailbox = MailboxSpec { max_messages: messages, ..spec.mailbox };
    ActorSpec { pressure: true, mailbox, ..spec }
}

fn is_one(frames: &[Frame<'_>], text: &[u8]) -> bool {
    frames.iter().any(|frame| frame.payload == text)
}

#[test]
fn each_turn_begins_with_a_frame_and_no_other_actors_turn_does() {
    let (world, log) = (World::new(), Log::default());
    let told_it = world.spawn(asking(told(&log, |_, _| true).one_at_a_time(), 100));
    world.tell_all(told_it, &["a", "b", "c"]);
    world.run();
    assert_eq!(log.take(), ["3 of 100, a", "2 of 100, b", "1 of 100, c"]);
    let not = world.spawn(spawn_spec(told(&log, |_, _| true)));
    world.tell_all(not, &["a", "b"]);
    world.run();
    assert_eq!(log.take(), ["a, b"]);
    assert_eq!(world.status(told_it).counters.handled, 3);
}

#[test]
fn bytes_are_those_of_everything_queued_and_no_bound_is_said() {
    let world = World::new();
    let log = Log::default();
    let notes = log.clone();
    let actor = Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, _| {
            let words = [4, 12].map(|at| word(turn.frames[0].payload, at).unwrap());
            notes.add(format!("{words:?} {}", turn.frames[0].flags));
            Ok(())
        })
    });
    let mut spec = asking(actor, u32::MAX);
    spec.mailbox.max_bytes = usize::MAX;
    let actor = world.spawn(spec);
    world.tell_all(actor, &["a", "123456789"]);
    world.run();
    // Headers of 24 bytes, payloads padded to eight.
    assert_eq!(log.take(), [format!("[{}, {}] 0", 24 + 8 + 24 + 16, u32::MAX)]);
}

#[test]
fn what_a_turn_leaves_comes_with_a_frame_of_its_own() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(asking(
        told(&log, |_, out| {
            out.consume(2);
            true
        }),
        100,
    ));
    world.tell_all(actor, &["a", "b", "c"]);
    world.run();
    assert_eq!(log.take(), ["3 of 100, a, b, c", "2 of 100, b, c", "1 of 100, c"]);
    let status = world.status(actor);
    assert_eq!((status.counters.handled, status.queued), (3, 0));
}

#[test]
fn a_handler_that_waits_is_told_with_each_answer() {
    let (world, log) = (World::new(), Log::default());
    let other = world.spawn(spawn_spec(told(&Log::default(), |_, _| true)));
    let notes = log.clone();
    let actor = Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            notes.add(read_all(&turn.frames));
            if is_one(&turn.frames, b"ask") {
                out.ask(other, 3, 1_000, b"x");
                out.wait_for(&[3]);
                out.consume(2);
            }
            Ok(())
        })
    });
    let actor = world.spawn(asking(actor, 100));
    world.tell_all(actor, &["ask", "b"]);
    world.run();
    assert_eq!(log.take(), ["2 of 100, ask, b", "1 of 100, -", "1 of 100, b"]);
}

#[test]
fn a_wait_that_consumes_nothing_gives_the_frame_back_to_nobody() {
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let actor = Actor::new(move || {
        let (notes, mut waited) = (notes.clone(), false);
        Box::new(move |turn, out| {
            notes.add(read_all(&turn.frames));
            if !std::mem::replace(&mut waited, true) {
                out.set_timer(5, 10, (0, 0), b"");
                out.wait_for(&[5]);
                out.consume(0);
            }
            Ok(())
        })
    });
    let actor = world.spawn(asking(actor, 100));
    world.tell_all(actor, &["a", "b"]);
    world.advance(20);
    assert_eq!(log.take(), ["2 of 100, a, b", "2 of 100, -", "2 of 100, a, b"]);
    assert_eq!((world.status(actor).counters.handled, world.status(actor).queued), (2, 0));
}

#[test]
fn a_crashed_turn_is_replayed_with_frames_that_are_right_again() {
    // TURN-3
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(asking(told(&log, |frames, _| !is_one(frames, b"boom")), 100));
    world.tell_all(actor, &["a", "boom", "b"]);
    world.run();
    assert_eq!(log.take(), ["3 of 100, a, boom, b", "3 of 100, a", "2 of 100, boom", "1 of 100, b"]);
    let counters = world.status(actor).counters;
    assert_eq!((counters.handled, counters.failed, world.status(actor).restarts), (2, 1, 2));
}

#[test]
fn a_malformed_result_and_a_kill_leave_nothing_behind() {
    for kills in [false, true] {
        let (world, log) = (World::new(), Log::default());
        let mut spec = asking(told(&log, |_, _| true), 100);
        let place = external(&world);
        (spec.external, spec.factory) = (place.external, place.factory);
        let actor = world.spawn_external(spec);
        world.tell_all(actor, &["a", "b"]);
        let turn = world.only_work(work::TURN);
        assert_eq!((read_all(&turn.frames()), turn.count), ("2 of 100, a, b".to_owned(), 3));
        if kills {
            world.system.kill(actor);
            world.run();
            assert_eq!(world.system.audit().counters.discarded.iter().sum::<u64>(), 2);
        } else {
            world.done(&turn, |out| out.raw(b"????"));
            assert_eq!(world.status(actor).queued, 2);
            world.done(&world.only_work(work::START), |_| {});
            let turn = world.only_work(work::TURN);
            assert_eq!(read_all(&turn.frames()), "2 of 100, a");
            world.done(&turn, |_| {});
            world.done(&world.only_work(work::TURN), |_| {});
        }
    }
}

#[test]
fn an_environment_whose_handler_waits_has_taken_the_frame() {
    for consumed in [0, 1] {
        let world = World::new();
        let actor = world.spawn_external(ActorSpec { pressure: true, ..external(&world) });
        world.tell_all(actor, &["a", "b"]);
        let turn = world.only_work(work::TURN);
        world.begun(&turn, consumed, |_| {});
        assert_eq!((world.status(actor).in_hand, world.status(actor).queued), (1, 1));
        world.done_single(&turn, |out| out.consume(1));
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.texts().last().map(String::as_str), Some("b"));
        world.done(&turn, |_| {});
        assert_eq!(world.status(actor).counters.handled, 2);
    }
}

#[test]
fn it_is_high_at_four_fifths_or_when_somebody_waits() {
    let (world, log) = (World::new(), Log::default());
    let mut spec = asking(told(&log, |_, _| true).one_at_a_time().starting(), 5);
    spec.mailbox.overflow = Overflow::Wait;
    let (actor, _) = world.spawn_waiting(&std::sync::Arc::new(spec), Default::default());
    world.tell_all(actor, &["a", "b", "c", "d", "e"]);
    let waits = world.send(actor, "f", 1_000);
    world.run();
    assert_eq!(world.settled(waits), Some(Settled::value("")));
    // The one that waited came in when the first one was taken.
    let expected = ["6 of 5 high, a", "5 of 5 high, b", "4 of 5 high, c", "3 of 5, d", "2 of 5, e", "1 of 5, f"];
    assert_eq!(log.take(), expected);
}

#[test]
fn what_was_put_aside_counts() {
    // STH-1: the place of a message is counted with the frame in front.
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(asking(
        told(&log, |frames, out| {
            if is_one(frames, b"aside") {
                out.stash(1);
            }
            true
        }),
        100,
    ));
    for text in ["aside", "b"] {
        world.tell(actor, text);
        world.run();
    }
    assert_eq!(log.take(), ["1 of 100, aside", "2 of 100, b"]);
    assert_eq!((world.status(actor).queued, world.status(actor).counters.handled), (1, 1));
}

#[test]
fn an_ask_on_the_ports_own_thread_is_told_too() {
    let (world, log) = (World::new(), Log::default());
    let mut spec = asking(told(&log, |_, _| true).inline(InlineMode::Done), 100);
    spec.inline = true;
    let actor: Address = world.spawn(spec);
    let (_, slot) = world.ask_inline(actor, "a", 1_000);
    assert_eq!(world.wait(slot), Settled::value("yes"));
    assert_eq!(log.take(), ["1 of 100, a"]);
}

#[test]
fn a_tick_that_a_turn_left_and_whose_timer_it_took_back_does_not_come() {
    // TMR-2: the turn handled the frame in front of the tick alone.
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let actor = Actor::new(move || {
        let notes = notes.clone();
        Box::new(move |turn, out| {
            notes.add(turn.frames.iter().map(|frame| frame.kind.to_string()).collect::<Vec<_>>().join(" "));
            match turn.frames[1].kind {
                kind::MESSAGE => out.set_timer(1, 10, (0, 0), b""),
                _ => {
                    out.consume(1);
                    out.cancel_timer(1);
                }
            }
            Ok(())
        })
    });
    let actor = world.spawn(asking(actor, 100));
    world.tell(actor, "a");
    world.advance(100);
    let (message, tick) = (kind::MESSAGE, kind::TIMER);
    assert_eq!(log.take(), [message, tick].map(|kind| format!("{} {kind}", kind::PRESSURE)));
    assert_eq!(world.status(actor).counters.handled, 1);
}

/// An actor that an environment runs, with a timer every ten milliseconds, whose first tick it has in hand.
fn ticking(world: &World) -> (Address, crate::common::Work) {
    let actor = world.spawn_external(ActorSpec { pressure: true, ..external(world) });
    let order = TimerOrder { delay_ms: 10, repeat: Repeat::Rate(10), payload: b"" };
    world.system.set_own_timer(actor, 1, 1, &order).unwrap();
    world.advance(10);
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.frames().iter().map(|frame| frame.kind).collect::<Vec<_>>(), [kind::PRESSURE, kind::TIMER]);
    (actor, turn)
}

#[test]
fn a_tick_whose_handler_begins_to_wait_stays_the_one_that_it_was() {
    // TMR-3: what falls due while it is in hand is counted with the next one.
    for consumed in [0, 1] {
        let world = World::new();
        let (actor, turn) = ticking(&world);
        world.advance(55);
        world.begun(&turn, consumed, |_| {});
        world.done_single(&turn, |out| out.consume(1));
        let turn = world.only_work(work::TURN);
        assert_eq!(word(turn.frames()[1].payload, 0), Some(4), "of 20, 30, 40, 50 and 60, the last is this one");
        world.system.kill(actor);
    }
}

#[test]
fn a_tick_of_a_replay_whose_handler_begins_to_wait_stays_the_one_that_it_was() {
    // TMR-3, TURN-3
    for consumed in [0, 1] {
        let world = World::new();
        let actor = world.spawn_external(ActorSpec { pressure: true, ..external(&world) });
        world.tell(actor, "a");
        let order = TimerOrder { delay_ms: 0, repeat: Repeat::Rate(10), payload: b"tick" };
        world.system.set_timer(actor, world.me, &order, None).unwrap();
        let crashed = world.only_work(work::TURN);
        assert_eq!(crashed.texts()[1..], ["a", "tick"]);
        world.done(&crashed, |out| out.raw(b"no result"));
        world.done(&world.only_work(work::START), |_| {});
        world.done(&world.only_work(work::TURN), |_| {});
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.texts()[1..], ["tick"]);
        world.advance(55);
        world.begun(&turn, consumed, |_| {});
        world.done_single(&turn, |out| out.consume(1));
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.texts()[1..], ["tick"], "one for those of 10 to 50, at once");
        world.system.kill(actor);
    }
}

#[test]
fn a_tick_in_hand_stays_there_although_its_timer_is_taken_back() {
    for consumed in [0, 1] {
        let world = World::new();
        let (actor, turn) = ticking(&world);
        assert!(!world.system.cancel_own_timer(actor, 1, 1), "it is in hand");
        world.listen();
        world.begun(&turn, consumed, |_| {});
        world.done_single(&turn, |out| out.consume(1));
        world.advance(100);
        assert!(world.events().is_empty() && world.work().is_empty(), "nothing comes after it");
        world.system.kill(actor);
    }
}

#[test]
fn a_drain_does_not_wait_for_a_tick_that_its_environment_took_back_or_replaced() {
    // TMR-1, TMR-2, STOP-2
    for replaced in [false, true] {
        let world = World::new();
        let actor = world.spawn_external(external(&world));
        let order = TimerOrder { delay_ms: 0, repeat: Repeat::Once, payload: b"" };
        let set = || world.system.set_own_timer(actor, 1, 1, &order).unwrap();
        set();
        {
            let mut shard = world.system.shards()[0].state.lock();
            shard.refresh_clock(world.system.shared());
            shard.run_timers(world.system.shared());
        }
        let drained = world.end(actor, true, u64::MAX);
        if replaced {
            set();
        } else {
            assert!(world.system.cancel_own_timer(actor, 1, 1));
        }
        world.done(&world.only_work(work::STOP), |_| {});
        assert_eq!(world.wait(drained), Settled::ended(ReasonTag::Normal), "replaced: {replaced}");
    }
}
