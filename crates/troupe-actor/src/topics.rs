//! The seam to topics: whom a published message reaches. The kernel delivers, and knows neither the
//! grammar of topics nor how patterns are matched; a [`Topics`] that a system is made with does.
//!
//! A publish is routed on the publisher's thread at the moment it is published, so the set of
//! subscriptions is read at one moment.

use std::fmt;
use std::sync::Arc;

use crate::id::Address;

/// One subscription of an actor or a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Who gets the messages.
    pub owner: Address,
    /// The owner's own number for this subscription; it comes back with every message.
    pub tag: u32,
    /// Whether one message makes one copy for all of the owner's subscriptions that ask for this.
    pub once: bool,
    /// The queue group: of all its members that match, one gets the message.
    pub group: Option<Arc<str>>,
}

/// A subscription that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSpec {
    /// Which topics.
    pub pattern: Arc<str>,
    /// The queue group.
    pub group: Option<Arc<str>>,
    /// As [`Subscription::once`].
    pub once: bool,
}

/// What became of an actor's subscriptions that were taken back from outside. From then on no message of
/// them begins to be handled; a turn that a thread runs goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsubscribed {
    /// There was none.
    Nothing,
    /// They have ended.
    Done,
    /// They have ended, and the actor's environment has a turn with messages of them: it drops those that it
    /// has not begun, with a [`DISCARD`](crate::frame::effect::DISCARD) effect for each.
    InHand {
        /// The turn, by its number.
        job: u32,
        /// The tags of the subscriptions that it has messages of.
        tags: Vec<u32>,
    },
}

/// Where one subscription's copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The subscription's owner.
    pub address: Address,
    /// The owner's number of the subscription.
    pub tag: u32,
}

/// Everybody who gets what is published on one topic, as subscriptions stood at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Actors by shard (`address.index % shards`), in the order of their subscriptions.
    pub shards: Box<[Box<[Target]>]>,
    /// Ports, each with the tags of all its matching subscriptions: one crossing per environment.
    pub ports: Box<[(u32, Box<[u32]>)]>,
    /// Queue groups, one delivery each; members are actors or ports.
    pub groups: Box<[Box<[Target]>]>,
}

impl Route {
    /// Whether nobody gets what is published here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.groups.is_empty() && self.shards.iter().all(|targets| targets.is_empty())
    }
}

/// Why a topic, a pattern or a retained value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The topic or pattern breaks a rule.
    #[error("the topic '{topic}' is not allowed: {rule} (byte {at})")]
    Invalid {
        /// What was given, shortened and escaped so that it can be shown.
        topic: String,
        /// Where, in bytes from the start.
        at: usize,
        /// The rule, as a sentence that quotes what breaks it.
        rule: String,
    },
    /// The name of a queue group breaks a rule.
    #[error("the queue group '{group}' is not allowed: {rule}")]
    GroupInvalid {
        /// What was given, shortened and escaped so that it can be shown.
        group: String,
        /// The rule, as a sentence.
        rule: String,
    },
    /// The system keeps as many last values, or as many bytes of them, as it may.
    #[error("no last value is kept for the topic '{topic}': {bound}")]
    RetainedFull {
        /// The topic.
        topic: String,
        /// The bound, as a sentence.
        bound: String,
    },
    /// The system has as many subscriptions as it can hold.
    #[error("the subscription to '{topic}' is refused: the system holds at most {limit} subscriptions")]
    SubscriptionsFull {
        /// The pattern.
        topic: String,
        /// How many.
        limit: usize,
    },
    /// The actor has as many subscriptions as it can hold.
    #[error("the subscription to '{topic}' is refused: an actor has at most {limit} subscriptions")]
    ActorFull {
        /// The pattern.
        topic: String,
        /// How many.
        limit: usize,
    },
    /// The subscription's tag is none that an actor may choose.
    #[error("the subscription to '{topic}' is refused: the tag {tag} is not below 2147483648")]
    TagTaken {
        /// The pattern.
        topic: String,
        /// The tag.
        tag: u32,
    },
    /// The system was made without topics.
    #[error("this system has no topics")]
    Unavailable,
}

/// Who is subscribed to what. Called from every thread that publishes.
pub trait Topics: Send + Sync {
    /// Who gets what is published on this topic.
    ///
    /// # Errors
    /// The rule that the topic breaks.
    fn route(&self, topic: &str) -> Result<Arc<Route>, TopicError>;

    /// The routes of these topics, as bytes, are asked for next. Changes nothing; whoever finds a route in cold memory may
    /// fetch what lies there for all of them at once.
    fn expect(&self, topics: &[&[u8]]) {
        let _ = topics;
    }

    /// Adds or replaces the owner's subscription with this tag. `retained` is called with every kept
    /// last value that matches (topic, publisher, payload), atomically with the addition; it must not
    /// call back.
    ///
    /// # Errors
    /// The rule that the pattern breaks; what the owner had with this tag stays.
    fn subscribe(
        &self,
        pattern: &str,
        subscription: Subscription,
        retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError> {
        self.replace(subscription.tag, pattern, subscription, retained)
    }

    /// As [`Topics::subscribe`], in place of the owner's subscription `replaced`, in one step: no message comes
    /// between the two, and what the other one had been given is given again, even to one that asks for one copy.
    ///
    /// # Errors
    /// The rule that the pattern breaks; what was to be replaced stays.
    fn replace(
        &self,
        replaced: u32,
        pattern: &str,
        subscription: Subscription,
        retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError>;

    /// Ends one subscription; says whether there was one. No later route has it.
    fn unsubscribe(&self, owner: Address, tag: u32) -> bool;

    /// An actor ended or a port is gone: everything of it goes.
    fn forget(&self, owner: Address);

    /// Keeps `payload` as the last value of the topic and returns the route, in one step: a
    /// subscription that comes at the same time gets it exactly once. An empty payload forgets it.
    ///
    /// # Errors
    /// The rule that the topic breaks, or the bound that is reached: nothing is kept then, and what
    /// was kept stays.
    fn retain(&self, topic: &str, publisher: Address, payload: &[u8]) -> Result<Arc<Route>, TopicError>;
}

impl fmt::Debug for dyn Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topics")
    }
}

/// No topics: everything about them is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTopics;

impl Topics for NoTopics {
    fn route(&self, _topic: &str) -> Result<Arc<Route>, TopicError> {
        Err(TopicError::Unavailable)
    }

    fn replace(
        &self,
        _replaced: u32,
        _pattern: &str,
        _subscription: Subscription,
        _retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError> {
        Err(TopicError::Unavailable)
    }

    fn unsubscribe(&self, _owner: Address, _tag: u32) -> bool {
        false
    }

    fn forget(&self, _owner: Address) {}

    fn retain(&self, _topic: &str, _publisher: Address, _payload: &[u8]) -> Result<Arc<Route>, TopicError> {
        Err(TopicError::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::{NoTopics, Route, Subscription, Target, TopicError, Topics};
    use crate::id::Address;

    #[test]
    fn a_system_without_topics_refuses_instead_of_losing() {
        let owner = Address { index: 1, tag: 1 };
        let subscription = Subscription { owner, tag: 0, once: false, group: None };
        assert_eq!(NoTopics.route("a"), Err(TopicError::Unavailable));
        assert_eq!(NoTopics.retain("a", owner, b"1"), Err(TopicError::Unavailable));
        assert_eq!(NoTopics.subscribe("a", subscription.clone(), &mut |_, _, _| {}), Err(TopicError::Unavailable));
        assert_eq!(NoTopics.replace(1, "a", subscription, &mut |_, _, _| {}), Err(TopicError::Unavailable));
        assert!(!NoTopics.unsubscribe(owner, 0));
        NoTopics.forget(owner);
    }

    #[test]
    fn a_route_with_empty_shards_only_is_empty() {
        let target = Target { address: Address { index: 1, tag: 1 }, tag: 0 };
        let mut route = Route { shards: Box::new([Box::default(), Box::default()]), ..Route::default() };
        assert!(route.is_empty());
        route.groups = Box::new([Box::new([target])]);
        assert!(!route.is_empty());
    }
}
