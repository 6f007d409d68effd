//! Timers that are set from outside of a turn (`TMR`).

use super::ActorSystem;
use crate::id::Address;
use crate::timer::{TimerError, TimerOrder};

impl ActorSystem {
    /// Sets a timer of an actor's place, in place of the one with this name; its ticks are messages. The
    /// number is for [`ActorSystem::cancel_timer`].
    ///
    /// # Errors
    /// When the timer is not set.
    pub fn set_timer(
        &self,
        target: Address,
        sender: Address,
        order: &TimerOrder<'_>,
        name: Option<&str>,
    ) -> Result<u32, TimerError> {
        let set = self.with_shard(target, |shard, shared| shard.set_place_timer(shared, target, sender, order, name));
        set.unwrap_or(Err(TimerError::Ended))
    }

    /// Takes a timer of an actor's place back. True: no tick of it is handled from now on (`TMR-2`).
    pub fn cancel_timer(&self, target: Address, number: u32) -> bool {
        self.with_shard(target, |shard, shared| shard.cancel_place_timer(shared, target, number)).unwrap_or(false)
    }

    /// Sets a timer of an external actor's life.
    ///
    /// # Errors
    /// When the timer is not set.
    pub fn set_own_timer(
        &self,
        target: Address,
        incarnation: u32,
        key: u32,
        order: &TimerOrder<'_>,
    ) -> Result<(), TimerError> {
        let set = self.with_shard(target, |shard, shared| shard.set_own_timer(shared, target, incarnation, key, order));
        set.unwrap_or(Err(TimerError::Ended))
    }

    /// Takes a timer of an external actor's life back. True: no tick of it is handled from now on.
    pub fn cancel_own_timer(&self, target: Address, incarnation: u32, key: u32) -> bool {
        self.with_shard(target, |shard, shared| shard.cancel_own_timer(shared, target, incarnation, key))
            .unwrap_or(false)
    }
}
