//! The grammar of topics and patterns (`TOP-1` to `TOP-5`): NATS's rules, and `#`.
//!
//! A topic is what a message is published on: tokens between dots, none of them a wildcard. A pattern
//! is what somebody subscribes to. Every error quotes the rule, the text and the place.

use troupe_actor::topics::TopicError;

use crate::limits::Limits;

/// Most bytes of a topic that an error quotes.
const MAX_QUOTED: usize = 120;

/// Longest name of a queue group, in bytes: as of an actor.
const MAX_GROUP_BYTES: usize = 255;

/// Checks what a message is published on.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_topic(topic: &str, limits: &Limits) -> Result<(), TopicError> {
    each_token(topic, limits, |token| match token.text {
        "*" | ">" | "#" => Err(format!("a message is published on one topic, and '{}' is a wildcard", token.text)),
        _ => Ok(()),
    })
}

/// A pattern that keeps the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern<'a> {
    /// The tokens before the tail, joined by dots; each may be `*`.
    body: Option<&'a str>,
    tail: Tail,
}

/// What follows the tokens of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Nothing,
    /// `>`: one token or more.
    OneOrMore,
    /// `#`: any number of tokens.
    Any,
}

impl<'a> Pattern<'a> {
    /// Checks a pattern.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(pattern: &'a str, limits: &Limits) -> Result<Self, TopicError> {
        each_token(pattern, limits, |token| pattern_token(&token, limits))?;
        Ok(Self::split(pattern))
    }

    /// A pattern that was checked before.
    pub(crate) fn split(pattern: &'a str) -> Self {
        let (before, last) = match pattern.rsplit_once('.') {
            Some((before, last)) => (Some(before), last),
            None => (None, pattern),
        };
        match last {
            ">" => Self { body: before, tail: Tail::OneOrMore },
            "#" => Self { body: before, tail: Tail::Any },
            _ => Self { body: Some(pattern), tail: Tail::Nothing },
        }
    }

    /// The tokens before the tail.
    pub fn tokens(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.body.into_iter().flat_map(|body| body.split('.'))
    }

    /// What follows the tokens.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// The one topic that this matches, if it has no wildcard.
    #[must_use]
    pub fn literal(&self) -> Option<&'a str> {
        match self.tail {
            Tail::Nothing => self.body.filter(|body| body.split('.').all(|token| token != "*")),
            Tail::OneOrMore | Tail::Any => None,
        }
    }

    /// The tokens before the first wildcard, joined by dots; empty if it begins with one.
    #[must_use]
    pub fn prefix(&self) -> &'a str {
        let Some(body) = self.body else { return "" };
        let mut end = 0usize;
        for token in body.split('.') {
            if token == "*" {
                return body.get(..end.saturating_sub(1)).unwrap_or("");
            }
            end += token.len() + 1;
        }
        body
    }

    /// Whether it matches this topic.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let mut given = topic.split('.');
        for token in self.tokens() {
            match given.next() {
                Some(found) if token == "*" || token == found => {}
                _ => return false,
            }
        }
        match self.tail {
            Tail::Nothing => given.next().is_none(),
            Tail::OneOrMore => given.next().is_some(),
            Tail::Any => true,
        }
    }
}

/// A token and where it is.
struct Token<'a> {
    text: &'a str,
    is_last: bool,
}

/// The rules that topics and patterns share; `rule` checks what only one of them has.
fn each_token(
    topic: &str,
    limits: &Limits,
    mut rule: impl FnMut(Token<'_>) -> Result<(), String>,
) -> Result<(), TopicError> {
    let invalid = |at: usize, rule: String| TopicError::Invalid { topic: quoted(topic), at, rule };
    if topic.is_empty() {
        return Err(invalid(0, "it has at least one token".to_owned()));
    }
    if topic.len() > limits.max_topic_bytes {
        let (most, has) = (limits.max_topic_bytes, topic.len());
        return Err(invalid(most, format!("it has at most {most} bytes, and this has {has}")));
    }
    // All bytes without an early end: many at once, and nearly always none is found.
    if topic.bytes().fold(false, |any, byte| any | is_forbidden(byte))
        && let Some((at, found)) = first_forbidden(topic)
    {
        return Err(invalid(
            at,
            format!("it has no white space and no NUL, and here is '{}'", char::from(found).escape_default()),
        ));
    }
    let mut at = 0;
    for (number, text) in topic.split('.').enumerate() {
        let end = at + text.len();
        if text.is_empty() {
            return Err(invalid(at, "no token between its dots is empty".to_owned()));
        }
        if number >= usize::from(limits.max_tokens) {
            return Err(invalid(at, format!("it has at most {} tokens", limits.max_tokens)));
        }
        if number == 0 && (text.starts_with('$') || text.starts_with("_INBOX")) {
            return Err(invalid(at, format!("first tokens that begin with '$' or '_INBOX' are reserved, as '{text}'")));
        }
        rule(Token { text, is_last: end == topic.len() }).map_err(|rule| invalid(at, rule))?;
        at = end + 1;
    }
    Ok(())
}

/// The characters that make any topic invalid: each is one byte, which is part of no other character.
const fn is_forbidden(found: u8) -> bool {
    matches!(found, b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' | b'\0')
}

fn first_forbidden(text: &str) -> Option<(usize, u8)> {
    text.bytes().enumerate().find(|(_, found)| is_forbidden(*found))
}

/// What wildcards may look like in a pattern.
fn pattern_token(token: &Token<'_>, limits: &Limits) -> Result<(), String> {
    match token.text {
        "*" => Ok(()),
        ">" | "#" if token.is_last => Ok(()),
        ">" | "#" => Err(format!("'{}' stands in last place only", token.text)),
        text => match text.chars().find(|found| matches!(found, '*' | '>' | '#')) {
            Some(sign) if !limits.allow_literal_wildcards => Err(format!(
                "the token '{text}' mixes '{sign}' with other characters and would match only itself; \
                 a wildcard is a token of its own"
            )),
            _ => Ok(()),
        },
    }
}

/// Checks the name of a queue group (`QG-1`): what NATS allows, with a bound.
///
/// # Errors
/// The rule that it breaks.
pub fn check_group(name: &str) -> Result<(), TopicError> {
    let invalid = |rule: String| Err(TopicError::GroupInvalid { group: quoted(name), rule });
    if name.is_empty() || name.len() > MAX_GROUP_BYTES {
        return invalid(format!("its name has 1 to {MAX_GROUP_BYTES} bytes, and this has {}", name.len()));
    }
    match first_forbidden(name) {
        Some((_, found)) => invalid(format!(
            "its name has no white space and no NUL, and here is '{}'",
            char::from(found).escape_default()
        )),
        None => Ok(()),
    }
}

/// A topic as an error shows it: escaped, and not longer than a line.
pub(crate) fn quoted(topic: &str) -> String {
    let mut shown: String = topic.chars().take(MAX_QUOTED).flat_map(char::escape_debug).collect();
    if topic.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    shown
}
