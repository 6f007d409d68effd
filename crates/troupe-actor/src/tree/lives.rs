//! Lives of supervisors and pools: up, down, gone, and the ends of the places below them.

use std::sync::Arc;

use super::node::{Body, Node, What};
use super::spec::SupervisorId;
use super::{Effect, Tree};
use crate::event::Event;
use crate::reason::{ExitReason, ReasonTag};
use crate::shared::Shared;
use crate::status::Status;
use crate::supervision::protocol::{Charge, ChildEnd, Input, Request};

impl Tree {
    /// Gives up every place below a supervisor or pool that is down.
    pub(super) fn give_up(&mut self, id: SupervisorId, reason: &ExitReason) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.status = if reason.tag == ReasonTag::Intensity { Status::Failed } else { Status::Terminated };
        node.end = Some(reason.clone());
        let mut below = Vec::new();
        match &mut node.body {
            Body::Pool(_) => return self.end_pool(id, reason),
            Body::Supervisor(supervisor) => {
                // In the order they went down in (`SUP-2`).
                for child in supervisor.children.values_mut().rev() {
                    match &mut child.what {
                        What::Actor { place, .. } => below.extend(place.take().map(|(address, _)| Ok(address))),
                        What::Node(node) => below.push(Err(*node)),
                    }
                }
            }
        }
        // That one child did not come up is no reason of the others' (`SUP-3`).
        let of_start = matches!(reason.tag, ReasonTag::StartFailed | ReasonTag::StartTimeout);
        let reason = if of_start { &ExitReason::plain(ReasonTag::Shutdown) } else { reason };
        for child in below {
            match child {
                Ok(address) => self.end_place(id, address, reason.clone()),
                Err(node) => self.give_up(node, reason),
            }
        }
        self.settle(id);
    }

    /// A supervisor or pool is up.
    pub(super) fn is_up(&mut self, now: u64, id: SupervisorId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.status = Status::Ready;
        (node.since, node.up) = (now, true);
        if let Some((above, child)) = node.above {
            let incarnation = node.incarnation;
            self.inputs.push_back((above, Input::ChildUp { child, incarnation }));
        }
    }

    /// A supervisor or pool did not come up: what had come up is down again (`SUP-3`).
    pub(super) fn did_not_come_up(
        &mut self,
        id: SupervisorId,
        path: Option<Arc<str>>,
        reason: ExitReason,
        deterministic: bool,
    ) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.status = Status::Restarting;
        node.alive = false;
        let path = path.unwrap_or_else(|| Arc::clone(&node.parent.path));
        if node.stopping {
            return self.gone(id, reason);
        }
        let Some((above, child)) = node.above else { return };
        let incarnation = node.incarnation;
        if let Some(supervisor) = self.nodes.get_mut(&above).and_then(Node::supervisor) {
            supervisor.failed.insert(child, path);
        }
        self.inputs.push_back((above, Input::ChildStartFailed { child, incarnation, reason, deterministic }));
    }

    /// A supervisor's or a pool's life is over.
    pub(super) fn is_down(&mut self, shared: &Shared, now: u64, id: SupervisorId, reason: ExitReason) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let uptime_ms = if node.up { now.saturating_sub(node.since) } else { 0 };
        (node.up, node.alive) = (false, false);
        node.status = Status::Restarting;
        if gave_up(&reason) && shared.is_listened() {
            shared.emit(&Event::GaveUp { path: Arc::clone(&node.parent.path), reason: reason.clone() });
        }
        if node.stopping {
            return self.gone(id, reason);
        }
        let Some((above, child)) = node.above else {
            if !shared.is_closing() {
                self.effects.push(Effect::RootFailed(reason.clone()));
            }
            return self.give_up(id, &reason);
        };
        let incarnation = node.incarnation;
        if let Some(child) = self.nodes.get_mut(&above).and_then(|node| node.child(child)) {
            child.uptime_ms = uptime_ms;
        }
        let end = ChildEnd { reason, uptime_ms, charge: Charge::Normal };
        self.inputs.push_back((above, Input::ChildDown { child, incarnation, end }));
    }

    /// A supervisor or pool whose end was asked for is down: no automatic restart (`RST-2`).
    pub(super) fn gone(&mut self, id: SupervisorId, reason: ExitReason) {
        self.give_up(id, &reason);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.stopping = false;
        let waiters = std::mem::take(&mut node.stop_waiters);
        node.when_ended.extend(waiters.into_iter().map(|waiter| (waiter, Ok(()))));
        let Some((above, child)) = node.above else { return };
        let Some(incarnation) = self.nodes.get_mut(&above).and_then(|node| node.child(child)).map(|c| c.incarnation)
        else {
            return self.settle(id);
        };
        self.inputs.push_back((above, Input::ChildGone { child, incarnation, reason }));
        self.delete_at_top(id);
        self.settle(id);
    }

    /// A top-level supervisor or pool that was stopped is not listed any more: nobody could ask for it
    /// again, and its name is free.
    pub(super) fn delete_at_top(&mut self, id: SupervisorId) {
        let Some((SupervisorId::ROOT, child)) = self.nodes.get(&id).and_then(|node| node.above) else { return };
        let request = self.new_request();
        let input = Input::Request { id: request, request: Request::DeleteChild(child) };
        self.inputs.push_back((SupervisorId::ROOT, input));
    }

    /// Counts places that are given up and not gone, here and above; the last one tells those who wait.
    pub(super) fn count_ends(&mut self, id: SupervisorId, by: i32) {
        let mut next = Some(id);
        while let Some(node) = next.and_then(|id| self.nodes.get_mut(&id)) {
            node.open_ends = node.open_ends.saturating_add_signed(by);
            let (id, settled) = (node.parent.id, node.open_ends == 0);
            next = node.above.map(|(above, _)| above);
            if settled {
                self.settle(id);
            }
        }
    }

    /// Tells those who wait for ends, if none is open.
    pub(super) fn settle(&mut self, id: SupervisorId) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.open_ends == 0) else { return };
        let told = std::mem::take(&mut node.when_ended);
        let forgotten = node.forgotten;
        let ended = matches!(node.status, Status::Terminated | Status::Failed);
        if let Some(reason) = node.end.as_ref().filter(|_| ended) {
            let watchers = std::mem::take(&mut node.watchers);
            let incarnation = node.incarnation;
            let tell = |waiter| Effect::Ended(waiter, reason.clone(), incarnation);
            self.effects.extend(watchers.into_iter().map(tell));
        }
        self.effects.extend(told.into_iter().map(|(waiter, result)| Effect::Tell(waiter, result)));
        if forgotten {
            self.remove(id);
        }
    }
}

/// Whether a supervisor that ended with this reason gave up: its budget was spent, or a restart could
/// not help (`INT-6`, `INT-7`).
const fn gave_up(reason: &ExitReason) -> bool {
    !matches!(reason.tag, ReasonTag::Normal | ReasonTag::Shutdown | ReasonTag::Killed)
}
