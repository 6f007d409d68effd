//! Patterns and what is kept at them: [`Literals`] holds those without a wildcard, which most are, and
//! finds the one that is a topic in a step or two; [`Trie`] holds the others.

use crate::literals::Literals;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    Literal(u32),
    Wild(WildSpot),
}

impl Default for Spot {
    fn default() -> Self {
        Self::Literal(NONE)
    }
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
            Spot::Literal(number) => self.literals.ends_mut(number),
            Spot::Wild(spot) => self.trie.ends_mut(spot),
        }
    }

    /// Removes a place that nothing is kept at any more.
    pub fn remove(&mut self, spot: Spot) {
        match spot {
            Spot::Literal(number) => self.literals.remove(number),
            Spot::Wild(spot) => self.trie.prune(spot),
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
            Spot::Literal(number) => self.literals.topic(number),
            Spot::Wild(spot) => self.trie.pattern(spot),
        }
    }
}
