//! Control: what is asked of an actor from outside, under the shard's lock.

use std::sync::Arc;

use super::{Ended, Shard, TimerKind};
use crate::behavior::Behavior;
use crate::cell::{Cell, Ending, Waiter};
use crate::counters::Counters;
use crate::error::SpawnError;
use crate::event::{Event, Subject};
use crate::health::Health;
use crate::id::{ActorId, Address};
use crate::reason::{ExitReason, ReasonTag};
use crate::registry::Holder;
use crate::shared::Shared;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::status::Status;
use crate::supervision::spec::Restart;
use crate::timer::Timers;
use crate::tree::info::{ChildInfo, ChildKind};
use crate::tree::spec::{Parent, SupervisorId};

/// A snapshot of one actor.
#[derive(Clone, Debug)]
pub struct ActorStatus {
    /// Its address.
    pub address: Address,
    /// Its identity; `None` for an actor that has ended.
    pub id: Option<ActorId>,
    /// Its path.
    pub path: Arc<str>,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Where it is in its life.
    pub status: Status,
    /// Start attempts so far.
    pub incarnation: u32,
    /// Restarts so far.
    pub restarts: u32,
    /// Messages queued or put aside, those that wait for room not included.
    pub queued: u32,
    /// Bytes of those, and of answers and notices in the mailbox; headers included.
    pub bytes: usize,
    /// Messages that wait for room.
    pub waiting: u32,
    /// Messages in its hands.
    pub in_hand: u32,
    /// A job of it is queued or under way: a start, a turn, a going down.
    pub busy: bool,
    /// How long this life has lasted, in milliseconds.
    pub uptime_ms: u64,
    /// Sums since it was spawned.
    pub counters: Counters,
    /// How it is.
    pub health: Health,
    /// Why it ended, if it did.
    pub exit: Option<ExitReason>,
    /// What its environment made it from (see [`crate::spec::Observed`]).
    pub origin: u32,
}

/// How an actor is to end.
#[derive(Clone, Copy, Debug)]
pub struct EndRequest {
    /// Work off what was accepted first.
    pub drain: bool,
    /// Killed when it takes longer than this, in milliseconds; `u64::MAX` for never.
    pub grace_ms: u64,
    /// Who waits for the end.
    pub waiter: Option<Waiter>,
}

impl Shard {
    /// Moves an actor in. With a `behavior` it is ready at once, otherwise a worker starts it.
    ///
    /// # Errors
    /// When the name is taken, or the system is closing.
    pub fn spawn(
        &mut self,
        shared: &Shared,
        spec: &Arc<ActorSpec>,
        args: SpawnArgs,
        behavior: Option<Box<dyn Behavior>>,
        waiter: Option<Waiter>,
    ) -> Result<(Address, ActorId), SpawnError> {
        match self.move_in(shared, spec, args, None) {
            Ok((local, address, id)) => {
                let kept = match self.subscribe_place(shared, local) {
                    Ok(kept) => kept,
                    Err(error) => {
                        behavior.into_iter().for_each(|behavior| spec.factory.retire(behavior));
                        return Err(error.into());
                    }
                };
                self.first_life(shared, local, behavior, waiter);
                self.deliver_kept(shared, local, &kept);
                Ok((address, id))
            }
            Err(error) => {
                behavior.into_iter().for_each(|behavior| spec.factory.retire(behavior));
                Err(error)
            }
        }
    }

    fn first_life(&mut self, shared: &Shared, local: u32, behavior: Option<Box<dyn Behavior>>, waiter: Option<Waiter>) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        match (behavior, cell.status()) {
            (Some(behavior), _) => {
                cell.incarnation = 1;
                cell.single = cell.is_cautious(&*behavior, self.now);
                cell.behavior = Some(behavior);
                cell.set_status(Status::Ready);
                if shared.is_listened() {
                    shared.emit(&Event::Started(self.subject(local)));
                }
                self.arm_probe(shared, local);
            }
            (None, Status::Creating) => {}
            (None, _) => {
                cell.rare_mut().start_waiters.extend(waiter);
                self.begin_start(shared, local);
            }
        }
    }

    /// Takes a cell and a name for a new actor, which is its supervisor's child with this key.
    ///
    /// # Errors
    /// When the name is taken, or the system or the actor's pool takes no more.
    pub(super) fn move_in(
        &mut self,
        shared: &Shared,
        spec: &Arc<ActorSpec>,
        args: SpawnArgs,
        key: Option<&Arc<str>>,
    ) -> Result<(u32, Address, ActorId), SpawnError> {
        let parent = spec.parent.as_deref();
        let lost = spec.external.is_some_and(|external| shared.port(external.port).is_none());
        if shared.is_closing() || lost || parent.is_some_and(Parent::is_closed) {
            return Err(SpawnError::Shutdown);
        }
        let local = self.free.pop().unwrap_or_else(|| {
            self.cells.push(Cell::vacant());
            (self.cells.len() - 1) as u32
        });
        let index = self.global(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return Err(SpawnError::Full) };
        let id = cell.id(index);
        let address = Address { index, tag: shared.tag_of(id) };
        let path_of = |name| parent.map(|parent| Arc::from(format!("{}/{}", parent.path, key.unwrap_or(name))));
        if let Some(name) = &args.name
            && let Err(holder) = shared.names.claim(name, Holder { address, id, path: path_of(name) })
        {
            #[cfg(troupe_planted)]
            if crate::planted::is(crate::planted::Bug::NameLost) {
                shared.names.release(name, holder);
            }
            self.free.push(local);
            return Err(SpawnError::NameTaken { name: name.to_string(), holder });
        }
        cell.occupy(address.tag, Arc::clone(spec), args, self.now);
        shared.actor_came();
        if let Some(parent) = parent {
            parent.child_came();
        }
        Ok((local, address, id))
    }

    /// Asks an actor to end; the waiter hears when it has.
    pub fn end(&mut self, shared: &Shared, address: Address, request: EndRequest) {
        let Some((local, cell)) = self.resolve(address) else {
            return self.watch_ended(shared, address, request.waiter);
        };
        let tag = cell.tag;
        if let Some(waiter) = request.waiter {
            cell.rare_mut().end_waiters.push(waiter);
        }
        let first = cell.ending.is_none();
        if cell.ending == Some(Ending::TakingDown) {
            // The life goes down already, and the actor with it.
            cell.set_status(Status::Stopping);
        }
        cell.ending = match (cell.ending, request.drain) {
            (Some(Ending::Kill | Ending::KillLife), _) => Some(Ending::Kill),
            (Some(Ending::Stop), _) | (_, false) => Some(Ending::Stop),
            (_, true) => Some(Ending::Drain),
        };
        if request.grace_ms < u64::from(u32::MAX) {
            self.set_timer(request.grace_ms, TimerKind::Grace(local, tag));
        }
        if first {
            self.observe_stopping(shared, local);
        }
        // The mailbox is closed: what waits for room does not get in.
        self.refuse_all_waiting(shared, local, shared.loss_of_stop());
        self.proceed_ending(shared, local);
    }

    /// Ends an actor now. False when it has ended already.
    pub fn kill(&mut self, shared: &Shared, address: Address) -> bool {
        let Some((local, _)) = self.resolve(address) else { return false };
        self.kill_local(shared, local);
        true
    }

    pub(super) fn kill_local(&mut self, shared: &Shared, local: u32) {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::KillWaits)
            && let Some(cell) = self.cells.get_mut(local as usize)
            && !cell.running
            && cell.status() == Status::Restarting
        {
            cell.ending = Some(Ending::Kill);
            return;
        }
        if !self.interrupt(shared, local, Ending::Kill) {
            self.killed(shared, local);
        }
    }

    /// Notes how the actor is to end, and ends the job that it is in at once. False when it is in
    /// none, and there is nothing to wait for.
    pub(super) fn interrupt(&mut self, shared: &Shared, local: u32, ending: Ending) -> bool {
        let Some(cell) = self.cells.get_mut(local as usize) else { return true };
        cell.ending = Some(ending);
        if cell.external
            && let Some(job) = self.abandon(local)
        {
            self.take_back(shared, job);
            return true;
        }
        let Some(cell) = self.cells.get(local as usize).filter(|cell| cell.running) else { return false };
        // Some thread has it, or will drop it instead of running it.
        let (slot, number) = cell.turn;
        shared.kill_turn(slot, number);
        true
    }

    pub(super) fn grace_over(&mut self, shared: &Shared, local: u32, tag: u64) {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::GraceIgnored)
            && self.cells.get(local as usize).is_some_and(|cell| cell.running)
        {
            return;
        }
        if self.cells.get(local as usize).is_some_and(|cell| cell.tag == tag) {
            self.kill_local(shared, local);
        }
    }

    /// Replaces the custom state that the next start is given (`PER-2`). False when the actor has ended.
    pub fn set_state(&mut self, address: Address, state: Box<[u8]>) -> bool {
        let Some((_, cell)) = self.resolve(address) else { return false };
        cell.rare_mut().state = Some(state);
        true
    }

    /// Tells the waiter when the actor has ended; at once if it has.
    pub fn watch(&mut self, shared: &Shared, address: Address, waiter: Waiter) {
        match self.resolve(address) {
            Some((_, cell)) => cell.rare_mut().end_waiters.push(waiter),
            None => self.watch_ended(shared, address, Some(waiter)),
        }
    }

    fn watch_ended(&mut self, shared: &Shared, address: Address, waiter: Option<Waiter>) {
        let Some(waiter) = waiter else { return };
        let (reason, incarnation) = self.ended.get(&address.tag).map_or_else(
            || (ExitReason::plain(ReasonTag::Normal), 0),
            |ended| (ended.reason.clone(), ended.incarnation),
        );
        self.tell_port(shared, waiter, |port, slot| port.ended(slot, &reason, incarnation));
    }

    /// A port gives up on an ask of its own.
    pub fn abort_ask(&mut self, shared: &Shared, asker: Address, slot: u32) {
        self.aborts.push((asker, slot));
        self.settle_aborted(shared);
    }

    /// A snapshot of an actor; of one that has ended, what is remembered.
    #[must_use]
    pub fn status(&self, address: Address) -> Option<ActorStatus> {
        let local = self.local(address.index);
        match self.cells.get(local as usize) {
            Some(cell) if cell.tag == address.tag && cell.tag != 0 => Some(self.snapshot(local, cell)),
            _ => self.ended.get(&address.tag).map(|ended| ended_status(address, ended)),
        }
    }

    /// Snapshots of all actors that have not ended.
    #[must_use]
    pub fn statuses(&self) -> Vec<ActorStatus> {
        let live = self.cells.iter().enumerate().filter(|(_, cell)| cell.tag != 0);
        live.map(|(local, cell)| self.snapshot(local as u32, cell)).collect()
    }

    /// The members of a pool that have not ended.
    pub(crate) fn members(&self, pool: SupervisorId) -> Vec<ChildInfo> {
        let all = self.cells.iter().enumerate().filter(|(_, cell)| cell.is_member_of(pool));
        let info = |(local, cell): (usize, &Cell)| {
            let status = self.snapshot(local as u32, cell);
            let key = status.path.rsplit_once('/').map_or(&*status.path, |(_, key)| key);
            ChildInfo {
                key: Arc::from(key),
                kind: ChildKind::Actor(status.id.map(|id| (status.address, id))),
                status: status.status,
                restart: cell.spec.as_deref().map_or(Restart::Permanent, |spec| spec.restart.restart),
                significant: false,
                incarnation: status.incarnation,
                restarts: status.restarts,
                uptime_ms: status.uptime_ms,
                queued: status.queued,
                path: status.path,
            }
        };
        all.map(info).collect()
    }

    fn snapshot(&self, local: u32, cell: &Cell) -> ActorStatus {
        let rare = cell.rare.as_deref();
        ActorStatus {
            address: self.address_of(local),
            id: Some(cell.id(self.global(local))),
            path: self.path_of(local),
            name: rare.and_then(|rare| rare.name.clone()),
            status: cell.status(),
            incarnation: cell.incarnation,
            restarts: rare.map_or(0, |rare| rare.history.restarts),
            queued: cell.messages(),
            bytes: cell.mailbox.bytes() + cell.aside().1,
            waiting: rare.map_or(0, |rare| rare.overflow.messages()),
            in_hand: cell.in_hand,
            busy: cell.running,
            uptime_ms: self.now.saturating_sub(cell.since),
            counters: cell.counters(),
            health: rare.and_then(|rare| rare.probe.as_deref()).map(|probe| probe.health.clone()).unwrap_or_default(),
            exit: None,
            origin: cell.spec.as_deref().map_or(0, |spec| spec.observed.origin),
        }
    }

    pub(super) fn subject(&self, local: u32) -> Subject {
        let address = self.address_of(local);
        let cell = self.cells.get(local as usize);
        let observed = cell.and_then(|cell| cell.spec.as_deref()).map(|spec| spec.observed).unwrap_or_default();
        Subject {
            id: cell.map_or(ActorId::new(address.index, 0), |cell| cell.id(address.index)),
            address,
            path: self.path_of(local),
            incarnation: cell.map_or(0, |cell| cell.incarnation),
            uptime_ms: cell.map_or(0, |cell| self.now.saturating_sub(cell.since)),
            observed: observed.life,
            origin: observed.origin,
        }
    }

    /// What is there, by walking the cells: what the audit compares the counters with.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for cell in self.cells.iter().filter(|cell| cell.tag != 0) {
            census.queued += u64::from(cell.messages());
            census.in_hand += u64::from(cell.in_hand);
            census.timers += cell.rare.as_deref().and_then(|rare| rare.timers.as_deref()).map_or(0, Timers::len) as u64;
            if let Some(count) = census.by_status.get_mut(cell.status() as usize) {
                *count += 1;
            }
        }
        census
    }
}

/// Messages and actors, counted one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    /// Messages in mailboxes and stashes.
    pub queued: u64,
    /// Messages in running turns.
    pub in_hand: u64,
    /// Timers that are set.
    pub timers: u64,
    /// Actors that have not ended, by [`Status`].
    pub by_status: [u32; Status::ALL.len()],
}

impl Census {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.queued += other.queued;
        self.in_hand += other.in_hand;
        self.timers += other.timers;
        for (sum, more) in self.by_status.iter_mut().zip(other.by_status) {
            *sum += more;
        }
    }
}

fn ended_status(address: Address, ended: &Ended) -> ActorStatus {
    ActorStatus {
        address,
        id: None,
        path: Arc::clone(&ended.path),
        name: None,
        status: ended.status,
        incarnation: ended.incarnation,
        restarts: 0,
        queued: 0,
        bytes: 0,
        waiting: 0,
        in_hand: 0,
        busy: false,
        uptime_ms: 0,
        counters: Counters::default(),
        health: Health::default(),
        exit: Some(ended.reason.clone()),
        origin: 0,
    }
}
