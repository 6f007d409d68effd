//! Delivery: a message meets its target's mailbox, or is refused, or waits for room.

use std::sync::Arc;

use super::{Shard, Signal, TimerKind};
use crate::ask::AskError;
use crate::cell::{Waiter, Waiting};
use crate::counters::LossReason;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::mailbox;
use crate::port::write_completion;
use crate::record::{self, Record};
use crate::shared::Shared;
use crate::spec::Overflow;
use crate::status::Status;

/// A message on its last step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    pub target: Address,
    pub sender: Address,
    /// The sending actor's incarnation; 0 for a port.
    pub incarnation: u32,
    /// The sender's own number for it: an ask's tag, or a port's slot.
    pub corr: u32,
    pub payload: &'a [u8],
    pub wants: Wants,
}

/// What the sender wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Nothing.
    Nothing,
    /// That it was refused, as a frame.
    Report,
    /// That it is in the mailbox, as a completion; it may wait this long, in milliseconds.
    Confirm(u32),
    /// An answer within this time, in milliseconds.
    Answer(u32),
}

impl Shard {
    /// Takes records over from the inbox.
    pub fn drain(&mut self, shared: &Shared, records: &[u8], signals: &[Signal]) {
        let mut at = 0;
        while let Some(record) = record::read(records, at) {
            at += record.encoded_len();
            self.take_record(shared, &record);
        }
        for signal in signals {
            self.take_signal(*signal);
        }
    }

    fn take_record(&mut self, shared: &Shared, record: &Record<'_>) {
        let Record { target, word, frame } = *record;
        let Frame { kind, flags, corr, address: sender, payload } = frame;
        let from_port = sender.port().is_some();
        let incarnation = if from_port { 0 } else { word };
        let wants = match kind {
            frame::kind::MESSAGE if flags & record::FLAG_CONFIRM != 0 => Wants::Confirm(word),
            frame::kind::MESSAGE if flags & frame::FLAG_REPORT != 0 => Wants::Report,
            frame::kind::MESSAGE => Wants::Nothing,
            frame::kind::ASK => Wants::Answer(word),
            record::kind::ACTOR_ASK => {
                let timeout = frame::word(payload, 0).unwrap_or(0);
                let payload = payload.get(8..).unwrap_or_default();
                let wants = Wants::Answer(timeout);
                self.deliver(shared, &Incoming { target, sender, incarnation, corr, payload, wants });
                return;
            }
            record::kind::REPLY => return self.take_answer(target, word, frame::kind::REPLY, &frame),
            record::kind::ASK_FAILED => return self.take_answer(target, word, frame::kind::ASK_FAILED, &frame),
            record::kind::SEND_FAILED => return self.take_answer(target, word, frame::kind::SEND_FAILED, &frame),
            _ => return,
        };
        self.deliver(shared, &Incoming { target, sender, incarnation, corr, payload, wants });
    }

    fn take_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Park(address) => {
                if let Some((_, cell)) = self.resolve(address) {
                    cell.parked += 1;
                }
            }
            Signal::Unpark(address) => self.unpark(address),
        }
    }

    /// Puts a message into its target's mailbox, or refuses it, or lets it wait.
    #[inline]
    pub(super) fn deliver(&mut self, shared: &Shared, message: &Incoming<'_>) {
        let local = self.local(message.target.index);
        let Some(cell) = self.cells.get_mut(local as usize) else {
            return self.refuse(shared, message, LossReason::NoSuchActor);
        };
        if cell.tag != message.target.tag || cell.tag == 0 || !cell.accepts() {
            return self.refuse_dead(shared, message);
        }
        let Some(limits) = cell.spec.as_deref().map(|spec| spec.mailbox) else { return };
        if message.payload.len() > limits.max_payload as usize {
            return self.refuse(shared, message, LossReason::TooLarge);
        }
        let bytes = frame::HEADER_BYTES + frame::padded(message.payload.len());
        if cell.mailbox.len() >= limits.max_messages || cell.mailbox.bytes() + bytes > limits.max_bytes {
            return self.deliver_full(shared, message, local, limits.overflow, limits.wait_ms);
        }
        self.accept(shared, message, local);
    }

    /// Puts a message for which there is room into the mailbox.
    #[inline]
    fn accept(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32) {
        let frame = match self.enter_ask(message, local) {
            Ok(Some(number)) => Frame {
                kind: frame::kind::ASK,
                flags: 0,
                corr: number,
                address: message.sender,
                payload: message.payload,
            },
            Ok(None) => mailbox::message(message.sender, message.payload),
            Err(reason) => return self.refuse(shared, message, reason),
        };
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.mailbox.push(&frame, &mut self.pool);
            cell.accepted += 1;
            self.counters.accepted += 1;
            if cell.status() == Status::Creating {
                self.begin_start(shared, local);
            }
        }
        if let (Wants::Confirm(_), Some(port)) = (message.wants, message.sender.port())
            && let Some(buffer) = self.completions_of(port)
        {
            write_completion(buffer, message.corr, 0, &[]);
        }
        self.schedule(local);
    }

    /// Enters an ask into the table; `None` for a message that is none.
    #[inline]
    fn enter_ask(&mut self, message: &Incoming<'_>, local: u32) -> Result<Option<u32>, LossReason> {
        let Wants::Answer(timeout) = message.wants else { return Ok(None) };
        let deadline = self.deadline(timeout);
        self.asks
            .insert(local, message.sender, message.incarnation, message.corr, deadline)
            .map(Some)
            .ok_or(LossReason::MailboxFull)
    }

    /// The time that is `timeout` milliseconds from now; never early.
    #[inline]
    pub(super) fn deadline(&self, timeout: u32) -> u64 {
        if timeout == record::FOREVER { u64::MAX } else { self.now + u64::from(timeout) + 1 }
    }

    #[cold]
    fn deliver_full(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32, policy: Overflow, wait_ms: u64) {
        let own = message.sender.port().is_none() && message.sender == message.target;
        match policy {
            Overflow::DropOldest if self.drop_oldest(shared, local) => self.accept(shared, message, local),
            // A sender that waited for itself would wait in vain.
            Overflow::Wait if !own => match message.wants {
                Wants::Nothing if message.sender.is_none() || message.sender.port().is_some() => {
                    self.refuse(shared, message, LossReason::MailboxFull);
                }
                _ => self.wait_for_room(shared, message, local, wait_ms),
            },
            _ => self.refuse(shared, message, LossReason::MailboxFull),
        }
    }

    /// Lets a message wait in front of a full mailbox; an actor that sent it is parked.
    fn wait_for_room(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32, wait_ms: u64) {
        let number = match self.enter_ask(message, local) {
            Ok(number) => number,
            Err(reason) => return self.refuse(shared, message, reason),
        };
        let frame = match number {
            Some(number) => Frame {
                kind: frame::kind::ASK,
                flags: 0,
                corr: number,
                address: message.sender,
                payload: message.payload,
            },
            None => mailbox::message(message.sender, message.payload),
        };
        let mut bytes = Vec::with_capacity(frame.encoded_len());
        frame.write_to(&mut bytes);
        let wait_ms = match message.wants {
            Wants::Confirm(own) | Wants::Answer(own) if message.sender.port().is_some() => u64::from(own),
            _ => wait_ms,
        };
        self.tickets += 1;
        let ticket = self.tickets;
        let slot = if message.wants == Wants::Nothing { 0 } else { message.corr };
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let tag = cell.tag;
        let waiting = Waiting { sender: message.sender, slot, ticket, frame: bytes, wants_report: message.wants == Wants::Report, incarnation: message.incarnation };
        cell.rare_mut().overflow.push_back(waiting);
        if wait_ms < u64::from(record::FOREVER) {
            self.set_timer(wait_ms, TimerKind::Waiting(local, tag, ticket));
        }
        if message.sender.port().is_none() {
            self.park(message.sender);
        }
    }

    fn park(&mut self, sender: Address) {
        let owner = self.owner(sender.index);
        if owner == self.index {
            if let Some((_, cell)) = self.resolve(sender) {
                cell.parked += 1;
            }
        } else if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            outbox.signals.push(Signal::Park(sender));
        }
    }

    fn unpark(&mut self, sender: Address) {
        let owner = self.owner(sender.index);
        if owner != self.index {
            if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
                outbox.signals.push(Signal::Unpark(sender));
            }
        } else if let Some((local, cell)) = self.resolve(sender) {
            cell.parked = cell.parked.saturating_sub(1);
            self.schedule(local);
        }
    }

    /// Lets waiting messages in, as far as there is room.
    pub(super) fn admit_waiting(&mut self, shared: &Shared, local: u32) {
        loop {
            let Some(cell) = self.cells.get_mut(local as usize) else { return };
            let Some(limits) = cell.spec.as_deref().map(|spec| spec.mailbox) else { return };
            let (count, bytes) = (cell.mailbox.len(), cell.mailbox.bytes());
            let Some(rare) = cell.rare.as_deref_mut() else { return };
            let Some(next) = rare.overflow.front() else { return };
            if count >= limits.max_messages || (bytes + next.frame.len() > limits.max_bytes && count > 0) {
                return;
            }
            let Some(waiting) = rare.overflow.pop_front() else { return };
            let Some(frame) = frame::read(&waiting.frame, 0) else { continue };
            cell.mailbox.push(&frame, &mut self.pool);
            cell.accepted += 1;
            self.counters.accepted += 1;
            match waiting.sender.port() {
                Some(port) if frame.kind == frame::kind::MESSAGE => {
                    if let Some(buffer) = self.completions_of(port) {
                        write_completion(buffer, waiting.slot, 0, &[]);
                    }
                }
                Some(_) => {}
                None => self.unpark(waiting.sender),
            }
            self.schedule(local);
            let _ = shared;
        }
    }

    /// A message has waited long enough for room.
    pub(super) fn refuse_waiting(&mut self, shared: &Shared, local: u32, tag: u64, ticket: u64) {
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.tag == tag) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        let Some(at) = rare.overflow.iter().position(|waiting| waiting.ticket == ticket) else { return };
        if let Some(waiting) = rare.overflow.remove(at) {
            self.refuse_one_waiting(shared, local, &waiting, LossReason::MailboxFull);
        }
    }

    pub(super) fn refuse_one_waiting(&mut self, shared: &Shared, local: u32, waiting: &Waiting, reason: LossReason) {
        let target = self.address_of(local);
        let Some(frame) = frame::read(&waiting.frame, 0) else { return };
        let is_port = waiting.sender.port().is_some();
        let wants = match frame.kind {
            frame::kind::ASK => Wants::Answer(record::FOREVER),
            _ if is_port => Wants::Confirm(0),
            _ if waiting.wants_report => Wants::Report,
            _ => Wants::Nothing,
        };
        let mut corr = waiting.slot;
        if frame.kind == frame::kind::ASK {
            match self.asks.remove(frame.corr) {
                Some(ask) if !matches!(ask.state, crate::ask::AskState::Settled(_)) => corr = ask.corr,
                // The asker heard already; the message is still counted as refused.
                _ => {
                    self.count_refusal(local, reason);
                    if !is_port {
                        self.unpark(waiting.sender);
                    }
                    return;
                }
            }
        }
        let incarnation = waiting.incarnation;
        let message = Incoming { target, sender: waiting.sender, incarnation, corr, payload: frame.payload, wants };
        self.refuse(shared, &message, reason);
        if !is_port {
            self.unpark(waiting.sender);
        }
    }

    fn count_refusal(&mut self, local: u32, reason: LossReason) {
        self.counters.refuse(reason);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().counters.refuse(reason);
        }
    }

    /// Drops the oldest message of a mailbox; false when there is none.
    fn drop_oldest(&mut self, shared: &Shared, local: u32) -> bool {
        let path = self.path_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        let mut dropped = None;
        cell.mailbox.drop_oldest(|frame| {
            let found = matches!(frame.kind, frame::kind::MESSAGE | frame::kind::ASK);
            if found {
                dropped = Some((frame.kind, frame.corr, frame.address, frame.payload.len()));
            }
            found
        });
        let Some((kind, corr, sender, bytes)) = dropped else { return false };
        self.discard(shared, local, &path, LossReason::MailboxFull, kind, corr, sender, bytes);
        true
    }

    #[cold]
    fn refuse_dead(&mut self, shared: &Shared, message: &Incoming<'_>) {
        let reason = if shared.is_closing() {
            LossReason::Shutdown
        } else if self.resolve(message.target).is_some() {
            LossReason::Stopped
        } else {
            match self.ended.get(&message.target.tag) {
                Some(ended) if ended.status == Status::Failed => LossReason::GaveUp,
                Some(_) => LossReason::Stopped,
                None => LossReason::NoSuchActor,
            }
        };
        self.refuse(shared, message, reason);
    }

    /// Refuses a message: counts it, records it, and tells whoever wants to hear.
    #[cold]
    pub(super) fn refuse(&mut self, shared: &Shared, message: &Incoming<'_>, reason: LossReason) {
        let mut path: Arc<str> = Arc::from("");
        self.counters.refuse(reason);
        if let Some((local, cell)) = self.resolve(message.target) {
            cell.rare_mut().counters.refuse(reason);
            path = self.path_of(local);
        }
        shared.dead_letter(message.sender, path, reason, message.payload.len(), self.now);
        let error = error_of(reason);
        match (message.wants, message.sender.port()) {
            (Wants::Confirm(_) | Wants::Answer(_), Some(port)) => {
                if let Some(buffer) = self.completions_of(port) {
                    write_completion(buffer, message.corr, error as u32, &[]);
                }
            }
            (Wants::Answer(_), None) => {
                self.send_answer(message.sender, message.incarnation, frame::kind::ASK_FAILED, message.corr, message.target, &failure(error));
            }
            (Wants::Report, None) => {
                self.send_answer(message.sender, message.incarnation, frame::kind::SEND_FAILED, message.corr, message.target, &failure(error));
            }
            _ => {}
        }
    }

    /// Counts and records one accepted message that is dropped unread, and settles it if it is an ask.
    #[allow(clippy::too_many_arguments, reason = "one message, taken apart because its frame is borrowed")]
    pub(super) fn discard(&mut self, shared: &Shared, local: u32, path: &Arc<str>, reason: LossReason, kind: u16, corr: u32, sender: Address, bytes: usize) {
        if kind == frame::kind::ASK {
            match self.asks.get_mut(corr).map(|ask| ask.state) {
                Some(crate::ask::AskState::Settled(error)) => {
                    self.asks.remove(corr);
                    return self.count_settled(local, error);
                }
                Some(_) => self.settle_now(shared, corr, error_of(reason), None),
                None => return self.count_settled(local, AskError::Timeout),
            }
        }
        self.counters.discard(reason);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().counters.discard(reason);
        }
        shared.dead_letter(sender, Arc::clone(path), reason, bytes, self.now);
    }

    /// A completion without a value.
    pub(super) fn complete(&mut self, waiter: Waiter, status: u32, payload: &[u8]) {
        if let Some(buffer) = self.completions_of(waiter.port) {
            write_completion(buffer, waiter.slot, status, payload);
        }
    }
}

/// The failure of an ask or a send that this loss means.
pub(super) const fn error_of(reason: LossReason) -> AskError {
    match reason {
        LossReason::NoSuchActor => AskError::NoSuchActor,
        LossReason::Stopped | LossReason::Killed => AskError::Stopped,
        LossReason::GaveUp => AskError::GaveUp,
        LossReason::MailboxFull => AskError::MailboxFull,
        LossReason::Expired => AskError::Timeout,
        LossReason::Poison => AskError::Crashed,
        LossReason::Shutdown => AskError::Shutdown,
        LossReason::TooLarge => AskError::TooLarge,
    }
}

/// The payload of a frame that reports a failure: the number, then its text.
pub(super) fn failure(error: AskError) -> Vec<u8> {
    let mut payload = (error as u32).to_le_bytes().to_vec();
    payload.extend_from_slice(error.to_string().as_bytes());
    payload
}
