//! The tree: supervisors and pools, on the first shard, in plain memory under its lock.
//!
//! Every supervisor is a pure engine (`SUP-0`). What shards report goes in as an engine's input; what
//! comes out becomes signals to shards, timers, and inputs of the supervisors above and below. The
//! tree never waits: an answer is one more report.

pub mod info;
mod lives;
mod node;
pub(crate) mod plant;
mod pool;
pub mod report;
pub(crate) mod requests;
pub mod spec;
mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use self::info::HistoryEntry;
use self::node::{Body, Child, Node, Pending, Supervisor, What};
use self::report::{ChildReport, PlaceOrder, Report, Sweep};
use self::spec::{Parent, ParentKind, SupervisorId, TreeError};
use crate::cell::Waiter;
use crate::event::{Event, Subject};
use crate::id::{ActorId, Address};
use crate::reason::{ExitReason, ReasonTag};
use crate::shard::Signal;
use crate::shared::Shared;
use crate::status::Status;
use crate::supervision::protocol::{ChildNo, Input, Output};
use crate::supervision::spec::{ChildSpec, SupervisorSpec};

/// What the shard that holds the tree does for it.
pub(crate) enum Effect {
    /// To the shard of an address.
    Signal(Address, Signal),
    /// To any shard.
    Make(Box<PlaceOrder>),
    /// To every shard.
    Sweep(SupervisorId, Sweep, u32),
    /// [`Tree::due`] at this time.
    Timer(u64, SupervisorId, u64),
    /// A waiter hears what became of its request.
    Tell(Waiter, Result<(), TreeError>),
    /// A waiter hears why a supervisor ended, and in which life.
    Ended(Waiter, ExitReason, u32),
    /// The root gave up (`INT-6`).
    RootFailed(ExitReason),
}

/// Grace timers of supervisors have their own numbers: this bit and the incarnation.
const GRACE_TIMER: u64 = 1 << 63;

/// All supervisors and pools of a system.
pub(crate) struct Tree {
    nodes: HashMap<SupervisorId, Node>,
    inputs: VecDeque<(SupervisorId, Input)>,
    effects: Vec<Effect>,
    outputs: Vec<Output>,
    next_request: u64,
    /// Shards of the system.
    shards: u32,
    /// The shard for the next place that is made anew.
    next_shard: u32,
    /// Shards that still end the spawned actors, while the system shuts down.
    user_left: u32,
}

impl Tree {
    /// The tree of a system with `shards` shards: a root without children.
    pub fn new(shards: u32) -> Self {
        let parent = Parent::new(SupervisorId::ROOT, Arc::from(""), ParentKind::Supervisor);
        let body = Supervisor::new(SupervisorSpec::default(), BTreeMap::new());
        let root = Node::new(parent, None, ChildSpec::default(), Body::Supervisor(Box::new(body)));
        let mut nodes = HashMap::new();
        nodes.insert(SupervisorId::ROOT, root);
        let inputs = VecDeque::from([(SupervisorId::ROOT, Input::Start)]);
        Self {
            nodes,
            inputs,
            effects: Vec::new(),
            outputs: Vec::new(),
            next_request: 0,
            shards,
            next_shard: 0,
            user_left: 0,
        }
    }

    /// Shards in turn, for places that are made anew.
    pub const fn next_shard(&mut self) -> u32 {
        self.next_shard = (self.next_shard + 1) % self.shards;
        self.next_shard
    }

    /// Takes what the tree wants done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Something happened on a shard.
    pub fn report(&mut self, shared: &Shared, now: u64, report: ChildReport) {
        let ChildReport { parent, child, place, incarnation, what } = report;
        match self.nodes.get(&parent).map(|node| &node.body) {
            Some(Body::Pool(_)) => self.pool_report(shared, now, parent, incarnation, place, what),
            Some(Body::Supervisor(_)) => self.child_report(parent, child, incarnation, place, what),
            None if parent == SupervisorId::USER => self.user_swept(),
            None => {}
        }
        self.run(shared, now);
    }

    fn child_report(&mut self, parent: SupervisorId, child: ChildNo, incarnation: u32, place: Address, what: Report) {
        let input = match what {
            Report::Up => Input::ChildUp { child, incarnation },
            Report::Ignored => Input::ChildIgnored { child, incarnation },
            Report::StartFailed(reason, deterministic) => {
                self.note_failed(parent, child);
                Input::ChildStartFailed { child, incarnation, reason, deterministic }
            }
            Report::Down(end) => {
                if let Some(child) = self.nodes.get_mut(&parent).and_then(|node| node.child(child)) {
                    child.uptime_ms = end.uptime_ms;
                }
                Input::ChildDown { child, incarnation, end }
            }
            Report::Gone(reason) => match self.lose_place(parent, child, place) {
                // The place is gone, whatever was begun there meanwhile.
                Some((child, incarnation)) => Input::ChildGone { child, incarnation, reason },
                // It was given up just then, and the order finds nothing there any more.
                None => return self.ended(parent),
            },
            Report::Ended => return self.ended(parent),
            Report::Placed(id) => return self.placed(parent, child, (place, id)),
            Report::Swept | Report::Restarted(..) => return,
        };
        self.inputs.push_back((parent, input));
    }

    /// A place ended by itself: whose it was, and the current life there.
    fn lose_place(&mut self, parent: SupervisorId, child: ChildNo, place: Address) -> Option<(ChildNo, u32)> {
        let is_it = |child: &Child| matches!(&child.what, What::Actor { place: Some(own), .. } if own.0 == place);
        let supervisor = self.nodes.get_mut(&parent)?.supervisor()?;
        let number = match supervisor.children.get(&child) {
            Some(found) if is_it(found) => child,
            // It ended before its first life, which would have told it its number.
            _ => *supervisor.children.iter().find(|(_, child)| is_it(child))?.0,
        };
        let child = supervisor.children.get_mut(&number)?;
        if let What::Actor { place, .. } = &mut child.what {
            *place = None;
        }
        Some((number, child.incarnation))
    }

    /// A new place was made; its life may be wanted no more by now.
    fn placed(&mut self, parent: SupervisorId, child: ChildNo, place: (Address, ActorId)) {
        let address = place.0;
        let Some(child) = self.nodes.get_mut(&parent).and_then(|node| node.child(child)) else {
            // Given up before it was made.
            return self.end_place(parent, address, ExitReason::plain(ReasonTag::Shutdown));
        };
        if let What::Actor { place: own, .. } = &mut child.what {
            *own = Some(place);
        }
        let signal = match child.pending.take() {
            Some(Pending::TakeDown(incarnation, grace_ms)) => Signal::TakeDown(address, incarnation, grace_ms),
            Some(Pending::Kill) => Signal::KillLife(address),
            None => return,
        };
        self.effects.push(Effect::Signal(address, signal));
    }

    /// Remembers the path of a child that did not come up.
    fn note_failed(&mut self, parent: SupervisorId, child: ChildNo) {
        let Some(node) = self.nodes.get_mut(&parent) else { return };
        let Some(key) = node.child(child).map(|child| Arc::clone(&child.key)) else { return };
        let path = node.path_of(&key);
        if let Some(supervisor) = node.supervisor() {
            supervisor.failed.insert(child, path);
        }
    }

    /// A timer's time has come.
    pub fn due(&mut self, shared: &Shared, now: u64, node: SupervisorId, timer: u64) {
        if timer & GRACE_TIMER != 0 {
            let over = self.nodes.get(&node).is_some_and(|node| {
                u64::from(node.incarnation) == timer & !GRACE_TIMER && node.status == Status::Stopping
            });
            if over {
                self.inputs.push_back((node, Input::Kill));
            }
        } else {
            self.inputs.push_back((node, Input::Due { timer }));
        }
        self.run(shared, now);
    }

    /// Whether a timer may still have something to do.
    pub fn is_armed(&self, node: SupervisorId) -> bool {
        self.nodes.get(&node).is_some_and(|node| !matches!(node.status, Status::Terminated | Status::Failed))
    }

    /// Lets every engine take what waits for it.
    pub fn run(&mut self, shared: &Shared, now: u64) {
        while let Some((id, input)) = self.inputs.pop_front() {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            if matches!(node.body, Body::Pool(_)) {
                self.pool_input(now, id, input);
                continue;
            }
            if matches!(input, Input::Stop { .. } | Input::Kill) && node.status != Status::Terminated {
                node.status = Status::Stopping;
            }
            let Some(supervisor) = node.supervisor() else { continue };
            let mut drops = matches!(input, Input::ChildGone { .. });
            let mut outputs = std::mem::take(&mut self.outputs);
            supervisor.engine.step(input, now, &mut || shared.random(), &mut outputs);
            // Answers last: whoever asked hears when everything else is under way.
            let (replies, rest): (Vec<_>, Vec<_>) =
                outputs.drain(..).partition(|output| matches!(output, Output::Reply { .. }));
            self.outputs = outputs;
            for output in rest {
                drops |= matches!(output, Output::End { .. });
                self.perform(shared, now, id, output);
            }
            if drops || !replies.is_empty() {
                self.prune(id);
            }
            for reply in replies {
                self.perform(shared, now, id, reply);
            }
        }
    }

    fn perform(&mut self, shared: &Shared, now: u64, id: SupervisorId, output: Output) {
        match output {
            Output::Start { child, incarnation } => self.start_child(id, child, incarnation),
            Output::TakeDown { child, incarnation, grace_ms } => {
                self.take_child_down(now, id, child, incarnation, grace_ms);
            }
            Output::End { child, reason } => self.end_child(now, id, child, &reason),
            Output::Kill { child, .. } => self.kill_child(id, child),
            Output::SetTimer { timer, at_ms } => self.effects.push(Effect::Timer(at_ms, id, timer)),
            Output::Reply { id: request, result } => self.reply(id, request, result),
            Output::Restarting { child, reason, attempt, delay_ms } => {
                let entry = HistoryEntry { at: now, child: Arc::from(""), reason, attempt, delay_ms: Some(delay_ms) };
                self.restarting(shared, id, child, entry);
            }
            // The shard told that already.
            Output::Restarted { .. } => {}
            Output::Up => self.is_up(now, id),
            Output::StartFailed { child, reason, deterministic } => {
                let path = self
                    .nodes
                    .get_mut(&id)
                    .and_then(|node| node.supervisor())
                    .and_then(|supervisor| supervisor.failed.remove(&child));
                self.did_not_come_up(id, path, reason, deterministic);
            }
            Output::Down { reason } => self.is_down(shared, now, id, reason),
        }
    }

    fn start_child(&mut self, id: SupervisorId, number: ChildNo, incarnation: u32) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(child) = node.child(number) else { return };
        child.incarnation = incarnation;
        child.pending = None;
        match &child.what {
            What::Actor { place: Some((address, _)), .. } => {
                self.effects.push(Effect::Signal(*address, Signal::Begin(*address, number, incarnation)));
            }
            What::Actor { place: None, spec, args } => {
                self.effects.push(Effect::Make(Box::new(PlaceOrder {
                    parent: id,
                    child: number,
                    key: Some(Arc::clone(&child.key)),
                    incarnation,
                    spec: Arc::clone(spec),
                    args: args.clone(),
                })));
            }
            What::Node(below) => {
                let below = *below;
                if let Some(node) = self.nodes.get_mut(&below) {
                    let first = node.incarnation == 0;
                    node.incarnation = incarnation;
                    node.alive = true;
                    node.status = if first { Status::Starting } else { Status::Restarting };
                    self.inputs.push_back((below, Input::Start));
                }
            }
        }
    }

    fn take_child_down(&mut self, now: u64, id: SupervisorId, child: ChildNo, incarnation: u32, grace_ms: u64) {
        let Some(child) = self.nodes.get_mut(&id).and_then(|node| node.child(child)) else { return };
        match child.what {
            What::Actor { place: Some((address, _)), .. } => {
                self.effects.push(Effect::Signal(address, Signal::TakeDown(address, incarnation, grace_ms)));
            }
            What::Actor { place: None, .. } => child.pending = Some(Pending::TakeDown(incarnation, grace_ms)),
            What::Node(below) => {
                let reason = ExitReason::plain(ReasonTag::Shutdown);
                self.inputs.push_back((below, Input::Stop { reason }));
                let is_pool = self.nodes.get(&below).is_some_and(|node| matches!(node.body, Body::Pool(_)));
                // The members of a pool have a deadline each.
                if grace_ms < u64::from(u32::MAX) && !is_pool {
                    let at = now.saturating_add(grace_ms);
                    self.effects.push(Effect::Timer(at, below, GRACE_TIMER | u64::from(incarnation)));
                }
            }
        }
    }

    fn kill_child(&mut self, id: SupervisorId, child: ChildNo) {
        let Some(child) = self.nodes.get_mut(&id).and_then(|node| node.child(child)) else { return };
        match child.what {
            What::Actor { place: Some((address, _)), .. } => {
                self.effects.push(Effect::Signal(address, Signal::KillLife(address)));
            }
            What::Actor { place: None, .. } => child.pending = Some(Pending::Kill),
            What::Node(below) => self.inputs.push_back((below, Input::Kill)),
        }
    }

    /// A child's place is given up for good; of a supervisor, every place below it (`SUP-7`).
    fn end_child(&mut self, now: u64, id: SupervisorId, number: ChildNo, reason: &ExitReason) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(supervisor) = node.supervisor() else { return };
        let Some(child) = supervisor.children.get_mut(&number) else { return };
        let entry =
            HistoryEntry { at: now, child: Arc::clone(&child.key), reason: reason.clone(), attempt: 0, delay_ms: None };
        let below = match &mut child.what {
            What::Actor { place, .. } => Err(place.take()),
            What::Node(below) => Ok(*below),
        };
        supervisor.note(entry);
        match below {
            Ok(below) => self.give_up(below, reason),
            Err(Some((address, _))) => self.end_place(id, address, reason.clone()),
            Err(None) => {}
        }
    }

    fn end_place(&mut self, id: SupervisorId, address: Address, reason: ExitReason) {
        let gave_up = reason.tag == ReasonTag::Intensity;
        self.count_ends(id, 1);
        self.effects.push(Effect::Signal(address, Signal::EndPlace(Box::new((address, reason, gave_up)))));
    }

    /// One place that was given up is gone.
    fn ended(&mut self, id: SupervisorId) {
        self.count_ends(id, -1);
    }

    /// Takes a supervisor and everything below it off the books.
    fn remove(&mut self, id: SupervisorId) {
        let Some(mut node) = self.nodes.remove(&id) else { return };
        let reason = node.end.take().unwrap_or_else(|| ExitReason::plain(ReasonTag::Shutdown));
        let watchers = std::mem::take(&mut node.watchers);
        self.effects.extend(watchers.into_iter().map(|waiter| Effect::Ended(waiter, reason.clone(), node.incarnation)));
        if let Some(supervisor) = node.supervisor() {
            for child in supervisor.children.values() {
                if let What::Node(below) = child.what {
                    self.remove(below);
                }
            }
        }
    }

    fn forget(&mut self, id: SupervisorId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.forgotten = true;
        if !matches!(node.status, Status::Terminated | Status::Failed) {
            self.give_up(id, &ExitReason::plain(ReasonTag::Shutdown));
        }
        self.settle(id);
    }

    /// Forgets the children that the engine does not list any more.
    fn prune(&mut self, id: SupervisorId) {
        let Some(supervisor) = self.nodes.get_mut(&id).and_then(Node::supervisor) else { return };
        let engine = &supervisor.engine;
        let gone: Vec<ChildNo> =
            supervisor.children.keys().copied().filter(|child| engine.child(*child).is_none()).collect();
        for number in gone {
            let Some(supervisor) = self.nodes.get_mut(&id).and_then(Node::supervisor) else { return };
            match supervisor.children.remove(&number).map(|child| child.what) {
                // Added to a supervisor that goes down: it never began.
                Some(What::Actor { place: Some((address, _)), .. }) => {
                    self.end_place(id, address, ExitReason::plain(ReasonTag::Shutdown));
                }
                Some(What::Node(below)) => self.forget(below),
                _ => {}
            }
        }
    }

    /// Notes and tells that a child will come up again (`FAIL-6`).
    fn restarting(&mut self, shared: &Shared, id: SupervisorId, number: ChildNo, mut entry: HistoryEntry) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(child) = node.child(number) else { return };
        let (incarnation, uptime_ms) = (child.incarnation, child.uptime_ms);
        entry.child = Arc::clone(&child.key);
        let place = match child.what {
            What::Actor { place, .. } => place,
            What::Node(_) => None,
        };
        let path = node.path_of(&entry.child);
        if let Some(supervisor) = node.supervisor() {
            supervisor.note(entry.clone());
        }
        if let Some((address, id)) = place
            && shared.is_listened()
        {
            // Whether it is observed, its shard knows: whoever observes others only passes over it.
            let subject = Subject { id, address, path, incarnation, uptime_ms, observed: true, origin: 0 };
            let HistoryEntry { reason, attempt, delay_ms, .. } = entry;
            shared.emit(&Event::Restarting { subject, reason, attempt, delay_ms: delay_ms.unwrap_or(0) });
        }
    }

    /// Ends everything in reverse order: spawned actors, then the root's children from the last to the
    /// first (`SHUT-1`).
    pub fn shut_down(&mut self, drain: bool) {
        self.user_left = self.shards;
        let stop = Sweep::Stop { drain, grace_ms: u64::MAX };
        self.effects.push(Effect::Sweep(SupervisorId::USER, stop, 0));
    }

    fn user_swept(&mut self) {
        self.user_left = self.user_left.saturating_sub(1);
        if self.user_left == 0 {
            let reason = ExitReason::plain(ReasonTag::Shutdown);
            self.inputs.push_back((SupervisorId::ROOT, Input::Stop { reason }));
        }
    }

    fn new_request(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }
}
