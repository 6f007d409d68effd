//! Trees: start and stop order, strategies, escalation (`SUP`).

use troupe_actor::supervision::spec::Strategy;
use troupe_actor::tree::spec::TreeNode;

use crate::common::tree::{actor, at, noting, tree};
use crate::common::{Log, Settled, World};

fn three(log: &Log) -> Vec<TreeNode> {
    ["a", "b", "c"].map(|key| actor(key, noting(log, key))).into()
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    // SUP-2
    for shards in [1, 3] {
        let (world, log) = (World::sharded(shards), Log::default());
        let top = world.supervise(tree("top", Strategy::OneForOne, three(&log)));
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
        (Strategy::OneForOne, &["b:boom", "+b"][..]),
        (Strategy::OneForAll, &["b:boom", "-c", "-a", "+a", "+b", "+c"][..]),
        (Strategy::RestForOne, &["b:boom", "-c", "+b", "+c"][..]),
    ];
    for shards in [1, 2, 3] {
        for (strategy, expected) in table {
            let (world, log) = (World::sharded(shards), Log::default());
            let top = world.supervise(tree("top", strategy, three(&log)));
            log.take();
            world.tell(at(&top, "b"), "boom");
            world.run();
            assert_eq!(log.take(), expected, "{strategy:?} on {shards}");
            for key in ["a", "b", "c"] {
                assert_eq!(world.wait(world.ask(at(&top, key), "x", 100)), Settled::value("x"));
                log.take();
            }
        }
    }
}
