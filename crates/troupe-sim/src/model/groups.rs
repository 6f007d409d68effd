//! Groups: sets in the order of joining, without anybody who has ended, and whose watchers miss nothing
//! (`GRP-1`); and starts that several wait for (`REG-1`).

use std::collections::BTreeMap;

use troupe_actor::groups::{GroupError, Member};
use troupe_actor::id::Address;
use troupe_actor::shard::Joined;

use super::Model;
use super::actor::Under;

/// Groups of a run.
pub const CREWS: [&str; 2] = ["crew", "crowd"];

/// What is known of groups.
#[derive(Debug, Default)]
pub struct Crews {
    /// Members in the order of joining, by group.
    members: BTreeMap<&'static str, Vec<usize>>,
    /// What each watcher of a port was told: of which group, and who is in it.
    watchers: BTreeMap<(u32, u32), (&'static str, Vec<Address>)>,
}

impl Model {
    /// An actor is to join a group: what must come of it.
    pub fn join(&mut self, key: usize, group: &'static str) -> Result<bool, GroupError> {
        let actor = &self.actors[key];
        if !actor.is_live() || actor.ending.is_some() || actor.killed {
            return Err(GroupError::Stopped);
        }
        let members = self.crews.members.entry(group).or_default();
        if members.contains(&key) {
            return Ok(false);
        }
        members.push(key);
        self.note(|| format!("#{key} joins {group}"));
        Ok(true)
    }

    /// An actor is to leave a group; whether it is in it.
    pub fn leave(&mut self, key: usize, group: &'static str) -> bool {
        let members = self.crews.members.entry(group).or_default();
        let before = members.len();
        members.retain(|member| *member != key);
        let left = before != members.len();
        self.note(|| format!("#{key} leaves {group}: {left}"));
        left
    }

    /// The actor has ended, and is in no group any more.
    pub(super) fn leave_all(&mut self, key: usize) {
        self.crews.members.values_mut().for_each(|members| members.retain(|member| *member != key));
    }

    /// A watch of a group begins: this is how it stands.
    pub fn watch_group(&mut self, watcher: (u32, u32), group: &'static str, members: &[Member]) {
        let found: Vec<Address> = members.iter().map(|member| member.address).collect();
        self.crews.watchers.insert(watcher, (group, found));
    }

    /// A watch of a group was taken back.
    pub fn unwatch_group(&mut self, watcher: (u32, u32)) {
        self.crews.watchers.remove(&watcher);
    }

    /// A watcher is told of a change.
    pub fn group_changed(&mut self, port: u32, watch: u32, member: &Member, joined: bool) {
        let Some((group, seen)) = self.crews.watchers.get_mut(&(port, watch)) else {
            return self.fail("GRP-1", format!("watch {watch} of port {port} is told something without watching"));
        };
        let (group, before) = (*group, seen.contains(&member.address));
        if joined {
            seen.push(member.address);
        } else {
            seen.retain(|address| *address != member.address);
        }
        self.require(before != joined, "GRP-1", || {
            format!("watch {watch} of {group} is told that {} is in: {joined}, which it knew", member.path)
        });
    }

    /// A step is over: what the kernel says about a group, and what its watchers know, is so.
    pub fn check_group(&mut self, group: &'static str, found: &[Member]) {
        let members = self.crews.members.get(group).cloned().unwrap_or_default();
        let expected: Vec<Address> = members.iter().map(|key| self.actors[*key].address).collect();
        let found: Vec<Address> = found.iter().map(|member| member.address).collect();
        self.require(found == expected, "GRP-1", || format!("{group} has {found:?}, expected {members:?}"));
        let wrong = self.crews.watchers.iter().find(|(_, (of, seen))| *of == group && *seen != expected);
        let wrong = wrong.map(|(watcher, (_, seen))| (*watcher, seen.clone()));
        self.require(wrong.is_none(), "GRP-1", || {
            format!("the watcher of {group} knows {wrong:?}, it has {members:?}")
        });
    }

    /// Somebody who would have spawned an actor is told what it is.
    pub fn check_joined(&mut self, key: usize, joined: Joined) {
        let actor = &self.actors[key];
        let closed = actor.ending.is_some() || actor.killed;
        let comes = !actor.been_up && !actor.traits.lazy;
        let expected = match joined {
            Joined::Gone => !actor.is_live(),
            Joined::Ending => actor.is_live() && closed,
            Joined::Starting => actor.is_live() && !closed && comes,
            Joined::Up => actor.is_live() && !closed && !comes,
        };
        self.require(expected, "REG-1", || format!("#{key} is said to be {joined:?}"));
    }

    /// Whether an actor was spawned on its own.
    #[must_use]
    pub fn is_alone(&self, key: usize) -> bool {
        self.actors[key].under == Under::User
    }
}
