//! Topics as TypeScript asks for them: subscriptions of the environment and of actors.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Null};
use napi_derive::napi;
use troupe_actor::topics::{SubscriptionSpec, TopicError, Unsubscribed};
use troupe_broker::limits::Limits;
use troupe_broker::topic::{Pattern, check_group, check_topic as check};

use crate::convert::from_words;
use crate::error::{Failure, number};
use crate::system::NativeSystem;

type Result<T> = std::result::Result<T, napi::Error<String>>;

/// A subscription that an actor is spawned with.
#[napi(object)]
pub struct NativeSubscription {
    pub pattern: String,
    pub group: Either<String, Null>,
    pub once: bool,
}

impl NativeSubscription {
    pub fn spec(&self) -> SubscriptionSpec {
        SubscriptionSpec {
            pattern: Arc::from(&*self.pattern),
            group: match &self.group {
                Either::A(group) => Some(Arc::from(&**group)),
                Either::B(_) => None,
            },
            once: self.once,
        }
    }
}

impl From<&TopicError> for Failure {
    fn from(error: &TopicError) -> Self {
        Self::new(number::TOPIC_INVALID, error.to_string())
    }
}

/// What is wrong with a topic to publish on, if anything is.
#[napi(catch_unwind)]
pub fn check_topic(topic: String) -> Option<String> {
    check(&topic, &Limits::default()).err().map(|error| error.to_string())
}

/// What is wrong with a pattern to subscribe to, or with the name of a queue group, if anything is.
#[napi(catch_unwind)]
pub fn check_pattern(pattern: String, group: Option<String>) -> Option<String> {
    let pattern = Pattern::parse(&pattern, &Limits::default()).err();
    let error = pattern.or_else(|| group.and_then(|group| check_group(&group).err()));
    error.map(|error| error.to_string())
}

#[napi]
impl NativeSystem {
    #[napi(catch_unwind)]
    pub fn subscribe(&self, tag: u32, subscription: NativeSubscription) -> Result<()> {
        let result = self.core.system.subscribe_port(self.core.port_index(), tag, &subscription.spec());
        result.map_err(|error| Failure::from(&error).into())
    }

    #[napi(catch_unwind)]
    pub fn unsubscribe(&self, tag: u32) -> bool {
        self.core.system.unsubscribe_port(self.core.port_index(), tag)
    }

    #[napi(catch_unwind)]
    pub fn subscribe_actor(
        &self,
        index: u32,
        tag_lo: u32,
        tag_hi: u32,
        subscription: NativeSubscription,
    ) -> Result<bool> {
        let result = self.core.system.subscribe_actor(from_words(index, tag_lo, tag_hi), &subscription.spec());
        result.map_err(|error| Failure::from(&error).into())
    }

    /// Nothing when there was no such subscription. Otherwise the number of the turn that this environment has
    /// with messages of it, and the tags of those; no numbers when there is none.
    #[napi(catch_unwind)]
    pub fn unsubscribe_actor(&self, index: u32, tag_lo: u32, tag_hi: u32, pattern: String) -> Option<Vec<u32>> {
        match self.core.system.unsubscribe_actor(from_words(index, tag_lo, tag_hi), &pattern) {
            Unsubscribed::Nothing => None,
            Unsubscribed::Done => Some(Vec::new()),
            Unsubscribed::InHand { job, tags } => Some([vec![job], tags].concat()),
        }
    }
}
