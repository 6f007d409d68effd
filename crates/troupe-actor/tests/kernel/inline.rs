//! Asks that the port's own thread runs: the same outcome as on a worker, or none at all.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use troupe_actor::ask::AskError;
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::ActorSpec;
use troupe_actor::status::Status;
use troupe_actor::system::Inline;

use crate::common::{Actor, InlineMode, Log, Settled, World, each, puppet, spawn_spec};

fn spawn(world: &World, log: &Log, mode: InlineMode) -> Address {
    let log = log.clone();
    world.spawn(spawn_spec(Actor::new(move || puppet(&log)).inline(mode)))
}

#[test]
fn an_idle_actor_answers_on_the_spot() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Done);
    for text in ["a", "b"] {
        let (inline, slot) = world.ask_inline(actor, text, 1_000);
        assert_eq!((inline, world.settled(slot)), (Inline::Settled, Some(Settled::value(text))));
    }
    let counters = world.status(actor).counters;
    assert_eq!((counters.accepted, counters.handled), (2, 2));
    assert_eq!(world.system.next_due(), None, "no deadline is left behind");
}

#[test]
fn effects_of_an_inline_turn_go_their_way() {
    let (world, log) = (World::sharded(2), Log::default());
    let notes = log.clone();
    let target = world.spawn(spawn_spec(Actor::new(move || puppet(&notes))));
    let actor = world.spawn(spawn_spec(
        Actor::new(move || {
            each(move |frame, out| {
                out.tell(target, frame.payload);
                out.reply(frame.corr, b"ok");
                Ok(())
            })
        })
        .inline(InlineMode::Done),
    ));
    let (inline, slot) = world.ask_inline(actor, "x", 1_000);
    assert_eq!((inline, world.settled(slot)), (Inline::Settled, Some(Settled::value("ok"))));
    world.run();
    assert_eq!(log.take(), ["x"]);
}

#[test]
fn a_crash_on_the_ports_thread_is_a_crash_like_any() {
    for mode in [InlineMode::Done, InlineMode::Panics] {
        let (world, log) = (World::new(), Log::default());
        let actor = spawn(&world, &log, mode);
        let (inline, slot) = world.ask_inline(actor, "boom", 1_000);
        assert_eq!(inline, Inline::Settled);
        assert!(matches!(world.settled(slot), Some(Settled::Crashed(..))));
        world.run();
        assert_eq!((world.status(actor).status, world.status(actor).incarnation), (Status::Ready, 2));
        assert_eq!(world.status(actor).counters.failed, 1);
    }
}

#[test]
fn a_crash_with_a_backoff_is_known_to_the_timers() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Done);
    assert_eq!(world.ask_inline(actor, "boom", 1_000).0, Inline::Settled);
    world.run();
    assert_eq!(world.ask_inline(actor, "boom", 1_000).0, Inline::Settled);
    assert!(world.system.next_due().is_some());
    assert_eq!(world.ask_inline(actor, "x", 1_000).0, Inline::Declined, "it waits out its backoff");
    world.advance(1_000);
    assert_eq!(world.status(actor).status, Status::Ready);
}

#[test]
fn a_turn_that_takes_too_long_is_finished_by_a_worker() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Suspends);
    let (inline, slot) = world.ask_inline(actor, "x", 1_000);
    assert_eq!((inline, world.settled(slot)), (Inline::Pending, None));
    assert_eq!(world.status(actor).in_hand, 1);
    assert_eq!(world.wait(slot), Settled::value("x"));
    let (_, slot) = world.ask_inline(actor, "boom", 1_000);
    assert!(matches!(world.wait(slot), Settled::Crashed(..)));
}

#[test]
fn messages_behind_a_suspended_turn_wait_for_it() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Suspends);
    let (_, first) = world.ask_inline(actor, "first", 1_000);
    world.tell(actor, "second");
    assert_eq!(world.ask_inline(actor, "third", 1_000).0, Inline::Declined);
    world.run();
    assert_eq!(
        (log.take(), world.settled(first)),
        (vec!["first".into(), "second".into()], Some(Settled::value("first")))
    );
}

#[test]
fn a_suspended_turn_keeps_its_deadline() {
    // The ask was entered without a deadline; suspended or open, it has one.
    let (world, log) = (World::new(), Log::default());
    for mode in [InlineMode::Suspends, InlineMode::Done, InlineMode::Declines] {
        let actor = spawn(&world, &log, mode);
        let (inline, slot) = world.ask_inline(actor, "keep", 100);
        assert_eq!(inline, Inline::Pending, "{mode:?}");
        world.advance(100);
        assert_eq!(world.settled(slot), None, "{mode:?}");
        world.advance(1);
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)), "{mode:?}");
    }
}

#[test]
fn a_declined_turn_is_taken_by_a_worker_from_its_beginning() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Declines);
    let (inline, slot) = world.ask_inline(actor, "x", 1_000);
    assert_eq!(inline, Inline::Pending);
    assert!(log.take().is_empty());
    assert_eq!(world.wait(slot), Settled::value("x"));
    assert_eq!(log.take(), ["x"]);
    let counters = world.status(actor).counters;
    assert_eq!((counters.accepted, counters.handled), (1, 1));
}

#[test]
fn nothing_runs_inline_that_would_overtake_or_is_not_idle() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Done);
    // ORD-1: what this port sent before comes first.
    world.tell(actor, "first");
    assert_eq!(world.ask_inline(actor, "x", 1_000).0, Inline::Declined);
    world.run();
    assert_eq!(world.ask_inline(actor, "x", 1_000).0, Inline::Settled);

    let notes = log.clone();
    let not_allowed =
        ActorSpec { inline: false, ..spawn_spec(Actor::new(move || puppet(&notes)).inline(InlineMode::Done)) };
    let other = world.spawn(not_allowed);
    assert_eq!(world.ask_inline(other, "x", 1_000).0, Inline::Declined);
    let never = spawn(&world, &log, InlineMode::Never);
    assert_eq!(world.ask_inline(never, "x", 1_000).0, Inline::Declined);
    assert_eq!(world.ask_inline(Address { index: 0, tag: 1 }, "x", 1_000).0, Inline::Declined);
    assert_eq!(world.ask_inline(Address { index: 99, tag: 1 }, "x", 1_000).0, Inline::Declined);
    assert_eq!(world.ask_inline(world.me, "x", 1_000).0, Inline::Declined);
    world.wait(world.stop(actor));
    assert_eq!(world.ask_inline(actor, "x", 1_000).0, Inline::Declined);
}

#[test]
fn a_handler_that_waits_is_not_idle() {
    let world = World::new();
    let silent = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    let actor = world.spawn(spawn_spec(
        Actor::new(move || {
            each(move |_, out| {
                out.ask(silent, 1, 1_000, b"");
                out.wait_for(&[1]);
                Ok(())
            })
        })
        .inline(InlineMode::Done),
    ));
    let (inline, slot) = world.ask_inline(actor, "x", 60_000);
    assert_eq!(inline, Inline::Pending);
    assert_eq!(world.ask_inline(actor, "y", 1_000).0, Inline::Declined);
    world.system.kill(actor);
    assert_eq!(world.wait(slot), Settled::error(AskError::Stopped));
}

#[test]
fn too_large_a_payload_is_refused_inline_too() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Done);
    let (inline, slot) = world.ask_inline(actor, &"x".repeat((1 << 20) + 1), 1_000);
    assert_eq!((inline, world.settled(slot)), (Inline::Settled, Some(Settled::error(AskError::TooLarge))));
    assert!(log.take().is_empty());
}

type Outside = Box<dyn Fn(Address)>;
thread_local! {
    static OUTSIDE: RefCell<Option<Outside>> = const { RefCell::new(None) };
}

/// What is done to an actor while its inline turn runs takes effect after it.
#[test]
fn an_end_during_an_inline_turn_waits_for_it() {
    for (mode, ends) in [(InlineMode::Done, ReasonTag::Normal), (InlineMode::Suspends, ReasonTag::Normal)] {
        let world = Rc::new(World::new());
        let own = Arc::new(OnceLock::<Address>::new());
        let me = Arc::clone(&own);
        let actor = world.spawn(spawn_spec(
            Actor::new(move || {
                let me = Arc::clone(&me);
                each(move |frame, out| {
                    OUTSIDE.with_borrow(|outside| outside.as_ref().unwrap()(*me.get().unwrap()));
                    out.reply(frame.corr, b"done");
                    Ok(())
                })
            })
            .inline(mode),
        ));
        own.set(actor).unwrap();
        let weak = Rc::downgrade(&world);
        OUTSIDE.set(Some(Box::new(move |address| {
            let world = weak.upgrade().unwrap();
            assert_eq!(world.ask_inline(address, "nested", 1_000).0, Inline::Declined);
            world.stop(address);
        })));
        let (_, slot) = world.ask_inline(actor, "x", 1_000);
        world.run();
        assert_eq!(world.settled(slot), Some(Settled::value("done")), "{mode:?}");
        assert_eq!(world.wait(world.watch(actor)), Settled::ended(ends), "{mode:?}");
        OUTSIDE.set(None);
    }
}

#[test]
fn a_kill_drops_a_suspended_turn_without_running_it() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Suspends);
    let (_, slot) = world.ask_inline(actor, "x", 1_000);
    assert!(world.system.kill(actor));
    assert_eq!(world.wait(slot), Settled::error(AskError::Stopped));
    assert!(log.take().is_empty());
    assert_eq!(world.wait(world.watch(actor)), Settled::ended(ReasonTag::Killed));
}

#[test]
fn a_stop_meets_a_declined_turn_in_the_queue() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Declines);
    let (inline, slot) = world.ask_inline(actor, "x", 1_000);
    assert_eq!(inline, Inline::Pending);
    world.wait(world.stop(actor));
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Stopped)));
    assert!(log.take().is_empty());
}

#[test]
fn an_abort_reaches_an_inline_ask_that_stayed_open() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log, InlineMode::Done);
    let (_, slot) = world.ask_inline(actor, "keep", 1_000);
    world.system.abort_ask(actor, world.me, slot);
    assert_eq!(world.settled(slot), Some(Settled::error(AskError::Aborted)));
    world.advance(2_000);
}

#[test]
fn one_thread_may_run_turns_of_several_systems() {
    // NODE-4
    let (one, two, log) = (World::new(), World::new(), Log::default());
    let (left, right) = (spawn(&one, &log, InlineMode::Done), spawn(&two, &log, InlineMode::Done));
    for n in 0..100 {
        for (world, actor) in [(&one, left), (&two, right)] {
            let (inline, slot) = world.ask_inline(actor, &n.to_string(), 1_000);
            assert_eq!((inline, world.settled(slot)), (Inline::Settled, Some(Settled::value(&n.to_string()))));
        }
    }
}
