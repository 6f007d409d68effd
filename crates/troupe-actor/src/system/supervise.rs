//! Trees from outside: supervisors and pools are made, asked, looked at and ended here.
//!
//! The places of a tree are made first, shard by shard, so that its addresses are known at once and
//! messages may come before the actors live; then the tree on the first shard begins their lives.

use std::collections::HashSet;
use std::sync::Arc;

use super::{ActorSystem, Spawned};
use crate::cell::{Place, Waiter};
use crate::error::SpawnError;
use crate::id::{ActorId, Address};
use crate::record;
use crate::registry::check_name;
use crate::shard::Shard;
use crate::shared::Shared;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::tree::info::{ChildKind, SupervisorInfo, TreeView};
use crate::tree::plant::{Plant, PlantKind};
use crate::tree::requests::{AddError, ChildRequest};
use crate::tree::spec::{
    Member, Parent, ParentKind, PoolSpec, Supervised, SupervisorId, TreeError, TreeNode, TreeRequest, TreeSpec,
};

/// What was reserved for a tree so far; taken back if the rest fails (`SUP-3`).
#[derive(Default)]
struct Reserved {
    places: Vec<Address>,
}

impl ActorSystem {
    /// Brings a tree up at the top level. The waiter hears when every child is up, or which one
    /// failed; then nothing of the tree is left (`SUP-3`).
    ///
    /// # Errors
    /// When a name or key is taken or illegal, or the system is closing; nothing is left then either.
    pub fn supervise(&self, spec: TreeSpec, waiter: Option<Waiter>) -> Result<Supervised, SpawnError> {
        match self.plant(&self.root()?, TreeNode::Supervisor(spec), waiter)? {
            Member::Supervisor(supervised) => Ok(supervised),
            Member::Actor(..) | Member::Pool(..) => Err(SpawnError::Full),
        }
    }

    /// Makes a pool at the top level, with the members it begins with. The waiter hears when they are
    /// up.
    ///
    /// # Errors
    /// As [`ActorSystem::supervise`].
    pub fn pool(
        &self,
        spec: PoolSpec,
        waiter: Option<Waiter>,
    ) -> Result<(SupervisorId, Vec<(Address, ActorId)>), SpawnError> {
        match self.plant(&self.root()?, TreeNode::Pool(spec), waiter)? {
            Member::Pool(id, members) => Ok((id, members)),
            Member::Actor(..) | Member::Supervisor(..) => Err(SpawnError::Full),
        }
    }

    /// One more member of a pool: a spawn under that pool.
    ///
    /// # Errors
    /// As [`ActorSystem::spawn`]; [`SpawnError::Shutdown`] too when there is no such pool.
    pub fn pool_start(
        &self,
        pool: SupervisorId,
        args: SpawnArgs,
        waiter: Option<Waiter>,
    ) -> Result<Spawned, SpawnError> {
        let spec = self.with_tree(|shard, _| shard.tree().pool_spec(pool)).flatten();
        self.spawn(&spec.ok_or(SpawnError::Shutdown)?, args, waiter)
    }

    /// Asks something of a supervisor (`SUP-5`); the waiter hears when it is done. A child to be
    /// started has its addresses at once.
    ///
    /// # Errors
    /// As [`ActorSystem::supervise`].
    pub fn supervisor_request(
        &self,
        id: SupervisorId,
        request: TreeRequest,
        waiter: Option<Waiter>,
    ) -> Result<Option<Member>, SpawnError> {
        let (key, what) = match request {
            TreeRequest::StartChild(node) => {
                return match self.supervisor(id) {
                    Some(parent) => self.plant(&parent, node, waiter).map(Some),
                    None => {
                        self.refuse(waiter, &TreeError::NotFound);
                        Ok(None)
                    }
                };
            }
            TreeRequest::StopChild(key) => (key, ChildRequest::Stop),
            TreeRequest::RestartChild(key) => (key, ChildRequest::Restart),
            TreeRequest::DeleteChild(key) => (key, ChildRequest::Delete),
        };
        self.with_tree(|shard, shared| shard.tree_request(shared, id, (&key, what), waiter));
        Ok(None)
    }

    /// Ends a supervisor or a pool for good, with all that is below it (`SUP-7`); the waiter hears when
    /// it is gone, at once if it was.
    pub fn supervisor_stop(&self, id: SupervisorId, waiter: Option<Waiter>) {
        self.with_tree(|shard, shared| shard.tree_stop(shared, id, waiter));
    }

    /// The waiter hears why a supervisor or a pool ended for good, when every actor below it is gone; at
    /// once if it has.
    pub fn supervisor_watch(&self, id: SupervisorId, waiter: Waiter) {
        self.with_tree(|shard, shared| shard.tree_watch(shared, id, waiter));
    }

    /// A supervisor or a pool as it stands, with its children; `None` when it is gone.
    #[must_use]
    pub fn supervisor_info(&self, id: SupervisorId) -> Option<SupervisorInfo> {
        let mut info = self.with_tree(|shard, _| shard.tree().info(shard.now(), id)).flatten()?;
        for child in &mut info.children {
            let ChildKind::Actor(Some((address, _))) = child.kind else { continue };
            let Some(status) = self.status(address).filter(|status| status.id.is_some()) else { continue };
            child.status = status.status;
            child.queued = status.queued;
            child.uptime_ms = status.uptime_ms;
            child.incarnation = status.incarnation;
        }
        if info.strategy.is_none() {
            info.children = self.members(id);
        }
        Some(info)
    }

    /// The actors of a pool that have not ended; [`SupervisorId::USER`] has those that were spawned.
    #[must_use]
    pub fn members(&self, pool: SupervisorId) -> Vec<crate::tree::info::ChildInfo> {
        self.shards.iter().flat_map(|handle| handle.state.lock().members(pool)).collect()
    }

    /// The whole tree, from the root.
    #[must_use]
    pub fn tree(&self) -> Option<TreeView> {
        self.view(SupervisorId::ROOT)
    }

    fn view(&self, id: SupervisorId) -> Option<TreeView> {
        let info = self.supervisor_info(id)?;
        let below = info.children.iter().filter_map(|child| match child.kind {
            ChildKind::Supervisor(below) | ChildKind::Pool(below) => self.view(below),
            ChildKind::Actor(_) => None,
        });
        Some(TreeView { below: below.collect(), info })
    }

    /// What ports say after the shutdown began: answers of environments are taken, messages refused.
    pub(super) fn inject_late(&self, records: &[u8]) -> usize {
        let mut at = 0;
        while let Some(record) = record::read(records, at) {
            at += record.encoded_len();
            self.with_shard(record.target, |shard, shared| shard.take_late(shared, &record));
        }
        at
    }

    /// Does something to the shard that has the tree.
    pub(super) fn with_tree<T>(&self, act: impl FnOnce(&mut Shard, &Shared) -> T) -> Option<T> {
        self.with_shard(Address { index: 0, tag: 0 }, act)
    }

    fn refuse(&self, waiter: Option<Waiter>, error: &TreeError) {
        if let Some(waiter) = waiter
            && let Some(port) = self.shared.port(waiter.port)
        {
            port.supervised(waiter.slot, Err(error));
        }
    }

    /// What the children of a supervisor know of it; `None` when there is no such supervisor.
    fn supervisor(&self, id: SupervisorId) -> Option<Arc<Parent>> {
        let parent = self.with_tree(|shard, _| shard.tree().parent(id)).flatten();
        parent.filter(|parent| parent.kind == ParentKind::Supervisor)
    }

    fn root(&self) -> Result<Arc<Parent>, SpawnError> {
        self.supervisor(SupervisorId::ROOT).ok_or(SpawnError::Shutdown)
    }

    /// Makes the places of a node and hands it to its supervisor.
    fn plant(&self, above: &Arc<Parent>, node: TreeNode, waiter: Option<Waiter>) -> Result<Member, SpawnError> {
        if self.shared.is_closing() {
            return Err(SpawnError::Shutdown);
        }
        let mut reserved = Reserved::default();
        let planted = self.reserve(above, 0, node, &mut reserved);
        let (plant, member) = planted.inspect_err(|_| self.take_back(&reserved))?;
        let key = Arc::clone(&plant.key);
        // What is refused is dropped outside the lock: giving a component back may take its time.
        let added = self.with_tree(|shard, shared| shard.tree_add(shared, above.id, plant, waiter));
        match added {
            Some(Ok(())) => Ok(member),
            refused => {
                self.take_back(&reserved);
                Err(match refused.and_then(Result::err).map(|refused| refused.1) {
                    Some(AddError::KeyTaken) => SpawnError::NameTaken { name: key.to_string(), holder: Address::NONE },
                    _ => SpawnError::Shutdown,
                })
            }
        }
    }

    fn take_back(&self, reserved: &Reserved) {
        for place in &reserved.places {
            self.with_shard(*place, |shard, shared| shard.forget(shared, *place));
        }
    }

    /// Makes the places of child `number` of a supervisor.
    fn reserve(
        &self,
        above: &Arc<Parent>,
        number: u32,
        node: TreeNode,
        reserved: &mut Reserved,
    ) -> Result<(Plant, Member), SpawnError> {
        let key: Arc<str> = Arc::from(node.key());
        check_key(&key, above.id)?;
        let path: Arc<str> = Arc::from(format!("{}/{key}", above.path));
        match node {
            TreeNode::Actor { spec, args, child, .. } => {
                let spec = Arc::new(ActorSpec { parent: Some(Arc::clone(above)), ..*spec });
                let place = self.reserve_place(&spec, args.clone(), number, Some(&key), reserved)?;
                let what = PlantKind::Actor { place, spec, args };
                Ok((Plant { key, child, what }, Member::Actor(place.0, place.1)))
            }
            TreeNode::Supervisor(spec) => self.reserve_supervisor(key, path, spec, reserved),
            TreeNode::Pool(spec) => self.reserve_pool(key, path, spec, reserved),
        }
    }

    fn reserve_supervisor(
        &self,
        key: Arc<str>,
        path: Arc<str>,
        spec: TreeSpec,
        reserved: &mut Reserved,
    ) -> Result<(Plant, Member), SpawnError> {
        let id = self.shared.new_supervisor();
        let parent = Parent::new(id, Arc::clone(&path), ParentKind::Supervisor);
        let mut keys = HashSet::new();
        let mut children = Vec::new();
        let mut members = Vec::new();
        for (number, node) in (0..).zip(spec.children) {
            let name = node.key().to_owned();
            if !keys.insert(name.clone()) {
                return Err(SpawnError::NameTaken { name: format!("{path}/{name}"), holder: Address::NONE });
            }
            let (plant, member) = self.reserve(&parent, number, node, reserved)?;
            children.push(plant);
            members.push((name, member));
        }
        let what = PlantKind::Supervisor { parent, spec: spec.supervisor, children };
        let plant = Plant { key, child: spec.child, what };
        Ok((plant, Member::Supervisor(Supervised { id, children: members })))
    }

    fn reserve_pool(
        &self,
        key: Arc<str>,
        path: Arc<str>,
        spec: PoolSpec,
        reserved: &mut Reserved,
    ) -> Result<(Plant, Member), SpawnError> {
        let id = self.shared.new_supervisor();
        let parent = Parent::new(id, path, ParentKind::Pool);
        let PoolSpec { size, spec, child, budget, .. } = spec;
        let spec = Arc::new(ActorSpec { parent: Some(Arc::clone(&parent)), ..spec });
        let mut members = Vec::new();
        for number in 0..size {
            members.push(self.reserve_place(&spec, SpawnArgs::default(), number, None, reserved)?);
        }
        let what = PlantKind::Pool { parent, spec, members: members.clone(), budget };
        Ok((Plant { key, child, what }, Member::Pool(id, members)))
    }

    fn reserve_place(
        &self,
        spec: &Arc<ActorSpec>,
        args: SpawnArgs,
        child: u32,
        key: Option<&Arc<str>>,
        reserved: &mut Reserved,
    ) -> Result<(Address, ActorId), SpawnError> {
        if let Some(name) = &args.name {
            check_name(name).map_err(|why| SpawnError::NameInvalid { name: name.to_string(), why })?;
        }
        let place = Place { child, key: key.cloned(), life: 0, up: false, given_up: false };
        let handle = self.next_shard().ok_or(SpawnError::Full)?;
        let made = {
            let mut shard = handle.state.lock();
            shard.refresh_clock(&self.shared);
            shard.reserve(&self.shared, spec, args, place)
        }?;
        reserved.places.push(made.0);
        Ok(made)
    }
}

/// A key is a name; at the top level the pool of spawned actors has one already.
fn check_key(key: &Arc<str>, above: SupervisorId) -> Result<(), SpawnError> {
    check_name(key).map_err(|why| SpawnError::NameInvalid { name: key.to_string(), why })?;
    if above == SupervisorId::ROOT && &**key == "user" {
        let why = "'user' is the pool of spawned actors";
        return Err(SpawnError::NameInvalid { name: key.to_string(), why });
    }
    Ok(())
}
