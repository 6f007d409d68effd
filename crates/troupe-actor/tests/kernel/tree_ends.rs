//! The ends of trees: requests, stops at any moment, shutdown in order (`SUP-5`, `SUP-7`, `STOP`, `SHUT`).

use std::sync::Arc;

use troupe_actor::interrupt::TurnSlot;
use troupe_actor::reason::{ReasonTag, StartError};
use troupe_actor::record::FOREVER;
use troupe_actor::shard::{Job, Outbox};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::supervision::spec::{ChildSpec, Restart, Strategy};
use troupe_actor::tree::spec::{Member, TreeError, TreeNode, TreeRequest, TreeSpec};

use crate::common::tree::{actor, actor_with, at, below, noting, plain, pool, tree};
use crate::common::{Actor, Log, Settled, World, spawn_spec, trap};

const DONE: Settled = Settled::Supervised(Ok(()));

fn top(children: Vec<TreeNode>) -> TreeSpec {
    tree("top", Strategy::OneForOne, children)
}

fn refused(error: TreeError) -> Settled {
    Settled::Supervised(Err(error))
}

/// A handler that never ends: it waits for an answer that never comes.
fn stuck() -> ActorSpec {
    spawn_spec(Actor::new(|| {
        Box::new(|_, out| {
            out.wait_for(&[1]);
            Ok(())
        })
    }))
}

fn with_grace(key: &str, spec: ActorSpec, shutdown_ms: u64) -> TreeNode {
    let child = ChildSpec { shutdown_ms, ..ChildSpec::default() };
    TreeNode::Actor { key: key.to_owned(), spec: Box::new(spec), args: SpawnArgs::default(), child }
}

#[test]
fn children_are_started_stopped_restarted_and_deleted_on_request() {
    // SUP-5
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        let top = world.supervise(top(vec![actor("a", noting(&log, "a"))]));
        let (member, slot) = world.request(top.id, TreeRequest::StartChild(actor("b", noting(&log, "b"))));
        let Some(Member::Actor(b, _)) = member else { panic!("{member:?}") };
        assert_eq!(world.wait(slot), DONE);
        assert_eq!(world.wait(world.ask(b, "x", 100)), Settled::value("x"));
        let ask = |request| world.wait(world.request(top.id, request).1);
        assert_eq!(ask(TreeRequest::RestartChild("b".into())), refused(TreeError::Running));
        assert_eq!(ask(TreeRequest::DeleteChild("b".into())), refused(TreeError::Running));
        assert_eq!(ask(TreeRequest::StopChild("x".into())), refused(TreeError::NotFound));
        assert_eq!(ask(TreeRequest::StopChild("b".into())), DONE);
        assert_eq!(log.take(), ["+a", "+b", "b:x", "-b"]);
        assert_eq!(world.status(b).exit.map(|reason| reason.tag), Some(ReasonTag::Shutdown));
        assert_eq!(ask(TreeRequest::RestartChild("b".into())), DONE);
        let again = world.system.find("/top/b").unwrap();
        assert_ne!(again, b);
        assert_eq!(world.wait(world.ask(again, "y", 100)), Settled::value("y"));
        assert_eq!(ask(TreeRequest::StopChild("b".into())), DONE);
        assert_eq!(ask(TreeRequest::DeleteChild("b".into())), DONE);
        assert_eq!(world.children(top.id), [("a".to_owned(), "ready")]);
    }
}

#[test]
fn requests_are_answered_while_children_wait_and_start() {
    // SUP-5
    let world = World::sharded(2);
    let top = world.supervise(top(vec![actor("a", plain()), actor("b", plain())]));
    for _ in 0..2 {
        world.tell(at(&top, "a"), "boom");
        world.run();
    }
    assert_eq!(world.children(top.id)[0].1, "restarting");
    let ask = |request| world.wait(world.request(top.id, request).1);
    assert_eq!(ask(TreeRequest::RestartChild("a".into())), refused(TreeError::Restarting));
    assert_eq!(ask(TreeRequest::StartChild(actor("c", plain()))), DONE);
    // BO-3: a stop cancels the wait.
    assert_eq!(ask(TreeRequest::StopChild("a".into())), DONE);
    world.advance(10_000);
    assert_eq!(
        world.children(top.id).iter().map(|(_, status)| *status).collect::<Vec<_>>(),
        ["terminated", "ready", "ready"]
    );
}

#[test]
fn a_child_that_fails_to_be_added_leaves_nothing() {
    let world = World::sharded(2);
    let top = world.supervise(top(Vec::new()));
    let failing = spawn_spec(Actor::new(|| crate::common::puppet(&Log::default())).starts(|_, _| {
        Err(troupe_actor::reason::StartError { crash: crate::common::trap("no"), deterministic: false })
    }));
    let (_, slot) = world.request(top.id, TreeRequest::StartChild(actor("a", failing)));
    assert_eq!(crate::common::tree::start_failed(&world.wait(slot)).0, "/top/a");
    assert_eq!((world.children(top.id).len(), world.system.audit().live), (0, 0));
}

#[test]
fn a_stop_at_any_moment_ends_every_descendant() {
    // SUP-7, STOP-5
    for moment in ["up", "starting", "backoff", "twice", "restarting"] {
        let (world, log) = (World::sharded(3), Log::default());
        let inner = tree(
            "inner",
            Strategy::OneForAll,
            vec![actor("b", noting(&log, "b")), TreeNode::Pool(pool("p", 5, noting(&log, "p")))],
        );
        let spec = top(vec![actor("a", noting(&log, "a")), TreeNode::Supervisor(inner)]);
        let (top, slot) = world.supervise_waiting(spec);
        if moment != "starting" {
            world.wait(slot);
        }
        if matches!(moment, "backoff" | "restarting") {
            world.tell(at(&top, "inner/b"), "boom");
            world.run();
        }
        if moment != "up" && moment != "starting" {
            world.tell(at(&top, "inner/b"), "boom");
        }
        if moment == "backoff" {
            world.run();
        }
        let stops = [world.supervisor_stop(top.id), world.supervisor_stop(top.id)];
        let own = world.ask(at(&top, "a"), "x", 10);
        world.advance(5_000);
        assert!(stops.iter().all(|stop| world.settled(*stop) == Some(DONE)), "{moment}");
        assert!(world.settled(slot).is_some() && world.settled(own).is_some(), "{moment}");
        assert_eq!(world.system.audit().live, 0, "{moment}");
        assert!(world.system.supervisor_info(below(&top, "inner")).is_none(), "{moment}");
        world.advance(100_000);
        assert_eq!(world.system.audit().live, 0, "{moment}");
    }
}

#[test]
fn children_that_end_by_themselves_at_odd_moments_hold_nobody_up() {
    // Killed while the supervisor waits, while a sibling starts, while it goes down.
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        for shards in [1, 2, 3] {
            let (world, log) = (World::sharded(shards), Log::default());
            let names = ["a", "b", "c"].map(|key| actor(key, noting(&log, key)));
            let (top, slot) = world.supervise_waiting(tree("top", strategy, names.into()));
            world.system.kill(at(&top, "c"));
            world.wait(slot);
            world.tell(at(&top, "a"), "boom");
            world.system.kill(at(&top, "b"));
            world.run();
            world.tell(at(&top, "a"), "boom");
            let stop = world.stop(at(&top, "a"));
            world.advance(60_000);
            assert!(world.settled(stop).is_some());
            let stop = world.supervisor_stop(top.id);
            world.advance(60_000);
            assert_eq!(world.settled(stop), Some(DONE), "{strategy:?} {shards}");
            assert_eq!(world.system.audit().live, 0);
        }
    }
}

#[test]
fn a_life_that_ignores_its_end_is_killed_when_its_grace_is_over() {
    // STOP-3
    for strategy in [Strategy::OneForAll, Strategy::OneForOne] {
        let world = World::sharded(2);
        let top = world.supervise(tree("top", strategy, vec![with_grace("a", stuck(), 50), actor("b", plain())]));
        let a = at(&top, "a");
        let open = world.ask(a, "x", FOREVER);
        world.run();
        if strategy == Strategy::OneForAll {
            world.tell(at(&top, "b"), "boom");
            world.advance(50);
            assert_eq!(world.status(a).incarnation, 1);
            world.advance(2);
            assert_eq!((world.status(a).incarnation, world.status(a).status.as_str()), (2, "ready"));
            assert!(world.settled(open).is_some());
        } else {
            let stop = world.supervisor_stop(top.id);
            world.advance(50);
            assert_eq!(world.settled(stop), None);
            world.advance(2);
            assert_eq!(world.settled(stop), Some(DONE));
        }
    }
}

#[test]
fn a_stopped_supervisor_comes_up_again_on_request() {
    let (world, log) = (World::sharded(2), Log::default());
    let inner = tree(
        "inner",
        Strategy::OneForOne,
        vec![actor("b", noting(&log, "b")), TreeNode::Pool(pool("p", 2, noting(&log, "p")))],
    );
    let top = world.supervise(top(vec![TreeNode::Supervisor(inner)]));
    assert_eq!(world.wait(world.supervisor_stop(below(&top, "inner"))), DONE);
    assert_eq!((world.system.audit().live, world.children(top.id)[0].1), (0, "terminated"));
    log.take();
    let ask = |request| world.wait(world.request(top.id, request).1);
    assert_eq!(ask(TreeRequest::RestartChild("inner".into())), DONE);
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen, ["+b", "+p", "+p"]);
    assert_eq!(ask(TreeRequest::StopChild("inner".into())), DONE);
    assert_eq!(ask(TreeRequest::DeleteChild("inner".into())), DONE);
    assert!(world.system.supervisor_info(below(&top, "inner")).is_none());
}

#[test]
fn a_significant_child_takes_its_supervisor_along() {
    // SUP-6
    let world = World::sharded(2);
    let child = ChildSpec { restart: Restart::Transient, significant: true, ..ChildSpec::default() };
    let leader = TreeNode::Actor { key: "a".into(), spec: Box::new(plain()), args: SpawnArgs::default(), child };
    let mut inner = tree("inner", Strategy::OneForOne, vec![leader, actor("b", plain())]);
    inner.supervisor.auto_shutdown = troupe_actor::supervision::spec::AutoShutdown::AnySignificant;
    inner.child.restart = Restart::Transient;
    let top = world.supervise(top(vec![TreeNode::Supervisor(inner), actor("c", plain())]));
    world.tell(at(&top, "inner/a"), "stop");
    world.run();
    assert_eq!(world.children(top.id), [("inner".to_owned(), "terminated"), ("c".to_owned(), "ready")]);
    assert_eq!(world.system.audit().live, 1);
}

#[test]
fn the_shutdown_works_queues_off_in_reverse_order_of_the_tree() {
    // SHUT-1
    let (world, log) = (World::sharded(3), Log::default());
    let store = world.supervise(tree(
        "store",
        Strategy::OneForOne,
        vec![actor("disk", noting(&log, "disk")), actor("cache", noting(&log, "cache"))],
    ));
    let web = world.supervise(tree("web", Strategy::OneForOne, vec![actor("page", noting(&log, "page"))]));
    let (disk, page) = (at(&store, "disk"), at(&web, "page"));
    let user = world.spawn(noting(&log, "user"));
    log.take();
    for actor in [disk, page, user] {
        world.tell_all(actor, &["1", "2"]);
    }
    let slot = world.slot();
    world.system.shutdown(10_000, world.waiter(slot));
    assert_eq!(world.wait(slot), Settled::value(""));
    let seen = log.take();
    let at = |line: &str| seen.iter().position(|own| own == line).unwrap_or_else(|| panic!("{line} of {seen:?}"));
    assert!(["user:1", "user:2", "disk:1", "disk:2", "page:1", "page:2"].iter().all(|line| at(line) < seen.len()));
    assert!(at("-user") < at("-page") && at("-page") < at("-cache") && at("-cache") < at("-disk"), "{seen:?}");
}

#[test]
fn actors_that_drain_may_still_talk_to_those_that_are_drained_later() {
    // SHUT-1
    let (world, log) = (World::sharded(2), Log::default());
    let store = world.supervise(tree("store", Strategy::OneForOne, vec![actor("disk", noting(&log, "disk"))]));
    let disk = at(&store, "disk");
    let user = world.spawn(spawn_spec(Actor::new(move || {
        crate::common::each(move |_, out| {
            out.tell(disk, b"last");
            Ok(())
        })
    })));
    world.tell(user, "x");
    let slot = world.slot();
    world.system.shutdown(10_000, world.waiter(slot));
    let late = world.ask(disk, "late", 100);
    assert_eq!(world.wait(slot), Settled::value(""));
    assert_eq!(log.take(), ["+disk", "disk:last", "-disk"]);
    assert_eq!(world.settled(late), Some(Settled::error(troupe_actor::ask::AskError::Shutdown)));
}

#[test]
fn a_phase_that_takes_too_long_is_named_and_the_next_one_runs() {
    // SHUT-2
    let (world, log) = (World::sharded(2), Log::default());
    world.listen();
    let store = world.supervise(tree(
        "store",
        Strategy::OneForOne,
        vec![actor("first", noting(&log, "first")), with_grace("bad", stuck(), u64::MAX)],
    ));
    let open = world.ask(at(&store, "bad"), "x", FOREVER);
    world.run();
    world.events();
    let slot = world.slot();
    world.system.shutdown(1_000, world.waiter(slot));
    world.advance(601);
    let overrun =
        |events: &[String]| events.iter().any(|event| event.contains("drain") && event.contains("/store/bad"));
    assert!(overrun(&world.events()));
    assert!(log.take().contains(&"-first".to_owned()), "it is stopped although its turn had not come");
    assert_eq!(world.settled(slot), None);
    world.advance(400);
    assert_eq!(world.settled(slot), Some(Settled::value("")));
    assert!(world.settled(open).is_some());
    assert_eq!(world.status(at(&store, "bad")).exit.map(|reason| reason.tag), Some(ReasonTag::Killed));
}

#[test]
fn links_and_stops_meet_without_orphans() {
    let (world, log) = (World::sharded(2), Log::default());
    let top = world.supervise(tree(
        "top",
        Strategy::OneForOne,
        vec![actor_with("a", noting(&log, "a"), Restart::Temporary), actor("b", noting(&log, "b"))],
    ));
    world.system.link(at(&top, "a"), at(&top, "b"));
    log.take();
    world.tell(at(&top, "a"), "boom");
    world.advance(1);
    assert_eq!(log.take(), ["a:boom", "+b"], "the link ends the life of b, its supervisor restarts it");
    assert_eq!(world.status(at(&top, "b")).incarnation, 2);
}

#[test]
fn a_place_that_ends_by_itself_while_the_tree_gives_it_up_holds_nobody_up() {
    let world = World::new();
    let failing = spawn_spec(
        Actor::new(|| crate::common::puppet(&Log::default()))
            .starts(|_, _| Err(StartError { crash: trap("never"), deterministic: false })),
    );
    let (tree, slot) = world.supervise_waiting(top(vec![actor("bad", failing), actor("good", plain())]));
    // The start's failure is on its way to the tree when somebody stops the other child.
    let (handle, shared) = (&world.system.shards()[0], world.system.shared());
    let (threads, mut job) = (Arc::new(TurnSlot::default()), Job::default());
    let index = shared.add_slot(&threads);
    {
        let mut shard = handle.state.lock();
        handle.drain_inbox(&mut shard, shared, &mut Outbox::default());
        shard.flush(shared);
        handle.drain_inbox(&mut shard, shared, &mut Outbox::default());
        assert!(shard.next_job(shared, index, 1, &mut job));
        job.run(&threads, 1);
        shard.commit(shared, &mut job);
    }
    let stopped = world.stop(at(&tree, "good"));
    assert_eq!(world.wait(stopped), Settled::ended(ReasonTag::Normal));
    assert!(matches!(world.wait(slot), Settled::Supervised(Err(TreeError::StartFailed { .. }))));
}

#[test]
fn a_life_whose_grace_is_over_gets_no_other_one_by_stopping_itself() {
    // STOP-3
    let (world, log) = (World::new(), Log::default());
    let tree = world.supervise(top(vec![with_grace("a", noting(&log, "a"), 10)]));
    let child = at(&tree, "a");
    let ended = world.watch(child);
    world.tell(child, "stop");
    let (handle, shared) = (&world.system.shards()[0], world.system.shared());
    let (threads, mut job) = (Arc::new(TurnSlot::default()), Job::default());
    let index = shared.add_slot(&threads);
    {
        let mut shard = handle.state.lock();
        handle.drain_inbox(&mut shard, shared, &mut Outbox::default());
        assert!(shard.next_job(shared, index, 1, &mut job));
    }
    world.request(tree.id, TreeRequest::StopChild("a".to_owned()));
    world.advance(20);
    job.run(&threads, 1);
    handle.state.lock().commit(shared, &mut job);
    assert_eq!(world.wait(ended), Settled::ended(ReasonTag::Killed));
    assert_eq!(log.take(), ["+a", "a:stop"]);
}
