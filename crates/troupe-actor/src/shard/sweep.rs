//! Pools: what the tree asks of all members at once, each shard does for its own (`SUP-2`).

use super::{EndRequest, Shard};
use crate::cell::Cell;
use crate::id::Address;
use crate::reason::ExitReason;
use crate::shared::Shared;
use crate::status::Status;
use crate::tree::report::{ChildReport, Report, Sweep};
use crate::tree::spec::SupervisorId;

/// What is left to do of a sweep.
#[derive(Debug)]
pub(super) struct Sweeping {
    number: u32,
    /// Members that are not done.
    left: u32,
    /// Which those are, a bit for each cell: who joined the pool meanwhile is no part of it.
    members: Vec<u64>,
}

impl Sweeping {
    fn new(number: u32, members: &[u32]) -> Self {
        let words = members.last().map_or(0, |last| *last as usize / 64 + 1);
        let mut bits = vec![0; words];
        for local in members {
            if let Some(word) = bits.get_mut(*local as usize / 64) {
                *word |= 1 << (local % 64);
            }
        }
        Self { number, left: members.len() as u32, members: bits }
    }

    /// Notes that a member is done; whether it was the last one.
    fn is_last(&mut self, local: u32) -> bool {
        let Some(word) = self.members.get_mut(local as usize / 64) else { return false };
        let bit = 1 << (local % 64);
        #[cfg(troupe_planted)]
        if *word & bit == 0 && crate::planted::is(crate::planted::Bug::SweepMiscounted) {
            self.left = self.left.saturating_sub(1);
            return self.left == 0;
        }
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.left -= 1;
        self.left == 0
    }
}

impl Shard {
    /// Does something to every member of a pool; the tree hears when it is done.
    pub(super) fn sweep(&mut self, shared: &Shared, pool: SupervisorId, sweep: &Sweep, number: u32) {
        let all = self.cells.iter().enumerate().filter(|(_, cell)| cell.is_member_of(pool));
        let members: Vec<u32> = all.map(|(local, _)| local as u32).collect();
        let places: Vec<Address> = members.iter().map(|local| self.address_of(*local)).collect();
        if matches!(sweep, Sweep::Begin) {
            places.into_iter().for_each(|place| self.begin_again(shared, place));
            return self.all_swept(pool, number);
        }
        // Counted before the first one ends: it may do so at once.
        self.sweeps.insert(pool, Sweeping::new(number, &members));
        for (place, local) in places.into_iter().zip(members) {
            self.sweep_one(shared, place, local, sweep);
        }
        if self.sweeps.get(&pool).is_some_and(|sweep| sweep.number == number && sweep.left == 0) {
            self.all_swept(pool, number);
        }
    }

    fn sweep_one(&mut self, shared: &Shared, place: Address, local: u32, sweep: &Sweep) {
        match sweep {
            Sweep::TakeDown(grace_ms) => {
                let incarnation = self.cells.get(local as usize).map_or(0, Cell::life);
                self.take_down(shared, place, incarnation, *grace_ms);
            }
            Sweep::KillLives => self.kill_life(shared, local),
            Sweep::End(reason, gave_up) => self.end_place(shared, place, reason.clone(), *gave_up),
            Sweep::Stop { drain, grace_ms } => {
                let request = EndRequest { drain: *drain, grace_ms: *grace_ms, waiter: None };
                self.end(shared, place, request);
            }
            Sweep::Begin => {}
        }
    }

    /// The next life of a member that was taken down.
    fn begin_again(&mut self, shared: &Shared, place: Address) {
        let Some((_, cell)) = self.resolve(place) else { return };
        if matches!(cell.status(), Status::Restarting | Status::Starting) && !cell.running {
            let incarnation = cell.incarnation.wrapping_add(1);
            self.begin_life(shared, place, incarnation);
        }
    }

    /// A member is restarted: its pool counts, and may have a budget of its own (`INT-3`), which pays for
    /// what the member's own pays for.
    pub(super) fn tell_pool(&mut self, local: u32, reason: &ExitReason, charged: bool) {
        let Some(parent) = self.cells.get(local as usize).and_then(|cell| cell.parent()) else { return };
        #[cfg(troupe_planted)]
        let charged = charged || crate::planted::is(crate::planted::Bug::PoolPaysTwice);
        let what = Report::Restarted(reason.clone(), charged);
        let report = ChildReport { parent: parent.id, child: 0, place: Address::NONE, incarnation: 0, what };
        self.tell_tree(report);
    }

    /// One member of a pool is done with what a sweep wanted of it.
    pub(super) fn swept(&mut self, local: u32) {
        if self.sweeps.is_empty() {
            return;
        }
        let Some(cell) = self.cells.get(local as usize) else { return };
        let pool = cell.parent().map_or(SupervisorId::USER, |parent| parent.id);
        let Some(sweep) = self.sweeps.get_mut(&pool) else { return };
        if sweep.is_last(local) {
            let number = sweep.number;
            self.all_swept(pool, number);
        }
    }

    fn all_swept(&mut self, pool: SupervisorId, number: u32) {
        self.sweeps.remove(&pool);
        let report =
            ChildReport { parent: pool, child: 0, place: Address::NONE, incarnation: number, what: Report::Swept };
        self.tell_tree(report);
    }
}
