//! What an environment that spreads messages over a pool asks (`QG-2`).

use std::sync::Arc;

use super::ActorSystem;
use crate::id::Address;
use crate::shard::Readiness;
use crate::tree::spec::SupervisorId;

impl ActorSystem {
    /// Counts the members that came and went; `None` when there is no such pool. Whoever knows the
    /// members of one count knows those of the same count later.
    #[must_use]
    pub fn pool_changes(&self, pool: SupervisorId) -> Option<u32> {
        let parent = self.with_tree(|shard, _| shard.tree().parent(pool)).flatten();
        parent.map(|parent| parent.changes())
    }

    /// How an actor stands, after everything that was sent to it before, and how many messages it has.
    #[must_use]
    pub fn standing(&self, address: Address) -> (Readiness, u32) {
        self.with_shard(address, |shard, _| shard.standing(address)).unwrap_or((Readiness::Gone, 0))
    }

    /// Refuses a message for which no receiver could be chosen: it is counted, and a dead letter; `path` is
    /// where it was to go.
    pub fn refuse_unroutable(&self, sender: Address, path: Arc<str>, payload: &[u8]) {
        let first = Address { index: 0, tag: 0 };
        self.with_shard(first, |shard, shared| shard.refuse_unroutable(shared, sender, path, payload));
    }
}
