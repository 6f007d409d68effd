//! Records: how messages travel between threads before they lie in a mailbox.
//!
//! A record is a [`ROUTE_BYTES`] route and a frame. The route is four `u32` words: the target's
//! index and tag, and one word whose meaning depends on the kind. Outside environments write the
//! same bytes, so a flush copies them once into a shard's inbox.

use crate::frame::{self, Frame};
use crate::id::Address;

/// Bytes in front of a record's frame.
pub const ROUTE_BYTES: usize = 16;
/// A timeout word that means "never".
pub const FOREVER: u32 = u32::MAX;
/// A deadline that means "never".
pub const NEVER: u64 = u64::MAX;

/// Kinds that only records have; messages and asks use [`frame::kind`].
pub mod kind {
    /// An ask of an actor on another shard. The word is the asker's incarnation; the payload
    /// begins with the deadline, a `u64`. See [`FLAG_AWAITED`](super::FLAG_AWAITED) and
    /// [`FLAG_INHERITED`](super::FLAG_INHERITED).
    pub const ACTOR_ASK: u16 = 256;
    /// A settled ask on its way to the asker; the word is the incarnation that asked.
    pub const REPLY: u16 = 257;
    /// A failed ask on its way to the asker; the word is the incarnation that asked.
    pub const ASK_FAILED: u16 = 258;
    /// A refused message on its way back to its sender; the word is the incarnation that sent it.
    pub const SEND_FAILED: u16 = 259;
    /// An environment has done a job: the word is the job's number, the payload a result. A crash
    /// effect in it is the failure of the frame behind the consumed ones; those keep their effects.
    /// With [`FLAG_SINGLE`](super::FLAG_SINGLE) the next turn holds one message.
    pub const WORK_DONE: u16 = 260;
    /// A handler of an environment waits for something: the word is the job's number, the payload a
    /// result for the frames before the one in hand. Those behind it go back to the mailbox, and
    /// the handler's time begins.
    pub const WORK_BEGUN: u16 = 261;
    /// The sender watches the target; the correlation is its tag (`MON-1`).
    pub const WATCH: u16 = 262;
    /// The sender takes the watch with this tag back (`MON-2`).
    pub const UNWATCH: u16 = 263;
    /// The sender, which the target watches, has ended; the payload is that of a guest's frame.
    pub const DOWN: u16 = 264;
    /// The sender links itself with the target (`MON-6`).
    pub const LINK: u16 = 265;
    /// The sender and the target are linked no longer.
    pub const UNLINK: u16 = 266;
    /// The sender, which is linked with the target, ended abnormally.
    pub const LINK_DOWN: u16 = 267;
    /// A published message for its subscribers on one shard; the address is the publisher. The payload
    /// begins with the subscribers. A port that waits for the count is the target's tag, its slot the
    /// correlation, with [`FLAG_CONFIRM`](super::FLAG_CONFIRM).
    pub const PUBLISHED: u16 = 268;
    /// An environment publishes: the target is the publisher, the address the environment, the
    /// correlation a slot that is completed with the count of accepted copies, with
    /// [`FLAG_CONFIRM`](super::FLAG_CONFIRM). The payload is that of the guest's effect.
    pub const PUBLISH: u16 = 269;
    /// As [`PUBLISHED`], for one member of a queue group: the first that takes it, in order.
    pub const GROUPED: u16 = 270;
    /// A message that was refused where it was published, to be counted and recorded; the address is the
    /// publisher, the payload that of the guest's effect.
    pub const UNPUBLISHED: u16 = 271;
    /// A port gives up on its ask with this correlation (`CAN-1`).
    pub const ABORT: u16 = 272;
    /// An ask whose payload begins with a [`Context`](crate::chain::Context). Of an actor, the word is its
    /// incarnation and the context's deadline the ask's own; of a port, the word is the timeout in
    /// milliseconds and the context that of the request on whose behalf it is made.
    pub const CHAINED_ASK: u16 = 273;
    /// On the way to the actors of a chain that closed, so that each says its path; the sender is whoever is
    /// told, the word its incarnation.
    pub const CYCLE: u16 = 274;
}

/// On a message of a port, or on what it publishes: complete the slot when the message is in the mailbox or refused. The
/// route's word is how long it may wait for room, in milliseconds.
pub const FLAG_CONFIRM: u16 = 4;
/// On work that is done: handlers of this actor wait, so it gets one message a turn.
pub const FLAG_SINGLE: u16 = 8;
/// On an ask of an actor: it waits for the answer.
pub const FLAG_AWAITED: u16 = 16;
/// On an ask of an actor: the deadline is that of the request on whose behalf it is made.
pub const FLAG_INHERITED: u16 = 32;

/// One record, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Whom it is for.
    pub target: Address,
    /// Depends on the kind: a timeout in milliseconds, or an incarnation.
    pub word: u32,
    /// What it is, from whom, and the payload.
    pub frame: Frame<'a>,
}

impl Record<'_> {
    /// Appends the record.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.target.index.to_le_bytes());
        out.extend_from_slice(&self.target.tag.to_le_bytes());
        out.extend_from_slice(&self.word.to_le_bytes());
        self.frame.write_to(out);
    }

    /// Bytes this record takes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        ROUTE_BYTES + self.frame.encoded_len()
    }
}

/// Reads the record at `at`, or `None` when the rest is too short for it.
#[inline]
#[must_use]
pub fn read(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    let route: &[u8; ROUTE_BYTES] = bytes.get(at..at.checked_add(ROUTE_BYTES)?)?.try_into().ok()?;
    let [i0, i1, i2, i3, t0, t1, t2, t3, t4, t5, t6, t7, w0, w1, w2, w3] = *route;
    Some(Record {
        target: Address {
            index: u32::from_le_bytes([i0, i1, i2, i3]),
            tag: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        },
        word: u32::from_le_bytes([w0, w1, w2, w3]),
        frame: frame::read(bytes, at + ROUTE_BYTES)?,
    })
}
