//! Routes of the topics that are published on again and again.
//!
//! Every topic has one slot by its hash. It gets it the second time in a row that it is asked for
//! there, so that topics which come once do not drive out those that come always. What is in a slot is
//! good as long as the topic's stamp is the same (see [`crate::stamps`]); nobody looks for what a change
//! made stale.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use papaya::HashMap;
use troupe_actor::topics::Route;

use crate::limits::Limits;
use crate::route;
use crate::stamps::{Places, Stamps};

/// A route with more than this share of all targets that may be kept is computed anew each time: to
/// deliver it costs far more.
const LARGE: usize = 16;

struct Kept {
    topic: Box<str>,
    places: Places,
    sum: u64,
    route: Arc<Route>,
    /// What it counts in `RouteCache::targets`.
    weight: usize,
}

/// A topic that has no good route here.
#[derive(Clone, Copy)]
pub struct Miss {
    hash: u64,
}

/// Kept routes.
pub struct RouteCache {
    slots: HashMap<u32, Kept, BuildHasherDefault<SlotHasher>>,
    /// For each slot a part of the hash of the topic that was last asked for in vain.
    missed: Box<[AtomicU32]>,
    targets: AtomicUsize,
    max_targets: usize,
    /// The slot to empty next when there are too many targets.
    hand: AtomicU32,
    hasher: RandomState,
}

impl RouteCache {
    pub fn new(limits: &Limits) -> Self {
        let slots = u32::try_from(limits.cached_routes).unwrap_or(u32::MAX);
        Self {
            slots: HashMap::default(),
            missed: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            targets: AtomicUsize::new(0),
            max_targets: limits.cached_targets,
            hand: AtomicU32::new(0),
            hasher: RandomState::default(),
        }
    }

    /// The route of a topic, if a good one is kept.
    pub fn get(&self, topic: &str, stamps: &Stamps) -> Result<Arc<Route>, Miss> {
        let hash = self.hasher.hash_one(topic);
        let slots = self.slots.pin();
        match slots.get(&self.slot(hash)) {
            Some(kept) if *kept.topic == *topic && stamps.sum(&kept.places) == kept.sum => Ok(Arc::clone(&kept.route)),
            _ => Err(Miss { hash }),
        }
    }

    /// Whether the route of a topic that was missed is worth keeping: it was asked for before.
    pub fn wants(&self, miss: Miss) -> bool {
        let mark = (miss.hash >> 32) as u32;
        let missed = self.missed.get(self.slot(miss.hash) as usize);
        missed.is_some_and(|missed| missed.swap(mark, Ordering::Relaxed) == mark)
    }

    /// Keeps a route, with the stamp that was read before it was computed.
    pub fn keep(&self, miss: Miss, topic: &str, (places, sum): (Places, u64), route: &Arc<Route>) {
        let weight = route::size(route) + 1;
        if weight > self.max_targets / LARGE {
            return;
        }
        self.targets.fetch_add(weight, Ordering::Relaxed);
        let kept = Kept { topic: topic.into(), places, sum, route: Arc::clone(route), weight };
        let slots = self.slots.pin();
        if let Some(old) = slots.insert(self.slot(miss.hash), kept) {
            self.targets.fetch_sub(old.weight, Ordering::Relaxed);
        }
        // Other threads may empty slots at the same time; each slot's weight is taken off by whoever removed it.
        for _ in 0..self.missed.len() {
            if self.targets.load(Ordering::Relaxed) <= self.max_targets {
                return;
            }
            let slot = self.hand.fetch_add(1, Ordering::Relaxed) % self.missed.len() as u32;
            if let Some(old) = slots.remove(&slot) {
                self.targets.fetch_sub(old.weight, Ordering::Relaxed);
            }
        }
    }

    /// How many routes are kept, good or stale, and their targets.
    pub fn size(&self) -> (usize, usize) {
        (self.slots.len(), self.targets.load(Ordering::Relaxed))
    }

    fn slot(&self, hash: u64) -> u32 {
        (hash % self.missed.len().max(1) as u64) as u32
    }
}

/// The numbers of slots come from a hash; spreading them once more is enough.
#[derive(Default)]
struct SlotHasher(u64);

impl Hasher for SlotHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
