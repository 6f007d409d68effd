//! The stash (`STH-1`): what a turn puts aside is in no turn until it was taken back; then it comes before
//! everything else, in its order. A life that is over takes all of it back.

use troupe_actor::counters::LossReason;

use super::types::Frame;
use super::{Deed, Hand, Kind, Model, State};

/// What a turn does with the messages that it consumed, in the order in which it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StashDeed {
    /// It puts this frame aside.
    Aside(usize),
    /// It drops this frame: its subscription is none of its actor's any more.
    Drop(usize),
    /// It drops this frame, which it cannot read.
    Unreadable(usize),
    /// It takes everything back.
    Back,
}

impl Model {
    /// What a turn puts aside, drops and takes back takes place; which of its frames it did not handle.
    pub(super) fn commit_stash(&self, hand: &Hand, deed: &Deed) -> Vec<usize> {
        let mut unhandled = Vec::new();
        for one in &deed.stash {
            let (StashDeed::Aside(at) | StashDeed::Drop(at) | StashDeed::Unreadable(at)) = *one else { continue };
            let Some(Frame::Message(id)) = hand.frames.get(at).copied() else { continue };
            // There is nothing to come back to.
            let settled = matches!(self.messages[id].kind, Kind::Ask(..)) && self.messages[id].settled.is_some();
            if !settled {
                unhandled.push(at);
            }
        }
        unhandled
    }

    /// Moves what a turn did not handle to where it belongs, and what it took back to the front.
    pub(super) fn move_stash(&mut self, key: usize, hand: &Hand, deed: &Deed, unhandled: &[usize], replays: bool) {
        let mut back = Vec::new();
        for one in &deed.stash {
            let (StashDeed::Aside(at) | StashDeed::Drop(at) | StashDeed::Unreadable(at)) = *one else {
                back.append(&mut self.actors[key].stash);
                continue;
            };
            let Some(Frame::Message(id)) = hand.frames.get(at).copied().filter(|_| unhandled.contains(&at)) else {
                continue;
            };
            self.messages[id].state = State::Sent;
            match one {
                StashDeed::Drop(_) => self.goes_counted(id),
                StashDeed::Unreadable(_) => self.messages[id].unreadable = true,
                _ => {
                    self.copy_put_back(id);
                    self.messages[id].aside = true;
                    self.actors[key].stash.push(id);
                }
            }
        }
        self.comes_first(key, back, replays);
    }

    /// A life is over: the next one finds in front what this one had put aside.
    pub(super) fn take_all_back(&mut self, key: usize) {
        let back = std::mem::take(&mut self.actors[key].stash);
        let replays = self.is_replaying(key);
        self.comes_first(key, back, replays);
    }

    fn comes_first(&mut self, key: usize, back: Vec<usize>, replays: bool) {
        if back.is_empty() {
            return;
        }
        self.note(|| format!("#{key} takes {back:?} back, into its replay: {replays}"));
        for id in back.into_iter().rev().filter(|id| self.messages[*id].state == State::Sent) {
            let actor = &mut self.actors[key];
            actor.front.push_front(id);
            if replays {
                actor.replay.push_front(Frame::Message(id));
            }
        }
    }

    /// Whether something of a crashed turn is left.
    pub(super) fn is_replaying(&self, key: usize) -> bool {
        let dead =
            |id: usize| matches!(self.messages[id].kind, Kind::Ask(..)) && self.messages[id].state == State::Sent;
        let left = |frame: &Frame| match *frame {
            Frame::Message(id) if self.may_be_another(&self.messages[id]) => false,
            Frame::Message(id) if dead(id) => true,
            frame => !self.is_void(frame),
        };
        self.actors[key].replay.iter().any(left)
    }

    /// Messages that were taken back once come before everything else again.
    pub(super) fn front_put_back(&mut self, key: usize, frames: &[Frame]) {
        for frame in frames.iter().rev() {
            if let Frame::Message(id) = *frame
                && self.messages[id].aside
            {
                self.actors[key].front.push_front(id);
            }
        }
    }

    /// An actor is given these frames: what was taken back is in front.
    pub(super) fn check_front(&mut self, key: usize, frames: &[Frame]) {
        // An answer that a turn waited for, and then left, stands even before that.
        for frame in frames.iter().filter(|frame| !matches!(frame, Frame::Answer(_))) {
            while let Some(head) = self.actors[key].front.front().copied() {
                let one = &self.messages[head];
                let dead = matches!(one.kind, Kind::Ask(..)) && one.settled.is_some();
                let there = matches!(one.state, State::Sent | State::InHand);
                if *frame == Frame::Message(head) || (there && !dead && !self.may_be_another(one)) {
                    break;
                }
                self.actors[key].front.pop_front();
            }
            let Some(head) = self.actors[key].front.front().copied() else { return };
            let right = matches!(*frame, Frame::Message(id) if id == head || self.are_alike(id, head));
            self.require(right, "STH-1", || format!("#{key} took m{head} back, and is given {frame:?} first"));
            self.actors[key].front.pop_front();
        }
    }

    /// Whether two messages are copies of one, which nobody can tell apart.
    fn are_alike(&self, one: usize, other: usize) -> bool {
        let of = |id: usize| self.copy_of(id).map(|copy| copy.publication);
        of(one).is_some() && of(one) == of(other)
    }

    /// Whether a message was put aside, and not taken back.
    pub(super) fn is_aside(&self, id: usize) -> bool {
        let message = &self.messages[id];
        message.aside && message.to.is_some_and(|key| self.actors[key].stash.contains(&id))
    }

    /// Whether a message may be lost because too many were put aside.
    pub(super) fn may_overflow(&self, id: usize) -> bool {
        let Some(key) = self.messages[id].to else { return false };
        let limits = self.actors[key].traits.mailbox;
        let many = self.count_aside(key) > limits.max_messages as usize;
        self.messages[id].aside && (many || limits.max_bytes < 1 << 20)
    }

    fn count_aside(&self, key: usize) -> usize {
        let actor = &self.actors[key];
        actor.stash.iter().chain(&actor.front).filter(|id| self.messages[**id].state == State::Sent).count()
    }

    /// A step is over: no more was put aside than there is room for.
    pub(super) fn sync_stash(&mut self, key: usize) {
        let messages = &self.messages;
        self.actors[key].stash.retain(|id| messages[*id].state == State::Sent);
        let sure = |id: &&usize| !self.may_be_gone(&self.messages[**id]);
        let dead = |id: &&usize| self.messages[**id].settled.is_some();
        let all = &self.actors[key].stash;
        let (count, max) = (all.iter().filter(sure).count(), self.actors[key].traits.mailbox.max_messages as usize);
        let expired = all.iter().filter(dead).filter(|id| matches!(self.messages[**id].kind, Kind::Ask(..))).count();
        self.require(count - expired <= max, "STH-1", || format!("#{key} has put {count} aside, {max} at most"));
    }

    /// Whether a message may be lost for this reason, which a turn that dealt with its stash gave.
    pub(super) fn stash_loses(&self, id: usize, reason: LossReason) -> bool {
        match reason {
            LossReason::StashFull => self.may_overflow(id),
            _ => self.messages[id].unreadable,
        }
    }
}
