//! The engine under seeded random children, requests, stops and kills; what must hold at each step
//! is in `world`. A seed that fails is printed and replays exactly.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::engine::SupervisorState;
use troupe_actor::supervision::protocol::Input;

use crate::world::World;

const SEEDS: u64 = 2_000;
const STEPS: u32 = 300;

fn shutdown() -> Input {
    Input::Stop { reason: ExitReason::plain(ReasonTag::Shutdown) }
}

fn run(seed: u64) -> World {
    let mut world = World::new(seed);
    world.start();
    for _ in 0..STEPS {
        let child = world.random.below(world.engine.next_child() + 1);
        match world.random.below(1_000) {
            0..600 => {
                let busy = world.busy();
                let among = busy.len() as u32;
                let child = if among > 0 && !child.is_multiple_of(4) {
                    busy[world.random.below(among) as usize]
                } else {
                    child
                };
                world.act(child);
            }
            600..800 => drop(world.wait()),
            800..840 => world.now += u64::from(world.random.below(2_000)),
            840..900 => world.request(),
            900..920 => world.gone_while_down(child),
            920..940 => world.lie(),
            940..985 => world.start(),
            985..990 => world.settle(),
            990..996 => world.step(shutdown()),
            _ => world.step(Input::Kill),
        }
    }
    world.settle();
    world.step(shutdown());
    world.settle();
    assert_eq!(world.engine.state(), SupervisorState::Down);
    world
}

#[test]
fn whatever_happens_the_rules_hold() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let world = catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
            println!("seed {seed} failed");
            resume_unwind(panic)
        });
        for (label, count) in world.seen {
            *seen.entry(label).or_default() += count;
        }
    }
    let labels = "start taken-down killed killed-at-last end timer done refused restarting restarted up start-failed \
                  gave-up down";
    for label in labels.split_whitespace() {
        assert!(seen.get(label).is_some_and(|count| *count > 20), "{label} hardly ever happened: {seen:?}");
    }
}
