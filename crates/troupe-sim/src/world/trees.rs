//! Trees from outside: supervisors come, are asked, and go.

use troupe_actor::cell::Waiter;
use troupe_actor::spec::SpawnArgs;
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec};
use troupe_actor::tree::spec::{Member, Supervised, SupervisorId, TreeNode, TreeRequest, TreeSpec};

use super::World;
use crate::behavior::UNBOUND;
use crate::model::Waits;
use crate::plan::{Inline, Traits, restart};

/// A supervisor that came up once.
#[derive(Clone, Debug)]
pub(super) struct Known {
    id: SupervisorId,
    path: String,
    keys: Vec<String>,
}

impl World {
    /// One more tree.
    pub(super) fn supervise(&mut self) {
        let full = self.model.lock().live.len() >= self.profile.actors as usize;
        if full || self.model.lock().closing {
            return;
        }
        self.next_tree += 1;
        let key = format!("tree{}", self.next_tree);
        if self.random.permille(200) {
            return self.pool(&key);
        }
        let spec = self.tree(&key, "", 2);
        // One that gives up is gone: the root itself has a budget too.
        let spec = TreeSpec { child: ChildSpec { restart: Restart::Temporary, ..spec.child }, ..spec };
        let (port, slot) = (self.random.below(2), self.slot());
        self.deliver_all();
        self.model.lock().wait(port, slot, Waits::Tree);
        self.model.lock().note(|| format!("slot {slot} waits for /{key}"));
        let made = self.system.supervise(spec, Some(Waiter { port, slot }));
        match made {
            Ok(supervised) => self.learn(&format!("/{key}"), &supervised),
            Err(error) => self.model.lock().fail("SUP-3", format!("a tree was refused: {error}")),
        }
        self.check(None);
    }

    fn learn(&mut self, path: &str, tree: &Supervised) {
        let keys = tree.children.iter().map(|(key, _)| key.clone()).collect();
        self.trees.push(Known { id: tree.id, path: path.to_owned(), keys });
        for (key, member) in &tree.children {
            self.learn_member(&format!("{path}/{key}"), member);
        }
    }

    fn learn_member(&mut self, path: &str, member: &Member) {
        match member {
            Member::Supervisor(below) => self.learn(path, below),
            Member::Pool(id, _) => self.learn_pool(path, *id),
            Member::Actor(..) => {}
        }
    }

    fn tree(&mut self, key: &str, above: &str, depth: u32) -> TreeSpec {
        let path = format!("{above}/{key}");
        let rules = restart(&mut self.random);
        let strategy = self.random.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
        let shuts =
            [AutoShutdown::Never, AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto_shutdown = self.random.pick(&shuts);
        let supervisor = SupervisorSpec {
            strategy,
            max_restarts: rules.max_restarts,
            within_ms: rules.within_ms,
            backoff: rules.backoff,
            reset_after_ms: rules.reset_after_ms,
            auto_shutdown,
        };
        self.model.lock().plan_supervisor(path.clone(), supervisor);
        let child = self.child(AutoShutdown::Never);
        let count = self.random.between(1, 4);
        let children = (0..count).map(|number| self.node(&format!("c{number}"), &path, depth, auto_shutdown)).collect();
        TreeSpec { key: key.to_owned(), supervisor, child, children }
    }

    pub(super) fn child(&mut self, shuts: AutoShutdown) -> ChildSpec {
        let restart =
            self.random.pick(&[Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary]);
        let may = restart != Restart::Permanent && shuts != AutoShutdown::Never;
        let significant = may && self.random.coin();
        ChildSpec { restart, significant, shutdown_ms: self.random.pick(&[0, 5, 300, u64::MAX]) }
    }

    fn node(&mut self, key: &str, above: &str, depth: u32, shuts: AutoShutdown) -> TreeNode {
        if depth > 0 && self.random.permille(250) {
            return TreeNode::Supervisor(self.tree(key, above, depth - 1));
        }
        if self.random.permille(150) {
            return TreeNode::Pool(self.pool_spec(key, above, shuts));
        }
        let traits = self.child_traits();
        self.model.lock().plan_child(format!("{above}/{key}"), traits.clone());
        let (spec, child) = (Box::new(self.spec_of(&traits, UNBOUND)), self.child(shuts));
        TreeNode::Actor { key: key.to_owned(), spec, args: SpawnArgs::default(), child }
    }

    /// How a child is made, whose lives begin when its parent says so.
    pub(super) fn child_traits(&mut self) -> Traits {
        let mut traits = Traits::new(&self.profile, &mut self.random);
        (traits.lazy, traits.creates_inline) = (false, false);
        if traits.inline == Inline::Suspends {
            traits.inline = Inline::Runs;
        }
        traits
    }

    /// Somebody asks something of a supervisor, or wants it to go.
    pub(super) fn ask_supervisor(&mut self, stop: bool) {
        if self.trees.is_empty() {
            return self.supervise();
        }
        let at = self.random.below(self.trees.len() as u32) as usize;
        let Known { id, path, keys } = self.trees[at].clone();
        let (port, slot) = (self.random.below(2), self.slot());
        let waiter = Some(Waiter { port, slot });
        self.deliver_all();
        self.model.lock().wait(port, slot, Waits::Tree);
        self.model.lock().note(|| format!("slot {slot} waits for {path} (stop: {stop})"));
        if stop {
            self.system.supervisor_stop(id, waiter);
            return self.check(None);
        }
        let key = self.random.below(keys.len() as u32) as usize;
        let key = keys[key].clone();
        let request = match self.random.below(4) {
            0 => {
                self.next_tree += 1;
                let key = format!("n{}", self.next_tree);
                self.trees[at].keys.push(key.clone());
                TreeRequest::StartChild(self.node(&key, &path, 0, AutoShutdown::Never))
            }
            1 => TreeRequest::StopChild(key),
            2 => TreeRequest::RestartChild(key),
            _ => TreeRequest::DeleteChild(key),
        };
        let shown = match &request {
            TreeRequest::StartChild(node) => format!("start {}", node.key()),
            TreeRequest::StopChild(key) => format!("stop {key}"),
            TreeRequest::RestartChild(key) => format!("restart {key}"),
            TreeRequest::DeleteChild(key) => format!("delete {key}"),
        };
        self.model.lock().note(|| format!("{path}: {shown}"));
        let added = match &request {
            TreeRequest::StartChild(node) => format!("{path}/{}", node.key()),
            _ => String::new(),
        };
        match self.system.supervisor_request(id, request, waiter) {
            Ok(member) => member.into_iter().for_each(|member| self.learn_member(&added, &member)),
            Err(_) => self.model.lock().forget(port, slot),
        }
        self.check(None);
    }

    /// Looks at the whole tree while nothing is under way.
    pub(super) fn look_at_tree(&mut self) {
        self.deliver_all();
        if let Some(tree) = self.system.tree() {
            self.model.lock().check_tree(&tree);
        }
    }
}
