//! The subscriptions of one actor. They belong to its place: a restart keeps them (`TOP-9`).
//!
//! Whoever matches topics knows a subscription by a number that is never used again, so that what was
//! published to one that has ended is recognised when it comes; the actor knows it by its tag.

use std::sync::Arc;

use crate::frame::OUTSIDE_TAG;
use crate::topics::SubscriptionSpec;

/// Most subscriptions of one actor.
pub const MAX_PER_ACTOR: usize = 1_000;

/// One of them.
#[derive(Debug)]
struct Held {
    number: u32,
    tag: u32,
    spec: SubscriptionSpec,
}

/// Those of one actor.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// By number, which only grows.
    held: Vec<Held>,
    last: u32,
    /// Tags of subscriptions that ended while messages of them may have been in the actor's hands.
    unwanted: Vec<u32>,
}

/// The place of a subscription that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub number: u32,
    pub tag: u32,
    /// The one it takes over from, if that was to something else.
    pub ends: Option<u32>,
}

impl Subscriptions {
    /// The tag of a subscription, if it has not ended.
    #[must_use]
    pub fn tag_of(&self, number: u32) -> Option<u32> {
        let at = self.held.binary_search_by_key(&number, |held| held.number).ok()?;
        self.held.get(at).map(|held| held.tag)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Finds the place of a subscription with this tag; without one, of the one to the same pattern in the
    /// same group that was made from outside. `None` when there is no room for one more.
    pub(crate) fn slot(&self, tag: Option<u32>, spec: &SubscriptionSpec) -> Option<Slot> {
        let known = self.held.iter().find(|held| match tag {
            Some(tag) => held.tag == tag,
            None => held.is_outside() && held.is_like(spec),
        });
        let next = self.last + 1;
        match known {
            // A guest subscribes again in each life: nothing that is on its way is lost by that.
            Some(held) if held.is_like(spec) => Some(Slot { number: held.number, tag: held.tag, ends: None }),
            Some(held) => Some(Slot { number: next, tag: held.tag, ends: Some(held.number) }),
            None if self.held.len() >= MAX_PER_ACTOR || next >= OUTSIDE_TAG => None,
            None => Some(Slot { number: next, tag: tag.unwrap_or(OUTSIDE_TAG | next), ends: None }),
        }
    }

    /// Enters a subscription that was made.
    pub(crate) fn enter(&mut self, slot: Slot, spec: SubscriptionSpec) {
        self.last = self.last.max(slot.number);
        self.held.retain(|held| Some(held.number) != slot.ends && held.number != slot.number);
        let at = self.held.partition_point(|held| held.number < slot.number);
        self.held.insert(at, Held { number: slot.number, tag: slot.tag, spec });
    }

    /// Takes the subscription with this tag out; its number.
    pub(crate) fn remove(&mut self, tag: u32) -> Option<u32> {
        let at = self.held.iter().position(|held| held.tag == tag)?;
        Some(self.held.remove(at).number)
    }

    /// Tags of the subscriptions to this pattern that were made from outside.
    pub(crate) fn outside(&self, pattern: &str) -> Vec<u32> {
        let all = self.held.iter().filter(|held| held.is_outside() && &*held.spec.pattern == pattern);
        all.map(|held| held.tag).collect()
    }

    /// Messages with this tag that are with the running turn are to be dropped when they come back.
    pub(crate) fn drop_later(&mut self, tag: u32) {
        self.unwanted.push(tag);
    }

    /// Whether messages are to be dropped.
    pub(crate) const fn has_unwanted(&self) -> bool {
        !self.unwanted.is_empty()
    }

    pub(crate) fn take_unwanted(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.unwanted)
    }
}

impl Held {
    const fn is_outside(&self) -> bool {
        self.tag >= OUTSIDE_TAG
    }

    fn is_like(&self, spec: &SubscriptionSpec) -> bool {
        self.spec.pattern == spec.pattern && self.spec.group == spec.group
    }
}

impl SubscriptionSpec {
    /// To a pattern, in no group.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self { pattern: Arc::from(pattern), group: None, once: false }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PER_ACTOR, OUTSIDE_TAG, Slot, Subscriptions};
    use crate::topics::SubscriptionSpec;

    fn add(subscriptions: &mut Subscriptions, tag: Option<u32>, pattern: &str) -> Option<Slot> {
        let spec = SubscriptionSpec::new(pattern);
        let slot = subscriptions.slot(tag, &spec)?;
        subscriptions.enter(slot, spec);
        Some(slot)
    }

    #[test]
    fn a_number_is_of_one_subscription_for_ever() {
        let mut all = Subscriptions::default();
        assert_eq!(add(&mut all, Some(7), "a"), Some(Slot { number: 1, tag: 7, ends: None }));
        assert_eq!(add(&mut all, Some(7), "a"), Some(Slot { number: 1, tag: 7, ends: None }), "again");
        assert_eq!(add(&mut all, Some(7), "b"), Some(Slot { number: 2, tag: 7, ends: Some(1) }), "taken over");
        assert_eq!((all.tag_of(1), all.tag_of(2), all.len()), (None, Some(7), 1));
        assert_eq!(all.remove(7), Some(2));
        assert_eq!(add(&mut all, Some(7), "b"), Some(Slot { number: 3, tag: 7, ends: None }));
    }

    #[test]
    fn those_from_outside_go_by_their_pattern() {
        let mut all = Subscriptions::default();
        add(&mut all, Some(1), "a");
        assert_eq!(add(&mut all, None, "a").map(|slot| slot.tag), Some(OUTSIDE_TAG | 2));
        assert_eq!(add(&mut all, None, "a").map(|slot| slot.number), Some(2), "the same one");
        assert_eq!(all.outside("a"), [OUTSIDE_TAG | 2]);
        assert!(all.outside("b").is_empty());
    }

    #[test]
    fn an_actor_has_so_many_at_most() {
        let mut all = Subscriptions::default();
        for tag in 0..MAX_PER_ACTOR as u32 {
            assert!(add(&mut all, Some(tag), "a").is_some());
        }
        assert_eq!(add(&mut all, Some(u32::MAX >> 1), "a"), None);
        assert!(add(&mut all, Some(3), "b").is_some(), "one in place of another");
    }
}
