//! Trees for tests.

use troupe_actor::id::{ActorId, Address};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::supervision::spec::{ChildSpec, Restart, Strategy, SupervisorSpec};
use troupe_actor::tree::spec::{
    Member, PoolSpec, Supervised, SupervisorId, TreeError, TreeNode, TreeRequest, TreeSpec,
};

use super::port::Settled;
use super::world::World;
use super::{Actor, Log, puppet, spawn_spec};

/// Rules without jitter.
pub fn rules(strategy: Strategy) -> SupervisorSpec {
    let mut spec = SupervisorSpec { strategy, ..SupervisorSpec::default() };
    spec.backoff.jitter = 0.0;
    spec
}

/// A supervisor with these children.
pub fn tree(key: &str, strategy: Strategy, children: Vec<TreeNode>) -> TreeSpec {
    let child = ChildSpec { shutdown_ms: u64::MAX, ..ChildSpec::default() };
    TreeSpec { key: key.to_owned(), supervisor: rules(strategy), child, children }
}

/// A permanent child.
pub fn actor(key: &str, spec: ActorSpec) -> TreeNode {
    actor_with(key, spec, Restart::Permanent)
}

pub fn actor_with(key: &str, spec: ActorSpec, restart: Restart) -> TreeNode {
    let child = ChildSpec { restart, ..ChildSpec::default() };
    TreeNode::Actor { key: key.to_owned(), spec: Box::new(spec), args: SpawnArgs::default(), child }
}

/// A pool of `size` members.
pub fn pool(key: &str, size: u32, spec: ActorSpec) -> PoolSpec {
    PoolSpec { key: key.to_owned(), size, spec, child: ChildSpec::default(), budget: None }
}

/// An actor that notes its starts, messages and stops with its own name in front.
pub fn noting(log: &Log, name: &str) -> ActorSpec {
    let (up, down, own) = (log.clone(), log.clone(), log.clone());
    let (first, last, mid) = (name.to_owned(), name.to_owned(), name.to_owned());
    spawn_spec(
        Actor::new(move || {
            let (own, name) = (own.clone(), mid.clone());
            super::each(move |frame, out| {
                let text = String::from_utf8_lossy(frame.payload).into_owned();
                own.add(format!("{name}:{text}"));
                match &*text {
                    "boom" => return Err(super::trap("boom")),
                    "stop" => out.stop(),
                    _ if frame.kind == troupe_actor::frame::kind::ASK => out.reply(frame.corr, frame.payload),
                    _ => {}
                }
                Ok(())
            })
        })
        .starts(move |_, _| {
            up.add(format!("+{first}"));
            Ok(())
        })
        .stops(move || down.add(format!("-{last}"))),
    )
}

/// An actor that does what its messages say.
pub fn plain() -> ActorSpec {
    spawn_spec(Actor::new(|| puppet(&Log::default())))
}

/// What a failed start of a child says.
pub fn start_failed(settled: &Settled) -> (String, String) {
    match settled {
        Settled::Supervised(Err(TreeError::StartFailed { path, reason })) => (path.to_string(), reason.text.clone()),
        other => panic!("expected a failed start, got {other:?}"),
    }
}

/// The address of an actor in a tree by its keys.
pub fn at(tree: &Supervised, path: &str) -> Address {
    let (key, rest) = path.split_once('/').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let found = tree.children.iter().find(|(own, _)| own == key).unwrap_or_else(|| panic!("no child {key}"));
    match (&found.1, rest) {
        (Member::Actor(address, _), None) => *address,
        (Member::Supervisor(below), Some(rest)) => at(below, rest),
        (Member::Pool(_, members), Some(number)) => members[number.parse::<usize>().unwrap()].0,
        (member, rest) => panic!("{key} is {member:?}, and {rest:?} is left"),
    }
}

/// The supervisor or pool in a tree by its keys.
pub fn below(tree: &Supervised, path: &str) -> SupervisorId {
    let (key, rest) = path.split_once('/').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let found = tree.children.iter().find(|(own, _)| own == key).unwrap_or_else(|| panic!("no child {key}"));
    match (&found.1, rest) {
        (Member::Supervisor(own), None) => own.id,
        (Member::Pool(id, _), None) => *id,
        (Member::Supervisor(own), Some(rest)) => below(own, rest),
        (member, rest) => panic!("{key} is {member:?}, and {rest:?} is left"),
    }
}

impl World {
    /// Brings a tree up and runs until it is.
    pub fn supervise(&self, spec: TreeSpec) -> Supervised {
        let (supervised, slot) = self.supervise_waiting(spec);
        assert_eq!(self.wait(slot), Settled::Supervised(Ok(())));
        supervised
    }

    /// Begins to bring a tree up; the slot hears how it went.
    pub fn supervise_waiting(&self, spec: TreeSpec) -> (Supervised, u32) {
        let slot = self.expect();
        (self.system.supervise(spec, Some(self.waiter(slot))).unwrap(), slot)
    }

    /// Makes a pool and runs until it is up.
    pub fn pool(&self, spec: PoolSpec) -> (SupervisorId, Vec<(Address, ActorId)>) {
        let slot = self.expect();
        let pool = self.system.pool(spec, Some(self.waiter(slot))).unwrap();
        assert_eq!(self.wait(slot), Settled::Supervised(Ok(())));
        pool
    }

    /// Asks something of a supervisor; the slot hears the answer.
    pub fn request(&self, id: SupervisorId, request: TreeRequest) -> (Option<Member>, u32) {
        let slot = self.expect();
        (self.system.supervisor_request(id, request, Some(self.waiter(slot))).unwrap(), slot)
    }

    /// Ends a supervisor or a pool; the slot hears when it is gone.
    pub fn supervisor_stop(&self, id: SupervisorId) -> u32 {
        let slot = self.expect();
        self.system.supervisor_stop(id, Some(self.waiter(slot)));
        slot
    }

    /// The children of a supervisor: key and status.
    pub fn children(&self, id: SupervisorId) -> Vec<(String, &'static str)> {
        let info = self.system.supervisor_info(id).unwrap();
        info.children.iter().map(|child| (child.key.to_string(), child.status.as_str())).collect()
    }
}
