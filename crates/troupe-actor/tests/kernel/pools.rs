//! Pools: members come and go alone, the pool as a whole (`SUP-1`, `SUP-8`, `INT-3`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::SpawnArgs;
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::{Restart, Strategy};
use troupe_actor::tree::spec::{Member, TreeNode};

use crate::common::tree::{actor, at, below, noting, plain, pool, start_failed, tree};
use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec, trap};

const DONE: Settled = Settled::Supervised(Ok(()));

#[test]
fn many_members_come_up_and_go_down() {
    let world = World::sharded(3);
    let (id, members) = world.pool(pool("workers", 5_000, plain()));
    assert_eq!((members.len(), world.system.audit().live), (5_000, 5_000));
    for (address, _) in &members[..10] {
        assert_eq!(world.wait(world.ask(*address, "x", 100)), Settled::value("x"));
    }
    assert!(world.status(members[0].0).path.starts_with("/workers/$"));
    assert_eq!(world.system.members(id).len(), 5_000);
    assert_eq!(world.wait(world.supervisor_stop(id)), DONE);
    assert_eq!(world.system.audit().live, 0);
    assert!(world.system.pool_start(id, SpawnArgs::default(), None).is_err());
}

#[test]
fn a_member_has_its_own_budget_and_gives_up_alone() {
    // INT-3
    let world = World::sharded(2);
    let mut spec = plain();
    spec.restart.max_restarts = 1;
    let (id, members) = world.pool(pool("workers", 3, spec));
    for _ in 0..2 {
        world.tell(members[0].0, "boom");
        world.run();
    }
    assert_eq!(world.status(members[0].0).status, Status::Failed);
    assert_eq!(world.system.members(id).len(), 2);
    let more = world.system.pool_start(id, SpawnArgs::default(), None).unwrap();
    assert_eq!(world.wait(world.ask(more.address, "x", 100)), Settled::value("x"));
    assert_eq!(world.system.find(&world.status(more.address).path), Some(more.address));
    assert_eq!(world.system.members(id).len(), 3);
}

#[test]
fn a_pool_that_does_not_come_up_leaves_nothing() {
    let world = World::sharded(2);
    let starts = std::sync::atomic::AtomicU32::new(0);
    let some = spawn_spec(Actor::new(|| puppet(&Log::default())).starts(move |_, _| {
        let number = starts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let crash = trap("no");
        if number == 3 { Err(troupe_actor::reason::StartError { crash, deterministic: false }) } else { Ok(()) }
    }));
    let slot = world.slot();
    world.system.pool(pool("workers", 5, some), Some(world.waiter(slot))).unwrap();
    let (path, why) = start_failed(&world.wait(slot));
    assert!(path.starts_with("/workers/$") && why == "no", "{path}");
    assert_eq!(world.system.audit().live, 0);
}

#[test]
fn a_pool_goes_down_and_up_with_its_group_and_keeps_its_members_mailboxes() {
    // SUP-4, MBX-2
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        let children = vec![actor("a", plain()), TreeNode::Pool(pool("p", 2, noting(&log, "p")))];
        let top = world.supervise(tree("top", Strategy::OneForAll, children));
        assert_eq!(log.take(), ["+p", "+p"]);
        world.tell(at(&top, "a"), "boom");
        world.run();
        world.tell(at(&top, "a"), "boom");
        world.run();
        assert_eq!(log.take(), ["-p", "-p", "+p", "+p", "-p", "-p"], "it waits with its group");
        world.tell(at(&top, "p/0"), "x");
        world.run();
        assert_eq!(log.len(), 0);
        world.advance(200);
        let mut seen = log.take();
        seen.sort();
        assert_eq!(seen, ["+p", "+p", "p:x"]);
        let info = world.system.supervisor_info(below(&top, "p")).unwrap();
        assert_eq!((info.status, info.children.len()), (Status::Ready, 2));
    }
}

#[test]
fn a_planned_restart_of_a_member_is_off_when_its_pool_goes_down() {
    let (world, log) = (World::sharded(2), Log::default());
    let mut spec = noting(&log, "p");
    spec.restart.backoff.jitter = 0.0;
    let children = vec![actor("a", plain()), TreeNode::Pool(pool("p", 1, spec))];
    let top = world.supervise(tree("top", Strategy::OneForAll, children));
    for _ in 0..2 {
        world.tell(at(&top, "p/0"), "boom");
        world.run();
    }
    for _ in 0..2 {
        world.tell(at(&top, "a"), "boom");
        world.run();
    }
    log.take();
    world.advance(1_000);
    assert_eq!(log.take(), ["+p"], "once");
}

#[test]
fn a_pool_that_restarts_too_often_as_a_whole_gives_up() {
    // INT-3
    let world = World::sharded(2);
    world.listen();
    let mut spec = pool("workers", 3, plain());
    spec.spec.restart.restart = Restart::Permanent;
    spec.budget = Some((3, 10_000));
    let (_, members) = world.pool(spec);
    for (address, _) in members.iter().chain(&members[..1]) {
        world.tell(*address, "boom");
        world.run();
    }
    assert!(world.events().iter().any(|event| event == "gave up /workers intensity"));
    world.advance(1_000);
    // The root brought it up again: the members are the same.
    assert_eq!(world.status(members[0].0).status, Status::Ready);
    assert_eq!(world.system.tree().unwrap().info.budget_used, 1);
}

#[test]
fn a_pool_that_comes_up_again_has_a_fresh_budget() {
    // INT-6
    let world = World::sharded(2);
    world.listen();
    let mut spec = pool("workers", 1, plain());
    spec.spec.restart.restart = Restart::Permanent;
    spec.budget = Some((1, 60_000));
    let (_, members) = world.pool(spec);
    let gave_up = || world.events().iter().filter(|event| *event == "gave up /workers intensity").count();
    for expected in [0, 1, 0, 1] {
        world.tell(members[0].0, "boom");
        world.advance(1_000);
        assert_eq!(gave_up(), expected);
        assert_eq!(world.status(members[0].0).status, Status::Ready);
    }
}

#[test]
fn a_pool_whose_turn_to_start_has_not_come_does_not_wait_for_members_that_ended() {
    // SUP-2: the first child comes up while a member of the pool behind it is killed.
    let world = World::sharded(3);
    let children = vec![actor("a", plain()), TreeNode::Pool(pool("p", 2, plain()))];
    let slot = world.slot();
    let top = world.system.supervise(tree("top", Strategy::OneForOne, children), Some(world.waiter(slot))).unwrap();
    let Member::Pool(_, members) = &top.children[1].1 else { panic!("no pool") };
    assert!(world.system.kill(members[0].0));
    assert_eq!(world.wait(slot), DONE);
    assert_eq!(world.status(members[1].0).status, Status::Ready);
}

#[test]
fn a_restart_that_costs_a_member_nothing_costs_its_pool_nothing() {
    // TURN-3, INT-3: a crashed turn of three messages and the culprit found alone are one failure.
    let world = World::sharded(2);
    world.listen();
    let mut spec = pool("workers", 1, plain());
    spec.budget = Some((1, 10_000));
    let (_, members) = world.pool(spec);
    world.tell_all(members[0].0, &["a", "boom", "b"]);
    world.run();
    assert_eq!(world.status(members[0].0).incarnation, 3);
    assert!(!world.events().iter().any(|event| event.starts_with("gave up")));
}

#[test]
fn a_member_that_joins_a_pool_on_its_way_down_is_not_counted_as_one_that_is_down() {
    // SUP-2, SUP-4: the first member waits for an answer while a new one fails to come up.
    let world = World::new();
    let silent = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let waiting = Actor::new(move || {
        each(move |frame, out| {
            if frame.payload == b"wait" {
                out.ask(silent, 1, 1_000, b"?");
                out.wait_for(&[1]);
            }
            Ok(())
        })
    });
    let member = spawn_spec(waiting.starts(move |_, _| {
        let error = troupe_actor::reason::StartError { crash: trap("no"), deterministic: false };
        if failing.load(Ordering::SeqCst) { Err(error) } else { Ok(()) }
    }));
    let children = vec![actor("a", plain()), TreeNode::Pool(pool("p", 1, member))];
    let top = world.supervise(tree("top", Strategy::OneForAll, children));
    let Member::Pool(id, members) = &top.children[1].1 else { panic!("no pool") };
    world.tell(members[0].0, "wait");
    world.run();
    world.tell(at(&top, "a"), "boom");
    world.run();
    fails.store(true, Ordering::SeqCst);
    world.system.pool_start(*id, SpawnArgs::default(), None).unwrap();
    world.run();
    fails.store(false, Ordering::SeqCst);
    assert_eq!(world.status(at(&top, "a")).status, Status::Restarting, "the pool is not down");
    world.advance(1_001);
    assert_eq!(world.status(at(&top, "a")).status, Status::Ready);
    assert_eq!(world.status(members[0].0).status, Status::Ready);
}

#[test]
fn ten_thousand_failed_spawns_leave_nothing() {
    let world = World::sharded(2);
    let failing = std::sync::Arc::new(spawn_spec(
        Actor::new(|| puppet(&Log::default()))
            .starts(|_, _| Err(troupe_actor::reason::StartError { crash: trap("no"), deterministic: false })),
    ));
    for _ in 0..10_000 {
        let args = SpawnArgs { name: Some("same".into()), user: None };
        let slot = world.slot();
        world.system.spawn(&failing, args, Some(world.waiter(slot))).unwrap();
        assert!(matches!(world.wait(slot), Settled::StartFailed(error) if error.crash.tag == ReasonTag::Trap));
    }
    assert_eq!((world.system.audit().live, world.system.find("same")), (0, None));
    assert_eq!(world.system.statuses().len(), 0);
    assert_eq!(world.system.next_moment(), None);
}
