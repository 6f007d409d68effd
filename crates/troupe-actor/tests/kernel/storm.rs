//! A seeded storm of everything at once; after it the books balance and nothing is left (`DLV-2`).

use std::sync::Arc;

use troupe_actor::id::Address;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::SpawnArgs;

use crate::common::{Crowd, Random, World, quiet_panics, random_spec};

/// Adds an actor to the crowd, in the place of one that has ended when there are enough.
fn join(world: &World, crowd: &Crowd, new: Address, random: &mut Random) {
    let mut crowd = crowd.lock();
    let ended = crowd.iter().position(|one| world.system.status(*one).is_none_or(|status| status.exit.is_some()));
    match ended {
        Some(at) if crowd.len() > 8 => crowd[at] = new,
        _ if crowd.len() < 24 => crowd.push(new),
        _ => {
            let at = random.below(24) as usize;
            crowd[at] = new;
        }
    }
}

fn storm(seed: u64, shards: u32, steps: u32) -> Vec<String> {
    let world = World::sharded(shards);
    world.listen();
    let mut random = Random::new(seed);
    let crowd = Crowd::default();
    crowd.lock().push(Address { index: 3, tag: 3 });
    let mut asked = Vec::new();
    for step in 0..steps {
        let target = {
            let crowd = crowd.lock();
            crowd[random.below(crowd.len() as u32) as usize]
        };
        let mut payload = random.below(5).to_le_bytes().to_vec();
        let longest = if random.below(50) == 0 { 4_000 } else { 60 };
        payload.resize(4 + random.below(longest) as usize, 7);
        match random.below(100) {
            0..8 => {
                let name = (random.below(2) == 0).then(|| Arc::from(format!("actor{}", random.below(20))));
                let spec = Arc::new(random_spec(&mut random, &crowd));
                let slot = world.slot();
                if let Ok(new) = world.system.spawn(&spec, SpawnArgs { name, user: None }, Some(world.waiter(slot))) {
                    join(&world, &crowd, new.address, &mut random);
                }
            }
            8 => {
                world.system.kill(target);
            }
            9 => {
                world.end(target, random.below(2) == 0, u64::from(random.below(500)));
            }
            10..14 => {
                world.watch(target);
            }
            14..40 => (0..=random.below(90)).for_each(|_| world.tell(target, &payload)),
            40..55 => (0..=random.below(30)).for_each(|_| {
                world.send(target, &payload, random.below(200));
            }),
            55..75 => (0..=random.below(10)).for_each(|_| {
                asked.push((target, world.ask(target, &payload, 1 + random.below(400))));
            }),
            75..80 => {
                let text = "\u{1}\0\0\0inline";
                world.ask_inline(target, text, 1 + random.below(400));
            }
            80..83 => {
                if let Some((target, slot)) = asked.pop() {
                    world.system.abort_ask(target, world.me, slot);
                }
            }
            83..95 => {
                world.run();
            }
            _ => {
                world.advance(u64::from(random.below(300)));
            }
        }
        if step % 64 == 0 {
            world.check();
        }
    }
    world.advance(100_000).check();
    let mut events = world.events();
    events.push(format!("{:?}", world.system.audit().counters));
    events
}

#[test]
fn whatever_happens_nothing_is_lost_and_every_slot_is_settled_once() {
    quiet_panics();
    for seed in 0..24 {
        for shards in [1, 3] {
            storm(seed, shards, 3_000);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_storm() {
    let (first, second) = (storm(99, 2, 2_000), storm(99, 2, 2_000));
    assert_eq!(first.len(), second.len());
    assert_eq!(first, second);
}

#[test]
fn asks_without_a_deadline_are_settled_by_the_end_at_the_latest() {
    let world = World::sharded(2);
    let crowd = Crowd::default();
    let mut random = Random::new(3);
    for _ in 0..10 {
        let spec = Arc::new(random_spec(&mut random, &crowd));
        crowd.lock().push(world.spawn_waiting(&spec, SpawnArgs::default()).0);
    }
    for n in 0..2_000u32 {
        let target = crowd.lock()[n as usize % 10];
        world.ask(target, 2u32.to_le_bytes(), FOREVER);
        if n % 10 == 0 {
            world.advance(5);
        }
    }
}
