//! Asks that are made on behalf of others: what they inherit (`ASK-1`), and whether they would wait for
//! themselves (`REE-2`, `REE-3`).

use super::{Deed, Kind, Model};

impl Model {
    /// The turn that made these asks succeeded: their deadlines and chains are fixed now, before its
    /// own answers settle anything.
    pub(super) fn commit_chains(&mut self, key: usize, deed: &Deed) {
        for id in deed.emitted.iter().copied() {
            self.messages[id].at = self.now;
            let Kind::Ask(_, timeout) = self.messages[id].kind else { continue };
            let own = self.now + u64::from(timeout) + 1;
            let parent = self.messages[id].parent;
            let limit = parent.map_or(u64::MAX, |parent| self.messages[parent].due);
            // Nobody waits any more for what was settled meanwhile.
            let open = parent.filter(|parent| self.messages[*parent].settled.is_none());
            let mut chain = open.map(|parent| self.messages[parent].chain.clone()).unwrap_or_default();
            let message = &mut self.messages[id];
            if message.awaited {
                chain.push(key);
            }
            message.due = own.min(limit);
            message.cycle = message.to.is_some_and(|to| to == key || chain.contains(&to));
            message.chain = chain;
            let message = &self.messages[id];
            self.note(|| {
                let (due, chain, cycle) = (message.due, &message.chain, message.cycle);
                format!("m{id} is due at {due}, for {parent:?}, {chain:?} wait, in a cycle: {cycle}")
            });
        }
    }
}
