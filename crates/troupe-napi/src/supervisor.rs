//! Trees as TypeScript describes and sees them: transfer objects, and what the kernel makes of them.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Null};
use napi_derive::napi;
use troupe_actor::id::{ActorId, Address};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec};
use troupe_actor::tree::info::{ChildInfo, ChildKind, HistoryEntry, SupervisorInfo, TreeView};
use troupe_actor::tree::spec::{Member, PoolSpec, Supervised, SupervisorId, TreeNode, TreeRequest, TreeSpec};

use crate::convert::{self, NativeExit};
use crate::error::{Failure, number};
use crate::options::{self, NativeBudget, NativeSpawnOptions};
use crate::system::Core;

/// What stands for "no limit" in a field of 32 bits.
const FOREVER: u32 = u32::MAX;
/// Members of a pool that a tree shows.
const MAX_MEMBERS: usize = 100;

/// The kinds of [`NativeNode`].
mod kind {
    pub const ACTOR: u32 = 0;
    pub const SUPERVISOR: u32 = 1;
    pub const POOL: u32 = 2;
}

#[napi(object)]
pub struct NativeChildRules {
    pub restart: u32,
    pub significant: bool,
    pub shutdown_ms: f64,
}

#[napi(object)]
pub struct NativeActorNode {
    pub component: i32,
    pub definition: i32,
    pub name: Either<String, Null>,
    pub options: NativeSpawnOptions,
}

#[napi(object)]
pub struct NativeSupervisorRules {
    pub strategy: u32,
    pub auto_shutdown: u32,
    pub budget: NativeBudget,
}

#[napi(object)]
pub struct NativeNode {
    pub kind: u32,
    pub key: String,
    pub child: NativeChildRules,
    pub actor: Either<NativeActorNode, Null>,
    pub supervisor: Either<NativeSupervisorRules, Null>,
    pub size: u32,
    pub pool_max_restarts: Either<u32, Null>,
    pub pool_within_ms: f64,
    pub children: Vec<NativeNode>,
}

#[napi(object)]
pub struct NativePlace {
    pub key: String,
    pub kind: u32,
    pub id: u32,
    pub address: Either<Vec<u32>, Null>,
    pub children: Vec<NativePlace>,
}

#[napi(object)]
pub struct NativeHistoryEntry {
    pub time: f64,
    pub child: String,
    pub reason: NativeExit,
    pub attempt: u32,
    pub delay_ms: Either<f64, Null>,
}

#[napi(object)]
pub struct NativeChild {
    pub key: String,
    pub path: String,
    pub kind: u32,
    pub id: u32,
    pub address: Either<Vec<u32>, Null>,
    pub state: String,
    pub restart: u32,
    pub significant: bool,
    pub incarnation: u32,
    pub restarts: u32,
    pub uptime_ms: f64,
    pub queued: u32,
}

#[napi(object)]
pub struct NativeSupervisor {
    pub id: u32,
    pub path: String,
    pub state: String,
    pub strategy: i32,
    pub incarnation: u32,
    pub uptime_ms: f64,
    pub budget_used: u32,
    pub max_restarts: u32,
    pub within_ms: f64,
    pub restarts: f64,
    pub stale: f64,
    pub members: u32,
    pub ready: u32,
    pub children: Vec<NativeChild>,
    pub history: Vec<NativeHistoryEntry>,
}

#[napi(object)]
pub struct NativeTree {
    pub info: NativeSupervisor,
    pub below: Vec<NativeTree>,
}

impl From<&NativeSupervisorRules> for SupervisorSpec {
    fn from(rules: &NativeSupervisorRules) -> Self {
        Self {
            strategy: match rules.strategy {
                0 => Strategy::OneForOne,
                1 => Strategy::OneForAll,
                _ => Strategy::RestForOne,
            },
            max_restarts: rules.budget.max_restarts,
            within_ms: rules.budget.within_ms as u64,
            backoff: rules.budget.backoff(),
            reset_after_ms: rules.budget.reset_after_ms as u64,
            auto_shutdown: match rules.auto_shutdown {
                0 => AutoShutdown::Never,
                1 => AutoShutdown::AnySignificant,
                _ => AutoShutdown::AllSignificant,
            },
        }
    }
}

impl From<&NativeChildRules> for ChildSpec {
    fn from(rules: &NativeChildRules) -> Self {
        Self {
            restart: options::restart(rules.restart),
            significant: rules.significant,
            shutdown_ms: options::milliseconds(rules.shutdown_ms),
        }
    }
}

/// A supervisor to be.
pub fn tree_spec(core: &Core, node: NativeNode) -> Result<TreeSpec, Failure> {
    let Either::A(rules) = &node.supervisor else { return Err(incomplete()) };
    let supervisor = SupervisorSpec::from(rules);
    let child = ChildSpec::from(&node.child);
    let children = node.children.into_iter().map(|below| tree_node(core, below)).collect::<Result<_, _>>()?;
    Ok(TreeSpec { key: node.key, supervisor, child, children })
}

/// A pool to be.
pub fn pool_spec(core: &Core, node: NativeNode) -> Result<PoolSpec, Failure> {
    let Either::A(actor) = &node.actor else { return Err(incomplete()) };
    Ok(PoolSpec {
        size: node.size,
        spec: actor_spec(core, actor)?,
        child: ChildSpec::from(&node.child),
        budget: match node.pool_max_restarts {
            Either::A(FOREVER) | Either::B(_) => None,
            Either::A(max) => Some((max, node.pool_within_ms as u64)),
        },
        key: node.key,
    })
}

/// A child to be.
pub fn tree_node(core: &Core, node: NativeNode) -> Result<TreeNode, Failure> {
    match node.kind {
        kind::SUPERVISOR => Ok(TreeNode::Supervisor(tree_spec(core, node)?)),
        kind::POOL => Ok(TreeNode::Pool(pool_spec(core, node)?)),
        _ => {
            let Either::A(actor) = node.actor else { return Err(incomplete()) };
            let spec = actor_spec(core, &actor)?;
            let name = match actor.name {
                Either::A(name) => Some(Arc::from(name)),
                Either::B(_) => None,
            };
            let args = SpawnArgs { name, user: None };
            Ok(TreeNode::Actor { key: node.key, spec: Box::new(spec), args, child: ChildSpec::from(&node.child) })
        }
    }
}

/// What an actor runs: a component, or a definition of the environment's.
fn actor_spec(core: &Core, actor: &NativeActorNode) -> Result<ActorSpec, Failure> {
    match (u32::try_from(actor.component), u32::try_from(actor.definition)) {
        (Ok(component), _) => core.component_spec(component, &actor.options),
        (Err(_), Ok(definition)) => Ok(core.external_spec(definition, &actor.options)),
        (Err(_), Err(_)) => Err(incomplete()),
    }
}

fn incomplete() -> Failure {
    Failure::new(number::INTERNAL, "a node of a tree is incomplete")
}

/// A request about a child, by its number.
pub const fn request(what: u32, key: String) -> TreeRequest {
    match what {
        0 => TreeRequest::StopChild(key),
        1 => TreeRequest::RestartChild(key),
        _ => TreeRequest::DeleteChild(key),
    }
}

/// Where a supervisor and its children are.
pub fn supervised(key: String, supervised: Supervised) -> NativePlace {
    let children = supervised.children.into_iter().map(|(key, member)| place(key, member)).collect();
    NativePlace { key, kind: kind::SUPERVISOR, id: supervised.id.0, address: Either::B(Null), children }
}

/// Where a pool is; its members are told when somebody asks for them.
pub const fn pool(key: String, id: SupervisorId) -> NativePlace {
    NativePlace { key, kind: kind::POOL, id: id.0, address: Either::B(Null), children: Vec::new() }
}

/// Where an actor is.
pub fn actor(key: String, at: Address, id: ActorId) -> NativePlace {
    NativePlace { key, kind: kind::ACTOR, id: 0, address: Either::A(address((at, id))), children: Vec::new() }
}

/// Where a child is.
pub fn place(key: String, member: Member) -> NativePlace {
    match member {
        Member::Actor(at, id) => actor(key, at, id),
        Member::Supervisor(below) => supervised(key, below),
        Member::Pool(id, _) => pool(key, id),
    }
}

fn address((at, id): (Address, ActorId)) -> Vec<u32> {
    convert::address(at, Some(id)).to_vec()
}

impl From<&HistoryEntry> for NativeHistoryEntry {
    fn from(entry: &HistoryEntry) -> Self {
        Self {
            time: entry.at as f64,
            child: entry.child.to_string(),
            reason: NativeExit { tag: entry.reason.tag.as_str().to_owned(), text: entry.reason.text.clone() },
            attempt: entry.attempt,
            delay_ms: entry.delay_ms.map_or(Either::B(Null), |ms| Either::A(ms as f64)),
        }
    }
}

impl From<&ChildInfo> for NativeChild {
    fn from(child: &ChildInfo) -> Self {
        let (kind, id, at) = match child.kind {
            ChildKind::Actor(place) => (kind::ACTOR, 0, place.map(address)),
            ChildKind::Supervisor(id) => (kind::SUPERVISOR, id.0, None),
            ChildKind::Pool(id) => (kind::POOL, id.0, None),
        };
        Self {
            key: child.key.to_string(),
            path: child.path.to_string(),
            kind,
            id,
            address: at.map_or(Either::B(Null), Either::A),
            state: child.status.as_str().to_owned(),
            restart: match child.restart {
                Restart::Permanent => 0,
                Restart::Transient => 1,
                Restart::Temporary => 2,
            },
            significant: child.significant,
            incarnation: child.incarnation,
            restarts: child.restarts,
            uptime_ms: child.uptime_ms as f64,
            queued: child.queued,
        }
    }
}

fn ready(children: &[ChildInfo]) -> u32 {
    children.iter().filter(|child| child.status == Status::Ready).count() as u32
}

impl From<&SupervisorInfo> for NativeSupervisor {
    fn from(info: &SupervisorInfo) -> Self {
        let shown = if info.strategy.is_none() { MAX_MEMBERS } else { usize::MAX };
        Self {
            id: info.id.0,
            path: info.path.to_string(),
            state: info.status.as_str().to_owned(),
            strategy: match info.strategy {
                None => -1,
                Some(Strategy::OneForOne) => 0,
                Some(Strategy::OneForAll) => 1,
                Some(Strategy::RestForOne) => 2,
            },
            incarnation: info.incarnation,
            uptime_ms: info.uptime_ms as f64,
            budget_used: info.budget_used,
            max_restarts: info.max_restarts,
            within_ms: info.within_ms as f64,
            restarts: info.restarts as f64,
            stale: info.stale as f64,
            members: info.children.len() as u32,
            ready: ready(&info.children),
            children: info.children.iter().take(shown).map(NativeChild::from).collect(),
            history: info.history.iter().map(NativeHistoryEntry::from).collect(),
        }
    }
}

impl NativeTree {
    /// The root with the pool of spawned actors, last among its children (`SUP-8`).
    pub fn with_user(mut self, members: &[ChildInfo]) -> Self {
        let id = SupervisorId::USER.0;
        let root = &self.info;
        let info = NativeSupervisor {
            id,
            path: "/user".to_owned(),
            state: root.state.clone(),
            strategy: -1,
            incarnation: 1,
            uptime_ms: root.uptime_ms,
            budget_used: 0,
            max_restarts: FOREVER,
            within_ms: 0.0,
            restarts: 0.0,
            stale: 0.0,
            members: members.len() as u32,
            ready: ready(members),
            children: members.iter().take(MAX_MEMBERS).map(NativeChild::from).collect(),
            history: Vec::new(),
        };
        self.info.children.push(NativeChild {
            key: "user".to_owned(),
            path: info.path.clone(),
            kind: kind::POOL,
            id,
            address: Either::B(Null),
            state: info.state.clone(),
            restart: 0,
            significant: false,
            incarnation: 1,
            restarts: 0,
            uptime_ms: info.uptime_ms,
            queued: 0,
        });
        self.below.push(Self { info, below: Vec::new() });
        self
    }
}

impl From<&TreeView> for NativeTree {
    fn from(view: &TreeView) -> Self {
        Self { info: NativeSupervisor::from(&view.info), below: view.below.iter().map(Self::from).collect() }
    }
}
