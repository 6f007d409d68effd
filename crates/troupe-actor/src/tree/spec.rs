//! What a tree is made from, and what its maker gets back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::id::{ActorId, Address};
use crate::reason::ExitReason;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::supervision::spec::{ChildSpec, SupervisorSpec};

/// A supervisor or a pool: never reused within a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SupervisorId(pub u32);

impl SupervisorId {
    /// Owns the top-level supervisors and pools.
    pub const ROOT: Self = Self(0);
    /// The implicit pool of spawned actors (`SUP-8`).
    pub const USER: Self = Self(1);
}

/// Who decides about the children of a [`Parent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentKind {
    /// The tree, with one budget for all.
    Supervisor,
    /// Each child's own shard, with a budget per child (`INT-3`).
    Pool,
}

/// What the children of one supervisor or pool know of it.
#[derive(Debug)]
pub struct Parent {
    /// Who it is.
    pub id: SupervisorId,
    /// Its path, without a slash at the end.
    pub path: Arc<str>,
    /// Who decides.
    pub kind: ParentKind,
    /// Children that have not ended.
    live: AtomicU32,
    /// Children that came, and children that have ended.
    changes: AtomicU32,
    /// A pool that takes no children any more.
    closed: AtomicBool,
}

impl Parent {
    pub(crate) fn new(id: SupervisorId, path: Arc<str>, kind: ParentKind) -> Arc<Self> {
        Arc::new(Self {
            id,
            path,
            kind,
            live: AtomicU32::new(0),
            changes: AtomicU32::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Children that have not ended.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.live.load(Ordering::SeqCst)
    }

    pub(crate) fn child_came(&self) {
        self.live.fetch_add(1, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn child_gone(&self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts children that came and children that ended, and begins anew at the end.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Refuses more children, or takes them again.
    pub(crate) fn close(&self, on: bool) {
        self.closed.store(on, Ordering::SeqCst);
    }

    /// Whether it takes no children any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// A supervisor to be, with all that is below it.
pub struct TreeSpec {
    /// Its name within its parent.
    pub key: String,
    /// Its own rules.
    pub supervisor: SupervisorSpec,
    /// What it is to its parent.
    pub child: ChildSpec,
    /// Its children, in start order (`SUP-2`).
    pub children: Vec<TreeNode>,
}

/// A pool to be (`SUP-1`): dynamic, one-for-one, a budget per member.
pub struct PoolSpec {
    /// Its name within its parent.
    pub key: String,
    /// Members it begins with.
    pub size: u32,
    /// What the members have in common; their restart rules are the spec's own.
    pub spec: ActorSpec,
    /// What it is to its parent.
    pub child: ChildSpec,
    /// Restarts of all members together, within milliseconds, after which the pool gives up.
    pub budget: Option<(u32, u64)>,
}

/// A child to be.
#[allow(clippy::large_enum_variant, reason = "there is one for each child to be, and only until it is planted")]
pub enum TreeNode {
    /// An actor.
    Actor {
        /// Its name within its parent.
        key: String,
        /// What it runs; the tree fills the parent in. Its restart rules come from `child` and from
        /// the supervisor, those of the spec are not used.
        spec: Box<ActorSpec>,
        /// Its registered name, its configuration.
        args: SpawnArgs,
        /// What it is to its parent.
        child: ChildSpec,
    },
    /// A supervisor.
    Supervisor(TreeSpec),
    /// A pool.
    Pool(PoolSpec),
}

impl TreeNode {
    /// Its name within its parent.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Actor { key, .. } => key,
            Self::Supervisor(spec) => &spec.key,
            Self::Pool(spec) => &spec.key,
        }
    }
}

/// A supervisor that comes up: its children have their addresses already (`STA-5`).
#[derive(Clone, Debug)]
pub struct Supervised {
    /// Who it is.
    pub id: SupervisorId,
    /// Its children, in start order.
    pub children: Vec<(String, Member)>,
}

/// One child of a supervisor that comes up.
#[derive(Clone, Debug)]
pub enum Member {
    /// An actor.
    Actor(Address, ActorId),
    /// A supervisor.
    Supervisor(Supervised),
    /// A pool, with the members it begins with.
    Pool(SupervisorId, Vec<(Address, ActorId)>),
}

/// What can be asked of a supervisor while it runs (`SUP-5`).
#[expect(clippy::large_enum_variant, reason = "one is made per request and moved once")]
pub enum TreeRequest {
    /// Start one more child, at the end of the start order.
    StartChild(TreeNode),
    /// Stop a child in order; it stays listed unless it is temporary.
    StopChild(String),
    /// Start a child that was stopped. Its address is a new one.
    RestartChild(String),
    /// Forget a child that was stopped.
    DeleteChild(String),
}

/// Why a tree did not come up, or a request was refused (`STA-4`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeError {
    /// A child did not come up; nothing that was started for this is left (`SUP-3`).
    StartFailed {
        /// The child's path.
        path: Arc<str>,
        /// Why.
        reason: ExitReason,
    },
    /// The child comes up or goes down just now (`SUP-5`).
    Restarting,
    /// The child runs.
    Running,
    /// There is no such child, or no such supervisor.
    NotFound,
    /// The supervisor, or the system, goes down.
    ShuttingDown,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartFailed { path, reason } => write!(f, "{path} did not come up: {}: {}", reason.tag, reason.text),
            Self::Restarting => f.write_str("the child comes up or goes down just now"),
            Self::Running => f.write_str("the child runs"),
            Self::NotFound => f.write_str("there is no such child"),
            Self::ShuttingDown => f.write_str("the supervisor goes down"),
        }
    }
}
