//! Trees under seeded storms: whatever happens, everything asked for is answered, every stop ends
//! every descendant, and nothing is left.

use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart, Strategy};
use troupe_actor::tree::spec::{Member, Supervised, SupervisorId, TreeNode, TreeRequest, TreeSpec};

use crate::common::tree::{pool, tree};
use crate::common::{Actor, Log, Random, World, puppet, spawn_spec};

/// Comes up, mostly; does what it is told.
fn shaky(random: &mut Random, sound: bool) -> ActorSpec {
    let seed = random.next();
    let odds = if sound { 0 } else { random.below(4) };
    let actor = Actor::new(|| puppet(&Log::default())).starts(move |incarnation, _| {
        let mut random = Random::new(seed ^ u64::from(incarnation));
        let tag = if random.below(5) == 0 { ReasonTag::Normal } else { ReasonTag::Trap };
        if random.below(10) < odds {
            let deterministic = random.below(8) == 0;
            return Err(StartError { crash: Crash::new(tag, "storm"), deterministic });
        }
        Ok(())
    });
    let mut spec = spawn_spec(actor);
    spec.lazy = random.below(8) == 0;
    spec.restart.max_restarts = random.below(5);
    spec
}

fn child(random: &mut Random) -> ChildSpec {
    let restart = [Restart::Permanent, Restart::Transient, Restart::Temporary][random.below(3) as usize];
    let significant = restart != Restart::Permanent && random.below(4) == 0;
    let shutdown_ms = [0, 5, 5_000, u64::MAX][random.below(4) as usize];
    ChildSpec { restart, significant, shutdown_ms }
}

fn node(random: &mut Random, key: &str, depth: u32, sound: bool) -> TreeNode {
    match random.below(6) {
        0 if depth < 3 => TreeNode::Supervisor(supervisor(random, key, depth + 1, sound)),
        1 => {
            let size = random.below(6);
            let spec = shaky(random, sound);
            let budget = (random.below(2) == 0).then_some((random.below(4), 1_000));
            TreeNode::Pool(troupe_actor::tree::spec::PoolSpec { child: child(random), budget, ..pool(key, size, spec) })
        }
        _ => {
            let name = (random.below(4) == 0).then(|| format!("name{}", random.below(6)).into());
            let args = SpawnArgs { name, user: None };
            let spec = Box::new(shaky(random, sound));
            TreeNode::Actor { key: key.to_owned(), spec, args, child: child(random) }
        }
    }
}

fn supervisor(random: &mut Random, key: &str, depth: u32, sound: bool) -> TreeSpec {
    let strategy = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne][random.below(3) as usize];
    let children = (0..random.below(5)).map(|number| node(random, &format!("c{number}"), depth, sound)).collect();
    let mut spec = tree(key, strategy, children);
    spec.child = ChildSpec { shutdown_ms: [10, u64::MAX][random.below(2) as usize], ..child(random) };
    spec.supervisor.max_restarts = random.below(6);
    spec.supervisor.auto_shutdown =
        [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant][random.below(3) as usize];
    spec
}

#[derive(Default)]
struct Known {
    actors: Vec<Address>,
    supervisors: Vec<SupervisorId>,
    top: Vec<SupervisorId>,
}

impl Known {
    fn learn(&mut self, tree: &Supervised) {
        self.supervisors.push(tree.id);
        for (_, member) in &tree.children {
            self.member(member);
        }
    }

    fn member(&mut self, member: &Member) {
        match member {
            Member::Actor(address, _) => self.actors.push(*address),
            Member::Supervisor(below) => self.learn(below),
            Member::Pool(id, members) => {
                self.supervisors.push(*id);
                self.actors.extend(members.iter().map(|(address, _)| *address));
            }
        }
    }
}

/// One thing that may happen.
fn act(random: &mut Random, world: &World, known: &mut Known) {
    let pick = |random: &mut Random, len: usize| random.below(len as u32) as usize;
    let actor = known.actors[pick(random, known.actors.len())];
    let other = known.actors[pick(random, known.actors.len())];
    let supervisor = known.supervisors[pick(random, known.supervisors.len())];
    let key = format!("c{}", random.below(5));
    match random.below(24) {
        0..8 => world.tell(actor, "boom"),
        8 => world.tell(actor, "stop"),
        9 => {
            world.system.kill(actor);
        }
        10 => {
            world.end(actor, random.below(2) == 0, u64::from(random.below(50)));
        }
        11 => {
            world.request(supervisor, TreeRequest::StopChild(key));
        }
        12 | 13 => {
            world.request(supervisor, TreeRequest::RestartChild(key));
        }
        14 => {
            world.request(supervisor, TreeRequest::DeleteChild(key));
        }
        15 => {
            let slot = world.slot();
            let key = format!("d{}", random.below(3));
            let node = node(random, &key, 2, false);
            let request = TreeRequest::StartChild(node);
            if let Ok(Some(member)) = world.system.supervisor_request(supervisor, request, Some(world.waiter(slot))) {
                known.member(&member);
            }
        }
        16 if random.below(4) == 0 => {
            world.supervisor_stop(supervisor);
        }
        17 => world.system.link(actor, other),
        18 => world.system.monitor(actor, world.waiter(world.slot())),
        19 => {
            world.run();
        }
        20 => {
            world.ask(actor, "x", random.below(300));
        }
        21 => {
            let _ = world.system.pool_start(supervisor, SpawnArgs::default(), None);
        }
        22 => {
            let info = world.system.supervisor_info(supervisor);
            assert!(info.is_none_or(|info| info.budget_used <= info.max_restarts));
        }
        _ => {
            world.advance(u64::from(random.below(400)));
        }
    }
}

#[test]
fn storms_leave_nothing_behind() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let world = World::sharded(1 + random.below(3));
        let mut known = Known::default();
        for number in 0..4 {
            let sound = random.below(3) > 0;
            let spec = supervisor(&mut random, &format!("t{number}"), 0, sound);
            let slot = world.slot();
            if let Ok(tree) = world.system.supervise(spec, Some(world.waiter(slot))) {
                known.learn(&tree);
                known.top.push(tree.id);
            }
        }
        known.actors.push(world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default())))));
        if known.supervisors.is_empty() {
            continue;
        }
        for _ in 0..80 {
            act(&mut random, &world, &mut known);
        }
        world.check();
        let stops: Vec<u32> = known.top.iter().map(|id| world.supervisor_stop(*id)).collect();
        world.advance(10_000);
        for (id, stop) in known.top.iter().zip(stops) {
            let answered = world.settled(stop).is_some();
            assert!(answered, "seed {seed}: {:#?}", world.system.supervisor_info(*id));
        }
        if world.system.shared().is_failed() {
            continue;
        }
        let left: Vec<_> = world.system.statuses().iter().map(|own| own.path.to_string()).collect();
        assert!(left.iter().all(|path| path.starts_with("/user/")), "seed {seed}: {left:?}");
        let tree = world.system.tree().unwrap();
        assert!(tree.info.children.is_empty(), "seed {seed}: {:#?}", tree.info);
    }
}
