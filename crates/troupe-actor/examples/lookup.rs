//! Prints how many nanoseconds it takes to find an address by its name among a million: 256 names again and again,
//! then random ones. `npm run bench -- lookup` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use troupe_actor::id::{ActorId, Address};
use troupe_actor::registry::{Holder, Registry};

const NAMES: usize = 1_000_000;
const HOT: usize = 256;
const LOOKUPS: usize = 2_000_000;
const ROUNDS: u32 = 5;

/// The median of several rounds over the names in this order.
fn measure(registry: &Registry, names: &[String], order: &[u32]) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let mut sum = 0u64;
            for index in order {
                sum += registry.find(black_box(&names[*index as usize])).unwrap().tag;
            }
            black_box(sum);
            start.elapsed().as_secs_f64() * 1e9 / order.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn main() {
    let registry = Registry::default();
    let names: Vec<Arc<str>> = (0..NAMES).map(|index| Arc::from(format!("actor-{index}"))).collect();
    for (index, name) in (0..).zip(&names) {
        let address = Address { index, tag: u64::from(index) + 1 };
        registry.claim(name, Holder { address, id: ActorId::new(index, 0), path: None }).unwrap();
    }
    let hot: Vec<u32> = (0..LOOKUPS).map(|at| ((at % HOT) * (NAMES / HOT)) as u32).collect();
    // A linear congruential generator (Knuth): which name is next cannot be foreseen by the cache.
    let mut state = 1u64;
    let random: Vec<u32> = (0..LOOKUPS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as usize % NAMES) as u32
        })
        .collect();
    // Whoever looks for a name has bytes of its own, not those that the registry holds.
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    println!("{:.2} {:.2}", measure(&registry, &names, &hot), measure(&registry, &names, &random));
}
