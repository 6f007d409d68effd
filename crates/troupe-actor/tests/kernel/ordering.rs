//! Order per pair of sender and receiver (`ORD-1`).

use troupe_actor::id::Address;

use crate::common::{Actor, Log, World, each, spawn_spec, trap};

/// Notes `<sender index>:<text>`; traps on every message that ends with `!`, and notes it before.
fn receiver(log: &Log) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, _| {
            if turn.frames.iter().any(|frame| frame.payload.ends_with(b"!")) {
                return Err(trap("poison"));
            }
            for frame in &turn.frames {
                log.add(format!("{}:{}", frame.address.index, String::from_utf8_lossy(frame.payload)));
            }
            Ok(())
        })
    })
}

/// Passes every message on to both targets, and crashes on `!` itself.
fn sender(first: Address, second: Address) -> Actor {
    Actor::new(move || {
        each(move |frame, out| {
            if frame.payload == b"!" {
                return Err(trap("poison"));
            }
            out.tell(first, frame.payload);
            out.tell(second, frame.payload);
            Ok(())
        })
    })
}

fn check_pairs(notes: &[String], senders: &[Address], count: u32) {
    for sender in senders {
        let prefix = format!("{}:", sender.index);
        let got: Vec<u32> = notes.iter().filter_map(|note| note.strip_prefix(&prefix)?.parse().ok()).collect();
        let expected: Vec<u32> = (0..count).collect();
        assert_eq!(got, expected, "from {sender:?}");
    }
}

#[test]
fn messages_of_a_pair_arrive_in_order_on_one_shard_and_across_shards() {
    for shards in [1, 2, 4] {
        let world = World::sharded(shards);
        let (left, right) = (Log::default(), Log::default());
        let (first, second) = (world.spawn(spawn_spec(receiver(&left))), world.spawn(spawn_spec(receiver(&right))));
        let senders: Vec<_> = (0..5).map(|_| world.spawn(spawn_spec(sender(first, second)))).collect();
        for n in 0..200 {
            senders.iter().for_each(|sender| world.tell(*sender, n.to_string()));
            if n % 17 == 0 {
                world.run();
            }
        }
        world.run();
        check_pairs(&left.take(), &senders, 200);
        check_pairs(&right.take(), &senders, 200);
    }
}

#[test]
fn order_survives_restarts_of_the_receiver() {
    for shards in [1, 3] {
        let world = World::sharded(shards);
        let log = Log::default();
        let mut spec = spawn_spec(receiver(&log));
        spec.restart.max_restarts = u32::MAX;
        let (target, other) = (world.spawn(spec), world.spawn(spawn_spec(receiver(&Log::default()))));
        let senders: Vec<_> = (0..3).map(|_| world.spawn(spawn_spec(sender(target, other)))).collect();
        for n in 0..100 {
            senders.iter().for_each(|sender| world.tell(*sender, n.to_string()));
            if n % 10 == 5 {
                world.tell(target, "!");
            }
            if n % 7 == 0 {
                world.run();
            }
        }
        world.advance(1_000_000);
        check_pairs(&log.take(), &senders, 100);
    }
}

#[test]
fn order_survives_restarts_of_the_sender() {
    let world = World::sharded(2);
    let log = Log::default();
    let (target, other) = (world.spawn(spawn_spec(receiver(&log))), world.spawn(spawn_spec(receiver(&Log::default()))));
    let mut spec = spawn_spec(sender(target, other));
    spec.restart.max_restarts = u32::MAX;
    let actor = world.spawn(spec);
    for n in 0..100 {
        world.tell(actor, n.to_string());
        if n % 10 == 5 {
            world.tell(actor, "!");
        }
    }
    world.advance(1_000_000);
    check_pairs(&log.take(), &[actor], 100);
}

#[test]
fn stop_with_drain_is_ordered_behind_what_was_sent_before() {
    // ORD-2
    let (world, log) = (World::sharded(2), Log::default());
    let target = world.spawn(spawn_spec(receiver(&log)));
    for n in 0..300 {
        world.tell(target, n.to_string());
    }
    let slot = world.end(target, true, 1_000);
    world.tell(target, "too late");
    world.wait(slot);
    check_pairs(&log.take(), &[world.me], 300);
    assert_eq!(world.system.dead_letters().len(), 1);
}
