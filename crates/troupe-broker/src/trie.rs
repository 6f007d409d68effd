//! A trie of patterns, keyed by token. What a look-up costs depends on the tokens of the topic and on
//! the patterns that share them, not on how many there are.
//!
//! Nodes lie in a slab and refer to each other by number; one table holds all edges between them, so
//! that a node without children costs no table of its own. The table's key is a hash of the whole way
//! to a node: it comes from the topic alone, so the processor looks up all tokens of a topic at once
//! instead of waiting for each node's memory before it knows where the next one is.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use troupe_actor::text::Text;

use crate::index::Index;
use crate::patterns::Ends;
use crate::slab::{NONE, Slab};
use crate::topic::{Pattern, Tail};

/// Number of the node that every pattern begins at.
const ROOT: u32 = 0;

/// Tokens up to this many bytes lie in their node.
const SHORT: usize = 22;

/// A pattern's place in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WildSpot {
    node: u32,
    tail: Tail,
}

/// One cache line, so that to look at a node is to wait once.
#[derive(Debug)]
#[repr(align(64))]
struct Node {
    token: Text<SHORT>,
    parent: u32,
    /// The hash of the tokens that lead here.
    way: u32,
    /// How many edges leave, `*` not counted.
    children: u32,
    /// The node that follows by `*`, or [`NONE`].
    star: u32,
    here: Ends,
    one_or_more: Ends,
    any: Ends,
}

impl Default for Node {
    fn default() -> Self {
        let (here, one_or_more, any) = (Ends::EMPTY, Ends::EMPTY, Ends::EMPTY);
        Self { token: Text::default(), parent: NONE, way: 0, children: 0, star: NONE, here, one_or_more, any }
    }
}

impl Node {
    fn new(token: &str, parent: u32, way: u32) -> Self {
        Self { token: Text::new(token), parent, way, ..Self::default() }
    }

    const fn ends_mut(&mut self, tail: Tail) -> &mut Ends {
        match tail {
            Tail::Nothing => &mut self.here,
            Tail::OneOrMore => &mut self.one_or_more,
            Tail::Any => &mut self.any,
        }
    }

    /// Whether nothing is kept here and nothing follows.
    fn is_empty(&self) -> bool {
        let kept = [self.here, self.one_or_more, self.any];
        self.children == 0 && self.star == NONE && kept.iter().all(|ends| *ends == Ends::EMPTY)
    }
}

/// Patterns and what is kept at them.
#[derive(Debug)]
pub struct Trie {
    nodes: Slab<Node>,
    /// All children but `*`, by the way to them.
    edges: Index,
    hasher: RandomState,
}

impl Default for Trie {
    fn default() -> Self {
        let mut nodes = Slab::default();
        nodes.insert(Node::default());
        Self { nodes, edges: Index::default(), hasher: RandomState::default() }
    }
}

impl Trie {
    /// How many nodes there are, the first included.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The place of a pattern, made if need be.
    pub fn insert(&mut self, pattern: &Pattern<'_>) -> WildSpot {
        let (mut node, mut way) = (ROOT, 0);
        for token in pattern.tokens() {
            let next = self.hash(way, token.as_bytes());
            node = if token == "*" { self.star_of(node, next) } else { self.child_of(node, next, token) };
            way = next;
        }
        WildSpot { node, tail: pattern.tail() }
    }

    /// What is kept at a place, to be changed.
    pub fn ends_mut(&mut self, spot: WildSpot) -> Option<&mut Ends> {
        self.nodes.get_mut(spot.node).map(|node| node.ends_mut(spot.tail))
    }

    /// Removes the nodes that lead to this place and to nothing else; called when the list there may
    /// have become empty. A trie that is empty gives its memory back.
    pub fn prune(&mut self, spot: WildSpot) {
        let mut at = spot.node;
        while let Some(parent) = self.remove_if_empty(at) {
            at = parent;
        }
        if self.nodes.len() == 1 && self.nodes.get(ROOT).is_some_and(Node::is_empty) {
            *self = Self::default();
        }
    }

    /// Calls `found` with what is kept at each pattern that matches the topic.
    pub fn find(&self, topic: &str, found: &mut impl FnMut(Ends)) {
        self.descend(ROOT, 0, Some(topic), found);
    }

    /// The pattern of a place.
    #[must_use]
    pub fn pattern(&self, spot: WildSpot) -> String {
        let mut tokens = Vec::new();
        match spot.tail {
            Tail::Nothing => {}
            Tail::OneOrMore => tokens.push(">".into()),
            Tail::Any => tokens.push("#".into()),
        }
        let mut at = spot.node;
        while at != ROOT
            && let Some(node) = self.nodes.get(at)
        {
            tokens.push(String::from_utf8_lossy(node.token.as_bytes()));
            at = node.parent;
        }
        tokens.reverse();
        tokens.join(".")
    }

    fn descend(&self, at: u32, way: u32, rest: Option<&str>, found: &mut impl FnMut(Ends)) {
        let Some(node) = self.nodes.get(at) else { return };
        let mut keep = |ends: Ends| {
            if ends != Ends::EMPTY {
                found(ends);
            }
        };
        keep(node.any);
        let Some(rest) = rest else { return keep(node.here) };
        keep(node.one_or_more);
        let (token, next) = match rest.split_once('.') {
            Some((token, next)) => (token, Some(next)),
            None => (rest, None),
        };
        if node.children > 0 {
            let way = self.hash(way, token.as_bytes());
            if let Some(child) = self.find_child(at, way, token) {
                self.descend(child, way, next, found);
            }
        }
        if node.star != NONE {
            self.descend(node.star, self.hash(way, b"*"), next, found);
        }
    }

    /// The hash of a way that goes on with this token.
    fn hash(&self, way: u32, token: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(way);
        hasher.write(token);
        hasher.finish() as u32
    }

    fn find_child(&self, parent: u32, way: u32, token: &str) -> Option<u32> {
        let is_it = |node: &Node| node.parent == parent && node.token.as_bytes() == token.as_bytes();
        self.edges.find(way, |child| self.nodes.get(child).is_some_and(is_it))
    }

    fn child_of(&mut self, parent: u32, way: u32, token: &str) -> u32 {
        if let Some(child) = self.find_child(parent, way, token) {
            return child;
        }
        let child = self.nodes.insert(Node::new(token, parent, way));
        self.edges.insert(way, child);
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children += 1;
        }
        child
    }

    fn star_of(&mut self, parent: u32, way: u32) -> u32 {
        match self.nodes.get(parent) {
            Some(node) if node.star != NONE => return node.star,
            _ => {}
        }
        let star = self.nodes.insert(Node::new("*", parent, way));
        if let Some(node) = self.nodes.get_mut(parent) {
            node.star = star;
        }
        star
    }

    /// Removes a node that nothing is kept at and nothing follows; returns the one before it.
    fn remove_if_empty(&mut self, at: u32) -> Option<u32> {
        if at == ROOT || !self.nodes.get(at)?.is_empty() {
            return None;
        }
        let node = self.nodes.remove(at)?;
        let parent = self.nodes.get_mut(node.parent)?;
        if parent.star == at {
            parent.star = NONE;
        } else {
            parent.children -= 1;
            self.edges.remove(node.way, at);
        }
        Some(node.parent)
    }
}
