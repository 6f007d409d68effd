//! Actors by name and by path (`REG-6`).

use super::ActorSystem;
use crate::id::{ActorId, Address};

impl ActorSystem {
    /// The actor with this name, or at this path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Address> {
        let in_pool = name.rsplit_once('/').filter(|(_, last)| last.starts_with('$')).map(|(_, last)| last);
        let name = in_pool.or_else(|| name.strip_prefix("/user/")).unwrap_or(name);
        if name.starts_with('/') {
            return self.with_tree(|shard, _| shard.tree_find(name)).flatten();
        }
        match name.strip_prefix('$') {
            Some(id) => self.find_unnamed(id),
            None => self.shared.names.find(name),
        }
    }

    /// The actor whose path ends with its identity, because it has no name.
    fn find_unnamed(&self, id: &str) -> Option<Address> {
        let (index, generation) = id.split_once('.')?;
        let (index, generation) = (index.parse().ok()?, generation.parse().ok()?);
        let address = Address { index, tag: self.shared.tag_of(ActorId::new(index, generation)) };
        let lives = self.status(address).is_some_and(|status| status.id.is_some() && status.name.is_none());
        lives.then_some(address)
    }
}
