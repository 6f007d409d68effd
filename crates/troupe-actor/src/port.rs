//! Ports: environments outside the system, such as a JavaScript thread, that send messages and
//! wait for what becomes of them.

use crate::ask::AskError;
use crate::event::Event;
use crate::groups::Member;
use crate::id::Address;
use crate::reason::{Crash, ExitReason};
use crate::topics::TopicError;
use crate::tree::spec::TreeError;

/// Bytes of a completion's header.
pub const COMPLETION_BYTES: usize = 16;

/// The slot of completions that are work for the port's environment: the status is a kind of
/// [`work`], the payload a head of [`work::HEAD_BYTES`] bytes and then frames.
pub const WORK_SLOT: u32 = u32::MAX - 1;

/// A published message for an environment that is subscribed.
#[derive(Clone, Copy, Debug)]
pub struct TopicMessage<'a> {
    /// Who published it.
    pub publisher: Address,
    /// Its topic.
    pub topic: &'a str,
    /// The environment's own numbers of all its subscriptions that get it.
    pub tags: &'a [u32],
    /// The message.
    pub message: &'a [u8],
    /// It was kept from before the subscription.
    pub retained: bool,
}

/// What an environment is given to do for the actors that it runs.
pub mod work {
    /// Come up; the frames are the configuration.
    pub const START: u32 = 1;
    /// Handle these frames.
    pub const TURN: u32 = 2;
    /// Go down in order.
    pub const STOP: u32 = 3;
    /// The life has ended, and with it the job of this number, whatever comes of it; 0 when there
    /// was none.
    pub const ABANDONED: u32 = 4;
    /// The actor has ended for good: forget it.
    pub const ENDED: u32 = 5;
    /// Answer a health probe, with an effect of the kind [`HEALTH`](crate::frame::effect::HEALTH); a crash
    /// is an unhealthy answer.
    pub const HEALTH: u32 = 6;

    /// Bytes in front of the frames, eight words: address (index, tag low, tag high), job number,
    /// incarnation, definition, generation of the actor's cell, frames.
    pub const HEAD_BYTES: usize = 32;
}

/// Receives what its environment waits for. Called with a shard's lock held: it must only queue.
pub trait Port: Send + Sync {
    /// Takes completions: each a header of four `u32` words (payload length, slot, status, zero)
    /// and a payload padded to eight bytes. Status 0 is a value, [`AskError`]'s numbers are
    /// failures.
    fn deliver(&self, completions: &[u8]);

    /// A wait failed with more to say than a number.
    fn fail(&self, slot: u32, error: AskError, actor: &str, crash: &Crash);

    /// An actor came up, or failed to.
    fn started(&self, slot: u32, result: Result<(), &crate::reason::StartError>);

    /// An actor has ended, in this life of it; 0 for one of which nothing is known.
    fn ended(&self, slot: u32, reason: &ExitReason, incarnation: u32);

    /// A tree came up or is gone, or a request of a supervisor is done; or it failed.
    fn supervised(&self, slot: u32, result: Result<(), &TreeError>);

    /// An actor joined a group that the environment watches, or left it; `watch` is the environment's own
    /// number.
    fn group_changed(&self, watch: u32, member: &Member, joined: bool);

    /// Takes a published message, in order with everything else the environment is told. False when
    /// its queue is full, which the port counts; an environment without subscriptions takes none.
    fn publish(&self, message: &TopicMessage<'_>) -> bool {
        let _ = message;
        false
    }

    /// A topic that the environment published on is refused.
    fn refused(&self, slot: u32, error: &TopicError) {
        let _ = error;
        let mut bytes = Vec::new();
        write_completion(&mut bytes, slot, AskError::TopicInvalid as u32, &[]);
        self.deliver(&bytes);
    }

    /// Something happened.
    fn event(&self, event: &Event);

    /// Whether the environment wants events now.
    fn listens(&self) -> bool;
}

/// The header of a completion: bytes of payload, slot, status, and a word for the port's own use.
#[inline]
#[must_use]
pub fn completion_header(len: usize, slot: u32, status: u32, own: u32) -> [u8; COMPLETION_BYTES] {
    let mut header = [0u8; COMPLETION_BYTES];
    let words = [u32::try_from(len).unwrap_or(u32::MAX), slot, status, own];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    header
}

/// Appends a completion.
#[inline]
pub fn write_completion(out: &mut Vec<u8>, slot: u32, status: u32, payload: &[u8]) {
    write_parts(out, slot, status, [payload]);
}

/// Appends a completion whose payload is made of parts.
#[inline]
pub fn write_parts<const N: usize>(out: &mut Vec<u8>, slot: u32, status: u32, payload: [&[u8]; N]) {
    let len = payload.iter().map(|part| part.len()).sum::<usize>();
    out.extend_from_slice(&completion_header(len, slot, status, 0));
    for part in payload {
        out.extend_from_slice(part);
    }
    let padded = out.len().next_multiple_of(8);
    out.resize(padded, 0);
}
