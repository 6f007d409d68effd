//! Last values: whom they are handed to, and when they end.

use troupe_actor::topics::{Subscription, Topics};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::{actor, route, subscribe_for_values, subscription, tags};

fn topics_of(values: Vec<(String, troupe_actor::id::Address, Vec<u8>)>) -> Vec<String> {
    values.into_iter().map(|(topic, ..)| topic).collect()
}

#[test]
fn a_new_subscription_gets_the_last_values_that_match() {
    let broker = Broker::new(1, Limits::default());
    for topic in ["a", "a-b", "a.b", "a.b.c", "a.c", "ab", "b.a"] {
        broker.retain(topic, actor(9), b"old").unwrap();
        broker.retain(topic, actor(8), topic.as_bytes()).unwrap();
    }
    for (tag, (pattern, expected)) in [
        ("a", vec!["a"]),
        ("a.*", vec!["a.b", "a.c"]),
        ("a.>", vec!["a.b", "a.b.c", "a.c"]),
        ("a.#", vec!["a", "a.b", "a.b.c", "a.c"]),
        ("a.b.#", vec!["a.b", "a.b.c"]),
        ("*.a", vec!["b.a"]),
        ("a.*.c", vec!["a.b.c"]),
        ("#", vec!["a", "a-b", "a.b", "a.b.c", "a.c", "ab", "b.a"]),
        ("c.>", vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        let values = subscribe_for_values(&broker, pattern, subscription(actor(1), tag as u32)).unwrap();
        assert!(values.iter().all(|(topic, publisher, value)| *publisher == actor(8) && value == topic.as_bytes()));
        assert_eq!(topics_of(values), expected, "{pattern}");
    }
}

#[test]
fn an_empty_payload_ends_the_value_and_is_delivered() {
    let broker = Broker::new(1, Limits::default());
    subscribe_for_values(&broker, "a", subscription(actor(1), 1)).unwrap();
    assert_eq!(tags(&broker.retain("a", actor(9), b"1").unwrap()), [1]);
    assert_eq!(tags(&broker.retain("a", actor(9), b"").unwrap()), [1]);
    assert_eq!(subscribe_for_values(&broker, "a", subscription(actor(2), 1)), Ok(vec![]));
    assert_eq!((broker.holdings().retained_values, broker.holdings().retained_bytes), (0, 0));
}

#[test]
fn who_asks_for_one_copy_gets_a_last_value_once() {
    let broker = Broker::new(1, Limits::default());
    for topic in ["a.b", "a.c", "x"] {
        broker.retain(topic, actor(9), b"1").unwrap();
    }
    let once = |tag| Subscription { once: true, ..subscription(actor(1), tag) };
    let get = |pattern, subscription| topics_of(subscribe_for_values(&broker, pattern, subscription).unwrap());
    assert_eq!(get("a.b", once(1)), ["a.b"]);
    assert_eq!(get("a.*", once(2)), ["a.c"]);
    assert_eq!(get("#", once(3)), ["x"]);
    assert_eq!(get("#", once(3)), ["x"], "who takes its own place is no other");
    assert_eq!(get("a.b", subscription(actor(1), 4)), ["a.b"], "who does not ask for it gets its own copy");
    assert_eq!(get("a.b", Subscription { owner: actor(2), ..once(1) }), ["a.b"]);
}

#[test]
fn who_takes_the_place_of_another_gets_what_that_one_had_been_given() {
    let broker = Broker::new(1, Limits::default());
    broker.retain("a.b", actor(9), b"1").unwrap();
    let once = |tag| Subscription { once: true, ..subscription(actor(1), tag) };
    let replace = |replaced, pattern, tag| {
        let mut topics = Vec::new();
        let result = broker.replace(replaced, pattern, once(tag), &mut |topic, _, _| topics.push(topic.to_owned()));
        result.map(|()| topics)
    };
    assert_eq!(subscribe_for_values(&broker, "a.*", once(1)).map(topics_of), Ok(vec!["a.b".to_owned()]));
    assert!(replace(1, "a..b", 2).is_err());
    assert_eq!(tags(&route(&broker, "a.b")), [1], "what was to be replaced stays");
    assert_eq!(replace(1, "a.#", 2), Ok(vec!["a.b".to_owned()]));
    assert_eq!((tags(&route(&broker, "a.b")), broker.holdings().subscriptions), (vec![2], 1));
    assert_eq!(replace(7, "a.>", 3), Ok(vec![]), "there was none to replace: the other one matches");
}

#[test]
fn a_member_of_a_queue_group_gets_no_last_value() {
    let broker = Broker::new(1, Limits::default());
    broker.retain("a", actor(9), b"1").unwrap();
    let member = Subscription { group: Some("g".into()), ..subscription(actor(1), 1) };
    assert_eq!(subscribe_for_values(&broker, "a", member), Ok(vec![]));
}
