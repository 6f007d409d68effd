//! The trie and kept routes against the naive matcher, on 10 million pairs of pattern and topic.

use std::collections::BTreeSet;

use troupe_actor::topics::Topics;
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;
use troupe_broker::topic::Pattern;

use crate::{Random, actor, model, route, seed, subscribe, tags};

const PATTERNS: usize = 500;
const TOPICS: usize = 500;
const ROUNDS: usize = 40;

/// Few tokens, so that much matches; one too long to lie in its node, some that share beginnings.
const TOKENS: [&str; 8] = ["a", "b", "ab", "a-b", "größe", "x*", "a", "a-token-of-more-than-twenty-two-bytes"];

pub fn random_topic(random: &mut Random) -> String {
    let tokens = 1 + random.below(6);
    (0..tokens).map(|_| *random.pick(&TOKENS)).collect::<Vec<_>>().join(".")
}

pub fn random_pattern(random: &mut Random) -> String {
    let mut pattern = random_topic(random);
    let tokens: Vec<&str> = pattern.split('.').map(|token| if random.below(3) == 0 { "*" } else { token }).collect();
    let tail = *random.pick(&["", "", ".>", ".#"]);
    pattern = tokens.join(".") + tail;
    match random.below(100) {
        0 => ">".into(),
        1 => "#".into(),
        _ => pattern,
    }
}

#[test]
fn ten_million_pairs_agree_with_a_matcher_that_goes_token_by_token() {
    let seed = seed();
    let mut random = Random(seed);
    let limits = Limits { allow_literal_wildcards: true, ..Limits::default() };
    let mut matched = 0;
    for round in 0..ROUNDS {
        let broker = Broker::new(1, limits);
        let patterns: Vec<String> = (0..PATTERNS).map(|_| random_pattern(&mut random)).collect();
        let split: Vec<Vec<&str>> = patterns.iter().map(|pattern| model::tokens(pattern)).collect();
        for (tag, pattern) in patterns.iter().enumerate() {
            subscribe(&broker, pattern, actor(0), tag as u32);
        }
        for _ in 0..TOPICS {
            let topic = random_topic(&mut random);
            let tokens = model::tokens(&topic);
            let matching = (0..PATTERNS).filter(|at| model::tokens_match(&split[*at], &tokens));
            let expected: Vec<u32> = matching.map(|at| at as u32).collect();
            matched += expected.len();
            // Computed, computed and kept, taken from those kept.
            for time in 0..3 {
                let found = tags(&route(&broker, &topic));
                assert_eq!(found, expected, "TROUPE_SEED={seed}, round {round}, time {time}, topic {topic}");
            }
        }
        for pattern in &patterns {
            let topic = random_topic(&mut random);
            let parsed = Pattern::parse(pattern, &limits).unwrap();
            assert_eq!(
                parsed.matches(&topic),
                model::matches(pattern, &topic),
                "TROUPE_SEED={seed}: {pattern}, {topic}"
            );
        }
        remove_half(&broker, &patterns, &mut random);
    }
    let pairs = ROUNDS * PATTERNS * TOPICS;
    assert!(pairs >= 10_000_000 && matched > pairs / 200, "{matched} of {pairs} matched: too few to say anything");
}

/// Takes subscriptions away in random order; routes lose them, and the trie loses every node in the end.
fn remove_half(broker: &Broker, patterns: &[String], random: &mut Random) {
    let mut left: BTreeSet<u32> = (0..patterns.len() as u32).collect();
    while left.len() > patterns.len() / 2 {
        let tag = random.below(patterns.len()) as u32;
        assert_eq!(broker.unsubscribe(actor(0), tag), left.remove(&tag));
    }
    for _ in 0..20 {
        let topic = random_topic(random);
        let expected: Vec<u32> =
            left.iter().copied().filter(|tag| model::matches(&patterns[*tag as usize], &topic)).collect();
        assert_eq!(tags(&route(broker, &topic)), expected, "{topic}");
    }
    broker.forget(actor(0));
    let left = broker.holdings();
    assert_eq!((left.literals, left.nodes), (0, 1));
}
