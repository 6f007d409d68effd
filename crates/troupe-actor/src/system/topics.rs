//! Topics from outside: environments publish and subscribe, for themselves and for actors.

use super::ActorSystem;
use crate::ask::AskError;
use crate::cell::Waiter;
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::port::{Port, TopicMessage, write_completion};
use crate::record::{self, Record};
use crate::routed;
use crate::shard::{MAX_PUBLISHED_BYTES, Outbox, published};
use crate::topics::{Route, Subscription, SubscriptionSpec, Target, TopicError, Unsubscribed};

/// How many messages to publish are looked at together: enough to wait for their memory at the same time.
const AHEAD: usize = 8;

/// Bytes of what is published at once up to which nobody looks at how much waits at its shard.
const UNSEEN_BYTES: usize = 64 << 10;

/// A message that an environment publishes.
struct Outgoing<'a> {
    publisher: Address,
    body: &'a [u8],
    topic: &'a str,
    message: &'a [u8],
    waiter: Option<Waiter>,
}

impl ActorSystem {
    /// As [`ActorSystem::inject`], for records some of which publish: those are routed here and now, in
    /// order with the others. With `here`, as [`ActorSystem::inject_here`].
    pub fn inject_published(&self, records: &[u8], here: bool) {
        let mut outboxes: Vec<Outbox> = self.shards.iter().map(|_| Outbox::default()).collect();
        let (mut at, mut expected) = (0, 0);
        while let Some(record) = record::read(records, at) {
            if at >= expected {
                expected = self.expect(records, at);
            }
            let end = at + record.encoded_len();
            let shard = record.target.index as usize % self.shards.len();
            if record.frame.kind == record::kind::PUBLISH {
                self.publish(&record, &mut outboxes);
            } else if self.shared.is_closing() {
                self.hand_over(&mut outboxes, false);
                self.inject_late(records.get(at..end).unwrap_or_default());
            } else if let (Some(outbox), Some(bytes)) = (outboxes.get_mut(shard), records.get(at..end)) {
                outbox.records.extend_from_slice(bytes);
            }
            at = end;
        }
        self.hand_over(&mut outboxes, here);
    }

    /// Tells the broker what is published from `at` on; where that ends.
    fn expect(&self, records: &[u8], mut at: usize) -> usize {
        let mut topics: [&[u8]; AHEAD] = Default::default();
        let mut count = 0;
        while let Some(slot) = topics.get_mut(count)
            && let Some(record) = record::read(records, at)
        {
            at += record.encoded_len();
            if record.frame.kind == record::kind::PUBLISH
                && let Some((topic, _)) = frame::read_topic(record.frame.payload)
            {
                *slot = topic;
                count += 1;
            }
        }
        // One alone waits as long as it does.
        if count > 1 {
            self.shared.hub.topics.expect(topics.get(..count).unwrap_or_default());
        }
        at
    }

    fn hand_over(&self, outboxes: &mut [Outbox], here: bool) {
        for (handle, outbox) in self.shards.iter().zip(outboxes) {
            if outbox.is_empty() {
                continue;
            }
            if here {
                self.serve_here(handle, &outbox.records);
                outbox.records.clear();
            } else {
                handle.gate.push(outbox);
            }
        }
    }

    fn publish(&self, record: &Record<'_>, outboxes: &mut [Outbox]) {
        let Frame { flags, corr: slot, address, payload: body, .. } = record.frame;
        let publisher = record.target;
        let waiting = if flags & record::FLAG_CONFIRM != 0 { address.port() } else { None };
        let waiter = waiting.map(|port| Waiter { port, slot });
        if self.shared.is_closing() && !publisher.is_actors() {
            return self.tell(waiter, |port, slot| {
                let mut bytes = Vec::new();
                write_completion(&mut bytes, slot, AskError::Shutdown as u32, &[]);
                port.deliver(&bytes);
            });
        }
        let Some((topic, message)) = frame::read_topic(body) else { return };
        let retain = flags & frame::FLAG_RETAIN != 0;
        let routed = self.shared.hub.route(topic, publisher, message, retain);
        let topic = std::str::from_utf8(topic).unwrap_or_default();
        let outgoing = Outgoing { publisher, body, topic, message, waiter };
        match routed {
            Ok(route) => self.spread(&outgoing, &route, outboxes),
            Err(error) => {
                // It is a dead letter whether somebody waits or not.
                self.tell(waiter, |port, slot| port.refused(slot, &error));
                send(outboxes, 0, record::kind::UNPUBLISHED, &Outgoing { waiter: None, ..outgoing }, body);
            }
        }
    }

    fn spread(&self, outgoing: &Outgoing<'_>, route: &Route, outboxes: &mut [Outbox]) {
        let (mut parts, mut accepted) = (0, 0);
        for (port, tags) in &route.ports {
            accepted += u32::from(self.publish_to(*port, outgoing, tags));
        }
        let mut records = Vec::new();
        for (shard, targets) in route.shards.iter().enumerate().filter(|(_, targets)| !targets.is_empty()) {
            records.push((shard, record::kind::PUBLISHED, routed::write(targets, false, outgoing.body)));
        }
        for group in &route.groups {
            match self.first_member(outgoing, &routed::in_turn(group, self.shared.random())) {
                None => accepted += 1,
                Some((shard, payload)) => records.push((shard, record::kind::GROUPED, payload)),
            }
        }
        if route.is_empty() {
            self.shared.hub.count_unheard();
            if self.shared.hub.unheard_letters {
                records.push((0, record::kind::GROUPED, routed::write(&[], false, outgoing.body)));
            }
        }
        parts += records.len() as u32;
        self.tell(outgoing.waiter, |port, slot| {
            let Some(Waiter { port: index, .. }) = outgoing.waiter else { return };
            self.shared.hub.open(port, Waiter { port: index, slot }, parts, accepted);
        });
        for (shard, kind, payload) in records {
            let queued = outboxes.get(shard).map_or(0, |outbox| outbox.records.len()) + payload.len();
            if queued > UNSEEN_BYTES && queued + self.shared.waiting(shard as u32) > MAX_PUBLISHED_BYTES {
                // Lost there, as one to a group whose members are full.
                send(outboxes, shard, record::kind::GROUPED, outgoing, &routed::write(&[], true, outgoing.body));
            } else {
                send(outboxes, shard, kind, outgoing, &payload);
            }
        }
    }

    /// Tries members of a queue group as far as they are ports; where the first actor is, and what it and
    /// those behind it are sent. `None`: a port took it.
    fn first_member(&self, outgoing: &Outgoing<'_>, members: &[Target]) -> Option<(usize, Vec<u8>)> {
        let (mut full, mut at) = (false, 0);
        while let Some(member) = members.get(at) {
            let Some(port) = member.address.port() else { break };
            if self.publish_to(port, outgoing, &[member.tag]) {
                return None;
            }
            full = true;
            at += 1;
        }
        let rest = members.get(at..).unwrap_or_default();
        let shard = rest.first().map_or(0, |member| member.address.index as usize % self.shards.len());
        Some((shard, routed::write(rest, full, outgoing.body)))
    }

    fn publish_to(&self, port: u32, outgoing: &Outgoing<'_>, tags: &[u32]) -> bool {
        let Outgoing { publisher, topic, message, .. } = *outgoing;
        let message = TopicMessage { publisher, topic, tags, message, retained: false };
        self.shared.port(port).is_some_and(|port| port.publish(&message))
    }

    fn tell(&self, waiter: Option<Waiter>, tell: impl FnOnce(&dyn Port, u32)) {
        if let Some(waiter) = waiter
            && let Some(port) = self.shared.port(waiter.port)
        {
            tell(&*port, waiter.slot);
        }
    }

    /// Subscribes an actor from outside; what it gets is handled as any message of it. False when it has ended.
    ///
    /// # Errors
    /// The pattern is not allowed, or there is no room for one more subscription.
    pub fn subscribe_actor(&self, address: Address, spec: &SubscriptionSpec) -> Result<bool, TopicError> {
        self.with_shard(address, |shard, shared| shard.subscribe_actor(shared, address, spec)).unwrap_or(Ok(false))
    }

    /// Takes the subscriptions of an actor to this pattern back that it did not make itself. Afterwards no
    /// message of them begins to be handled (`TOP-7`).
    pub fn unsubscribe_actor(&self, address: Address, pattern: &str) -> Unsubscribed {
        let ended = self.with_shard(address, |shard, shared| shard.unsubscribe_actor(shared, address, pattern));
        ended.unwrap_or(Unsubscribed::Nothing)
    }

    /// Subscribes an environment; it gets the kept messages that match before this returns.
    ///
    /// # Errors
    /// The pattern is not allowed, or there is no room for one more subscription.
    pub fn subscribe_port(&self, port: u32, tag: u32, spec: &SubscriptionSpec) -> Result<(), TopicError> {
        let Some(handle) = self.shared.port(port) else { return Ok(()) };
        let owner = Address { index: Address::PORT | port, tag: 0 };
        let subscription = Subscription { owner, tag, once: spec.once, group: spec.group.clone() };
        self.shared.hub.topics.subscribe(&spec.pattern, subscription, &mut |topic, publisher, message| {
            handle.publish(&TopicMessage { publisher, topic, tags: &[tag], message, retained: true });
        })
    }

    /// Takes an environment's subscription back. What was published before may still be on its way.
    pub fn unsubscribe_port(&self, port: u32, tag: u32) -> bool {
        self.shared.hub.topics.unsubscribe(Address { index: Address::PORT | port, tag: 0 }, tag)
    }
}

fn send(outboxes: &mut [Outbox], shard: usize, kind: u16, outgoing: &Outgoing<'_>, payload: &[u8]) {
    if let Some(outbox) = outboxes.get_mut(shard) {
        let record = published(shard as u32, kind, (outgoing.publisher, payload), outgoing.waiter);
        record.write_to(&mut outbox.records);
    }
}
