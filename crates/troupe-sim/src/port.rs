//! A port that tells the model what it is told.

use std::sync::{Arc, OnceLock, Weak};

use troupe_actor::ask::AskError;
use troupe_actor::event::Event;
use troupe_actor::frame;
use troupe_actor::groups::Member;
use troupe_actor::port::{COMPLETION_BYTES, Port, TopicMessage, WORK_SLOT};
use troupe_actor::reason::{Crash, ExitReason, StartError};
use troupe_actor::shared::Shared;
use troupe_actor::tree::spec::TreeError;

use crate::model::Handle;

/// One of the run's environments.
pub struct SimPort {
    /// The model.
    pub model: Handle,
    /// Its index.
    pub index: OnceLock<u32>,
    /// What the shards share, for looking up names when an end is told.
    pub shared: OnceLock<Weak<Shared>>,
    /// Events come to one of the ports only.
    pub listens: bool,
}

impl SimPort {
    fn index(&self) -> u32 {
        self.index.get().copied().unwrap_or_default()
    }
}

impl Port for SimPort {
    fn deliver(&self, completions: &[u8]) {
        let mut at = 0;
        while at < completions.len() {
            let word = |index: usize| frame::word(completions, at + 4 * index).unwrap_or_default();
            let (len, slot, status) = (word(0) as usize, word(1), word(2));
            let start = at + COMPLETION_BYTES;
            let payload = completions.get(start..start + len).unwrap_or_default();
            if slot == WORK_SLOT {
                self.model.lock().work(status, payload);
            } else {
                self.model.lock().completed(self.index(), slot, status, payload);
            }
            at = start + frame::padded(len);
        }
    }

    fn fail(&self, slot: u32, error: AskError, _actor: &str, _crash: &Crash) {
        self.model.lock().crashed(self.index(), slot, error);
    }

    fn started(&self, slot: u32, result: Result<(), &StartError>) {
        self.model.lock().started(self.index(), slot, result.map_err(|error| error.crash.tag));
    }

    fn ended(&self, slot: u32, reason: &ExitReason, _incarnation: u32) {
        let shared: Option<Arc<Shared>> = self.shared.get().and_then(Weak::upgrade);
        let holder = |name: &str| shared.as_ref().and_then(|shared| shared.names.find(name));
        let is_in = |group: &str, address| {
            shared.as_ref().is_some_and(|shared| {
                shared.groups.members(group).iter().any(|member: &Member| member.address == address)
            })
        };
        self.model.lock().down(self.index(), slot, reason, holder, is_in);
    }

    fn supervised(&self, slot: u32, _result: Result<(), &TreeError>) {
        self.model.lock().tree_told(self.index(), slot);
    }

    fn group_changed(&self, watch: u32, member: &Member, joined: bool) {
        self.model.lock().group_changed(self.index(), watch, member, joined);
    }

    fn publish(&self, message: &TopicMessage<'_>) -> bool {
        self.model.lock().published_to(self.index(), message)
    }

    fn event(&self, event: &Event) {
        self.model.lock().event(event);
    }

    fn listens(&self) -> bool {
        self.listens
    }
}
