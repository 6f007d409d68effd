//! Room in a mailbox: who waits gets in as soon as there is some and not behind a closed door (`OVF-2`), and
//! the marks are said whatever fills the mailbox up or empties it (`OVF-6`).

use troupe_actor::ask::AskError;
use troupe_actor::frame::kind;
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::record::FOREVER;
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::Strategy;
use troupe_actor::timer::{Repeat, TimerOrder};

use crate::common::tree;
use crate::common::{Actor, Log, Settled, Work, World, external, puppet, spawn_spec, trap};

/// Marks that were said since the last look.
fn marks(world: &World) -> Vec<String> {
    world.events().into_iter().filter(|event| event.contains(" of ")).collect()
}

fn listening() -> World {
    let world = World::new();
    world.listen().system.shared().listen_to_water(true);
    world
}

fn bounded(mut spec: ActorSpec, overflow: Overflow, messages: u32) -> ActorSpec {
    (spec.mailbox.overflow, spec.mailbox.max_messages) = (overflow, messages);
    spec
}

/// An actor that an environment runs, with a turn of one message in hand.
fn busy(world: &World, overflow: Overflow, messages: u32) -> (Address, Work) {
    let actor = world.spawn_external(bounded(external(world), overflow, messages));
    world.tell(actor, "first");
    world.run();
    let turn = world.only_work(work::TURN);
    marks(world);
    (actor, turn)
}

#[test]
fn what_a_turn_brings_back_fills_a_mailbox_up_again() {
    // The whole turn after a crash, and what a turn did not consume.
    let world = listening();
    let actor = world.spawn(bounded(
        spawn_spec(Actor::new(|| {
            Box::new(|turn, out| match turn.incarnation {
                1 => Err(trap("boom")),
                _ => {
                    out.consume(1);
                    Ok(())
                }
            })
        })),
        Overflow::Reject,
        5,
    ));
    world.tell_all(actor, &["a", "b", "c", "d"]);
    world.run();
    assert_eq!(marks(&world), ["high 4 of 5", "low 0 of 5", "high 4 of 5", "low 2 of 5"]);
}

#[test]
fn notices_move_no_mark() {
    // OVF-3: they take no room.
    let world = listening();
    let (actor, turn) = busy(&world, Overflow::Reject, 5);
    for tag in 0..4 {
        let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
        world.system.watch_for(actor, other, tag);
        world.run().system.kill(other);
    }
    world.tell(actor, "one of five");
    world.run();
    assert!(marks(&world).is_empty());
    world.done(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.frames().iter().filter(|frame| frame.kind == kind::DOWN).count(), 4);
    world.done(&turn, |_| {});
}

#[test]
fn who_waits_in_front_of_an_actor_that_stops_itself_is_refused_at_once() {
    // STOP-1: nothing gets into a closed mailbox.
    let world = World::new();
    let (actor, turn) = busy(&world, Overflow::Wait, 1);
    let sends = [world.send(actor, "a", FOREVER), world.send(actor, "b", FOREVER)];
    world.run();
    assert_eq!((world.settled(sends[0]), world.settled(sends[1])), (Some(Settled::value("")), None));
    world.done(&turn, |out| out.stop());
    let stop = world.only_work(work::STOP);
    assert_eq!(world.status(actor).status, Status::Stopping);
    let stopped = Settled::error(AskError::Stopped);
    assert_eq!(world.settled(sends[1]), Some(stopped), "while it goes down");
    assert_eq!(world.status(actor).waiting, 0);
    world.done(&stop, |_| {});
    assert_eq!(world.status(actor).counters.accepted, 0, "it has ended");
    assert_eq!(world.system.audit().counters.accepted, 2);
}

/// An actor with a turn in hand, a message queued, and a mailbox that is full to the last byte with `fill`.
fn full(fill: impl FnOnce(&World, Address)) -> (World, Address, Work, u32) {
    let world = World::new();
    let actor = world.spawn_external(tight(&world));
    let (turn, send) = fill_up(&world, actor, fill);
    (world, actor, turn, send)
}

/// An actor that an environment runs, with room for two messages.
fn tight(world: &World) -> ActorSpec {
    let mut spec = bounded(external(world), Overflow::Wait, 100);
    spec.mailbox.max_bytes = 100;
    spec
}

fn fill_up(world: &World, actor: Address, fill: impl FnOnce(&World, Address)) -> (Work, u32) {
    world.tell(actor, "first");
    world.run();
    let turn = world.only_work(work::TURN);
    world.tell(actor, "second");
    fill(world, actor);
    let send = world.send(actor, "third", FOREVER);
    world.run();
    assert_eq!((world.settled(send), world.status(actor).waiting), (None, 1));
    (turn, send)
}

/// Queues a tick of the life's own timer.
fn tick(world: &World, actor: Address) {
    let order = TimerOrder { delay_ms: 1, repeat: Repeat::Once, payload: &[0; 16] };
    world.system.set_own_timer(actor, 1, 1, &order).unwrap();
    world.advance(1);
}

/// The next life comes up, and is given what was queued and what waited.
fn goes_on(world: &World) {
    let works = world.work();
    let start = works.iter().find(|one| one.kind == work::START).unwrap();
    world.done(start, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["second", "third"]);
    world.done(&turn, |_| {});
}

#[test]
fn who_waits_gets_in_when_a_life_takes_its_ticks_with_it() {
    let (world, actor, turn, send) = full(tick);
    world.done(&turn, |out| out.crash("boom"));
    assert_eq!((world.settled(send), world.status(actor).queued), (Some(Settled::value("")), 2));
    goes_on(&world);
}

#[test]
fn who_waits_gets_in_when_a_notice_is_taken_back() {
    let (world, actor, turn, send) = full(|world, actor| {
        let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
        world.system.watch_for(actor, other, 1);
        world.run().system.kill(other);
        world.run();
    });
    world.system.unwatch_for(actor, 1);
    world.done(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["second", "third"]);
    assert_eq!((world.settled(send), world.status(actor).waiting), (Some(Settled::value("")), 0));
    world.done(&turn, |_| {});
}

#[test]
fn who_waits_gets_in_when_a_life_ends_with_a_linked_one() {
    // MON-6: the life takes its tick with it, and the place keeps the queue.
    let (world, actor, turn, send) = full(tick);
    let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    world.system.link(actor, other);
    world.run().system.kill(other);
    world.run();
    assert_eq!(world.settled(send), None, "the message in hand is let finish");
    world.done(&turn, |_| {});
    assert_eq!((world.settled(send), world.status(actor).queued), (Some(Settled::value("")), 2));
    goes_on(&world);
}

#[test]
fn who_waits_gets_in_when_a_supervisor_takes_a_life_down() {
    let world = World::new();
    let children = vec![tree::actor("one", tight(&world)), tree::actor("other", tree::plain())];
    let (all, up) = world.supervise_waiting(tree::tree("all", Strategy::OneForAll, children));
    world.done(&world.only_work(work::START), |_| {});
    assert_eq!(world.wait(up), Settled::Supervised(Ok(())));
    let actor = tree::at(&all, "one");
    let (turn, send) = fill_up(&world, actor, tick);
    world.tell(tree::at(&all, "other"), "boom");
    world.run();
    world.done(&turn, |_| {});
    assert_eq!(world.settled(send), None);
    let works = world.work();
    world.done(works.iter().find(|one| one.kind == work::STOP).unwrap(), |_| {});
    assert_eq!((world.settled(send), world.status(actor).queued), (Some(Settled::value("")), 2));
    goes_on(&world);
}
