//! Actors by name and by path (`REG-6`).

use std::sync::Arc;

use super::ActorSystem;
use crate::id::{ActorId, Address};
use crate::registry::Holder;

/// A live actor, with what a reference needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub address: Address,
    /// Who it is.
    pub id: ActorId,
    /// Its path.
    pub path: String,
}

/// What a name or a path says.
enum Wanted<'a> {
    /// Who has this name.
    Name(&'a str),
    /// The actor without a name that has this identity.
    Unnamed(&'a str),
    /// The child at this path.
    Path(&'a str),
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Self {
        let in_pool = name.rsplit_once('/').filter(|(_, last)| last.starts_with('$')).map(|(_, last)| last);
        let name = in_pool.or_else(|| name.strip_prefix("/user/")).unwrap_or(name);
        match name.strip_prefix('$') {
            _ if name.starts_with('/') => Self::Path(name),
            Some(id) => Self::Unnamed(id),
            None => Self::Name(name),
        }
    }
}

impl ActorSystem {
    /// The actor with this name, or at this path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Address> {
        match Wanted::of(name) {
            Wanted::Name(name) => self.shared.names.find(name),
            Wanted::Unnamed(id) => self.find_unnamed(id).map(|holder| holder.address),
            Wanted::Path(path) => self.find_child(path),
        }
    }

    /// As [`ActorSystem::find`], with what a reference needs. By name it takes no lock. An actor without a name
    /// and a child are looked up on their shard, whose lock is held for moments only: whether they live is
    /// known nowhere else, and a table beside the names would cost every spawn of a nameless actor.
    #[must_use]
    pub fn find_holder(&self, name: &str) -> Option<Found> {
        match Wanted::of(name) {
            Wanted::Name(name) => {
                let Holder { address, id, path } = self.shared.names.holder(name)?;
                let path = path.map_or_else(|| format!("/user/{name}"), |path| path.to_string());
                Some(Found { address, id, path })
            }
            Wanted::Unnamed(id) => self.find_unnamed(id),
            Wanted::Path(path) => self.holder_at(self.find_child(path)?, |_| true),
        }
    }

    fn find_child(&self, path: &str) -> Option<Address> {
        self.with_tree(|shard, _| shard.tree_find(path)).flatten()
    }

    /// The actor whose path ends with its identity, because it has no name.
    fn find_unnamed(&self, id: &str) -> Option<Found> {
        let (index, generation) = id.split_once('.')?;
        let (index, generation) = (index.parse().ok()?, generation.parse().ok()?);
        let address = Address { index, tag: self.shared.tag_of(ActorId::new(index, generation)) };
        self.holder_at(address, |name| name.is_none())
    }

    /// The live actor with this address, if its name is as it should be.
    fn holder_at(&self, address: Address, has_name: impl FnOnce(Option<&Arc<str>>) -> bool) -> Option<Found> {
        let status = self.status(address)?;
        let id = status.id.filter(|_| has_name(status.name.as_ref()))?;
        Some(Found { address, id, path: status.path.to_string() })
    }
}
