//! Groups (`GRP-1`), and starts that several wait for (`REG-1`).

use std::sync::Arc;

use troupe_actor::groups::GroupError;
use troupe_actor::reason::ReasonTag;
use troupe_actor::shard::Joined;
use troupe_actor::spec::SpawnArgs;

use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

fn plain() -> Actor {
    Actor::new(|| puppet(&Log::default()))
}

#[test]
fn a_watcher_sees_how_it_is_and_then_each_change_once() {
    let world = World::new();
    let (one, two) = (world.spawn_named("one", spawn_spec(plain())), world.spawn_named("two", spawn_spec(plain())));
    assert_eq!(world.system.join_group(one, "all"), Ok(true));
    let watch = world.slot();
    let seen = world.system.watch_group("all", world.waiter(watch)).unwrap();
    assert_eq!(seen.iter().map(|member| &*member.path).collect::<Vec<_>>(), ["/user/one"]);
    assert_eq!(world.system.join_group(one, "all"), Ok(false), "joining twice is joining once");
    assert_eq!(world.system.join_group(two, "all"), Ok(true));
    assert!(world.system.leave_group(one, "all"));
    assert!(!world.system.leave_group(one, "all"));
    assert_eq!(world.events(), [format!("/user/two joined {watch}"), format!("/user/one left {watch}")]);
    world.system.unwatch_group("all", world.waiter(watch));
    assert_eq!(world.system.join_group(one, "all"), Ok(true));
    assert!(world.events().is_empty());
}

#[test]
fn a_member_that_ends_has_left_before_anybody_hears_of_its_end() {
    let world = World::new();
    let actor = world.spawn_named("member", spawn_spec(plain()));
    world.system.join_group(actor, "all").unwrap();
    world.system.join_group(actor, "some").unwrap();
    world.listen();
    let watch = world.slot();
    world.system.watch_group("all", world.waiter(watch)).unwrap();
    world.tell(actor, "boom");
    world.run();
    assert_eq!(world.system.group_members("all").len(), 1, "a restart is no end");
    world.events();
    assert_eq!(world.wait(world.stop(actor)), Settled::ended(ReasonTag::Normal));
    assert_eq!(world.events(), [format!("/user/member left {watch}"), "stopped normal".to_owned()]);
    assert!(world.system.group_members("some").is_empty());
    assert_eq!(world.system.join_group(actor, "all"), Err(GroupError::Stopped));
    world.system.unwatch_group("all", world.waiter(watch));
}

#[test]
fn an_actor_that_goes_down_cannot_join_and_a_group_has_a_legal_name() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(plain().one_at_a_time()));
    assert!(matches!(world.system.join_group(actor, "a b"), Err(GroupError::Name(_))));
    assert!(matches!(world.system.watch_group("*", world.waiter(1)), Err(GroupError::Name(_))));
    world.tell_all(actor, &["a", "b", "c"]);
    let drained = world.end(actor, true, u64::MAX);
    assert_eq!(world.system.join_group(actor, "late"), Err(GroupError::Stopped));
    world.wait(drained);
}

#[test]
fn whoever_wants_a_name_hears_of_the_start_that_somebody_else_asked_for() {
    let world = World::new();
    let spec = Arc::new(spawn_spec(plain().starting()));
    let args = SpawnArgs { name: Some("shared".into()), ..SpawnArgs::default() };
    let (address, first) = world.spawn_waiting(&spec, args);
    let joined = world.slot();
    assert_eq!(world.system.join_start(address, world.waiter(joined)), Joined::Starting);
    assert_eq!(world.wait(first.unwrap()), Settled::Started);
    assert_eq!(world.settled(joined), Some(Settled::Started));
    assert_eq!(world.system.join_start(address, world.waiter(world.slot())), Joined::Up);
    world.tell(address, "x");
    let stopped = world.stop(address);
    let waits = world.slot();
    // It may be gone at once; if it is not, the waiter hears when it is.
    match world.system.join_start(address, world.waiter(waits)) {
        Joined::Ending => assert_eq!(world.wait(waits), Settled::ended(ReasonTag::Normal)),
        found => assert_eq!(found, Joined::Gone),
    }
    world.wait(stopped);
    assert_eq!(world.system.join_start(address, world.waiter(world.slot())), Joined::Gone);
}
