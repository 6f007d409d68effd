//! The end of an actor: its queue, its asks, its name, those who wait (`STOP-2`).

use std::sync::Arc;

use super::bonds::Farewell;
use super::deliver::{Lost, error_of};
use super::{Ended, Job, Shard, Work};
use crate::behavior::Behavior;
use crate::cell::{Ending, Rare};
use crate::counters::LossReason;
use crate::event::{Event, Subject};
use crate::frame::Frames;
use crate::reason::{Crash, ExitReason, ReasonTag, StartError};
use crate::shared::Shared;
use crate::status::Status;
use crate::tree::report::Report;

/// How an actor ends, as [`Shard::terminate`] needs it.
pub(super) struct LastEnd {
    pub status: Status,
    pub reason: ExitReason,
    pub loss: LossReason,
}

impl Shard {
    /// Moves a requested end on, if no job of the actor is with some thread.
    pub(super) fn proceed_ending(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        if cell.running || cell.tag == 0 {
            return;
        }
        let up = matches!(cell.status(), Status::Ready | Status::Draining);
        match cell.ending {
            None => return,
            Some(Ending::Kill) => return self.killed(shared, local),
            Some(Ending::Fail | Ending::TakeDown | Ending::TakingDown | Ending::KillLife) => {
                return self.proceed_life(shared, local);
            }
            Some(_) if !up => return self.ended_in_order(shared, local),
            #[cfg(troupe_planted)]
            Some(Ending::Stop) if !cell.mailbox.is_empty() && crate::planted::is(crate::planted::Bug::StopGoesOn) => {
                return self.schedule(local);
            }
            #[cfg(troupe_planted)]
            Some(Ending::Drain)
                if cell.mailbox.len() == 1 && crate::planted::is(crate::planted::Bug::DrainLosesTail) => {}
            Some(Ending::Drain) if !cell.mailbox.is_empty() || cell.is_awaiting() => {
                cell.set_status(Status::Draining);
                return self.schedule(local);
            }
            Some(Ending::Stop) if cell.is_awaiting() => {
                // The current handler still waits for an answer; it is let finish.
                cell.set_status(Status::Draining);
                self.discard_queue(shared, local, shared.loss_of_stop());
                return self.schedule(local);
            }
            Some(_) => {}
        }
        self.discard_queue(shared, local, shared.loss_of_stop());
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.set_status(Status::Stopping);
        let behavior = cell.behavior.take();
        self.queue_job(Job::new(local, Work::Stop, behavior));
    }

    fn discard_queue(&mut self, shared: &Shared, local: u32, reason: LossReason) {
        self.discard_stash(shared, local, reason);
        let path = self.path_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let mut queue = std::mem::take(&mut cell.mailbox);
        let mut answers = Vec::new();
        queue.drain(|frame| {
            if frame.is_message() {
                self.discard(shared, local, &path, Lost::new(shared, frame, reason));
            } else {
                frame.write_to(&mut answers);
            }
        });
        if let Some(cell) = self.cells.get_mut(local as usize) {
            Frames::new(&answers).for_each(|frame| cell.mailbox.push(&frame, &mut self.pool));
        }
    }

    /// A killed actor's last job came back: what was in hand is discarded with the queue.
    pub(super) fn commit_killed(&mut self, shared: &Shared, mut job: Job, behavior: Option<Box<dyn Behavior>>) {
        job.input.strip_pressure();
        let (local, start, count) = (job.local, job.input.start, job.input.count);
        #[cfg(troupe_planted)]
        let (start, count) =
            if crate::planted::is(crate::planted::Bug::MessageForgotten) { (job.input.end, 0) } else { (start, count) };
        self.requeue_all(&job);
        self.retire(local, behavior);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.in_hand = 0;
            cell.mailbox.put_back(job.input, start, count, &mut self.pool);
        }
        self.killed(shared, local);
    }

    /// A job that no thread runs any more, because its actor or its life was killed first.
    pub(super) fn drop_job(&mut self, shared: &Shared, job: Job, behavior: Option<Box<dyn Behavior>>) {
        let local = job.local;
        if self.cells.get(local as usize).is_some_and(|cell| cell.ending == Some(Ending::Kill)) {
            return self.commit_killed(shared, job, behavior);
        }
        self.retire(local, behavior);
        if job.input.count > 0 {
            self.fail_turn(shared, job, &Crash::new(ReasonTag::Killed, "killed in the middle of a turn"));
        } else {
            self.proceed_life(shared, local);
        }
    }

    pub(super) fn killed(&mut self, shared: &Shared, local: u32) {
        let own = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()?.exit.take());
        let reason = own.unwrap_or_else(|| ExitReason::plain(ReasonTag::Killed));
        self.terminate(shared, local, LastEnd { status: Status::Terminated, reason, loss: LossReason::Killed }, true);
    }

    pub(super) fn ended_in_order(&mut self, shared: &Shared, local: u32) {
        let tag = if shared.is_closing() { ReasonTag::Shutdown } else { ReasonTag::Normal };
        let loss = shared.loss_of_stop();
        self.terminate(
            shared,
            local,
            LastEnd { status: Status::Terminated, reason: ExitReason::plain(tag), loss },
            true,
        );
    }

    pub(super) fn end_failed(&mut self, shared: &Shared, local: u32, reason: ExitReason) {
        let end = LastEnd { status: Status::Terminated, reason, loss: LossReason::Stopped };
        self.terminate(shared, local, end, true);
    }

    /// Takes an actor that never lived out again, as if it had never been there.
    pub(super) fn end_quietly(&mut self, shared: &Shared, local: u32) {
        let reason = ExitReason::plain(ReasonTag::Normal);
        self.terminate(
            shared,
            local,
            LastEnd { status: Status::Terminated, reason, loss: shared.loss_of_stop() },
            false,
        );
    }

    /// The end, in the order of `STOP-2`: queue, asks, name, behavior, those who wait, the event.
    pub(super) fn terminate(&mut self, shared: &Shared, local: u32, end: LastEnd, announce: bool) {
        let subject = self.subject(local);
        self.discard_queue(shared, local, end.loss);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let open = cell.rare.as_deref_mut().map(|rare| rare.open_asks.take()).unwrap_or_default();
        #[cfg(troupe_planted)]
        let open = if crate::planted::is(crate::planted::Bug::AskNeverSettled) { Vec::new() } else { open };
        for number in open {
            self.settle_now(shared, number, error_of(end.loss), None);
        }
        self.refuse_all_waiting(shared, local, end.loss);
        self.drop_all_timers(local);
        self.report_end(local, &end.reason);
        if self.cells.get(local as usize).is_some_and(|cell| cell.external) {
            self.forget_external(local);
        }
        self.unwatch_job(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let (tag, behavior) = (cell.tag, cell.behavior.take());
        let rare = cell.rare.take().unwrap_or_default();
        #[cfg(troupe_planted)]
        let rare = crate::planted::spoil(rare, end.status);
        if let Some(name) = &rare.name {
            shared.names.release(name, subject.address);
        }
        if rare.grouped {
            shared.groups.leave_all(subject.address, &|port| shared.port(port));
        }
        #[cfg(troupe_planted)]
        let mut rare = rare;
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::SubscriptionLeft) {
            rare.subscriptions = None;
        }
        if rare.subscriptions.is_some() {
            shared.hub.topics.forget(subject.address);
        }
        self.retire(local, behavior);
        self.remember_end(
            tag,
            Ended {
                status: end.status,
                reason: end.reason.clone(),
                path: Arc::clone(&subject.path),
                incarnation: subject.incarnation,
            },
        );
        self.swept(local);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            if let Some(parent) = cell.parent() {
                parent.child_gone();
            }
            cell.vacate();
        }
        self.free.push(local);
        #[cfg(troupe_planted)]
        let address = subject.address;
        self.tell_ended(shared, *rare, subject, end, announce);
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::GroupLeftLate) {
            shared.groups.leave_all(address, &|port| shared.port(port));
        }
        if shared.is_closing() {
            // Whoever waits for the shutdown hears of everything else first.
            self.flush(shared);
        }
        shared.actor_gone();
    }

    fn report_end(&mut self, local: u32, reason: &ExitReason) {
        let place = self.cells.get(local as usize).and_then(|cell| cell.rare.as_deref()?.place.as_ref());
        if let Some(place) = place {
            let gone = if place.given_up { Report::Ended } else { Report::Gone(reason.clone()) };
            self.report_child(local, gone);
        }
    }

    /// Tells everybody who waits for the end of an actor; its name is free by now (`MON-4`).
    fn tell_ended(&mut self, shared: &Shared, mut rare: Rare, subject: Subject, end: LastEnd, announce: bool) {
        if let Some(bonds) = rare.bonds.take() {
            let farewell = Farewell { address: subject.address, reason: &end.reason, incarnation: subject.incarnation };
            self.tell_bonds(shared, *bonds, &farewell);
        }
        let gone =
            StartError { crash: Crash::new(end.reason.tag, "the actor ended before it came up"), deterministic: false };
        for waiter in rare.start_waiters {
            self.tell_port(shared, waiter, |port, slot| port.started(slot, Err(&gone)));
        }
        for waiter in rare.end_waiters {
            self.tell_port(shared, waiter, |port, slot| port.ended(slot, &end.reason, subject.incarnation));
        }
        if announce && shared.is_listened() {
            shared.emit(&match end.status {
                Status::Failed => Event::Failed(subject, end.reason),
                _ => Event::Stopped(subject, end.reason),
            });
        }
    }
}
