//! Chains: which actors wait for the answer to an ask, and until when. They travel with the ask, so
//! that one which would wait for itself is refused at once (`REE-2`), and one that is made while a
//! request is handled never outlives that request (`ASK-1`).

use crate::frame;
use crate::id::Address;

/// Most actors that wait for each other; an ask that would make it one more is refused (`REE-2`).
pub const MAX_CHAIN: usize = 32;
/// Bytes in front of a context's addresses: a `u64` deadline, their number, a zero word.
pub const CONTEXT_BYTES: usize = 16;
/// Bytes of one of them: index, the tag's halves, a zero word.
const LINK_BYTES: usize = 16;

/// The actors that wait for the answer to an ask, as the ask brings them along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain<'a> {
    /// No actor waits.
    Nobody,
    /// Only the one that asks.
    Asker,
    /// These, the one that has waited longest first.
    List(&'a [Address]),
}

impl<'a> Chain<'a> {
    /// The chain of these actors, the last of whom may be the one that asks.
    #[must_use]
    pub fn of(list: &'a [Address], asker: Address) -> Self {
        match list {
            [] => Self::Nobody,
            [only] if *only == asker => Self::Asker,
            _ => Self::List(list),
        }
    }

    /// The actors, given who asks.
    #[must_use]
    pub fn actors(self, asker: Address) -> Vec<Address> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Asker => vec![asker],
            Self::List(list) => list.to_vec(),
        }
    }
}

/// What a request hands on to the asks that are made on its behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// When the request has been waited for long enough, in milliseconds of the system's clock; `u64::MAX` for never.
    pub deadline: u64,
    /// The actors that wait.
    pub chain: Vec<Address>,
}

impl Context {
    /// Appends the context.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.deadline.to_le_bytes());
        out.extend_from_slice(&(self.chain.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for address in &self.chain {
            out.extend_from_slice(&address.index.to_le_bytes());
            out.extend_from_slice(&address.tag.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
    }

    /// Reads the context in front of a payload, and where the rest of it begins; `None` when it is malformed.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<(Self, usize)> {
        let (low, high) = (frame::word(payload, 0)?, frame::word(payload, 4)?);
        let count = frame::word(payload, 8)? as usize;
        let end = CONTEXT_BYTES.checked_add(count.checked_mul(LINK_BYTES)?)?;
        let links = payload.get(CONTEXT_BYTES..end)?;
        let chain = links.chunks_exact(LINK_BYTES).filter_map(|link| {
            let tag = u64::from(frame::word(link, 4)?) | u64::from(frame::word(link, 8)?) << 32;
            Some(Address { index: frame::word(link, 0)?, tag })
        });
        Some((Self { deadline: u64::from(low) | u64::from(high) << 32, chain: chain.collect() }, end))
    }
}

#[cfg(test)]
mod tests {
    use super::{Chain, Context};
    use crate::id::Address;

    const A: Address = Address { index: 1, tag: 11 };
    const B: Address = Address { index: 2, tag: 0x1_0000_0016 };

    #[test]
    fn a_context_reads_as_it_was_written_and_leaves_the_rest() {
        for chain in [vec![], vec![A], vec![A, B]] {
            let context = Context { deadline: 0x1_0000_0001, chain };
            let mut bytes = Vec::new();
            context.write_to(&mut bytes);
            let end = bytes.len();
            bytes.extend_from_slice(b"rest");
            assert_eq!(Context::read(&bytes), Some((context, end)));
        }
    }

    #[test]
    fn a_context_that_does_not_fit_is_none() {
        let mut bytes = Vec::new();
        Context { deadline: 7, chain: vec![A, B] }.write_to(&mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(Context::read(&bytes[..len]), None, "{len}");
        }
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Context::read(&bytes), None);
    }

    #[test]
    fn a_chain_of_the_asker_alone_needs_no_list() {
        assert_eq!(Chain::of(&[], A), Chain::Nobody);
        assert_eq!(Chain::of(&[A], A), Chain::Asker);
        assert_eq!(Chain::of(&[A], B), Chain::List(&[A]));
        assert_eq!(Chain::of(&[A, B], B).actors(B), [A, B]);
        assert_eq!(Chain::Asker.actors(B), [B]);
    }
}
