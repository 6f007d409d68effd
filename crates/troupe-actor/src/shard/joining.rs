//! Actors that others share: in groups (`GRP-1`), and under a name that several want (`REG-1`).

use super::Shard;
use crate::cell::{Cell, Waiter};
use crate::groups::{GroupError, Member};
use crate::id::Address;
use crate::shared::Shared;
use crate::status::Status;

/// What an actor is to somebody who would have spawned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It has come up, or comes up with its first message.
    Up,
    /// It comes up; the waiter hears how that went.
    Starting,
    /// It goes down; the waiter hears when it is gone.
    Ending,
    /// It has ended.
    Gone,
}

impl Shard {
    /// Adds an actor to a group, under the lock that its end needs too: who has ended is in no group.
    pub(crate) fn join_group(&mut self, shared: &Shared, address: Address, group: &str) -> Result<bool, GroupError> {
        let is_closed = Cell::is_closed;
        #[cfg(troupe_planted)]
        let is_closed = |cell: &Cell| is_closed(cell) && !crate::planted::is(crate::planted::Bug::GroupTakesClosed);
        let Some((local, cell)) = self.resolve(address).filter(|(_, cell)| !is_closed(cell)) else {
            return Err(GroupError::Stopped);
        };
        let id = cell.id(address.index);
        cell.rare_mut().grouped = true;
        let member = Member { address, id, path: self.path_of(local) };
        shared.groups.join(group, &member, &|port| shared.port(port))
    }

    /// Lets a waiter hear of a start that somebody else asked for.
    pub(crate) fn join_start(&mut self, address: Address, waiter: Waiter) -> Joined {
        let Some((_, cell)) = self.resolve(address) else { return Joined::Gone };
        let is_closed = cell.is_closed();
        #[cfg(troupe_planted)]
        let is_closed = is_closed && !crate::planted::is(crate::planted::Bug::EndingShared);
        if is_closed {
            cell.rare_mut().end_waiters.push(waiter);
            return Joined::Ending;
        }
        let lazy = cell.spec.as_deref().is_some_and(|spec| spec.lazy);
        match cell.status() {
            Status::Creating | Status::Starting if !lazy => {
                cell.rare_mut().start_waiters.push(waiter);
                Joined::Starting
            }
            _ => Joined::Up,
        }
    }
}
