//! Children of supervisors: their places outlive their lives, and the tree says when one begins or
//! ends. The model sees what the tree says on its way, and checks that shards do just that.

use troupe_actor::ask::AskError;
use troupe_actor::id::Address;
use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::shard::{ActorStatus, Signal};
use troupe_actor::status::Status;
use troupe_actor::tree::info::TreeView;

use super::types::{Expect, Waits};
use super::{Actor, Model, Phase, Under};
use crate::plan::Traits;

impl Model {
    /// An actor with this path will come, as the child of a supervisor.
    pub fn plan_child(&mut self, path: String, traits: Traits) {
        self.planned.insert(path, traits);
    }

    /// A place was made that nobody told of but its supervisor.
    pub(super) fn adopt(&mut self, status: &ActorStatus) -> Option<usize> {
        let (under, traits) = match self.planned.get(&*status.path) {
            Some(traits) => (Under::Supervisor, traits.clone()),
            None => self.pool_of(&status.path).map(|(id, traits)| (Under::Pool(id, true), traits))?,
        };
        let key = self.actors.len();
        let mut actor = Actor::new(traits, None);
        (actor.under, actor.phase, actor.queued_job) = (under, Phase::Placed, false);
        (actor.incarnation, actor.path) = (0, status.path.to_string());
        let wanted = actor.traits.subscriptions.clone();
        self.actors.push(actor);
        self.bind(key, status.address);
        wanted.into_iter().for_each(|wanted| self.subscribe(key, None, wanted));
        // It may have been told to begin in the very step that made it.
        if status.incarnation > 0 {
            self.actors[key].permit = Some(status.incarnation);
        }
        self.note(|| format!("#{key} has its place at {}", status.path));
        Some(key)
    }

    /// A signal is about to reach a shard.
    pub fn signal(&mut self, shard: usize, signal: &Signal) {
        self.settle_copies();
        self.pool_signal(shard, signal);
        match signal {
            Signal::Begin(place, _, incarnation) => self.begin(*place, *incarnation),
            Signal::TakeDown(place, incarnation, grace) => self.take_down(*place, *incarnation, *grace),
            Signal::KillLife(place) => self.kill_life(*place),
            Signal::EndPlace(order) => self.end_place(order.0, &order.1, order.2),
            _ => {}
        }
    }

    fn placed(&self, place: Address) -> Option<usize> {
        // One that ends in this very step is gone when the next signal is served.
        self.find(place).filter(|key| self.actors[*key].is_live() && self.actors[*key].expect.is_none())
    }

    pub(super) fn begin(&mut self, place: Address, incarnation: u32) {
        let Some(key) = self.placed(place) else { return };
        let actor = &mut self.actors[key];
        if actor.is_held() || actor.killed || actor.ending.is_some() {
            return;
        }
        let (phase, before) = (actor.phase, actor.incarnation);
        actor.incarnation = incarnation;
        (actor.phase, actor.queued_job) = (Phase::Coming, true);
        (actor.taking_down, actor.life_killed) = (false, false);
        self.note(|| format!("#{key} is to begin life {incarnation}"));
        let waits = phase == Phase::Placed || (self.actors[key].pool().is_some() && matches!(phase, Phase::Waiting(_)));
        self.require(waits, "SUP-0", || format!("#{key} is to begin again while it is {phase:?}"));
        self.require(incarnation > before, "SUP-0", || format!("life {incarnation} of #{key} is to follow {before}"));
    }

    pub(super) fn take_down(&mut self, place: Address, incarnation: u32, grace: u64) {
        let Some(key) = self.placed(place) else { return };
        self.note(|| format!("#{key} is to go down, life {incarnation}"));
        if self.closing {
            let drain = self.draining;
            return self.end(key, drain, (grace < u64::from(u32::MAX)).then_some(grace));
        }
        let at = self.now.saturating_add(grace).saturating_add(1);
        let actor = &mut self.actors[key];
        if actor.killed || actor.ending.is_some() || actor.life_killed {
            return;
        }
        actor.taking_down = true;
        if grace < u64::from(u32::MAX) {
            actor.life_graces.push((at, incarnation));
            self.mark(at);
        }
        let actor = &mut self.actors[key];
        if actor.is_busy() || !actor.awaiting.is_empty() {
            return;
        }
        if actor.phase == Phase::Up {
            (actor.phase, actor.queued_job) = (Phase::Stopping, true);
        } else {
            self.life_is_over(key);
        }
    }

    fn kill_life(&mut self, place: Address) {
        if let Some(key) = self.placed(place) {
            self.kill_its_life(key);
        }
    }

    pub(super) fn kill_its_life(&mut self, key: usize) {
        let actor = &mut self.actors[key];
        if actor.killed || actor.ending.is_some() {
            return;
        }
        actor.life_killed = true;
        if !actor.is_busy() {
            self.life_is_over(key);
        }
        self.note(|| format!("the life of #{key} is killed"));
    }

    /// The timers of a shard are about to run: lives that take too long to go down are killed.
    pub fn life_graces_over(&mut self, shard: usize) {
        for key in self.live.clone() {
            let now = self.now;
            if self.shard_of(self.actors[key].address) != shard {
                continue;
            }
            let actor = &mut self.actors[key];
            let current = actor.incarnation;
            let over = actor.life_graces.iter().any(|(at, life)| *at <= now && *life == current);
            actor.life_graces.retain(|(at, _)| *at > now);
            if over && actor.taking_down && actor.expect.is_none() {
                self.kill_its_life(key);
            }
        }
    }

    pub(super) fn end_place(&mut self, place: Address, reason: &ExitReason, gave_up: bool) {
        let Some(key) = self.placed(place) else { return };
        self.note(|| format!("#{key} loses its place: {}, gave up {gave_up}", reason.tag));
        let actor = &mut self.actors[key];
        let lives = actor.phase == Phase::Up || actor.is_held();
        // A life that had to be killed was no orderly end, whatever its supervisor wanted.
        let orderly = matches!(reason.tag, ReasonTag::Normal | ReasonTag::Shutdown);
        let tag = if orderly && actor.last == Some(ReasonTag::Killed) { ReasonTag::Killed } else { reason.tag };
        actor.gave_up = gave_up;
        actor.expect = Some(match (actor.been_up, gave_up) {
            (false, _) => Expect::Vanish(tag),
            (true, true) => Expect::GiveUp,
            (true, false) => Expect::End(tag),
        });
        self.require(!lives, "SUP-7", || format!("#{key} loses its place while it lives"));
    }

    /// The life is over and the place waits; what the actor held open is settled with it.
    pub(super) fn life_is_over(&mut self, key: usize) {
        self.settle_open(key, AskError::Stopped);
        let actor = &mut self.actors[key];
        (actor.phase, actor.queued_job, actor.doomed) = (Phase::Placed, false, false);
        actor.last = Some(if actor.life_killed { ReasonTag::Killed } else { ReasonTag::Shutdown });
        // A restart that was planned for a member of a pool is off.
        actor.incarnation += u32::from(actor.pool().is_some());
        (actor.taking_down, actor.life_killed) = (false, false);
        actor.awaiting.clear();
        let last = actor.last;
        self.forget_probe(key);
        self.note(|| format!("#{key}: its life is over, {last:?}"));
    }

    /// A supervised life failed: its supervisor decides.
    pub(super) fn place_fails(&mut self, key: usize, tag: ReasonTag) {
        let actor = &mut self.actors[key];
        if actor.ending.is_some() {
            actor.expect = Some(Expect::End(tag));
            return;
        }
        (actor.phase, actor.doomed) = (Phase::Placed, false);
        actor.last = Some(if actor.life_killed { ReasonTag::Killed } else { tag });
        (actor.taking_down, actor.life_killed) = (false, false);
    }

    /// How a supervised actor stands, as the kernel says it.
    pub(super) fn sync_place(&mut self, key: usize, status: &ActorStatus) {
        // A job that was queued when the life was killed is dropped instead of run.
        if self.actors[key].life_killed && !self.actors[key].is_held() && !status.busy {
            self.life_is_over(key);
        }
        let actor = &mut self.actors[key];
        if actor.permit == Some(status.incarnation) && status.incarnation != actor.incarnation {
            actor.permit = None;
            actor.incarnation = status.incarnation;
            (actor.phase, actor.queued_job) = (Phase::Coming, true);
        }
        // Its supervisor took it down while a thread had it.
        if (actor.phase, status.status) == (Phase::Up, Status::Restarting) && actor.taking_down && !actor.is_busy() {
            (actor.phase, actor.queued_job) = (Phase::Stopping, true);
        }
    }

    /// Somebody is told of a tree, or of a request.
    pub fn tree_told(&mut self, port: u32, slot: u32) {
        self.note(|| format!("slot {slot} hears of its tree"));
        match self.settle_slot(port, slot) {
            Some(Waits::Tree) | None => {}
            Some(what) => self.fail("SUP-5", format!("slot {slot}, {what:?}, was told of a tree")),
        }
    }

    /// Every live actor has a live parent (`SUP-7`); nothing is under way between shards.
    pub fn check_tree(&mut self, root: &TreeView) {
        let mut alive = Vec::new();
        collect(root, &mut alive);
        self.pools_seen(&alive);
        for key in self.live.clone() {
            let actor = &self.actors[key];
            if !actor.has_place() || actor.killed || actor.ending.is_some() {
                continue;
            }
            let parent = actor.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            let status = alive.iter().find(|(path, _)| path == parent).map(|(_, status)| *status);
            let lives = actor.phase == Phase::Up && !actor.taking_down && !actor.life_killed;
            let orphan = match status {
                None | Some(Status::Terminated | Status::Failed) => true,
                Some(_) => false,
            };
            if lives && orphan {
                let text = format!("#{key} lives, and its supervisor {parent} is {status:?}");
                return self.fail("SUP-7", text);
            }
        }
    }
}

fn collect(view: &TreeView, into: &mut Vec<(String, Status)>) {
    into.push((view.info.path.to_string(), view.info.status));
    view.below.iter().for_each(|below| collect(below, into));
}
