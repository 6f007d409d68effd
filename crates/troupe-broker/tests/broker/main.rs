//! Topics as their users see them: through the trait that the kernel calls.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod bounds;
mod differential;
mod grammar;
mod matching;
mod model;
mod retained;
mod sequences;
mod threads;

use std::sync::Arc;

use troupe_actor::id::Address;
use troupe_actor::topics::{Route, Subscription, TopicError, Topics};
use troupe_broker::broker::Broker;

/// Random numbers from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Another seed with each run; the failing test prints it, and `TROUPE_SEED` runs it again.
pub fn seed() -> u64 {
    match std::env::var("TROUPE_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    }
}

pub fn actor(index: u32) -> Address {
    Address { index, tag: u64::from(index) + 1000 }
}

pub fn port(index: u32) -> Address {
    Address { index: index | Address::PORT, tag: 0 }
}

pub fn subscription(owner: Address, tag: u32) -> Subscription {
    Subscription { owner, tag, once: false, group: None }
}

pub fn subscribe(broker: &Broker, pattern: &str, owner: Address, tag: u32) {
    broker.subscribe(pattern, subscription(owner, tag), &mut |_, _, _| {}).unwrap();
}

/// Subscribes and returns the last values that were handed out.
pub fn subscribe_for_values(
    broker: &Broker,
    pattern: &str,
    subscription: Subscription,
) -> Result<Vec<(String, Address, Vec<u8>)>, TopicError> {
    let mut values = Vec::new();
    broker.subscribe(pattern, subscription, &mut |topic, publisher, payload| {
        values.push((topic.to_owned(), publisher, payload.to_vec()));
    })?;
    Ok(values)
}

/// The tags of the actors on a route, shard by shard.
pub fn tags(route: &Route) -> Vec<u32> {
    route.shards.iter().flatten().map(|target| target.tag).collect()
}

pub fn route(broker: &Broker, topic: &str) -> Arc<Route> {
    broker.route(topic).unwrap()
}
