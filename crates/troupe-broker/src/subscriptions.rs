//! Who is subscribed: one entry per subscription, found by owner and number, by owner, and by pattern.
//!
//! An entry is in two lists, both through the entries themselves: those of its pattern, in the order
//! in which they came, and those of its owner. So every way out is a few steps.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use troupe_actor::id::Address;
use troupe_actor::topics::{Subscription, Target};

use crate::index::Index;
use crate::patterns::{Ends, Patterns, Spot};
use crate::slab::{NONE, Slab};
use crate::topic::Pattern;

/// One subscription: a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Entry {
    pub owner: Address,
    /// Grows with every subscription of the broker: the order of targets in a route.
    pub sequence: u64,
    pub tag: u32,
    spot: Spot,
    /// The counter of [`crate::stamps`] that its coming and going changes.
    stamp: u16,
    pub once: bool,
    /// Whether it is a member of a queue group; its name is in [`Subscriptions::group`].
    pub in_group: bool,
    /// Neighbours in the list of the pattern.
    previous: u32,
    next: u32,
    /// Neighbours in the list of the owner.
    owner_previous: u32,
    owner_next: u32,
}

impl Entry {
    pub const fn target(&self) -> Target {
        Target { address: self.owner, tag: self.tag }
    }

    /// Its target, if a route to it alone is nothing but that: it is an actor's, and in no queue group.
    fn plain(&self) -> Option<Target> {
        (!self.in_group && self.owner.port().is_none()).then(|| self.target())
    }
}

/// All subscriptions of a broker.
#[derive(Debug, Default)]
pub struct Subscriptions {
    patterns: Patterns,
    entries: Slab<Entry>,
    /// Entries by owner and tag.
    tags: Index,
    /// The newest entry of each owner.
    owners: HashMap<Address, u32, RandomState>,
    /// Queue groups by entry: few entries have one.
    groups: HashMap<u32, Arc<str>, RandomState>,
    hasher: RandomState,
    sequence: u64,
}

impl Subscriptions {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many patterns have no wildcard.
    pub fn literals(&self) -> usize {
        self.patterns.literals()
    }

    /// How many nodes the other patterns make.
    pub fn nodes(&self) -> usize {
        self.patterns.nodes()
    }

    /// The owner's entry with this tag.
    pub fn find(&self, owner: Address, tag: u32) -> Option<u32> {
        let is_it = |entry: &Entry| entry.owner == owner && entry.tag == tag;
        self.tags.find(self.hash(owner, tag), |at| self.entries.get(at).is_some_and(is_it))
    }

    /// The owner's entries, the newest first.
    pub fn of_owner(&self, owner: Address) -> impl Iterator<Item = u32> + '_ {
        let first = self.owners.get(&owner).copied();
        std::iter::successors(first, |at| self.entries.get(*at).map(|entry| entry.owner_next))
            .take_while(|at| *at != NONE)
    }

    pub fn get(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// The queue group of an entry.
    pub fn group(&self, at: u32) -> Option<&Arc<str>> {
        self.groups.get(&at)
    }

    /// The pattern of an entry.
    pub fn pattern(&self, at: u32) -> String {
        self.entries.get(at).map_or_else(String::new, |entry| self.patterns.pattern(entry.spot))
    }

    /// Brings what these topics are found by into the processor's caches.
    pub fn fetch(&self, topics: &[&[u8]]) {
        self.patterns.fetch(topics);
    }

    /// The target of the only subscription that matches, if it is an actor's and in no queue group.
    pub fn only(&self, topic: &str) -> Option<Target> {
        self.patterns.only(topic)
    }

    /// Calls `found` with every entry whose pattern matches, pattern by pattern; returns how many
    /// patterns there were. Within one pattern the entries come in their order.
    pub fn matching(&self, topic: &str, found: &mut impl FnMut(u32, &Entry)) -> usize {
        let mut patterns = 0;
        self.patterns.find(topic, &mut |ends: Ends| {
            patterns += 1;
            let mut at = ends.first;
            while let Some(entry) = self.entries.get(at) {
                found(at, entry);
                at = entry.next;
            }
        });
        patterns
    }

    /// Adds a subscription. The caller has removed what its owner had with this tag.
    pub fn add(&mut self, pattern: &Pattern<'_>, subscription: &Subscription, stamp: u16) {
        let spot = self.patterns.insert(pattern);
        let Subscription { owner, tag, once, group } = subscription;
        self.sequence += 1;
        let last = self.patterns.ends_mut(spot).map_or(NONE, |ends| ends.last);
        let at = self.entries.insert(Entry {
            owner: *owner,
            sequence: self.sequence,
            tag: *tag,
            spot,
            stamp,
            once: *once,
            in_group: group.is_some(),
            previous: last,
            next: NONE,
            owner_previous: NONE,
            owner_next: self.owners.get(owner).copied().unwrap_or(NONE),
        });
        if let Some(ends) = self.patterns.ends_mut(spot) {
            ends.last = at;
            if ends.first == NONE {
                ends.first = at;
            }
        }
        if let Some(last) = self.entries.get_mut(last) {
            last.next = at;
        }
        let only = self.entries.get(at).filter(|_| last == NONE).and_then(Entry::plain);
        self.patterns.set_only(spot, only);
        if let Some(older) = self.owners.insert(*owner, at)
            && let Some(older) = self.entries.get_mut(older)
        {
            older.owner_previous = at;
        }
        if let Some(group) = group {
            self.groups.insert(at, Arc::clone(group));
        }
        self.tags.insert(self.hash(*owner, *tag), at);
    }

    /// Removes an entry; returns its stamp.
    pub fn remove(&mut self, at: u32) -> Option<u16> {
        let entry = self.entries.remove(at)?;
        self.groups.remove(&at);
        self.tags.remove(self.hash(entry.owner, entry.tag), at);
        self.unlink_from_pattern(&entry);
        self.unlink_from_owner(&entry);
        if self.entries.len() == 0 {
            let sequence = self.sequence;
            *self = Self { sequence, ..Self::default() };
        }
        Some(entry.stamp)
    }

    fn unlink_from_pattern(&mut self, entry: &Entry) {
        if let Some(previous) = self.entries.get_mut(entry.previous) {
            previous.next = entry.next;
        }
        if let Some(next) = self.entries.get_mut(entry.next) {
            next.previous = entry.previous;
        }
        let Some(ends) = self.patterns.ends_mut(entry.spot) else { return };
        if entry.previous == NONE {
            ends.first = entry.next;
        }
        if entry.next == NONE {
            ends.last = entry.previous;
        }
        let Ends { first, last } = *ends;
        if first == NONE {
            return self.patterns.remove(entry.spot);
        }
        let only = self.entries.get(first).filter(|_| first == last).and_then(Entry::plain);
        self.patterns.set_only(entry.spot, only);
    }

    fn unlink_from_owner(&mut self, entry: &Entry) {
        if let Some(next) = self.entries.get_mut(entry.owner_next) {
            next.owner_previous = entry.owner_previous;
        }
        if let Some(previous) = self.entries.get_mut(entry.owner_previous) {
            previous.owner_next = entry.owner_next;
        } else if entry.owner_next == NONE {
            self.owners.remove(&entry.owner);
        } else {
            self.owners.insert(entry.owner, entry.owner_next);
        }
    }

    fn hash(&self, owner: Address, tag: u32) -> u32 {
        self.hasher.hash_one((owner, tag)) as u32
    }
}
