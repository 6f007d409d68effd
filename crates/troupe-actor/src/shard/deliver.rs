//! Delivery: a message meets its target's mailbox, or is refused, or waits for room.

use std::sync::Arc;

use super::ahead::GROUP;
use super::chains::INHERITED;
use super::letters::captured;
use super::{Shard, Signal};
use crate::ask::{AskError, AskState};
use crate::cell::Waiter;
use crate::chain::{Chain, MAX_CHAIN};
use crate::counters::LossReason;
use crate::dead_letter::Loss;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::mailbox;
use crate::port::write_completion;
use crate::record::{self, Record};
use crate::shared::Shared;
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
    pub wants: Wants<'a>,
}

/// What the sender wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants<'a> {
    /// Nothing.
    Nothing,
    /// That it was refused, as a frame.
    Report,
    /// That it is in the mailbox, as a completion; it may wait this long, in milliseconds.
    Confirm(u32),
    /// An answer.
    Answer(Terms<'a>),
}

/// What an ask came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms<'a> {
    /// When it has waited long enough, in milliseconds of the system's clock; `u64::MAX` for never.
    pub deadline: u64,
    /// That is the deadline of the request on whose behalf it is made.
    pub inherited: bool,
    /// The actors that wait for the answer.
    pub chain: Chain<'a>,
}

impl Terms<'_> {
    /// An ask for which no actor waits.
    pub const fn until(deadline: u64) -> Self {
        Self { deadline, inherited: false, chain: Chain::Nobody }
    }
}

/// An accepted message that nobody will handle.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    kind: u16,
    corr: u32,
    sender: Address,
    bytes: usize,
    reason: LossReason,
    payload: Option<Arc<[u8]>>,
}

impl Lost {
    pub(super) fn new(shared: &Shared, frame: &Frame<'_>, reason: LossReason) -> Self {
        let (message, bytes) = (frame.message(), frame.message_len());
        let Frame { kind, corr, address: sender, .. } = *frame;
        Self { kind, corr, sender, bytes, reason, payload: captured(shared, message) }
    }

    /// What is recorded of it, for its target at this address and path.
    pub(super) fn record(self, target: Address, path: &Arc<str>) -> Loss {
        let Self { sender, bytes, reason, payload, .. } = self;
        Loss { sender, target, path: Arc::clone(path), reason, bytes, payload, first_drop: false }
    }
}

impl Shard {
    /// Takes records over from the inbox.
    pub fn drain(&mut self, shared: &Shared, records: &[u8], signals: &mut Vec<Signal>) {
        let (mut at, mut count) = (0, 0usize);
        while let Some(record) = record::read(records, at) {
            if count.is_multiple_of(GROUP) {
                self.look_at_records(records, at);
            }
            count += 1;
            at += record.encoded_len();
            self.take_record(shared, &record);
        }
        self.settle_aborted(shared);
        for signal in signals.drain(..) {
            self.take_signal(shared, signal);
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
            frame::kind::ASK => Wants::Answer(Terms::until(self.deadline(word))),
            record::kind::ACTOR_ASK | record::kind::CHAINED_ASK => return self.take_ask(shared, record),
            record::kind::ABORT => return self.aborts.push((sender, corr)),
            record::kind::CYCLE => return self.take_walk(record),
            record::kind::REPLY => return self.take_answer(target, word, Frame { kind: frame::kind::REPLY, ..frame }),
            record::kind::ASK_FAILED => {
                return self.take_answer(target, word, Frame { kind: frame::kind::ASK_FAILED, ..frame });
            }
            record::kind::SEND_FAILED => {
                return self.take_answer(target, word, Frame { kind: frame::kind::SEND_FAILED, ..frame });
            }
            record::kind::WORK_DONE | record::kind::WORK_BEGUN => return self.take_work(shared, record),
            record::kind::WATCH..=record::kind::LINK_DOWN => return self.take_bond(shared, record),
            record::kind::PUBLISHED | record::kind::GROUPED => return self.take_published(shared, record),
            record::kind::UNPUBLISHED => return self.take_unpublished(shared, sender, payload),
            _ => return,
        };
        self.deliver(shared, &Incoming { target, sender, incarnation, corr, payload, wants });
    }

    /// Refuses a message of a port that came after the shutdown began, whatever its target still does
    /// (`SHUT-1`); anything else a port may say is taken.
    pub(crate) fn take_late(&mut self, shared: &Shared, record: &Record<'_>) {
        let Frame { kind, flags, corr, address: sender, payload } = record.frame;
        let wants = match kind {
            // An actor that works off its mailbox may still send, wherever it runs.
            _ if sender.is_actors() => return self.take_record(shared, record),
            frame::kind::MESSAGE if flags & record::FLAG_CONFIRM != 0 => Wants::Confirm(record.word),
            frame::kind::MESSAGE => Wants::Nothing,
            frame::kind::ASK => Wants::Answer(Terms::until(record::NEVER)),
            _ => return self.take_record(shared, record),
        };
        let message = Incoming { target: record.target, sender, incarnation: 0, corr, payload, wants };
        self.refuse(shared, &message, shared.loss_of_stop());
    }

    fn take_signal(&mut self, shared: &Shared, signal: Signal) {
        match signal {
            Signal::Park(address, times) => {
                if let Some((_, cell)) = self.resolve(address) {
                    cell.parked += times;
                }
            }
            Signal::Unpark(address, times) => self.unpark(address, times),
            Signal::Begin(place, child, incarnation) => self.begin_child(shared, place, child, incarnation),
            Signal::TakeDown(place, incarnation, grace_ms) => self.take_down(shared, place, incarnation, grace_ms),
            Signal::KillLife(place) => self.kill_place_life(shared, place),
            Signal::EndPlace(end) => self.end_place(shared, end.0, end.1, end.2),
            Signal::Make(order) => self.make_place(shared, *order),
            Signal::Sweep(pool, sweep, number) => self.sweep(shared, pool, &sweep, number),
            Signal::Child(report) => self.take_report(shared, *report),
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
        let Some(limits) = cell.spec.as_deref().map(|spec| &spec.mailbox) else { return };
        if message.payload.len() > limits.max_payload as usize {
            return self.refuse(shared, message, LossReason::TooLarge);
        }
        if let Wants::Answer(terms) = &message.wants
            && let Some(reason) = objection(terms, message, self.now)
        {
            return self.refuse(shared, message, reason);
        }
        let bytes = frame::HEADER_BYTES + frame::padded(message.payload.len());
        #[cfg(troupe_planted)]
        let limits = &crate::planted::widen(*limits);
        let full = cell.mailbox.len() >= limits.max_messages || cell.mailbox.bytes() + bytes > limits.max_bytes;
        let backlog = cell.backlog;
        #[cfg(troupe_planted)]
        let backlog = backlog && !crate::planted::is(crate::planted::Bug::WaiterOvertaken);
        if full | backlog | cell.stashed {
            return self.deliver_full(shared, message, local);
        }
        self.accept(shared, message, local);
    }

    /// Puts a message for which there is room into the mailbox.
    // Twenty instructions of every message were those of the call.
    #[inline(always)]
    pub(super) fn accept(&mut self, shared: &Shared, message: &Incoming<'_>, local: u32) {
        let frame = match self.frame_of(message, local) {
            Ok(frame) => frame,
            Err(reason) => return self.refuse(shared, message, reason),
        };
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.mailbox.push(&frame, &mut self.pool);
            cell.accepted += 1;
            self.counters.accepted += 1;
            let rises = self.observes_water && !cell.high && cell.is_high();
            if cell.status() == Status::Creating {
                self.begin_start(shared, local);
            }
            if rises {
                self.observe_water(shared, local, true);
            }
        }
        if let (Wants::Confirm(_), Some(port)) = (message.wants, message.sender.port())
            && let Some(buffer) = self.completions_of(port)
        {
            write_completion(buffer, message.corr, 0, &[]);
        }
        self.schedule(local);
    }

    /// The frame that lies in the mailbox for a message; an ask is entered into the table.
    // Part of its caller, like that one: a plain message needs no call.
    #[inline(always)]
    pub(super) fn frame_of<'a>(&mut self, message: &Incoming<'a>, local: u32) -> Result<Frame<'a>, LossReason> {
        match &message.wants {
            Wants::Answer(terms) => self.enter(message, terms, local),
            _ => Ok(mailbox::message(message.sender, message.payload)),
        }
    }

    /// Enters an ask into the table: the frame that lies in the mailbox for it.
    fn enter<'a>(&mut self, message: &Incoming<'a>, terms: &Terms<'_>, local: u32) -> Result<Frame<'a>, LossReason> {
        let number = self.asks.insert(local, message.sender, message.incarnation, message.corr, terms.deadline);
        let corr = number.ok_or(LossReason::MailboxFull)?;
        if terms.inherited || terms.chain != Chain::Nobody {
            self.asks.set_chain(corr, terms.chain, terms.inherited);
        }
        Ok(Frame { kind: frame::kind::ASK, flags: 0, corr, address: message.sender, payload: message.payload })
    }

    /// The time that is `timeout` milliseconds from now; never early.
    #[inline]
    pub(super) fn deadline(&self, timeout: u32) -> u64 {
        if timeout == record::FOREVER { record::NEVER } else { self.now + u64::from(timeout) + 1 }
    }

    #[cold]
    pub(super) fn refuse_dead(&mut self, shared: &Shared, message: &Incoming<'_>) {
        let reason = if shared.is_closing() && !shared.is_failed() {
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
        let mut place = None;
        self.counters.refuse(reason);
        if let Some((local, cell)) = self.resolve(message.target) {
            cell.rare_mut().counters.refuse(reason);
            path = self.path_of(local);
            place = Some(local);
        } else if let Some(ended) = self.ended.get(&message.target.tag) {
            path = Arc::clone(&ended.path);
        }
        let Incoming { sender, target, payload, .. } = *message;
        let (bytes, payload) = (payload.len(), captured(shared, payload));
        self.bury(shared, place, Loss { sender, target, path, reason, bytes, payload, first_drop: false });
        let error = error_of(reason);
        match (message.wants, message.sender.port()) {
            (Wants::Answer(terms), _) if reason == LossReason::Cycle => self.explain_cycle(message, terms.chain),
            (Wants::Answer(terms), _) if terms.inherited && reason == LossReason::Expired => {
                self.fail_ask(message.sender, message.incarnation, message.corr, message.target, error, INHERITED);
            }
            (Wants::Confirm(_) | Wants::Answer(_), Some(port)) => {
                if let Some(buffer) = self.completions_of(port) {
                    write_completion(buffer, message.corr, error as u32, &[]);
                }
            }
            (Wants::Answer(_), None) => {
                self.report(message, frame::kind::ASK_FAILED, error);
            }
            (Wants::Report, None) => {
                self.report(message, frame::kind::SEND_FAILED, error);
            }
            _ => {}
        }
    }

    /// Refuses a message for which no target could be chosen; `path` is where it was to go.
    pub(crate) fn refuse_unroutable(&mut self, shared: &Shared, sender: Address, path: Arc<str>, payload: &[u8]) {
        let reason = LossReason::NoSubscriber;
        self.counters.refuse(reason);
        let (bytes, payload) = (payload.len(), captured(shared, payload));
        let target = Address::NONE;
        self.bury(shared, None, Loss { sender, target, path, reason, bytes, payload, first_drop: false });
    }

    /// Tells the actor that sent a message how it failed.
    fn report(&mut self, message: &Incoming<'_>, kind: u16, error: AskError) {
        let payload = failure(error);
        let frame = Frame { kind, flags: 0, corr: message.corr, address: message.target, payload: &payload };
        self.send_answer(message.sender, message.incarnation, &frame);
    }

    /// Counts and records one accepted message that is dropped unread, and settles it if it is an ask.
    pub(super) fn discard(&mut self, shared: &Shared, local: u32, path: &Arc<str>, lost: Lost) {
        if lost.kind == frame::kind::ASK {
            match self.asks.get_mut(lost.corr).map(|ask| ask.state) {
                Some(AskState::Settled(error)) => {
                    self.asks.remove(lost.corr);
                    return self.discard_settled(shared, local, path, lost, error);
                }
                Some(_) => self.settle_now(shared, lost.corr, error_of(lost.reason), None),
                None => return self.discard_settled(shared, local, path, lost, AskError::Timeout),
            }
        }
        self.counters.discard(lost.reason);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().counters.discard(lost.reason);
        }
        #[cfg(troupe_planted)]
        if lost.reason == LossReason::MailboxFull && crate::planted::is(crate::planted::Bug::LetterMissing) {
            return;
        }
        let loss = lost.record(self.address_of(local), path);
        self.bury(shared, Some(local), loss);
    }

    /// Counts an ask that was settled before its actor could have handled it. Who gave up knows; an ask that
    /// waited too long is recorded.
    fn discard_settled(&mut self, shared: &Shared, local: u32, path: &Arc<str>, lost: Lost, error: AskError) {
        self.count_settled(local, error);
        if error != AskError::Aborted {
            let loss = Lost { reason: LossReason::Expired, ..lost }.record(self.address_of(local), path);
            self.bury(shared, Some(local), loss);
        }
    }

    /// A completion without a value.
    pub(super) fn complete(&mut self, waiter: Waiter, status: u32, payload: &[u8]) {
        if let Some(buffer) = self.completions_of(waiter.port) {
            write_completion(buffer, waiter.slot, status, payload);
        }
    }
}

/// Why an ask is refused whatever room there is: it would wait for itself, or nobody waits for it any more.
#[inline]
fn objection(terms: &Terms<'_>, message: &Incoming<'_>, now: u64) -> Option<LossReason> {
    let closes = match terms.chain {
        Chain::List(list) => list.len() > MAX_CHAIN || list.contains(&message.target),
        Chain::Nobody | Chain::Asker => false,
    };
    #[cfg(troupe_planted)]
    let closes = closes && !crate::planted::is(crate::planted::Bug::CycleUnseen);
    if closes || message.target == message.sender {
        return Some(LossReason::Cycle);
    }
    (terms.deadline <= now).then_some(LossReason::Expired)
}

/// The failure of an ask or a send that this loss means.
pub(super) const fn error_of(reason: LossReason) -> AskError {
    match reason {
        LossReason::NoSuchActor => AskError::NoSuchActor,
        LossReason::Stopped | LossReason::Killed => AskError::Stopped,
        LossReason::GaveUp => AskError::GaveUp,
        LossReason::MailboxFull | LossReason::StashFull => AskError::MailboxFull,
        LossReason::Expired => AskError::Timeout,
        LossReason::Poison => AskError::Crashed,
        LossReason::Shutdown => AskError::Shutdown,
        LossReason::TooLarge => AskError::TooLarge,
        LossReason::NoSubscriber => AskError::NoResponders,
        LossReason::Cycle => AskError::Cycle,
        LossReason::TopicRefused => AskError::TopicInvalid,
        LossReason::Unreadable => AskError::Unreadable,
    }
}

/// The payload of a frame that reports a failure: the number, then its text.
pub(super) fn failure(error: AskError) -> Vec<u8> {
    let mut payload = (error as u32).to_le_bytes().to_vec();
    payload.extend_from_slice(error.to_string().as_bytes());
    payload
}
