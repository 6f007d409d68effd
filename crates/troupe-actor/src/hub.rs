//! What the shards of a system share about topics: who is subscribed, how many published messages
//! nobody wanted, and publishers that wait for a count.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::cell::Waiter;
use crate::id::Address;
use crate::port::{Port, write_completion};
use crate::topics::{Route, TopicError, Topics};

/// Topics, as a system has them.
pub struct Hub {
    /// Who is subscribed to what.
    pub topics: Arc<dyn Topics>,
    /// A message that nobody is subscribed to becomes a dead letter.
    pub unheard_letters: bool,
    unheard: AtomicU64,
    /// Confirmed publishes under way: shards that have not answered yet, and copies accepted so far.
    /// No more than a port has slots.
    open: Mutex<HashMap<(u32, u32), (u32, u32)>>,
}

impl Hub {
    /// For a system with these topics.
    #[must_use]
    pub fn new(topics: Arc<dyn Topics>, unheard_letters: bool) -> Self {
        Self { topics, unheard_letters, unheard: AtomicU64::new(0), open: Mutex::default() }
    }

    /// Who gets a message, which is kept as the last of its topic if `retain` says so.
    ///
    /// # Errors
    /// The topic is not allowed, or there is no room to keep the message.
    pub fn route(
        &self,
        topic: &[u8],
        publisher: Address,
        message: &[u8],
        retain: bool,
    ) -> Result<Arc<Route>, TopicError> {
        let topic = text(topic)?;
        if retain { self.topics.retain(topic, publisher, message) } else { self.topics.route(topic) }
    }

    /// Counts a message that nobody is subscribed to.
    pub fn count_unheard(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that nobody was subscribed to.
    #[must_use]
    pub fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }

    /// A port forgets what it waited for.
    pub(crate) fn forget_port(&self, port: u32) {
        self.open.lock().retain(|(waiting, _), _| *waiting != port);
        self.topics.forget(Address { index: Address::PORT | port, tag: 0 });
    }

    /// A port waits for what `parts` shards and groups accept; `accepted` copies are accepted already.
    pub(crate) fn open(&self, port: &dyn Port, waiter: Waiter, parts: u32, accepted: u32) {
        if parts == 0 {
            return complete(port, waiter.slot, accepted);
        }
        self.open.lock().insert((waiter.port, waiter.slot), (parts, accepted));
    }

    /// One of the parts has accepted so many copies. Returns the count once it is whole.
    pub(crate) fn confirm(&self, waiter: Waiter, accepted: u32) -> Option<u32> {
        let mut open = self.open.lock();
        let (parts, sum) = open.get_mut(&(waiter.port, waiter.slot))?;
        *sum += accepted;
        *parts -= 1;
        let (parts, sum) = (*parts, *sum);
        if parts > 0 {
            return None;
        }
        open.remove(&(waiter.port, waiter.slot));
        Some(sum)
    }
}

/// A topic, a pattern or the name of a queue group as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, TopicError> {
    std::str::from_utf8(bytes).map_err(|error| TopicError::Invalid {
        topic: String::from_utf8_lossy(bytes).chars().take(64).collect(),
        at: error.valid_up_to(),
        rule: "it is UTF-8".to_owned(),
    })
}

/// Tells a publisher how many copies were accepted.
fn complete(port: &dyn Port, slot: u32, accepted: u32) {
    let mut bytes = Vec::new();
    write_completion(&mut bytes, slot, 0, &accepted.to_le_bytes());
    port.deliver(&bytes);
}
