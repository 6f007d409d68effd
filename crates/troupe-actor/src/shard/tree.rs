//! The tree's way in and out: it lives on the first shard, and what it wants done is done here.

use super::{Shard, Signal, TimerKind};
use crate::cell::Waiter;
use crate::event::Event;
use crate::id::Address;
use crate::shared::Shared;
use crate::tree::plant::Plant;
use crate::tree::report::ChildReport;
use crate::tree::requests::{AddError, ChildRequest};
use crate::tree::spec::SupervisorId;
use crate::tree::{Effect, Tree};

impl Shard {
    /// A shard reports.
    pub(super) fn take_report(&mut self, shared: &Shared, report: ChildReport) {
        let now = self.now;
        self.tree.report(shared, now, report);
        self.do_for_tree(shared);
    }

    pub(super) fn tree_due(&mut self, shared: &Shared, node: SupervisorId, timer: u64) {
        let now = self.now;
        self.tree.due(shared, now, node, timer);
        self.do_for_tree(shared);
    }

    /// One more child of a supervisor.
    ///
    /// # Errors
    /// Gives the plant back, whose places the caller takes back.
    pub(crate) fn tree_add(
        &mut self,
        shared: &Shared,
        id: SupervisorId,
        plant: Plant,
        waiter: Option<Waiter>,
    ) -> Result<(), Box<(Plant, AddError)>> {
        let now = self.now;
        let added = self.tree.add(shared, now, id, plant, waiter);
        self.do_for_tree(shared);
        added
    }

    pub(crate) fn tree_request(
        &mut self,
        shared: &Shared,
        id: SupervisorId,
        (key, what): (&str, ChildRequest),
        waiter: Option<Waiter>,
    ) {
        let now = self.now;
        self.tree.request(shared, now, id, (key, what), waiter);
        self.do_for_tree(shared);
    }

    pub(crate) fn tree_stop(&mut self, shared: &Shared, id: SupervisorId, waiter: Option<Waiter>) {
        let now = self.now;
        self.tree.stop(shared, now, id, waiter);
        self.do_for_tree(shared);
    }

    pub(crate) fn tree_watch(&mut self, shared: &Shared, id: SupervisorId, waiter: Waiter) {
        self.tree.watch(id, waiter);
        self.do_for_tree(shared);
    }

    /// Begins the shutdown: spawned actors first, then the tree in reverse (`SHUT-1`).
    pub(crate) fn tree_shut_down(&mut self, shared: &Shared) {
        self.tree.shut_down(shared.is_draining());
        self.do_for_tree(shared);
    }

    /// The tree, to look at.
    pub(crate) const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Does what the tree wants done. Signals to this shard's own actors take the same way as others.
    fn do_for_tree(&mut self, shared: &Shared) {
        for effect in self.tree.take_effects() {
            match effect {
                Effect::Signal(address, signal) => {
                    let owner = self.owner(address.index);
                    self.signal(owner, signal);
                }
                Effect::Make(order) => {
                    let owner = self.tree.next_shard();
                    self.signal(owner, Signal::Make(order));
                }
                Effect::Sweep(pool, sweep, number) => {
                    for outbox in &mut self.outboxes {
                        outbox.signals.push(Signal::Sweep(pool, Box::new(sweep.clone()), number));
                    }
                }
                Effect::Timer(at, node, timer) => {
                    self.set_timer(at.saturating_sub(self.now), TimerKind::Tree(node, timer));
                }
                Effect::Tell(waiter, result) => {
                    self.tell_port(shared, waiter, |port, slot| port.supervised(slot, result.as_ref().copied()));
                }
                Effect::Ended(waiter, reason, incarnation) => {
                    self.tell_port(shared, waiter, |port, slot| port.ended(slot, &reason, incarnation));
                }
                Effect::RootFailed(reason) => self.root_failed(shared, &reason),
            }
        }
    }

    fn signal(&mut self, shard: u32, signal: Signal) {
        if let Some(outbox) = self.outboxes.get_mut(shard as usize) {
            outbox.signals.push(signal);
        }
    }

    /// The root gave up: everything ends, the process goes on (`INT-6`).
    fn root_failed(&mut self, shared: &Shared, reason: &crate::reason::ExitReason) {
        shared.fail();
        if shared.is_listened() {
            shared.emit(&Event::SystemFailed(reason.clone()));
        }
        if shared.close() {
            self.tree_shut_down(shared);
        }
    }

    /// The address of an actor by its path in the tree.
    pub(crate) fn tree_find(&self, path: &str) -> Option<Address> {
        self.tree.find(path)
    }
}
