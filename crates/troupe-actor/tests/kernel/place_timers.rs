//! Timers of an actor's place: set from outside, and their ticks are messages.

use troupe_actor::counters::LossReason;
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::ActorSpec;
use troupe_actor::supervision::spec::BackoffKind;
use troupe_actor::timer::{Repeat, TimerError, TimerOrder};

use crate::common::{Actor, Log, Settled, World, clockwork, external, puppet, spawn_spec};

fn actor(world: &World, log: &Log) -> Address {
    world.spawn(spawn_spec(clockwork(world, log)))
}

fn order(delay_ms: u32, repeat: Repeat, payload: &[u8]) -> TimerOrder<'_> {
    TimerOrder { delay_ms, repeat, payload }
}

fn set(world: &World, to: Address, delay_ms: u32, repeat: Repeat, payload: &str) -> u32 {
    world.system.set_timer(to, world.me, &order(delay_ms, repeat, payload.as_bytes()), None).unwrap()
}

fn timers(world: &World) -> u64 {
    world.system.audit().census.timers
}

#[test]
fn a_timer_from_outside_is_a_message_and_survives_a_restart() {
    // TMR-2, DLV-2
    let (world, log) = (World::new(), Log::default());
    let mut spec = spawn_spec(clockwork(&world, &log));
    spec.restart.backoff.kind = BackoffKind::Immediate;
    let actor = world.spawn(spec);
    set(&world, actor, 10, Repeat::Delay(10), "beat");
    world.advance(20);
    world.tell(actor, "boom");
    world.advance(20);
    assert_eq!(log.take(), ["beat", "beat", "boom", "beat", "beat"]);
    assert_eq!(world.status(actor).counters.handled, 4);
    assert_eq!(world.status(actor).incarnation, 2);
}

#[test]
fn a_tick_from_outside_that_crashes_is_poison_and_the_timer_goes_on() {
    // MBX-3
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(clockwork(&world, &log)));
    set(&world, actor, 10, Repeat::Rate(10), "boom");
    world.advance(10);
    assert_eq!(world.status(actor).counters.failed, 1);
    assert_eq!(world.system.dead_letters()[0].reason, LossReason::Poison);
    world.advance(10);
    assert_eq!((world.status(actor).counters.failed, timers(&world)), (2, 1));
}

#[test]
fn a_tick_from_outside_is_replayed_with_the_turn_that_crashed() {
    // TURN-3
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    let number = set(&world, actor, 10, Repeat::Once, "tick");
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    world.tell_all(actor, &["a", "boom", "b"]);
    world.run();
    assert_eq!(log.take(), ["a", "boom", "a", "boom", "b", "tick"]);
    assert_eq!(timers(&world), 0);
    assert!(!world.system.cancel_timer(actor, number));
}

#[test]
fn cancelling_from_outside_is_final_when_it_says_so() {
    // TMR-2
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let waiting = set(&world, actor, 10, Repeat::Once, "waiting");
    assert!(world.system.cancel_timer(actor, waiting));
    assert!(!world.system.cancel_timer(actor, waiting), "it is gone");
    world.tell(actor, "long");
    let long = world.only_work(work::TURN);
    world.begun(&long, 0, |_| {});
    let queued = set(&world, actor, 10, Repeat::Once, "queued");
    let kept = set(&world, actor, 10, Repeat::Once, "kept");
    world.advance(10);
    assert!(world.system.cancel_timer(actor, queued));
    assert_eq!(world.status(actor).counters.aborted, 1);
    world.done(&long, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["kept"]);
    assert!(!world.system.cancel_timer(actor, kept), "it is in the actor's hands");
    world.done(&turn, |_| {});
}

#[test]
fn a_tick_that_lies_with_the_running_turn_goes_when_that_has_ended() {
    // TMR-2
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell(actor, "first");
    let first = world.only_work(work::TURN);
    world.begun(&first, 0, |_| {});
    let own = order(1, Repeat::Once, b"own");
    world.system.set_own_timer(actor, 1, 4, &own).unwrap();
    world.tell(actor, "a");
    world.advance(1);
    let number = set(&world, actor, 1, Repeat::Rate(5), "outside");
    world.tell(actor, "b");
    world.advance(1);
    world.done(&first, |_| {});
    // The turn is `a` or the own tick alone; what lies behind it is in the buffer with the turn.
    let turn = world.only_work(work::TURN);
    let behind_is_own = turn.frames()[0].kind == 1;
    if behind_is_own {
        assert!(world.system.cancel_own_timer(actor, 1, 4));
    }
    assert!(world.system.cancel_timer(actor, number));
    world.done(&turn, |_| {});
    let mut seen = turn.texts();
    while let Some(turn) = world.work().pop() {
        seen.extend(turn.texts());
        world.done(&turn, |_| {});
    }
    assert!(seen.iter().all(|text| text != "outside"), "{seen:?}");
    assert_eq!((timers(&world), world.status(actor).queued), (0, 0));
}

#[test]
fn a_handle_of_a_timer_that_was_replaced_cancels_nothing() {
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    let set = |payload: &'static [u8]| {
        world.system.set_timer(actor, world.me, &order(10, Repeat::Once, payload), Some("key")).unwrap()
    };
    let (old, new) = (set(b"old"), set(b"new"));
    assert!(!world.system.cancel_timer(actor, old));
    world.advance(10);
    assert_eq!(log.take(), ["new"]);
    assert!(!world.system.cancel_timer(actor, new));
}

#[test]
fn a_timer_for_an_actor_that_has_ended_is_a_refused_message() {
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.wait(world.stop(actor));
    let error = world.system.set_timer(actor, world.me, &order(10, Repeat::Once, b"x"), None);
    assert_eq!(error, Err(TimerError::Ended));
    assert_eq!(world.system.dead_letters()[0].reason, LossReason::Stopped);
}

#[test]
fn a_lazy_actor_comes_up_for_a_tick() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(ActorSpec { lazy: true, ..spawn_spec(clockwork(&world, &log).starting()) });
    set(&world, actor, 10, Repeat::Once, "wake");
    world.advance(10);
    assert_eq!(log.take(), ["wake"]);
}

#[test]
fn a_system_under_the_machines_clock_ticks_in_time() {
    // TMR-4
    let world = World::threaded(1, 1);
    let log = Log::default();
    let actor = world.spawn(spawn_spec(Actor::new({
        let log = log.clone();
        move || puppet(&log)
    })));
    let began = std::time::Instant::now();
    set(&world, actor, 30, Repeat::Once, "tick");
    while log.len() == 0 {
        std::thread::yield_now();
    }
    assert!(began.elapsed() >= std::time::Duration::from_millis(30), "{:?}", began.elapsed());
}

#[test]
fn a_drain_does_not_wait_for_a_tick_that_was_taken_back() {
    // STOP-1, TMR-2
    let (world, log) = (World::new(), Log::default());
    let actor = actor(&world, &log);
    world.run();
    let number = set(&world, actor, 10, Repeat::Once, "tick");
    world.now.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    for handle in world.system.shards() {
        let mut shard = handle.state.lock();
        shard.refresh_clock(world.system.shared());
        shard.run_timers(world.system.shared());
    }
    let slot = world.end(actor, true, FOREVER.into());
    assert!(world.system.cancel_timer(actor, number), "its tick is queued");
    assert!(matches!(world.wait(slot), Settled::Ended(..)));
    assert_eq!(log.take(), Vec::<String>::new());
}
