//! What happens at each bound.

use troupe_actor::topics::{TopicError, Topics};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::{actor, route, subscribe, subscribe_for_values, subscription, tags};

#[test]
fn a_subscription_too_many_is_refused_and_one_in_place_of_another_is_not() {
    let broker = Broker::new(1, Limits { max_subscriptions: 2, ..Limits::default() });
    subscribe(&broker, "a", actor(1), 1);
    subscribe(&broker, "b", actor(1), 2);
    let error = broker.subscribe("c", subscription(actor(1), 3), &mut |_, _, _| {}).unwrap_err();
    assert_eq!(error, TopicError::SubscriptionsFull { topic: "c".into(), limit: 2 });
    assert_eq!(error.to_string(), "the subscription to 'c' is refused: the system holds at most 2 subscriptions");
    subscribe(&broker, "c", actor(1), 2);
    assert_eq!(tags(&route(&broker, "c")), [2]);
}

#[test]
fn a_last_value_too_many_is_refused_and_what_was_there_stays() {
    let broker = Broker::new(1, Limits { retained_values: 2, ..Limits::default() });
    broker.retain("a", actor(9), b"1").unwrap();
    broker.retain("b", actor(9), b"1").unwrap();
    let error = broker.retain("c", actor(9), b"1").unwrap_err();
    assert_eq!(error.to_string(), "no last value is kept for the topic 'c': a system keeps at most 2 last values");
    broker.retain("a", actor(9), b"2").unwrap();
    broker.retain("b", actor(9), b"").unwrap();
    broker.retain("c", actor(9), b"3").unwrap();
    let values = subscribe_for_values(&broker, "#", subscription(actor(1), 1)).unwrap();
    assert_eq!(values, [("a".into(), actor(9), b"2".to_vec()), ("c".into(), actor(9), b"3".to_vec())]);
}

#[test]
fn bytes_of_last_values_are_counted_with_their_topics() {
    let broker = Broker::new(1, Limits { retained_bytes: 20, ..Limits::default() });
    broker.retain("abcd", actor(9), &[1; 10]).unwrap();
    let error = broker.retain("b", actor(9), &[1; 6]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no last value is kept for the topic 'b': a system keeps at most 20 bytes of last values, and 6 are free \
         for this one of 7"
    );
    broker.retain("b", actor(9), &[1; 5]).unwrap();
    assert!(broker.retain("abcd", actor(9), &[1; 11]).is_err());
    broker.retain("abcd", actor(9), &[2; 9]).unwrap();
    assert_eq!(broker.holdings().retained_bytes, 19);
    assert!(broker.retain("abcd.*", actor(9), b"1").is_err(), "a last value is of one topic");
}

#[test]
fn routes_are_kept_for_topics_that_come_again_and_never_more_than_there_is_room_for() {
    let limits = Limits { cached_routes: 16, cached_targets: 32, ..Limits::default() };
    let broker = Broker::new(1, limits);
    subscribe(&broker, "#", actor(1), 1);
    for n in 0..1000 {
        route(&broker, &format!("single.{n}"));
    }
    assert_eq!(broker.holdings().cached_routes, 0, "what comes once is not kept");
    for n in 0..1000 {
        (0..2).for_each(|_| drop(route(&broker, &format!("twice.{n}"))));
        let held = broker.holdings();
        assert!(held.cached_routes <= 16 && held.cached_targets <= 32, "{held:?}");
    }
    assert!(broker.holdings().cached_routes > 8);
    for tag in 0..100 {
        subscribe(&broker, "large", actor(2), tag);
    }
    let before = broker.holdings();
    (0..3).for_each(|_| assert_eq!(tags(&route(&broker, "large")).len(), 101));
    assert_eq!(broker.holdings(), before, "a large route is computed anew");
}

#[test]
fn many_targets_drive_out_other_routes() {
    let broker = Broker::new(1, Limits { cached_routes: 1 << 10, cached_targets: 64, ..Limits::default() });
    (0..3).for_each(|tag| subscribe(&broker, "#", actor(1), tag));
    for n in 0..200 {
        (0..3).for_each(|_| assert_eq!(tags(&route(&broker, &format!("t.{n}"))), [0, 1, 2]));
        assert!(broker.holdings().cached_targets <= 64);
    }
    assert!(broker.holdings().cached_targets >= 48, "{:?}", broker.holdings());
}

#[test]
fn a_broker_without_room_for_routes_computes_each() {
    let broker = Broker::new(1, Limits { cached_routes: 0, ..Limits::default() });
    subscribe(&broker, "a", actor(1), 1);
    (0..3).for_each(|_| assert_eq!(tags(&route(&broker, "a")), [1]));
    assert_eq!(broker.holdings().cached_routes, 0);
}
