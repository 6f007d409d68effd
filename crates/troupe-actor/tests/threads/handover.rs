//! Slow turns: they lose their shard, and are killed on demand or at the bound (`ENG-8`, `STOP-4`).

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use troupe_actor::id::Address;
use troupe_actor::interrupt;
use troupe_actor::reason::{Crash, ReasonTag};
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec};

fn echo(world: &World) -> Address {
    world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))))
}

/// Says that its turn runs, blocks until told to go on, then tells `target` and answers.
struct Blocker {
    entered: Receiver<()>,
    go_on: Sender<()>,
}

fn blocker(target: Address) -> (Actor, Blocker) {
    let ((enter, entered), (go_on, told)) = (channel(), channel());
    let told = Arc::new(Mutex::new(told));
    let actor = Actor::new(move || {
        let (enter, told) = (enter.clone(), Arc::clone(&told));
        each(move |frame, out| {
            enter.send(()).unwrap();
            told.lock().unwrap().recv().unwrap();
            out.tell(target, frame.payload);
            out.reply(frame.corr, frame.payload);
            Ok(())
        })
    });
    (actor, Blocker { entered, go_on })
}

#[test]
fn a_slow_turn_does_not_hold_its_shard() {
    let world = World::threaded(1, 3);
    let (fast, log) = (echo(&world), Log::default());
    let notes = log.clone();
    let target = world.spawn(spawn_spec(Actor::new(move || puppet(&notes))));
    for round in 0..20 {
        let (actor, blocker) = blocker(target);
        let actor = world.spawn(spawn_spec(actor));
        let slow = world.ask(actor, round.to_string(), 60_000);
        blocker.entered.recv().unwrap();
        // The only shard's worker is stuck; others go on all the same.
        for _ in 0..50 {
            assert_eq!(world.wait(world.ask(fast, "x", 60_000)), Settled::value("x"));
        }
        assert_eq!(world.settled(slow), None);
        assert_eq!(world.status(actor).in_hand, 1);
        blocker.go_on.send(()).unwrap();
        assert_eq!(world.wait(slow), Settled::value(&round.to_string()));
        // What the straggler sent has arrived, though another thread drives the shard.
        assert_eq!(world.wait(world.ask(target, "ask", 60_000)), Settled::value("ask"));
        assert_eq!(log.take(), [round.to_string(), "ask".to_owned()]);
    }
}

#[test]
fn several_stragglers_come_back_to_one_shard() {
    let world = World::threaded(1, 4);
    let target = echo(&world);
    for _ in 0..10 {
        let (blockers, slots): (Vec<_>, Vec<_>) = (0..4)
            .map(|_| {
                let (actor, blocker) = blocker(target);
                let actor = world.spawn(spawn_spec(actor));
                let slot = world.ask(actor, "x", 60_000);
                blocker.entered.recv().unwrap();
                (blocker, slot)
            })
            .unzip();
        assert_eq!(world.wait(world.ask(target, "x", 60_000)), Settled::value("x"));
        blockers.iter().for_each(|blocker| blocker.go_on.send(()).unwrap());
        slots.iter().for_each(|slot| assert_eq!(world.wait(*slot), Settled::value("x")));
    }
}

#[test]
fn two_shards_may_need_a_spare_at_once() {
    let world = World::threaded(2, 2);
    let targets = [echo(&world), echo(&world)];
    for _ in 0..20 {
        let held: Vec<_> = (0..2)
            .map(|at| {
                let (actor, blocker) = blocker(targets[at]);
                let actor = world.spawn(spawn_spec(actor));
                (world.ask(actor, "x", 60_000), blocker)
            })
            .collect();
        held.iter().for_each(|(_, blocker)| blocker.entered.recv().unwrap());
        for target in targets {
            assert_eq!(world.wait(world.ask(target, "x", 60_000)), Settled::value("x"));
        }
        for (slot, blocker) in held {
            blocker.go_on.send(()).unwrap();
            assert_eq!(world.wait(slot), Settled::value("x"));
        }
    }
}

/// Spins until it is killed or has to make room; a guest would see that at its next epoch.
fn spinner() -> Actor {
    noticed_spinner(channel().0)
}

/// The same; it says when it begins, if somebody listens.
fn noticed_spinner(enter: Sender<()>) -> Actor {
    Actor::new(move || {
        let enter = enter.clone();
        each(move |_, _| {
            let _ = enter.send(());
            while !interrupt::is_killed() && !interrupt::is_evicted() {
                std::hint::spin_loop();
            }
            Err(Crash::new(ReasonTag::Killed, "interrupted"))
        })
    })
}

#[test]
fn a_kill_reaches_a_spinning_turn() {
    // STOP-4
    for spares in [0, 2] {
        let world = World::threaded(1, spares);
        for _ in 0..5 {
            let mut spec = spawn_spec(spinner());
            spec.restart.max_restarts = 0;
            let actor = world.spawn(spec);
            let ask = world.ask(actor, "spin", 60_000);
            let watch = world.watch(actor);
            // Either in its turn or on its way: a kill ends it in both.
            assert!(world.system.kill(actor) || world.settled(watch).is_some());
            assert!(matches!(world.wait(watch), Settled::Ended(reason) if reason.tag == ReasonTag::Killed));
            assert!(world.port.wait_for(ask) != Settled::value(""));
        }
        assert_eq!(world.wait(world.ask(echo(&world), "x", 60_000)), Settled::value("x"));
    }
}

#[test]
fn at_the_bound_of_spare_threads_the_longest_turn_is_killed() {
    // Two threads in all; the second spinner leaves nobody to drive the shard.
    let world = World::threaded(1, 1);
    let fast = echo(&world);
    let spinners = [(); 2].map(|()| world.spawn(spawn_spec(spinner())));
    let asks = spinners.map(|actor| world.ask(actor, "spin", 60_000));
    assert_eq!(world.wait(world.ask(fast, "x", 60_000)), Settled::value("x"));
    let Settled::Crashed(_, crash) = world.wait(asks[0]) else { panic!("the first one was not killed") };
    assert_eq!(crash.tag, ReasonTag::Killed);
    // That is a crash, and the actor comes up again.
    assert_eq!(world.wait(world.ask(fast, "x", 60_000)), Settled::value("x"));
    assert_eq!(world.status(spinners[0]).status, Status::Ready);
    world.system.kill(spinners[1]);
    world.wait(asks[1]);
}

#[test]
fn a_shutdown_kills_what_spins_at_its_deadline() {
    // A thread for each that spins and one for each shard: otherwise the longest turn would have to make room,
    // and its actor would come up again and be idle at the deadline.
    let world = World::threaded(2, 3);
    let (enter, entered) = channel();
    let actors = [(); 3].map(|()| world.spawn(spawn_spec(noticed_spinner(enter.clone()))));
    let asks = actors.map(|actor| world.ask(actor, "spin", 60_000));
    // A request that still waits in a mailbox when the shutdown stops its actor spins nowhere.
    actors.iter().for_each(|_| entered.recv().unwrap());
    let slot = world.slot();
    world.system.shutdown(50, world.waiter(slot));
    assert_eq!(world.wait(slot), Settled::value(""));
    for (ask, actor) in asks.iter().zip(actors) {
        assert!(matches!(world.wait(*ask), Settled::Error(..) | Settled::Crashed(..)));
        assert_eq!(world.status(actor).exit.unwrap().tag, ReasonTag::Killed);
    }
}
