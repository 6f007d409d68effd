//! What TypeScript asks of trees: to start them, to change them, to look at them, and to hear of ends.

use std::sync::Arc;

use napi::bindgen_prelude::{Uint8Array, Uint32Array};
use napi_derive::napi;
use troupe_actor::id::Address;
use troupe_actor::port::Port;
use troupe_actor::spec::SpawnArgs;
use troupe_actor::tree::spec::{SupervisorId, TreeRequest};

use crate::convert::from_words;
use crate::error::{Failure, number};
use crate::supervisor::{self, NativeChild, NativeNode, NativePlace, NativeSupervisor, NativeTree};
use crate::system::NativeSystem;

type Result<T> = std::result::Result<T, napi::Error<String>>;

#[napi]
impl NativeSystem {
    #[napi(catch_unwind)]
    pub fn supervise(&self, node: NativeNode, slot: u32) -> Result<NativePlace> {
        let core = &self.core;
        let key = node.key.clone();
        let spec = supervisor::tree_spec(core, node)?;
        let supervised = core.system.supervise(spec, Some(core.waiter(slot))).map_err(|error| Failure::from(&error))?;
        Ok(supervisor::supervised(key, supervised))
    }

    #[napi(catch_unwind)]
    pub fn start_pool(&self, node: NativeNode, slot: u32) -> Result<NativePlace> {
        let core = &self.core;
        let key = node.key.clone();
        let spec = supervisor::pool_spec(core, node)?;
        let (id, _) = core.system.pool(spec, Some(core.waiter(slot))).map_err(|error| Failure::from(&error))?;
        Ok(supervisor::pool(key, id))
    }

    #[napi(catch_unwind)]
    pub fn start_child(&self, supervisor: u32, node: NativeNode, slot: u32) -> Result<Option<NativePlace>> {
        let core = &self.core;
        let key = node.key.clone();
        let request = TreeRequest::StartChild(supervisor::tree_node(core, node)?);
        let member = core.system.supervisor_request(SupervisorId(supervisor), request, Some(core.waiter(slot)));
        Ok(member.map_err(|error| Failure::from(&error))?.map(|member| supervisor::place(key, member)))
    }

    #[napi(catch_unwind)]
    pub fn start_member(&self, pool: u32, slot: u32) -> Result<NativePlace> {
        let core = &self.core;
        let spawned = core.system.pool_start(SupervisorId(pool), SpawnArgs::default(), Some(core.waiter(slot)));
        let spawned = spawned.map_err(|error| Failure::from(&error))?;
        if spawned.ready {
            // It came up here and now; nobody else will say so.
            core.port.started(slot, Ok(()));
        }
        Ok(supervisor::actor(String::new(), spawned.address, spawned.id))
    }

    #[napi(catch_unwind)]
    pub fn child_request(&self, supervisor: u32, what: u32, key: String, slot: u32) -> Result<()> {
        let core = &self.core;
        let request = supervisor::request(what, key);
        let asked = core.system.supervisor_request(SupervisorId(supervisor), request, Some(core.waiter(slot)));
        asked.map_err(|error| Failure::from(&error))?;
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn supervisor_stop(&self, supervisor: u32, slot: u32) {
        self.core.system.supervisor_stop(SupervisorId(supervisor), Some(self.core.waiter(slot)));
    }

    #[napi(catch_unwind)]
    pub fn supervisor_watch(&self, supervisor: u32, slot: u32) {
        self.core.system.supervisor_watch(SupervisorId(supervisor), self.core.waiter(slot));
    }

    #[napi(catch_unwind)]
    pub fn supervisor_info(&self, supervisor: u32) -> Option<NativeSupervisor> {
        self.core.system.supervisor_info(SupervisorId(supervisor)).as_ref().map(NativeSupervisor::from)
    }

    #[napi(catch_unwind)]
    pub fn pool_members(&self, pool: u32) -> Vec<NativeChild> {
        self.core.system.members(SupervisorId(pool)).iter().map(NativeChild::from).collect()
    }

    /// How the members of a pool stand: the count of its changes, then of each member in the list
    /// (index, tag low, tag high) its readiness and how many messages it has. Empty when the pool is gone.
    #[napi(catch_unwind)]
    pub fn pool_standings(&self, pool: u32, members: Uint32Array) -> Uint32Array {
        let system = &self.core.system;
        let Some(changes) = system.pool_changes(SupervisorId(pool)) else { return Vec::new().into() };
        let mut standings = Vec::with_capacity(1 + members.len() / 3 * 2);
        standings.push(changes);
        for member in members.chunks_exact(3) {
            let (readiness, messages) = system.standing(address(member));
            standings.extend([readiness as u32, messages]);
        }
        standings.into()
    }

    #[napi(catch_unwind)]
    pub fn refuse_unroutable(&self, path: String, payload: Uint8Array) {
        let sender = Address { index: Address::PORT | self.core.port_index, tag: 0 };
        self.core.system.refuse_unroutable(sender, Arc::from(path), &payload);
    }

    #[napi(catch_unwind)]
    pub fn tree(&self) -> Result<NativeTree> {
        let system = &self.core.system;
        let tree = system.tree().ok_or_else(|| Failure::new(number::SHUTDOWN, "there is no tree"))?;
        Ok(NativeTree::from(&tree).with_user(&system.members(SupervisorId::USER)))
    }

    #[napi(catch_unwind)]
    pub fn monitor(&self, index: u32, tag_lo: u32, tag_hi: u32, slot: u32) {
        self.core.system.monitor(from_words(index, tag_lo, tag_hi), self.core.waiter(slot));
    }

    #[napi(catch_unwind)]
    pub fn demonitor(&self, index: u32, tag_lo: u32, tag_hi: u32, slot: u32) {
        self.core.system.demonitor(from_words(index, tag_lo, tag_hi), self.core.waiter(slot));
    }

    #[napi(catch_unwind)]
    pub fn monitor_for(&self, watcher: Vec<u32>, target: Vec<u32>, tag: u32) {
        self.core.system.watch_for(address(&watcher), address(&target), tag);
    }

    #[napi(catch_unwind)]
    pub fn demonitor_for(&self, watcher: Vec<u32>, tag: u32) {
        self.core.system.unwatch_for(address(&watcher), tag);
    }

    #[napi(catch_unwind)]
    pub fn link(&self, one: Vec<u32>, other: Vec<u32>) {
        self.core.system.link(address(&one), address(&other));
    }

    #[napi(catch_unwind)]
    pub fn unlink(&self, one: Vec<u32>, other: Vec<u32>) {
        self.core.system.unlink(address(&one), address(&other));
    }
}

/// An address of which more is known: only its first three words matter.
fn address(words: &[u32]) -> Address {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    from_words(word(0), word(1), word(2))
}
