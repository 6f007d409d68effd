//! The broker: subscriptions, kept routes and last values behind one door.
//!
//! One lock guards the subscriptions, and every change happens under it. A publish takes it, for
//! reading, only when no good route is kept. So after a change returned, every later route has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};
use troupe_actor::id::Address;
use troupe_actor::topics::{Route, Subscription, TopicError, Topics};

use crate::cache::{Miss, RouteCache};
use crate::limits::Limits;
use crate::retained::Retained;
use crate::route;
use crate::stamps::Stamps;
use crate::subscriptions::Subscriptions;
use crate::topic::{Pattern, check_group, check_topic, quoted};

/// How many subscriptions of an owner are removed before others get at the lock.
const FORGET_AT_ONCE: usize = 256;

/// Who is subscribed to what in one system.
pub struct Broker {
    limits: Limits,
    /// How many shards the system has, to sort targets by them.
    shards: usize,
    subscriptions: RwLock<Subscriptions>,
    /// Changed only while `subscriptions` is held, at least for reading: a subscription, which holds it
    /// alone, sees each value either here or published later.
    retained: Mutex<Retained>,
    stamps: Stamps,
    cache: RouteCache,
    /// The last route was not kept, so the next ones may not be either.
    is_missing: AtomicBool,
    /// The route of topics that nobody is subscribed to.
    nobody: Arc<Route>,
}

/// What a broker holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Subscriptions.
    pub subscriptions: usize,
    /// Patterns without a wildcard that somebody is subscribed to.
    pub literals: usize,
    /// Nodes of the trie of all other patterns, the first included.
    pub nodes: usize,
    /// Kept routes, good or stale.
    pub cached_routes: usize,
    /// Targets in all kept routes, and one for each route.
    pub cached_targets: usize,
    /// Last values.
    pub retained_values: usize,
    /// Bytes of last values and of their topics.
    pub retained_bytes: usize,
}

impl Broker {
    /// A broker for a system with so many shards.
    #[must_use]
    pub fn new(shards: usize, limits: Limits) -> Self {
        let shards = shards.max(1);
        Self {
            limits,
            shards,
            subscriptions: RwLock::default(),
            retained: Mutex::default(),
            stamps: Stamps::default(),
            cache: RouteCache::new(&limits),
            is_missing: AtomicBool::new(false),
            nobody: Arc::new(Route { shards: vec![Box::default(); shards].into(), ..Route::default() }),
        }
    }

    /// What it holds at the moment.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let subscriptions = self.subscriptions.read();
        let retained = self.retained.lock();
        let (cached_routes, cached_targets) = self.cache.size();
        Holdings {
            subscriptions: subscriptions.len(),
            literals: subscriptions.literals(),
            nodes: subscriptions.nodes(),
            cached_routes,
            cached_targets,
            retained_values: retained.len(),
            retained_bytes: retained.bytes(),
        }
    }

    /// The route as the subscriptions are, kept if the topic is one that comes again.
    fn compute(&self, subscriptions: &Subscriptions, topic: &str, miss: Miss) -> Arc<Route> {
        let stamp = self.cache.wants(miss).then(|| {
            let places = self.stamps.places(topic);
            let sum = self.stamps.sum(&places);
            (places, sum)
        });
        let route = route::build(subscriptions, topic, self.shards);
        let route = route.map_or_else(|| Arc::clone(&self.nobody), Arc::new);
        if let Some(stamp) = stamp {
            self.cache.keep(miss, topic, stamp, &route);
        }
        route
    }

    /// Written only when it changes: every publisher reads it.
    fn notes_missing(&self, is_missing: bool) {
        if self.is_missing.load(Ordering::Relaxed) != is_missing {
            self.is_missing.store(is_missing, Ordering::Relaxed);
        }
    }

    fn remove(&self, subscriptions: &mut Subscriptions, at: u32) {
        if let Some(stamp) = subscriptions.remove(at) {
            self.stamps.changed(stamp);
        }
    }

    /// Hands out the last values for a new subscription, which is the owner's newest.
    fn hand_out(
        &self,
        subscriptions: &Subscriptions,
        pattern: &Pattern<'_>,
        new: &Subscription,
        retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) {
        let kept = self.retained.lock();
        if !new.once || kept.is_empty() {
            return kept.matching(pattern, retained);
        }
        let wants_one = |at: &u32| subscriptions.get(*at).is_some_and(|entry| entry.once && !entry.in_group);
        let others = subscriptions.of_owner(new.owner).skip(1).filter(wants_one);
        let others: Vec<String> = others.map(|at| subscriptions.pattern(at)).collect();
        kept.matching(pattern, &mut |topic, publisher, payload| {
            if !others.iter().any(|other| Pattern::split(other).matches(topic)) {
                retained(topic, publisher, payload);
            }
        });
    }
}

impl Topics for Broker {
    fn route(&self, topic: &str) -> Result<Arc<Route>, TopicError> {
        // A topic whose route is kept was checked when it was computed.
        let miss = match self.cache.get(topic, &self.stamps) {
            Ok(route) => {
                self.notes_missing(false);
                return Ok(route);
            }
            Err(miss) => miss,
        };
        check_topic(topic, &self.limits)?;
        self.notes_missing(true);
        Ok(self.compute(&self.subscriptions.read(), topic, miss))
    }

    /// Topics whose routes are kept need nothing of the rest.
    fn expect(&self, topics: &[&[u8]]) {
        if self.is_missing.load(Ordering::Relaxed) {
            self.subscriptions.read().fetch(topics);
        }
    }

    /// A member of a queue group gets no last values: they are for each subscriber, and a group is one.
    fn replace(
        &self,
        replaced: u32,
        pattern: &str,
        subscription: Subscription,
        retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError> {
        let parsed = Pattern::parse(pattern, &self.limits)?;
        if let Some(group) = &subscription.group {
            check_group(group)?;
        }
        let stamp = self.stamps.of_pattern(&parsed);
        let mut subscriptions = self.subscriptions.write();
        match subscriptions.find(subscription.owner, replaced) {
            Some(old) => self.remove(&mut subscriptions, old),
            None if subscriptions.len() >= self.limits.max_subscriptions => {
                let limit = self.limits.max_subscriptions;
                return Err(TopicError::SubscriptionsFull { topic: quoted(pattern), limit });
            }
            None => {}
        }
        subscriptions.add(&parsed, &subscription, stamp);
        self.stamps.changed(stamp);
        if subscription.group.is_none() {
            self.hand_out(&subscriptions, &parsed, &subscription, retained);
        }
        Ok(())
    }

    fn unsubscribe(&self, owner: Address, tag: u32) -> bool {
        let mut subscriptions = self.subscriptions.write();
        let found = subscriptions.find(owner, tag);
        if let Some(at) = found {
            self.remove(&mut subscriptions, at);
        }
        found.is_some()
    }

    fn forget(&self, owner: Address) {
        let mut subscriptions = self.subscriptions.write();
        loop {
            let some: Vec<u32> = subscriptions.of_owner(owner).take(FORGET_AT_ONCE).collect();
            for at in &some {
                self.remove(&mut subscriptions, *at);
            }
            if some.len() < FORGET_AT_ONCE {
                return;
            }
            RwLockWriteGuard::bump(&mut subscriptions);
        }
    }

    fn retain(&self, topic: &str, publisher: Address, payload: &[u8]) -> Result<Arc<Route>, TopicError> {
        check_topic(topic, &self.limits)?;
        let subscriptions = self.subscriptions.read();
        self.retained.lock().keep(topic, publisher, payload, &self.limits)?;
        Ok(match self.cache.get(topic, &self.stamps) {
            Ok(route) => route,
            Err(miss) => self.compute(&subscriptions, topic, miss),
        })
    }
}
