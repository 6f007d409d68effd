//! A trie of patterns, keyed by token. What a look-up costs depends on the tokens of the topic and on
//! the patterns that share them, not on how many there are.
//!
//! Nodes lie in a slab and refer to each other by number; one table holds all edges between them, so
//! that a node without children costs no table of its own. The table's key is a hash of the whole way
//! to a node: it comes from the topic alone, so the processor looks up all tokens of a topic at once
//! instead of waiting for each node's memory before it knows where the next one is.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use crate::index::Index;
use crate::slab::{NONE, Slab};
use crate::topic::{Pattern, Tail};

/// Number of the node that every pattern begins at.
const ROOT: u32 = 0;

/// Tokens up to this many bytes lie in their node.
const SHORT: usize = 22;

/// Where a pattern ends: what is kept there are the first and the last of a list that somebody else
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The first of the list.
    pub first: u32,
    /// The last of the list.
    pub last: u32,
}

impl Ends {
    const EMPTY: Self = Self { first: NONE, last: NONE };
}

impl Default for Ends {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A pattern's place in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    node: u32,
    tail: Tail,
}

impl Default for Spot {
    fn default() -> Self {
        Self { node: NONE, tail: Tail::Nothing }
    }
}

#[derive(Debug)]
enum Token {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Default for Token {
    fn default() -> Self {
        Self::Short(0, [0; SHORT])
    }
}

impl Token {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(text.len() as u8, bytes)
            }
            None => Self::Long(text.as_bytes().into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

#[derive(Debug)]
struct Node {
    token: Token,
    parent: u32,
    /// The hash of the tokens that lead here.
    way: u32,
    /// How many edges leave, `*` not counted.
    children: u32,
    /// Its [`Wild`], or [`NONE`]: few nodes have one.
    wild: u32,
    here: Ends,
}

impl Default for Node {
    fn default() -> Self {
        Self { token: Token::default(), parent: NONE, way: 0, children: 0, wild: NONE, here: Ends::EMPTY }
    }
}

/// What follows a node by wildcard.
#[derive(Debug)]
struct Wild {
    star: u32,
    one_or_more: Ends,
    any: Ends,
}

impl Default for Wild {
    fn default() -> Self {
        Self { star: NONE, one_or_more: Ends::EMPTY, any: Ends::EMPTY }
    }
}

/// Patterns and what is kept at them.
#[derive(Debug)]
pub struct Trie {
    nodes: Slab<Node>,
    wilds: Slab<Wild>,
    /// All children but `*`, by the way to them.
    edges: Index,
    hasher: RandomState,
}

impl Default for Trie {
    fn default() -> Self {
        let mut nodes = Slab::default();
        nodes.insert(Node::default());
        Self { nodes, wilds: Slab::default(), edges: Index::default(), hasher: RandomState::default() }
    }
}

impl Trie {
    /// How many nodes there are, the first included.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The place of a pattern, made if need be.
    pub fn insert(&mut self, pattern: &Pattern<'_>) -> Spot {
        let (mut node, mut way) = (ROOT, 0);
        for token in pattern.tokens() {
            let next = self.hash(way, token.as_bytes());
            node = if token == "*" { self.star_of(node, next) } else { self.child_of(node, next, token) };
            way = next;
        }
        Spot { node, tail: pattern.tail() }
    }

    /// What is kept at a place, to be changed.
    pub fn ends_mut(&mut self, spot: Spot) -> Option<&mut Ends> {
        match spot.tail {
            Tail::Nothing => self.nodes.get_mut(spot.node).map(|node| &mut node.here),
            Tail::OneOrMore => self.wild_of(spot.node).map(|wild| &mut wild.one_or_more),
            Tail::Any => self.wild_of(spot.node).map(|wild| &mut wild.any),
        }
    }

    /// Removes the nodes that lead to this place and to nothing else; called when the list there may
    /// have become empty. A trie that is empty gives its memory back.
    pub fn prune(&mut self, spot: Spot) {
        let mut at = spot.node;
        while let Some(parent) = self.remove_if_empty(at) {
            at = parent;
        }
        if self.nodes.len() == 1 && self.wilds.len() == 0 {
            *self = Self::default();
        }
    }

    /// Calls `found` with what is kept at each pattern that matches the topic.
    pub fn find(&self, topic: &str, found: &mut impl FnMut(Ends)) {
        self.descend(ROOT, 0, Some(topic), found);
    }

    /// The pattern of a place.
    #[must_use]
    pub fn pattern(&self, spot: Spot) -> String {
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
        let wild = self.wilds.get(node.wild);
        let mut keep = |ends: Ends| {
            if ends != Ends::EMPTY {
                found(ends);
            }
        };
        if let Some(wild) = wild {
            keep(wild.any);
        }
        let Some(rest) = rest else { return keep(node.here) };
        if let Some(wild) = wild {
            keep(wild.one_or_more);
        }
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
        if let Some(wild) = wild
            && wild.star != NONE
        {
            self.descend(wild.star, self.hash(way, b"*"), next, found);
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
        let child = self.nodes.insert(Node { token: Token::new(token), parent, way, ..Node::default() });
        self.edges.insert(way, child);
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children += 1;
        }
        child
    }

    fn star_of(&mut self, parent: u32, way: u32) -> u32 {
        match self.wild_of(parent) {
            Some(wild) if wild.star != NONE => return wild.star,
            _ => {}
        }
        let star = self.nodes.insert(Node { token: Token::new("*"), parent, way, ..Node::default() });
        if let Some(wild) = self.wild_of(parent) {
            wild.star = star;
        }
        star
    }

    /// The wildcards of a node, made if need be.
    fn wild_of(&mut self, at: u32) -> Option<&mut Wild> {
        let node = self.nodes.get_mut(at)?;
        if node.wild == NONE {
            node.wild = self.wilds.insert(Wild::default());
        }
        self.wilds.get_mut(node.wild)
    }

    /// Removes a node that nothing is kept at and nothing follows; returns the one before it.
    fn remove_if_empty(&mut self, at: u32) -> Option<u32> {
        let node = self.nodes.get_mut(at)?;
        if let Some(wild) = self.wilds.get(node.wild)
            && wild.star == NONE
            && wild.one_or_more == Ends::EMPTY
            && wild.any == Ends::EMPTY
        {
            self.wilds.remove(node.wild);
            node.wild = NONE;
        }
        if at == ROOT || node.children > 0 || node.wild != NONE || node.here != Ends::EMPTY {
            return None;
        }
        let node = self.nodes.remove(at)?;
        self.unlink(at, &node);
        Some(node.parent)
    }

    fn unlink(&mut self, at: u32, node: &Node) {
        let Some(parent) = self.nodes.get_mut(node.parent) else { return };
        if let Some(wild) = self.wilds.get_mut(parent.wild)
            && wild.star == at
        {
            wild.star = NONE;
            return;
        }
        parent.children -= 1;
        self.edges.remove(node.way, at);
    }
}
