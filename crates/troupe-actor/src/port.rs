//! Ports: environments outside the system, such as a JavaScript thread, that send messages and
//! wait for what becomes of them.

use crate::ask::AskError;
use crate::event::Event;
use crate::reason::{Crash, ExitReason};

/// Bytes of a completion's header.
pub const COMPLETION_BYTES: usize = 16;

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

    /// An actor has ended.
    fn ended(&self, slot: u32, reason: &ExitReason);

    /// Something happened.
    fn event(&self, event: &Event);

    /// Whether the environment wants events now.
    fn listens(&self) -> bool;
}

/// Appends a completion.
#[inline]
pub fn write_completion(out: &mut Vec<u8>, slot: u32, status: u32, payload: &[u8]) {
    let mut header = [0u8; COMPLETION_BYTES];
    let words = [u32::try_from(payload.len()).unwrap_or(u32::MAX), slot, status, 0];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    let padded = out.len().next_multiple_of(8);
    out.resize(padded, 0);
}
