//! What handlers do about topics.

use troupe_actor::frame::{self, effect};
use troupe_actor::id::Address;

use super::Writer;
use crate::model::{Model, Party, TOPICS, TopicDeed, Wanted};

impl Model {
    /// Publishes, subscribes, or takes a subscription back.
    pub(super) fn deal_with_topics(&mut self, key: usize, hops: u32, writer: &mut Writer) {
        if self.random.permille(self.faults.subscribe) {
            self.subscribe_on(writer);
        }
        if hops > 0 && self.random.permille(self.faults.publish) {
            for _ in 0..=self.random.below(2) {
                self.publish_on(key, hops.saturating_sub(2), writer);
            }
        }
        // A subscription that is taken over in the turn that publishes to it is where mistakes lie.
        if self.random.permille(self.faults.subscribe / 2) {
            self.subscribe_on(writer);
        }
    }

    fn publish_on(&mut self, key: usize, hops: u32, writer: &mut Writer) {
        let (topic, retain) = (self.random.pick(&TOPICS), self.random.permille(250));
        let (id, message) = self.publication(Party::Actor(key), topic, retain, hops);
        writer.deed.topics.push(TopicDeed::Publish(id));
        let mut payload = Vec::new();
        frame::write_topic(&mut payload, topic, &message);
        writer.push(effect::PUBLISH, if retain { frame::FLAG_RETAIN } else { 0 }, 0, Address::NONE, &payload);
    }

    fn subscribe_on(&mut self, writer: &mut Writer) {
        let tag = 1 + self.random.below(3);
        if self.random.permille(300) {
            writer.deed.topics.push(TopicDeed::Unsubscribe(tag));
            return writer.push(effect::UNSUBSCRIBE, 0, tag, Address::NONE, &[]);
        }
        let wanted = Wanted::new(&mut self.random);
        writer.deed.topics.push(TopicDeed::Subscribe(tag, wanted));
        let mut payload = (wanted.pattern.len() as u32).to_le_bytes().to_vec();
        payload.extend_from_slice(&u32::from(wanted.once).to_le_bytes());
        payload.extend_from_slice(wanted.pattern.as_bytes());
        payload.resize(payload.len().next_multiple_of(4), 0);
        payload.extend_from_slice(wanted.group.unwrap_or_default().as_bytes());
        writer.push(effect::SUBSCRIBE, 0, tag, Address::NONE, &payload);
    }
}
