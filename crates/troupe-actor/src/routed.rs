//! How a published message travels to the shards of its subscribers: one record for each shard, with
//! its targets in front of the message. The message lies behind them as a topic frame has it, so it is
//! put together once, by whoever publishes.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | how many targets |
//! | 4 | 1 if a member of the queue group was full, otherwise 0 |
//! | 16 each | targets: index, tag (low, high), number of the subscription |
//! | rest | the payload of a topic frame |

use crate::frame::word;
use crate::id::Address;
use crate::topics::Target;

const HEAD_BYTES: usize = 8;
const TARGET_BYTES: usize = 16;

/// A published message and those who are to get it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routed<'a> {
    targets: &'a [u8],
    /// A member of the queue group was full.
    pub full: bool,
    /// The payload of a topic frame.
    pub body: &'a [u8],
}

impl<'a> Routed<'a> {
    /// Reads the payload of a record; `None` if it is too short.
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let end = HEAD_BYTES.checked_add((word(payload, 0)? as usize).checked_mul(TARGET_BYTES)?)?;
        let full = word(payload, 4)? != 0;
        Some(Self { targets: payload.get(HEAD_BYTES..end)?, full, body: payload.get(end..)? })
    }

    /// Who is to get it, in order.
    pub fn targets(&self) -> impl Iterator<Item = Target> + 'a {
        self.targets.chunks_exact(TARGET_BYTES).filter_map(|raw| {
            let tag = u64::from(word(raw, 4)?) | u64::from(word(raw, 8)?) << 32;
            Some(Target { address: Address { index: word(raw, 0)?, tag }, tag: word(raw, 12)? })
        })
    }
}

/// The payload of a record.
pub(crate) fn write(targets: &[Target], full: bool, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + targets.len() * TARGET_BYTES + body.len());
    out.extend_from_slice(&(targets.len() as u32).to_le_bytes());
    out.extend_from_slice(&u32::from(full).to_le_bytes());
    for Target { address, tag } in targets {
        out.extend_from_slice(&address.index.to_le_bytes());
        out.extend_from_slice(&address.tag.to_le_bytes());
        out.extend_from_slice(&tag.to_le_bytes());
    }
    out.extend_from_slice(body);
    out
}

/// The members of a queue group in the order in which they are tried: from a random one on (`QG-1`).
pub(crate) fn in_turn(members: &[Target], random: f64) -> Vec<Target> {
    let first = (random * members.len() as f64) as usize;
    members.iter().cycle().skip(first).take(members.len()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{Routed, in_turn, write};
    use crate::id::Address;
    use crate::topics::Target;

    fn target(index: u32) -> Target {
        Target { address: Address { index, tag: 0x1122_3344_5566_7788 }, tag: index * 10 }
    }

    #[test]
    fn what_was_written_is_read() {
        let targets = [target(1), target(2)];
        let bytes = write(&targets, true, b"body");
        let routed =
            Routed::read(&bytes).map(|routed| (routed.targets().collect::<Vec<_>>(), routed.full, routed.body));
        assert_eq!(routed, Some((targets.to_vec(), true, b"body".as_slice())));
        assert!(Routed::read(bytes.get(..20).unwrap_or_default()).is_none(), "cut in the middle of a target");
        assert!(Routed::read(b"\xff\xff\xff\xff\0\0\0\0").is_none());
    }

    #[test]
    fn a_group_is_tried_from_a_random_member_on() {
        let members = [target(1), target(2), target(3)];
        assert_eq!(in_turn(&members, 0.0), members);
        assert_eq!(in_turn(&members, 0.5), [target(2), target(3), target(1)]);
        assert_eq!(in_turn(&members, 0.999), [target(3), target(1), target(2)]);
        assert!(in_turn(&[], 0.5).is_empty());
    }
}
