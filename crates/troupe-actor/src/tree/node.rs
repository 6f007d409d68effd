//! One supervisor or pool, as the tree keeps it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::info::{HISTORY, HistoryEntry};
use super::spec::{Parent, SupervisorId, TreeError};
use crate::cell::Waiter;
use crate::id::{ActorId, Address};
use crate::reason::ExitReason;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::status::Status;
use crate::supervision::engine::Engine;
use crate::supervision::protocol::ChildNo;
use crate::supervision::spec::{ChildSpec, SupervisorSpec};
use crate::supervision::window::Window;

/// A supervisor or a pool.
pub(super) struct Node {
    pub parent: Arc<Parent>,
    /// Whose child it is, and which; `None` for the root.
    pub above: Option<(SupervisorId, ChildNo)>,
    /// What it is to its parent.
    pub spec: ChildSpec,
    pub incarnation: u32,
    /// When this life came up, in milliseconds of the system's clock.
    pub since: u64,
    pub status: Status,
    /// A life of it goes on, up or not.
    pub alive: bool,
    /// This life has come up.
    pub up: bool,
    /// Places below it that were given up and are not gone yet.
    pub open_ends: u32,
    /// Told once no end is open.
    pub when_ended: Vec<(Waiter, Result<(), TreeError>)>,
    /// Somebody asked for its end: when it is down its places are given up.
    pub stopping: bool,
    /// Told once it is gone.
    pub stop_waiters: Vec<Waiter>,
    /// Told why, once it is down for good; it may be started again by a request all the same.
    pub watchers: Vec<Waiter>,
    /// Why it is down for good.
    pub end: Option<ExitReason>,
    /// Its parent does not list it any more.
    pub forgotten: bool,
    pub body: Body,
}

pub(super) enum Body {
    Supervisor(Box<Supervisor>),
    Pool(Box<Pool>),
}

/// What only a supervisor has.
pub(super) struct Supervisor {
    pub spec: SupervisorSpec,
    pub engine: Engine,
    /// By number, which is start order.
    pub children: BTreeMap<ChildNo, Child>,
    /// Requests that are not answered yet.
    pub asked: HashMap<u64, Asked>,
    /// Paths of what did not come up, for whoever asks why.
    pub failed: HashMap<ChildNo, Arc<str>>,
    pub history: VecDeque<HistoryEntry>,
}

/// A request under way.
pub(super) struct Asked {
    pub waiter: Option<Waiter>,
    pub child: ChildNo,
    /// The child's path.
    pub path: Arc<str>,
}

/// A child of a supervisor.
pub(super) struct Child {
    pub key: Arc<str>,
    pub spec: ChildSpec,
    pub incarnation: u32,
    /// How long its last life was up, in milliseconds.
    pub uptime_ms: u64,
    /// What its new place is told as soon as it is made: to end the life that begins there.
    pub pending: Option<Pending>,
    pub what: What,
}

/// An order for a place that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// End this life in order, within a grace in milliseconds.
    TakeDown(u32, u64),
    Kill,
}

pub(super) enum What {
    Actor { place: Option<(Address, ActorId)>, spec: Arc<ActorSpec>, args: SpawnArgs },
    Node(SupervisorId),
}

/// What only a pool has.
pub(super) struct Pool {
    pub spec: Arc<ActorSpec>,
    /// Members it begins with.
    pub initial: Vec<(Address, ActorId)>,
    /// How many those are.
    pub size: u32,
    /// Those that are not up yet while it starts.
    pub pending: HashMap<Address, ActorId>,
    pub phase: Phase,
    /// Number of the last sweep.
    pub sweep: u32,
    /// Shards that still sweep.
    pub left: u32,
    /// Restarts of all members together, within milliseconds.
    pub budget: Option<(u32, u64)>,
    pub window: Window,
    pub restarts: u64,
    /// Why it goes down by itself.
    pub failure: Option<(Arc<str>, ExitReason, bool)>,
}

/// Where a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its members wait for their first life.
    New,
    /// The first members come up.
    Starting,
    Up,
    /// The lives of its members end.
    GoingDown,
    /// The first start failed: the lives of its members end.
    Failing,
    Down,
    /// The places of its members are given up.
    Ending,
    /// No member has a place.
    Ended,
}

impl Node {
    pub fn new(parent: Arc<Parent>, above: Option<(SupervisorId, ChildNo)>, spec: ChildSpec, body: Body) -> Self {
        Self {
            parent,
            above,
            spec,
            incarnation: 0,
            since: 0,
            status: Status::Starting,
            alive: false,
            up: false,
            open_ends: 0,
            when_ended: Vec::new(),
            stopping: false,
            stop_waiters: Vec::new(),
            watchers: Vec::new(),
            end: None,
            forgotten: false,
            body,
        }
    }

    pub fn supervisor(&mut self) -> Option<&mut Supervisor> {
        match &mut self.body {
            Body::Supervisor(supervisor) => Some(supervisor),
            Body::Pool(_) => None,
        }
    }

    pub fn pool(&mut self) -> Option<&mut Pool> {
        match &mut self.body {
            Body::Pool(pool) => Some(pool),
            Body::Supervisor(_) => None,
        }
    }

    pub fn child(&mut self, child: ChildNo) -> Option<&mut Child> {
        self.supervisor()?.children.get_mut(&child)
    }

    /// The path of a child.
    pub fn path_of(&self, key: &str) -> Arc<str> {
        Arc::from(format!("{}/{key}", self.parent.path))
    }
}

impl Supervisor {
    pub fn new(spec: SupervisorSpec, children: BTreeMap<ChildNo, Child>) -> Self {
        let engine = Engine::new(spec, children.values().map(|child| child.spec).collect());
        Self { spec, engine, children, asked: HashMap::new(), failed: HashMap::new(), history: VecDeque::new() }
    }

    pub fn find(&self, key: &str) -> Option<ChildNo> {
        self.children.iter().find(|(_, child)| &*child.key == key).map(|(number, _)| *number)
    }

    pub fn note(&mut self, entry: HistoryEntry) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(entry);
    }
}

impl Pool {
    pub fn new(spec: Arc<ActorSpec>, initial: Vec<(Address, ActorId)>, budget: Option<(u32, u64)>) -> Self {
        Self {
            spec,
            size: initial.len() as u32,
            initial,
            pending: HashMap::new(),
            phase: Phase::New,
            sweep: 0,
            left: 0,
            budget,
            window: Window::default(),
            restarts: 0,
            failure: None,
        }
    }
}
