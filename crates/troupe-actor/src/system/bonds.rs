//! Monitors and links from outside (`MON`).

use super::ActorSystem;
use crate::cell::Waiter;
use crate::id::Address;

impl ActorSystem {
    /// Tells the waiter when the actor has ended; of one that is gone at once, as `no-such-actor`
    /// (`MON-1`).
    pub fn monitor(&self, address: Address, waiter: Waiter) {
        self.with_shard(address, |shard, shared| shard.monitor(shared, address, waiter));
    }

    /// Takes a port's watch back. False when its end was told already (`MON-2`).
    pub fn demonitor(&self, address: Address, waiter: Waiter) -> bool {
        self.with_shard(address, |shard, _| shard.demonitor(address, waiter)).unwrap_or(false)
    }

    /// Links two actors (`MON-6`).
    pub fn link(&self, one: Address, other: Address) {
        self.with_shard(one, |shard, shared| shard.link(shared, one, other));
    }

    /// Takes a link back.
    pub fn unlink(&self, one: Address, other: Address) {
        self.with_shard(one, |shard, shared| shard.unlink(shared, one, other));
    }
}
