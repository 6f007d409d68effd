//! The frame format: how messages and effects are laid out in bytes.
//!
//! A turn is a vector of frames; a result is a [`RESULT_HEADER_BYTES`] header and then frames. A frame is a
//! [`HEADER_BYTES`] header of six little-endian `u32` words and a payload, padded with zeros to a
//! multiple of eight:
//!
//! | word | field |
//! |---|---|
//! | 0 | payload length in bytes, without header and padding |
//! | 1 | kind in the low 16 bits, flags in the high 16 bits |
//! | 2 | correlation |
//! | 3 | address: index |
//! | 4, 5 | address: tag, low and high half |
//!
//! A mailbox holds frames exactly as the guest will see them, so a turn is lowered without another
//! copy. A reader skips kinds it does not know. `docs/reference/frames.md` is the public page.

use crate::id::Address;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 24;
/// Bytes in front of the first effect of a result: version and consumed, one word each.
pub const RESULT_HEADER_BYTES: usize = 8;
/// The version of the frame format, first word of every result.
pub const FORMAT_VERSION: u32 = 1;

/// Kinds of frames that a guest receives: in a turn (1…) and in its start configuration (32…).
pub mod kind {
    /// A message; the address is its sender, all zero when it has none.
    pub const MESSAGE: u16 = 1;
    /// A request; the correlation goes back in the reply, the address is the asker.
    pub const ASK: u16 = 2;
    /// The answer to an ask of this actor; the correlation is the ask's tag.
    pub const REPLY: u16 = 3;
    /// An ask of this actor failed; payload: `u32` [`AskError`](crate::ask::AskError) code, then text.
    pub const ASK_FAILED: u16 = 4;
    /// A message of this actor was refused; payload: `u32` refusal code, then text.
    pub const SEND_FAILED: u16 = 5;
    /// An actor that this one watches has ended (`MON-1`). The correlation is the watch's tag, the
    /// address the actor's; payload: `u32` its last incarnation, the reason's tag, NUL, its text.
    pub const DOWN: u16 = 6;
    /// A message that was published on a topic this actor is subscribed to. The correlation is the
    /// subscription's tag, the address the publisher; payload: as of [`effect::PUBLISH`](super::effect::PUBLISH).
    pub const TOPIC: u16 = 7;
    /// A timer of this actor is due (`TMR-1`). The correlation is its key; payload: `u32` periods that went
    /// by while this tick waited, `u32` zero, then the timer's payload. A turn holds nothing besides.
    pub const TIMER: u16 = 8;
    /// For environments, in front of an ask: its [`Context`](crate::chain::Context), which the asks made on its
    /// behalf bring along. No frame of a turn: it is not counted.
    pub const CONTEXT: u16 = 9;
    /// In front of a turn of an actor that is told how full its mailbox is (`OVF-6`); payload: `u32` messages
    /// queued, those of this turn included, `u32` bytes of everything queued, `u32` messages and `u32` bytes that
    /// the mailbox holds at most, `u32::MAX` for no bound. Flag [`FLAG_HIGH`](super::FLAG_HIGH).
    pub const PRESSURE: u16 = 10;

    /// Configuration: eight random bytes to seed the guest's generator.
    pub const SEED: u16 = 32;
    /// Configuration: `u32` incarnation, 1 for the first.
    pub const INCARNATION: u16 = 33;
    /// Configuration: a peer; the address is the peer's, the payload its local name in UTF-8.
    pub const PEER: u16 = 34;
    /// Configuration: the actor's own address; the payload is its path in UTF-8.
    pub const SELF: u16 = 35;
    /// Configuration: the user's own bytes.
    pub const USER: u16 = 36;
    /// Configuration: the actor's custom state as it is now, if it is to have it (`PER-2`).
    pub const STATE: u16 = 37;
}

/// Kinds of frames that a guest returns.
pub mod effect {
    /// Answers the ask with this correlation.
    pub const REPLY: u16 = 1;
    /// Answers the ask with this correlation with a typed failure; the payload is the guest's error.
    pub const FAIL: u16 = 2;
    /// Sends the payload to the address. Flag [`FLAG_REPORT`](super::FLAG_REPORT) asks for a
    /// send-failed frame with the same correlation if it is refused.
    pub const TELL: u16 = 3;
    /// Asks the address; the correlation is a tag of the guest's choice. Payload: `u32` timeout in
    /// milliseconds (0: the default), `u32` zero, then the request. With
    /// [`FLAG_FOR`](super::FLAG_FOR) the second word names the ask on whose behalf this one is made.
    pub const ASK: u16 = 4;
    /// Watches the address: one down frame when that actor has ended, at once if it has. The
    /// correlation is a tag of the guest's choice; one in use is taken over.
    pub const MONITOR: u16 = 5;
    /// Takes the watch with this correlation back: no down frame comes in a later turn.
    pub const DEMONITOR: u16 = 6;
    /// Links with the address: an abnormal end of either ends the other's life (`MON-6`).
    pub const LINK: u16 = 7;
    /// Takes a link with the address back.
    pub const UNLINK: u16 = 8;
    /// Publishes on a topic. Payload: `u32` length of the topic, the topic padded to four bytes, the
    /// message. Flags: [`FLAG_REPORT`](super::FLAG_REPORT) asks for a send-failed frame with the same
    /// correlation if the topic is refused, [`FLAG_RETAIN`](super::FLAG_RETAIN) keeps the message.
    pub const PUBLISH: u16 = 9;
    /// Subscribes to a pattern; the correlation is a tag of the guest's choice below
    /// [`OUTSIDE_TAG`](super::OUTSIDE_TAG), one in use is taken over. Payload: `u32` length of the
    /// pattern, `u32` options ([`SUBSCRIBE_ONCE`](super::SUBSCRIBE_ONCE)), the pattern padded to four
    /// bytes, the name of the queue group, if any. With [`FLAG_REPORT`](super::FLAG_REPORT) a refusal
    /// comes back as a send-failed frame.
    pub const SUBSCRIBE: u16 = 10;
    /// A log line; the correlation is the level (0 debug, 1 info, 2 warn, 3 error), the payload text.
    pub const LOG: u16 = 11;
    /// Stops this actor after this turn.
    pub const STOP: u16 = 12;
    /// Fails the turn as a trap would; payload: UTF-8 name, message and stack, each ended by NUL.
    pub const CRASH: u16 = 13;
    /// Deliver nothing but the answers to these tags until one comes; payload: `u32` tags.
    pub const AWAIT: u16 = 14;
    /// Takes the subscription with this correlation back: no message of it is handled in a later turn.
    pub const UNSUBSCRIBE: u16 = 15;
    /// Sets a timer; the correlation is a key of the guest's choice, one in use is set anew. Payload: `u32`
    /// delay and `u32` period in milliseconds, `u32` mode (0 once, 1 fixed delay, 2 fixed rate), then
    /// what comes with each tick. With [`FLAG_REPORT`](super::FLAG_REPORT) a refusal comes back as a
    /// send-failed frame.
    pub const SET_TIMER: u16 = 16;
    /// Takes the timer with this key back: no tick of it is handled in a later turn.
    pub const CANCEL_TIMER: u16 = 17;
    /// Puts a message of this turn aside; the correlation is its place among the turn's frames, from 0. It is
    /// consumed, and not handled.
    pub const STASH: u16 = 18;
    /// Moves everything that was put aside back to the front of the mailbox, in its order.
    pub const UNSTASH: u16 = 19;
    /// Drops a topic message of this turn whose subscription was taken back before its turn came; the
    /// correlation is its place among the turn's frames, from 0. It is consumed, and not handled. With
    /// [`FLAG_UNREADABLE`](super::FLAG_UNREADABLE) it is a message of any kind.
    pub const DISCARD: u16 = 20;
    /// The answer to a health probe, alone in what `health` returns; the correlation is 0 healthy,
    /// 1 degraded, 2 unhealthy, the payload a text.
    pub const HEALTH: u16 = 48;
}

/// On a tell effect: tell me with a send-failed frame when the message is refused.
pub const FLAG_REPORT: u16 = 1;
/// On a publish effect: keep the message as the last value of its topic, for subscriptions to come.
/// On a topic frame: this is such a last value.
pub const FLAG_RETAIN: u16 = 2;
/// On a pressure frame: the mailbox is filled to its high-water mark, or messages wait for room in it.
pub const FLAG_HIGH: u16 = 1;
/// On a message frame: it is the tick of a timer that was set from outside, whose number is the correlation.
pub const FLAG_TICK: u16 = 16;
/// On a discard effect: the actor cannot read the message. It is a dead letter, and a request is refused.
pub const FLAG_UNREADABLE: u16 = 1;
/// In the options of a subscribe effect: one message makes one copy for all subscriptions of this
/// actor that ask for this.
pub const SUBSCRIBE_ONCE: u32 = 1;
/// Tags from here on are those of subscriptions that an actor did not make itself.
pub const OUTSIDE_TAG: u32 = 1 << 31;
/// On an ask effect: the second word is the correlation of the ask on whose behalf it is made, zero for none.
/// Without it an ask that the handler waits for is made on behalf of the message in hand.
pub const FLAG_FOR: u16 = 2;

/// Rounds a payload length up to the frame alignment.
#[must_use]
pub const fn padded(len: usize) -> usize {
    len.saturating_add(7) & !7
}

/// One frame, borrowed from a turn or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is: a constant of [`kind`] or [`effect`].
    pub kind: u16,
    /// Bits of that kind.
    pub flags: u16,
    /// Matches answers to questions.
    pub corr: u32,
    /// Sender or target.
    pub address: Address,
    /// The payload, without padding.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Whether it counts as a message of its actor: it takes room in the mailbox, and a crash is blamed
    /// on it.
    #[inline]
    #[must_use]
    pub const fn is_message(&self) -> bool {
        matches!(self.kind, kind::MESSAGE | kind::ASK | kind::TOPIC)
    }

    /// Bytes of the message itself, without the topic in front of it.
    #[must_use]
    pub fn message_len(&self) -> usize {
        let head = if self.kind == kind::TOPIC { topic_head(self.payload) } else { 0 };
        self.payload.len().saturating_sub(head)
    }

    /// The message itself, without the topic in front of it.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.payload.get(self.payload.len() - self.message_len()..).unwrap_or_default()
    }

    /// Bytes this frame takes, header and padding included.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        HEADER_BYTES + padded(self.payload.len())
    }

    /// Appends the frame.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        write_header(out, self.payload.len(), self.kind, self.flags, self.corr, self.address);
        write_payload(out, self.payload);
    }
}

#[inline]
fn write_header(out: &mut Vec<u8>, len: usize, kind: u16, flags: u16, corr: u32, address: Address) {
    let mut header = [0u8; HEADER_BYTES];
    let words = [
        u32::try_from(len).unwrap_or(u32::MAX),
        u32::from(kind) | (u32::from(flags) << 16),
        corr,
        address.index,
        address.tag as u32,
        (address.tag >> 32) as u32,
    ];
    for (slot, word) in header.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&header);
}

#[inline]
fn write_payload(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(payload);
    const ZEROS: [u8; 8] = [0; 8];
    let padding = padded(payload.len()) - payload.len();
    out.extend_from_slice(ZEROS.get(..padding).unwrap_or_default());
}

/// Bytes in front of the message in the payload of a topic frame or a publish effect.
fn topic_head(payload: &[u8]) -> usize {
    word(payload, 0).map_or(0, |len| 4usize.saturating_add((len as usize).saturating_add(3) & !3))
}

/// The topic, which should be UTF-8, and the message in the payload of a topic frame or a publish effect;
/// `None` if it is too short.
#[must_use]
pub fn read_topic(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = word(payload, 0)? as usize;
    Some((payload.get(4..4usize.checked_add(len)?)?, payload.get(topic_head(payload)..)?))
}

/// Writes the payload of a topic frame or a publish effect.
pub fn write_topic(out: &mut Vec<u8>, topic: &str, message: &[u8]) {
    out.extend_from_slice(&(topic.len() as u32).to_le_bytes());
    out.extend_from_slice(topic.as_bytes());
    let padded = out.len().next_multiple_of(4);
    out.resize(padded, 0);
    out.extend_from_slice(message);
}

/// Reads the `u32` at `at`, or `None` past the end.
#[inline]
#[must_use]
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

/// Reads the frame that starts at `at`, or `None` when the rest is too short for it.
#[inline]
#[must_use]
pub fn read(bytes: &[u8], at: usize) -> Option<Frame<'_>> {
    let header: &[u8; HEADER_BYTES] = bytes.get(at..at.checked_add(HEADER_BYTES)?)?.try_into().ok()?;
    let [a, b, c, d, e, f] = words_of(header);
    let start = at + HEADER_BYTES;
    let payload = bytes.get(start..start.checked_add(a as usize)?)?;
    Some(Frame {
        kind: b as u16,
        flags: (b >> 16) as u16,
        corr: c,
        address: Address { index: d, tag: u64::from(e) | (u64::from(f) << 32) },
        payload,
    })
}

#[inline]
fn words_of(header: &[u8; HEADER_BYTES]) -> [u32; 6] {
    let mut words = [0u32; 6];
    for (word, raw) in words.iter_mut().zip(header.chunks_exact(4)) {
        *word = raw.try_into().map(u32::from_le_bytes).unwrap_or(0);
    }
    words
}

/// Walks frames; ends at the first one that does not fit, see [`Frames::rest`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Walks `bytes` from its start.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes not walked: zero after a well-formed vector.
    #[must_use]
    pub fn rest(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        let frame = read(self.bytes, self.at)?;
        let end = self.at + frame.encoded_len();
        if end > self.bytes.len() {
            return None;
        }
        self.at = end;
        Some(frame)
    }
}
