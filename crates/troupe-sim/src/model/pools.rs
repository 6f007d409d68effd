//! Pools and the budgets of whole trees: a budget per member (`INT-3`), one for the pool, one shared
//! by the children of a supervisor (`INT-1`).

use std::collections::BTreeSet;
use std::sync::Arc;

use troupe_actor::shard::Signal;
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::SupervisorSpec;
use troupe_actor::tree::report::{ChildReport, Report, Sweep};
use troupe_actor::tree::spec::SupervisorId;

use super::{Model, Phase, Under};
use crate::plan::Traits;

/// A pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its path.
    pub path: String,
    /// How its members are made.
    pub traits: Traits,
    /// Restarts of all members together, within milliseconds, after which it gives up.
    pub budget: Option<(u32, u64)>,
    /// Members that it begins with.
    size: u32,
    /// Those of them that came up or ended.
    reported: BTreeSet<u64>,
    /// One of them came up: its turn has come.
    begun: bool,
    /// It is known to be up: its budget counts.
    up: bool,
    /// Every restart of a member that its pool heard of.
    charged: Vec<u64>,
    /// Those of them that it could pay for while it was up for certain.
    counted: Vec<u64>,
    /// Number of the last sweep.
    sweep: u32,
    /// Restarts that were charged to its members.
    paid: usize,
    /// Its budget is spent, so it must go down.
    spent: bool,
}

/// A supervisor's own rules, and the restarts that it paid for.
#[derive(Clone, Debug)]
pub struct Budget {
    spec: SupervisorSpec,
    charged: Vec<u64>,
}

impl Model {
    /// A pool was made.
    pub fn new_pool(&mut self, id: SupervisorId, path: String, traits: Traits, budget: Option<(u32, u64)>, size: u32) {
        // One without members is up when its turn comes, which is at once only at the top.
        let up = size == 0 && path.matches('/').count() == 1;
        let pool = Pool {
            path,
            traits,
            budget,
            size,
            reported: BTreeSet::new(),
            begun: false,
            up,
            charged: Vec::new(),
            counted: Vec::new(),
            sweep: 0,
            paid: 0,
            spent: false,
        };
        self.pools.insert(id, pool);
    }

    /// How the members of a pool are made.
    #[must_use]
    pub fn pool_traits(&self, id: SupervisorId) -> Option<Traits> {
        self.pools.get(&id).map(|pool| pool.traits.clone())
    }

    /// A pool that is on its way down or up, rather than one that is up.
    #[must_use]
    pub fn pool_on_its_way(&self) -> Option<SupervisorId> {
        self.pools.iter().find(|(_, pool)| !pool.up && pool.sweep > 0).map(|(id, _)| *id)
    }

    /// A supervisor with these rules will come.
    pub fn plan_supervisor(&mut self, path: String, spec: SupervisorSpec) {
        self.budgets.insert(path, Budget { spec, charged: Vec::new() });
    }

    /// The pool whose member has this path.
    pub(super) fn pool_of(&self, path: &str) -> Option<(SupervisorId, Traits)> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let (id, pool) = self.pools.iter().find(|(_, pool)| pool.path == parent)?;
        Some((*id, pool.traits.clone()))
    }

    /// A signal about a pool is about to reach this shard.
    pub(super) fn pool_signal(&mut self, shard: usize, signal: &Signal) {
        match signal {
            Signal::Sweep(id, sweep, number) if self.pools.contains_key(id) => {
                self.note(|| format!("shard {shard}: {id:?} {sweep:?}"));
                self.pool_goes(*id, sweep, *number);
                self.sweep(shard, *id, sweep);
            }
            Signal::Child(report) => self.pool_report(report),
            _ => {}
        }
    }

    /// The pool wants something of its members; the last thing that it wanted counts.
    fn pool_goes(&mut self, id: SupervisorId, sweep: &Sweep, number: u32) {
        let Some(pool) = self.pools.get_mut(&id).filter(|pool| pool.sweep <= number) else { return };
        (pool.sweep, pool.up) = (number, matches!(sweep, Sweep::Begin));
        pool.spent = false;
        if !pool.up {
            // What it heard of while it was on its way is not known.
            pool.counted.clear();
        }
    }

    fn sweep(&mut self, shard: usize, id: SupervisorId, sweep: &Sweep) {
        let is_member = |key: &usize| {
            let actor = &self.actors[*key];
            actor.pool() == Some(id) && self.shard_of(actor.address) == shard && actor.expect.is_none()
        };
        let members: Vec<usize> = self.live.iter().copied().filter(is_member).collect();
        for key in members {
            let (address, incarnation) = (self.actors[key].address, self.actors[key].incarnation);
            match sweep {
                Sweep::TakeDown(grace_ms) => self.take_down(address, incarnation, *grace_ms),
                Sweep::KillLives => self.kill_its_life(key),
                Sweep::Begin => self.begin_again(key),
                Sweep::End(reason, gave_up) => self.end_member(key, reason, *gave_up),
                Sweep::Stop { drain, grace_ms } => {
                    self.end(key, *drain, (*grace_ms < u64::from(u32::MAX)).then_some(*grace_ms));
                }
            }
        }
    }

    fn begin_again(&mut self, key: usize) {
        let actor = &self.actors[key];
        let waits = matches!(actor.phase, Phase::Placed | Phase::Waiting(_));
        let goes = actor.taken_down() && actor.phase != Phase::Placed;
        self.require(!goes, "SUP-2", || format!("the pool of #{key} comes up while that still goes down"));
        let actor = &self.actors[key];
        if waits && !actor.is_busy() && actor.ending.is_none() {
            let (place, next) = (actor.address, actor.incarnation + 1);
            self.begin(place, next);
        }
    }

    /// The place of a member is given up. One that was added while its pool went down still lives.
    fn end_member(&mut self, key: usize, reason: &troupe_actor::reason::ExitReason, gave_up: bool) {
        let actor = &mut self.actors[key];
        let lives = actor.phase == Phase::Up || actor.is_busy();
        if lives {
            actor.exit_as = Some(reason.tag);
            self.kill(key);
        } else {
            let place = actor.address;
            self.end_place(place, reason, gave_up);
        }
    }

    fn pool_report(&mut self, report: &ChildReport) {
        let now = self.now;
        let Some(pool) = self.pools.get_mut(&report.parent) else { return };
        match &report.what {
            Report::Up | Report::Gone(_) if pool.sweep == 0 => {
                pool.reported.insert(report.place.tag);
                // Those that end before their pool's turn do not bring it up.
                pool.begun |= matches!(report.what, Report::Up);
                pool.up |= pool.begun && pool.reported.len() >= pool.size as usize;
            }
            Report::Restarted(_, true) => {
                pool.charged.push(now);
                if let Some((max, within)) = pool.budget.filter(|_| pool.up) {
                    let inside = pool.counted.iter().filter(|at| now - **at < within).count();
                    pool.spent = inside >= max as usize;
                    // The one that was too many ends the pool, and counts no more.
                    pool.counted.extend((!pool.spent).then_some(now));
                }
                let (charged, paid, path) = (pool.charged.len(), pool.paid, pool.path.clone());
                self.require(charged <= paid, "INT-3", || {
                    format!("{path} is charged for {charged} restarts, its members were for {paid}")
                });
            }
            _ => {}
        }
    }

    /// A supervisor or a pool says that its budget is spent (`INT-6`).
    pub(super) fn gave_up(&mut self, path: &Arc<str>, reason: troupe_actor::reason::ReasonTag) {
        self.note(|| format!("{path} gives up: {reason}"));
        let Some(pool) = self.pools.values().find(|pool| *pool.path == **path) else { return };
        if reason != troupe_actor::reason::ReasonTag::Intensity {
            return;
        }
        let (budget, charged) = (pool.budget, pool.charged.clone());
        // It says so when its members are down; the restart that was too many was any of them.
        let spent = budget.is_some_and(|(max, within)| {
            charged
                .iter()
                .enumerate()
                .any(|(at, last)| charged[..=at].iter().filter(|time| last - **time < within).count() > max as usize)
        });
        self.require(spent, "INT-3", || format!("{path} gives up after restarts at {charged:?}, allowed {budget:?}"));
    }

    /// A member of a pool is restarted by its own rules.
    pub(super) fn charge_member(&mut self, key: usize) {
        let free = std::mem::take(&mut self.actors[key].free_restart);
        if let Some(pool) = self.actors[key].pool().and_then(|id| self.pools.get_mut(&id)) {
            pool.paid += usize::from(!free);
        }
    }

    /// The tree restarts a supervised child: within its supervisor's budget, after no longer wait than
    /// that allows (`INT-1`, `BO-1`).
    pub(super) fn charge_supervisor(&mut self, key: usize, delay: u64) {
        let now = self.now;
        let free = std::mem::take(&mut self.actors[key].free_restart);
        let path = self.actors[key].path.clone();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let Some(budget) = self.budgets.get_mut(&parent) else { return };
        let spec = budget.spec;
        if !free {
            budget.charged.push(now);
        }
        let inside = budget.charged.iter().filter(|at| now - **at < spec.within_ms).count();
        self.require(delay <= spec.backoff.max_ms, "BO-1", || {
            format!("#{key} waits {delay} ms, {} at most", spec.backoff.max_ms)
        });
        // One further down is made anew with its supervisor, and its budget with it.
        let top = parent.matches('/').count() == 1;
        let within = !top || spec.max_restarts == u32::MAX || inside <= spec.max_restarts as usize;
        self.require(within, "INT-1", || {
            format!(
                "{parent} restarts #{key} at {now}, the {inside}th of {} within {} ms",
                spec.max_restarts, spec.within_ms
            )
        });
    }

    /// The tree was looked at, with nothing under way: a pool of which no member tells may be up.
    pub(super) fn pools_seen(&mut self, seen: &[(String, Status)]) {
        for pool in self.pools.values_mut().filter(|pool| pool.sweep == 0) {
            pool.up |= seen.iter().any(|(path, status)| *path == pool.path && *status == Status::Ready);
        }
    }

    /// Nothing is under way: a pool whose budget is spent has gone down.
    pub(super) fn check_pools(&mut self) {
        let spent = self.pools.values().find(|pool| pool.spent).map(|pool| (pool.path.clone(), pool.counted.clone()));
        self.require(spent.is_none(), "INT-3", || format!("a pool goes on with its budget spent: {spent:?}"));
    }

    /// A new actor is to be a member of this pool.
    pub fn join_pool(&mut self, key: usize, id: SupervisorId) {
        let path = self.pools.get(&id).map(|pool| pool.path.clone()).unwrap_or_default();
        let actor = &mut self.actors[key];
        (actor.under, actor.above) = (Under::Pool(id, false), path);
    }
}
