//! Groups of actors, and the holders of names, from outside.

use super::ActorSystem;
use crate::cell::Waiter;
use crate::groups::{GroupError, Member};
use crate::id::Address;
use crate::registry::check_name;
use crate::shard::Joined;

impl ActorSystem {
    /// Adds an actor to a group; false when it is in it already (`GRP-1`).
    ///
    /// # Errors
    /// When the name is illegal, the actor has stopped, or it is in too many groups.
    pub fn join_group(&self, address: Address, group: &str) -> Result<bool, GroupError> {
        check_name(group).map_err(GroupError::Name)?;
        let joined = self.with_shard(address, |shard, shared| shard.join_group(shared, address, group));
        joined.unwrap_or(Err(GroupError::Stopped))
    }

    /// Takes an actor out of a group; false when it is not in it.
    pub fn leave_group(&self, address: Address, group: &str) -> bool {
        self.shared.groups.leave(group, address, &|port| self.shared.port(port))
    }

    /// Who is in a group, in the order in which they joined.
    #[must_use]
    pub fn group_members(&self, group: &str) -> Vec<Member> {
        self.shared.groups.members(group)
    }

    /// Tells the watcher's port of every change from now on; the result is how it stands now.
    ///
    /// # Errors
    /// When the name is illegal, or the group has too many watchers.
    pub fn watch_group(&self, group: &str, watcher: Waiter) -> Result<Vec<Member>, GroupError> {
        check_name(group).map_err(GroupError::Name)?;
        self.shared.groups.watch(group, watcher)
    }

    /// Takes a watch of a group back.
    pub fn unwatch_group(&self, group: &str, watcher: Waiter) {
        self.shared.groups.unwatch(group, watcher);
    }

    /// Tells the waiter when an actor that somebody else spawns has come up, or when one that goes down is gone.
    #[must_use]
    pub fn join_start(&self, address: Address, waiter: Waiter) -> Joined {
        self.with_shard(address, |shard, _| shard.join_start(address, waiter)).unwrap_or(Joined::Gone)
    }
}
