//! Identities: who an actor is, and how it is addressed.

use std::fmt;

/// An actor's identity within its system: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(u64);

impl ActorId {
    /// From a cell's index and how often that cell was used before.
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        Self((generation as u64) << 32 | index as u64)
    }

    /// The cell's index.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 as u32
    }

    /// As a plain number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 as u32, self.0 >> 32)
    }
}

/// Where messages go: an index and an unguessable tag, together a capability. A new actor in the
/// same cell has another tag, so an address never reaches anybody but the actor it was made for.
///
/// An index with [`Address::PORT`] set is a port: an environment outside the system, such as a
/// JavaScript thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// The cell's index, or a port's index with [`Address::PORT`].
    pub index: u32,
    /// Proof that the holder was given the address.
    pub tag: u64,
}

impl Address {
    /// The bit of an index that says "a port".
    pub const PORT: u32 = 1 << 31;
    /// The bit of a port's tag that says "on behalf of an actor that it runs". The low word of such a
    /// tag is the port's own matter.
    pub const ON_BEHALF: u64 = 1 << 32;
    /// The bit of a port's tag that says "whoever observes dead letters": what it sends itself is never
    /// told to observers when it is lost (`DL-3`).
    pub const OBSERVER: u64 = 1 << 33;
    /// No sender.
    pub const NONE: Self = Self { index: 0, tag: 0 };

    /// The port's index, if this is one.
    #[must_use]
    pub const fn port(self) -> Option<u32> {
        if self.index & Self::PORT == 0 { None } else { Some(self.index & !Self::PORT) }
    }

    /// Whether an actor sent what carries this as its sender: the actor itself, or its environment on
    /// its behalf.
    #[must_use]
    pub const fn is_actors(self) -> bool {
        self.port().is_none() && self.tag != 0 || self.tag & Self::ON_BEHALF != 0
    }

    /// Whether an observer of dead letters sent what carries this as its sender.
    #[must_use]
    pub const fn is_observer(self) -> bool {
        self.port().is_some() && self.tag & Self::OBSERVER != 0
    }

    /// Whether this is [`Address::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.index == 0 && self.tag == 0
    }
}
