//! The same promises, kept naively: a list of subscriptions, looked through token by token.

use std::collections::BTreeMap;

use troupe_actor::id::Address;
use troupe_actor::topics::{Route, Subscription, Target};

pub fn matches(pattern: &str, topic: &str) -> bool {
    tokens_match(&tokens(pattern), &tokens(topic))
}

pub fn tokens(text: &str) -> Vec<&str> {
    text.split('.').collect()
}

/// Matching as the rules are written, with nothing shared with the crate.
pub fn tokens_match(pattern: &[&str], topic: &[&str]) -> bool {
    for (at, token) in pattern.iter().enumerate() {
        match (*token, topic.get(at)) {
            ("#", _) => return true,
            (">", found) => return found.is_some(),
            ("*", Some(_)) => {}
            (token, Some(found)) if token == *found => {}
            _ => return false,
        }
    }
    pattern.len() == topic.len()
}

/// What a broker holds, as lists.
#[derive(Default)]
pub struct Model {
    /// In the order of subscription.
    pub subscriptions: Vec<(String, Subscription)>,
    pub values: BTreeMap<String, (Address, Vec<u8>)>,
}

impl Model {
    /// Subscribes; returns the last values to be handed out.
    pub fn subscribe(&mut self, pattern: &str, new: &Subscription) -> Vec<(String, Address, Vec<u8>)> {
        self.unsubscribe(new.owner, new.tag);
        let served = |topic: &str| {
            new.once
                && self.subscriptions.iter().any(|(other, known)| {
                    known.owner == new.owner && known.once && known.group.is_none() && matches(other, topic)
                })
        };
        let handed_out =
            self.values.iter().filter(|(topic, _)| new.group.is_none() && matches(pattern, topic) && !served(topic));
        let handed_out = handed_out.map(|(topic, (who, value))| (topic.clone(), *who, value.clone())).collect();
        self.subscriptions.push((pattern.to_owned(), new.clone()));
        handed_out
    }

    pub fn unsubscribe(&mut self, owner: Address, tag: u32) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|(_, known)| (known.owner, known.tag) != (owner, tag));
        self.subscriptions.len() < before
    }

    pub fn forget(&mut self, owner: Address) {
        self.subscriptions.retain(|(_, known)| known.owner != owner);
    }

    pub fn route(&self, topic: &str, shards: usize) -> Route {
        let mut served = Vec::new();
        let mut actors = vec![Vec::new(); shards];
        let mut ports: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut groups: Vec<(&str, Vec<Target>)> = Vec::new();
        for (_, known) in self.subscriptions.iter().filter(|(pattern, _)| matches(pattern, topic)) {
            let (owner, group) = (known.owner, known.group.as_deref());
            if known.once && served.contains(&(owner, group)) {
                continue;
            }
            if known.once {
                served.push((owner, group));
            }
            let target = Target { address: owner, tag: known.tag };
            match (group, owner.port()) {
                (Some(name), _) => match groups.iter_mut().find(|(other, _)| *other == name) {
                    Some((_, members)) => members.push(target),
                    None => groups.push((name, vec![target])),
                },
                (None, Some(port)) => match ports.iter_mut().find(|(other, _)| *other == port) {
                    Some((_, tags)) => tags.push(known.tag),
                    None => ports.push((port, vec![known.tag])),
                },
                (None, None) => actors[owner.index as usize % shards].push(target),
            }
        }
        Route {
            shards: actors.into_iter().map(Into::into).collect(),
            ports: ports.into_iter().map(|(port, tags)| (port, tags.into())).collect(),
            groups: groups.into_iter().map(|(_, members)| members.into()).collect(),
        }
    }
}
