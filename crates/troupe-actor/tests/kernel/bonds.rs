//! Monitors and links (`MON`).

use troupe_actor::frame::{self, effect, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::Restart;

use crate::common::{Actor, Log, Settled, World, each, spawn_spec, trap};

/// Notes messages and ends; `watch`, `drop`, `link`, `unlink` are about `target`.
fn bonded(log: &Log, target: Address) -> ActorSpec {
    spawn_spec(bonds(log, target))
}

fn one_at_a_time(log: &Log, target: Address) -> ActorSpec {
    spawn_spec(bonds(log, target).one_at_a_time())
}

fn bonds(log: &Log, target: Address) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        each(move |frame, out| {
            if frame.kind == kind::DOWN {
                let text = String::from_utf8_lossy(&frame.payload[4..]).replace('\0', " ");
                assert_eq!(frame.address, target);
                let life = frame::word(frame.payload, 0).unwrap();
                log.add(format!("down #{} @{life} {}", frame.corr, text.trim_end()));
                return Ok(());
            }
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            log.add(&text);
            match &*text {
                "watch" => out.bond(effect::MONITOR, 7, target),
                "watch again" => out.bond(effect::MONITOR, 8, target),
                "drop" => out.bond(effect::DEMONITOR, 7, Address::NONE),
                "link" => out.bond(effect::LINK, 0, target),
                "unlink" => out.bond(effect::UNLINK, 0, target),
                "boom" => return Err(trap("boom")),
                "stop" => out.stop(),
                _ => {}
            }
            Ok(())
        })
    })
}

/// A watcher and its target, which need not be on one shard.
fn pair(world: &World, log: &Log, restart: Restart) -> (Address, Address) {
    let mut spec = bonded(&Log::default(), Address::NONE);
    spec.restart.restart = restart;
    let target = world.spawn(spec);
    (world.spawn(bonded(log, target)), target)
}

#[test]
fn one_notice_per_watch_when_the_actor_has_ended_and_none_for_a_restart() {
    // MON-1, MON-5
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let (watcher, target) = pair(&world, &log, Restart::Permanent);
        world.tell_all(watcher, &["watch", "watch again"]);
        world.run();
        log.take();
        world.tell(target, "boom");
        world.run();
        assert_eq!(log.take(), Vec::<String>::new());
        world.tell(target, "stop");
        world.run();
        assert_eq!(log.take(), ["down #7 @2 normal", "down #8 @2 normal"]);
        world.tell(watcher, "watch");
        world.run();
        assert_eq!(log.take(), ["watch", "down #7 @0 no-such-actor"]);
    }
}

#[test]
fn a_watch_that_is_taken_back_never_tells_even_when_the_notice_is_queued() {
    // MON-2
    for shards in [1, 2] {
        for queued in [false, true] {
            let (world, log) = (World::sharded(shards), Log::default());
            let target = world.spawn(bonded(&Log::default(), Address::NONE));
            // One message a turn, so that the notice waits behind the message that takes it back.
            let watcher = world.spawn(one_at_a_time(&log, target));
            world.tell(watcher, "watch");
            world.run();
            if queued {
                world.tell_all(watcher, &["drop", "x"]);
                world.system.kill(target);
            } else {
                world.tell(watcher, "drop");
                world.run();
                world.system.kill(target);
            }
            world.run();
            let seen = log.take();
            assert!(!seen.iter().any(|line| line.starts_with("down")), "{seen:?}");
            world.tell_all(watcher, &["watch", "y"]);
            world.run();
            assert!(log.take().contains(&"down #7 @0 no-such-actor".to_owned()), "the tag is free again");
        }
    }
}

#[test]
fn a_notice_that_is_taken_back_in_a_replay_is_no_part_of_it_any_more() {
    // TURN-3, MON-2
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let target = world.spawn(bonded(&Log::default(), Address::NONE));
    let own = log.clone();
    let watcher = world.spawn(spawn_spec(Actor::new(move || {
        let own = own.clone();
        Box::new(move |turn, out| {
            if turn.frames.len() > 1 {
                return Err(trap("in company"));
            }
            for frame in &turn.frames {
                match (frame.kind, frame.payload) {
                    (kind::DOWN, _) => own.add("down"),
                    (_, b"watch") => out.bond(effect::MONITOR, 7, target),
                    _ => out.bond(effect::DEMONITOR, 7, Address::NONE),
                }
            }
            Ok(())
        })
    })));
    world.tell(watcher, "watch");
    world.run();
    world.events();
    // One turn of two frames, a message and the notice, crashes; then the message takes the notice back.
    world.tell(watcher, "drop");
    world.system.kill(target);
    world.run();
    assert_eq!(log.take(), Vec::<String>::new());
    let events = world.events();
    assert!(events.iter().any(|event| event.contains("unreproduced")), "{events:?}");
}

#[test]
fn a_tag_that_is_taken_over_and_given_back_brings_no_notice_at_all() {
    // MON-2: the target is on another shard, so that what is said of it is under way for a while.
    let (world, log) = (World::sharded(2), Log::default());
    let target = world.spawn(bonded(&Log::default(), Address::NONE));
    let own = log.clone();
    let watcher = world.spawn(spawn_spec(
        Actor::new(move || {
            let own = own.clone();
            each(move |frame, out| {
                if frame.kind == kind::DOWN {
                    own.add("down");
                    return Ok(());
                }
                out.bond(effect::MONITOR, 7, target);
                if frame.payload == b"both" {
                    out.bond(effect::DEMONITOR, 7, Address::NONE);
                }
                Ok(())
            })
        })
        .one_at_a_time(),
    ));
    world.tell(watcher, "watch");
    world.run();
    world.tell(watcher, "both");
    world.system.kill(target);
    world.run();
    assert_eq!(log.take(), Vec::<String>::new());
}

#[test]
fn a_full_mailbox_drops_what_is_behind_the_notice_of_a_replay() {
    // TURN-3, OVF-2: what is dropped from behind the replay is no part of it.
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let target = world.spawn(bonded(&Log::default(), Address::NONE));
    let own = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let own = own.clone();
        Box::new(move |turn, out| {
            if turn.frames.len() > 1 {
                return Err(trap("in company"));
            }
            for frame in &turn.frames {
                own.add(if frame.kind == kind::DOWN { "down" } else { "message" });
                match frame.payload {
                    b"watch" => out.bond(effect::MONITOR, 7, target),
                    // To itself: the mailbox holds the notice of the replay and one message.
                    b"fill" => (0..3).for_each(|_| out.tell(frame.address, b"x")),
                    _ => {}
                }
            }
            Ok(())
        })
    }));
    spec.mailbox.max_messages = 1;
    spec.mailbox.overflow = Overflow::DropOldest;
    let watcher = world.spawn(spec);
    world.tell(watcher, "watch");
    world.run();
    world.events();
    log.take();
    let me = frame::Frame { kind: kind::MESSAGE, flags: 0, corr: 0, address: watcher, payload: b"fill" };
    let mut record = Vec::new();
    troupe_actor::record::Record { target: watcher, word: FOREVER, frame: me }.write_to(&mut record);
    world.system.inject(&record);
    world.system.kill(target);
    world.run();
    // The crashed turn's two frames, then what was left of the three.
    assert_eq!(log.take(), ["message", "down", "message"]);
    let unreproduced = world.events().iter().position(|event| event == "unreproduced");
    assert!(unreproduced.is_some(), "the replay ended with its notice");
}

#[test]
fn a_tag_that_is_taken_over_brings_no_notice_of_its_former_watch() {
    // MON-2: the guest of a new life counts its tags from the beginning again.
    for dead in [false, true] {
        let (world, log) = (World::new(), Log::default());
        let first = world.spawn(bonded(&Log::default(), Address::NONE));
        let second = world.spawn(bonded(&Log::default(), Address::NONE));
        let own = log.clone();
        let watcher = world.spawn(spawn_spec(
            Actor::new(move || {
                let own = own.clone();
                each(move |frame, out| {
                    if frame.kind == kind::DOWN {
                        own.add(if frame.address == first { "down first" } else { "down second" });
                    }
                    match frame.payload {
                        b"first" => out.bond(effect::MONITOR, 7, first),
                        b"second" => out.bond(effect::MONITOR, 7, second),
                        _ => {}
                    }
                    Ok(())
                })
            })
            .one_at_a_time(),
        ));
        world.tell(watcher, "first");
        world.run();
        if dead {
            world.system.kill(second);
        }
        // The notice of the first is queued behind the message that gives its tag away.
        world.tell(watcher, "second");
        world.system.kill(first);
        world.run();
        assert_eq!(log.take(), if dead { vec!["down second"] } else { vec![] });
        if !dead {
            world.system.kill(second);
            world.run();
            assert_eq!(log.take(), ["down second"]);
        }
    }
}

#[test]
fn a_notice_waits_behind_messages_that_wait_for_room() {
    // MON-3
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let notes = log.clone();
        let mut spec = spawn_spec(
            Actor::new(move || {
                let log = notes.clone();
                each(move |frame, out| {
                    let text = String::from_utf8_lossy(frame.payload).into_owned();
                    match frame.kind {
                        kind::DOWN => log.add("down"),
                        _ if text.is_empty() => out.bond(effect::MONITOR, 1, frame.address),
                        _ => log.add(text),
                    }
                    Ok(())
                })
            })
            .one_at_a_time(),
        );
        spec.mailbox.max_messages = 1;
        let watcher = world.spawn(spec);
        let flooder = world.spawn(spawn_spec(Actor::new(move || {
            each(move |frame, out| {
                match frame.payload {
                    b"hello" => out.tell(watcher, b""),
                    _ => {
                        (0..4).for_each(|n| out.tell(watcher, format!("f{n}").as_bytes()));
                        out.stop();
                    }
                }
                Ok(())
            })
        })));
        world.tell(flooder, "hello");
        world.run();
        world.tell(flooder, "flood");
        world.run();
        assert_eq!(log.take(), ["f0", "f1", "f2", "f3", "down"], "{shards}");
    }
}

#[test]
fn a_notice_survives_a_crash_of_its_watcher_and_is_not_blamed_for_a_neighbour() {
    // MBX-2, TURN-3
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let (watcher, target) = pair(&world, &log, Restart::Permanent);
        world.tell(watcher, "watch");
        world.run();
        world.tell_all(watcher, &["a", "boom", "b"]);
        world.system.kill(target);
        world.advance(1_000);
        let seen = log.take();
        assert_eq!(seen.iter().filter(|line| line.starts_with("down #7")).count(), 1, "{seen:?}");
        assert_eq!(seen.iter().filter(|line| *line == "b").count(), 1, "{seen:?}");
    }
}

#[test]
fn a_port_that_watches_hears_no_such_actor_of_the_dead_and_can_take_it_back() {
    // MON-1, MON-2
    let (world, log) = (World::sharded(2), Log::default());
    let (watcher, target) = pair(&world, &log, Restart::Permanent);
    let (one, two) = (world.slot(), world.slot());
    world.system.monitor(target, world.waiter(one));
    world.system.monitor(target, world.waiter(two));
    assert!(world.system.demonitor(target, world.waiter(two)));
    assert!(!world.system.demonitor(target, world.waiter(two)));
    world.system.kill(target);
    world.run();
    assert_eq!(world.settled(one), Some(Settled::ended(ReasonTag::Killed)));
    assert_eq!(world.settled(two), None);
    for dead in [target, Address { index: watcher.index, tag: 1 }] {
        let slot = world.slot();
        world.system.monitor(dead, world.waiter(slot));
        assert_eq!(world.settled(slot), Some(Settled::ended(ReasonTag::NoSuchActor)));
    }
}

#[test]
fn names_are_free_and_asks_settled_before_anybody_hears_of_the_end() {
    // MON-4, ASK-5
    let (world, log) = (World::sharded(2), Log::default());
    let target = world.spawn_named("only", bonded(&Log::default(), Address::NONE));
    let watcher = world.spawn(bonded(&log, target));
    world.tell(watcher, "watch");
    let ask = world.ask(target, "x", FOREVER);
    world.run();
    let watch = world.watch(target);
    world.tell(target, "stop");
    world.run();
    assert_eq!(log.take(), ["watch", "down #7 @1 normal"]);
    let order = world.port.order();
    let at = |slot| order.iter().position(|own| *own == slot).unwrap();
    assert!(at(ask) < at(watch));
    world.spawn_named("only", bonded(&Log::default(), Address::NONE));
}

#[test]
fn an_abnormal_end_of_a_linked_actor_ends_the_others_life_and_a_normal_end_does_not() {
    // MON-6
    for shards in [1, 2] {
        for (cause, restart, incarnation, status) in [
            ("boom", Restart::Permanent, 2, Status::Ready),
            ("boom", Restart::Temporary, 1, Status::Terminated),
            ("stop", Restart::Permanent, 1, Status::Ready),
            ("unlinked", Restart::Permanent, 1, Status::Ready),
        ] {
            let (world, log) = (World::sharded(shards), Log::default());
            let mut one = bonded(&log, Address::NONE);
            one.restart.restart = Restart::Temporary;
            let one = world.spawn(one);
            let mut two = bonded(&log, one);
            two.restart.restart = restart;
            let two = world.spawn(two);
            let watch = world.watch(one);
            world.tell_all(two, &["link", "link"]);
            world.run();
            if cause == "unlinked" {
                world.tell(two, "unlink");
                world.run();
            }
            world.tell(one, if cause == "unlinked" { "boom" } else { cause });
            world.run();
            let found = world.status(two);
            assert_eq!((found.incarnation, found.status), (incarnation, status), "{cause} {restart:?}");
            if status == Status::Terminated {
                assert_eq!(found.exit.map(|reason| reason.tag), Some(ReasonTag::Linked));
            }
            assert!(world.settled(watch).is_some());
        }
    }
}

#[test]
fn a_link_to_a_dead_actor_ends_the_life_unless_that_ended_normally() {
    // MON-6
    for (cause, incarnation) in [("boom", 2), ("stop", 1)] {
        for shards in [1, 2] {
            let (world, log) = (World::sharded(shards), Log::default());
            let mut one = bonded(&log, Address::NONE);
            one.restart.restart = Restart::Temporary;
            let one = world.spawn(one);
            let two = world.spawn(bonded(&log, one));
            world.tell(one, cause);
            world.run();
            world.tell(two, "link");
            world.run();
            assert_eq!(world.status(two).incarnation, incarnation, "{cause}");
        }
    }
}
