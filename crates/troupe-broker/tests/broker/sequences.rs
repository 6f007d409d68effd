//! Random sequences of everything that can be done, against the naive model after each step.

use std::collections::BTreeMap;

use troupe_actor::id::Address;
use troupe_actor::topics::{Subscription, TopicError, Topics};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::differential::{random_pattern, random_topic};
use crate::model::Model;
use crate::{Random, actor, port, seed, subscribe_for_values};

const SEQUENCES: usize = 40;
const STEPS: usize = 800;
const SHARDS: usize = 3;

/// Small, so that every bound is met.
const LIMITS: Limits = Limits {
    max_topic_bytes: 512,
    max_tokens: 32,
    allow_literal_wildcards: true,
    max_subscriptions: 60,
    cached_routes: 64,
    cached_targets: 400,
    retained_values: 12,
    retained_bytes: 300,
};

struct Run {
    broker: Broker,
    model: Model,
    random: Random,
    /// Few, so that what is kept for them is met again after changes.
    topics: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let topics = (0..20).map(|_| random_topic(&mut random)).collect();
        Self { broker: Broker::new(SHARDS, LIMITS), model: Model::default(), random, topics }
    }

    fn owner(&mut self) -> Address {
        let index = self.random.below(8) as u32;
        if self.random.below(4) == 0 { port(index % 3) } else { actor(index) }
    }

    fn pattern(&mut self) -> String {
        if self.random.below(3) == 0 {
            self.random.pick(&self.topics).clone()
        } else {
            random_pattern(&mut self.random)
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.subscribe(),
            40..55 => {
                let (owner, tag) = (self.owner(), self.random.below(12) as u32);
                assert_eq!(self.broker.unsubscribe(owner, tag), self.model.unsubscribe(owner, tag));
            }
            55..58 => {
                let owner = self.owner();
                self.broker.forget(owner);
                self.model.forget(owner);
            }
            58..75 => self.retain(),
            _ => {}
        }
        for _ in 0..4 {
            let topic = self.random.pick(&self.topics);
            assert_eq!(*self.broker.route(topic).unwrap(), self.model.route(topic, SHARDS), "{topic}");
        }
        assert_eq!(self.broker.holdings().subscriptions, self.model.subscriptions.len());
    }

    fn subscribe(&mut self) {
        let (owner, tag, once) = (self.owner(), self.random.below(12) as u32, self.random.below(3) == 0);
        let group = self.random.pick(&[None, None, None, Some("g"), Some("h")]).map(Into::into);
        let new = Subscription { owner, tag, once, group };
        let pattern = self.pattern();
        let has_it = self.model.subscriptions.iter().any(|(_, known)| (known.owner, known.tag) == (owner, tag));
        let found = subscribe_for_values(&self.broker, &pattern, new.clone());
        if !has_it && self.model.subscriptions.len() == LIMITS.max_subscriptions {
            assert!(matches!(found, Err(TopicError::SubscriptionsFull { .. })));
        } else {
            assert_eq!(found.unwrap(), self.model.subscribe(&pattern, &new), "{pattern}");
        }
    }

    fn retain(&mut self) {
        let (publisher, topic) = (self.owner(), self.random.pick(&self.topics).clone());
        let payload = vec![self.random.number() as u8; self.random.below(40)];
        let mut after: BTreeMap<_, _> = self.model.values.clone();
        match payload.is_empty() {
            true => drop(after.remove(&topic)),
            false => drop(after.insert(topic.clone(), (publisher, payload.clone()))),
        }
        let bytes: usize = after.iter().map(|(topic, (_, value))| topic.len() + value.len()).sum();
        let route = self.broker.retain(&topic, publisher, &payload);
        if after.len() > LIMITS.retained_values || bytes > LIMITS.retained_bytes {
            assert!(matches!(route, Err(TopicError::RetainedFull { .. })), "{route:?}");
        } else {
            assert_eq!(*route.unwrap(), self.model.route(&topic, SHARDS));
            self.model.values = after;
        }
        let bytes: usize = self.model.values.iter().map(|(topic, (_, value))| topic.len() + value.len()).sum();
        assert_eq!(self.broker.holdings().retained_bytes, bytes);
    }
}

#[test]
fn random_sequences_leave_what_a_naive_list_would_have() {
    let first = seed();
    for seed in (0..SEQUENCES as u64).map(|n| first.wrapping_add(n)) {
        let failed = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            (0..STEPS).for_each(|_| run.step());
        });
        assert!(failed.is_ok(), "run it again with TROUPE_SEED={seed}");
    }
}
