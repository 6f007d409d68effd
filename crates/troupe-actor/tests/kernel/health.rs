//! Health probes (`HLT-1`, `HLT-2`, `RST-4`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use troupe_actor::behavior::BehaviorFactory;
use troupe_actor::frame::{self, Frame};
use troupe_actor::health::{Health, HealthSpec, HealthState};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::reason::{Crash, ReasonTag};
use troupe_actor::spec::ActorSpec;
use troupe_actor::status::Status;

use crate::common::{Actor, Log, Out, Settled, World, each, external, puppet, spawn_spec};

const SPEC: HealthSpec = HealthSpec { interval_ms: 5_000, timeout_ms: 1_000, failures: 3, restart: true };

/// What a probe finds now, and how many were made.
#[derive(Clone, Default)]
struct Patient {
    now: Arc<Mutex<Health>>,
    probes: Arc<AtomicU32>,
}

impl Patient {
    fn is(&self, state: HealthState, text: &str) {
        *self.now.lock().unwrap() = Health::new(state, text);
    }

    fn probes(&self) -> u32 {
        self.probes.swap(0, Ordering::SeqCst)
    }

    fn spec(&self) -> ActorSpec {
        let patient = self.clone();
        let actor = Actor::new(|| puppet(&Log::default())).probed(move |_| {
            patient.probes.fetch_add(1, Ordering::SeqCst);
            Ok(patient.now.lock().unwrap().clone())
        });
        let mut spec = spawn_spec(actor);
        spec.health = Some(SPEC);
        spec.restart.backoff.jitter = 0.0;
        spec
    }
}

fn health(world: &World, actor: Address) -> (HealthState, String) {
    let health = world.status(actor).health;
    (health.state, health.text)
}

#[test]
fn a_probe_comes_every_interval_and_says_how_the_actor_is() {
    let world = World::new();
    let patient = Patient::default();
    let actor = world.listen().spawn(patient.spec());
    world.events();
    assert_eq!(health(&world, actor), (HealthState::Unknown, String::new()));
    world.advance(4_999);
    assert_eq!(patient.probes(), 0, "the first one comes after an interval");
    for (state, text) in [
        (HealthState::Healthy, ""),
        (HealthState::Degraded, "slow"),
        (HealthState::Degraded, "slow"),
        (HealthState::Degraded, "slower"),
        (HealthState::Unknown, ""),
    ] {
        patient.is(state, text);
        world.advance(5_001);
        assert_eq!(patient.probes(), 1);
        assert_eq!(health(&world, actor), (state, text.to_owned()));
    }
    assert_eq!(
        world.events(),
        [
            "health unknown to healthy ",
            "health healthy to degraded slow",
            "health degraded to degraded slower",
            "health degraded to unknown ",
        ]
    );
}

#[test]
fn an_actor_that_is_not_probed_is_never_asked() {
    let world = World::new();
    let patient = Patient::default();
    let mut spec = patient.spec();
    spec.health = None;
    let actor = world.spawn(spec);
    world.advance(60_000);
    assert_eq!(patient.probes(), 0);
    assert_eq!(health(&world, actor).0, HealthState::Unknown);
}

#[test]
fn unhealthy_three_times_in_a_row_ends_the_life_with_reason_health() {
    let world = World::new();
    let patient = Patient::default();
    let actor = world.listen().spawn(patient.spec());
    world.events();
    patient.is(HealthState::Unhealthy, "no disk");
    world.advance(10_003);
    assert_eq!(world.status(actor).incarnation, 1, "two are not enough");
    patient.is(HealthState::Degraded, "");
    world.advance(5_001);
    patient.is(HealthState::Unhealthy, "no disk");
    world.advance(10_002);
    assert_eq!(world.status(actor).incarnation, 1, "the row was broken");
    world.events();
    world.advance(5_001);
    let status = world.status(actor);
    assert_eq!((status.incarnation, status.status, status.restarts), (2, Status::Ready, 1));
    assert_eq!(health(&world, actor).0, HealthState::Unknown, "nothing is known of the new life");
    assert_eq!(
        world.events(),
        ["crashed health", "restarting #1 in 0", "restarted @2 after health", "health unhealthy to unknown "]
    );
}

#[test]
fn failures_are_only_told_when_the_options_say_so() {
    let world = World::new();
    let patient = Patient::default();
    let mut spec = patient.spec();
    spec.health = Some(HealthSpec { restart: false, ..SPEC });
    let actor = world.listen().spawn(spec);
    world.events();
    patient.is(HealthState::Unhealthy, "no disk");
    world.advance(60_000);
    assert_eq!(world.status(actor).incarnation, 1);
    assert_eq!(world.events(), ["health unknown to unhealthy no disk"]);
}

#[test]
fn a_health_failure_is_an_abnormal_end_for_every_restart_type() {
    // RST-4
    use troupe_actor::supervision::spec::Restart;
    for (restart, expected) in [
        (Restart::Permanent, Status::Ready),
        (Restart::Transient, Status::Ready),
        (Restart::Temporary, Status::Terminated),
    ] {
        let world = World::new();
        let patient = Patient::default();
        let mut spec = patient.spec();
        spec.restart.restart = restart;
        let actor = world.spawn(spec);
        let watch = world.watch(actor);
        patient.is(HealthState::Unhealthy, "no disk");
        world.advance(15_003);
        assert_eq!(world.status(actor).status, expected, "{restart:?}");
        if expected == Status::Terminated {
            let text = "3 health probes failed in a row: no disk".to_owned();
            let reason = troupe_actor::reason::ExitReason { tag: ReasonTag::Health, text };
            assert_eq!(world.settled(watch), Some(Settled::Ended(reason)));
        }
    }
}

#[test]
fn health_failures_spend_the_budget() {
    // INT-2
    let world = World::new();
    let patient = Patient::default();
    let mut spec = patient.spec();
    spec.health = Some(HealthSpec { failures: 1, interval_ms: 10, ..SPEC });
    spec.restart.max_restarts = 2;
    let actor = world.spawn(spec);
    patient.is(HealthState::Unhealthy, "no disk");
    world.advance(5_000);
    assert_eq!(world.status(actor).status, Status::Failed);
}

#[test]
fn a_probe_comes_before_the_messages_that_wait() {
    // HLT-2: at a boundary, with priority; the queue survives what the probe does
    let world = World::new();
    let log = Log::default();
    let (probed, handled) = (log.clone(), log.clone());
    let actor = Actor::new(move || puppet(&handled))
        .probed(move |_| {
            probed.add("probe");
            Ok(Health::new(HealthState::Unhealthy, ""))
        })
        .one_at_a_time();
    let mut spec = spawn_spec(actor);
    spec.health = Some(HealthSpec { failures: 1, ..SPEC });
    let actor = world.spawn(spec);
    world.now.fetch_add(5_001, Ordering::SeqCst);
    world.tell_all(actor, &["a", "b"]);
    world.run();
    assert_eq!(log.take(), ["probe", "a", "b"]);
    assert_eq!(world.status(actor).incarnation, 2);
}

#[test]
fn a_crash_in_a_probe_loses_the_life_and_no_message() {
    let world = World::new();
    let log = Log::default();
    let handled = log.clone();
    for (tag, expected) in [(ReasonTag::Trap, "crashed trap"), (ReasonTag::Deadline, "crashed health")] {
        let handled = handled.clone();
        let actor = Actor::new(move || puppet(&handled)).probed(move |incarnation| {
            if incarnation == 1 { Err(Crash::new(tag, "in health")) } else { Ok(Health::new(HealthState::Healthy, "")) }
        });
        let mut spec = spawn_spec(actor);
        spec.health = Some(SPEC);
        let actor = world.listen().spawn(spec);
        world.events();
        world.now.fetch_add(5_001, Ordering::SeqCst);
        world.tell_all(actor, &["a", "b"]);
        world.run();
        assert_eq!(log.take(), ["a", "b"]);
        assert_eq!(world.events().first().map(String::as_str), Some(expected));
        world.advance(5_001);
        assert_eq!(health(&world, actor).0, HealthState::Healthy);
        assert_eq!(world.status(actor).counters.failed, 0);
        assert_eq!(world.stop(actor), world.slot() - 1);
        world.run().events();
    }
}

#[test]
fn a_panic_in_a_probe_stays_in_it() {
    let world = World::new();
    let actor = Actor::new(|| puppet(&Log::default())).probed(|_| panic!("oh"));
    let mut spec = spawn_spec(actor);
    spec.health = Some(SPEC);
    let actor = world.listen().spawn(spec);
    world.events();
    world.advance(5_001);
    assert_eq!(world.events().first().map(String::as_str), Some("crashed host-panic"));
    assert_eq!(world.status(actor).status, Status::Ready);
}

#[test]
fn an_actor_that_goes_down_is_not_probed() {
    let world = World::new();
    let patient = Patient::default();
    let actor = world.spawn(patient.spec());
    world.advance(5_001);
    assert_eq!(patient.probes(), 1);
    let stopped = world.stop(actor);
    world.advance(60_000);
    assert_eq!(world.settled(stopped), Some(Settled::ended(ReasonTag::Normal)));
    assert_eq!(patient.probes(), 0);
}

#[test]
fn a_life_in_backoff_is_not_probed() {
    let world = World::new();
    let patient = Patient::default();
    let mut spec = patient.spec();
    spec.restart.backoff.initial_ms = 20_000;
    spec.restart.backoff.max_ms = 20_000;
    let actor = world.spawn(spec);
    world.tell(actor, "boom");
    world.run();
    world.tell(actor, "boom");
    world.run();
    assert_eq!(world.status(actor).status, Status::Restarting);
    world.advance(19_000);
    assert_eq!(patient.probes(), 0);
    world.advance(1_001 + 5_001);
    assert_eq!(patient.probes(), 1, "one an interval after it came up");
}

/// An external actor that is probed, whose jobs the test does by hand.
fn probed_external(world: &World) -> Address {
    let mut spec = external(world);
    spec.health = Some(SPEC);
    spec.external = spec.external.map(|external| troupe_actor::spec::External { handler_ms: u64::MAX, ..external });
    world.spawn_external(spec)
}

fn say(out: &mut Out, number: u32, text: &str) {
    out.health(number, text);
}

#[test]
fn an_environment_answers_probes_of_its_actors() {
    let world = World::new();
    let actor = probed_external(&world);
    for (number, text, expected) in
        [(0, "", HealthState::Healthy), (1, "slow", HealthState::Degraded), (2, "down", HealthState::Unhealthy)]
    {
        world.advance(5_001);
        let probe = world.only_work(work::HEALTH);
        world.done(&probe, |out| say(out, number, text));
        assert_eq!(health(&world, actor), (expected, text.to_owned()));
    }
    world.advance(5_001);
    let probe = world.only_work(work::HEALTH);
    world.done(&probe, |out| out.crash("Error\0no database\0\0"));
    assert_eq!(
        health(&world, actor),
        (HealthState::Unhealthy, "Error: no database".to_owned()),
        "a throw is an answer"
    );
    world.advance(5_001);
    let probe = world.only_work(work::HEALTH);
    world.done(&probe, |_| {});
    assert_eq!(health(&world, actor).0, HealthState::Unknown, "it says nothing");
}

#[test]
fn a_probe_that_does_not_answer_in_time_is_a_failure_and_there_are_never_two() {
    let world = World::new();
    let actor = probed_external(&world);
    world.advance(5_001);
    let probe = world.only_work(work::HEALTH);
    world.advance(1_000);
    assert_eq!(health(&world, actor).0, HealthState::Unknown);
    world.advance(2);
    let text = "the health probe has run for more than 1000 ms".to_owned();
    assert_eq!(health(&world, actor), (HealthState::Unhealthy, text));
    world.advance(4_000);
    assert!(world.work().is_empty(), "no second probe");
    world.done(&probe, |out| say(out, 0, ""));
    assert_eq!(health(&world, actor).0, HealthState::Unhealthy, "the answer came too late");
    world.advance(5_001);
    let probe = world.only_work(work::HEALTH);
    world.done(&probe, |out| say(out, 0, ""));
    assert_eq!(health(&world, actor).0, HealthState::Healthy);
}

#[test]
fn a_probe_that_never_answers_ends_the_life() {
    let world = World::new();
    let actor = probed_external(&world);
    world.advance(5_001);
    let probe = world.only_work(work::HEALTH);
    world.advance(10_100);
    let kinds: Vec<u32> = world.work().iter().map(|work| work.kind).collect();
    assert_eq!(kinds, [work::ABANDONED, work::START]);
    let stale = world.system.audit().stale_work;
    world.done(&probe, |out| say(out, 0, ""));
    assert_eq!(world.system.audit().stale_work, stale + 1, "an answer of the old life is dropped");
    assert_eq!(world.status(actor).incarnation, 2);
}

#[test]
fn a_probe_is_not_judged_by_when_the_handler_before_it_began() {
    // HLT-2
    let world = World::new();
    let actor = probed_external(&world);
    world.tell(actor, "a");
    let turn = world.only_work(work::TURN);
    world.begun(&turn, 0, |_| {});
    world.advance(5_001);
    world.advance(900);
    world.done(&turn, |_| {});
    let probe = world.only_work(work::HEALTH);
    world.advance(600);
    assert_eq!(health(&world, actor).0, HealthState::Unknown, "it has run for 600 ms");
    world.advance(402);
    assert_eq!(health(&world, actor).0, HealthState::Unhealthy, "it has run for more than 1000 ms");
    world.done(&probe, |out| say(out, 0, ""));
}

#[test]
fn a_busy_handler_is_judged_by_its_running_time() {
    let world = World::new();
    let actor = probed_external(&world);
    // Many short handlers: the probe waits its turn, and that is no failure.
    world.now.fetch_add(4_999, Ordering::SeqCst);
    world.tell(actor, "a");
    let turn = world.only_work(work::TURN);
    world.begun(&turn, 0, |_| {});
    world.advance(900);
    world.done(&turn, |_| {});
    let probe = world.only_work(work::HEALTH);
    world.done(&probe, |out| say(out, 0, ""));
    assert_eq!(health(&world, actor).0, HealthState::Healthy);
    // One long handler: three looks, then the life ends, and its message is the culprit.
    let ask = world.ask(actor, "b", 60_000);
    let turn = world.only_work(work::TURN);
    world.begun(&turn, 0, |_| {});
    world.advance(6_000);
    let text = "a handler has run for more than 1000 ms".to_owned();
    assert_eq!(health(&world, actor), (HealthState::Unhealthy, text));
    assert_eq!(world.status(actor).incarnation, 1);
    world.advance(9_300);
    assert_eq!(world.status(actor).incarnation, 2);
    match world.settled(ask) {
        Some(Settled::Crashed(_, crash)) => assert_eq!(crash.tag, ReasonTag::Health),
        other => panic!("{other:?}"),
    }
    let kinds: Vec<u32> = world.work().iter().map(|work| work.kind).collect();
    assert_eq!(kinds, [work::ABANDONED, work::START]);
}

#[test]
fn a_handler_that_waits_for_an_answer_does_not_hold_the_probe_up() {
    let world = World::new();
    let patient = Patient::default();
    let silent = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    let own = patient.clone();
    let actor = Actor::new(move || {
        each(move |frame, out| {
            if frame.kind == frame::kind::MESSAGE {
                out.ask(silent, 1, 60_000, b"?");
                out.wait_for(&[1]);
            }
            Ok(())
        })
    })
    .probed(move |_| {
        own.probes.fetch_add(1, Ordering::SeqCst);
        Ok(Health::new(HealthState::Healthy, ""))
    });
    let mut spec = spawn_spec(actor);
    spec.health = Some(SPEC);
    let actor = world.spawn(spec);
    world.tell(actor, "go");
    world.advance(10_100);
    assert_eq!(patient.probes(), 2);
    assert_eq!(health(&world, actor).0, HealthState::Healthy);
}

#[test]
fn custom_state_is_handed_to_each_start_as_it_is_then() {
    // PER-2
    let world = World::new();
    let log = Log::default();
    let seen = log.clone();
    let actor = Actor::new(|| puppet(&Log::default())).starts(move |_, config| {
        let state = frame::Frames::new(config).find(|frame: &Frame<'_>| frame.kind == frame::kind::STATE);
        seen.add(state.map_or("none".to_owned(), |frame| String::from_utf8_lossy(frame.payload).into_owned()));
        Ok(())
    });
    let factory: Arc<dyn BehaviorFactory> = Arc::new(actor);
    let spec = |state: Option<&[u8]>| {
        let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
        spec.factory = Arc::clone(&factory);
        spec.state = state.map(Box::from);
        spec
    };
    let plain = world.spawn(spec(None));
    let actor = world.spawn(spec(Some(b"one")));
    world.tell(actor, "boom");
    world.run();
    assert!(world.system.set_state(actor, Box::from(*b"two")));
    world.tell(actor, "boom");
    world.advance(1_000);
    assert_eq!(log.take(), ["none", "one", "one", "two"]);
    world.stop(actor);
    world.run();
    assert!(!world.system.set_state(actor, Box::from(*b"three")), "it has ended");
    assert!(world.system.set_state(plain, Box::from(*b"late")));
}
