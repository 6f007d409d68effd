//! Events of messages and of ends, where somebody asked for them.

use troupe_actor::spec::Observed;

use crate::common::{Actor, InlineMode, Log, World, each, puppet, spawn_spec, trap};

const ALL: Observed = Observed { life: true, messages: true, origin: 0 };

#[test]
fn messages_of_an_observed_actor_come_one_a_turn_and_are_events() {
    let world = World::new();
    let log = Log::default();
    let seen = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let log = seen.clone();
        Box::new(move |turn, _| {
            log.add(format!("{}", turn.frames.len()));
            Ok(())
        })
    }));
    spec.observed = ALL;
    let actor = world.listen().spawn(spec);
    world.events();
    world.tell_all(actor, &["a", "bcd"]);
    world.run();
    assert_eq!(log.take(), ["1", "1"]);
    assert_eq!(world.events(), ["received [1]", "processed [1] in 0", "received [3]", "processed [3] in 0"]);
}

#[test]
fn a_listener_to_all_messages_hears_of_them_turn_by_turn() {
    let world = World::new();
    let actor = world.listen().spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    world.events();
    world.tell_all(actor, &["a", "bcd"]);
    world.run();
    assert!(world.events().is_empty(), "nobody asked for messages");
    world.system.shared().listen_to_messages(true);
    world.tell_all(actor, &["a", "bcd"]);
    world.run();
    assert_eq!(world.events(), ["received [1, 3]", "processed [1, 3] in 0"]);
    world.system.shared().listen_to_messages(false);
    world.tell(actor, "a");
    world.run();
    assert!(world.events().is_empty());
}

#[test]
fn a_message_that_crashes_is_received_and_not_processed() {
    let world = World::new();
    let mut spec = spawn_spec(Actor::new(|| each(|_, _| Err(trap("oh")))));
    spec.observed = ALL;
    let actor = world.listen().spawn(spec);
    world.events();
    world.tell(actor, "a");
    world.run();
    assert_eq!(
        world.events(),
        ["received [1]", "crashed trap", "dead poison", "restarting #1 in 0", "restarted @1 after trap"]
            .map(|line| line.replace("@1", "@2"))
    );
}

#[test]
fn a_message_handled_on_a_ports_thread_is_observed_too() {
    let world = World::new();
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())).inline(InlineMode::Done));
    spec.observed = ALL;
    let actor = world.listen().spawn(spec);
    world.events();
    world.ask_inline(actor, "hello", 1_000);
    assert_eq!(world.events(), ["received [5]", "processed [5] in 0"]);
}

#[test]
fn an_observed_end_begins_once() {
    let world = World::new();
    let observed = || {
        let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
        spec.observed = ALL;
        spec.observed.messages = false;
        spec
    };
    let actor = world.listen().spawn(observed());
    world.events();
    world.stop(actor);
    world.stop(actor);
    world.run();
    assert_eq!(world.events(), ["stopping", "stopped normal"]);
    let own = world.spawn(observed());
    world.tell(own, "stop");
    world.run();
    assert_eq!(world.events(), ["started", "stopping", "stopped normal"]);
    let killed = world.spawn(observed());
    world.system.kill(killed);
    world.run();
    assert_eq!(world.events(), ["started", "stopped killed"]);
}
