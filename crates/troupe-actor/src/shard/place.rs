//! Places: an actor's address, name and mailbox outlive its lives. Under a supervisor the tree says
//! when the next life begins; here is what a shard does about it, and what it reports.

use std::sync::Arc;

use super::{Shard, Signal, TimerKind};
use crate::cell::{Ending, Place};
use crate::counters::LossReason;
use crate::error::SpawnError;
use crate::id::{ActorId, Address};
use crate::reason::{Crash, ExitReason, ReasonTag};
use crate::shared::Shared;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::status::Status;
use crate::supervision::decide::End;
use crate::supervision::protocol::{Charge, ChildEnd};
use crate::tree::report::{ChildReport, PlaceOrder, Report};

impl Shard {
    /// Moves an actor in that waits for its first life; messages may come already (`STA-5`).
    ///
    /// # Errors
    /// When the name is taken, or the system is closing.
    pub(crate) fn reserve(
        &mut self,
        shared: &Shared,
        spec: &Arc<ActorSpec>,
        args: SpawnArgs,
        place: Place,
    ) -> Result<(Address, ActorId), SpawnError> {
        let (local, address, id) = self.move_in(shared, spec, args, place.key.as_ref())?;
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.set_status(Status::Starting);
            cell.rare_mut().place = Some(place);
        }
        let kept = self.subscribe_place(shared, local)?;
        self.deliver_kept(shared, local, &kept);
        Ok((address, id))
    }

    /// Takes a reservation back: nobody hears of it (`SUP-3`).
    pub(crate) fn forget(&mut self, shared: &Shared, address: Address) {
        let Some((local, cell)) = self.resolve(address) else { return };
        cell.rare_mut().place = None;
        self.end_quietly(shared, local);
    }

    /// Makes a place and begins its first life there.
    pub(super) fn make_place(&mut self, shared: &Shared, order: PlaceOrder) {
        let PlaceOrder { parent, child, key, incarnation, spec, args } = order;
        let place = Place { child, key, life: 0, up: false, given_up: false };
        let report = |place, what| ChildReport { parent, child, place, incarnation, what };
        match self.reserve(shared, &spec, args, place) {
            Ok((address, id)) => {
                self.tell_tree(report(address, Report::Placed(id)));
                self.begin_life(shared, address, incarnation);
            }
            Err(error) => {
                let reason = ExitReason { tag: ReasonTag::StartFailed, text: error.to_string() };
                self.tell_tree(report(Address::NONE, Report::StartFailed(reason, true)));
            }
        }
    }

    /// Tells the tree. It may be on this very shard: the way is the same.
    pub(super) fn tell_tree(&mut self, report: ChildReport) {
        if let Some(outbox) = self.outboxes.first_mut() {
            outbox.signals.push(Signal::Child(Box::new(report)));
        }
    }

    /// Reports on the child in a cell.
    pub(super) fn report_child(&mut self, local: u32, what: Report) {
        let place = self.address_of(local);
        let Some(cell) = self.cells.get(local as usize) else { return };
        let (Some(parent), Some(own)) = (cell.parent(), cell.rare.as_deref().and_then(|rare| rare.place.as_ref()))
        else {
            return;
        };
        let (parent, child, incarnation) = (parent.id, own.child, cell.life());
        self.tell_tree(ChildReport { parent, child, place, incarnation, what });
    }

    /// The tree begins a life; the first one tells the place its child's number.
    pub(super) fn begin_child(&mut self, shared: &Shared, place: Address, child: u32, incarnation: u32) {
        let Some((_, cell)) = self.resolve(place) else { return };
        if let Some(own) = cell.rare_mut().place.as_mut() {
            own.child = child;
        }
        self.begin_life(shared, place, incarnation);
    }

    /// Begins life `incarnation` in a place that waits.
    pub(super) fn begin_life(&mut self, shared: &Shared, place: Address, incarnation: u32) {
        let Some((local, cell)) = self.resolve(place) else { return };
        if cell.running || cell.is_closed() {
            return;
        }
        cell.ending = None;
        cell.incarnation = incarnation.wrapping_sub(1);
        let lazy = cell.spec.as_deref().is_some_and(|spec| spec.lazy);
        let supervised = cell.is_supervised();
        if let Some(place) = cell.rare_mut().place.as_mut() {
            place.life = incarnation;
            // Members of a pool tell of their first life only.
            place.up &= !supervised;
        }
        if !lazy {
            if !self.restart_here(shared, local) {
                self.begin_start(shared, local);
            }
            return;
        }
        cell.set_status(Status::Creating);
        let waits = !cell.mailbox.is_empty();
        self.note_up(local);
        if waits {
            self.begin_start(shared, local);
        }
    }

    /// Tells the parent that a life is up, once.
    pub(super) fn note_up(&mut self, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(place) = cell.rare.as_deref_mut().and_then(|rare| rare.place.as_mut()) else { return };
        if !std::mem::replace(&mut place.up, true) {
            self.report_child(local, Report::Up);
        }
    }

    /// Ends a life in order and keeps the place. While the system shuts down there is no next life:
    /// then the actor is ended for good, after its queue (`SHUT-1`).
    pub(super) fn take_down(&mut self, shared: &Shared, place: Address, incarnation: u32, grace_ms: u64) {
        let Some((local, cell)) = self.resolve(place) else { return };
        if shared.is_closing() {
            let drain = shared.is_draining();
            return self.end(shared, place, super::EndRequest { drain, grace_ms, waiter: None });
        }
        if cell.ending.is_none() || cell.ending == Some(Ending::Fail) {
            cell.ending = Some(Ending::TakeDown);
        }
        if grace_ms < u64::from(u32::MAX) {
            self.set_timer(grace_ms, TimerKind::LifeGrace(local, place.tag, incarnation));
        }
        self.proceed_ending(shared, local);
    }

    pub(super) fn life_grace_over(&mut self, shared: &Shared, local: u32, tag: u64, incarnation: u32) {
        let due = self.cells.get(local as usize).is_some_and(|cell| {
            cell.tag == tag
                && cell.life() == incarnation
                && matches!(cell.ending, Some(Ending::TakeDown | Ending::TakingDown))
        });
        if due {
            self.kill_life(shared, local);
        }
    }

    pub(super) fn kill_place_life(&mut self, shared: &Shared, place: Address) {
        if let Some((local, _)) = self.resolve(place) {
            self.kill_life(shared, local);
        }
    }

    /// Ends a life now and keeps the place.
    pub(super) fn kill_life(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if cell.is_closed() {
            return;
        }
        if !self.interrupt(shared, local, Ending::KillLife) {
            self.proceed_life(shared, local);
        }
    }

    /// Ends a life as if it had crashed, after the current message: a link, a failed health probe.
    /// Its restart type decides what follows.
    pub(super) fn fail_life(&mut self, shared: &Shared, local: u32, reason: ExitReason) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let lives = cell.running || matches!(cell.status(), Status::Ready | Status::Draining);
        if cell.ending.is_some() || !lives {
            return;
        }
        cell.ending = Some(Ending::Fail);
        cell.rare_mut().doom = Some(reason);
        self.proceed_ending(shared, local);
    }

    /// Moves the end of one life on; no job of the actor is with some thread.
    pub(super) fn proceed_life(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let up = cell.status() == Status::Ready;
        let awaiting = cell.is_awaiting();
        match cell.ending {
            Some(Ending::Fail) => self.doom(shared, local),
            Some(Ending::KillLife) => self.life_ended(shared, local, ExitReason::plain(ReasonTag::Killed)),
            // The current handler still waits for an answer; it is let finish.
            Some(Ending::TakeDown) if up && awaiting => self.schedule(local),
            Some(Ending::TakeDown) if up => self.go_down(shared, local),
            Some(Ending::TakeDown | Ending::TakingDown) => {
                self.life_ended(shared, local, ExitReason::plain(ReasonTag::Shutdown));
            }
            _ => {}
        }
    }

    fn go_down(&mut self, shared: &Shared, local: u32) {
        self.observe_stopping(shared, local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.ending = Some(Ending::TakingDown);
        cell.set_status(Status::Restarting);
        let behavior = cell.behavior.take();
        self.queue_job(super::Job::new(local, super::Work::Stop, behavior));
    }

    fn doom(&mut self, shared: &Shared, local: u32) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.ending = None;
        let uptime_ms = now.saturating_sub(cell.since);
        let doom = cell.rare_mut().doom.take();
        let behavior = cell.behavior.take();
        self.tell_life_over(local, behavior.is_some());
        let reason = doom.unwrap_or_else(|| ExitReason::plain(ReasonTag::Killed));
        self.retire(local, behavior);
        self.lose_life(shared, local, Some(&Crash::new(reason.tag, reason.text.clone())), false);
        let end = End { tag: reason.tag, uptime_ms, deterministic: false, replay: false };
        self.decide(shared, local, end, reason);
        self.made_room(shared, local);
    }

    /// A life ended because its supervisor wanted it to.
    fn life_ended(&mut self, shared: &Shared, local: u32, reason: ExitReason) {
        let behavior = self.cells.get_mut(local as usize).and_then(|cell| cell.behavior.take());
        self.tell_life_over(local, behavior.is_some());
        self.retire(local, behavior);
        self.lose_life(shared, local, None, false);
        self.life_over(local, reason, Charge::Normal);
        self.made_room(shared, local);
    }

    /// A life is over; the place waits for what its supervisor says.
    pub(super) fn life_over(&mut self, local: u32, reason: ExitReason, charge: Charge) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let up = matches!(cell.status(), Status::Ready | Status::Draining | Status::Restarting);
        let uptime_ms = if up { now.saturating_sub(cell.since) } else { 0 };
        cell.ending = None;
        if cell.status() != Status::Starting {
            cell.set_status(Status::Restarting);
        }
        cell.rare_mut().last_failure = Some(reason.clone());
        if !cell.is_supervised() {
            // A restart that its pool had planned is off.
            cell.incarnation = cell.incarnation.wrapping_add(1);
        }
        if cell.is_supervised() {
            self.report_child(local, Report::Down(ChildEnd { reason, uptime_ms, charge }));
        } else {
            self.swept(local);
        }
    }

    /// Gives a place up for good: its queue is dead-lettered, its name released.
    pub(super) fn end_place(&mut self, shared: &Shared, place: Address, reason: ExitReason, gave_up: bool) {
        let Some((local, cell)) = self.resolve(place) else { return };
        if let Some(place) = cell.rare_mut().place.as_mut() {
            place.given_up = true;
        }
        let loss = if gave_up { LossReason::GaveUp } else { shared.loss_of_stop() };
        let status = if gave_up { Status::Failed } else { Status::Terminated };
        if cell.running || cell.behavior.is_some() {
            // Never met: the tree takes a life down before it gives the place up.
            cell.rare_mut().exit = Some(reason);
            return self.kill_local(shared, local);
        }
        // A life that had to be killed was no orderly end, whatever its supervisor wanted (`STOP-3`).
        let orderly = matches!(reason.tag, ReasonTag::Normal | ReasonTag::Shutdown);
        let last = cell.rare_mut().last_failure.clone().filter(|last| orderly && last.tag == ReasonTag::Killed);
        let reason = last.unwrap_or(reason);
        let failed = cell.rare_mut().last_failure.as_ref().map(|last| last.tag);
        let began = cell.status() != Status::Starting;
        // Its observer was told of the failed start, so of its end too.
        let failed = matches!(failed, Some(ReasonTag::StartFailed | ReasonTag::StartTimeout));
        let began = began || (failed && self.is_observed(local));
        self.terminate(shared, local, super::ending::LastEnd { status, reason, loss }, began);
    }
}
