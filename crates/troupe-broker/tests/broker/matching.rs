//! Which patterns match, and what a route looks like.

use troupe_actor::topics::{Subscription, Target, Topics};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::{actor, port, route, subscribe, subscription, tags};

/// Whether a message on `topic` reaches a subscription to `pattern`; three times, so that the route is
/// computed, computed and kept, and taken from those kept.
fn reaches(pattern: &str, topic: &str) -> bool {
    let broker = Broker::new(1, Limits::default());
    subscribe(&broker, pattern, actor(0), 7);
    let found: Vec<bool> = (0..3).map(|_| tags(&route(&broker, topic)) == [7]).collect();
    assert!(found.iter().all(|is| *is == found[0]), "{pattern} on {topic}: {found:?}");
    found[0]
}

#[test]
fn patterns_match_as_the_table_says() {
    for (pattern, matching, others) in [
        ("foo", vec!["foo"], vec!["Foo", "fo", "foot", "foo.bar", "bar"]),
        ("foo.bar", vec!["foo.bar"], vec!["foo", "foo.bar.baz", "foo.BAR", "bar.foo"]),
        ("*", vec!["foo", "x"], vec!["foo.bar"]),
        ("foo.*", vec!["foo.bar", "foo.x", "foo.*x"], vec!["foo", "foo.bar.baz", "x.foo"]),
        ("*.bar", vec!["foo.bar", "x.bar"], vec!["bar", "foo.bar.x", "foo.baz"]),
        ("foo.*.baz", vec!["foo.bar.baz", "foo.x.baz"], vec!["foo.baz", "foo.bar.x.baz"]),
        ("*.*", vec!["a.b"], vec!["a", "a.b.c"]),
        (">", vec!["a", "a.b", "a.b.c"], vec![]),
        ("foo.>", vec!["foo.a", "foo.a.b"], vec!["foo", "foot.a", "fo.a"]),
        ("foo.*.>", vec!["foo.a.b", "foo.a.b.c"], vec!["foo.a", "foo"]),
        ("*.>", vec!["a.b", "a.b.c"], vec!["a"]),
        ("#", vec!["a", "a.b", "a.b.c"], vec![]),
        ("a.#", vec!["a", "a.b", "a.b.c"], vec!["b", "ab", "a-b", "b.a"]),
        ("a.*.#", vec!["a.b", "a.b.c", "a.b.c.d"], vec!["a", "b.a.c"]),
        ("*.#", vec!["a", "a.b"], vec![]),
        (
            "a-very-long-token-of-more-than-22-bytes.x",
            vec!["a-very-long-token-of-more-than-22-bytes.x"],
            vec!["a-very-long-token-of-more-than-22-byteS.x"],
        ),
        ("größe.*", vec!["größe.µ"], vec!["Größe.µ"]),
    ] {
        matching.iter().for_each(|topic| assert!(reaches(pattern, topic), "{pattern} matches {topic}"));
        others.iter().for_each(|topic| assert!(!reaches(pattern, topic), "{pattern} does not match {topic}"));
    }
}

#[test]
fn what_is_expected_changes_no_route() {
    let broker = Broker::new(1, Limits::default());
    subscribe(&broker, "a.b", actor(0), 7);
    subscribe(&broker, "a.*", actor(1), 8);
    let long = "long.".repeat(20) + "end";
    subscribe(&broker, &long, actor(2), 9);
    let expected: [&[u8]; 6] = [b"a.b", b"a.c", long.as_bytes(), b"", b"a..b", b"\xff"];
    for _ in 0..3 {
        broker.expect(&expected);
        assert_eq!(tags(&route(&broker, "a.b")), [7, 8]);
        assert_eq!(tags(&route(&broker, "a.c")), [8]);
        assert_eq!(tags(&route(&broker, &long)), [9]);
        assert!(broker.route("a..b").is_err());
        assert!(route(&broker, "c").is_empty());
    }
}

#[test]
fn over_nats_a_number_sign_would_be_two_patterns_of_which_a_topic_satisfies_exactly_one() {
    for (pattern, exact, more) in [("a.#", "a", "a.>"), ("a.*.#", "a.*", "a.*.>"), ("*.#", "*", "*.>")] {
        for topic in ["a", "a.b", "a.b.c", "b", "b.a", "a.b.c.d"] {
            let both = usize::from(reaches(exact, topic)) + usize::from(reaches(more, topic));
            assert_eq!(usize::from(reaches(pattern, topic)), both, "{pattern} on {topic}");
        }
    }
}

#[test]
fn each_subscription_gets_a_copy_in_the_order_of_subscription() {
    let broker = Broker::new(2, Limits::default());
    for (tag, pattern) in ["a.>", "a.b", "*.b", "#", "a.b"].into_iter().enumerate() {
        subscribe(&broker, pattern, actor(2), tag as u32);
        subscribe(&broker, pattern, actor(3), 10 + tag as u32);
    }
    let found = route(&broker, "a.b");
    assert_eq!(tags(&found), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    assert_eq!(found.shards[0][0], Target { address: actor(2), tag: 0 });
}

#[test]
fn once_makes_one_copy_for_those_of_an_owner_that_ask_for_it() {
    let broker = Broker::new(1, Limits::default());
    let add = |pattern: &str, owner, tag, once, group: Option<&str>| {
        let group = group.map(Into::into);
        broker.subscribe(pattern, Subscription { owner, tag, once, group }, &mut |_, _, _| {}).unwrap();
    };
    add("a.*", actor(1), 1, true, None);
    add("a.b", actor(1), 2, true, None);
    add("a.>", actor(1), 3, false, None);
    add("a.b", actor(2), 4, true, None);
    add("a.b", actor(1), 5, true, Some("g"));
    add("#", actor(1), 6, true, Some("g"));
    let found = route(&broker, "a.b");
    assert_eq!(tags(&found), [1, 3, 4]);
    assert_eq!(found.groups[0], [Target { address: actor(1), tag: 5 }].into());
    assert!(broker.unsubscribe(actor(1), 1));
    assert_eq!(tags(&route(&broker, "a.b")), [2, 3, 4]);
}

#[test]
fn a_queue_group_is_its_name_over_all_patterns_that_match() {
    let broker = Broker::new(2, Limits::default());
    let member = |owner, tag, name: &str| Subscription { group: Some(name.into()), ..subscription(owner, tag) };
    for (pattern, owner, tag, name) in
        [("a.*", actor(1), 1, "g"), ("a.b", port(0), 2, "g"), (">", actor(2), 3, "h"), ("b.*", actor(3), 4, "g")]
    {
        broker.subscribe(pattern, member(owner, tag, name), &mut |_, _, _| {}).unwrap();
    }
    let found = route(&broker, "a.b");
    let target = |address, tag| Target { address, tag };
    assert_eq!(found.groups.len(), 2);
    assert_eq!(*found.groups[0], [target(actor(1), 1), target(port(0), 2)]);
    assert_eq!(*found.groups[1], [target(actor(2), 3)]);
    assert!(tags(&found).is_empty() && found.ports.is_empty());
}

#[test]
fn a_port_is_one_entry_with_all_its_tags() {
    let broker = Broker::new(2, Limits::default());
    for (pattern, owner, tag) in [("a", port(1), 1), ("a", port(0), 2), ("*", port(1), 3), ("b", port(1), 4)] {
        subscribe(&broker, pattern, owner, tag);
    }
    let found = route(&broker, "a");
    assert_eq!(*found.ports, [(1, [1, 3].into()), (0, [2].into())]);
    assert!(!found.is_empty());
}

#[test]
fn a_tag_that_is_subscribed_again_is_replaced() {
    let broker = Broker::new(1, Limits::default());
    subscribe(&broker, "a", actor(1), 1);
    subscribe(&broker, "b", actor(1), 1);
    subscribe(&broker, "b", actor(2), 1);
    assert!(route(&broker, "a").is_empty());
    assert_eq!(tags(&route(&broker, "b")), [1, 1]);
    assert_eq!(broker.holdings().subscriptions, 2);
    assert!(broker.subscribe("b..", subscription(actor(1), 1), &mut |_, _, _| {}).is_err());
    assert_eq!(tags(&route(&broker, "b")), [1, 1], "a refused pattern leaves what was there");
}

#[test]
fn patterns_that_begin_with_their_last_token_stay_when_all_others_go() {
    for lasting in [">", "#"] {
        let broker = Broker::new(1, Limits::default());
        subscribe(&broker, lasting, actor(1), 1);
        for pattern in ["a", "a.*", "*", "a.b.>", "a.#"] {
            subscribe(&broker, pattern, actor(1), 2);
            assert!(broker.unsubscribe(actor(1), 2));
            assert_eq!(tags(&route(&broker, "a")), [1], "{lasting} after {pattern}");
        }
        let held = broker.holdings();
        assert_eq!((held.subscriptions, held.literals, held.nodes), (1, 0, 1));
    }
}

#[test]
fn literal_patterns_make_no_nodes_and_are_held_once() {
    let broker = Broker::new(1, Limits::default());
    let long = ["token"; 20].join(".");
    for (tag, pattern) in ["a.b", "a.b", &long, &long, "a.*"].into_iter().enumerate() {
        subscribe(&broker, pattern, actor(1), tag as u32);
    }
    let held = broker.holdings();
    assert_eq!((held.literals, held.nodes), (2, 3));
    assert_eq!((tags(&route(&broker, "a.b")), tags(&route(&broker, &long))), (vec![0, 1, 4], vec![2, 3]));
    assert!(broker.unsubscribe(actor(1), 0));
    assert_eq!((tags(&route(&broker, "a.b")), broker.holdings().literals), (vec![1, 4], 2));
    assert!(broker.unsubscribe(actor(1), 1));
    assert_eq!((tags(&route(&broker, "a.b")), broker.holdings().literals), (vec![4], 1));
}

#[test]
fn what_is_forgotten_leaves_nothing_behind() {
    let broker = Broker::new(1, Limits::default());
    for tag in 0..1000 {
        subscribe(&broker, &format!("a.{tag}.*.{}", tag % 7), actor(1), tag);
        let pattern = if tag % 2 == 1 { format!("a.{tag}.>") } else { format!("a.{tag}") };
        subscribe(&broker, &pattern, actor(2), tag);
    }
    broker.forget(actor(1));
    assert_eq!(tags(&route(&broker, "a.5.x.5")), [5]);
    assert_eq!(broker.holdings().subscriptions, 1000);
    assert!(!broker.unsubscribe(actor(1), 5));
    broker.forget(actor(2));
    broker.forget(actor(2));
    let left = broker.holdings();
    assert_eq!((left.subscriptions, left.literals, left.nodes), (0, 0, 1));
}
