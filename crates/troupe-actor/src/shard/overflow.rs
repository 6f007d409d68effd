//! Full mailboxes (`OVF-2`): a message is refused, takes the place of the oldest one, or waits for
//! room in order; an actor whose message waits is parked.

use super::deliver::{Incoming, Lost, Terms, Wants};
use super::{Shard, Signal, TimerKind};
use crate::ask::AskState;
use crate::backlog::Waiting;
use crate::cell::Cell;
use crate::counters::LossReason;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::port::write_completion;
use crate::record;
use crate::shared::Shared;
use crate::spec::Overflow;

impl Shard {
    /// Does what the policy of a mailbox says with a message that does not fit, or that must not
    /// overtake others that wait.
    #[cold]
    pub(super) fn deliver_full(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32) {
        let bytes = frame::HEADER_BYTES + frame::padded(message.payload.len());
        let Some(cell) = self.cells.get(local as usize) else { return };
        let Some(limits) = cell.spec.as_deref().map(|spec| spec.mailbox) else { return };
        if !cell.backlog && cell.has_room(bytes) {
            return self.accept(shared, message, local);
        }
        match limits.overflow {
            Overflow::DropOldest if self.make_room(shared, local, bytes) => self.accept(shared, message, local),
            Overflow::DropOldest => self.refuse(shared, message, LossReason::MailboxFull),
            Overflow::Wait => match longest_wait(message, limits.wait_ms, self.now) {
                0 => self.refuse(shared, message, LossReason::MailboxFull),
                wait_ms => self.wait_for_room(shared, message, local, wait_ms),
            },
            Overflow::Reject | Overflow::DropNewest => self.refuse(shared, message, LossReason::MailboxFull),
        }
    }

    /// Drops the oldest messages of a mailbox until a frame of so many bytes fits; false when it never does.
    pub(super) fn make_room(&mut self, shared: &Shared, local: u32, bytes: usize) -> bool {
        while !self.cells.get(local as usize).is_some_and(|cell| cell.has_room(bytes)) {
            if !self.drop_oldest(shared, local) {
                return false;
            }
        }
        true
    }

    /// Drops the oldest message of a mailbox; false when there is none.
    fn drop_oldest(&mut self, shared: &Shared, local: u32) -> bool {
        // What was put aside is older than what is queued.
        if self.drop_stashed(shared, local, LossReason::MailboxFull, |_| true) {
            return true;
        }
        let path = self.path_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        let (mut dropped, mut stays) = (None, 0);
        cell.mailbox.drop_oldest(|frame| {
            // A tick from outside is one for each timer at most.
            let tick = frame.kind == frame::kind::MESSAGE && frame.flags & frame::FLAG_TICK != 0;
            stays += u32::from(tick || frame.kind == frame::kind::DOWN);
            let found = frame.is_message() && !tick;
            if found {
                dropped = Some(Lost::new(shared, frame, LossReason::MailboxFull));
            }
            found
        });
        let Some(lost) = dropped else { return false };
        // The oldest messages are those of a replay, but for the one in hand, notices and ticks, which stay.
        if cell.rare.as_deref().is_some_and(|rare| rare.replay > rare.replay_in_hand + stays) {
            self.replayed(shared, local, 1);
        }
        self.discard(shared, local, &path, lost);
        true
    }

    /// Lets a message wait in front of a full mailbox; an actor that sent it is parked.
    fn wait_for_room(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32, wait_ms: u64) {
        let frame = match self.frame_of(message, local) {
            Ok(frame) => frame,
            Err(reason) => return self.refuse(shared, message, reason),
        };
        let deadline = self.now.saturating_add(wait_ms);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.backlog = true;
        let waiting = Waiting {
            sender: message.sender,
            slot: if message.wants == Wants::Nothing { 0 } else { message.corr },
            deadline,
            wants_report: message.wants == Wants::Report,
            incarnation: message.incarnation,
        };
        cell.rare_mut().overflow.push(waiting, &frame, &mut self.pool);
        self.arm_overflow(local, deadline);
        if message.sender.port().is_none() {
            self.park(message.sender);
        }
    }

    /// Makes sure that a timer is due by `deadline`. One timer serves all messages that wait for an
    /// actor, because under steady pressure they come and go by the million.
    fn arm_overflow(&mut self, local: u32, deadline: u64) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let tag = cell.tag;
        let rare = cell.rare_mut();
        if deadline == u64::MAX || (rare.overflow_timer != 0 && rare.overflow_timer <= deadline) {
            return;
        }
        rare.overflow_timer = deadline;
        self.set_timer(deadline.saturating_sub(now), TimerKind::Waiting(local, tag));
    }

    fn park(&mut self, sender: Address) {
        let owner = self.owner(sender.index);
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::SenderGoesOn) {
            return;
        }
        if owner == self.index {
            if let Some((_, cell)) = self.resolve(sender) {
                cell.parked += 1;
            }
        } else if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            // A flood comes from one sender: one signal for all of it.
            match outbox.signals.last_mut() {
                Some(Signal::Park(last, times)) if *last == sender => *times += 1,
                _ => outbox.signals.push(Signal::Park(sender, 1)),
            }
        }
    }

    /// So many messages of the sender wait no longer.
    pub(super) fn unpark(&mut self, sender: Address, times: u32) {
        let owner = self.owner(sender.index);
        if owner != self.index {
            let Some(outbox) = self.outboxes.get_mut(owner as usize) else { return };
            match outbox.signals.last_mut() {
                Some(Signal::Unpark(last, more)) if *last == sender => *more += times,
                _ => outbox.signals.push(Signal::Unpark(sender, times)),
            }
        } else if let Some((local, cell)) = self.resolve(sender) {
            cell.parked = cell.parked.saturating_sub(times);
            self.schedule(local);
        }
    }

    /// Lets waiting messages in, in order, as far as there is room.
    #[cold]
    pub(super) fn admit_waiting(&mut self, shared: &Shared, local: u32) {
        while let Some((waiting, kind)) = self.admit_next(local) {
            match waiting.sender.port() {
                _ if kind == frame::kind::DOWN => {}
                #[cfg(troupe_planted)]
                Some(_) if crate::planted::is(crate::planted::Bug::SendUnconfirmed) => {}
                Some(port) if kind == frame::kind::MESSAGE => {
                    if let Some(buffer) = self.completions_of(port) {
                        write_completion(buffer, waiting.slot, 0, &[]);
                    }
                }
                Some(_) => {}
                None => self.unpark(waiting.sender, 1),
            }
            #[cfg(troupe_planted)]
            if crate::planted::is(crate::planted::Bug::RoomUnused) {
                break;
            }
        }
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::WaterUnsaid) {
            return self.schedule(local);
        }
        // Behind that: what came in may keep the mailbox as full as it was.
        self.look_at_water(shared, local);
        self.schedule(local);
    }

    /// Moves the first waiting frame into the mailbox, if there is room for it; who waited, and its kind.
    fn admit_next(&mut self, local: u32) -> Option<(Waiting, u16)> {
        // A mailbox that is closed takes nothing more.
        let is_closed = Cell::is_closed;
        #[cfg(troupe_planted)]
        let is_closed = |cell: &Cell| is_closed(cell) && !crate::planted::is(crate::planted::Bug::ClosedLetsIn);
        let cell = self.cells.get_mut(local as usize).filter(|cell| !is_closed(cell))?;
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::WaitersReversed)
            && let Some(rare) = cell.rare.as_deref_mut()
        {
            crate::planted::reverse(&mut rare.overflow);
        }
        let (waiting, frame) = cell.rare.as_deref()?.overflow.front()?;
        let (kind, is_notice) = (frame.kind, frame.kind == frame::kind::DOWN);
        if !is_notice && !cell.has_room(frame.encoded_len()) {
            return None;
        }
        cell.mailbox.push(&frame, &mut self.pool);
        let rare = cell.rare.as_deref_mut()?;
        rare.overflow.pop(&mut self.pool);
        cell.backlog = !rare.overflow.is_empty();
        if is_notice {
            rare.queued_answers += 1;
        } else {
            cell.accepted += 1;
            self.counters.accepted += 1;
        }
        Some((waiting, kind))
    }

    /// Refuses the messages that have waited long enough for room.
    pub(super) fn refuse_waiting(&mut self, shared: &Shared, local: u32, tag: u64) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.tag == tag) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        rare.overflow_timer = 0;
        let is_late = |waiting: &Waiting| waiting.deadline < now;
        #[cfg(troupe_planted)]
        let is_late = |waiting: &Waiting| is_late(waiting) || crate::planted::is(crate::planted::Bug::WaitersGiveUp);
        let late = rare.overflow.extract(|waiting, _| is_late(waiting));
        cell.backlog = !rare.overflow.is_empty();
        let next = rare.overflow.iter().map(|(waiting, _)| waiting.deadline).min();
        #[cfg(troupe_planted)]
        let next = next.filter(|_| !crate::planted::is(crate::planted::Bug::WaiterUnwatched));
        if let Some(next) = next {
            self.arm_overflow(local, next);
        }
        for (waiting, frame) in late.iter() {
            self.refuse_one_waiting(shared, local, waiting, &frame, LossReason::MailboxFull);
        }
        // What waited behind a large message may fit now.
        self.admit_waiting(shared, local);
    }

    /// Refuses everything that waits for room: the mailbox is closed.
    pub(super) fn refuse_all_waiting(&mut self, shared: &Shared, local: u32, reason: LossReason) {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::ClosedLetsIn)
            && self.cells.get(local as usize).is_some_and(|cell| cell.ending == Some(crate::cell::Ending::Drain))
        {
            return;
        }
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.backlog) else { return };
        cell.backlog = false;
        let all = std::mem::take(&mut cell.rare_mut().overflow);
        for (waiting, frame) in all.iter() {
            self.refuse_one_waiting(shared, local, waiting, &frame, reason);
        }
    }

    fn refuse_one_waiting(
        &mut self,
        shared: &Shared,
        local: u32,
        waiting: &Waiting,
        frame: &Frame<'_>,
        reason: LossReason,
    ) {
        if frame.kind == frame::kind::DOWN {
            return;
        }
        let is_port = waiting.sender.port().is_some();
        let (mut corr, mut wants) = (waiting.slot, Wants::Nothing);
        if frame.kind == frame::kind::ASK {
            // An asker that heard already is not told again; the message still counts as refused.
            if let Some(ask) = self.asks.remove(frame.corr)
                && !matches!(ask.state, AskState::Settled(_))
            {
                (corr, wants) = (ask.corr, Wants::Answer(Terms::until(ask.deadline)));
            }
        } else if is_port {
            wants = Wants::Confirm(0);
        } else if waiting.wants_report {
            wants = Wants::Report;
        }
        let target = self.address_of(local);
        let incarnation = waiting.incarnation;
        let message = Incoming { target, sender: waiting.sender, incarnation, corr, payload: frame.payload, wants };
        self.refuse(shared, &message, reason);
        #[cfg(troupe_planted)]
        let is_port = is_port || crate::planted::is(crate::planted::Bug::ParkedForEver);
        if !is_port {
            self.unpark(waiting.sender, 1);
        }
    }
}

/// How long a message may wait for room, in milliseconds: 0 for not at all, `u64::MAX` for ever.
fn longest_wait(message: &Incoming<'_>, wait_ms: u64, now: u64) -> u64 {
    let outside = message.sender.is_none() || message.sender.port().is_some();
    match message.wants {
        // A sender that waited for itself would wait in vain.
        _ if message.sender == message.target => 0,
        // A tell from outside never waits; nobody could be parked.
        Wants::Nothing | Wants::Report if outside => 0,
        Wants::Nothing | Wants::Report => wait_ms,
        Wants::Confirm(record::FOREVER) => u64::MAX,
        Wants::Confirm(own) => u64::from(own),
        // A deadline is a millisecond late, so that it is never early.
        Wants::Answer(terms) => wait_ms.min(terms.deadline.saturating_sub(now + 1)),
    }
}
