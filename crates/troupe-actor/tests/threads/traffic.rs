//! Many senders, order, wake-ups.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::system::Inline;

use crate::common::{Actor, InlineMode, Log, Random, Settled, World, each, puppet, spawn_spec};

/// Checks that the numbers of each sender count up, and counts all.
fn ordered(senders: u32, seen: &Arc<AtomicU32>) -> Actor {
    let seen = Arc::clone(seen);
    Actor::new(move || {
        let (seen, mut next) = (Arc::clone(&seen), vec![0u32; senders as usize]);
        each(move |frame, out| {
            if frame.kind == kind::ASK {
                out.reply(frame.corr, b"");
                return Ok(());
            }
            let (sender, number) = (frame::word(frame.payload, 0).unwrap(), frame::word(frame.payload, 4).unwrap());
            assert_eq!(number, next[sender as usize], "from {sender}");
            next[sender as usize] += 1;
            seen.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    })
}

fn payload(sender: u32, number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&sender.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn messages_of_many_threads_arrive_in_the_order_of_each() {
    // ORD-1
    const SENDERS: u32 = 4;
    const EACH: u32 = 5_000;
    for shards in [1, 3] {
        let world = World::threaded(shards, 2);
        let seen = Arc::new(AtomicU32::new(0));
        let targets = [(); 5].map(|()| {
            let mut spec = spawn_spec(ordered(SENDERS, &seen));
            spec.mailbox.max_messages = u32::MAX;
            spec.mailbox.max_bytes = usize::MAX;
            world.spawn(spec)
        });
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let world = &world;
                scope.spawn(move || {
                    for number in 0..EACH {
                        targets.iter().for_each(|target| world.tell(*target, payload(sender, number)));
                    }
                });
            }
        });
        for target in targets {
            assert_eq!(world.wait(world.ask(target, "", 60_000)), Settled::value(""));
        }
        assert_eq!(seen.load(Ordering::SeqCst), SENDERS * EACH * 5);
    }
}

/// Passes on what it gets to all targets.
fn relay(targets: Vec<Address>) -> Actor {
    Actor::new(move || {
        let targets = targets.clone();
        each(move |frame, out| {
            targets.iter().for_each(|target| out.tell(*target, frame.payload));
            if frame.kind == kind::ASK {
                out.reply(frame.corr, b"");
            }
            Ok(())
        })
    })
}

#[test]
fn messages_between_actors_keep_their_order_over_shards_under_pressure() {
    // ORD-1, OVF-2: small mailboxes, so that relays are parked again and again.
    const EACH: u32 = 20_000;
    let world = World::threaded(3, 2);
    let seen = Arc::new(AtomicU32::new(0));
    let mut spec = spawn_spec(ordered(4, &seen));
    spec.mailbox.max_messages = 16;
    spec.mailbox.wait_ms = 60_000;
    let spec = Arc::new(spec);
    let ends: Vec<_> = (0..3).map(|_| world.spawn_args(&spec, Default::default())).collect();
    let relays: Vec<_> = (0..4)
        .map(|_| {
            let mut spec = spawn_spec(relay(ends.clone()));
            spec.mailbox.max_messages = u32::MAX;
            world.spawn(spec)
        })
        .collect();
    for number in 0..EACH {
        for (sender, relay) in relays.iter().enumerate() {
            world.tell(*relay, payload(sender as u32, number));
        }
    }
    let deadline = std::time::Instant::now() + crate::common::PATIENCE;
    while seen.load(Ordering::SeqCst) < EACH * 12 {
        assert!(std::time::Instant::now() < deadline, "{} of {}", seen.load(Ordering::SeqCst), EACH * 12);
        std::thread::yield_now();
    }
    let refused: u64 = world.system.audit().counters.refused.iter().sum();
    assert_eq!(refused, 0);
}

/// Sends a number back one smaller, until it is zero; then answers the ask that began it.
fn ping_pong(other: &Arc<OnceLock<Address>>, done: Option<Address>) -> Actor {
    let other = Arc::clone(other);
    Actor::new(move || {
        let other = Arc::clone(&other);
        each(move |frame, out| {
            let left = frame::word(frame.payload, 0).unwrap();
            match (left, done) {
                (0, Some(done)) => out.tell(done, b"done"),
                (0, None) => {}
                _ => out.tell(*other.get().unwrap(), &(left - 1).to_le_bytes()),
            }
            Ok(())
        })
    })
}

#[test]
fn no_wake_up_is_lost_between_shards_and_ports() {
    // Each hop finds its shard asleep, or about to sleep, or awake; a lost bell hangs the test.
    const HOPS: u32 = 200_000;
    let world = World::threaded(2, 2);
    // Keeps the ask until told that the hops are used up.
    let referee = world.spawn(spawn_spec(Actor::new(|| {
        let mut open = None;
        let mut over = false;
        each(move |frame, out| {
            match frame.kind {
                kind::ASK => open = Some(frame.corr),
                _ => over = true,
            }
            if let Some(corr) = open.filter(|_| over) {
                out.reply(corr, b"over");
            }
            Ok(())
        })
    })));
    let (one, two) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    // Cells are dealt out in turn: the third spawn is on another shard than the second.
    let left = world.spawn(spawn_spec(ping_pong(&two, Some(referee))));
    let right = world.spawn(spawn_spec(ping_pong(&one, None)));
    assert_ne!(left.index % 2, right.index % 2);
    one.set(left).unwrap();
    two.set(right).unwrap();
    let over = world.ask(referee, "", u32::MAX);
    world.tell(left, HOPS.to_le_bytes());
    let echo = world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))));
    let mut random = Random::new(11);
    let mut asks = 0;
    while world.settled(over).is_none() || asks < 20_000 {
        let slot = world.ask(echo, "x", 60_000);
        assert_eq!(world.port.wait_for(slot), Settled::value("x"));
        asks += 1;
        pause(&mut random);
    }
}

/// Nothing, or as long as a worker looks for work before it sleeps, or a bit longer.
fn pause(random: &mut Random) {
    let spins = [0, 0, 200, 2_000, 8_000][random.below(5) as usize];
    (0..spins).for_each(|_| std::hint::spin_loop());
}

#[test]
fn asks_that_time_out_wake_a_sleeping_worker() {
    let world = World::threaded(2, 1);
    let silent = world.spawn(spawn_spec(Actor::new(|| each(|_, _| Ok(())))));
    for timeout in [0, 1, 3, 30, 1, 0] {
        let slot = world.ask(silent, "", timeout);
        assert_eq!(world.wait(slot), Settled::error(troupe_actor::ask::AskError::Timeout));
    }
}

#[test]
fn inline_asks_and_a_busy_worker_share_a_shard() {
    let world = World::threaded(1, 1);
    let mut actor = Actor::new(|| puppet(&Log::default()));
    actor.inline = InlineMode::Done;
    let inline = world.spawn(spawn_spec(actor));
    let mut actor = Actor::new(|| puppet(&Log::default()));
    actor.inline = InlineMode::Suspends;
    let suspends = world.spawn(spawn_spec(actor));
    let (mut settled, mut random) = (0, Random::new(3));
    for n in 0..20_000u32 {
        let target = if n % 3 == 0 { suspends } else { inline };
        let text = n.to_string();
        let (how, slot) = world.ask_inline(target, &text, 60_000);
        let slot = if how == Inline::Declined { world.ask(target, &text, 60_000) } else { slot };
        settled += u32::from(how == Inline::Settled);
        if n % 16 == 0 {
            world.tell(inline, "tell");
            pause(&mut random);
        }
        assert_eq!(world.port.wait_for(slot), Settled::value(&text));
    }
    assert!(settled > 0, "none ran inline");
}

#[test]
fn a_backoff_after_an_inline_crash_ends_though_the_worker_sleeps() {
    let world = World::threaded(1, 1);
    let mut actor = Actor::new(|| puppet(&Log::default()));
    actor.inline = InlineMode::Done;
    let mut spec = spawn_spec(actor);
    spec.restart.max_restarts = u32::MAX;
    spec.restart.backoff.max_ms = 20;
    let actor = world.spawn(spec);
    for _ in 0..20 {
        let (how, slot) = world.ask_inline(actor, "boom", 60_000);
        let slot = if how == Inline::Declined { world.ask(actor, "boom", 60_000) } else { slot };
        assert!(matches!(world.wait(slot), Settled::Crashed(..)));
        let slot = world.ask(actor, "x", 60_000);
        assert_eq!(world.wait(slot), Settled::value("x"));
    }
}
