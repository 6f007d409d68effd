//! Trees: start and stop order, strategies, failed starts, escalation (`SUP`).

use troupe_actor::error::SpawnError;
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::supervision::spec::{ChildSpec, Restart, Strategy};
use troupe_actor::tree::spec::{SupervisorId, TreeNode, TreeSpec};

use crate::common::tree::{actor, actor_with, at, below, noting, plain, pool, start_failed, tree};
use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

fn failing(text: &'static str, deterministic: bool) -> ActorSpec {
    spawn_spec(
        Actor::new(|| puppet(&Log::default()))
            .starts(move |_, _| Err(StartError { crash: Crash::new(ReasonTag::Trap, text), deterministic })),
    )
}

/// Fails every start but the first.
fn once(log: &Log) -> ActorSpec {
    let log = log.clone();
    spawn_spec(Actor::new(|| puppet(&Log::default())).starts(move |incarnation, _| {
        log.add(format!("start {incarnation}"));
        let crash = Crash::new(ReasonTag::Trap, "not again");
        if incarnation == 1 { Ok(()) } else { Err(StartError { crash, deterministic: false }) }
    }))
}

fn named(key: &str, name: &str, spec: ActorSpec) -> TreeNode {
    let args = SpawnArgs { name: Some(name.into()), user: None };
    TreeNode::Actor { key: key.to_owned(), spec: Box::new(spec), args, child: ChildSpec::default() }
}

fn three(log: &Log) -> Vec<TreeNode> {
    ["a", "b", "c"].map(|key| actor(key, noting(log, key))).into()
}

fn boom(world: &World, actor: Address) {
    world.tell(actor, "boom");
    world.run();
}

fn top(children: Vec<TreeNode>) -> TreeSpec {
    tree("top", Strategy::OneForOne, children)
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    // SUP-2
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        let top = world.supervise(top(three(&log)));
        assert_eq!(log.take(), ["+a", "+b", "+c"]);
        assert_eq!(world.wait(world.supervisor_stop(top.id)), Settled::Supervised(Ok(())));
        assert_eq!(log.take(), ["-c", "-b", "-a"]);
        assert!(world.system.supervisor_info(top.id).is_none());
        assert_eq!(world.system.audit().live, 0);
    }
}

#[test]
fn strategies_restart_whom_they_say_and_mailboxes_survive() {
    // SUP-1, SUP-4, MBX-2
    let table = [
        (Strategy::OneForOne, &["b:boom", "+b", "a:x", "b:x", "c:x"][..]),
        (Strategy::OneForAll, &["b:boom", "-c", "-a", "+a", "+b", "+c", "a:x", "b:x", "c:x"][..]),
        (Strategy::RestForOne, &["b:boom", "-c", "+b", "+c", "a:x", "b:x", "c:x"][..]),
    ];
    for shards in [1, 2, 3] {
        for (strategy, expected) in table {
            let (world, log) = (World::sharded(shards), Log::default());
            let top = world.supervise(tree("top", strategy, three(&log)));
            log.take();
            world.tell(at(&top, "b"), "boom");
            world.run();
            let mut seen = log.take();
            for key in ["a", "b", "c"] {
                assert_eq!(world.wait(world.ask(at(&top, key), "x", 100)), Settled::value("x"));
                seen.extend(log.take());
            }
            assert_eq!(seen, expected, "{strategy:?} on {shards}");
        }
    }
}

#[test]
fn messages_wait_from_the_first_address_on_and_through_a_group_restart() {
    // STA-5, MBX-2, BO-6
    let (world, log) = (World::sharded(2), Log::default());
    let (top, slot) = world.supervise_waiting(tree("top", Strategy::OneForAll, three(&log)));
    assert_eq!(world.status(at(&top, "c")).restarts, 0);
    world.tell(at(&top, "c"), "early");
    assert_eq!(world.wait(slot), Settled::Supervised(Ok(())));
    assert_eq!(log.take(), ["+a", "+b", "+c", "c:early"]);
    boom(&world, at(&top, "a"));
    boom(&world, at(&top, "a"));
    log.take();
    for text in ["1", "2"] {
        world.tell(at(&top, "b"), text);
    }
    world.run();
    assert_eq!(log.take(), Vec::<String>::new(), "down while the supervisor waits");
    assert_eq!(world.status(at(&top, "b")).status.as_str(), "restarting");
    world.advance(101);
    assert_eq!(log.take(), ["+a", "+b", "b:1", "b:2", "+c"]);
    assert_eq!(world.status(at(&top, "b")).restarts, 2);
}

#[test]
fn a_tree_that_does_not_come_up_leaves_nothing() {
    // SUP-3
    for shards in [1, 3] {
        for deterministic in [false, true] {
            let (world, log) = (World::sharded(shards), Log::default());
            let inner = vec![actor("b", noting(&log, "b")), actor("c", failing("no", deterministic))];
            let children = vec![
                named("a", "first", noting(&log, "a")),
                TreeNode::Supervisor(tree("inner", Strategy::OneForOne, inner)),
                actor("d", noting(&log, "d")),
            ];
            let (spec, slot) = world.supervise_waiting(top(children));
            let early = world.ask(at(&spec, "d"), "x", 1_000);
            let failed = start_failed(&world.wait(slot));
            assert_eq!(failed, ("/top/inner/c".to_owned(), "no".to_owned()));
            assert_eq!(log.take(), ["+a", "+b", "-b", "-a"]);
            assert!(world.settled(early).is_some());
            assert_eq!((world.system.audit().live, world.system.find("first")), (0, None));
            assert_eq!(world.children(SupervisorId::ROOT), []);
            assert!(world.system.supervisor_info(spec.id).is_none());
            world.supervise(top(vec![named("a", "first", plain())]));
        }
    }
}

#[test]
fn what_cannot_be_planted_is_refused_before_anything_starts() {
    let world = World::sharded(2);
    world.spawn_named("taken", plain());
    let live = world.system.audit().live;
    let children = |last: TreeNode| vec![actor("a", plain()), named("b", "fresh", plain()), last];
    let bad = [
        top(children(actor("a", plain()))),
        top(children(actor("x/y", plain()))),
        top(children(actor("", plain()))),
        top(children(named("c", "taken", plain()))),
        top(children(named("c", "$no", plain()))),
        tree("user", Strategy::OneForOne, Vec::new()),
        top(children(TreeNode::Pool(pool("p*", 3, plain())))),
    ];
    for spec in bad {
        assert!(world.system.supervise(spec, None).is_err());
        assert_eq!((world.system.audit().live, world.system.find("fresh")), (live, None));
    }
    world.supervise(top(Vec::new()));
    let again = world.system.supervise(top(vec![named("b", "fresh", plain())]), None).unwrap_err();
    assert!(matches!(again, SpawnError::NameTaken { name, .. } if name == "top"));
    assert_eq!(world.system.audit().live, live);
}

#[test]
fn ten_thousand_failed_trees_leave_no_name_no_cell_and_no_counter() {
    let world = World::sharded(2);
    for _ in 0..10_000 {
        let children = vec![named("a", "first", plain()), actor("b", failing("no", false))];
        let slot = world.slot();
        world.system.supervise(top(children), Some(world.waiter(slot))).unwrap();
        start_failed(&world.wait(slot));
    }
    let audit = world.system.audit();
    assert_eq!((audit.live, world.system.find("first")), (0, None));
    assert_eq!(world.system.statuses().len(), 0);
    let tree = world.system.tree().unwrap();
    assert!(tree.below.is_empty() && tree.info.children.is_empty());
}

#[test]
fn failures_climb_from_supervisor_to_supervisor() {
    // INT-6
    let (world, log) = (World::sharded(2), Log::default());
    world.listen();
    let mut inner = tree("inner", Strategy::OneForOne, three(&log));
    inner.supervisor.max_restarts = 1;
    let outer = world.supervise(top(vec![actor("z", noting(&log, "z")), TreeNode::Supervisor(inner)]));
    let b = at(&outer, "inner/b");
    boom(&world, b);
    log.take();
    boom(&world, b);
    assert_eq!(log.take(), ["b:boom", "-c", "-a", "+a", "+b", "+c"], "the inner one comes up as a whole");
    assert!(world.events().contains(&"gave up /top/inner intensity".to_owned()));
    assert_eq!(world.wait(world.ask(b, "x", 100)), Settled::value("x"));
    let info = world.system.supervisor_info(below(&outer, "inner")).unwrap();
    assert_eq!((info.incarnation, info.status.as_str(), info.budget_used), (2, "ready", 0));
    let info = world.system.supervisor_info(outer.id).unwrap();
    assert_eq!((info.budget_used, info.history.len()), (1, 1));
    assert_eq!(&*info.history[0].child, "inner");
}

#[test]
fn a_root_that_gives_up_ends_everything_and_the_process_goes_on() {
    // INT-6
    let (world, log) = (World::sharded(2), Log::default());
    world.listen();
    let stray = world.spawn(plain());
    let mut spec = top(vec![actor("a", noting(&log, "a"))]);
    spec.supervisor.max_restarts = 0;
    let top = world.supervise(spec);
    for _ in 0..6 {
        world.advance(60_000 / 20);
        boom(&world, at(&top, "a"));
        world.advance(1_000);
    }
    assert!(world.events().iter().any(|event| event == "system failed intensity"));
    assert!(world.system.shared().is_failed());
    assert_eq!(world.system.audit().live, 0);
    assert!(world.status(stray).exit.is_some());
    assert!(world.system.spawn(&plain().into(), SpawnArgs::default(), None).is_err());
    assert_eq!(world.wait(world.ask(stray, "x", 100)), Settled::error(troupe_actor::ask::AskError::Stopped));
}

#[test]
fn each_failed_start_of_a_restart_costs_one_unit() {
    // SUP-4, INT-2
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let (world, log) = (World::sharded(2), Log::default());
        let mut spec = tree("top", strategy, vec![actor("a", once(&log)), actor("b", plain())]);
        spec.supervisor.max_restarts = 3;
        let top = world.supervise(spec);
        log.take();
        world.tell(at(&top, "a"), "boom");
        world.advance(310);
        // The fourth is one too many: the root brings the supervisor up again, which fails.
        assert_eq!(log.take(), ["start 2", "start 3", "start 4", "start 5"], "{strategy:?}");
        assert_eq!(world.system.tree().unwrap().info.budget_used, 2);
    }
}

#[test]
fn restart_type_and_cause_decide_together_under_a_supervisor() {
    // RST-1, RST-2
    let table = [
        (Restart::Permanent, "boom", Some("ready")),
        (Restart::Transient, "boom", Some("ready")),
        (Restart::Temporary, "boom", None),
        (Restart::Permanent, "stop", Some("terminated")),
        (Restart::Transient, "stop", Some("terminated")),
        (Restart::Temporary, "stop", None),
    ];
    for (restart, cause, expected) in table {
        let (world, log) = (World::sharded(3), Log::default());
        let top = world.supervise(top(vec![actor_with("a", noting(&log, "a"), restart), actor("b", plain())]));
        let a = at(&top, "a");
        let watch = (expected != Some("ready")).then(|| world.watch(a));
        world.tell(a, cause);
        world.advance(1_000);
        let children = world.children(top.id);
        let found = children.iter().find(|(key, _)| key == "a").map(|(_, status)| *status);
        assert_eq!(found, expected, "{restart:?} {cause}");
        assert!(watch.is_none_or(|watch| world.settled(watch).is_some()));
    }
}

#[test]
fn a_child_that_ignores_its_start_is_no_failure() {
    // STA-3
    let world = World::sharded(2);
    let ignoring = spawn_spec(Actor::new(|| puppet(&Log::default())).starts(|_, _| {
        Err(StartError { crash: Crash::new(ReasonTag::Normal, "nothing to do"), deterministic: false })
    }));
    let top = world.supervise(top(vec![actor("a", ignoring), actor("b", plain())]));
    assert_eq!(world.children(top.id), [("a".to_owned(), "terminated"), ("b".to_owned(), "ready")]);
    assert_eq!(world.system.audit().live, 1);
}

#[test]
fn a_lazy_child_comes_up_with_its_first_message() {
    let (world, log) = (World::sharded(2), Log::default());
    let lazy = ActorSpec { lazy: true, ..noting(&log, "a") };
    let top = world.supervise(top(vec![actor("a", lazy), actor("b", noting(&log, "b"))]));
    assert_eq!(log.take(), ["+b"]);
    assert_eq!(world.wait(world.ask(at(&top, "a"), "x", 100)), Settled::value("x"));
    assert_eq!(log.take(), ["+a", "a:x"]);
    boom(&world, at(&top, "a"));
    assert_eq!(log.take(), ["a:boom"]);
    assert_eq!(world.wait(world.ask(at(&top, "a"), "y", 100)), Settled::value("y"));
    assert_eq!(log.take(), ["+a", "a:y"]);
}

#[test]
fn actors_are_found_by_their_path() {
    let world = World::sharded(2);
    let inner = TreeNode::Supervisor(tree("inner", Strategy::OneForOne, vec![actor("b", plain())]));
    let top = world.supervise(top(vec![actor("a", plain()), inner]));
    assert_eq!(world.system.find("/top/a"), Some(at(&top, "a")));
    assert_eq!(world.system.find("/top/inner/b"), Some(at(&top, "inner/b")));
    for none in ["/top", "/top/inner", "/top/x", "/x/a", "top/a", "/", "a", "/top/a/b"] {
        assert_eq!(world.system.find(none), None, "{none}");
    }
    assert_eq!(&*world.status(at(&top, "inner/b")).path, "/top/inner/b");
}

#[test]
fn whoever_is_found_is_found_with_its_identity_and_its_path() {
    let world = World::sharded(2);
    let inner = TreeNode::Supervisor(tree("inner", Strategy::OneForOne, vec![named("b", "other", plain())]));
    world.supervise(top(vec![named("a", "name", plain()), inner]));
    world.spawn_named("plain", plain());
    let unnamed = world.status(world.spawn(plain())).path;
    for (wanted, path) in [
        ("name", "/top/a"),
        ("/user/name", "/top/a"),
        ("/top/a", "/top/a"),
        ("other", "/top/inner/b"),
        ("plain", "/user/plain"),
        ("/user/plain", "/user/plain"),
        (&*unnamed, &*unnamed),
    ] {
        let found = world.system.find_holder(wanted).unwrap();
        let status = world.status(found.address);
        assert_eq!((Some(found.id), &*status.path), (status.id, path), "{wanted}");
        assert_eq!(found.path, path, "{wanted}");
        assert_eq!(world.system.find(wanted), Some(found.address), "{wanted}");
    }
    assert_eq!(world.system.find_holder("nobody"), None);
}
