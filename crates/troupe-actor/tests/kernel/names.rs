//! Names and paths (`REG-1` … `REG-4`, `STA-1`).

use std::sync::Arc;

use troupe_actor::error::SpawnError;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, SpawnArgs};

use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

fn plain() -> ActorSpec {
    spawn_spec(Actor::new(|| puppet(&Log::default())))
}

fn named(name: &str) -> SpawnArgs {
    SpawnArgs { name: Some(Arc::from(name)), user: None }
}

#[test]
fn an_actor_is_found_by_its_name_and_by_its_path() {
    let world = World::sharded(3);
    let (named, plain) = (world.spawn_named("parser.a", plain()), world.spawn(plain()));
    assert_eq!(world.system.find("parser.a"), Some(named));
    assert_eq!(world.system.find("/user/parser.a"), Some(named));
    assert_eq!(&*world.status(named).path, "/user/parser.a");
    assert_eq!(world.status(named).name.as_deref(), Some("parser.a"));
    let path = world.status(plain).path;
    assert_eq!(world.system.find(&path), Some(plain));
    for nobody in ["parser", "/user/", "", "$", "$1", "$0.7", "$x.y", "$99.0", "$4294967295.4294967295"] {
        assert_eq!(world.system.find(nobody), None, "{nobody}");
    }
    world.wait(world.stop(plain));
    assert_eq!(world.system.find(&path), None);
}

#[test]
fn a_taken_name_is_refused_with_its_holder_and_costs_nothing() {
    // REG-1
    let world = World::new();
    let holder = world.spawn_named("a", plain());
    let factory = Arc::new(Actor::new(|| puppet(&Log::default())));
    let spec = Arc::new(ActorSpec { factory: Arc::clone(&factory) as _, ..plain() });
    let refused = world.system.spawn(&spec, named("a"), None).unwrap_err();
    assert_eq!(refused, SpawnError::NameTaken { name: "a".into(), holder });
    assert_eq!(factory.retired.load(std::sync::atomic::Ordering::SeqCst), 1, "its behavior went back");
    assert_eq!(world.system.audit().live, 1);
    let bad = world.system.spawn(&spec, named("a b"), None).unwrap_err();
    assert!(matches!(bad, SpawnError::NameInvalid { .. }), "{bad:?}");
}

#[test]
fn a_name_is_free_once_the_end_is_told() {
    // REG-2, MON-4
    for kill in [true, false] {
        let world = World::new();
        let first = world.spawn_named("a", plain());
        let slot = world.watch(first);
        if kill {
            world.system.kill(first);
        } else {
            world.stop(first);
        }
        world.wait(slot);
        assert_eq!(world.system.find("a"), None);
        let second = world.spawn_named("a", plain());
        assert_ne!(first, second);
        assert_eq!(world.system.find("a"), Some(second));
    }
}

#[test]
fn a_name_survives_restarts_and_goes_with_a_failed_start() {
    // REG-3
    let world = World::new();
    let actor = world.spawn_named("a", plain());
    world.tell(actor, "boom");
    world.run();
    assert_eq!((world.status(actor).incarnation, world.system.find("a")), (2, Some(actor)));
    let broken = Actor::new(|| puppet(&Log::default()))
        .starts(|_, _| Err(StartError { crash: Crash::new(ReasonTag::Trap, "no"), deterministic: false }));
    let (_, slot) = world.spawn_waiting(&Arc::new(spawn_spec(broken)), named("b"));
    assert!(world.system.find("b").is_some(), "it may be addressed while it starts");
    assert!(matches!(world.wait(slot.unwrap()), Settled::StartFailed(_)));
    assert_eq!(world.system.find("b"), None);
}

#[test]
fn of_many_racers_for_a_name_exactly_one_wins() {
    // REG-1
    let world = World::sharded(4);
    let spec = Arc::new(plain());
    let wins = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..200 {
                    if world.system.spawn(&spec, named(&format!("n{n}")), None).is_ok() {
                        wins.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(wins.load(std::sync::atomic::Ordering::SeqCst), 200);
    assert_eq!(world.system.shared().names.len(), 200);
    assert_eq!(world.system.statuses().len(), 200);
}
