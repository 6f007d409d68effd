//! Trees on real workers: crashes, kills, requests and stops from several threads at once.

use troupe_actor::supervision::spec::Strategy;
use troupe_actor::tree::spec::{TreeNode, TreeRequest};

use crate::common::tree::{actor, at, below, plain, pool, tree};
use crate::common::{Random, Settled, World};

#[test]
fn trees_survive_crashes_and_stops_from_many_threads_and_leave_nothing() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let world = World::threaded(2, 2);
        let mut inner = tree("inner", strategy, vec![actor("c", plain()), TreeNode::Pool(pool("p", 20, plain()))]);
        inner.supervisor.max_restarts = u32::MAX;
        let mut spec =
            tree("top", strategy, vec![actor("a", plain()), TreeNode::Supervisor(inner), actor("b", plain())]);
        spec.supervisor.max_restarts = u32::MAX;
        spec.supervisor.backoff.max_ms = 1;
        let top = world.supervise(spec);
        let targets = [at(&top, "a"), at(&top, "inner/c"), at(&top, "inner/p/3"), at(&top, "b")];
        let ids = [top.id, below(&top, "inner")];
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let (world, targets) = (&world, &targets);
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    for _ in 0..150 {
                        let target = targets[random.below(4) as usize];
                        match random.below(12) {
                            0 => {
                                world.system.kill(target);
                            }
                            1 => {
                                let key = ["a", "b", "c"][random.below(3) as usize].to_owned();
                                world.request(ids[random.below(2) as usize], TreeRequest::RestartChild(key));
                            }
                            2 => assert!(world.system.tree().is_some()),
                            3 => world.system.monitor(target, world.waiter(world.slot())),
                            4 => {
                                world.ask(target, "x", 1_000);
                            }
                            _ => world.tell(target, "boom"),
                        }
                    }
                });
            }
        });
        let stops = [world.supervisor_stop(top.id), world.supervisor_stop(top.id)];
        for stop in stops {
            assert_eq!(world.wait(stop), Settled::Supervised(Ok(())), "{strategy:?}");
        }
        assert_eq!(world.system.audit().live, 0, "{strategy:?}");
    }
}
