//! Groups: sets of actors under a name, and who watches them (`GRP-1`).
//!
//! Watchers are told under the table's lock: what a watcher saw at first and what it is told afterwards
//! have neither a gap nor an overlap.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::cell::Waiter;
use crate::id::{ActorId, Address};
use crate::port::Port;
use crate::sync::Mutex;

/// Groups that one actor may be in.
pub const MAX_GROUPS: usize = 256;
/// Watchers that one group may have.
pub const MAX_WATCHERS: usize = 1_024;

/// An actor in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub address: Address,
    /// Who it is.
    pub id: ActorId,
    /// Its path.
    pub path: Arc<str>,
}

/// Why an actor cannot join, or a group not be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The actor has ended, or was asked to.
    #[error("the actor has stopped")]
    Stopped,
    /// The group's name breaks this rule (`REG-4`).
    #[error("{0}")]
    Name(&'static str),
    /// The actor is in as many groups as it may be.
    #[error("an actor is in at most {MAX_GROUPS} groups")]
    TooManyGroups,
    /// The group has as many watchers as it may have.
    #[error("a group has at most {MAX_WATCHERS} watchers")]
    TooManyWatchers,
}

#[derive(Default)]
struct Group {
    /// Members in the order in which they joined.
    members: BTreeMap<u64, Member>,
    places: HashMap<Address, u64>,
    watchers: Vec<Waiter>,
}

#[derive(Default)]
struct Tables {
    groups: HashMap<Arc<str>, Group>,
    /// What each member is in.
    of: HashMap<Address, Vec<Arc<str>>>,
    next: u64,
}

/// The groups of a system.
#[derive(Default)]
pub struct Groups(Mutex<Tables>);

/// Gives the port with an index, while it is attached.
pub type PortOf<'a> = &'a dyn Fn(u32) -> Option<Arc<dyn Port>>;

impl Groups {
    /// Adds a member; false when it was one already.
    ///
    /// # Errors
    /// When it is in too many groups.
    pub fn join(&self, group: &str, member: &Member, port: PortOf<'_>) -> Result<bool, GroupError> {
        let mut tables = self.0.lock();
        let Tables { groups, of, next } = &mut *tables;
        if groups.get(group).is_some_and(|known| known.places.contains_key(&member.address)) {
            return Ok(false);
        }
        let own = of.entry(member.address).or_default();
        if own.len() >= MAX_GROUPS {
            return Err(GroupError::TooManyGroups);
        }
        let name: Arc<str> = groups.get_key_value(group).map_or_else(|| Arc::from(group), |(name, _)| Arc::clone(name));
        own.push(Arc::clone(&name));
        let group = groups.entry(name).or_default();
        group.places.insert(member.address, *next);
        group.members.insert(*next, member.clone());
        *next += 1;
        group.tell(member, true, port);
        Ok(true)
    }

    /// Takes a member out; false when it was none.
    pub fn leave(&self, group: &str, address: Address, port: PortOf<'_>) -> bool {
        let mut tables = self.0.lock();
        let Tables { groups, of, .. } = &mut *tables;
        if let Some(own) = of.get_mut(&address) {
            own.retain(|name| &**name != group);
            if own.is_empty() {
                of.remove(&address);
            }
        }
        take_out(groups, group, address, port)
    }

    /// Takes an actor out of every group: it has ended.
    pub fn leave_all(&self, address: Address, port: PortOf<'_>) {
        let mut tables = self.0.lock();
        let own = tables.of.remove(&address).unwrap_or_default();
        for name in own {
            take_out(&mut tables.groups, &name, address, port);
        }
    }

    /// Who is in a group, in the order in which they joined.
    #[must_use]
    pub fn members(&self, group: &str) -> Vec<Member> {
        let tables = self.0.lock();
        tables.groups.get(group).map(|group| group.members.values().cloned().collect()).unwrap_or_default()
    }

    /// Tells the watcher of every change from now on; the result is how it stands.
    ///
    /// # Errors
    /// When the group has too many watchers.
    pub fn watch(&self, group: &str, watcher: Waiter) -> Result<Vec<Member>, GroupError> {
        let mut tables = self.0.lock();
        let group = tables.groups.entry(Arc::from(group)).or_default();
        if group.watchers.len() >= MAX_WATCHERS {
            return Err(GroupError::TooManyWatchers);
        }
        group.watchers.push(watcher);
        Ok(group.members.values().cloned().collect())
    }

    /// Tells the watcher nothing more.
    pub fn unwatch(&self, group: &str, watcher: Waiter) {
        let mut tables = self.0.lock();
        let Some(found) = tables.groups.get_mut(group) else { return };
        found.watchers.retain(|other| *other != watcher);
        if found.is_unused() {
            tables.groups.remove(group);
        }
    }

    /// A port is gone, and with it all that it watched.
    pub fn forget_port(&self, port: u32) {
        self.0.lock().groups.retain(|_, group| {
            group.watchers.retain(|watcher| watcher.port != port);
            !group.is_unused()
        });
    }

    /// Whether nobody is in a group, and nobody watches one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let tables = self.0.lock();
        tables.groups.is_empty() && tables.of.is_empty()
    }
}

impl Group {
    /// A group without members and watchers is none.
    fn is_unused(&self) -> bool {
        self.members.is_empty() && self.watchers.is_empty()
    }

    fn tell(&self, member: &Member, joined: bool, port: PortOf<'_>) {
        for watcher in &self.watchers {
            if let Some(port) = port(watcher.port) {
                port.group_changed(watcher.slot, member, joined);
            }
        }
    }
}

fn take_out(groups: &mut HashMap<Arc<str>, Group>, name: &str, address: Address, port: PortOf<'_>) -> bool {
    let Some(group) = groups.get_mut(name) else { return false };
    let Some(member) = group.places.remove(&address).and_then(|place| group.members.remove(&place)) else {
        return false;
    };
    #[cfg(troupe_planted)]
    if crate::planted::is(crate::planted::Bug::GroupLeaveUnsaid) {
        group.watchers.clear();
    }
    group.tell(&member, false, port);
    if group.is_unused() {
        groups.remove(name);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{GroupError, Groups, MAX_GROUPS, MAX_WATCHERS, Member};
    use crate::cell::Waiter;
    use crate::id::{ActorId, Address};
    use std::sync::Arc;

    fn member(index: u32) -> Member {
        let address = Address { index, tag: u64::from(index) + 1 };
        Member { address, id: ActorId::new(index, 0), path: Arc::from(format!("/user/{index}")) }
    }

    #[test]
    fn a_group_is_a_set_in_the_order_of_joining() {
        let groups = Groups::default();
        let none = &|_| None;
        for index in [3, 1, 2] {
            assert_eq!(groups.join("all", &member(index), none), Ok(true));
        }
        assert_eq!(groups.join("all", &member(1), none), Ok(false));
        let order: Vec<u32> = groups.members("all").iter().map(|member| member.address.index).collect();
        assert_eq!(order, [3, 1, 2]);
        assert!(groups.leave("all", member(1).address, none));
        assert!(!groups.leave("all", member(1).address, none));
        assert!(!groups.leave("none", member(3).address, none));
        groups.leave_all(member(3).address, none);
        groups.leave_all(member(2).address, none);
        assert!(groups.members("all").is_empty() && groups.is_empty());
    }

    #[test]
    fn an_actor_is_in_so_many_groups_and_a_group_has_so_many_watchers() {
        let groups = Groups::default();
        let none = &|_| None;
        for number in 0..MAX_GROUPS {
            assert_eq!(groups.join(&format!("g{number}"), &member(1), none), Ok(true));
        }
        assert_eq!(groups.join("more", &member(1), none), Err(GroupError::TooManyGroups));
        assert!(groups.leave("g0", member(1).address, none));
        assert_eq!(groups.join("more", &member(1), none), Ok(true));
        for slot in 0..MAX_WATCHERS as u32 {
            assert!(groups.watch("w", Waiter { port: 0, slot }).is_ok());
        }
        assert_eq!(groups.watch("w", Waiter { port: 0, slot: 1 << 20 }), Err(GroupError::TooManyWatchers));
        groups.unwatch("w", Waiter { port: 0, slot: 5 });
        assert!(groups.watch("w", Waiter { port: 0, slot: 5 }).is_ok());
        groups.forget_port(0);
        groups.leave_all(member(1).address, none);
        assert!(groups.is_empty());
    }
}
