//! Asks: each settles exactly once, with what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use troupe_actor::ask::AskError;
use troupe_actor::frame::kind;
use troupe_actor::id::Address;
use troupe_actor::interrupt::TurnSlot;
use troupe_actor::record::FOREVER;
use troupe_actor::shard::{Job, Outbox};

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec, trap};

fn spawn(world: &World, log: &Log) -> Address {
    let log = log.clone();
    world.spawn(spawn_spec(Actor::new(move || puppet(&log))))
}

#[test]
fn an_ask_is_answered_with_the_reply() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    assert_eq!(world.wait(world.ask(actor, "hello", 1_000)), Settled::value("hello"));
    assert_eq!(world.wait(world.ask(actor, "", 1_000)), Settled::value(""));
}

#[test]
fn a_typed_error_of_the_guest_is_an_ordinary_reply() {
    // FAIL-1
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let expected = Settled::Error(AskError::HandlerError as u32, b"fail: no".to_vec());
    assert_eq!(world.wait(world.ask(actor, "fail: no", 1_000)), expected);
    assert_eq!(world.status(actor).incarnation, 1);
}

#[test]
fn an_ask_without_an_answer_times_out_and_never_early() {
    // ASK-1, ASK-6
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let slot = world.ask(actor, "keep", 100);
    world.advance(100);
    assert_eq!(world.settled(slot), None);
    world.advance(1);
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
    // The handler took it, so it is handled, not expired.
    let counters = world.status(actor).counters;
    assert_eq!((counters.handled, counters.expired), (1, 0));
}

#[test]
fn timeouts_longer_than_a_round_of_the_wheel_are_kept() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let slots = [50, 9_000, 40_000].map(|ms| (ms, world.ask(actor, "keep", ms)));
    let forever = world.ask(actor, "keep", FOREVER);
    let mut passed = 0;
    for (ms, slot) in slots {
        world.advance(u64::from(ms) - passed);
        assert_eq!(world.settled(slot), None, "{ms}");
        world.advance(1);
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)), "{ms}");
        passed = u64::from(ms) + 1;
    }
    world.advance(1_000_000);
    assert_eq!(world.settled(forever), None);
    assert_eq!(world.wait(world.stop(actor)), Settled::ended(troupe_actor::reason::ReasonTag::Normal));
    assert_eq!(world.settled(forever), Some(Settled::error(AskError::Stopped)));
}

#[test]
fn a_request_that_expired_in_the_queue_is_never_executed() {
    // ASK-3
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    world.tell(actor, "boom");
    world.run();
    world.tell(actor, "boom");
    world.run();
    // Waits out a backoff of 80 to 100 ms.
    let (short, long) = (world.ask(actor, "short", 10), world.ask(actor, "long", 5_000));
    world.advance(1_000);
    assert_eq!(world.settled(short), Some(Settled::error(AskError::Timeout)));
    assert_eq!(world.settled(long), Some(Settled::value("long")));
    assert_eq!(log.take(), ["boom", "boom", "long"]);
    assert_eq!(world.status(actor).counters.expired, 1);
}

#[test]
fn an_aborted_request_is_skipped_when_reached() {
    // CAN-1
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let slot = world.ask(actor, "queued", 5_000);
    world.system.abort_ask(actor, world.me, slot);
    assert_eq!(world.wait(slot), Settled::error(AskError::Aborted));
    world.run();
    assert!(log.take().is_empty());
    let counters = world.status(actor).counters;
    assert_eq!((counters.aborted, counters.handled), (1, 0));
    world.system.abort_ask(actor, world.me, slot);
}

#[test]
fn an_abort_of_a_request_in_hand_releases_the_caller_at_once() {
    // CAN-2
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let slot = world.ask(actor, "keep", 5_000);
    world.run();
    world.system.abort_ask(actor, world.me, slot);
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Aborted)));
    assert_eq!(world.status(actor).counters.aborted, 0);
}

/// Keeps the correlations of asks; a tell answers the oldest one.
fn keeper() -> Actor {
    Actor::new(|| {
        let mut open = std::collections::VecDeque::new();
        each(move |frame, out| {
            match frame.kind {
                kind::ASK => open.push_back(frame.corr),
                _ if frame.payload == b"boom" => return Err(trap("boom")),
                _ => {
                    if let Some(corr) = open.pop_front() {
                        out.reply(corr, frame.payload);
                    }
                }
            }
            Ok(())
        })
    })
}

#[test]
fn an_ask_may_be_answered_turns_later() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(keeper()));
    let (first, second) = (world.ask(actor, "", 5_000), world.ask(actor, "", 5_000));
    world.run();
    world.tell(actor, "one");
    assert_eq!(world.wait(first), Settled::value("one"));
    assert_eq!(world.settled(second), None);
    world.tell(actor, "two");
    assert_eq!(world.wait(second), Settled::value("two"));
}

#[test]
fn a_late_reply_is_dropped_and_counted() {
    // ASK-4
    let world = World::new();
    let actor = world.spawn(spawn_spec(keeper()));
    let slot = world.ask(actor, "", 100);
    world.advance(200);
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
    world.tell(actor, "late");
    world.run();
    assert_eq!(world.system.audit().late_replies, 1);
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
}

#[test]
fn a_late_reply_does_not_meet_a_later_ask_in_the_same_place() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(keeper()));
    let old = world.ask(actor, "", 1);
    world.advance(10);
    // 256 asks later a number of eight bits would come again.
    for _ in 0..255 {
        let slot = world.ask(actor, "", 1);
        world.advance(10);
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
    }
    let open = world.ask(actor, "", 5_000);
    world.run();
    world.tell(actor, "for the oldest");
    world.run();
    assert_eq!(world.settled(old), Some(Settled::error(AskError::Timeout)));
    assert_eq!(world.settled(open), None);
}

#[test]
fn a_second_reply_to_an_ask_is_dropped() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(Actor::new(|| {
        each(|frame, out| {
            out.reply(frame.corr, b"first");
            out.reply(frame.corr, b"second");
            out.fail(frame.corr, b"third");
            Ok(())
        })
    })));
    assert_eq!(world.wait(world.ask(actor, "", 1_000)), Settled::value("first"));
    assert_eq!(world.system.audit().late_replies, 2);
}

#[test]
fn an_actor_cannot_answer_for_another() {
    let world = World::new();
    let keeper = world.spawn(spawn_spec(keeper()));
    let slot = world.ask(keeper, "", 5_000);
    world.run();
    let thief = world.spawn(spawn_spec(Actor::new(|| {
        each(|_, out| {
            (0..64).for_each(|corr| out.reply(corr, b"stolen"));
            Ok(())
        })
    })));
    world.tell(thief, "now");
    world.run();
    assert_eq!(world.settled(slot), None);
}

#[test]
fn open_asks_are_told_of_a_crash_and_queued_ones_survive_it() {
    // MBX-3, MBX-4
    let world = World::new();
    let actor = world.spawn(spawn_spec(keeper()));
    let open = world.ask(actor, "", 5_000);
    world.run();
    world.tell(actor, "boom");
    let queued = world.ask(actor, "", 5_000);
    world.tell(actor, "answer");
    assert!(matches!(world.wait(open), Settled::Crashed(..)));
    assert_eq!(world.wait(queued), Settled::value("answer"));
}

#[test]
fn the_death_of_the_target_settles_open_and_queued_asks() {
    // ASK-5, MBX-5
    let world = World::new();
    let actor = world.spawn(spawn_spec(keeper()));
    let (open, watch) = (world.ask(actor, "", FOREVER), world.watch(actor));
    world.run();
    let queued = world.ask(actor, "", FOREVER);
    assert!(world.system.kill(actor));
    world.run();
    for slot in [open, queued] {
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Stopped)));
    }
    // Asks are settled before whoever watches hears of the end.
    assert_eq!(world.port.order().last(), Some(&watch));
    assert_eq!(world.wait(world.ask(actor, "", 1_000)), Settled::error(AskError::Stopped));
}

#[test]
fn an_ask_of_nobody_fails_at_once() {
    let world = World::new();
    let nobody = Address { index: 3, tag: 77 };
    assert_eq!(world.wait(world.ask(nobody, "", 1_000)), Settled::error(AskError::NoSuchActor));
    assert_eq!(world.wait(world.ask(Address::NONE, "", 1_000)), Settled::error(AskError::NoSuchActor));
    assert_eq!(world.wait(world.ask(world.me, "", 1_000)), Settled::error(AskError::NoSuchActor));
}

#[test]
fn a_payload_over_the_limit_is_refused() {
    // DLV-5
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let (fits, over) = (vec![b'x'; 1 << 20], vec![b'x'; (1 << 20) + 1]);
    assert_eq!(world.wait(world.ask(actor, &fits, 1_000)), Settled::Value(fits));
    assert_eq!(world.wait(world.ask(actor, &over, 1_000)), Settled::error(AskError::TooLarge));
    assert_eq!(world.wait(world.send(actor, &over, 1_000)), Settled::error(AskError::TooLarge));
}

#[test]
fn replies_come_in_the_order_of_the_answers() {
    // ORD-3
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let slots: Vec<u32> = (0..100).map(|n: u32| world.ask(actor, n.to_string(), 1_000)).collect();
    world.run();
    assert_eq!(world.port.order(), slots);
}

#[test]
fn what_an_actor_asked_does_not_reach_its_next_life() {
    // ASK-4: the other answers when the life that asked has crashed.
    let (world, log) = (World::new(), Log::default());
    let other = world.spawn(spawn_spec(keeper()));
    let noted = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let log = noted.clone();
        each(move |frame, out| {
            log.add(format!("{} {}", frame.kind, String::from_utf8_lossy(frame.payload)));
            match frame.payload {
                b"begin" => out.ask(other, 1, 1_000, b"kept open"),
                b"boom" => return Err(trap("boom")),
                _ => {}
            }
            Ok(())
        })
    })));
    world.tell(actor, "begin");
    world.run();
    world.tell(actor, "boom");
    world.run();
    world.tell(other, "late");
    world.run();
    assert_eq!(log.take(), ["1 begin", "1 boom"]);
    assert_eq!(world.system.audit().late_replies, 1);
}

#[test]
fn the_deadline_of_an_ask_begins_when_the_slow_turn_that_asks_ends() {
    // TMR-4: the shard slept while a thread ran the turn, so its reading of the clock is old.
    let (world, log) = (World::new(), Log::default());
    let silent = spawn(&world, &log);
    let asker = world.spawn(spawn_spec(Actor::new(move || {
        each(move |frame, out| {
            if frame.kind == 1 {
                out.ask(silent, 1, 100, b"keep");
            }
            Ok(())
        })
    })));
    world.tell(asker, "go");
    let (handle, shared) = (&world.system.shards()[0], world.system.shared());
    let slot = Arc::new(TurnSlot::default());
    let (index, mut job) = (shared.add_slot(&slot), Job::default());
    {
        let mut shard = handle.state.lock();
        shard.refresh_clock(shared);
        handle.drain_inbox(&mut shard, shared, &mut Outbox::default());
        assert!(shard.next_job(shared, index, 1, &mut job));
    }
    world.now.fetch_add(5_000, Ordering::Release);
    slot.mark_slow(1);
    job.run(&slot, 1);
    handle.state.lock().commit(shared, &mut job);
    assert_eq!(world.system.next_due(), Some(world.now.load(Ordering::Acquire) + 101));
}
