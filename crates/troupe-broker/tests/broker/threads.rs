//! Publishers and subscribers on several threads: every route is the set of one moment (`TOP-7`).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use troupe_actor::topics::Topics;
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::{actor, route, subscribe, subscribe_for_values, subscription, tags};

const CHANGES: u64 = 10_000;

/// What is surely true of one subscription: even = under way, 1 = there, 3 = not there (modulo 4).
fn state(number: u64) -> Option<bool> {
    match number % 4 {
        1 => Some(true),
        3 => Some(false),
        _ => None,
    }
}

/// Subscribes and unsubscribes again and again, and says between which steps it is what.
fn change(broker: &Broker, pattern: &str, owner: u32, known: &AtomicU64) {
    for _ in 0..CHANGES {
        known.fetch_add(1, Ordering::SeqCst);
        subscribe(broker, pattern, actor(owner), owner);
        known.fetch_add(1, Ordering::SeqCst);
        assert!(tags(&route(broker, "hot.a")).contains(&owner));
        known.fetch_add(1, Ordering::SeqCst);
        if owner.is_multiple_of(2) {
            broker.forget(actor(owner));
        } else {
            assert!(broker.unsubscribe(actor(owner), owner));
        }
        known.fetch_add(1, Ordering::SeqCst);
        assert!(!tags(&route(broker, "hot.a")).contains(&owner));
    }
}

#[test]
fn after_subscribe_returned_every_route_has_it_and_after_unsubscribe_none_has() {
    let broker = Broker::new(2, Limits::default());
    let patterns = ["hot.a", "hot.*", "hot.#", ">"];
    // Begins as "not there, and about to change".
    let known: Vec<AtomicU64> = patterns.iter().map(|_| AtomicU64::new(3)).collect();
    let (done, checked) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let before: Vec<u64> = known.iter().map(|number| number.load(Ordering::SeqCst)).collect();
                    let found = tags(&route(&broker, "hot.a"));
                    for (at, before) in before.into_iter().enumerate() {
                        let is_stable = known[at].load(Ordering::SeqCst) == before;
                        if let (Some(expected), true) = (state(before), is_stable) {
                            checked.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(found.contains(&(at as u32)), expected, "{} of {found:?}", patterns[at]);
                        }
                    }
                }
            });
        }
        let (broker, known) = (&broker, &known);
        let changing: Vec<_> = patterns
            .iter()
            .enumerate()
            .map(|(at, pattern)| scope.spawn(move || change(broker, pattern, at as u32, &known[at])))
            .collect();
        let ended: Vec<_> = changing.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok));
    });
    assert!(checked.load(Ordering::Relaxed) > 1000);
    assert!(route(&broker, "hot.a").is_empty());
}

#[test]
fn a_subscription_gets_each_value_either_as_the_last_one_or_published_later() {
    const VALUES: u64 = 20_000;
    const SUBSCRIBERS: u32 = 200;
    let broker = Broker::new(1, Limits::default());
    // For each value the tags on its route.
    let published: Mutex<Vec<Vec<u32>>> = Mutex::default();
    let progress = AtomicU64::new(0);
    let first_values: Vec<u64> = thread::scope(|scope| {
        scope.spawn(|| {
            for value in 1..=VALUES {
                let found = broker.retain("price.x", actor(9), &value.to_le_bytes()).unwrap();
                published.lock().unwrap().push(tags(&found));
                progress.store(value, Ordering::SeqCst);
            }
        });
        (0..SUBSCRIBERS)
            .map(|tag| {
                // Spread over the publisher's run.
                while progress.load(Ordering::SeqCst) < u64::from(tag) * VALUES / u64::from(SUBSCRIBERS) {
                    thread::yield_now();
                }
                let pattern = ["price.x", "price.*", "#"][tag as usize % 3];
                let values = subscribe_for_values(&broker, pattern, subscription(actor(1), tag)).unwrap();
                values.first().map_or(0, |(.., value)| u64::from_le_bytes(value.as_slice().try_into().unwrap()))
            })
            .collect()
    });
    let published = published.into_inner().unwrap();
    for (tag, first) in first_values.into_iter().enumerate() {
        for (at, tags) in published.iter().enumerate() {
            let value = at as u64 + 1;
            assert_eq!(tags.contains(&(tag as u32)), value > first, "subscription {tag} from {first}: value {value}");
        }
    }
}
