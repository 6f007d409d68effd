//! Topics: who is subscribed to what, and whom a message reaches (`TOP-4`, `TOP-6`, `TOP-7`, `QG-1`).
//!
//! The model matches patterns in its own, simplest way. What becomes of a copy is in `copies.rs`.

use troupe_actor::id::Address;
use troupe_actor::port::TopicMessage;
use troupe_actor::topics::SubscriptionSpec;

use super::copies::Copy;
use super::messages::Payload;
use super::{Deed, Kind, Model, Party, State};
use crate::random::Random;

/// Topics of a run.
pub const TOPICS: [&str; 6] = ["a", "a.b", "a.c", "a.b.c", "b", "b.c"];
/// Patterns of a run.
pub const PATTERNS: [&str; 9] = ["a", "a.b", "a.*", "a.#", "a.>", "#", "*.c", "b", "b.#"];
/// Queue groups of a run.
pub const GROUPS: [&str; 2] = ["g", "h"];

/// A subscription that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// To which topics.
    pub pattern: &'static str,
    /// In which queue group.
    pub group: Option<&'static str>,
    /// One copy is enough for all of the subscriber's subscriptions that say so.
    pub once: bool,
}

impl Wanted {
    /// A subscription that chance wants.
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        Self {
            pattern: random.pick(&PATTERNS),
            group: random.permille(250).then(|| random.pick(&GROUPS)),
            once: random.permille(250),
        }
    }

    /// As the kernel has it.
    #[must_use]
    pub fn spec(&self) -> SubscriptionSpec {
        SubscriptionSpec { pattern: self.pattern.into(), group: self.group.map(Into::into), once: self.once }
    }
}

/// What an actor does about topics, in the order in which it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicDeed {
    /// It publishes this.
    Publish(usize),
    /// It subscribes under this tag.
    Subscribe(u32, Wanted),
    /// It takes the subscription with this tag back.
    Unsubscribe(u32),
}

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// Whose.
    pub owner: Party,
    /// Its number, which no other one of its owner ever has.
    pub number: u32,
    /// The owner's own number for it.
    pub tag: u32,
    /// To what.
    pub wanted: Wanted,
}

/// What was published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The topic.
    pub topic: &'static str,
    /// It is kept as the last one of its topic.
    pub retain: bool,
    /// Its copies, as messages.
    pub copies: Vec<usize>,
    /// Copies that were accepted.
    pub accepted: u32,
    /// Those of them that may have been refused.
    pub unsure: u32,
    /// Dead letters about copies that nobody can tell apart.
    pub lost: u32,
}

/// What is known of topics.
#[derive(Debug, Default)]
pub struct Board {
    /// All subscriptions, the oldest first.
    pub subscriptions: Vec<Subscribed>,
    /// The last message of each topic that was to be kept.
    kept: Vec<(&'static str, usize)>,
    /// Copies that environments are to be given in this step: which, of what, under which tags, whether it was kept.
    owed: Vec<(u32, usize, Vec<u32>, bool)>,
    /// Messages that nobody was subscribed to.
    pub unheard: u64,
    /// Those are dead letters.
    pub letters: bool,
}

impl Board {
    /// Nobody is subscribed; what nobody hears is a dead letter if `letters` says so.
    #[must_use]
    pub fn new(letters: bool) -> Self {
        Self { letters, ..Self::default() }
    }
}

/// Whether a pattern matches a topic (`TOP-1`, `TOP-4`).
#[must_use]
pub fn matches(pattern: &str, topic: &str) -> bool {
    let (mut pattern, mut topic) = (pattern.split('.'), topic.split('.'));
    loop {
        match (pattern.next(), topic.next()) {
            (Some("#"), _) | (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

impl Model {
    /// A new message for a topic; the payload says which one it is.
    pub fn publication(&mut self, from: Party, topic: &'static str, retain: bool, hops: u32) -> (usize, Vec<u8>) {
        let incarnation = if let Party::Actor(key) = from { self.actors[key].incarnation } else { 0 };
        let (id, payload) = self.message(from, incarnation, Address::NONE, Kind::Publication, hops);
        let publication = Publication { topic, retain, copies: Vec::new(), accepted: 0, unsure: 0, lost: 0 };
        self.publications.insert(id, publication);
        (id, payload)
    }

    /// The turn that wanted this succeeded: it happens now, in order.
    pub(super) fn commit_topics(&mut self, key: usize, deed: &Deed) {
        for deed in &deed.topics {
            match *deed {
                TopicDeed::Publish(id) => self.publish(id),
                TopicDeed::Subscribe(tag, wanted) => self.subscribe(key, Some(tag), wanted),
                TopicDeed::Unsubscribe(tag) => self.unsubscribe(key, tag),
            }
        }
    }

    /// The turn that wanted this crashed.
    pub(super) fn void_topics(&mut self, deed: &Deed) {
        for deed in &deed.topics {
            if let TopicDeed::Publish(id) = deed {
                self.messages[*id].state = State::Void;
            }
        }
    }

    /// Something is published: who gets a copy is fixed now.
    pub fn publish(&mut self, id: usize) {
        self.messages[id].state = State::Published;
        let Some(Publication { topic, retain, .. }) = self.publications.get(&id).cloned() else { return };
        if retain {
            self.board.kept.retain(|(kept, _)| *kept != topic);
            self.board.kept.push((topic, id));
        }
        let mut found = self.board.subscriptions.clone();
        found.retain(|entry| matches(entry.wanted.pattern, topic));
        let mut served = Vec::new();
        found.retain(|Subscribed { owner, wanted, .. }| {
            let again = wanted.once && served.contains(&(*owner, wanted.group));
            served.extend(wanted.once.then_some((*owner, wanted.group)));
            !again
        });
        self.note(|| format!("m{id} is published on {topic}, kept: {retain}, for {found:?}"));
        if found.is_empty() {
            self.board.unheard += 1;
            if self.board.letters {
                self.copy(id, None, Copy::of_group(id, Vec::new()));
            }
            return;
        }
        let (grouped, single): (Vec<_>, Vec<_>) = found.into_iter().partition(|entry| entry.wanted.group.is_some());
        for entry in &single {
            if let Party::Actor(key) = entry.owner {
                self.copy(id, Some(key), Copy::new(id, entry.number, entry.tag, false));
            }
        }
        for port in 0..=super::copies::MAX_PORT {
            let owner = Party::Port(port);
            let of_port = single.iter().filter(|entry| entry.owner == owner).map(|entry| entry.tag);
            let tags: Vec<u32> = of_port.collect();
            if !tags.is_empty() {
                self.board.owed.push((port, id, tags, false));
            }
        }
        for group in GROUPS {
            let members: Vec<_> = grouped.iter().filter(|entry| entry.wanted.group == Some(group)).copied().collect();
            if !members.is_empty() {
                self.copy(id, None, Copy::of_group(id, members));
            }
        }
    }

    /// An actor subscribes; without a tag, somebody else does that for it.
    pub fn subscribe(&mut self, key: usize, tag: Option<u32>, wanted: Wanted) {
        let owner = Party::Actor(key);
        let like = |entry: &Subscribed| {
            (entry.wanted.pattern, entry.wanted.group) == (wanted.pattern, wanted.group) && entry.owner == owner
        };
        let known = self.board.subscriptions.iter().copied().find(|entry| match tag {
            Some(tag) => entry.owner == owner && entry.tag == tag,
            None => entry.tag >= troupe_actor::frame::OUTSIDE_TAG && like(entry),
        });
        let last = &mut self.actors[key].subscribed;
        let (number, tag, ends) = match known {
            Some(entry) if like(&entry) => (entry.number, entry.tag, None),
            Some(entry) => (*last + 1, entry.tag, Some(entry)),
            None => (*last + 1, tag.unwrap_or(troupe_actor::frame::OUTSIDE_TAG | (*last + 1)), None),
        };
        *last = number.max(*last);
        self.note(|| format!("#{key} subscribes to {wanted:?}, number {number}, tag {tag}"));
        self.board.subscriptions.retain(|entry| (entry.owner, entry.number) != (owner, number));
        self.board.subscriptions.push(Subscribed { owner, number, tag, wanted });
        // The one that it takes over from is none of the owner's others.
        if let Some(ended) = ends {
            self.ends_subscription(key, ended);
        }
        for id in self.kept_for(owner, number, wanted) {
            self.copy(id, Some(key), Copy::new(id, number, tag, true));
        }
    }

    /// The last messages that a new subscription is to be given.
    fn kept_for(&self, owner: Party, number: u32, wanted: Wanted) -> Vec<usize> {
        if wanted.group.is_some() {
            return Vec::new();
        }
        let has_it = |topic: &str| {
            wanted.once
                && self.board.subscriptions.iter().any(|entry| {
                    let other = entry.owner == owner && entry.number != number;
                    other && entry.wanted.once && entry.wanted.group.is_none() && matches(entry.wanted.pattern, topic)
                })
        };
        let mut kept: Vec<_> = self.board.kept.iter().filter(|(topic, _)| matches(wanted.pattern, topic)).collect();
        kept.sort_unstable();
        kept.into_iter().filter(|(topic, _)| !has_it(topic)).map(|(_, id)| *id).collect()
    }

    /// An actor takes a subscription back.
    pub fn unsubscribe(&mut self, key: usize, tag: u32) {
        let owner = Party::Actor(key);
        let found = self.board.subscriptions.iter().position(|entry| entry.owner == owner && entry.tag == tag);
        if let Some(at) = found {
            let ended = self.board.subscriptions.remove(at);
            self.ends_subscription(key, ended);
        }
    }

    /// Somebody takes the subscriptions of an actor to a pattern back that it did not make itself; whether
    /// there are any.
    pub fn unsubscribe_outside(&mut self, key: usize, pattern: &str) -> bool {
        let outside = |entry: &&Subscribed| {
            let own = entry.owner == Party::Actor(key) && entry.wanted.pattern == pattern;
            own && entry.tag >= troupe_actor::frame::OUTSIDE_TAG
        };
        let tags: Vec<u32> = self.board.subscriptions.iter().filter(outside).map(|entry| entry.tag).collect();
        tags.iter().for_each(|tag| self.unsubscribe(key, *tag));
        !tags.is_empty()
    }

    fn ends_subscription(&mut self, key: usize, ended: Subscribed) {
        self.note(|| format!("#{key} is subscribed no longer: {ended:?}"));
        self.board.subscriptions.retain(|entry| (entry.owner, entry.number) != (ended.owner, ended.number));
        self.drop_copies(key, ended.number);
    }

    /// The actor has ended, and its subscriptions with it (`TOP-9`).
    pub(super) fn forget_subscriptions(&mut self, key: usize) {
        self.board.subscriptions.retain(|entry| entry.owner != Party::Actor(key));
    }

    /// An environment subscribes under a tag.
    pub fn subscribe_port(&mut self, port: u32, tag: u32, wanted: Wanted) {
        let owner = Party::Port(port);
        self.note(|| format!("port {port} subscribes to {wanted:?}, tag {tag}"));
        self.board.subscriptions.retain(|entry| (entry.owner, entry.tag) != (owner, tag));
        self.board.subscriptions.push(Subscribed { owner, number: tag, tag, wanted });
        for id in self.kept_for(owner, tag, wanted) {
            self.board.owed.push((port, id, vec![tag], true));
        }
    }

    /// An environment takes a subscription back; whether there was one.
    pub fn unsubscribe_port(&mut self, port: u32, tag: u32) -> bool {
        let before = self.board.subscriptions.len();
        self.board.subscriptions.retain(|entry| (entry.owner, entry.tag) != (Party::Port(port), tag));
        before != self.board.subscriptions.len()
    }

    /// An environment is given a published message; whether it takes it.
    pub fn published_to(&mut self, port: u32, message: &TopicMessage<'_>) -> bool {
        let TopicMessage { topic, tags, retained, .. } = *message;
        let takes = !self.random.permille(100);
        let Some(id) = Payload::read(message.message).map(|payload| payload.id) else {
            self.fail("DLV-4", format!("port {port} is given a message on {topic} that nobody published"));
            return takes;
        };
        let right = self.publications.get(&id).is_some_and(|publication| publication.topic == topic);
        self.require(right, "DLV-4", || format!("port {port} is given m{id} on {topic}"));
        let due =
            |owed: &(u32, usize, Vec<u32>, bool)| (owed.0, owed.1, owed.3) == (port, id, retained) && owed.2 == tags;
        if let Some(at) = self.board.owed.iter().position(due) {
            self.board.owed.remove(at);
            if let Some(publication) = self.publications.get_mut(&id).filter(|_| takes && !retained) {
                publication.accepted += 1;
            }
            return takes;
        }
        self.member_takes(port, id, tags, takes);
        takes
    }

    /// A step is over: environments have what they are subscribed to.
    pub(super) fn check_topics(&mut self) {
        let owed = std::mem::take(&mut self.board.owed);
        self.require(owed.is_empty(), "TOP-7", || format!("environments were not given {owed:?}"));
        self.settle_copies();
    }

    /// Compares the books of whoever matches topics with the model's (`TOP-9`).
    pub fn check_board(&mut self, held: usize, unheard: u64) {
        let mine = self.board.subscriptions.len();
        self.require(held == mine, "TOP-9", || format!("{held} subscriptions are held, expected {mine}"));
        let expected = self.board.unheard;
        self.require(unheard == expected, "DL-4", || {
            format!("{unheard} messages count as unheard, {expected} had no subscriber")
        });
    }
}
