//! A tree to look at: what the tree itself knows. The state of single actors is asked of their shards.

use std::sync::Arc;

use super::Tree;
use super::info::{ChildInfo, ChildKind, SupervisorInfo};
use super::node::{Body, Child, Node, Supervisor, What};
use super::spec::SupervisorId;
use crate::status::Status;
use crate::supervision::engine::ChildState;
use crate::supervision::protocol::ChildNo;
use crate::supervision::spec::{AutoShutdown, SupervisorSpec};

impl Tree {
    /// A supervisor or pool as it stands; the members of a pool are not listed.
    pub fn info(&self, now: u64, id: SupervisorId) -> Option<SupervisorInfo> {
        let node = self.nodes.get(&id)?;
        let mut info = SupervisorInfo {
            id,
            path: Arc::clone(&node.parent.path),
            status: node.status,
            strategy: None,
            auto_shutdown: AutoShutdown::Never,
            incarnation: node.incarnation,
            uptime_ms: if node.up { now.saturating_sub(node.since) } else { 0 },
            budget_used: 0,
            max_restarts: u32::MAX,
            within_ms: SupervisorSpec::default().within_ms,
            restarts: 0,
            stale: 0,
            children: Vec::new(),
            history: Vec::new(),
        };
        match &node.body {
            Body::Supervisor(supervisor) => self.fill(now, node, supervisor, &mut info),
            Body::Pool(pool) => {
                info.restarts = pool.restarts;
                if let Some((max, within_ms)) = pool.budget {
                    (info.max_restarts, info.within_ms) = (max, within_ms);
                    info.budget_used = pool.window.used(now, within_ms);
                }
            }
        }
        Some(info)
    }

    fn fill(&self, now: u64, node: &Node, supervisor: &Supervisor, info: &mut SupervisorInfo) {
        info.strategy = Some(supervisor.spec.strategy);
        info.auto_shutdown = supervisor.spec.auto_shutdown;
        info.budget_used = supervisor.engine.budget_used(now);
        (info.max_restarts, info.within_ms) = (supervisor.spec.max_restarts, supervisor.spec.within_ms);
        info.restarts = supervisor.engine.restarts();
        info.stale = supervisor.engine.stale();
        info.history = supervisor.history.iter().cloned().collect();
        info.children = supervisor
            .children
            .iter()
            .map(|(number, child)| self.child_info(now, node, supervisor, *number, child))
            .collect();
    }

    fn child_info(&self, now: u64, node: &Node, supervisor: &Supervisor, number: ChildNo, child: &Child) -> ChildInfo {
        let known = supervisor.engine.child(number);
        let mut info = ChildInfo {
            key: Arc::clone(&child.key),
            path: node.path_of(&child.key),
            kind: ChildKind::Actor(None),
            status: known.map_or(Status::Terminated, |known| status_of(known.state, known.incarnation)),
            restart: child.spec.restart,
            significant: child.spec.significant,
            incarnation: child.incarnation,
            restarts: known.map_or(0, |known| known.restarts),
            uptime_ms: 0,
            queued: 0,
        };
        match &child.what {
            What::Actor { place, .. } => info.kind = ChildKind::Actor(*place),
            What::Node(below) => {
                let Some(node) = self.nodes.get(below) else { return info };
                info.kind = match node.body {
                    Body::Supervisor(_) => ChildKind::Supervisor(*below),
                    Body::Pool(_) => ChildKind::Pool(*below),
                };
                info.status = node.status;
                info.uptime_ms = if node.up { now.saturating_sub(node.since) } else { 0 };
            }
        }
        info
    }
}

const fn status_of(state: ChildState, incarnation: u32) -> Status {
    match state {
        ChildState::Ended => Status::Terminated,
        ChildState::Up => Status::Ready,
        ChildState::Stopping => Status::Stopping,
        ChildState::Starting if incarnation <= 1 => Status::Starting,
        ChildState::Waiting if incarnation == 0 => Status::Starting,
        ChildState::Waiting | ChildState::Delayed { .. } | ChildState::Starting => Status::Restarting,
    }
}
