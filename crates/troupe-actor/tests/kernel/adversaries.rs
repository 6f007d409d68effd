//! Guests that mean harm: each ends in one clear way, and what it makes the kernel keep has a bound.

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::{self, effect, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag};
use troupe_actor::shard::{MAX_ANSWER_BYTES, MAX_PUBLISHED_BYTES, MAX_WATCHES};
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::topics::SubscriptionSpec;

use crate::common::{Actor, Log, Out, Settled, World, each, spawn_spec};

/// An address that nobody has.
const NOBODY: Address = Address { index: 0, tag: 0xdead };

/// The first `turns` turns end with what `act` says; it is told how many there were before.
fn floods(log: &Log, turns: u32, act: impl Fn(u32, &mut Out) + Clone + Send + Sync + 'static) -> ActorSpec {
    let log = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let (log, act) = (log.clone(), act.clone());
        Box::new(move |_, out| {
            let turn = log.len() as u32;
            log.add("turn");
            if turn < turns {
                act(turn, out);
            }
            out.consume(1);
            Ok(())
        })
    }));
    spec.restart.max_restarts = 0;
    spec
}

fn end_of(world: &World, actor: Address) -> (ReasonTag, String) {
    let exit = world.status(actor).exit.expect("it has ended");
    (exit.tag, exit.text)
}

#[test]
fn an_actor_that_is_owed_more_than_it_takes_ends() {
    // OVF-3: what is exempt from the mailbox's bound has one of its own.
    let asks = |_, out: &mut Out| (0..200_000).for_each(|tag| out.ask(NOBODY, tag, 0, b""));
    let reports = |_, out: &mut Out| (0..200_000).for_each(|tag| out.tell_reported(NOBODY, tag, b""));
    let watches =
        |turn: u32, out: &mut Out| (0..200_000u32).for_each(|tag| out.bond(effect::MONITOR, turn << 20 | tag, NOBODY));
    for act in [asks, reports, watches] {
        let (world, log) = (World::new(), Log::default());
        let actor = world.spawn(floods(&log, 10, act));
        world.tell(actor, "go");
        world.run();
        let (tag, text) = end_of(&world, actor);
        assert_eq!(tag, ReasonTag::Oom, "{text}");
        assert!(text.ends_with(&format!("beyond that at most {MAX_ANSWER_BYTES} may")), "{text}");
        assert!(log.len() < 10, "{} turns", log.len());
    }
}

#[test]
fn a_guest_watches_so_many_at_most() {
    let (world, log) = (World::sharded(2), Log::default());
    let heard = log.clone();
    let targets: Vec<Address> = (0..2).map(|_| world.spawn(floods(&Log::default(), 0, |_, _| {}))).collect();
    let target = targets[0];
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let heard = heard.clone();
        each(move |frame, out| {
            match frame.kind {
                kind::SEND_FAILED => {
                    heard.add(format!("refused #{} {}", frame.corr, frame::word(frame.payload, 0).unwrap()));
                }
                kind::DOWN => heard.add("down"),
                _ if frame.payload == b"again" => out.bond(effect::MONITOR, 0, target),
                _ => (0..=MAX_WATCHES as u32).for_each(|tag| out.bond_reported(effect::MONITOR, tag, target)),
            }
            Ok(())
        })
    })));
    world.tell(actor, "watch");
    world.run();
    let refused = format!("refused #{MAX_WATCHES} {}", AskError::MailboxFull as u32);
    assert_eq!(log.take(), [refused]);
    world.tell(actor, "again");
    world.run();
    assert_eq!(log.len(), 0, "one in place of another is no more");
    world.system.kill(target);
    world.run();
    assert_eq!(log.take(), vec!["down"; MAX_WATCHES]);
}

/// A guest with a long queue that ends its first turn with what `act` says, behind two monitors of nobody.
fn with_a_long_queue(act: impl Fn(&mut Out) + Clone + Send + Sync + 'static) -> Vec<String> {
    let (world, log) = (World::new(), Log::default());
    let heard = log.clone();
    let mut spec = spawn_spec(Actor::new(move || {
        let (heard, act) = (heard.clone(), act.clone());
        Box::new(move |turn, out| {
            if turn.frames[0].payload == b"go" {
                out.bond(effect::MONITOR, 1, NOBODY);
                out.bond(effect::MONITOR, 2, NOBODY);
                act(out);
            }
            turn.frames.iter().for_each(|frame| heard.add(format!("{}#{}", frame.kind, frame.corr)));
            Ok(())
        })
    }));
    // What is behind the turn stays within reach.
    spec.mailbox.overflow = Overflow::DropOldest;
    let actor = world.spawn(spec);
    world.tell(actor, "go");
    (0..500).for_each(|_| world.tell(actor, vec![7; 15_000]));
    world.run();
    let seen = log.take();
    assert_eq!(seen.iter().filter(|line| line.starts_with("1#")).count(), 501);
    seen.into_iter().filter(|line| !line.starts_with("1#")).collect()
}

#[test]
fn what_is_taken_back_thousands_of_times_holds_nobody_up() {
    // Going through the mailbox for each of them would take minutes.
    let down = |tag: u32| format!("{}#{tag}", kind::DOWN);
    let monitors = |out: &mut Out| (2..40_000).for_each(|tag| out.bond(effect::DEMONITOR, tag, NOBODY));
    assert_eq!(with_a_long_queue(monitors), [down(1)]);
    let subscriptions = |out: &mut Out| {
        (0..40_000).for_each(|tag| {
            out.subscribe(0, tag, "t", "");
            out.unsubscribe(tag);
        });
    };
    assert_eq!(with_a_long_queue(subscriptions), [down(1), down(2)]);
}

/// Many bytes for an actor of another shard at once, which has room for all of them.
fn publishes_too_much(publish: impl Fn(&World, Address, &str, usize)) {
    let (world, message) = (World::sharded(2), "x".repeat(60_000));
    let more_than_fits = 2 * MAX_PUBLISHED_BYTES / message.len();
    let publisher = world.spawn(spawn_spec(Actor::new(|| {
        each(|frame, out| {
            let count = frame::word(frame.payload, 0).unwrap();
            (0..count).for_each(|_| out.publish(0, "t", &frame.payload[4..]));
            Ok(())
        })
    })));
    let log = Log::default();
    let mut spec = floods(&log, 0, |_, _| {});
    (spec.mailbox.max_messages, spec.mailbox.max_bytes) = (u32::MAX, usize::MAX);
    let listener = world.spawn(spec);
    assert_ne!(publisher.index % 2, listener.index % 2);
    assert_eq!(world.system.subscribe_actor(listener, &SubscriptionSpec::new("t")), Ok(true));
    publish(&world, publisher, &message, more_than_fits);
    world.run();
    let heard = log.take().len();
    assert!((MAX_PUBLISHED_BYTES * 9 / 10..=MAX_PUBLISHED_BYTES).contains(&(heard * message.len())), "{heard}");
    for letter in world.system.dead_letters() {
        assert_eq!((&*letter.target, letter.reason), ("t", LossReason::MailboxFull));
    }
    let audit = world.system.audit();
    assert!(audit.is_balanced());
    assert_eq!(audit.dead_letters.iter().sum::<u64>(), (more_than_fits - heard) as u64);
    publish(&world, publisher, "short", 10);
    world.run();
    assert_eq!(log.take().len(), 10, "what waited is gone");
}

#[test]
fn what_a_guest_publishes_for_another_shard_has_a_bound() {
    // TOP-8: nobody waits, so what waits for a shard is bounded where it is published.
    publishes_too_much(|world, publisher, message, count| {
        world.tell(publisher, [&(count as u32).to_le_bytes(), message.as_bytes()].concat());
    });
}

#[test]
fn what_an_environment_publishes_for_a_shard_has_a_bound() {
    publishes_too_much(|world, _, message, count| world.publish_all(&vec![("t", message); count]));
}

#[test]
fn an_environment_has_no_end_to_be_told_of() {
    // MON-1: who watches one hears at once that it is no actor, as of one that is gone.
    for shards in [1, 2] {
        let (world, log) = (World::sharded(shards), Log::default());
        let (heard, me) = (log.clone(), world.me);
        let actor = world.spawn(spawn_spec(Actor::new(move || {
            let heard = heard.clone();
            each(move |frame, out| {
                match frame.kind {
                    kind::DOWN => {
                        assert_eq!(frame.address, me);
                        heard.add(String::from_utf8_lossy(&frame.payload[4..]).replace('\0', ""));
                    }
                    _ if frame.payload == b"link" => out.bond(effect::LINK, 0, frame.address),
                    _ => out.bond(effect::MONITOR, 1, frame.address),
                }
                Ok(())
            })
        })));
        world.tell(actor, "watch");
        world.run();
        assert_eq!(log.take(), ["no-such-actor"]);
        world.tell(actor, "link");
        world.run();
        assert_eq!(world.status(actor).restarts, 1, "as with an actor that is gone");
    }
}

/// Words of an effect's payload, and what follows them.
fn payload(words: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn an_effect_that_contradicts_itself_is_a_crash_without_effects() {
    let cases = [
        (effect::PUBLISH, payload(&[u32::MAX], b"t")),
        (effect::PUBLISH, payload(&[u32::MAX - 3], b"t")),
        (effect::PUBLISH, vec![1]),
        (effect::SUBSCRIBE, payload(&[u32::MAX, 0], b"t")),
        (effect::SUBSCRIBE, payload(&[1], b"")),
        (effect::SET_TIMER, payload(&[0, 0], b"abc")),
        (effect::SET_TIMER, payload(&[0, 0, 1], b"")),
        (effect::SET_TIMER, payload(&[0, 1, 3], b"")),
        (effect::ASK, payload(&[1], b"abc")),
        (effect::STASH, Vec::new()),
    ];
    for (kind, bytes) in cases {
        let (world, text) = (World::new(), format!("{kind} {bytes:?}"));
        let actor = world.spawn(spawn_spec(Actor::new(move || {
            let bytes = bytes.clone();
            Box::new(move |_, out| {
                out.log(1, "said");
                // A stash of the second frame of a turn that has one.
                out.odd(kind, 1, &bytes);
                Ok(())
            })
        })));
        world.listen();
        let Settled::Crashed(_, crash) = world.wait(world.ask(actor, "x", 1_000)) else { panic!("{text}") };
        assert_eq!(crash.tag, ReasonTag::HostError, "{text}");
        assert!(crash.message.starts_with("malformed result: "), "{text}: {crash}");
        assert!(!world.events().contains(&"log 1 said".to_owned()), "{text}");
    }
}

#[test]
fn an_odd_effect_is_refused_or_means_what_it_says() {
    let (world, log) = (World::new(), Log::default());
    let heard = log.clone();
    let actor = world.spawn(spawn_spec(Actor::new(move || {
        let heard = heard.clone();
        each(move |frame, out| {
            if frame.payload != b"go" {
                heard.add(format!("{}#{} {:?}", frame.kind, frame.corr, frame::word(frame.payload, 0)));
                return Ok(());
            }
            out.odd(effect::PUBLISH, 1, &payload(&[2], b"\xff\xfe\0\0"));
            out.odd(effect::PUBLISH, 2, &payload(&[0], b""));
            out.odd(effect::SUBSCRIBE, 3, &payload(&[1, 0], b"\xff\0\0\0"));
            out.odd(effect::SUBSCRIBE, 4, &payload(&[0, 0], b""));
            out.odd(effect::SUBSCRIBE, 5, &payload(&[1, 0], b"t\0\0\0\xff"));
            out.odd(effect::SUBSCRIBE, u32::MAX, &payload(&[1, 0], b"t\0\0\0"));
            // The latest that can be said, and at once.
            out.set_timer(6, u32::MAX, (u32::MAX, 1), b"");
            out.set_timer(7, 0, (0, 0), b"");
            Ok(())
        })
    })));
    world.tell(actor, "go");
    world.run();
    world.advance(1);
    let refused = |tag: u32| format!("{}#{tag} {:?}", kind::SEND_FAILED, Some(AskError::TopicInvalid as u32));
    let mut expected: Vec<String> = [1, 2, 3, 4, 5, u32::MAX].into_iter().map(refused).collect();
    expected.push(format!("{}#7 Some(0)", kind::TIMER));
    assert_eq!(log.take(), expected);
    assert_eq!(world.system.next_due(), Some(1_000 + u64::from(u32::MAX)), "it waits for its timer");
}

#[test]
fn what_is_said_of_a_crash_is_cut() {
    let world = World::new();
    let actor = world.spawn(spawn_spec(Actor::new(|| {
        each(|_, out| {
            let line = "é".repeat(100_000);
            out.crash(&format!("E\0{line}\0{line}\n{line}\0"));
            Ok(())
        })
    })));
    let Settled::Crashed(_, crash) = world.wait(world.ask(actor, "x", 1_000)) else { panic!("no crash") };
    assert!(crash.message.starts_with("E: éé"));
    assert_eq!(crash.message.len(), Crash::MAX_TEXT - 1, "between two characters");
    assert_eq!(crash.backtrace.len(), 2);
    assert!(crash.backtrace.iter().all(|line| line.len() <= Crash::MAX_TEXT));
}
