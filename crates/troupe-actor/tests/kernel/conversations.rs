//! Conversations: two actors that answer each other stay in the cache, and nobody waits for long.

use std::sync::{Arc, OnceLock};

use troupe_actor::id::Address;

use crate::common::{Actor, Log, World, each, spawn_spec};

/// Sends a number that is above zero back to its sender, less one, or to its partner when nobody of
/// the system sent it. Notes `name` each time.
fn talker(log: &Log, name: &'static str, partner: &Arc<OnceLock<Address>>) -> Actor {
    let (log, partner) = (log.clone(), Arc::clone(partner));
    Actor::new(move || {
        let (log, partner) = (log.clone(), Arc::clone(&partner));
        each(move |frame, out| {
            log.add(name);
            let hops = frame.payload[0];
            let to = if frame.address.port().is_some() { *partner.get().unwrap() } else { frame.address };
            if hops > 0 {
                out.tell(to, &[hops - 1]);
            }
            Ok(())
        })
    })
}

/// Two talkers that note the same name; the first of them.
fn pair(world: &World, log: &Log, name: &'static str) -> Address {
    let partner = Arc::new(OnceLock::new());
    let first = world.spawn(spawn_spec(talker(log, name, &partner)));
    partner.set(world.spawn(spawn_spec(talker(log, name, &partner)))).unwrap();
    first
}

/// Lengths of the runs of equal lines.
fn runs(lines: &[String]) -> Vec<usize> {
    lines.chunk_by(|a, b| a == b).map(<[String]>::len).collect()
}

#[test]
fn two_that_answer_each_other_run_in_turns_but_not_for_ever() {
    let (world, log) = (World::new(), Log::default());
    let pairs = [pair(&world, &log, "a"), pair(&world, &log, "b"), pair(&world, &log, "c")];
    for first in pairs {
        world.tell(first, [200]);
    }
    world.run();
    let lines = log.take();
    let runs = runs(&lines);
    assert_eq!(lines.len(), 3 * 201);
    assert!(runs.len() < 60, "they stay together: {runs:?}");
    assert!(runs.iter().all(|run| *run <= 66), "and let the others have their turns: {runs:?}");
    assert!(lines[..150].iter().any(|name| name == "c"));
}

#[test]
fn who_is_told_by_many_still_gets_their_messages_together() {
    let (world, log) = (World::new(), Log::default());
    let sizes = log.clone();
    let server = world.spawn(spawn_spec(Actor::new(move || {
        let sizes = sizes.clone();
        Box::new(move |turn, out| {
            sizes.add(turn.frames.len().to_string());
            for frame in &turn.frames {
                out.tell(frame.address, frame.payload);
            }
            Ok(())
        })
    })));
    let known = Arc::new(OnceLock::new());
    known.set(server).unwrap();
    for _ in 0..20 {
        let quiet = Log::default();
        let client = world.spawn(spawn_spec(talker(&quiet, "client", &known)));
        world.tell(client, [10]);
    }
    world.run();
    let sizes: Vec<usize> = log.take().iter().map(|size| size.parse().unwrap()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 20 * 10);
    assert!(sizes.len() <= 20, "{sizes:?}");
}
