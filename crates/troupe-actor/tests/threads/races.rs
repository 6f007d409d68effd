//! Everything from several threads at once, and the end of the threads.

use std::sync::Arc;
use std::time::Instant;

use troupe_actor::clock::Clock;
use troupe_actor::id::Address;
use troupe_actor::spec::SpawnArgs;
use troupe_actor::system::{ActorSystem, SystemConfig};
use troupe_actor::ticker::Ticker;
use troupe_actor::topics::NoTopics;

use crate::common::{Crowd, PATIENCE, Random, World, quiet_panics, random_spec};

fn any(crowd: &Crowd, random: &mut Random) -> Address {
    let crowd = crowd.lock();
    crowd[random.below(crowd.len() as u32) as usize]
}

fn storm(world: &World, crowd: &Crowd, seed: u64) {
    let mut random = Random::new(seed);
    let mut asked = Vec::new();
    for _ in 0..3_000 {
        let target = any(crowd, &mut random);
        let payload = random.below(4).to_le_bytes();
        match random.below(40) {
            0 | 1 => {
                let spec = Arc::new(random_spec(&mut random, crowd));
                let slot = world.slot();
                let args = SpawnArgs { name: Some(Arc::from(format!("n{}", random.below(10)))), user: None };
                if let Ok(new) = world.system.spawn(&spec, args, Some(world.waiter(slot))) {
                    let at = random.below(16) as usize;
                    crowd.lock()[at] = new.address;
                }
            }
            2 => drop(world.system.status(target)),
            3 => {
                world.system.kill(target);
            }
            4 => {
                world.end(target, random.below(2) == 0, u64::from(random.below(50)));
            }
            5 => {
                world.watch(target);
            }
            6..15 => (0..=random.below(40)).for_each(|_| world.tell(target, payload)),
            15..22 => (0..=random.below(20)).for_each(|_| {
                world.send(target, payload, random.below(50));
            }),
            22..30 => asked.push((target, world.ask(target, payload, 1 + random.below(100)))),
            30..35 => {
                world.ask_inline(target, "\u{2}\0\0\0x", 1 + random.below(100));
            }
            _ => {
                if let Some((target, slot)) = asked.pop() {
                    world.system.abort_ask(target, world.me, slot);
                }
            }
        }
    }
}

#[test]
fn a_storm_from_many_threads_loses_nothing() {
    // DLV-2; the world's end checks the books and that every slot was settled once.
    quiet_panics();
    for seed in 0..4 {
        let world = World::threaded(1 + seed as u32 % 3, 2);
        let crowd = Crowd::default();
        crowd.lock().resize(16, Address { index: 1, tag: 1 });
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (world, crowd) = (&world, &crowd);
                scope.spawn(move || storm(world, crowd, seed * 100 + thread));
            }
        });
    }
}

#[test]
fn close_ends_the_threads() {
    for shards in [1, 4] {
        let ticker = Arc::new(Ticker::new().unwrap());
        let config = SystemConfig {
            shards,
            spare_threads: 2,
            dead_letters: 1,
            captured_bytes: 0,
            seed: 1,
            clock: Clock::monotonic(),
            topics: Arc::new(NoTopics),
            unheard_letters: false,
        };
        let systems: Vec<_> = (0..3).map(|_| ActorSystem::new(&config, Arc::clone(&ticker)).unwrap()).collect();
        systems[0].close();
        systems[0].close();
        drop(systems);
        // Every thread holds the ticker until it ends.
        let deadline = Instant::now() + PATIENCE;
        while Arc::strong_count(&ticker) > 1 {
            assert!(Instant::now() < deadline, "{} handles are left", Arc::strong_count(&ticker) - 1);
            std::thread::yield_now();
        }
    }
}
