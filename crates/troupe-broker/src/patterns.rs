//! Patterns and what is kept at them: [`Literals`] holds those without a wildcard, which most are, and
//! finds the one that is a topic in a step or two; [`Trie`] holds the others.

use troupe_actor::topics::Target;

use crate::literals::{LiteralSpot, Literals};
use crate::slab::NONE;
use crate::topic::Pattern;
use crate::trie::{Trie, WildSpot};

/// What is kept at a pattern: the first and the last of a list that somebody else holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub first: u32,
    pub last: u32,
}

impl Ends {
    pub const EMPTY: Self = Self { first: NONE, last: NONE };
}

impl Default for Ends {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Where a pattern is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spot {
    #[default]
    Nowhere,
    Literal(LiteralSpot),
    Wild(WildSpot),
}

/// All patterns of a broker.
#[derive(Debug, Default)]
pub struct Patterns {
    literals: Literals,
    trie: Trie,
}

impl Patterns {
    /// How many patterns have no wildcard.
    pub fn literals(&self) -> usize {
        self.literals.len()
    }

    /// How many nodes the others make, the first included.
    pub fn nodes(&self) -> usize {
        self.trie.nodes()
    }

    /// The place of a pattern, made if need be.
    pub fn insert(&mut self, pattern: &Pattern<'_>) -> Spot {
        match pattern.literal() {
            Some(topic) => Spot::Literal(self.literals.insert(topic)),
            None => Spot::Wild(self.trie.insert(pattern)),
        }
    }

    /// What is kept at a place, to be changed.
    pub fn ends_mut(&mut self, spot: Spot) -> Option<&mut Ends> {
        match spot {
            Spot::Nowhere => None,
            Spot::Literal(spot) => self.literals.ends_mut(spot),
            Spot::Wild(spot) => self.trie.ends_mut(spot),
        }
    }

    /// Removes a place that nothing is kept at any more.
    pub fn remove(&mut self, spot: Spot) {
        match spot {
            Spot::Nowhere => {}
            Spot::Literal(spot) => self.literals.remove(spot),
            Spot::Wild(spot) => self.trie.prune(spot),
        }
    }

    /// Brings what these topics are found by into the processor's caches.
    pub fn fetch(&self, topics: &[&[u8]]) {
        self.literals.fetch(topics);
    }

    /// The one target of what matches the topic, if that is a single pattern which [`Patterns::set_only`]
    /// was told of: nothing else is looked at then.
    pub fn only(&self, topic: &str) -> Option<Target> {
        let target = self.literals.only(topic)?;
        let mut is_alone = true;
        self.trie.find(topic, &mut |_| is_alone = false);
        is_alone.then_some(target)
    }

    /// Says which target a pattern has, if it has only one; one with a wildcard forgets it.
    pub fn set_only(&mut self, spot: Spot, target: Option<Target>) {
        if let Spot::Literal(spot) = spot {
            self.literals.set_only(spot, target);
        }
    }

    /// Calls `found` with what is kept at each pattern that matches the topic.
    pub fn find(&self, topic: &str, found: &mut impl FnMut(Ends)) {
        if let Some(ends) = self.literals.find(topic) {
            found(ends);
        }
        self.trie.find(topic, found);
    }

    /// The pattern of a place.
    pub fn pattern(&self, spot: Spot) -> String {
        match spot {
            Spot::Nowhere => String::new(),
            Spot::Literal(spot) => self.literals.topic(spot),
            Spot::Wild(spot) => self.trie.pattern(spot),
        }
    }
}
