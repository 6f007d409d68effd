//! Actors whose jobs an environment does: the same rules, with answers that come when they come.

use std::sync::Arc;

use troupe_actor::ask::AskError;
use troupe_actor::frame::{Frame, Frames, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::reason::ReasonTag;
use troupe_actor::record::Record;
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::status::Status;
use troupe_actor::supervision::spec::Strategy;

use crate::common::tree::{actor, at, noting, plain, tree};
use crate::common::{Actor, Log, Settled, World, each, external, puppet, spawn_spec};

#[test]
fn comes_up_when_the_environment_says_so() {
    let world = World::new();
    let spec = ActorSpec { user: b"config".to_vec(), ..external(&world) };
    let (actor, slot) = world.spawn_waiting(&Arc::new(spec), SpawnArgs::default());
    let start = world.only_work(work::START);
    assert_eq!((start.incarnation, start.definition), (1, 7));
    let user = Frames::new(&start.body).find(|frame| frame.kind == kind::USER).unwrap();
    assert_eq!(user.payload, b"config");
    assert_eq!(world.settled(slot.unwrap()), None);
    assert_eq!(world.status(actor).status, Status::Starting);
    assert!(world.system.is_busy());
    world.done(&start, |_| {});
    assert_eq!(world.wait(slot.unwrap()), Settled::Started);
    assert!(!world.system.is_busy());
}

#[test]
fn handles_a_turn_of_several_messages_in_order() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell_all(actor, &["a", "b"]);
    let slot = world.ask(actor, "c", 1_000);
    let turn = world.only_work(work::TURN);
    assert_eq!((turn.texts(), turn.count), (vec!["a".into(), "b".into(), "c".into()], 3));
    world.tell(actor, "d");
    assert!(world.work().is_empty(), "one turn at a time");
    assert_eq!(world.status(actor).in_hand, 3);
    world.done(&turn, |out| out.reply(turn.asks()[0], b"reply"));
    assert_eq!(world.settled(slot), Some(Settled::value("reply")));
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["d"]);
    world.done(&turn, |_| {});
    assert_eq!(world.status(actor).counters.handled, 4);
}

#[test]
fn a_handler_that_waits_gives_the_rest_back() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let slots: Vec<u32> = ["a", "b", "c", "d"].iter().map(|text| world.ask(actor, text, 60_000)).collect();
    let turn = world.only_work(work::TURN);
    let asks = turn.asks();
    world.begun(&turn, 1, |out| out.reply(asks[0], b"A"));
    assert_eq!(world.settled(slots[0]), Some(Settled::value("A")), "what came before is not held up");
    let status = world.status(actor);
    assert_eq!((status.in_hand, status.queued, status.counters.handled), (1, 2, 1));
    world.check();
    world.done_single(&turn, |out| {
        out.consume(1);
        out.reply(asks[1], b"B");
    });
    assert_eq!(world.settled(slots[1]), Some(Settled::value("B")));
    for (slot, text) in [(slots[2], "c"), (slots[3], "d")] {
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.texts(), [text], "one message a turn from now on");
        world.done_single(&turn, |out| out.reply(turn.asks()[0], text.as_bytes()));
        assert_eq!(world.settled(slot), Some(Settled::value(text)));
    }
}

#[test]
fn batches_come_back_when_handlers_do_not_wait() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell(actor, "a");
    let turn = world.only_work(work::TURN);
    world.tell_all(actor, &["b", "c", "d"]);
    world.done_single(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["b"]);
    world.done(&turn, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["c", "d"]);
    world.done(&turn, |_| {});
}

#[test]
fn a_crash_is_of_one_message_and_nothing_is_replayed() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let slots: Vec<u32> = ["a", "b", "c"].iter().map(|text| world.ask(actor, text, 60_000)).collect();
    let turn = world.only_work(work::TURN);
    world.done(&turn, |out| {
        out.consume(1);
        out.reply(turn.asks()[0], b"A");
        out.crash("TypeError\0no such field\0at handle (orders.js:3)\0");
    });
    assert_eq!(world.settled(slots[0]), Some(Settled::value("A")));
    let Some(Settled::Crashed(_, crash)) = world.settled(slots[1]) else { panic!("{:?}", world.settled(slots[1])) };
    assert_eq!((crash.tag, crash.message.as_str()), (ReasonTag::Trap, "TypeError: no such field"));
    assert_eq!(crash.backtrace, ["at handle (orders.js:3)"]);
    let start = world.only_work(work::START);
    assert_eq!(start.incarnation, 2);
    world.done(&start, |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["c"], "what was queued behind it survives");
    world.done(&turn, |out| out.reply(turn.asks()[0], b"C"));
    assert_eq!(world.settled(slots[2]), Some(Settled::value("C")));
    let counters = world.status(actor).counters;
    assert_eq!((counters.handled, counters.failed, world.status(actor).restarts), (2, 1, 1));
}

#[test]
fn a_malformed_result_is_a_crash() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let slot = world.ask(actor, "a", 60_000);
    let turn = world.only_work(work::TURN);
    world.done(&turn, |out| out.raw(b"????"));
    let Settled::Crashed(_, crash) = world.wait(slot) else { panic!("not crashed") };
    assert_eq!(crash.tag, ReasonTag::HostError);
    world.done(&world.only_work(work::START), |_| {});
}

#[test]
fn a_kill_takes_the_job_back_at_once() {
    for begun in [false, true] {
        let world = World::new();
        let actor = world.spawn_external(external(&world));
        let (slot, queued) = (world.ask(actor, "a", 60_000), world.ask(actor, "b", 60_000));
        let turn = world.only_work(work::TURN);
        if begun {
            world.begun(&turn, 0, |_| {});
        }
        let end = world.watch(actor);
        assert!(world.system.kill(actor));
        assert_eq!(world.wait(end), Settled::ended(ReasonTag::Killed));
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Stopped)));
        assert_eq!(world.settled(queued), Some(Settled::error(AskError::Stopped)));
        let told: Vec<(u32, u32)> = world.work().iter().map(|work| (work.kind, work.number)).collect();
        assert_eq!(told, [(work::ABANDONED, turn.number), (work::ENDED, 0)]);
        world.done(&turn, |out| out.reply(turn.asks()[0], b"too late"));
        assert_eq!(world.system.audit().stale_work, 1);
        assert_eq!(world.status(actor).counters.handled, 0);
    }
}

#[test]
fn an_answer_of_another_life_is_stale() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell(actor, "a");
    let turn = world.only_work(work::TURN);
    world.begun(&turn, 0, |_| {});
    world.advance(5_001);
    let told: Vec<u32> = world.work().iter().map(|work| work.kind).collect();
    assert_eq!(told, [work::ABANDONED, work::START]);
    world.done(&turn, |_| {});
    assert_eq!(world.status(actor).status, Status::Restarting, "that was no answer to the start");
    assert_eq!(world.system.audit().stale_work, 1);
}

#[test]
fn only_a_handler_that_waits_has_a_deadline() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.listen().events();
    let slot = world.ask(actor, "a", u32::MAX);
    let turn = world.only_work(work::TURN);
    world.advance(60_000);
    assert_eq!(world.settled(slot), None, "a blocked environment is no fault of this actor");
    world.begun(&turn, 0, |_| {});
    world.advance(4_999);
    assert_eq!(world.settled(slot), None);
    world.advance(2);
    let Some(Settled::Crashed(_, crash)) = world.settled(slot) else { panic!("not crashed") };
    assert_eq!((crash.tag, crash.message.as_str()), (ReasonTag::Deadline, "the handler took longer than 5000 ms"));
    assert_eq!(world.events()[..2], ["crashed deadline", "dead poison"]);
    let [abandoned, start] = &world.work()[..] else { panic!("expected two") };
    assert_eq!((abandoned.kind, abandoned.number), (work::ABANDONED, turn.number));
    world.done(start, |_| {});
    assert_eq!(world.status(actor).status, Status::Ready);
}

#[test]
fn a_start_that_takes_too_long_fails() {
    let world = World::new();
    let (actor, slot) = world.spawn_waiting(&Arc::new(external(&world)), SpawnArgs::default());
    let start = world.only_work(work::START);
    world.begun(&start, 0, |_| {});
    world.advance(10_001);
    let Settled::StartFailed(error) = world.wait(slot.unwrap()) else { panic!("it came up") };
    assert_eq!(error.crash.tag, ReasonTag::StartTimeout);
    assert_eq!(world.work().iter().map(|work| work.kind).collect::<Vec<_>>(), [work::ABANDONED, work::ENDED]);
    assert_eq!(world.status(actor).exit.map(|exit| exit.tag), Some(ReasonTag::StartTimeout));
    world.done(&start, |_| {});
    assert_eq!(world.system.audit().stale_work, 1);
}

#[test]
fn a_start_that_throws_fails_the_spawn() {
    let world = World::new();
    let (_, slot) = world.spawn_waiting(&Arc::new(external(&world)), SpawnArgs::default());
    let start = world.only_work(work::START);
    world.done(&start, |out| out.crash("Error\0no database\0at start\0"));
    let Settled::StartFailed(error) = world.wait(slot.unwrap()) else { panic!("it came up") };
    assert_eq!(error.crash.message, "Error: no database");
    assert_eq!(world.only_work(work::ENDED).incarnation, 1);
}

#[test]
fn stops_in_order() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    world.tell_all(actor, &["a", "b"]);
    let turn = world.only_work(work::TURN);
    let slot = world.end(actor, false, 1_000);
    assert!(world.work().is_empty(), "the current handler finishes first");
    world.begun(&turn, 0, |_| {});
    world.done(&turn, |out| out.consume(1));
    let stop = world.only_work(work::STOP);
    assert_eq!(world.settled(slot), None);
    world.done(&stop, |_| {});
    assert_eq!(world.wait(slot), Settled::ended(ReasonTag::Normal));
    assert_eq!(world.only_work(work::ENDED).actor, actor);
    let counters = world.status(actor);
    assert_eq!(counters.status, Status::Terminated);
}

#[test]
fn a_stop_that_hangs_is_killed_after_its_grace() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let slot = world.end(actor, false, 1_000);
    let stop = world.only_work(work::STOP);
    world.advance(1_001);
    assert_eq!(world.wait(slot), Settled::ended(ReasonTag::Killed));
    assert_eq!(world.work().iter().map(|work| work.kind).collect::<Vec<_>>(), [work::ABANDONED, work::ENDED]);
    world.done(&stop, |_| {});
}

#[test]
fn an_actor_that_stops_itself_has_five_seconds() {
    let world = World::new();
    let actor = world.spawn_external(external(&world));
    let slot = world.watch(actor);
    world.tell_all(actor, &["a", "b"]);
    let turn = world.only_work(work::TURN);
    world.done(&turn, |out| {
        out.consume(1);
        out.stop();
    });
    world.only_work(work::STOP);
    world.advance(5_001);
    assert_eq!(world.wait(slot), Settled::ended(ReasonTag::Killed));
}

#[test]
fn a_lazy_one_starts_with_its_first_message() {
    let world = World::new();
    let spec = ActorSpec { lazy: true, ..external(&world) };
    let (actor, _) = world.spawn_waiting(&Arc::new(spec), SpawnArgs::default());
    assert!(world.work().is_empty());
    world.tell(actor, "a");
    world.done(&world.only_work(work::START), |_| {});
    let turn = world.only_work(work::TURN);
    assert_eq!(turn.texts(), ["a"]);
    world.done(&turn, |_| {});
}

#[test]
fn actors_of_both_kinds_talk_to_each_other() {
    for shards in [1, 2] {
        let world = World::sharded(shards);
        let outside = world.spawn_external(external(&world));
        let log = Log::default();
        let notes = log.clone();
        let inside = world.spawn(spawn_spec(Actor::new(move || {
            let notes = notes.clone();
            each(move |frame, out| {
                notes.add(format!("{} {}", frame.kind, String::from_utf8_lossy(frame.payload)));
                match frame.kind {
                    kind::MESSAGE => out.ask(outside, 1, 1_000, frame.payload),
                    kind::REPLY => out.tell(outside, b"thanks"),
                    _ => {}
                }
                Ok(())
            })
        })));
        world.tell(inside, "question");
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.frames()[0].address, inside, "it sees who asked");
        world.done(&turn, |out| {
            out.reply(turn.asks()[0], b"answer");
            out.tell(inside, b"more");
        });
        let expected = [format!("{} question", kind::MESSAGE), format!("{} answer", kind::REPLY)];
        let seen = log.take();
        assert_eq!(seen[..2], expected, "on {shards} shards");
        let turn = world.only_work(work::TURN);
        assert_eq!(turn.texts()[0], "thanks");
        world.system.kill(outside);
        world.run();
    }
}

#[test]
fn an_environment_that_goes_takes_its_actors_along() {
    let world = World::new();
    let spec = external(&world);
    let other = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let actor = world.spawn_external(spec);
    world.tell(actor, "a");
    world.run();
    world.system.detach(world.me.port().unwrap());
    assert_eq!(world.status(actor).exit.map(|exit| exit.tag), Some(ReasonTag::Killed));
    assert_eq!(world.status(other).status, Status::Ready);
    assert!(world.system.spawn(&Arc::new(external(&world)), SpawnArgs::default(), None).is_err());
    world.system.kill(other);
    // Nobody is left to hear of the shutdown.
    std::mem::forget(world);
}

#[test]
fn a_workers_start_that_hangs_is_given_up() {
    use std::sync::mpsc::channel;
    let world = World::threaded(1, 2);
    let (release, hold) = channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let actor = Actor::new(|| puppet(&Log::default())).starts(move |_, _| {
        // As a guest that waits in the host: nothing interrupts it.
        let _ = hold.lock().unwrap().recv();
        Ok(())
    });
    let spec = ActorSpec { start_ms: 20, ..spawn_spec(actor) };
    let (_, slot) = world.spawn_waiting(&Arc::new(spec), SpawnArgs::default());
    let Settled::StartFailed(error) = world.wait(slot.unwrap()) else { panic!("it came up") };
    assert_eq!(error.crash.tag, ReasonTag::StartTimeout);
    release.send(()).unwrap();
}

#[test]
fn a_member_of_a_tree_is_taken_down_and_brought_up_with_the_others() {
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let children = vec![actor("a", noting(&log, "a")), actor("js", external(&world))];
        let (top, slot) = world.supervise_waiting(tree("top", Strategy::OneForAll, children));
        let start = world.only_work(work::START);
        assert_eq!(start.actor, at(&top, "js"));
        world.done(&start, |_| {});
        assert_eq!(world.wait(slot), Settled::Supervised(Ok(())));
        world.tell(at(&top, "js"), "x");
        let turn = world.only_work(work::TURN);
        world.begun(&turn, 0, |_| {});
        world.tell(at(&top, "a"), "boom");
        assert!(world.work().is_empty(), "the current handler finishes first");
        world.done(&turn, |_| {});
        world.done(&world.only_work(work::STOP), |_| {});
        let start = world.only_work(work::START);
        assert_eq!(start.incarnation, 2);
        world.done(&start, |_| {});
        assert_eq!(log.take(), ["+a", "a:boom", "+a"]);
        assert_eq!(world.status(at(&top, "js")).status, Status::Ready);
        let stopped = world.supervisor_stop(top.id);
        world.done(&world.only_work(work::STOP), |_| {});
        assert_eq!(world.only_work(work::ENDED).actor, at(&top, "js"));
        assert_eq!(world.wait(stopped), Settled::Supervised(Ok(())));
    }
}

#[test]
fn a_member_that_ignores_its_stop_is_killed_and_comes_up_again() {
    let world = World::new();
    let children = vec![actor("a", plain()), actor("js", external(&world))];
    let (top, _) = world.supervise_waiting(tree("top", Strategy::OneForAll, children));
    world.done(&world.only_work(work::START), |_| {});
    world.tell(at(&top, "a"), "boom");
    let stop = world.only_work(work::STOP);
    world.advance(5_001);
    assert_eq!(world.work().iter().map(|work| work.kind).collect::<Vec<_>>(), [work::ABANDONED, work::START]);
    world.done(&stop, |_| {});
    assert_eq!(world.system.audit().stale_work, 1);
}

#[test]
fn an_actor_that_goes_down_may_still_send_to_those_that_are_up() {
    let (world, log) = (World::new(), Log::default());
    let children = vec![actor("inside", noting(&log, "inside")), actor("js", external(&world))];
    let (top, _) = world.supervise_waiting(tree("top", Strategy::OneForOne, children));
    world.done(&world.only_work(work::START), |_| {});
    let (inside, outside) = (at(&top, "inside"), at(&top, "js"));
    let slot = world.slot();
    world.system.shutdown(60_000, world.waiter(slot));
    let stop = world.only_work(work::STOP);
    assert_eq!(world.wait(world.ask(inside, "late", 1_000)), Settled::error(AskError::Shutdown));
    // In its own name, and through its environment on its behalf.
    let on_behalf = Address { tag: Address::ON_BEHALF, ..world.me };
    for (address, payload) in [(outside, b"told"), (on_behalf, b"also")] {
        let frame = Frame { kind: kind::MESSAGE, flags: 0, corr: 0, address, payload };
        let mut bytes = Vec::new();
        Record { target: inside, word: 1, frame }.write_to(&mut bytes);
        world.system.inject(&bytes);
    }
    world.done(&stop, |_| {});
    assert!(world.advance(1).settled(slot).is_some());
    assert_eq!(log.take(), ["+inside", "inside:told", "inside:also", "-inside"]);
}

#[test]
fn records_are_dealt_with_on_the_callers_thread_where_no_worker_is_at_it() {
    for shards in [1, 3] {
        let world = World::sharded(shards);
        let actor = world.spawn_external(external(&world));
        let slot = world.slot();
        let frame = Frame { kind: kind::ASK, flags: 0, corr: slot, address: world.me, payload: b"x" };
        let mut bytes = Vec::new();
        Record { target: actor, word: 1_000, frame }.write_to(&mut bytes);
        world.system.inject_here(&bytes);
        let turn = world.work_so_far().remove(0);
        assert_eq!((turn.kind, turn.texts()), (work::TURN, vec!["x".to_owned()]));
        world.system.inject_here(&world.answer_bytes(&turn, |out| out.reply(turn.asks()[0], b"y")));
        assert_eq!(world.settled(slot), Some(Settled::value("y")), "nobody else has run");
        world.check();
    }
}
