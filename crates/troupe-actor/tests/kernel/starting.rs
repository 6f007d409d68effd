//! Coming up (`STA-1` … `STA-5`, `INT-7`).

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::error::SpawnError;
use troupe_actor::frame::{self, Frames, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

fn start_error(tag: ReasonTag, deterministic: bool) -> StartError {
    StartError { crash: Crash::new(tag, "cannot"), deterministic }
}

#[test]
fn a_failed_start_is_told_and_leaves_nothing() {
    // STA-1
    for deterministic in [true, false] {
        let world = World::new();
        world.listen();
        let error = start_error(ReasonTag::Trap, deterministic);
        let own = error.clone();
        let factory = Actor::new(|| puppet(&Log::default())).starts(move |_, _| Err(own.clone()));
        let args = SpawnArgs { name: Some(Arc::from("a")), user: None };
        let (actor, slot) = world.spawn_waiting(&Arc::new(spawn_spec(factory)), args);
        let ask = world.ask(actor, "x", 1_000);
        assert_eq!(world.wait(slot.unwrap()), Settled::StartFailed(error));
        assert_eq!(world.settled(ask), Some(Settled::error(AskError::Stopped)));
        assert_eq!((world.system.audit().live, world.system.statuses().len()), (0, 0));
        assert_eq!(world.system.find("a"), None);
        let events = world.events();
        assert!(events.iter().all(|event| event.starts_with("dead")), "no life, no events of one: {events:?}");
    }
}

#[test]
fn a_factory_that_fails_on_the_callers_thread_fails_the_spawn() {
    struct Broken;
    impl troupe_actor::behavior::BehaviorFactory for Broken {
        fn create(&self) -> Result<Box<dyn troupe_actor::behavior::Behavior>, StartError> {
            Err(start_error(ReasonTag::Oom, true))
        }
        fn creates_inline(&self) -> bool {
            true
        }
    }
    let world = World::new();
    let spec = Arc::new(ActorSpec { factory: Arc::new(Broken), ..spawn_spec(Actor::new(|| puppet(&Log::default()))) });
    let args = SpawnArgs { name: Some(Arc::from("a")), user: None };
    let refused = world.system.spawn(&spec, args, None).unwrap_err();
    assert_eq!(refused, SpawnError::Start(start_error(ReasonTag::Oom, true)));
    assert_eq!(world.system.find("a"), None);
}

#[test]
fn messages_sent_before_the_start_is_over_wait_and_run_after() {
    // STA-5
    let (world, log) = (World::new(), Log::default());
    let (notes, started) = (log.clone(), log.clone());
    let factory = Actor::new(move || puppet(&notes)).starts(move |_, _| {
        started.add("start");
        Ok(())
    });
    let (actor, _) = world.spawn_waiting(&Arc::new(spawn_spec(factory)), SpawnArgs::default());
    world.tell(actor, "a");
    assert_eq!(world.status(actor).status, Status::Starting);
    world.run();
    assert_eq!(log.take(), ["start", "a"]);
}

#[test]
fn a_lazy_actor_comes_up_with_its_first_message() {
    let (world, log) = (World::new(), Log::default());
    let (notes, started) = (log.clone(), log.clone());
    let factory = Actor::new(move || puppet(&notes)).starts(move |_, _| {
        started.add("start");
        Ok(())
    });
    let actor = world.spawn(ActorSpec { lazy: true, ..spawn_spec(factory) });
    world.advance(1_000);
    assert_eq!((log.take(), world.status(actor).status), (vec![], Status::Creating));
    assert_eq!(world.wait(world.ask(actor, "a", 1_000)), Settled::value("a"));
    assert_eq!(log.take(), ["start", "a"]);
}

#[test]
fn a_start_that_fails_after_a_crash_costs_a_unit_and_is_tried_again() {
    // INT-2
    let (world, log) = (World::new(), Log::default());
    let notes = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&notes)).starts(|incarnation, _| match incarnation {
        2 | 3 => Err(start_error(ReasonTag::Trap, false)),
        _ => Ok(()),
    }));
    spec.restart.max_restarts = 3;
    let actor = world.spawn(spec);
    world.tell(actor, "boom");
    let waiting = world.ask(actor, "after", 5_000);
    world.advance(2_000);
    assert_eq!(world.settled(waiting), Some(Settled::value("after")));
    // The turn of two, two failed starts; then the culprit of the replay, which is free.
    assert_eq!((world.status(actor).incarnation, world.status(actor).restarts), (5, 4));
}

#[test]
fn a_deterministic_start_error_is_not_retried() {
    // INT-7
    let world = World::new();
    world.listen();
    let actor = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default())).starts(|incarnation, _| {
        if incarnation == 1 { Ok(()) } else { Err(start_error(ReasonTag::HostError, true)) }
    })));
    world.tell(actor, "boom");
    world.run();
    assert_eq!(world.status(actor).status, Status::Failed);
    assert_eq!(world.status(actor).exit.unwrap().tag, ReasonTag::StartFailed);
    assert_eq!(world.events().last().unwrap(), "failed start-failed");
}

#[test]
fn a_start_that_ran_into_its_deadline_says_so() {
    // STA-2
    let world = World::new();
    let actor =
        world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default())).starts(|incarnation, _| {
            if incarnation == 1 { Ok(()) } else { Err(start_error(ReasonTag::Deadline, true)) }
        })));
    world.tell(actor, "boom");
    world.run();
    assert_eq!(world.status(actor).exit.unwrap().tag, ReasonTag::StartTimeout);
}

#[test]
fn a_panic_during_the_start_is_a_failed_start() {
    let world = World::new();
    let factory = Actor::new(|| puppet(&Log::default())).starts(|_, _| panic!("oops"));
    let (_, slot) = world.spawn_waiting(&Arc::new(spawn_spec(factory)), SpawnArgs::default());
    let Settled::StartFailed(error) = world.wait(slot.unwrap()) else { panic!("it started") };
    assert_eq!(error.crash.tag, ReasonTag::HostPanic);
}

#[test]
fn a_life_is_told_who_it_is_and_whom_it_may_address() {
    let world = World::new();
    let log = Log::default();
    let peer = Address { index: 5, tag: 55 };
    let notes = log.clone();
    let factory = Actor::new(|| puppet(&Log::default())).starts(move |_, config| {
        let mut walk = Frames::new(config);
        for frame in walk.by_ref() {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            match frame.kind {
                kind::SEED => assert_eq!(frame.payload.len(), 8),
                kind::INCARNATION => notes.add(format!("incarnation {}", frame::word(frame.payload, 0).unwrap())),
                kind::PEER => notes.add(format!("peer {text} {}", frame.address.tag)),
                kind::SELF => notes.add(format!("self {text}")),
                kind::USER => notes.add(format!("user {text}")),
                other => panic!("kind {other}"),
            }
        }
        assert_eq!(walk.rest(), 0);
        Ok(())
    });
    let spec = Arc::new(ActorSpec { peers: vec![("out".into(), peer)], user: b"all".to_vec(), ..spawn_spec(factory) });
    let actor = world.spawn_args(&spec, SpawnArgs { name: Some(Arc::from("a")), user: None });
    assert_eq!(log.take(), ["incarnation 1", "self /user/a", "peer out 55", "user all"]);
    world.tell(actor, "boom");
    world.run();
    assert_eq!(log.take()[0], "incarnation 2");
    world.spawn_args(&spec, SpawnArgs { name: None, user: Some(Box::from(*b"own")) });
    assert_eq!(log.take()[3], "user own");
}

#[test]
fn every_life_has_its_own_seed_and_the_same_system_seed_gives_the_same_ones() {
    // BO-5
    let seeds = || {
        let (world, log) = (World::new(), Log::default());
        let notes = log.clone();
        let spec = Arc::new(spawn_spec(Actor::new(|| puppet(&Log::default())).starts(move |_, config| {
            notes.add(format!("{:?}", frame::read(config, 0).unwrap().payload));
            Ok(())
        })));
        let actors = [(); 3].map(|()| world.spawn_args(&spec, SpawnArgs::default()));
        world.tell(actors[0], "boom");
        world.run();
        log.take()
    };
    let (first, second) = (seeds(), seeds());
    assert_eq!(first, second);
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 4);
}
