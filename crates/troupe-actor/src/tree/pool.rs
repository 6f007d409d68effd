//! Pools: their members' restarts are decided where the members are; the tree brings the pool up and
//! down as a whole, in parallel (`SUP-2`), and keeps its own budget.

use std::sync::Arc;

use super::node::{Node, Phase};
use super::report::{PlaceOrder, Report, Sweep};
use super::spec::SupervisorId;
use super::{Effect, Tree};
use crate::id::Address;
use crate::reason::{ExitReason, ReasonTag};
use crate::shard::Signal;
use crate::shared::Shared;
use crate::spec::SpawnArgs;
use crate::status::Status;
use crate::supervision::protocol::Input;

impl Tree {
    /// What its supervisor, or the user, wants of a pool.
    pub(super) fn pool_input(&mut self, now: u64, id: SupervisorId, input: Input) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let grace_ms = node.spec.shutdown_ms;
        let Some(pool) = node.pool() else { return };
        if matches!(input, Input::Start) {
            // A new life has a fresh budget (`INT-6`).
            pool.window.clear();
        }
        match (input, pool.phase) {
            (Input::Start, Phase::New) => {
                pool.phase = Phase::Starting;
                let members = std::mem::take(&mut pool.initial);
                let begin = |place: &(Address, _)| Effect::Signal(place.0, Signal::Begin(place.0, 0, 1));
                self.effects.extend(members.iter().map(begin));
                pool.pending = members.into_iter().collect();
                self.member_up(now, id, Address::NONE);
            }
            (Input::Start, Phase::Ending | Phase::Ended) => {
                let was_ending = pool.phase == Phase::Ending;
                let spec = Arc::clone(&pool.spec);
                let order = |child| PlaceOrder {
                    parent: id,
                    child,
                    key: None,
                    incarnation: 1,
                    spec: Arc::clone(&spec),
                    args: SpawnArgs::default(),
                };
                self.effects.extend((0..pool.size).map(|child| Effect::Make(Box::new(order(child)))));
                pool.phase = Phase::Up;
                node.parent.close(false);
                if was_ending {
                    // The order to end the former members is ahead of that to make the new ones.
                    self.ended(id);
                }
                self.is_up(now, id);
            }
            (Input::Start, _) => {
                self.sweep(id, Phase::Up, Sweep::Begin);
                self.is_up(now, id);
            }
            (Input::Stop { .. }, Phase::Starting | Phase::Up) => {
                node.status = Status::Stopping;
                self.sweep(id, Phase::GoingDown, Sweep::TakeDown(grace_ms));
            }
            (Input::Kill, Phase::Starting | Phase::Up | Phase::GoingDown | Phase::Failing) => {
                node.status = Status::Stopping;
                self.sweep(id, Phase::GoingDown, Sweep::KillLives);
            }
            _ => {}
        }
    }

    /// Asks every shard; what is under way is counted anew.
    fn sweep(&mut self, id: SupervisorId, phase: Phase, sweep: Sweep) {
        let shards = self.shards;
        let Some(pool) = self.nodes.get_mut(&id).and_then(Node::pool) else { return };
        pool.phase = phase;
        pool.sweep = pool.sweep.wrapping_add(1);
        pool.left = shards;
        self.effects.push(Effect::Sweep(id, sweep, pool.sweep));
    }

    /// One of the first members is up; with the last one the pool is.
    fn member_up(&mut self, now: u64, id: SupervisorId, place: Address) {
        let Some(pool) = self.nodes.get_mut(&id).and_then(Node::pool) else { return };
        pool.pending.remove(&place);
        if pool.pending.is_empty() {
            pool.phase = Phase::Up;
            self.is_up(now, id);
        }
    }

    /// A member, or a shard, of a pool reports.
    pub(super) fn pool_report(
        &mut self,
        shared: &Shared,
        now: u64,
        id: SupervisorId,
        incarnation: u32,
        place: Address,
        what: Report,
    ) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let (path, grace_ms) = (Arc::clone(&node.parent.path), node.spec.shutdown_ms);
        let Some(pool) = node.pool() else { return };
        match what {
            Report::Up | Report::Ignored | Report::Gone(_) if pool.phase == Phase::Starting => {
                self.member_up(now, id, place);
            }
            // It ended before its pool's turn came: nobody waits for its first life.
            #[cfg(not(troupe_planted))]
            Report::Gone(_) if pool.phase == Phase::New => pool.initial.retain(|(member, _)| *member != place),
            #[cfg(troupe_planted)]
            Report::Gone(_) if pool.phase == Phase::New => {
                let stays = crate::planted::is(crate::planted::Bug::PoolAwaitsDead);
                pool.initial.retain(|(member, _)| stays || *member != place);
            }
            Report::StartFailed(reason, deterministic) if pool.phase == Phase::Starting => {
                let number = pool.pending.get(&place);
                let path = number.map_or(path.clone(), |number| Arc::from(format!("{path}/${number}")));
                pool.failure = Some((path, reason, deterministic));
                self.sweep(id, Phase::Failing, Sweep::TakeDown(grace_ms));
            }
            // Of a member that was made anew: it ends alone.
            Report::StartFailed(reason, _) => {
                let end = Signal::EndPlace(Box::new((place, reason, false)));
                self.effects.push(Effect::Signal(place, end));
            }
            Report::Swept if pool.sweep == incarnation => {
                pool.left = pool.left.saturating_sub(1);
                if pool.left == 0 {
                    self.pool_swept(shared, now, id);
                }
            }
            Report::Restarted(reason, charged) => self.charge_pool(now, id, reason, charged),
            _ => {}
        }
    }

    /// Every shard has done what the pool's phase wanted.
    fn pool_swept(&mut self, shared: &Shared, now: u64, id: SupervisorId) {
        let Some(pool) = self.nodes.get_mut(&id).and_then(Node::pool) else { return };
        match pool.phase {
            Phase::GoingDown => {
                pool.phase = Phase::Down;
                let failure = pool.failure.take();
                let reason = failure.map_or_else(|| ExitReason::plain(ReasonTag::Shutdown), |(_, reason, _)| reason);
                self.is_down(shared, now, id, reason);
            }
            Phase::Failing => {
                pool.phase = Phase::Down;
                if let Some((path, reason, deterministic)) = pool.failure.take() {
                    self.did_not_come_up(id, Some(path), reason, deterministic);
                }
            }
            Phase::Ending => {
                pool.phase = Phase::Ended;
                self.ended(id);
            }
            _ => {}
        }
    }

    /// A member was restarted; the pool as a whole may have had enough (`INT-3`).
    fn charge_pool(&mut self, now: u64, id: SupervisorId, reason: ExitReason, charged: bool) {
        let Some(pool) = self.nodes.get_mut(&id).and_then(Node::pool) else { return };
        pool.restarts += 1;
        let Some((max, within_ms)) = pool.budget.filter(|_| charged && pool.phase == Phase::Up) else { return };
        #[cfg(troupe_planted)]
        let max = if crate::planted::is(crate::planted::Bug::PoolBudgetForEach) {
            max.saturating_mul(pool.size.max(2))
        } else {
            max
        };
        if pool.window.charge(now, max, within_ms) {
            return;
        }
        let text =
            format!("more than {max} restarts in {within_ms} ms, the last after {}: {}", reason.tag, reason.text);
        let failure = ExitReason { tag: ReasonTag::Intensity, text };
        pool.failure = Some((Arc::from(""), failure, false));
        self.inputs.push_back((id, Input::Stop { reason }));
    }

    /// Gives the places of all members up.
    pub(super) fn end_pool(&mut self, id: SupervisorId, reason: &ExitReason) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.pool().is_some_and(|pool| matches!(pool.phase, Phase::Ending | Phase::Ended)) {
            return;
        }
        node.parent.close(true);
        let gave_up = reason.tag == ReasonTag::Intensity;
        self.count_ends(id, 1);
        self.sweep(id, Phase::Ending, Sweep::End(reason.clone(), gave_up));
    }
}
