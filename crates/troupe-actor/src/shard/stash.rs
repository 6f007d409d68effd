//! The stash (`STH-1`): a turn puts messages that it consumed aside, and takes all of them back to the
//! front of the mailbox, where the next life finds them too.

use super::Shard;
use super::deliver::Lost;
use crate::ask::{Ask, AskState};
use crate::counters::LossReason;
use crate::frame::{self, Frame, Frames, effect};
use crate::mailbox::TurnInput;
#[cfg(troupe_planted)]
use crate::planted;
use crate::shared::Shared;
use crate::spec::Overflow;
use crate::stash::Stash;

/// What is wrong with what a turn puts aside or drops: only messages that it consumed can be, each once.
pub(super) fn check_stash(output: &[u8], input: &TurnInput, consumed: u32) -> Option<String> {
    let frames: Vec<Frame<'_>> = Frames::new(input.frames()).take(consumed as usize).collect();
    let mut seen = vec![false; frames.len()];
    let effects = output.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default();
    for effect in Frames::new(effects).filter(|frame| matches!(frame.kind, effect::STASH | effect::DISCARD)) {
        let what = if effect.kind == effect::STASH { "put aside" } else { "dropped" };
        let at = effect.corr as usize;
        let Some((frame, seen)) = frames.get(at).zip(seen.get_mut(at)) else {
            return Some(format!("frame {at} cannot be {what}, {consumed} were consumed"));
        };
        let only_topics = effect.kind == effect::DISCARD && effect.flags & frame::FLAG_UNREADABLE == 0;
        let can = if only_topics { frame.kind == frame::kind::TOPIC } else { frame.is_message() };
        if !can {
            return Some(format!("frame {at} cannot be {what}, it is of kind {}", frame.kind));
        }
        if std::mem::replace(seen, true) {
            return Some(format!("frame {at} is {what} twice"));
        }
    }
    None
}

impl Shard {
    /// Puts messages of a turn aside or drops them, and moves those that were put aside to `front`, in the
    /// order of the effects; without one they stay aside. Returns the numbers of the turn's frames whose messages
    /// were not handled by it.
    #[cold]
    pub(super) fn apply_stash(
        &mut self,
        shared: &Shared,
        local: u32,
        output: &[u8],
        input: &TurnInput,
        mut front: Option<&mut Stash>,
    ) -> Vec<u32> {
        let mut aside = Vec::new();
        let mut note = |number: u32, was: bool| aside.extend(was.then_some(number));
        for frame in Frames::new(output.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default()) {
            match frame.kind {
                effect::STASH => {
                    let message = Frames::new(input.frames()).nth(frame.corr as usize);
                    note(frame.corr, message.is_some_and(|message| self.put_aside(shared, local, &message)));
                }
                effect::DISCARD => {
                    let message = Frames::new(input.frames()).nth(frame.corr as usize);
                    let unreadable = frame.flags & frame::FLAG_UNREADABLE != 0;
                    let was = message.is_some_and(|message| self.drop_of_turn(shared, local, &message, unreadable));
                    note(frame.corr, was);
                }
                effect::UNSTASH => {
                    if let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.stashed)
                        && let Some(front) = front.as_deref_mut()
                    {
                        cell.rare_mut().stash.move_to(front);
                        cell.stashed = false;
                    }
                }
                _ => {}
            }
        }
        aside
    }

    /// Drops a message in hand: its subscription has ended, or its actor cannot read it. False when there is
    /// nothing to drop: it was answered in the same turn, or its deadline has passed.
    fn drop_of_turn(&mut self, shared: &Shared, local: u32, message: &Frame<'_>, unreadable: bool) -> bool {
        #[cfg(troupe_planted)]
        if !unreadable && planted::is(planted::Bug::DropCountsAsHandled) {
            return false;
        }
        if !unreadable {
            self.count_unsubscribed(local);
            return true;
        }
        let is_open = |ask: &mut Ask| ask.state == AskState::Delivered;
        if message.kind == frame::kind::ASK && !self.asks.get_mut(message.corr).is_some_and(is_open) {
            return false;
        }
        let path = self.path_of(local);
        self.discard(shared, local, &path, Lost::new(shared, message, LossReason::Unreadable));
        true
    }

    /// Puts a message in hand aside. False when there is nothing to come back to: it was answered in the
    /// same turn, or its deadline has passed.
    fn put_aside(&mut self, shared: &Shared, local: u32, message: &Frame<'_>) -> bool {
        if message.kind == frame::kind::ASK {
            match self.asks.get_mut(message.corr).map(|ask| &mut ask.state) {
                Some(state @ AskState::Delivered) => *state = AskState::Queued,
                _ => return false,
            }
        }
        let Some(spec) = self.cells.get(local as usize).and_then(|cell| cell.spec.clone()) else { return false };
        let limits = spec.mailbox;
        let bytes = message.encoded_len();
        // It was in the mailbox once, so what came meanwhile does not keep it out; its own kind does.
        while let Some(cell) = self.cells.get_mut(local as usize) {
            let stash = &cell.rare_mut().stash;
            #[cfg(troupe_planted)]
            if planted::is(planted::Bug::StashUnbounded) {
                break;
            }
            if stash.is_empty()
                || (stash.len() < limits.max_messages && stash.frames().len() + bytes <= limits.max_bytes)
            {
                break;
            }
            if limits.overflow != Overflow::DropOldest {
                let path = self.path_of(local);
                self.discard(shared, local, &path, Lost::new(shared, message, LossReason::StashFull));
                return true;
            }
            self.drop_stashed(shared, local, LossReason::StashFull, |_| true);
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return false };
        // A tick from outside has come; from now on it is a message like any other.
        let tick = message.kind == frame::kind::MESSAGE && message.flags & frame::FLAG_TICK != 0;
        let (flags, corr) = if tick { (0, 0) } else { (message.flags, message.corr) };
        cell.rare_mut().stash.push(&Frame { flags, corr, ..*message });
        cell.stashed = true;
        true
    }

    /// Drops the first message that was put aside and that `pick` wants; false when there is none.
    pub(super) fn drop_stashed(
        &mut self,
        shared: &Shared,
        local: u32,
        reason: LossReason,
        pick: impl Fn(&Frame<'_>) -> bool,
    ) -> bool {
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| cell.stashed) else { return false };
        let mut lost = None;
        let stash = &mut cell.rare_mut().stash;
        stash.remove_first(pick, |frame| lost = Some(Lost::new(shared, frame, reason)));
        cell.stashed = !cell.rare_mut().stash.is_empty();
        let Some(lost) = lost else { return false };
        let path = self.path_of(local);
        self.discard(shared, local, &path, lost);
        true
    }

    /// A request that was put aside is settled: it makes room (`ASK-3`).
    #[cold]
    pub(super) fn drop_stashed_ask(&mut self, shared: &Shared, local: u32, number: u32) {
        let is_it = |frame: &Frame<'_>| frame.kind == frame::kind::ASK && frame.corr == number;
        if self.drop_stashed(shared, local, LossReason::Expired, is_it) {
            self.made_room(shared, local);
        }
    }

    /// Drops everything that was put aside: the actor ends (`MBX-5`).
    #[cold]
    pub(super) fn discard_stash(&mut self, shared: &Shared, local: u32, reason: LossReason) {
        while self.drop_stashed(shared, local, reason, |_| true) {}
    }

    /// What was put aside goes to the front of the mailbox, in its order.
    #[inline]
    pub(super) fn put_in_front(&mut self, local: u32, front: &Stash) {
        let Some(cell) = self.cells.get_mut(local as usize).filter(|_| !front.is_empty()) else { return };
        #[cfg(troupe_planted)]
        if planted::is(planted::Bug::StashBehind) {
            return Frames::new(front.frames()).for_each(|frame| cell.mailbox.push(&frame, &mut self.pool));
        }
        cell.mailbox.put_front(front.frames(), front.len());
        #[cfg(troupe_planted)]
        if planted::is(planted::Bug::StashUnreplayed) {
            return;
        }
        if let Some(rare) = cell.rare.as_deref_mut().filter(|rare| rare.replay > 0) {
            // Those of a replay stand behind them now.
            rare.replay += front.len();
        }
    }

    /// A life is over: the next one finds in front what this one had put aside (`STH-1`).
    #[cold]
    pub(super) fn unstash_all(&mut self, local: u32) {
        #[cfg(troupe_planted)]
        if planted::is(planted::Bug::StashLeft) {
            return;
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.stashed = false;
        let stash = std::mem::take(&mut cell.rare_mut().stash);
        self.put_in_front(local, &stash);
    }
}
