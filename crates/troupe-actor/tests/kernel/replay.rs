//! Replays: after a crashed turn of several messages they come again one at a time (`TURN-3`).

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::id::Address;
use troupe_actor::interrupt::TurnSlot;
use troupe_actor::reason::ReasonTag;
use troupe_actor::shard::{Job, Outbox};
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::{Restart, RestartSpec};
use troupe_actor::timer::{Repeat, TimerOrder};

use crate::common::{Actor, Log, Settled, World, each, puppet, spawn_spec, trap};

/// Notes turns as comma-separated texts; `boom…` traps, `flaky` only in company, and asks are answered.
fn noting(log: &Log) -> Actor {
    let log = log.clone();
    Actor::new(move || {
        let log = log.clone();
        Box::new(move |turn, out| {
            let texts: Vec<_> = turn.frames.iter().map(|frame| String::from_utf8_lossy(frame.payload)).collect();
            log.add(texts.join(","));
            let flaky = texts.len() > 1 && texts.iter().any(|text| text == "flaky");
            if flaky || texts.iter().any(|text| text.starts_with("boom")) {
                return Err(trap("boom"));
            }
            turn.frames.iter().filter(|frame| frame.kind == 2).for_each(|frame| out.reply(frame.corr, frame.payload));
            Ok(())
        })
    })
}

fn with_budget(max_restarts: u32, log: &Log) -> ActorSpec {
    let spec = spawn_spec(noting(log));
    ActorSpec { restart: RestartSpec { max_restarts, ..spec.restart }, ..spec }
}

fn spawn(world: &World, log: &Log) -> Address {
    world.spawn(spawn_spec(noting(log)))
}

#[test]
fn the_message_that_crashes_alone_is_the_culprit_and_the_others_are_handled() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    world.tell_all(actor, &["a", "boom", "b"]);
    world.run();
    assert_eq!(log.take(), ["a,boom,b", "a", "boom", "b"]);
    let counters = world.status(actor).counters;
    assert_eq!((counters.accepted, counters.handled, counters.failed), (3, 2, 1));
}

#[test]
fn a_crashed_turn_costs_one_unit_and_its_first_culprit_nothing() {
    // A budget of one restart carries one poisonous message among good ones.
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let actor = world.spawn(with_budget(1, &log));
    world.events();
    world.tell_all(actor, &["a", "boom", "b"]);
    world.run();
    assert_eq!(world.status(actor).status, Status::Ready);
    let expected = [
        "crashed trap",
        "restarting #1 in 0",
        "restarted @2 after trap",
        "crashed trap",
        "dead poison",
        "restarting #1 in 0",
        "restarted @3 after trap",
    ];
    assert_eq!(world.events(), expected);
}

#[test]
fn each_further_culprit_of_a_replay_is_a_restart_of_its_own() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let actor = world.spawn(with_budget(2, &log));
    world.events();
    world.tell_all(actor, &["boom1", "boom2", "boom3", "c"]);
    world.advance(10_000);
    // The turn and boom1: one unit. boom2: one unit, with a wait. boom3: one too many.
    assert_eq!(log.take(), ["boom1,boom2,boom3,c", "boom1", "boom2", "boom3"]);
    assert_eq!(world.status(actor).status, Status::Failed);
    let events = world.events();
    assert!(events.last().is_some_and(|event| event == "failed trap"), "{events:?}");
    let waits: Vec<_> = events.iter().filter(|event| event.starts_with("restarting")).collect();
    assert_eq!(waits.len(), 3, "{waits:?}");
    assert_eq!((waits[0].as_str(), waits[1].as_str()), ("restarting #1 in 0", "restarting #1 in 0"));
    assert!(waits[2].starts_with("restarting #2 in "), "{waits:?}");
}

#[test]
fn a_crash_that_does_not_come_again_is_told_and_makes_the_actor_cautious_for_a_second() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let actor = spawn(&world, &log);
    world.events();
    world.tell_all(actor, &["a", "flaky", "b"]);
    world.run();
    assert_eq!(log.take(), ["a,flaky,b", "a", "flaky", "b"]);
    assert_eq!(world.events(), ["crashed trap", "restarting #1 in 0", "restarted @2 after trap", "unreproduced"]);
    world.advance(500);
    world.tell_all(actor, &["c", "d"]);
    world.run();
    assert_eq!(log.take(), ["c", "d"]);
    world.advance(1_000);
    world.tell_all(actor, &["e", "f"]);
    world.run();
    assert_eq!(log.take(), ["e,f"]);
}

#[test]
fn batches_come_back_at_once_after_a_replay_that_found_its_culprit() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    world.tell_all(actor, &["boom", "a"]);
    world.run();
    world.tell_all(actor, &["b", "c"]);
    world.run();
    assert_eq!(log.take(), ["boom,a", "boom", "a", "b,c"]);
}

#[test]
fn what_arrives_during_a_replay_comes_after_it() {
    // ORD-1 across restarts, MBX-2
    let (world, log) = (World::new(), Log::default());
    let slow = spawn_spec(noting(&log).starting());
    let actor = world.spawn(slow);
    world.tell_all(actor, &["a", "boom", "b"]);
    world.tell(actor, "later");
    world.run();
    assert_eq!(log.take(), ["a,boom,b,later", "a", "boom", "b", "later"]);
}

#[test]
fn asks_of_a_crashed_turn_are_answered_by_the_replay_and_the_culprit_is_told() {
    let (world, log) = (World::new(), Log::default());
    let actor = spawn(&world, &log);
    let (good, bad, last) =
        (world.ask(actor, "good", 1_000), world.ask(actor, "boom", 1_000), world.ask(actor, "last", 1_000));
    world.run();
    assert_eq!(world.wait(good), Settled::value("good"));
    assert!(matches!(world.wait(bad), Settled::Crashed(..)));
    assert_eq!(world.wait(last), Settled::value("last"));
}

#[test]
fn deadlines_are_checked_again_in_a_replay() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let actor = spawn(&world, &log);
    // The second culprit makes the third message wait out a backoff that its deadline does not outlast.
    world.tell_all(actor, &["boom1", "boom2"]);
    let late = world.ask(actor, "late", 20);
    world.run();
    world.advance(1_000);
    assert_eq!(world.wait(late), Settled::error(AskError::Timeout));
    assert_eq!(log.take(), ["boom1,boom2,late", "boom1", "boom2"]);
    assert_eq!(world.status(actor).counters.expired, 1);
    // The replay is over: a crash of several begins a new one.
    world.tell_all(actor, &["x", "y"]);
    world.run();
    assert_eq!(log.take(), ["x,y"]);
}

#[test]
fn an_ask_that_expires_in_a_replay_does_not_lend_its_place_to_a_later_message() {
    let (world, log) = (World::new(), Log::default());
    world.listen();
    let gate = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let closed = std::sync::Arc::clone(&gate);
    let actor = world.spawn(spawn_spec(noting(&log).starts(move |incarnation, _| {
        // The second life fails to come up once, which costs a wait.
        if incarnation == 2 && !closed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return Err(troupe_actor::reason::StartError { crash: trap("not yet"), deterministic: false });
        }
        Ok(())
    })));
    world.events();
    let dying = world.ask(actor, "flaky", 10);
    world.tell(actor, "a");
    world.advance(1_000);
    assert_eq!(world.wait(dying), Settled::error(AskError::Timeout));
    assert_eq!(log.take(), ["flaky,a", "a"]);
    assert!(world.events().contains(&"unreproduced".to_owned()));
    // Not free: it is charged like any first crash.
    world.tell(actor, "boom");
    world.advance(1_000);
    let events = world.events();
    assert!(events.iter().any(|event| event.starts_with("restarting #3 in ")), "{events:?}");
}

#[test]
fn kill_or_stop_during_a_replay_dead_letters_the_rest() {
    for kill in [true, false] {
        let (world, log) = (World::new(), Log::default());
        let actor = spawn(&world, &log);
        world.tell_all(actor, &["boom1", "boom2", "a", "b"]);
        world.run();
        // Waits out the backoff of boom2 with a and b queued.
        assert_eq!(world.status(actor).status, Status::Restarting);
        if kill {
            assert!(world.system.kill(actor));
        } else {
            assert_eq!(world.wait(world.stop(actor)), Settled::ended(ReasonTag::Normal));
        }
        let reasons: Vec<_> = world.system.dead_letters().iter().map(|letter| letter.reason.as_str()).collect();
        let lost = if kill { "killed" } else { "stopped" };
        assert_eq!(reasons, ["poison", "poison", lost, lost]);
    }
}

#[test]
fn a_temporary_actor_has_no_replay() {
    let (world, log) = (World::new(), Log::default());
    let spec = spawn_spec(noting(&log));
    let restart = RestartSpec { restart: Restart::Temporary, ..spec.restart };
    let actor = world.spawn(ActorSpec { restart, ..spec });
    world.tell_all(actor, &["a", "boom"]);
    world.run();
    assert_eq!(world.status(actor).status, Status::Terminated);
    assert_eq!(world.system.dead_letters().len(), 2);
}

#[test]
fn a_replay_with_self_sends_keeps_their_order() {
    let (world, log) = (World::new(), Log::default());
    let target = world.spawn(spawn_spec(Actor::new({
        let log = log.clone();
        move || puppet(&log)
    })));
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        each(move |frame, out| {
            out.tell(target, frame.payload);
            if frame.payload == b"boom" { Err(trap("boom")) } else { Ok(()) }
        })
    })));
    world.tell_all(actor, &["1", "2", "boom", "3", "4"]);
    world.run();
    assert_eq!(log.take(), ["1", "2", "3", "4"]);
}

/// Takes the next job, as a thread would.
fn take(world: &World, slot: u32, number: u64, job: &mut Job) -> bool {
    let (handle, shared) = (&world.system.shards()[0], world.system.shared());
    let mut shard = handle.state.lock();
    shard.refresh_clock(shared);
    handle.drain_inbox(&mut shard, shared, &mut Outbox::default());
    shard.next_job(shared, slot, number, job)
}

#[test]
fn a_message_in_hand_stays_part_of_its_replay_when_others_are_dropped() {
    let (world, log) = (World::new(), Log::default());
    let mut spec = with_budget(1, &log);
    (spec.mailbox.max_messages, spec.mailbox.overflow) = (3, Overflow::DropOldest);
    let actor = world.spawn(spec);
    world.tell_all(actor, &["boom", "a", "b"]);
    let slot = Arc::new(TurnSlot::default());
    let (index, mut job, mut number) = (world.system.shared().add_slot(&slot), Job::default(), 0);
    // Until the culprit is in hand alone.
    while take(&world, index, number + 1, &mut job) {
        number += 1;
        if log.len() == 1 && job.messages == 1 {
            break;
        }
        job.run(&slot, number);
        world.system.shards()[0].state.lock().commit(world.system.shared(), &mut job);
    }
    // They take the place of all that is left of the replay, and of one that came later.
    world.tell_all(actor, &["p", "q", "r", "s"]);
    assert!(!take(&world, index, number + 1, &mut Job::default()));
    job.run(&slot, number);
    world.system.shards()[0].state.lock().commit(world.system.shared(), &mut job);
    world.run();
    assert_eq!(log.take(), ["boom,a,b", "boom", "q,r", "s"]);
    assert_eq!(world.status(actor).status, Status::Ready, "the crash of the culprit was charged already");
}

/// An actor whose turn of `boom`, the other texts and a tick has crashed, and whose next turn, of `boom`, is in
/// hand: the actor, its timer, and how to give that turn back.
fn crashed_with_a_tick(
    world: &World,
    spec: ActorSpec,
    log: &Log,
    texts: &[&str],
) -> (Address, u32, impl FnOnce() + use<>) {
    let actor = world.spawn(spec);
    let order = TimerOrder { delay_ms: 1, repeat: Repeat::Once, payload: b"tick" };
    let timer = world.system.set_timer(actor, world.me, &order, None).unwrap();
    world.now.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    world.tell_all(actor, texts);
    let (handle, shared) = (Arc::clone(&world.system.shards()[0]), Arc::clone(world.system.shared()));
    let slot = Arc::new(TurnSlot::default());
    let (index, mut job, mut number) = (shared.add_slot(&slot), Job::default(), 0);
    loop {
        number += 1;
        let mut shard = handle.state.lock();
        shard.refresh_clock(&shared);
        handle.drain_inbox(&mut shard, &shared, &mut Outbox::default());
        shard.run_timers(&shared);
        assert!(shard.next_job(&shared, index, number, &mut job));
        drop(shard);
        if log.len() == 1 && job.messages == 1 {
            break;
        }
        job.run(&slot, number);
        handle.state.lock().commit(&shared, &mut job);
    }
    let give_back = move || {
        job.run(&slot, number);
        handle.state.lock().commit(&shared, &mut job);
    };
    (actor, timer, give_back)
}

#[test]
fn a_tick_stays_part_of_its_replay_when_what_came_after_it_is_dropped() {
    // TURN-3: a tick is not dropped, so that what makes room in its place is none of the replay.
    let (world, log) = (World::new(), Log::default());
    let mut spec = spawn_spec(noting(&log));
    (spec.mailbox.max_messages, spec.mailbox.overflow) = (3, Overflow::DropOldest);
    let (actor, _, give_back) = crashed_with_a_tick(&world, spec, &log, &["boom"]);
    world.tell_all(actor, &["p", "q", "r"]);
    // The inbox is taken over, and nothing is given out.
    assert!(!take(&world, 0, 1_000, &mut Job::default()));
    give_back();
    world.run();
    assert_eq!(log.take(), ["boom,tick", "boom", "tick", "q,r"]);
}

#[test]
fn a_tick_that_is_taken_back_in_a_replay_is_no_part_of_it_any_more() {
    // TURN-3, TMR-2: what comes after the replay comes together again.
    for overflow in [Overflow::DropOldest, Overflow::Wait] {
        let (world, log) = (World::new(), Log::default());
        let mut spec = spawn_spec(noting(&log));
        spec.mailbox.overflow = overflow;
        let (actor, timer, give_back) = crashed_with_a_tick(&world, spec, &log, &["boom", "a"]);
        assert!(world.system.cancel_timer(actor, timer), "{overflow:?}");
        world.tell_all(actor, &["p", "q"]);
        give_back();
        world.run();
        assert_eq!(log.take(), ["boom,a,tick", "boom", "a", "p,q"], "{overflow:?}");
    }
}
