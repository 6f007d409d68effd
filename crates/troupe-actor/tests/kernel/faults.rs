//! Faults that a test injects.

use std::sync::Arc;

use troupe_actor::fault::Faults;
use troupe_actor::reason::ReasonTag;
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::status::Status;

use crate::common::{Actor, InlineMode, Log, Settled, World, puppet, spawn_spec};

fn spec(log: &Log, faults: Faults) -> ActorSpec {
    let log = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&log)).inline(InlineMode::Done));
    spec.faults = Some(Box::new(faults));
    spec
}

#[test]
fn the_nth_start_fails_and_the_next_one_does_not() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spec(&log, Faults { fail_starts: vec![2, 3], ..Faults::default() }));
    world.tell(actor, "boom");
    world.run();
    assert_eq!(world.status(actor).status, Status::Restarting, "the second life did not come up");
    world.advance(1_000);
    assert_eq!((world.status(actor).status, world.status(actor).incarnation), (Status::Ready, 4));
}

#[test]
fn a_first_start_that_fails_leaves_nothing_behind() {
    // STA-1
    let (world, log) = (World::new(), Log::default());
    let spec = Arc::new(spec(&log, Faults { fail_starts: vec![1], ..Faults::default() }));
    let args = SpawnArgs { name: Some(Arc::from("a")), user: None };
    let (_, slot) = world.spawn_waiting(&spec, args);
    let failed = world.wait(slot.unwrap());
    assert!(matches!(failed, Settled::StartFailed(error) if error.crash.tag == ReasonTag::StartFailed));
    assert_eq!(world.system.find("a"), None);
}

#[test]
fn the_nth_message_traps_however_messages_are_batched() {
    // TURN-3, MBX-3
    for batched in [false, true] {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(spec(&log, Faults { trap_on: vec![2, 4], ..Faults::default() }));
        for text in ["a", "b", "c", "d", "e"] {
            world.tell(actor, text);
            if !batched {
                world.run();
            }
        }
        world.advance(10_000);
        assert_eq!(log.take(), ["a", "c", "e"], "batched: {batched}");
        let counters = world.status(actor).counters;
        assert_eq!((counters.handled, counters.failed), (3, 2));
    }
}

#[test]
fn an_actor_with_faults_runs_no_turn_on_a_ports_thread() {
    let (world, log) = (World::new(), Log::default());
    let actor = world.spawn(spec(&log, Faults { trap_on: vec![1], ..Faults::default() }));
    let (inline, _) = world.ask_inline(actor, "x", 100);
    assert_eq!(inline, troupe_actor::system::Inline::Declined);
}
