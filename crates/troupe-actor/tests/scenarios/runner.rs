//! Runs a scenario in virtual time.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use troupe_actor::ask::AskError;
use troupe_actor::error::SpawnError;
use troupe_actor::event::Event;
use troupe_actor::id::Address;
use troupe_actor::spec::{ActorSpec, Overflow, SpawnArgs};
use troupe_actor::supervision::spec::{Backoff, BackoffKind, Restart, RestartSpec};

use crate::actor::scripted;
use crate::common::{Settled, World, spawn_spec};
use crate::table::{Scenario, number, text};
use crate::trees::{Trees, outcome_of};

/// What a slot waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Answer,
    Sent,
    Other,
}

/// A scenario under way.
pub struct Run<'a> {
    pub world: World,
    pub scenario: &'a Scenario,
    /// Address and path of each actor that was spawned.
    pub actors: HashMap<String, (Address, String)>,
    /// Registered names.
    pub names: HashMap<String, String>,
    pub trees: Trees,
    pub slots: HashMap<String, (u32, Kind)>,
    /// Spawns that were refused at once.
    refused: HashMap<String, &'static str>,
    letters_seen: u64,
    /// What happened to which path, not looked at yet.
    pub events: Vec<(String, String)>,
    logs: Vec<(String, String)>,
}

impl<'a> Run<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        let world = World::new();
        world.listen().port.keep_events();
        Self {
            world,
            scenario,
            actors: HashMap::new(),
            names: HashMap::new(),
            trees: Trees::default(),
            slots: HashMap::new(),
            refused: HashMap::new(),
            letters_seen: 0,
            events: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Does all steps; the world's end checks that nothing was lost.
    pub fn all(mut self) {
        for (at, step) in self.scenario.steps.iter().enumerate() {
            if let Err(what) = self.step(step.as_array().unwrap()) {
                panic!("{}: step {} {step}: {what}", self.scenario.name, at + 1);
            }
        }
    }

    fn step(&mut self, step: &[Value]) -> Result<(), String> {
        let at = |index: usize| step.get(index).map_or("", text);
        let verb = at(0);
        let timeout = |index: usize, default: u64| step.get(index).map_or(default, number);
        let world = &self.world;
        match verb {
            "tell" => world.tell(self.address(at(1)), at(2)),
            "ask" => {
                let slot = world.ask(self.address(at(2)), at(3), timeout(4, 5_000) as u32);
                self.slots.insert(at(1).to_owned(), (slot, Kind::Answer));
            }
            "send" => {
                let slot = world.send(self.address(at(2)), at(3), timeout(4, 5_000) as u32);
                self.slots.insert(at(1).to_owned(), (slot, Kind::Sent));
            }
            "stop" | "drain" => {
                let slot = world.end(self.address(at(2)), verb == "drain", timeout(3, 5_000));
                self.slots.insert(at(1).to_owned(), (slot, Kind::Other));
            }
            "kill" => assert!(world.system.kill(self.address(at(1)))),
            "watch" => {
                let slot = world.watch(self.address(at(2)));
                self.slots.insert(at(1).to_owned(), (slot, Kind::Other));
            }
            "spawn" => return self.spawn(at(1), step.get(2).map(text)),
            "supervise" => return self.supervise(at(1), step.get(2).map(text)),
            "stop-tree" => self.stop_tree(at(1), at(2)),
            "request" => self.request(at(1), at(2), at(3), at(4)),
            "advance" => drop(world.advance(number(&step[1]))),
            _ => return self.look(verb, step),
        }
        Ok(())
    }

    fn look(&mut self, verb: &str, step: &[Value]) -> Result<(), String> {
        self.world.run();
        self.take_events();
        let actor = step[1].as_str().unwrap_or_default();
        let expected = step.last().unwrap();
        let found = match verb {
            "expect" => self.outcome(actor, expected),
            "order" => return self.order(&step[1]),
            "state" => json!(self.world.status(self.address(actor)).status.as_str()),
            "life" => json!(self.world.status(self.address(actor)).incarnation),
            "restarts" => json!(self.world.status(self.address(actor)).restarts),
            "counts" => self.counts(actor, expected),
            "log" => take(&mut self.logs, &self.actors[actor].1),
            "events" => take(&mut self.events, &self.actors[actor].1),
            "letters" => self.letters(),
            "children" => self.children(actor),
            "sequence" => self.sequence(),
            "named" => json!(self.world.system.find(&self.names[actor]).is_some()),
            _ => panic!("there is no step {verb}"),
        };
        if found == *expected { Ok(()) } else { Err(format!("expected {expected}, found {found}")) }
    }

    fn address(&self, actor: &str) -> Address {
        self.actors[actor].0
    }

    fn spawn(&mut self, actor: &str, slot: Option<&str>) -> Result<(), String> {
        let options = &self.scenario.actors[actor];
        let spec = Arc::new(self.spec(options));
        let name: Option<Arc<str>> = options["name"].as_str().map(Arc::from);
        if let Some(name) = &name {
            self.names.insert(actor.to_owned(), name.to_string());
        }
        let number = self.world.slot();
        self.world.run();
        let args = SpawnArgs { name, ..SpawnArgs::default() };
        let spawned = match self.world.system.spawn(&spec, args, Some(self.world.waiter(number))) {
            Ok(spawned) => spawned,
            Err(SpawnError::NameTaken { .. }) => {
                self.refused.insert(slot.unwrap().to_owned(), "name-taken");
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        };
        let path = self.world.status(spawned.address).path.to_string();
        self.actors.insert(actor.to_owned(), (spawned.address, path));
        self.world.run();
        if let Some(slot) = slot {
            self.slots.insert(slot.to_owned(), (number, Kind::Other));
            return Ok(());
        }
        match self.world.settled(number) {
            None if spawned.ready => Ok(()),
            Some(Settled::Started) => Ok(()),
            other => Err(format!("it did not come up: {other:?}")),
        }
    }

    pub fn spec(&self, options: &Value) -> ActorSpec {
        let peers = options["peers"].as_array().into_iter().flatten();
        let peers = peers.map(|peer| (text(peer).to_owned(), self.address(text(peer)))).collect();
        let mut spec = spawn_spec(scripted(options["starts"].as_str().unwrap_or_default(), peers));
        spec.lazy = options["start"] == "on-first-message";
        let restart = &mut spec.restart;
        restart.restart = restart_of(options);
        restart.within_ms = options["within"].as_u64().unwrap_or(restart.within_ms);
        restart.max_restarts = options["maxRestarts"].as_u64().map_or(restart.max_restarts, |most| most as u32);
        (restart.backoff, restart.reset_after_ms) = backoff_of(&options["backoff"]);
        let mailbox = &mut spec.mailbox;
        mailbox.max_messages = options["mailbox"].as_u64().map_or(mailbox.max_messages, |most| most as u32);
        mailbox.overflow = match options["overflow"].as_str() {
            None | Some("wait") => Overflow::Wait,
            Some("reject") => Overflow::Reject,
            Some("drop-newest") => Overflow::DropNewest,
            _ => Overflow::DropOldest,
        };
        spec
    }

    /// What became of a slot; the text of an error only if it is asked for.
    fn outcome(&self, slot: &str, expected: &Value) -> Value {
        if let Some(refused) = self.refused.get(slot) {
            return json!({ "error": refused });
        }
        let (number, kind) = self.slots[slot];
        match self.world.settled(number) {
            None => Value::Null,
            Some(Settled::Value(_)) if kind == Kind::Sent => json!("sent"),
            Some(Settled::Value(bytes)) => json!({ "value": String::from_utf8_lossy(&bytes) }),
            Some(Settled::Error(number, bytes)) if expected["text"].is_string() => {
                json!({ "error": name_of(number), "text": String::from_utf8_lossy(&bytes) })
            }
            Some(Settled::Error(number, _)) => json!({ "error": name_of(number) }),
            Some(Settled::Crashed(..)) => json!({ "error": "crashed" }),
            Some(Settled::Ended(reason)) => json!({ "ended": reason.tag.as_str() }),
            Some(Settled::Started) => json!("started"),
            Some(Settled::StartFailed(_)) => json!({ "error": "start-failed" }),
            Some(Settled::Supervised(result)) => outcome_of(&result),
        }
    }

    fn order(&self, slots: &Value) -> Result<(), String> {
        let order = self.world.port.order();
        let slots: Vec<&str> = slots.as_array().unwrap().iter().map(text).collect();
        let places: Vec<_> = slots.iter().map(|slot| order.iter().position(|at| *at == self.slots[*slot].0)).collect();
        let in_order = places.iter().all(Option::is_some) && places.is_sorted();
        if in_order { Ok(()) } else { Err(format!("they were settled at {places:?}")) }
    }

    /// Of the counters, those that are asked for.
    fn counts(&self, actor: &str, expected: &Value) -> Value {
        let status = self.world.status(self.address(actor));
        let all = json!({
            "handled": status.counters.handled, "failed": status.counters.failed, "queued": status.queued,
        });
        let wanted = expected.as_object().unwrap().keys().map(|key| (key.clone(), all[key].clone()));
        Value::Object(wanted.collect())
    }

    fn letters(&mut self) -> Value {
        let letters: Vec<_> =
            self.world.system.dead_letters().into_iter().filter(|letter| letter.id > self.letters_seen).collect();
        self.letters_seen = letters.last().map_or(self.letters_seen, |letter| letter.id);
        letters.iter().map(|letter| json!([self.actor_at(&letter.target), letter.reason.as_str()])).collect()
    }

    fn actor_at(&self, path: &str) -> String {
        let actor = self.actors.iter().find(|(_, (_, known))| known == path);
        actor.map_or_else(|| path.to_owned(), |(actor, _)| actor.clone())
    }

    fn take_events(&mut self) {
        for event in self.world.port.kept_events() {
            if let Event::Log { subject, text, .. } = event {
                self.logs.push((subject.path.to_string(), text));
            } else if let Some((path, line)) = line_of(&event) {
                self.events.push((path.to_string(), line));
            }
        }
    }
}

/// Whom an event is about, and what happened.
fn line_of(event: &Event) -> Option<(&str, String)> {
    if let Event::GaveUp { path, reason } = event {
        return Some((path, format!("gave up {}", reason.tag)));
    }
    let (subject, line) = match event {
        Event::Started(subject) => (subject, "started".to_owned()),
        Event::Crashed(subject, _) => (subject, "crashed".to_owned()),
        Event::Restarting { subject, attempt, delay_ms, .. } => {
            (subject, format!("restarting #{attempt} in {delay_ms}"))
        }
        Event::Restarted(subject, _) => (subject, format!("restarted @{}", subject.incarnation)),
        Event::Stopped(subject, reason) => (subject, format!("stopped {}", reason.tag)),
        Event::Failed(subject, reason) => (subject, format!("failed {}", reason.tag)),
        Event::CrashUnreproduced(subject) => (subject, "unreproduced".to_owned()),
        _ => return None,
    };
    Some((&subject.path, line))
}

/// When an actor is restarted.
pub fn restart_of(options: &Value) -> Restart {
    match options["restart"].as_str() {
        None | Some("permanent") => Restart::Permanent,
        Some("transient") => Restart::Transient,
        _ => Restart::Temporary,
    }
}

/// A backoff without jitter, and the healthy run after which it starts anew.
pub fn backoff_of(options: &Value) -> (Backoff, u64) {
    let RestartSpec { mut backoff, .. } = RestartSpec::default();
    backoff.jitter = 0.0;
    backoff.kind = match options["kind"].as_str() {
        Some("immediate") => BackoffKind::Immediate,
        Some("linear") => BackoffKind::Linear,
        _ => BackoffKind::Exponential,
    };
    backoff.initial_ms = options["initial"].as_u64().unwrap_or(backoff.initial_ms);
    backoff.max_ms = options["max"].as_u64().unwrap_or(backoff.max_ms);
    backoff.factor = options["factor"].as_f64().unwrap_or(backoff.factor);
    let reset_after_ms = (backoff.initial_ms + backoff.max_ms).div_ceil(2);
    (backoff, options["resetAfter"].as_u64().unwrap_or(reset_after_ms))
}

/// Takes the lines of one path.
fn take(lines: &mut Vec<(String, String)>, path: &str) -> Value {
    let (taken, rest) = std::mem::take(lines).into_iter().partition(|(of, _)| of == path);
    *lines = rest;
    let taken: Vec<(String, String)> = taken;
    taken.into_iter().map(|(_, line)| line).collect()
}

fn name_of(number: u32) -> &'static str {
    let names = [
        (AskError::Timeout, "timeout"),
        (AskError::Aborted, "aborted"),
        (AskError::MailboxFull, "mailbox-full"),
        (AskError::NoSuchActor, "no-such-actor"),
        (AskError::Stopped, "stopped"),
        (AskError::HandlerError, "handler-error"),
        (AskError::TooLarge, "too-large"),
        (AskError::Shutdown, "shutdown"),
        (AskError::GaveUp, "gave-up"),
    ];
    names.iter().find(|(error, _)| *error as u32 == number).unwrap().1
}
