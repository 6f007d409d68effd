//! Subscriptions that come and go while records for them are under way between shards (`TOP-7`).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use troupe_actor::counters::LossReason;
use troupe_actor::frame::OUTSIDE_TAG;
use troupe_actor::id::Address;
use troupe_actor::topics::{SubscriptionSpec, Unsubscribed};

use crate::common::{Actor, PATIENCE, World, each, spawn_spec};

/// What the subscriber has seen.
#[derive(Default)]
struct Seen {
    count: AtomicU32,
    /// The number of the oldest subscription that may still be heard.
    oldest: AtomicU32,
    late: AtomicU32,
}

fn listener(seen: &Arc<Seen>) -> Actor {
    let seen = Arc::clone(seen);
    Actor::new(move || {
        let seen = Arc::clone(&seen);
        each(move |frame, _| {
            seen.count.fetch_add(1, Ordering::SeqCst);
            let number = frame.corr & !OUTSIDE_TAG;
            seen.late.fetch_add(u32::from(number < seen.oldest.load(Ordering::SeqCst)), Ordering::SeqCst);
            Ok(())
        })
    })
}

/// Publishes and tells itself to go on, as long as it should.
fn publisher(own: &Arc<OnceLock<Address>>, going: &Arc<AtomicBool>) -> Actor {
    let (own, going) = (Arc::clone(own), Arc::clone(going));
    Actor::new(move || {
        let (own, going) = (Arc::clone(&own), Arc::clone(&going));
        each(move |_, out| {
            out.publish(0, "t", b"x");
            if going.load(Ordering::SeqCst) {
                out.tell(*own.get().unwrap(), b"again");
            }
            Ok(())
        })
    })
}

#[test]
fn a_record_under_way_to_a_subscription_that_ended_is_not_handled() {
    const ROUNDS: u32 = 40;
    let world = World::threaded(2, 1);
    let (seen, going) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(true)));
    let subscriber = world.spawn(spawn_spec(listener(&seen)));
    let own = Arc::new(OnceLock::new());
    let publisher = world.spawn(spawn_spec(publisher(&own, &going)));
    // Cells are dealt out in turn: what it publishes travels to the other shard as a record.
    assert_ne!(subscriber.index % 2, publisher.index % 2);
    own.set(publisher).unwrap();
    world.tell(publisher, "go");
    let mut heard = 0;
    for round in 1..=ROUNDS {
        seen.oldest.store(round, Ordering::SeqCst);
        assert_eq!(world.system.subscribe_actor(subscriber, &SubscriptionSpec::new("t")), Ok(true));
        let before = seen.count.load(Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        while seen.count.load(Ordering::SeqCst) == before {
            assert!(Instant::now() < deadline, "nothing was heard in round {round}");
            std::thread::yield_now();
        }
        assert_eq!(world.system.unsubscribe_actor(subscriber, "t"), Unsubscribed::Done);
        // The turn that had begun is let finish; nothing comes after it.
        while world.status(subscriber).in_hand > 0 {
            assert!(Instant::now() < deadline, "a turn does not end in round {round}");
            std::thread::yield_now();
        }
        let after = seen.count.load(Ordering::SeqCst);
        (0..20).for_each(|_| std::thread::yield_now());
        assert_eq!(seen.count.load(Ordering::SeqCst), after, "handled after the end in round {round}");
        heard += u32::from(after > before);
    }
    going.store(false, Ordering::SeqCst);
    assert_eq!((heard, seen.late.load(Ordering::SeqCst)), (ROUNDS, 0));
    let counters = world.status(subscriber).counters;
    assert_eq!(counters.handled, u64::from(seen.count.load(Ordering::SeqCst)));
    assert_eq!(counters.accepted, counters.handled + counters.discarded[LossReason::NoSubscriber as usize]);
}
