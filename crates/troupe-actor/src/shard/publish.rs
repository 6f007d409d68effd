//! Publishing (`TOP-7`, `TOP-8`): a message is routed where it is published, and meets the mailboxes of
//! its subscribers here. A full mailbox loses it for that subscriber only: nobody waits.

use std::sync::Arc;

use super::Shard;
use super::deliver::{Incoming, Wants};
use super::letters::captured;
use crate::ask::AskError;
use crate::cell::{Cell, Waiter};
use crate::counters::LossReason;
use crate::dead_letter::Loss;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::port::{TopicMessage, write_completion};
use crate::record::{self, Record};
use crate::routed::{self, Routed};
use crate::shared::Shared;
use crate::spec::Overflow;
use crate::status::Status;
use crate::topics::{Route, Target};

/// Bytes of a topic that a dead letter shows; one that is allowed is no longer (`TOP-5`).
const MAX_SHOWN_TOPIC: usize = 512;

/// Most bytes of records that wait for a shard while what is published for it is still taken: those who publish
/// never wait (`TOP-8`), and a message to many is short to write and long to deliver.
pub const MAX_PUBLISHED_BYTES: usize = 64 << 20;

/// A published message.
#[derive(Clone, Copy)]
pub(super) struct Copy<'a> {
    pub publisher: Address,
    /// Flags of the topic frame.
    pub flags: u16,
    /// The payload of the topic frame.
    pub body: &'a [u8],
}

impl<'a> Copy<'a> {
    fn topic(&self) -> &'a str {
        // Whoever matched the topic has read it.
        frame::read_topic(self.body).and_then(|(topic, _)| std::str::from_utf8(topic).ok()).unwrap_or_default()
    }

    /// The topic as a dead letter shows it: one that was refused may be no text, and as long as a message.
    fn shown(&self) -> Arc<str> {
        let topic = frame::read_topic(self.body).map_or(&[][..], |(topic, _)| topic);
        let start = topic.get(..MAX_SHOWN_TOPIC).unwrap_or(topic);
        Arc::from(String::from_utf8_lossy(start))
    }

    fn message(&self) -> &'a [u8] {
        frame::read_topic(self.body).map_or(&[][..], |(_, message)| message)
    }

    fn to(&self, target: Address) -> Incoming<'a> {
        let (sender, payload) = (self.publisher, self.message());
        Incoming { target, sender, incarnation: 0, corr: 0, payload, wants: Wants::Nothing }
    }
}

/// Whether a member of a queue group can take a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Fits,
    Full,
    /// It is gone, goes down, or waits for its next life.
    Unusable,
}

impl Shard {
    /// An actor publishes.
    #[cold]
    pub(super) fn publish(&mut self, shared: &Shared, local: u32, frame: &Frame<'_>) {
        let publisher = self.address_of(local);
        let Some((topic, message)) = frame::read_topic(frame.payload) else { return };
        let retain = frame.flags & frame::FLAG_RETAIN != 0;
        match shared.hub.route(topic, publisher, message, retain) {
            Ok(route) => self.spread(shared, &Copy { publisher, flags: 0, body: frame.payload }, &route),
            Err(error) => {
                self.take_unpublished(shared, publisher, frame.payload);
                self.refuse_effect(shared, local, frame, AskError::TopicInvalid, error.to_string());
            }
        }
    }

    fn spread(&mut self, shared: &Shared, copy: &Copy<'_>, route: &Route) {
        if route.is_empty() {
            shared.hub.count_unheard();
            if shared.hub.unheard_letters {
                self.lose(shared, copy, LossReason::NoSubscriber);
            }
            return;
        }
        for (shard, targets) in route.shards.iter().enumerate().filter(|(_, targets)| !targets.is_empty()) {
            if shard as u32 == self.index {
                for target in targets {
                    self.deliver_topic(shared, copy, *target);
                }
            } else {
                let payload = routed::write(targets, false, copy.body);
                self.pass_on(shared, shard as u32, record::kind::PUBLISHED, copy, &payload, None);
            }
        }
        for (port, tags) in &route.ports {
            self.publish_to_port(shared, *port, copy, tags);
        }
        for group in &route.groups {
            self.try_members(shared, copy, &routed::in_turn(group, shared.random()), false, None);
        }
    }

    /// Sends a published message on to another shard; loses it where too much waits there.
    fn pass_on(
        &mut self,
        shared: &Shared,
        shard: u32,
        kind: u16,
        copy: &Copy<'_>,
        payload: &[u8],
        waiter: Option<Waiter>,
    ) {
        let at = shard as usize;
        let (Some(outbox), Some(waiting)) = (self.outboxes.get_mut(at), self.waiting_at.get_mut(at)) else { return };
        let own = outbox.records.len() + payload.len();
        if own + *waiting > MAX_PUBLISHED_BYTES {
            // It may have been taken meanwhile.
            *waiting = shared.waiting(shard);
            if own + *waiting > MAX_PUBLISHED_BYTES {
                self.lose(shared, copy, LossReason::MailboxFull);
                return self.confirm(shared, waiter, 0);
            }
        }
        published(shard, kind, (copy.publisher, payload), waiter).write_to(&mut outbox.records);
    }

    /// A published message for subscribers on this shard, or for one of a group.
    #[cold]
    pub(super) fn take_published(&mut self, shared: &Shared, record: &Record<'_>) {
        let Frame { kind, flags, corr, address: publisher, payload } = record.frame;
        let Some(routed) = Routed::read(payload) else { return };
        let confirm = flags & record::FLAG_CONFIRM != 0;
        let waiter = confirm.then_some(Waiter { port: record.target.tag as u32, slot: corr });
        let copy = Copy { publisher, flags: 0, body: routed.body };
        if kind == record::kind::GROUPED {
            let members: Vec<Target> = routed.targets().collect();
            return self.try_members(shared, &copy, &members, routed.full, waiter);
        }
        let mut accepted = 0;
        for target in routed.targets() {
            accepted += u32::from(self.deliver_topic(shared, &copy, target));
        }
        self.confirm(shared, waiter, accepted);
    }

    /// Counts and records a message whose topic was refused: nobody was asked whether they want it.
    pub(super) fn take_unpublished(&mut self, shared: &Shared, publisher: Address, body: &[u8]) {
        self.lose(shared, &Copy { publisher, flags: 0, body }, LossReason::TopicRefused);
    }

    /// Puts a published message into one subscriber's mailbox; false when it does not take it.
    pub(super) fn deliver_topic(&mut self, shared: &Shared, copy: &Copy<'_>, target: Target) -> bool {
        let Some((local, cell)) = self.resolve(target.address).filter(|(_, cell)| cell.accepts()) else {
            self.refuse_dead(shared, &copy.to(target.address));
            return false;
        };
        // A subscription that has ended meanwhile gets nothing more (`TOP-7`).
        let Some(tag) = cell.subscription(target.tag) else { return false };
        let Some(limits) = cell.spec.as_deref().map(|spec| spec.mailbox) else { return false };
        if copy.message().len() > limits.max_payload as usize {
            self.refuse(shared, &copy.to(target.address), LossReason::TooLarge);
            return false;
        }
        let bytes = frame::HEADER_BYTES + frame::padded(copy.body.len());
        let fits = !cell.backlog && cell.has_room(bytes);
        if !fits && (limits.overflow != Overflow::DropOldest || !self.make_room(shared, local, bytes)) {
            self.refuse(shared, &copy.to(target.address), LossReason::MailboxFull);
            #[cfg(troupe_planted)]
            return crate::planted::is(crate::planted::Bug::RefusedCounted);
            #[cfg(not(troupe_planted))]
            return false;
        }
        self.accept_topic(shared, copy, local, tag);
        true
    }

    fn accept_topic(&mut self, shared: &Shared, copy: &Copy<'_>, local: u32, tag: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Copy { publisher, flags, body } = *copy;
        let frame = Frame { kind: frame::kind::TOPIC, flags, corr: tag, address: publisher, payload: body };
        cell.mailbox.push(&frame, &mut self.pool);
        cell.accepted += 1;
        self.counters.accepted += 1;
        if cell.status() == Status::Creating {
            self.begin_start(shared, local);
        }
        if self.observes_water {
            self.look_at_water(shared, local);
        }
        self.schedule(local);
    }

    /// Gives a message to the first member of a queue group that can take it (`QG-1`); those on other
    /// shards are tried there.
    fn try_members(
        &mut self,
        shared: &Shared,
        copy: &Copy<'_>,
        members: &[Target],
        full: bool,
        waiter: Option<Waiter>,
    ) {
        let mut full = full;
        for (at, member) in members.iter().enumerate() {
            let owner = self.owner(member.address.index);
            let fit = match member.address.port() {
                Some(port) if self.publish_to_port(shared, port, copy, &[member.tag]) => {
                    return self.confirm(shared, waiter, 1);
                }
                Some(_) => Fit::Full,
                None if owner != self.index => {
                    let rest = members.get(at..).unwrap_or_default();
                    let payload = routed::write(rest, full, copy.body);
                    return self.pass_on(shared, owner, record::kind::GROUPED, copy, &payload, waiter);
                }
                None => self.fit(copy, *member),
            };
            if fit == Fit::Fits {
                let accepted = self.deliver_topic(shared, copy, *member);
                #[cfg(troupe_planted)]
                if crate::planted::is(crate::planted::Bug::GroupGetsAll) {
                    members.iter().skip(at + 1).for_each(|other| drop(self.deliver_topic(shared, copy, *other)));
                }
                return self.confirm(shared, waiter, u32::from(accepted));
            }
            full |= fit == Fit::Full;
        }
        self.lose(shared, copy, if full { LossReason::MailboxFull } else { LossReason::NoSubscriber });
        self.confirm(shared, waiter, 0);
    }

    fn fit(&mut self, copy: &Copy<'_>, member: Target) -> Fit {
        let usable = |cell: &Cell| cell.accepts() && cell.status() != Status::Restarting;
        let Some((_, cell)) = self.resolve(member.address).filter(|(_, cell)| usable(cell)) else {
            return Fit::Unusable;
        };
        if cell.subscription(member.tag).is_none() {
            return Fit::Unusable;
        }
        let bytes = frame::HEADER_BYTES + frame::padded(copy.body.len());
        if cell.backlog || !cell.has_room(bytes) { Fit::Full } else { Fit::Fits }
    }

    /// Counts and records a message that nobody takes; its target is the topic.
    fn lose(&mut self, shared: &Shared, copy: &Copy<'_>, reason: LossReason) {
        self.counters.refuse(reason);
        let (sender, path, message) = (copy.publisher, copy.shown(), copy.message());
        let (bytes, payload, target) = (message.len(), captured(shared, message), Address::NONE);
        self.bury(shared, None, Loss { sender, target, path, reason, bytes, payload, first_drop: false });
    }

    /// Hands a message to an environment, behind everything that waits for it here.
    fn publish_to_port(&mut self, shared: &Shared, port: u32, copy: &Copy<'_>, tags: &[u32]) -> bool {
        let Some(handle) = shared.port(port) else { return false };
        if let Some(buffer) = self.completions.get_mut(port as usize)
            && !buffer.is_empty()
        {
            handle.deliver(buffer);
            buffer.clear();
        }
        let (topic, message) = (copy.topic(), copy.message());
        handle.publish(&TopicMessage { publisher: copy.publisher, topic, tags, message, retained: false })
    }

    /// Tells a publisher that waits how many copies were accepted, once all shards have said it.
    fn confirm(&mut self, shared: &Shared, waiter: Option<Waiter>, accepted: u32) {
        if let Some(waiter) = waiter
            && let Some(count) = shared.hub.confirm(waiter, accepted)
            && let Some(buffer) = self.completions_of(waiter.port)
        {
            write_completion(buffer, waiter.slot, 0, &count.to_le_bytes());
        }
    }
}

/// The record that carries a published message to a shard.
pub(crate) fn published<'a>(
    shard: u32,
    kind: u16,
    (publisher, payload): (Address, &'a [u8]),
    waiter: Option<Waiter>,
) -> Record<'a> {
    let (flags, port, corr) = waiter.map_or((0, 0, 0), |waiter| (record::FLAG_CONFIRM, waiter.port, waiter.slot));
    let frame = Frame { kind, flags, corr, address: publisher, payload };
    Record { target: Address { index: shard, tag: u64::from(port) }, word: 0, frame }
}
