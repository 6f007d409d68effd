//! From the subscriptions that match a topic to its route.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use troupe_actor::topics::{Route, Target};

use crate::subscriptions::{Entry, Subscriptions};

/// Who gets what is published on this topic now; nothing if nobody does. There is at least one shard.
pub fn build(subscriptions: &Subscriptions, topic: &str, shards: usize) -> Option<Route> {
    // Most topics have one subscription, which needs no list.
    if let Some(target) = subscriptions.only(topic) {
        return Some(to_one(target, shards));
    }
    let mut found = Vec::new();
    let patterns = subscriptions.matching(topic, &mut |at, entry| found.push((entry.sequence, at)));
    if found.is_empty() {
        return None;
    }
    // The entries of one pattern come in their order already.
    if patterns > 1 {
        found.sort_unstable();
    }
    let mut draft = Draft { shards: vec![Vec::new(); shards], ..Draft::default() };
    for (_, at) in found {
        if let Some(entry) = subscriptions.get(at) {
            draft.add(entry, subscriptions.group(at).filter(|_| entry.in_group));
        }
    }
    Some(draft.finish())
}

/// The route to one actor, which most topics have.
fn to_one(target: Target, shards: usize) -> Route {
    let own = target.address.index as usize % shards;
    let targets = |shard| if shard == own { Box::from([target]) } else { Box::default() };
    Route { shards: (0..shards).map(targets).collect(), ..Route::default() }
}

/// How many targets a route has.
pub fn size(route: &Route) -> usize {
    let actors: usize = route.shards.iter().map(|targets| targets.len()).sum();
    let ports: usize = route.ports.iter().map(|(_, tags)| tags.len()).sum();
    let members: usize = route.groups.iter().map(|targets| targets.len()).sum();
    actors + ports + members
}

#[derive(Default)]
struct Draft<'a> {
    shards: Vec<Vec<Target>>,
    /// Few: one port per environment.
    ports: Vec<(u32, Vec<u32>)>,
    groups: Vec<Vec<Target>>,
    /// Where in `groups` a name is.
    names: HashMap<&'a str, usize>,
    /// Owners that asked for one copy and have it, each with the queue group that it is in.
    served: HashSet<(troupe_actor::id::Address, Option<&'a str>)>,
}

impl<'a> Draft<'a> {
    fn add(&mut self, entry: &Entry, group: Option<&'a Arc<str>>) {
        let group = group.map(|name| &**name);
        if entry.once && !self.served.insert((entry.owner, group)) {
            return;
        }
        if let Some(name) = group {
            return self.add_member(name, entry.target());
        }
        match entry.owner.port() {
            Some(port) => self.add_port(port, entry.tag),
            None => {
                let shard = entry.owner.index as usize % self.shards.len();
                if let Some(targets) = self.shards.get_mut(shard) {
                    targets.push(entry.target());
                }
            }
        }
    }

    fn add_member(&mut self, name: &'a str, target: Target) {
        let next = self.groups.len();
        let at = *self.names.entry(name).or_insert(next);
        match self.groups.get_mut(at) {
            Some(members) => members.push(target),
            None => self.groups.push(vec![target]),
        }
    }

    fn add_port(&mut self, port: u32, tag: u32) {
        match self.ports.iter_mut().find(|(known, _)| *known == port) {
            Some((_, tags)) => tags.push(tag),
            None => self.ports.push((port, vec![tag])),
        }
    }

    fn finish(self) -> Route {
        let boxed = |lists: Vec<Vec<Target>>| lists.into_iter().map(Vec::into_boxed_slice).collect();
        let ports = self.ports.into_iter().map(|(port, tags)| (port, tags.into_boxed_slice())).collect();
        Route { shards: boxed(self.shards), ports, groups: boxed(self.groups) }
    }
}
