//! Whether a shard has anything to do, and when it next will: what a test with a manual clock asks.

use std::cmp::Reverse;

use super::{Outbox, Shard, TimerKind};
use crate::status::Status;

impl Shard {
    /// Whether nothing is left to do until the clock moves on from `now`: messages may wait, but
    /// nobody can handle them yet.
    #[must_use]
    pub fn is_quiet(&self, now: u64) -> bool {
        !self.has_work()
            && self.running == self.waiting
            && self.next_due().is_none_or(|due| due > now)
            && !self.is_look_due(now)
            && self.outboxes.iter().all(Outbox::is_empty)
            && self.completions.iter().all(Vec::is_empty)
    }

    /// When something next falls due. Slower than [`Shard::next_due`], which also knows times at
    /// which there is only something to look at.
    #[must_use]
    pub fn next_moment(&self) -> Option<u64> {
        let live = self.timers.iter().filter(|Reverse((_, kind))| self.matters(*kind)).map(|Reverse((at, _))| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let tick = self.ticks.first().map(|(at, ..)| *at);
        live.chain(self.asks.first_deadline()).chain(deadline).chain(tick).min()
    }

    /// Whether a timer still has something to do.
    fn matters(&self, kind: TimerKind) -> bool {
        let cell = |local: u32, tag: u64| self.cells.get(local as usize).filter(|cell| cell.tag == tag);
        match kind {
            TimerKind::Restart(local, tag, incarnation) => cell(local, tag)
                .is_some_and(|cell| cell.incarnation == incarnation && cell.status() == Status::Restarting),
            TimerKind::Waiting(local, tag) => {
                cell(local, tag).and_then(|cell| cell.rare.as_deref()).is_some_and(|rare| !rare.overflow.is_empty())
            }
            TimerKind::Grace(local, tag) => cell(local, tag).is_some(),
            TimerKind::LifeGrace(local, tag, incarnation) => {
                cell(local, tag).is_some_and(|cell| cell.life() == incarnation && cell.ending.is_some())
            }
            TimerKind::Tree(node, _) => self.tree.is_armed(node),
            TimerKind::Batch(..) => false,
            TimerKind::Letters => true,
            TimerKind::Probe(local, tag, incarnation) | TimerKind::ProbeOver(local, tag, incarnation) => {
                cell(local, tag).is_some_and(|cell| cell.incarnation == incarnation && cell.status() == Status::Ready)
            }
            TimerKind::Shutdown | TimerKind::Drained => self.cells.iter().any(|cell| cell.tag != 0),
        }
    }
}
