//! What can be asked of a supervisor while it runs (`SUP-5`): every request is answered, never later
//! than what it sets off.

use std::sync::Arc;

use super::node::{Asked, Node, What};
use super::plant::Plant;
use super::spec::{Parent, SupervisorId, TreeError};
use super::{Effect, Tree};
use crate::cell::Waiter;
use crate::id::Address;
use crate::reason::{ExitReason, ReasonTag};
use crate::shared::Shared;
use crate::spec::ActorSpec;
use crate::status::Status;
use crate::supervision::protocol::{ChildNo, Input, Request, RequestError};

/// A request about a child that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildRequest {
    Stop,
    Restart,
    Delete,
}

impl Tree {
    /// One more child; the waiter hears when it is up.
    ///
    /// # Errors
    /// Gives the plant back when the supervisor is not there, is no supervisor, or lists the key.
    pub fn add(
        &mut self,
        shared: &Shared,
        now: u64,
        id: SupervisorId,
        plant: Plant,
        waiter: Option<Waiter>,
    ) -> Result<(), Box<(Plant, AddError)>> {
        let Some(supervisor) = self.nodes.get_mut(&id).and_then(Node::supervisor) else {
            return Err(Box::new((plant, AddError::NotFound)));
        };
        if supervisor.find(&plant.key).is_some() {
            return Err(Box::new((plant, AddError::KeyTaken)));
        }
        let child = supervisor.engine.next_child();
        let spec = plant.child;
        let key = Arc::clone(&plant.key);
        let planted = self.grow(id, child, plant);
        let request = self.new_request();
        if let Some(node) = self.nodes.get_mut(&id) {
            let path = node.path_of(&key);
            if let Some(supervisor) = node.supervisor() {
                supervisor.children.insert(child, planted);
                supervisor.asked.insert(request, Asked { waiter, child, path });
            }
        }
        self.inputs.push_back((id, Input::Request { id: request, request: Request::AddChild(spec) }));
        self.run(shared, now);
        Ok(())
    }

    /// Asks something about a child.
    pub fn request(
        &mut self,
        shared: &Shared,
        now: u64,
        id: SupervisorId,
        (key, what): (&str, ChildRequest),
        waiter: Option<Waiter>,
    ) {
        let request = self.new_request();
        let found = self.nodes.get_mut(&id).and_then(|node| {
            let path = node.path_of(key);
            let supervisor = node.supervisor()?;
            let child = supervisor.find(key)?;
            supervisor.asked.insert(request, Asked { waiter, child, path });
            Some(child)
        });
        let Some(child) = found else {
            self.tell(waiter, Err(TreeError::NotFound));
            return;
        };
        let what = match what {
            ChildRequest::Stop => Request::StopChild(child),
            ChildRequest::Restart => Request::RestartChild(child),
            ChildRequest::Delete => Request::DeleteChild(child),
        };
        self.inputs.push_back((id, Input::Request { id: request, request: what }));
        self.run(shared, now);
    }

    /// Ends a supervisor or pool for good, whatever it does just now (`STOP-5`).
    pub fn stop(&mut self, shared: &Shared, now: u64, id: SupervisorId, waiter: Option<Waiter>) {
        let Some(node) = self.nodes.get_mut(&id).filter(|_| id != SupervisorId::ROOT) else {
            // Gone already: a stop of it is done (`STOP-5`).
            self.tell(waiter, Ok(()));
            return;
        };
        if matches!(node.status, Status::Terminated | Status::Failed) {
            node.when_ended.extend(waiter.map(|waiter| (waiter, Ok(()))));
            self.settle(id);
            self.delete_at_top(id);
            return self.run(shared, now);
        }
        node.stop_waiters.extend(waiter);
        let reason = ExitReason::plain(ReasonTag::Normal);
        if !node.alive {
            // Between two lives, or its first one was never begun.
            self.gone(id, reason);
        } else if !std::mem::replace(&mut node.stopping, true) {
            self.inputs.push_back((id, Input::Stop { reason }));
        }
        self.run(shared, now);
    }

    /// The waiter hears why a supervisor or pool ended for good; at once if it has.
    pub fn watch(&mut self, id: SupervisorId, waiter: Waiter) {
        let Some(node) = self.nodes.get_mut(&id) else {
            self.effects.push(Effect::Ended(waiter, ExitReason::plain(ReasonTag::NoSuchActor), 0));
            return;
        };
        node.watchers.push(waiter);
        self.settle(id);
    }

    pub(super) fn tell(&mut self, waiter: Option<Waiter>, result: Result<(), TreeError>) {
        self.effects.extend(waiter.map(|waiter| Effect::Tell(waiter, result)));
    }

    /// The answer to a request: told when the ends that it caused are through.
    pub(super) fn reply(&mut self, id: SupervisorId, request: u64, result: Result<Option<ChildNo>, RequestError>) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(asked) = node.supervisor().and_then(|own| own.asked.remove(&request)) else { return };
        let failed = node.supervisor().and_then(|own| own.failed.remove(&asked.child));
        let path = failed.unwrap_or(asked.path);
        let result = match result {
            Ok(_) => Ok(()),
            Err(RequestError::Restarting) => Err(TreeError::Restarting),
            Err(RequestError::Running) => Err(TreeError::Running),
            Err(RequestError::NotFound) => Err(TreeError::NotFound),
            Err(RequestError::ShuttingDown) => Err(TreeError::ShuttingDown),
            Err(RequestError::StartFailed(reason)) => Err(TreeError::StartFailed { path, reason }),
        };
        node.when_ended.extend(asked.waiter.map(|waiter| (waiter, result)));
        self.settle(id);
    }

    /// What the members of a pool have in common.
    pub fn pool_spec(&self, id: SupervisorId) -> Option<Arc<ActorSpec>> {
        match &self.nodes.get(&id)?.body {
            super::node::Body::Pool(pool) => Some(Arc::clone(&pool.spec)),
            super::node::Body::Supervisor(_) => None,
        }
    }

    /// What the children of a supervisor or pool know of it.
    pub fn parent(&self, id: SupervisorId) -> Option<Arc<Parent>> {
        Some(Arc::clone(&self.nodes.get(&id)?.parent))
    }

    /// The address of an actor by its path.
    pub fn find(&self, path: &str) -> Option<Address> {
        let mut node = self.nodes.get(&SupervisorId::ROOT)?;
        let mut parts = path.strip_prefix('/')?.split('/').peekable();
        while let Some(key) = parts.next() {
            let super::node::Body::Supervisor(own) = &node.body else { return None };
            let child = own.children.get(&own.find(key)?)?;
            match (&child.what, parts.peek()) {
                (What::Actor { place, .. }, None) => return place.map(|(address, _)| address),
                (What::Node(below), Some(_)) => node = self.nodes.get(below)?,
                _ => return None,
            }
        }
        None
    }
}

/// Why a child was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddError {
    /// No such supervisor, or a pool.
    NotFound,
    /// The supervisor has a child of this name.
    KeyTaken,
}
