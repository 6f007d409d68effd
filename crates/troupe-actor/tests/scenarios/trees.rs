//! Steps about supervisors.

use std::collections::HashMap;

use serde_json::{Value, json};
use troupe_actor::spec::SpawnArgs;
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Strategy, SupervisorSpec};
use troupe_actor::tree::spec::{Member, Supervised, SupervisorId, TreeError, TreeNode, TreeRequest, TreeSpec};

use crate::runner::{Kind, Run, backoff_of, restart_of};
use crate::table::text;

/// The supervisors of a scenario by their keys.
#[derive(Default)]
pub struct Trees {
    ids: HashMap<String, SupervisorId>,
}

impl Run<'_> {
    /// Brings a tree up; without a slot it must come up.
    pub fn supervise(&mut self, key: &str, slot: Option<&str>) -> Result<(), String> {
        self.world.run();
        let TreeNode::Supervisor(spec) = self.node(key, &self.scenario.trees[key]) else { panic!("{key} is no tree") };
        let (supervised, number) = self.world.supervise_waiting(spec);
        self.enter(key, &supervised, &self.scenario.trees[key]);
        self.world.run();
        match (slot, self.world.settled(number)) {
            (Some(slot), _) => drop(self.slots.insert(slot.to_owned(), (number, Kind::Other))),
            (None, Some(crate::common::Settled::Supervised(Ok(())))) => {}
            (None, other) => return Err(format!("it did not come up: {other:?}")),
        }
        Ok(())
    }

    /// Ends a tree; the slot hears when it is gone.
    pub fn stop_tree(&mut self, slot: &str, key: &str) {
        let number = self.world.supervisor_stop(self.trees.ids[key]);
        self.slots.insert(slot.to_owned(), (number, Kind::Other));
    }

    /// Asks a supervisor to do something with a child.
    pub fn request(&mut self, slot: &str, verb: &str, key: &str, child: &str) {
        let child = child.to_owned();
        let request = match verb {
            "stop" => TreeRequest::StopChild(child.clone()),
            "restart" => TreeRequest::RestartChild(child.clone()),
            "delete" => TreeRequest::DeleteChild(child.clone()),
            _ => panic!("expected stop, restart or delete, received {verb}"),
        };
        let (member, number) = self.world.request(self.trees.ids[key], request);
        self.slots.insert(slot.to_owned(), (number, Kind::Other));
        if let Some(Member::Actor(address, _)) = member {
            let path = self.world.status(address).path.to_string();
            self.actors.insert(child, (address, path));
        }
    }

    /// The children of a supervisor, each with its state.
    pub fn children(&self, key: &str) -> Value {
        let children = self.world.children(self.trees.ids[key]);
        children.iter().map(|(key, status)| json!([key, status])).collect()
    }

    /// Takes what happened to anybody, in order.
    pub fn sequence(&mut self) -> Value {
        let events = std::mem::take(&mut self.events);
        events.iter().map(|(path, line)| json!(format!("{} {line}", path.rsplit('/').next().unwrap()))).collect()
    }

    fn node(&self, key: &str, options: &Value) -> TreeNode {
        let child = ChildSpec {
            restart: restart_of(options),
            significant: options["significant"] == true,
            ..ChildSpec::default()
        };
        let Some(children) = options["children"].as_object() else {
            let name = options["name"].as_str().map(Into::into);
            let args = SpawnArgs { name, ..SpawnArgs::default() };
            return TreeNode::Actor { key: key.to_owned(), spec: Box::new(self.spec(options)), args, child };
        };
        let children = children.iter().map(|(key, options)| self.node(key, options)).collect();
        let child = ChildSpec { shutdown_ms: u64::MAX, ..child };
        TreeNode::Supervisor(TreeSpec { key: key.to_owned(), supervisor: rules(options), child, children })
    }

    fn enter(&mut self, key: &str, tree: &Supervised, options: &Value) {
        self.trees.ids.insert(key.to_owned(), tree.id);
        for (key, member) in &tree.children {
            let options = &options["children"][key];
            match member {
                Member::Actor(address, _) => {
                    let path = self.world.status(*address).path.to_string();
                    self.actors.insert(key.clone(), (*address, path));
                    if options["name"].is_string() {
                        self.names.insert(key.clone(), text(&options["name"]).to_owned());
                    }
                }
                Member::Supervisor(below) => self.enter(key, below, options),
                Member::Pool(id, _) => drop(self.trees.ids.insert(key.clone(), *id)),
            }
        }
    }
}

fn rules(options: &Value) -> SupervisorSpec {
    let mut rules = SupervisorSpec {
        strategy: match options["strategy"].as_str() {
            None | Some("one-for-one") => Strategy::OneForOne,
            Some("one-for-all") => Strategy::OneForAll,
            _ => Strategy::RestForOne,
        },
        auto_shutdown: match options["autoShutdown"].as_str() {
            None | Some("never") => AutoShutdown::Never,
            Some("any-significant") => AutoShutdown::AnySignificant,
            _ => AutoShutdown::AllSignificant,
        },
        ..SupervisorSpec::default()
    };
    rules.max_restarts = options["maxRestarts"].as_u64().map_or(rules.max_restarts, |most| most as u32);
    rules.within_ms = options["within"].as_u64().unwrap_or(rules.within_ms);
    (rules.backoff, rules.reset_after_ms) = backoff_of(&options["backoff"]);
    rules
}

/// What a request or a tree came to.
pub fn outcome_of(result: &Result<(), TreeError>) -> Value {
    match result {
        Ok(()) => json!("done"),
        Err(TreeError::StartFailed { .. }) => json!({ "error": "start-failed" }),
        Err(TreeError::Restarting) => json!({ "error": "restarting" }),
        Err(TreeError::Running) => json!({ "error": "running" }),
        Err(TreeError::NotFound) => json!({ "error": "not-found" }),
        Err(other) => json!({ "error": other.to_string() }),
    }
}
