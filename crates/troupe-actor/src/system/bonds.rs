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

    /// An actor watches another one under a tag of its own: one down frame comes into its mailbox.
    pub fn watch_for(&self, watcher: Address, target: Address, tag: u32) {
        self.with_shard(watcher, |shard, shared| shard.watch_for(shared, watcher, target, tag));
    }

    /// An actor takes its watch with this tag back.
    pub fn unwatch_for(&self, watcher: Address, tag: u32) {
        self.with_shard(watcher, |shard, shared| shard.unwatch_for(shared, watcher, tag));
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
