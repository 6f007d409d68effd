//! What topics and patterns may look like (`TOP-1` to `TOP-5`).

use troupe_actor::topics::TopicError;
use troupe_broker::limits::Limits;
use troupe_broker::topic::{Pattern, check_group, check_topic};

fn topic_error(topic: &str) -> Option<TopicError> {
    check_topic(topic, &Limits::default()).err()
}

fn pattern_error(pattern: &str) -> Option<TopicError> {
    Pattern::parse(pattern, &Limits::default()).err()
}

#[test]
fn literal_topics_are_good_for_publishing_and_for_subscribing() {
    for good in ["foo", "foo.bar", "a.b.c.d", "Foo.BAR", "größe.µ", "a-b_c.1", "a$.b", "a._INBOX", "x.$y", "a/b:c"] {
        assert_eq!(topic_error(good), None, "{good}");
        assert_eq!(pattern_error(good), None, "{good}");
    }
}

#[test]
fn what_is_no_topic_is_no_pattern_either() {
    let long = "x".repeat(513);
    let deep = vec!["a"; 33].join(".");
    for bad in [
        "",
        ".",
        "..",
        ".foo",
        "foo.",
        "foo..bar",
        "foo bar",
        "foo\tbar",
        "foo\rbar",
        "foo\nbar",
        "foo.\x0c.bar",
        " foo",
        "foo ",
        "foo\0",
        "$SYS",
        "$a.b",
        "$",
        "_INBOX",
        "_INBOX.a",
        "_INBOXES",
        &long,
        &deep,
    ] {
        assert!(topic_error(bad).is_some(), "{bad:?}");
        assert!(pattern_error(bad).is_some(), "{bad:?}");
    }
    assert_eq!(topic_error(&"x".repeat(512)), None);
    assert_eq!(topic_error(&vec!["a"; 32].join(".")), None);
}

#[test]
fn wildcards_are_for_patterns_only() {
    for pattern in ["*", ">", "#", "*.*", "foo.*", "foo.>", "foo.#", "*.bar", "foo.*.bar", "*.>", "*.#", "foo.*.>"] {
        assert_eq!(pattern_error(pattern), None, "{pattern}");
        assert!(topic_error(pattern).is_some(), "{pattern}");
    }
}

#[test]
fn the_rest_of_a_topic_is_matched_in_last_place_only() {
    for bad in [">.foo", "foo.>.bar", "#.foo", "foo.#.bar", ">.>", "#.#", "#.>"] {
        assert!(pattern_error(bad).is_some(), "{bad}");
    }
}

#[test]
fn mixed_tokens_are_literal_when_published_and_refused_when_subscribed_to() {
    let literal = Limits { allow_literal_wildcards: true, ..Limits::default() };
    for mixed in ["foo*", "*bar", "foo.b*r", "foo>", "foo.>>", "foo.**", "a#", "##", "*#", "foo.>bar.x"] {
        assert_eq!(topic_error(mixed), None, "{mixed}");
        assert!(pattern_error(mixed).is_some(), "{mixed}");
        let pattern = Pattern::parse(mixed, &literal).unwrap();
        assert_eq!(pattern.literal(), Some(mixed));
        assert!(pattern.matches(mixed));
    }
    assert!(Pattern::parse("foo.>.bar", &literal).is_err());
}

#[test]
fn errors_name_the_topic_the_rule_and_the_place() {
    for (given, expected) in [
        ("", "the topic '' is not allowed: it has at least one token (byte 0)"),
        ("a..b", "the topic 'a..b' is not allowed: no token between its dots is empty (byte 2)"),
        ("a.b.", "the topic 'a.b.' is not allowed: no token between its dots is empty (byte 4)"),
        ("a.b\tc", "the topic 'a.b\\tc' is not allowed: it has no white space and no NUL, and here is '\\t' (byte 3)"),
        ("ä.\0", "the topic 'ä.\\0' is not allowed: it has no white space and no NUL, and here is '\\u{0}' (byte 3)"),
        (
            "$SYS.x",
            "the topic '$SYS.x' is not allowed: first tokens that begin with '$' or '_INBOX' are reserved, as '$SYS' (byte 0)",
        ),
        ("a.>.b", "the topic 'a.>.b' is not allowed: '>' stands in last place only (byte 2)"),
        (
            "x.foo*.y",
            "the topic 'x.foo*.y' is not allowed: the token 'foo*' mixes '*' with other characters and would match only \
             itself; a wildcard is a token of its own (byte 2)",
        ),
    ] {
        assert_eq!(pattern_error(given).unwrap().to_string(), expected);
    }
    let published = topic_error("a.*").unwrap().to_string();
    let rule = "a message is published on one topic, and '*' is a wildcard (byte 2)";
    assert_eq!(published, format!("the topic 'a.*' is not allowed: {rule}"));
}

#[test]
fn errors_about_limits_say_the_limit_and_quote_no_more_than_a_line() {
    let limits = Limits { max_topic_bytes: 10, max_tokens: 2, ..Limits::default() };
    let error = check_topic("a.b.c", &limits).unwrap_err();
    assert_eq!(error.to_string(), "the topic 'a.b.c' is not allowed: it has at most 2 tokens (byte 4)");
    let error = check_topic(&"y".repeat(1 << 20), &limits).unwrap_err().to_string();
    assert!(error.ends_with("y…' is not allowed: it has at most 10 bytes, and this has 1048576 (byte 10)"), "{error}");
    assert!(error.len() < 300);
}

#[test]
fn queue_groups_have_names_without_white_space() {
    for good in ["workers", "größe", "a.b", "*"] {
        assert_eq!(check_group(good), Ok(()), "{good}");
    }
    let error = check_group("a b").unwrap_err().to_string();
    assert_eq!(error, "the queue group 'a b' is not allowed: its name has no white space and no NUL, and here is ' '");
    assert!(check_group("").is_err());
    assert!(check_group(&"x".repeat(256)).is_err());
}
