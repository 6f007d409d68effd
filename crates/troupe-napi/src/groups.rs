//! Groups of actors, and names that several want, as TypeScript reaches them.

use napi_derive::napi;
use troupe_actor::groups::{GroupError, Member};
use troupe_actor::shard::Joined;

use crate::convert::{address, from_words};
use crate::error::{Failure, number};
use crate::system::NativeSystem;

type Result<T> = std::result::Result<T, napi::Error<String>>;

/// An actor in a group.
#[napi(object)]
pub struct NativeMember {
    pub address: Vec<u32>,
    pub path: String,
}

impl From<&Member> for NativeMember {
    fn from(member: &Member) -> Self {
        Self { address: address(member.address, Some(member.id)).to_vec(), path: member.path.to_string() }
    }
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        let number = match error {
            GroupError::Stopped => number::ACTOR_STOPPED,
            GroupError::Name(_) => number::NAME_INVALID,
            GroupError::TooManyGroups | GroupError::TooManyWatchers => number::CONFIG,
        };
        Self::new(number, error.to_string())
    }
}

fn members(members: &[Member]) -> Vec<NativeMember> {
    members.iter().map(NativeMember::from).collect()
}

#[napi]
impl NativeSystem {
    #[napi(catch_unwind)]
    pub fn join_group(&self, index: u32, tag_lo: u32, tag_hi: u32, group: String) -> Result<bool> {
        let joined = self.core.system.join_group(from_words(index, tag_lo, tag_hi), &group);
        Ok(joined.map_err(Failure::from)?)
    }

    #[napi(catch_unwind)]
    pub fn leave_group(&self, index: u32, tag_lo: u32, tag_hi: u32, group: String) -> bool {
        self.core.system.leave_group(from_words(index, tag_lo, tag_hi), &group)
    }

    #[napi(catch_unwind)]
    pub fn group_members(&self, group: String) -> Vec<NativeMember> {
        members(&self.core.system.group_members(&group))
    }

    #[napi(catch_unwind)]
    pub fn watch_group(&self, group: String, watch: u32) -> Result<Vec<NativeMember>> {
        let found = self.core.system.watch_group(&group, self.core.waiter(watch));
        Ok(members(&found.map_err(Failure::from)?))
    }

    #[napi(catch_unwind)]
    pub fn unwatch_group(&self, group: String, watch: u32) {
        self.core.system.unwatch_group(&group, self.core.waiter(watch));
        self.core.port.forget_watch(watch);
    }

    /// 0 it is up, 1 the slot hears of its start, 2 the slot hears of its end, 3 it is gone.
    #[napi(catch_unwind)]
    pub fn join_start(&self, index: u32, tag_lo: u32, tag_hi: u32, slot: u32) -> u32 {
        match self.core.system.join_start(from_words(index, tag_lo, tag_hi), self.core.waiter(slot)) {
            Joined::Up => 0,
            Joined::Starting => 1,
            Joined::Ending => 2,
            Joined::Gone => 3,
        }
    }
}
