//! Topics as a test can check them at a glance: a list of subscriptions, and a matcher that splits both
//! sides. And what a world can do with them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use troupe_actor::frame::{self, Frame};
use troupe_actor::id::Address;
use troupe_actor::record::{self, FLAG_CONFIRM, Record};
use troupe_actor::topics::{Route, Subscription, SubscriptionSpec, Target, TopicError, Topics};

use super::World;

#[derive(Default)]
struct State {
    subscriptions: Vec<(String, Subscription)>,
    kept: BTreeMap<String, (Address, Vec<u8>)>,
    /// Topics that are to be asked for next, in this order.
    expected: VecDeque<Vec<u8>>,
}

/// Topics in the simplest way.
pub struct NaiveTopics {
    shards: usize,
    state: Mutex<State>,
}

fn matches(pattern: &str, topic: &str) -> bool {
    let (mut want, mut have) = (pattern.split('.'), topic.split('.'));
    loop {
        match (want.next(), have.next()) {
            (Some("#"), _) | (Some(">"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

fn check(topic: &str) -> Result<(), TopicError> {
    if topic.split('.').all(|token| !token.is_empty()) {
        return Ok(());
    }
    Err(TopicError::Invalid { topic: topic.to_owned(), at: 0, rule: "it has an empty token".to_owned() })
}

impl NaiveTopics {
    pub fn new(shards: u32) -> Self {
        Self { shards: shards as usize, state: Mutex::default() }
    }

    fn is_asked_for(&self, topic: &str) {
        let next = self.state.lock().expected.pop_front();
        assert!(next.as_deref().is_none_or(|next| next == topic.as_bytes()), "{topic} came before {next:?}");
    }

    fn find(&self, state: &State, topic: &str) -> Arc<Route> {
        let mut shards = vec![Vec::new(); self.shards];
        let (mut ports, mut groups) = (BTreeMap::<u32, Vec<u32>>::new(), BTreeMap::<_, Vec<Target>>::new());
        let mut seen = Vec::new();
        for (_, subscription) in state.subscriptions.iter().filter(|(pattern, _)| matches(pattern, topic)) {
            let Subscription { owner, tag, once, group } = subscription.clone();
            let target = Target { address: owner, tag };
            if let Some(group) = group {
                groups.entry(group).or_default().push(target);
                continue;
            }
            if once && seen.contains(&owner) {
                continue;
            }
            if once {
                seen.push(owner);
            }
            match owner.port() {
                Some(port) => ports.entry(port).or_default().push(tag),
                None => shards[owner.index as usize % self.shards].push(target),
            }
        }
        Arc::new(Route {
            shards: shards.into_iter().map(Vec::into_boxed_slice).collect(),
            ports: ports.into_iter().map(|(port, tags)| (port, tags.into_boxed_slice())).collect(),
            groups: groups.into_values().map(Vec::into_boxed_slice).collect(),
        })
    }
}

impl Topics for NaiveTopics {
    fn route(&self, topic: &str) -> Result<Arc<Route>, TopicError> {
        self.is_asked_for(topic);
        check(topic)?;
        Ok(self.find(&self.state.lock(), topic))
    }

    fn expect(&self, topics: &[&[u8]]) {
        let mut state = self.state.lock();
        assert!(topics.len() > 1 && state.expected.is_empty(), "{topics:?} before {:?}", state.expected);
        state.expected.extend(topics.iter().map(|topic| topic.to_vec()));
    }

    fn replace(
        &self,
        replaced: u32,
        pattern: &str,
        subscription: Subscription,
        retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError> {
        check(pattern)?;
        let mut state = self.state.lock();
        let owner = subscription.owner;
        state.subscriptions.retain(|(_, known)| (known.owner, known.tag) != (owner, replaced));
        state.subscriptions.push((pattern.to_owned(), subscription));
        let (new, others) = state.subscriptions.split_last().unwrap();
        let known: Vec<_> =
            others.iter().filter(|(_, other)| new.1.once && other.once && other.owner == owner).collect();
        let is_new = |topic: &str| matches(pattern, topic) && !known.iter().any(|(other, _)| matches(other, topic));
        for (topic, (publisher, message)) in state.kept.iter().filter(|(topic, _)| is_new(topic)) {
            retained(topic, *publisher, message);
        }
        Ok(())
    }

    fn unsubscribe(&self, owner: Address, tag: u32) -> bool {
        let mut state = self.state.lock();
        let before = state.subscriptions.len();
        state.subscriptions.retain(|(_, known)| (known.owner, known.tag) != (owner, tag));
        state.subscriptions.len() != before
    }

    fn forget(&self, owner: Address) {
        self.state.lock().subscriptions.retain(|(_, known)| known.owner != owner);
    }

    fn retain(&self, topic: &str, publisher: Address, payload: &[u8]) -> Result<Arc<Route>, TopicError> {
        self.is_asked_for(topic);
        check(topic)?;
        let mut state = self.state.lock();
        if state.kept.len() >= 10 {
            return Err(TopicError::RetainedFull { topic: topic.to_owned(), bound: "10 are kept".to_owned() });
        }
        if payload.is_empty() {
            state.kept.remove(topic);
        } else {
            state.kept.insert(topic.to_owned(), (publisher, payload.to_vec()));
        }
        Ok(self.find(&state, topic))
    }
}

/// A published message as a handler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub topic: String,
    pub text: String,
    pub retained: bool,
}

impl Topic {
    pub fn read(frame: &Frame<'_>) -> Self {
        let (topic, message) = frame::read_topic(frame.payload).unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { topic: text(topic), text: text(message), retained: frame.flags & frame::FLAG_RETAIN != 0 }
    }
}

impl World {
    fn publish_record(&self, flags: u16, slot: u32, topic: &str, message: &[u8]) -> Vec<u8> {
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        frame::write_topic(&mut payload, topic, message);
        let frame = Frame { kind: record::kind::PUBLISH, flags, corr: slot, address: self.me, payload: &payload };
        Record { target: self.me, word: 0, frame }.write_to(&mut bytes);
        bytes
    }

    /// Publishes from the port.
    pub fn publish(&self, topic: &str, message: &str) {
        self.system.inject_published(&self.publish_record(0, 0, topic, message.as_bytes()), false);
    }

    /// Publishes from the port in one go.
    pub fn publish_all(&self, messages: &[(&str, &str)]) {
        let records = messages.iter().map(|(topic, message)| self.publish_record(0, 0, topic, message.as_bytes()));
        self.system.inject_published(&records.collect::<Vec<_>>().concat(), false);
    }

    /// Publishes from the port, and keeps it.
    pub fn retain(&self, topic: &str, message: &str) {
        self.system.inject_published(&self.publish_record(frame::FLAG_RETAIN, 0, topic, message.as_bytes()), false);
    }

    /// Publishes from the port and waits for the count.
    pub fn publish_confirmed(&self, topic: &str, message: &str) -> u32 {
        let slot = self.expect();
        self.system.inject_published(&self.publish_record(FLAG_CONFIRM, slot, topic, message.as_bytes()), false);
        slot
    }

    /// Subscribes the port.
    pub fn subscribe(&self, tag: u32, pattern: &str) {
        let spec = SubscriptionSpec::new(pattern);
        self.system.subscribe_port(self.me.port().unwrap(), tag, &spec).unwrap();
    }
}
