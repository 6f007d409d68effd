//! Stop, drain and kill in each state (`STOP-1` … `STOP-5`).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use troupe_actor::ask::AskError;
use troupe_actor::id::Address;
use troupe_actor::interrupt;
use troupe_actor::reason::{Crash, ReasonTag};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Stop,
    Drain,
    Kill,
}

const ALL: [How; 3] = [How::Stop, How::Drain, How::Kill];

/// Ends an actor; the slot hears of its end.
fn end(world: &World, actor: Address, how: How) -> u32 {
    if how == How::Kill {
        let slot = world.watch(actor);
        assert!(world.system.kill(actor));
        return slot;
    }
    world.end(actor, how == How::Drain, 1_000)
}

fn plain(log: &Log) -> Actor {
    let (log, stopped) = (log.clone(), log.clone());
    Actor::new(move || puppet(&log)).stops(move || stopped.add("stopped"))
}

fn losses(world: &World) -> Vec<&'static str> {
    world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect()
}

fn check_gone(world: &World, actor: Address, how: How, slot: u32) {
    let tag = if how == How::Kill { ReasonTag::Killed } else { ReasonTag::Normal };
    assert_eq!(world.wait(slot), Settled::ended(tag), "{how:?}");
    assert_eq!(world.status(actor).status, Status::Terminated);
    assert_eq!(world.status(actor).exit.map(|exit| exit.tag), Some(tag));
    assert_eq!(world.wait(world.ask(actor, "x", 100)), Settled::error(AskError::Stopped));
    assert!(!world.system.kill(actor), "it has ended already");
    assert_eq!(world.wait(world.stop(actor)), Settled::ended(tag), "a later stop joins");
    assert_eq!(world.wait(world.watch(actor)), Settled::ended(tag));
}

#[test]
fn an_idle_actor_ends_at_once() {
    for how in ALL {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(spawn_spec(plain(&log)));
        let slot = end(&world, actor, how);
        check_gone(&world, actor, how, slot);
        // Kill runs no more code of the actor; the others let it go down in order.
        let expected: &[&str] = if how == How::Kill { &[] } else { &["stopped"] };
        assert_eq!(log.take(), expected, "{how:?}");
    }
}

#[test]
fn stop_and_kill_drop_the_queue_and_drain_works_it_off() {
    for how in ALL {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(spawn_spec(plain(&log)));
        world.tell_all(actor, &["a", "b"]);
        let ask = world.ask(actor, "c", 1_000);
        let slot = end(&world, actor, how);
        check_gone(&world, actor, how, slot);
        match how {
            How::Drain => {
                assert_eq!(log.take(), ["a", "b", "c", "stopped"]);
                assert_eq!(world.settled(ask), Some(Settled::value("c")));
            }
            _ => {
                assert_eq!(world.settled(ask), Some(Settled::error(AskError::Stopped)));
                let loss = if how == How::Kill { "killed" } else { "stopped" };
                assert_eq!(&losses(&world)[..3], [loss; 3]);
            }
        }
    }
}

#[test]
fn an_actor_that_never_came_up_ends_without_coming_up() {
    for how in ALL {
        let (world, log) = (World::new(), Log::default());
        let spec = ActorSpec { lazy: true, ..spawn_spec(plain(&log)) };
        let actor = world.spawn(spec);
        assert_eq!(world.status(actor).status, Status::Creating);
        let slot = end(&world, actor, how);
        check_gone(&world, actor, how, slot);
        assert!(log.take().is_empty());
    }
}

#[test]
fn an_actor_that_is_about_to_start_waits_for_it_unless_killed() {
    // STOP-5
    for how in ALL {
        let (world, log) = (World::new(), Log::default());
        let notes = log.clone();
        let factory = plain(&log).starts(move |_, _| {
            notes.add("start");
            Ok(())
        });
        let (actor, started) = world.spawn_waiting(&Arc::new(spawn_spec(factory)), SpawnArgs::default());
        world.tell(actor, "a");
        let slot = end(&world, actor, how);
        check_gone(&world, actor, how, slot);
        let expected: &[&str] = match how {
            How::Kill => &[],
            How::Stop => &["start", "stopped"],
            How::Drain => &["start", "a", "stopped"],
        };
        assert_eq!(log.take(), expected, "{how:?}");
        let started = world.settled(started.unwrap()).unwrap();
        assert_eq!(matches!(started, Settled::StartFailed(_)), how == How::Kill, "{started:?}");
    }
}

#[test]
fn an_end_during_a_backoff_cancels_it_at_once() {
    // STOP-5, BO-3
    for how in ALL {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(spawn_spec(plain(&log)));
        for _ in 0..2 {
            world.tell(actor, "boom");
            world.run();
        }
        assert_eq!(world.status(actor).status, Status::Restarting);
        world.tell(actor, "queued");
        world.run();
        let slot = end(&world, actor, how);
        check_gone(&world, actor, how, slot);
        world.advance(10_000);
        assert_eq!(log.take(), ["boom", "boom"]);
    }
}

/// Waits for an ask that `target` answers only when told.
fn waiting(world: &World, log: &Log) -> (Address, Address) {
    let target = world.spawn(spawn_spec(Actor::new(|| {
        let mut open = None;
        each(move |frame, out| {
            match (frame.kind, open) {
                (2, _) => open = Some(frame.corr),
                (_, Some(corr)) => out.reply(corr, b"answer"),
                _ => {}
            }
            Ok(())
        })
    })));
    let log = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, out| {
            log.add(String::from_utf8_lossy(turn.frames[0].payload));
            out.consume(1);
            if turn.frames[0].payload == b"go" {
                out.ask(target, 1, 60_000, b"");
                out.wait_for(&[1]);
            }
            Ok(())
        })
    })));
    (actor, target)
}

#[test]
fn a_handler_that_waits_is_let_finish_unless_killed() {
    for how in ALL {
        for shards in [1, 2] {
            let (world, log) = (World::sharded(shards), Log::default());
            let (actor, target) = waiting(&world, &log);
            world.tell_all(actor, &["go", "next"]);
            world.run();
            let slot = end(&world, actor, how);
            world.run();
            let ended = world.settled(slot).is_some();
            assert_eq!(ended, how == How::Kill, "{how:?}");
            world.tell(target, "answer now");
            check_gone(&world, actor, how, slot);
            let expected: &[&str] = match how {
                How::Kill => &["go"],
                How::Stop => &["go", "answer"],
                How::Drain => &["go", "answer", "next"],
            };
            assert_eq!(log.take(), expected, "{how:?}");
        }
    }
}

#[test]
fn an_actor_that_takes_too_long_is_killed() {
    // STOP-3
    for drain in [true, false] {
        let (world, log) = (World::new(), Log::default());
        let (actor, _) = waiting(&world, &log);
        world.tell_all(actor, &["go", "next"]);
        world.run();
        let slot = world.end(actor, drain, 1_000);
        world.advance(1_000);
        assert_eq!(world.settled(slot), None);
        world.advance(1);
        assert_eq!(world.settled(slot), Some(Settled::ended(ReasonTag::Killed)));
        assert_eq!(losses(&world), [if drain { "killed" } else { "stopped" }]);
    }
}

type Outside = Box<dyn Fn(Address)>;
thread_local! {
    static OUTSIDE: RefCell<Option<Outside>> = const { RefCell::new(None) };
}

/// An actor that, in its turn, has something done to it from outside.
fn touched(world: &World, log: &Log) -> Address {
    let own = Arc::new(OnceLock::<Address>::new());
    let (me, log, stopped) = (Arc::clone(&own), log.clone(), log.clone());
    let factory = Actor::new(move || {
        let (me, log) = (Arc::clone(&me), log.clone());
        each(move |frame, out| {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            if text == "touch" {
                OUTSIDE.with_borrow(|outside| outside.as_ref().unwrap()(*me.get().unwrap()));
            }
            out.log(1, "effect");
            log.add(format!("{text}{}", if interrupt::is_killed() { " killed" } else { "" }));
            if interrupt::is_killed() {
                return Err(Crash::new(ReasonTag::Killed, "interrupted"));
            }
            Ok(())
        })
    });
    let actor = world.spawn(spawn_spec(factory.stops(move || stopped.add("stopped")).one_at_a_time()));
    own.set(actor).unwrap();
    actor
}

#[test]
fn a_running_turn_is_let_finish_unless_killed() {
    for how in ALL {
        let (world, log) = (Rc::new(World::new()), Log::default());
        world.listen();
        let actor = touched(&world, &log);
        world.events();
        let slot = Rc::new(RefCell::new(0));
        let (weak, own) = (Rc::downgrade(&world), Rc::clone(&slot));
        OUTSIDE.set(Some(Box::new(move |address| {
            *own.borrow_mut() = end(&weak.upgrade().unwrap(), address, how);
        })));
        world.tell_all(actor, &["touch", "next"]);
        world.run();
        let effects = world.events().iter().filter(|event| *event == "log 1 effect").count();
        let slot = *slot.borrow();
        check_gone(&world, actor, how, slot);
        let (notes, expected): (&[&str], usize) = match how {
            How::Kill => (&["touch killed"], 0),
            How::Stop => (&["touch", "stopped"], 1),
            How::Drain => (&["touch", "next", "stopped"], 2),
        };
        assert_eq!((log.take(), effects), (notes.iter().map(ToString::to_string).collect(), expected), "{how:?}");
        OUTSIDE.set(None);
    }
}

#[test]
fn a_kill_discards_what_was_in_hand() {
    let (world, log) = (Rc::new(World::new()), Log::default());
    let actor = touched(&world, &log);
    let weak = Rc::downgrade(&world);
    OUTSIDE.set(Some(Box::new(move |address| assert!(weak.upgrade().unwrap().system.kill(address)))));
    let ask = world.ask(actor, "touch", 1_000);
    world.tell(actor, "next");
    world.run();
    assert_eq!(world.settled(ask), Some(Settled::error(AskError::Stopped)));
    assert_eq!(losses(&world), ["killed", "killed"]);
    OUTSIDE.set(None);
}

#[test]
fn a_stop_may_become_harder_but_not_softer() {
    for (first, second, expected) in [
        (How::Drain, How::Stop, ReasonTag::Normal),
        (How::Drain, How::Kill, ReasonTag::Killed),
        (How::Stop, How::Kill, ReasonTag::Killed),
        (How::Stop, How::Drain, ReasonTag::Normal),
    ] {
        let (world, log) = (World::new(), Log::default());
        let (actor, target) = waiting(&world, &log);
        world.tell_all(actor, &["go", "next"]);
        world.run();
        let (one, two) = (end(&world, actor, first), end(&world, actor, second));
        world.tell(target, "answer now");
        world.run();
        for slot in [one, two] {
            assert_eq!(world.settled(slot), Some(Settled::ended(expected)), "{first:?} {second:?}");
        }
        assert!(!log.take().contains(&"next".to_owned()), "{first:?} {second:?}");
    }
}

#[test]
fn an_actor_that_stops_itself_stays_down() {
    // FAIL-3, RST-2
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(plain(&log).one_at_a_time()));
    let watch = world.watch(actor);
    world.tell_all(actor, &["a", "stop", "b"]);
    assert_eq!(world.wait(watch), Settled::ended(ReasonTag::Normal));
    world.advance(100_000);
    assert_eq!(log.take(), ["a", "stop", "stopped"]);
    assert_eq!(losses(&world), ["stopped"]);
}

#[test]
fn a_crash_while_going_down_ends_the_actor_with_its_reason() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(plain(&log).one_at_a_time()));
    world.tell_all(actor, &["a", "boom", "b"]);
    let slot = world.end(actor, true, 1_000);
    assert!(matches!(world.wait(slot), Settled::Ended(reason) if reason.tag == ReasonTag::Trap));
    assert_eq!(log.take(), ["a", "boom"]);
    assert_eq!(losses(&world), ["poison", "stopped"]);
}

#[test]
fn a_panic_while_going_down_changes_nothing() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default())).stops(|| panic!("no"))));
    assert_eq!(world.wait(world.stop(actor)), Settled::ended(ReasonTag::Normal));
}

#[test]
fn whoever_watches_hears_in_order_behind_everything_the_actor_did() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spawn_spec(plain(&log)));
    let (watch, ask) = (world.watch(actor), world.ask(actor, "x", 1_000));
    let send = world.send(actor, "y", 1_000);
    let stop = world.end(actor, true, 1_000);
    world.run();
    assert_eq!(world.port.order(), [send, ask, watch, stop]);
}

#[test]
fn thousands_of_ended_actors_are_remembered_and_older_ones_are_nobody() {
    let world = World::new();
    let spec = Arc::new(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let actors: Vec<_> = (0..5_000)
        .map(|_| {
            let actor = world.spawn_args(&spec, SpawnArgs::default());
            assert!(world.system.kill(actor));
            actor
        })
        .collect();
    assert_eq!(world.wait(world.ask(actors[4_999], "", 100)), Settled::error(AskError::Stopped));
    assert_eq!(world.wait(world.ask(actors[0], "", 100)), Settled::error(AskError::NoSuchActor));
    assert!(world.system.status(actors[0]).is_none());
    // All of them lived in one cell, and none was ever mistaken for another.
    assert!(actors.iter().all(|actor| actor.index == actors[0].index));
    assert_eq!(actors.iter().map(|actor| actor.tag).collect::<std::collections::HashSet<_>>().len(), 5_000);
}
