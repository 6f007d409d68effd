//! Timers (`TMR`), in virtual time that begins at 1,000.

use troupe_actor::counters::LossReason;
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::Overflow;
use troupe_actor::timer::{MAX_TIMERS, Repeat, TimerError, TimerOrder};

use crate::common::{Actor, Log, Settled, World, clockwork, external, spawn_spec};

const NOTHING: [&str; 0] = [];

fn actor(world: &World, log: &Log) -> Address {
    world.spawn(spawn_spec(clockwork(world, log)))
}

fn order(delay_ms: u32, repeat: Repeat, payload: &[u8]) -> TimerOrder<'_> {
    TimerOrder { delay_ms, repeat, payload }
}

/// A timer of the actor's place.
fn set(world: &World, to: Address, delay_ms: u32, repeat: Repeat, payload: &str) -> u32 {
    world.system.set_timer(to, world.me, &order(delay_ms, repeat, payload.as_bytes()), None).unwrap()
}

fn timers(world: &World) -> u64 {
    world.system.audit().census.timers
}

#[test]
fn a_timer_ticks_once_at_its_time_and_never_early() {
    // TMR-1, TMR-4
    let (world, log) = (World::new(), Log::default());
    world.tell(actor(&world, &log), "once 7 100");
    world.run();
    log.take();
    assert_eq!(world.advance(99).system.next_moment(), Some(1_100));
    assert_eq!(log.take(), NOTHING);
    world.advance(1);
    assert_eq!(log.take(), ["tick 7 @1100"]);
    world.advance(1_000);
    assert_eq!((log.take(), timers(&world), world.system.next_due()), (vec![], 0, None));
}

#[test]
fn a_fixed_delay_counts_from_the_end_of_the_handling_turn() {
    // TMR-1
    let world = World::new();
    let port = world.spawn_external(external(&world));
    world.system.set_own_timer(port, 1, 3, &order(10, Repeat::Delay(10), b"x")).unwrap();
    let turn = world.advance(10).only_work(work::TURN);
    world.begun(&turn, 0, |_| {});
    // It takes 25 ms, so the next tick is due 35 ms after the first.
    assert_eq!(world.advance(25).work().len(), 0);
    world.done(&turn, |_| {});
    assert_eq!(world.advance(9).work().len(), 0);
    assert_eq!(world.advance(1).only_work(work::TURN).frames()[0].corr, 3);
}

#[test]
fn a_fixed_rate_goes_by_its_schedule_and_counts_what_it_missed() {
    // TMR-1, TMR-3
    let world = World::new();
    let port = world.spawn_external(external(&world));
    world.system.set_own_timer(port, 1, 3, &order(10, Repeat::Rate(10), b"x")).unwrap();
    let first = world.advance(10).only_work(work::TURN);
    world.begun(&first, 0, |_| {});
    world.advance(35);
    world.done(&first, |_| {});
    // Due at 1020, 1030 and 1040: one tick stands for them.
    let second = world.only_work(work::TURN);
    assert_eq!(second.frames()[0].payload, [&2u32.to_le_bytes()[..], &[0; 4], b"x"].concat());
    world.done(&second, |_| {});
    assert_eq!(world.advance(4).work().len(), 0);
    assert_eq!(world.advance(1).only_work(work::TURN).frames()[0].payload[..4], [0; 4]);
}

#[test]
fn periodic_ticks_coalesce_while_the_actor_is_busy() {
    // TMR-3
    let world = World::new();
    let port = world.spawn_external(external(&world));
    world.tell(port, "long");
    let long = world.only_work(work::TURN);
    world.begun(&long, 0, |_| {});
    world.system.set_own_timer(port, 1, 1, &order(5, Repeat::Delay(10), b"")).unwrap();
    world.system.set_own_timer(port, 1, 2, &order(5, Repeat::Rate(10), b"")).unwrap();
    world.advance(100);
    world.done_single(&long, |_| {});
    for key in [1, 2] {
        let turn = world.only_work(work::TURN);
        assert_eq!((turn.count, turn.frames()[0].corr), (1, key));
        assert_eq!(turn.frames()[0].payload[..4], [9, 0, 0, 0], "nine periods went by");
        world.done(&turn, |_| {});
    }
    assert_eq!(timers(&world), 2);
}

#[test]
fn setting_a_key_again_replaces_the_timer_even_if_its_tick_is_queued() {
    // TMR-1, TMR-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 1 50;once 1 80");
    world.advance(79);
    assert_eq!(log.take(), ["once 1 50;once 1 80"]);
    world.advance(1);
    assert_eq!(log.take(), ["tick 1 @1080"]);
    world.tell(actor, "once 1 0");
    world.run();
    log.take();
    // One turn sets it; the tick waits behind a message that sets it anew.
    world.tell(actor, "once 2 10");
    world.run();
    world.tell(actor, "once 2 30");
    world.advance(30);
    assert_eq!(log.take(), ["once 2 10", "once 2 30", "tick 2 @1110"]);
}

#[test]
fn a_cancelled_timer_never_ticks_not_even_from_the_queue() {
    // TMR-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 1 10");
    world.run();
    // Both lie in the mailbox when the actor gets to them, the message first.
    world.tell(actor, "cancel 1");
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    world.run();
    assert_eq!(log.take(), ["once 1 10", "cancel 1"]);
    world.advance(100);
    assert_eq!((log.take(), timers(&world)), (vec![], 0));
}

#[test]
fn a_tick_is_a_turn_of_its_own_so_that_what_came_before_may_cancel_it() {
    // TMR-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 1 10;once 2 10");
    world.run();
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    // The ticks come first; the first one's payload is empty, so both are handled.
    world.tell_all(actor, &["a", "b"]);
    world.run();
    assert_eq!(log.take(), ["once 1 10;once 2 10", "a", "b", "tick 1 @1010", "tick 2 @1010"]);
    // A tick that cancels the other one, which is queued behind it.
    world.tell(actor, "once 1 10=cancel 2");
    world.tell(actor, "once 2 10");
    world.advance(50);
    assert_eq!(log.take(), ["once 1 10=cancel 2", "once 2 10", "tick 1 @1020"]);
}

#[test]
fn a_crash_cancels_what_the_life_had_set_and_its_turn_set_nothing() {
    // TMR-2, TURN-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "rate 1 10");
    world.advance(10);
    world.tell(actor, "once 2 5;boom");
    world.advance(100);
    assert_eq!(log.take(), ["rate 1 10", "tick 1 @1010", "once 2 5;boom"]);
    assert_eq!((timers(&world), world.status(actor).incarnation), (0, 2));
}

#[test]
fn a_queued_tick_of_an_earlier_life_goes() {
    // TMR-2
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(clockwork(&world, &log).one_at_a_time()));
    world.tell(actor, "once 1 10");
    world.run();
    world.tell_all(actor, &["boom", "after"]);
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    world.run();
    assert_eq!(log.take(), ["once 1 10", "boom", "after"]);
    assert_eq!(world.status(actor).queued, 0);
}

#[test]
fn a_tick_that_crashes_is_not_run_again_and_nobody_else_is_blamed() {
    // TMR-2, MBX-3
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 1 10=boom");
    world.run();
    world.tell_all(actor, &["a", "b"]);
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    world.advance(1_000);
    let status = world.status(actor);
    assert_eq!((status.restarts, status.counters.failed, status.counters.handled), (1, 0, 3));
    assert_eq!(log.take(), ["once 1 10=boom", "a", "b", "tick 1 @1010"]);
    assert_eq!(world.system.dead_letters().len(), 0);
}

#[test]
fn an_actor_has_a_thousand_timers_and_one_more_is_refused() {
    // TMR-5
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let actor = actor(&world, &log);
    world.tell(actor, format!("many {MAX_TIMERS} 1000"));
    world.tell(actor, "report 5000 10;once 5001 10;once 3 500");
    world.run();
    log.take();
    assert_eq!(timers(&world), 1_000);
    let lines = world.events();
    assert!(lines.iter().any(|line| line.contains("timer 5001 was not set")), "{lines:?}");
    world.tell(actor, "x");
    world.advance(500);
    assert_eq!(log.take(), ["x", "tick 3 @1500"]);
}

#[test]
fn a_refused_timer_comes_back_if_the_guest_asked_for_that() {
    // TMR-5, OVF-5
    let (world, log) = (World::new(), Log::default());
    let mut spec = spawn_spec(clockwork(&world, &log));
    spec.mailbox.max_payload = 64;
    spec.mailbox.max_bytes = 100;
    let actor = world.spawn(spec);
    let long = "y".repeat(60);
    world.tell(actor, format!("report 1 10={long}"));
    world.run();
    assert_eq!(log.take().len(), 0, "the message itself is too large");
    for (key, length) in [(1, 50), (2, 50), (3, 1)] {
        world.tell(actor, format!("report {key} 10={}", "y".repeat(length)));
        world.run();
    }
    let refused = log.take();
    let expected =
        "refused 3 18 timer 3 was not set: the payload is too large, or those of the actor's timers together are";
    assert_eq!(refused.last().map(String::as_str), Some(expected), "{refused:?}");
}

#[test]
fn a_timer_without_delay_lets_other_messages_through() {
    // TMR-5
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell_all(actor, &["once 1 0", "a", "b"]);
    world.run();
    assert_eq!(log.take(), ["once 1 0", "a", "b", "tick 1 @1000"]);
}

#[test]
fn a_full_mailbox_does_not_keep_ticks_out_and_ticks_take_no_room() {
    // OVF-3
    let world = World::new();
    let mut spec = external(&world);
    spec.mailbox.max_messages = 2;
    spec.mailbox.overflow = Overflow::Reject;
    let actor = world.spawn_external(spec);
    world.tell(actor, "long");
    let long = world.only_work(work::TURN);
    world.begun(&long, 0, |_| {});
    for key in 0..5 {
        world.system.set_own_timer(actor, 1, key, &order(1, Repeat::Once, b"")).unwrap();
    }
    world.advance(1);
    world.tell_all(actor, &["a", "b", "c"]);
    world.run();
    assert_eq!(world.status(actor).queued, 2);
    assert_eq!(world.system.audit().counters.refused[LossReason::MailboxFull as usize], 1);
    world.done(&long, |_| {});
    let mut seen = Vec::new();
    while let Some(turn) = world.work().pop() {
        seen.extend(turn.frames().iter().map(|frame| frame.kind));
        world.done(&turn, |_| {});
    }
    assert_eq!(seen, [8, 8, 8, 8, 8, 1, 1]);
}

#[test]
fn ticks_are_no_messages_of_the_conservation_law() {
    // DLV-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "rate 1 10");
    world.advance(100);
    let counters = world.status(actor).counters;
    assert_eq!((counters.offered(), counters.handled, log.take().len()), (1, 1, 11));
}

#[test]
fn stop_and_kill_cancel_everything_and_a_drain_does_not_wait_for_timers() {
    // TMR-2, STOP-2
    for how in ["stop", "drain", "kill"] {
        let (world, log) = (World::new(), Log::default());
        let actor = actor(&world, &log);
        world.tell(actor, "rate 1 10;once 2 0");
        world.run();
        let number = set(&world, actor, 10, Repeat::Rate(10), "outside");
        match how {
            "kill" => assert!(world.system.kill(actor)),
            _ => assert!(matches!(world.wait(world.end(actor, how == "drain", FOREVER.into())), Settled::Ended(..))),
        }
        assert_eq!((timers(&world), world.system.next_due()), (0, None), "{how}");
        assert!(!world.system.cancel_timer(actor, number));
        world.advance(100);
        assert_eq!(log.take(), ["rate 1 10;once 2 0", "tick 2 @1000"], "{how}");
    }
}

#[test]
fn a_handler_may_wait_for_a_tick() {
    // TURN-6
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 5 30;await 5");
    world.run();
    world.tell(actor, "later");
    world.advance(29);
    assert_eq!(log.take(), ["once 5 30;await 5"]);
    world.advance(1);
    assert_eq!(log.take(), ["tick 5 @1030", "later"]);
}

#[test]
fn a_drain_lets_a_handler_have_the_tick_that_it_waits_for() {
    // STOP-1
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.tell(actor, "once 5 30;rate 6 10;await 5");
    world.run();
    let slot = world.end(actor, true, FOREVER.into());
    world.advance(30);
    assert!(matches!(world.wait(slot), Settled::Ended(..)));
    assert_eq!(log.take(), ["once 5 30;rate 6 10;await 5", "tick 5 @1030"]);
}

#[test]
fn a_tick_that_was_queued_before_its_handler_waits_for_it_is_found() {
    // TURN-6
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(clockwork(&world, &log).one_at_a_time()));
    world.tell(actor, "once 5 10");
    world.run();
    world.tell_all(actor, &["await 5", "later"]);
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    world.run();
    assert_eq!(log.take(), ["once 5 10", "await 5", "tick 5 @1010", "later"]);
}

#[test]
fn one_key_set_a_million_times_leaves_one_entry() {
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    let port = world.spawn_external(external(&world));
    for count in 0..1_000_000u32 {
        world.system.set_own_timer(port, 1, 1, &order(1_000 + count % 7, Repeat::Once, b"x")).unwrap();
    }
    assert_eq!(timers(&world), 1);
    for _ in 0..1_000 {
        world.system.set_timer(actor, world.me, &order(1_000, Repeat::Once, b"x"), Some("key")).unwrap();
    }
    assert_eq!(timers(&world), 2);
    assert_eq!(world.system.next_due(), Some(2_000));
}

#[test]
fn a_malformed_timer_is_a_crash() {
    for words in [[10, 0, 1], [10, 0, 2], [10, 5, 3]] {
        let world = World::new();
        let actor = Actor::new(move || {
            crate::common::each(move |_, out| {
                out.set_timer_flagged(0, 1, words, b"");
                Ok(())
            })
        });
        let actor = world.spawn(spawn_spec(actor));
        world.tell(actor, "x");
        world.run();
        assert_eq!((world.status(actor).counters.failed, timers(&world)), (1, 0), "{words:?}");
    }
}

#[test]
fn a_life_that_is_over_sets_nothing() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    assert_eq!(world.system.set_own_timer(actor, 2, 1, &order(1, Repeat::Once, b"")), Err(TimerError::Ended));
    world.system.set_own_timer(actor, 1, 1, &order(50, Repeat::Once, b"")).unwrap();
    world.tell(actor, "x");
    let turn = world.only_work(work::TURN);
    world.done(&turn, |out| out.crash("Error\0oh\0\0"));
    assert_eq!(timers(&world), 0);
    let start = world.only_work(work::START);
    // The next life may, while it comes up; if it does not come up, its timers go.
    world.system.set_own_timer(actor, 2, 1, &order(0, Repeat::Once, b"")).unwrap();
    world.done(&start, |out| out.crash("Error\0no\0\0"));
    assert_eq!((timers(&world), world.status(actor).queued), (0, 0));
}
