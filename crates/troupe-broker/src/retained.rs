//! Last values: what was published on a topic with the wish that whoever subscribes later gets it, too.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use troupe_actor::id::Address;
use troupe_actor::topics::TopicError;

use crate::limits::Limits;
use crate::topic::{Pattern, Tail, quoted};

/// The last value of one topic.
#[derive(Clone, Debug)]
struct Value {
    publisher: Address,
    payload: Box<[u8]>,
}

/// Last values by topic. The order of topics makes those with a common beginning neighbours.
#[derive(Debug, Default)]
pub struct Retained {
    values: BTreeMap<Arc<str>, Value>,
    /// Bytes of all topics and payloads.
    bytes: usize,
}

impl Retained {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Bytes of all topics and payloads.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the value in place of the one before; an empty payload only forgets that one.
    ///
    /// # Errors
    /// The bound that it would go beyond; the value before stays.
    pub fn keep(&mut self, topic: &str, publisher: Address, payload: &[u8], limits: &Limits) -> Result<(), TopicError> {
        if payload.is_empty() {
            if let Some(old) = self.values.remove(topic) {
                self.bytes -= topic.len() + old.payload.len();
            }
            return Ok(());
        }
        let full = |bound: String| TopicError::RetainedFull { topic: quoted(topic), bound };
        let before = self.values.get(topic).map(|old| topic.len() + old.payload.len());
        if before.is_none() && self.values.len() >= limits.retained_values {
            return Err(full(format!("a system keeps at most {} last values", limits.retained_values)));
        }
        let bytes = self.bytes - before.unwrap_or(0) + topic.len() + payload.len();
        if bytes > limits.retained_bytes {
            let (most, free) = (limits.retained_bytes, limits.retained_bytes - (self.bytes - before.unwrap_or(0)));
            return Err(full(format!(
                "a system keeps at most {most} bytes of last values, and {free} are free for this one of {}",
                topic.len() + payload.len()
            )));
        }
        self.bytes = bytes;
        let value = Value { publisher, payload: payload.into() };
        match self.values.get_mut(topic) {
            Some(old) => *old = value,
            None => drop(self.values.insert(topic.into(), value)),
        }
        Ok(())
    }

    /// Calls `found` with every last value whose topic matches, in the order of topics. Looks only at
    /// topics that begin as the pattern does.
    pub fn matching(&self, pattern: &Pattern<'_>, found: &mut dyn FnMut(&str, Address, &[u8])) {
        if self.values.is_empty() {
            return;
        }
        let prefix = pattern.prefix();
        if prefix.is_empty() {
            return self.matching_from("", pattern, found);
        }
        // The topic that is the prefix itself is no neighbour of those that it begins: `a`, `a-b`, `a.b`.
        if (pattern.literal().is_some() || pattern.tail() == Tail::Any)
            && pattern.matches(prefix)
            && let Some(value) = self.values.get(prefix)
        {
            found(prefix, value.publisher, &value.payload);
        }
        if pattern.literal().is_none() {
            self.matching_from(&format!("{prefix}."), pattern, found);
        }
    }

    fn matching_from(&self, beginning: &str, pattern: &Pattern<'_>, found: &mut dyn FnMut(&str, Address, &[u8])) {
        let from = (Bound::Included(beginning), Bound::Unbounded);
        for (topic, value) in self.values.range::<str, _>(from) {
            if !topic.starts_with(beginning) {
                break;
            }
            if pattern.matches(topic) {
                found(topic, value.publisher, &value.payload);
            }
        }
    }
}
