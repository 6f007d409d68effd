//! Conservation (`DLV-2`) over every reason for which a message may be lost: each is provoked, and the
//! books say exactly that.

use troupe_actor::chain::Context;
use troupe_actor::counters::{Counters, LossReason};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::spec::{MailboxSpec, Overflow};
use troupe_actor::topics::Unsubscribed;

use super::topics::{grouped, listener, obey, subscribed};
use crate::common::{Actor, Log, Out, Work, World, external, puppet, spawn_spec};

/// What the books of the whole system say in the end.
#[derive(Clone, Copy, Default)]
struct Books {
    accepted: u64,
    handled: u64,
    failed: u64,
    /// Asks whose time was over while they were queued.
    expired: u64,
    /// For the reason in question, and for no other.
    refused: u64,
    discarded: u64,
    /// Of those, without a dead letter: who took a subscription back knows.
    known: u64,
}

/// A way to lose a message: its name, and what does it.
type Way = (&'static str, fn(&World) -> Books);

/// The ways of a reason. A reason without a way does not compile.
fn ways(reason: LossReason) -> &'static [Way] {
    match reason {
        LossReason::NoSuchActor => &[("an address that never was", no_such_actor)],
        LossReason::Stopped => &[("told afterwards", stopped), ("queued", |world| ended(world, false))],
        LossReason::GaveUp => &[("queued and told afterwards", gave_up)],
        LossReason::MailboxFull => &[("the newest", full), ("the oldest", pushed_out), ("waited in vain", waited)],
        LossReason::Expired => &[("queued too long", expired), ("over before it came", inherited)],
        LossReason::Poison => &[("its handler crashed", poison)],
        LossReason::Shutdown => &[("queued and told afterwards", shutdown)],
        LossReason::TooLarge => &[("a message", too_large), ("a published one", published_too_large)],
        LossReason::Killed => &[("queued", |world| ended(world, true))],
        LossReason::StashFull => &[("put aside", stash_full)],
        LossReason::NoSubscriber => &[("a group of nobody", no_member), ("unsubscribed", unsubscribed)],
        LossReason::Cycle => &[("an ask of itself", cycle)],
        LossReason::TopicRefused => {
            &[("from outside", |world| refused(world, false)), ("an actor's", |world| refused(world, true))]
        }
        LossReason::Unreadable => &[("dropped by its actor", unreadable)],
    }
}

fn books(counters: &Counters, reason: LossReason) -> [u64; 6] {
    let at = reason as usize;
    let Counters { accepted, handled, failed, expired, refused, discarded, .. } = *counters;
    [accepted, handled, failed, expired, refused[at], discarded[at]]
}

#[test]
fn whatever_is_lost_is_counted_once_and_the_books_balance() {
    for reason in LossReason::ALL {
        for (name, lose) in ways(reason) {
            let world = World::new();
            let expected = lose(&world);
            world.run();
            let case = format!("{reason:?}, {name}");
            let audit = world.system.audit();
            let Books { accepted, handled, failed, expired, refused, discarded, known } = expected;
            let wanted = [accepted, handled, failed, expired, refused, discarded];
            assert_eq!(books(&audit.counters, reason), wanted, "{case}: {audit:?}");
            assert!(audit.is_balanced(), "{case}: {audit:?}");
            assert!(wanted[2..].iter().any(|count| *count > 0), "{case}: nothing is lost");
            // Nothing was lost for another reason.
            let losses = audit.counters.losses();
            assert_eq!(losses.iter().sum::<u64>(), refused + discarded, "{case}: {losses:?}");
            // And each has its dead letter.
            let letters = world.system.dead_letters();
            let own = letters.iter().filter(|letter| letter.reason == reason).count() as u64;
            let crashes = if reason == LossReason::Poison { 0 } else { failed };
            assert_eq!(own, refused + discarded + failed + expired - crashes - known, "{case}: {letters:?}");
            assert_eq!(letters.len() as u64, own + crashes, "{case}: {letters:?}");
        }
    }
}

fn echo(world: &World) -> Address {
    world.spawn(spawn_spec(Actor::new(|| puppet(&Log::default()))))
}

/// An actor whose environment has one message in hand, with `queued` behind it.
fn busy(world: &World, limits: impl FnOnce(&mut MailboxSpec), queued: &[&str]) -> (Address, Work) {
    let mut spec = external(world);
    limits(&mut spec.mailbox);
    let actor = world.spawn_external(spec);
    world.tell(actor, "in hand");
    let turn = world.only_work(work::TURN);
    world.tell_all(actor, queued);
    world.run();
    (actor, turn)
}

/// Does what is left to do for an actor of an environment.
fn finish(world: &World, turn: &Work) {
    world.done(turn, |_| {});
    for work in world.work() {
        world.done(&work, |_| {});
    }
}

fn no_such_actor(world: &World) -> Books {
    world.tell(Address { index: 1, tag: 1 }, "x");
    Books { refused: 1, ..Books::default() }
}

fn stopped(world: &World) -> Books {
    let actor = echo(world);
    world.wait(world.stop(actor));
    world.tell(actor, "x");
    Books { refused: 1, ..Books::default() }
}

/// Stopped or killed with one message in hand and two that are queued.
fn ended(world: &World, kills: bool) -> Books {
    let (actor, turn) = busy(world, |_| {}, &["a", "b"]);
    if kills {
        world.system.kill(actor);
        world.run();
        return Books { accepted: 3, discarded: 3, ..Books::default() };
    }
    world.stop(actor);
    finish(world, &turn);
    Books { accepted: 3, handled: 1, discarded: 2, ..Books::default() }
}

fn gave_up(world: &World) -> Books {
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())).one_at_a_time());
    spec.restart.max_restarts = 0;
    let actor = world.spawn(spec);
    world.tell_all(actor, &["boom", "behind it"]);
    world.run();
    world.tell(actor, "afterwards");
    Books { accepted: 2, failed: 1, discarded: 1, refused: 1, ..Books::default() }
}

fn full(world: &World) -> Books {
    let limits = |mailbox: &mut MailboxSpec| (mailbox.max_messages, mailbox.overflow) = (1, Overflow::Reject);
    let (_, turn) = busy(world, limits, &["queued", "refused"]);
    finish(world, &turn);
    Books { accepted: 2, handled: 2, refused: 1, ..Books::default() }
}

fn pushed_out(world: &World) -> Books {
    let limits = |mailbox: &mut MailboxSpec| (mailbox.max_messages, mailbox.overflow) = (1, Overflow::DropOldest);
    let (_, turn) = busy(world, limits, &["pushed out", "newer"]);
    finish(world, &turn);
    Books { accepted: 3, handled: 2, discarded: 1, ..Books::default() }
}

fn waited(world: &World) -> Books {
    let limits = |mailbox: &mut MailboxSpec| (mailbox.max_messages, mailbox.overflow) = (1, Overflow::Wait);
    let (actor, turn) = busy(world, limits, &["queued"]);
    world.send(actor, "waits", 100);
    world.advance(200);
    finish(world, &turn);
    Books { accepted: 2, handled: 2, refused: 1, ..Books::default() }
}

fn expired(world: &World) -> Books {
    let (actor, turn) = busy(world, |_| {}, &[]);
    world.ask(actor, "late", 10);
    world.advance(20);
    finish(world, &turn);
    Books { accepted: 2, handled: 1, expired: 1, ..Books::default() }
}

fn inherited(world: &World) -> Books {
    let actor = echo(world);
    let (_, record) = world.ask_within(actor, "late", 1_000, &Context { deadline: 1, chain: Vec::new() });
    assert_eq!(world.system.inject(&record), record.len());
    Books { refused: 1, ..Books::default() }
}

fn poison(world: &World) -> Books {
    let actor = echo(world);
    world.tell(actor, "boom");
    Books { accepted: 1, failed: 1, ..Books::default() }
}

fn shutdown(world: &World) -> Books {
    let (actor, turn) = busy(world, |_| {}, &["queued"]);
    world.system.shutdown(10, world.waiter(world.slot()));
    world.tell(actor, "afterwards");
    // Whoever is left after three fifths of the time is stopped.
    world.advance(7);
    finish(world, &turn);
    Books { accepted: 2, handled: 1, discarded: 1, refused: 1, ..Books::default() }
}

fn too_large(world: &World) -> Books {
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
    spec.mailbox.max_payload = 3;
    world.tell(world.spawn(spec), "four");
    Books { refused: 1, ..Books::default() }
}

fn published_too_large(world: &World) -> Books {
    let mut spec = subscribed(listener(&Log::default(), "s", obey), &["t"]);
    spec.mailbox.max_payload = 3;
    world.spawn(spec);
    world.publish("t", "four");
    Books { refused: 1, ..Books::default() }
}

fn stash_full(world: &World) -> Books {
    let aside = |_: &str, out: &mut Out| out.stash(0);
    let mut spec = listener(&Log::default(), "s", aside);
    (spec.mailbox.max_messages, spec.mailbox.overflow) = (1, Overflow::Reject);
    let actor = world.spawn(spec);
    for text in ["aside", "no room"] {
        world.tell(actor, text);
        world.run();
    }
    Books { accepted: 2, discarded: 1, ..Books::default() }
}

fn no_member(world: &World) -> Books {
    // The only member waits for its next life.
    world.spawn(grouped(listener(&Log::default(), "s", obey), "t", "g"));
    for _ in 0..2 {
        world.publish("t", "boom");
        world.run();
    }
    world.publish("t", "x");
    Books { accepted: 2, failed: 2, refused: 1, ..Books::default() }
}

fn unsubscribed(world: &World) -> Books {
    let actor = world.spawn(subscribed(listener(&Log::default(), "s", obey), &["t"]));
    world.publish("t", "x");
    assert_eq!(world.system.unsubscribe_actor(actor, "t"), Unsubscribed::Done);
    Books { accepted: 1, discarded: 1, known: 1, ..Books::default() }
}

/// Published on what is no topic.
fn refused(world: &World, by_actor: bool) -> Books {
    if !by_actor {
        world.publish("a..b", "x");
        return Books { refused: 1, ..Books::default() };
    }
    world.tell(world.spawn(listener(&Log::default(), "p", obey)), "pub a..b x");
    Books { accepted: 1, handled: 1, refused: 1, ..Books::default() }
}

fn unreadable(world: &World) -> Books {
    let (_, turn) = busy(world, |_| {}, &[]);
    world.done(&turn, |out| out.discard_unreadable(0));
    Books { accepted: 1, discarded: 1, ..Books::default() }
}

fn cycle(world: &World) -> Books {
    let actor = world.spawn(spawn_spec(Actor::new(|| {
        let mut own = None;
        Box::new(move |turn, out| {
            let frame = &turn.frames[0];
            // The first message brings its address.
            match (own, frame.payload.len()) {
                (None, 12) => own = Some(read_address(frame.payload)),
                (Some(own), 1) => out.ask(own, 1, 1_000, b"x"),
                _ => {}
            }
            Ok(())
        })
    })));
    let mut address = actor.index.to_le_bytes().to_vec();
    address.extend_from_slice(&actor.tag.to_le_bytes());
    world.tell(actor, address);
    world.run();
    world.tell(actor, "x");
    Books { accepted: 2, handled: 2, refused: 1, ..Books::default() }
}

fn read_address(bytes: &[u8]) -> Address {
    let word = |at: usize| u64::from(troupe_actor::frame::word(bytes, at).unwrap());
    Address { index: word(0) as u32, tag: word(4) | word(8) << 32 }
}
