//! What can be seen of a tree from outside.

use std::sync::Arc;

use super::spec::SupervisorId;
use crate::id::{ActorId, Address};
use crate::reason::ExitReason;
use crate::status::Status;
use crate::supervision::spec::{AutoShutdown, Restart, Strategy};

/// Entries of a supervisor's history that are kept.
pub const HISTORY: usize = 100;

/// A supervisor or a pool, as it stands.
#[derive(Clone, Debug)]
pub struct SupervisorInfo {
    /// Who it is.
    pub id: SupervisorId,
    /// Its path.
    pub path: Arc<str>,
    /// Where it is in its life; `restarting` while its parent waits or brings it up again.
    pub status: Status,
    /// How it answers a failure; `None` for a pool.
    pub strategy: Option<Strategy>,
    /// Whether it ends with its significant children.
    pub auto_shutdown: AutoShutdown,
    /// Which life of it.
    pub incarnation: u32,
    /// How long this life has lasted, in milliseconds.
    pub uptime_ms: u64,
    /// Restarts that still count against the budget.
    pub budget_used: u32,
    /// The budget; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// The window of the budget, in milliseconds.
    pub within_ms: u64,
    /// Restarts of its children so far.
    pub restarts: u64,
    /// Inputs of an earlier life that were dropped (`SUP-0`).
    pub stale: u64,
    /// Its children, in start order.
    pub children: Vec<ChildInfo>,
    /// The last [`HISTORY`] restarts and ends, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// One child, as it stands.
#[derive(Clone, Debug)]
pub struct ChildInfo {
    /// Its name within its parent; a member of a pool has the last part of its path.
    pub key: Arc<str>,
    /// Its path.
    pub path: Arc<str>,
    /// What it is.
    pub kind: ChildKind,
    /// Where it is in its life.
    pub status: Status,
    /// When it is restarted.
    pub restart: Restart,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// Which life of it.
    pub incarnation: u32,
    /// Restarts so far.
    pub restarts: u32,
    /// How long this life has lasted, in milliseconds; 0 while it is down.
    pub uptime_ms: u64,
    /// Messages queued.
    pub queued: u32,
}

/// What a child is.
#[derive(Clone, Debug)]
pub enum ChildKind {
    /// An actor, while it has a place.
    Actor(Option<(Address, ActorId)>),
    /// A supervisor.
    Supervisor(SupervisorId),
    /// A pool.
    Pool(SupervisorId),
}

/// Something that happened to a child.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// When, in milliseconds of the system's clock.
    pub at: u64,
    /// Which child.
    pub child: Arc<str>,
    /// Why.
    pub reason: ExitReason,
    /// Failures in a row; 0 for an end.
    pub attempt: u32,
    /// The wait before it comes up again, in milliseconds; `None` for an end.
    pub delay_ms: Option<u64>,
}

/// A supervisor with all that is below it, for printing.
#[derive(Clone, Debug)]
pub struct TreeView {
    /// The supervisor or pool.
    pub info: SupervisorInfo,
    /// The supervisors and pools among its children, in start order.
    pub below: Vec<TreeView>,
}
