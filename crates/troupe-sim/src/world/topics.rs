//! Topics from outside: ports publish and subscribe, for themselves and for actors.

use troupe_actor::frame::{self, Frame};
use troupe_actor::record::{self, FLAG_CONFIRM, Record};
use troupe_actor::topics::Unsubscribed;

use super::World;
use crate::model::{PATTERNS, Party, TOPICS, Waits, Wanted};

/// Most subscriptions of ports.
const LISTENING: usize = 6;

impl World {
    /// A port publishes, and may wait for the number of copies.
    pub(super) fn publish(&mut self) {
        let (port, me) = self.port();
        let mut bytes = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let (topic, retain) = (self.random.pick(&TOPICS), self.random.permille(250));
            let slot = if self.random.coin() { self.slot() } else { 0 };
            let hops = self.random.below(self.profile.hops + 1).saturating_sub(1);
            let mut model = self.model.lock();
            let (id, message) = model.publication(Party::Port(port), topic, retain, hops);
            if slot != 0 {
                model.wait(port, slot, Waits::Publication(id));
            }
            model.publish(id);
            drop(model);
            let mut payload = Vec::new();
            frame::write_topic(&mut payload, topic, &message);
            let confirm = if slot == 0 { 0 } else { FLAG_CONFIRM };
            let flags = confirm | if retain { frame::FLAG_RETAIN } else { 0 };
            let frame = Frame { kind: record::kind::PUBLISH, flags, corr: slot, address: me, payload: &payload };
            Record { target: me, word: 0, frame }.write_to(&mut bytes);
        }
        self.system.inject_published(&bytes, false);
        self.check(None);
    }

    /// Somebody subscribes an actor, or takes back what others subscribed it to.
    pub(super) fn subscribe(&mut self) {
        let Some(key) = self.actor() else { return };
        let address = self.before_request(key);
        let lives = {
            let model = self.model.lock();
            let actor = &model.actors[key];
            actor.is_live() && actor.ending.is_none() && !actor.killed
        };
        if self.random.permille(400) {
            let pattern = self.random.pick(&PATTERNS);
            let expected = self.model.lock().unsubscribe_outside(key, pattern);
            let found = self.system.unsubscribe_actor(address, pattern) != Unsubscribed::Nothing;
            self.model.lock().require(found == expected, "TOP-9", || {
                format!("#{key} was subscribed to {pattern} from outside: {expected}, said: {found}")
            });
            return self.check(None);
        }
        let wanted = Wanted::new(&mut self.random);
        if lives {
            self.model.lock().subscribe(key, None, wanted);
        }
        let made = self.system.subscribe_actor(address, &wanted.spec());
        self.model
            .lock()
            .require(made == Ok(lives), "TOP-9", || format!("#{key} may subscribe: {lives}, said: {made:?}"));
        self.check(None);
    }

    /// A port subscribes, or takes that back.
    pub(super) fn listen(&mut self) {
        let full = self.listening.len() >= LISTENING;
        if full || (!self.listening.is_empty() && self.random.permille(300)) {
            let at = self.random.below(self.listening.len() as u32) as usize;
            let (port, tag) = self.listening.swap_remove(at);
            let expected = self.model.lock().unsubscribe_port(port, tag);
            let found = self.system.unsubscribe_port(port, tag);
            self.model.lock().require(found && expected, "TOP-7", || format!("port {port} had no subscription {tag}"));
            return self.check(None);
        }
        let (port, _) = self.port();
        let tag = self.slot();
        self.listening.push((port, tag));
        let wanted = Wanted::new(&mut self.random);
        self.model.lock().subscribe_port(port, tag, wanted);
        let made = self.system.subscribe_port(port, tag, &wanted.spec());
        self.model.lock().require(made.is_ok(), "TOP-7", || format!("port {port} is refused: {made:?}"));
        self.check(None);
    }
}
