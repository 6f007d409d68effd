//! Subscriptions of actors (`TOP-9`): made by themselves, by whoever spawns them, or from outside; they
//! survive restarts and end with the actor.

use std::ops::Range;

use super::Shard;
use super::bonds::has_unwanted;
use super::publish::Copy;
use crate::ask::AskError;
use crate::cell::Cell;
use crate::counters::LossReason;
use crate::frame::{self, Frame, Frames, effect};
use crate::hub::text;
use crate::id::Address;
use crate::mailbox::TurnInput;
#[cfg(troupe_planted)]
use crate::planted;
use crate::shared::Shared;
use crate::subscriptions::MAX_PER_ACTOR;
use crate::topics::{Subscription, SubscriptionSpec, Target, TopicError, Unsubscribed};

/// The last message of a topic that was kept, for a subscription that came later.
pub(super) struct Kept {
    number: u32,
    publisher: Address,
    /// The payload of a topic frame.
    body: Vec<u8>,
}

/// A subscribe effect: pattern, group, whether one copy is enough; `None` if it is too short.
pub(super) fn read(payload: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let len = frame::word(payload, 0)? as usize;
    let once = frame::word(payload, 4)? & frame::SUBSCRIBE_ONCE != 0;
    let pattern = payload.get(8..8usize.checked_add(len)?)?;
    let group = payload.get(8usize.checked_add(len.checked_next_multiple_of(4)?)?..).unwrap_or_default();
    Some((pattern, group, once))
}

fn spec_of((pattern, group, once): (&[u8], &[u8], bool)) -> Result<SubscriptionSpec, TopicError> {
    let group = if group.is_empty() { None } else { Some(text(group)?.into()) };
    Ok(SubscriptionSpec { pattern: text(pattern)?.into(), group, once })
}

/// How many frames of a mailbox a turn gives back, if any of them is to be dropped.
pub(super) fn returned(cell: &Cell, input: &TurnInput, consumed_end: usize) -> usize {
    if !has_unwanted(cell) {
        return 0;
    }
    Frames::new(input.buffer.get(consumed_end..).unwrap_or_default()).count()
}

impl Shard {
    /// An actor subscribes, or takes a subscription back.
    #[cold]
    pub(super) fn subscription_effect(&mut self, shared: &Shared, local: u32, frame: &Frame<'_>) {
        if frame.kind == effect::UNSUBSCRIBE {
            self.unsubscribe(shared, local, frame.corr, true);
            return;
        }
        let Some(order) = read(frame.payload) else { return };
        let result = match spec_of(order) {
            Ok(spec) if frame.corr >= frame::OUTSIDE_TAG => {
                Err(TopicError::TagTaken { topic: spec.pattern.to_string(), tag: frame.corr })
            }
            spec => spec.and_then(|spec| self.subscribe(shared, local, Some(frame.corr), &spec, true)),
        };
        match result {
            Ok(kept) => self.deliver_kept(shared, local, &kept),
            Err(error) => self.refuse_effect(shared, local, frame, AskError::TopicInvalid, error.to_string()),
        }
    }

    /// Subscribes an actor from outside.
    ///
    /// # Errors
    /// The pattern is not allowed, or there is no room. False: the actor has ended.
    pub(crate) fn subscribe_actor(
        &mut self,
        shared: &Shared,
        address: Address,
        spec: &SubscriptionSpec,
    ) -> Result<bool, TopicError> {
        let Some((local, cell)) = self.resolve(address).filter(|(_, cell)| !cell.is_closed()) else {
            return Ok(false);
        };
        let runs = cell.running;
        let kept = self.subscribe(shared, local, None, spec, runs)?;
        self.deliver_kept(shared, local, &kept);
        Ok(true)
    }

    /// Takes the subscriptions to a pattern back that were made from outside.
    pub(crate) fn unsubscribe_actor(&mut self, shared: &Shared, address: Address, pattern: &str) -> Unsubscribed {
        let Some((local, cell)) = self.resolve(address) else { return Unsubscribed::Nothing };
        let runs = cell.running;
        let all = cell.rare.as_deref().and_then(|rare| rare.subscriptions.as_deref());
        let tags = all.map(|all| all.outside(pattern)).unwrap_or_default();
        for tag in &tags {
            self.unsubscribe(shared, local, *tag, runs);
        }
        if tags.is_empty() {
            return Unsubscribed::Nothing;
        }
        let unsubscribed = self.topics_in_hand(local, &tags);
        // A message of theirs may have been the last thing that a drain waited for.
        self.proceed_ending(shared, local);
        unsubscribed
    }

    /// Makes the subscriptions that an actor is spawned with. When one is refused, the actor is taken out again.
    pub(super) fn subscribe_place(&mut self, shared: &Shared, local: u32) -> Result<Vec<Kept>, TopicError> {
        let Some(spec) = self.cells.get(local as usize).and_then(|cell| cell.spec.clone()) else {
            return Ok(Vec::new());
        };
        let mut kept = Vec::new();
        for subscription in &spec.subscriptions {
            match self.subscribe(shared, local, None, subscription, false) {
                Ok(more) => kept.extend(more),
                Err(error) => {
                    if let Some(cell) = self.cells.get_mut(local as usize) {
                        cell.rare_mut().place = None;
                    }
                    self.end_quietly(shared, local);
                    return Err(error);
                }
            }
        }
        Ok(kept)
    }

    fn subscribe(
        &mut self,
        shared: &Shared,
        local: u32,
        tag: Option<u32>,
        spec: &SubscriptionSpec,
        in_turn: bool,
    ) -> Result<Vec<Kept>, TopicError> {
        let owner = self.address_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return Ok(Vec::new()) };
        let all = cell.rare_mut().subscriptions.get_or_insert_default();
        let slot = all.slot(tag, spec);
        let slot =
            slot.ok_or_else(|| TopicError::ActorFull { topic: spec.pattern.to_string(), limit: MAX_PER_ACTOR })?;
        let (number, mut kept) = (slot.number, Vec::new());
        let subscription = Subscription { owner, tag: number, once: spec.once, group: spec.group.clone() };
        let mut keep = |topic: &str, publisher: Address, message: &[u8]| {
            let mut body = Vec::new();
            frame::write_topic(&mut body, topic, message);
            kept.push(Kept { number, publisher, body });
        };
        let topics = &shared.hub.topics;
        match slot.ends {
            Some(ended) => topics.replace(ended, &spec.pattern, subscription, &mut keep)?,
            None => topics.subscribe(&spec.pattern, subscription, &mut keep)?,
        }
        all.enter(slot, spec.clone());
        if slot.ends.is_some() {
            self.forget_messages(shared, local, slot.tag, in_turn);
        }
        Ok(kept)
    }

    /// Puts messages that were kept into the mailbox of a new subscriber, as far as there is room.
    pub(super) fn deliver_kept(&mut self, shared: &Shared, local: u32, kept: &[Kept]) {
        let address = self.address_of(local);
        #[cfg(troupe_planted)]
        let kept = if planted::is(planted::Bug::KeptForgotten) { &[][..] } else { kept };
        for Kept { number, publisher, body } in kept {
            let copy = Copy { publisher: *publisher, flags: frame::FLAG_RETAIN, body };
            self.deliver_topic(shared, &copy, Target { address, tag: *number });
        }
    }

    fn unsubscribe(&mut self, shared: &Shared, local: u32, tag: u32, in_turn: bool) {
        let owner = self.address_of(local);
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let all = cell.rare.as_deref_mut().and_then(|rare| rare.subscriptions.as_deref_mut());
        let Some(number) = all.and_then(|all| all.remove(tag)) else { return };
        shared.hub.topics.unsubscribe(owner, number);
        self.forget_messages(shared, local, tag, in_turn);
    }

    /// No message of a subscription that has ended is handled any more: not one that is queued or put
    /// aside, nor one of the running turn that comes back.
    fn forget_messages(&mut self, shared: &Shared, local: u32, tag: u32, in_turn: bool) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let in_hand = cell.rare.as_deref().map_or(0, |rare| rare.replay_in_hand);
        #[cfg(troupe_planted)]
        if planted::is(planted::Bug::HandledUnsubscribed) {
            return;
        }
        if in_turn && let Some(all) = cell.rare_mut().subscriptions.as_deref_mut() {
            all.drop_later(tag);
        }
        self.discard_topics(shared, local, &[tag], in_hand, 0..usize::MAX);
    }

    /// Drops messages of subscriptions that ended during the turn that is over now: among the first
    /// `returned` frames of the mailbox, which the turn gave back, behind those that are still in hand. What
    /// came meanwhile under the same tags is of other subscriptions. `done` frames of a replay were handled.
    pub(super) fn drop_unsubscribed(&mut self, shared: &Shared, local: u32, returned: Range<usize>, done: u32) {
        let cell = self.cells.get_mut(local as usize);
        let all = cell.and_then(|cell| cell.rare.as_deref_mut()?.subscriptions.as_deref_mut());
        let Some(all) = all.filter(|all| all.has_unwanted()) else { return };
        let tags = all.take_unwanted();
        #[cfg(troupe_planted)]
        let returned = if planted::is(planted::Bug::TakeoverLoses) { 0..usize::MAX } else { returned };
        self.discard_topics(shared, local, &tags, done, returned);
    }

    fn discard_topics(&mut self, shared: &Shared, local: u32, tags: &[u32], in_hand: u32, among: Range<usize>) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        // The messages of a replay are the first ones, behind those in hand, and may lie with the turn.
        let replay = cell.rare.as_deref().map_or(0, |rare| rare.replay);
        let away = cell.mailbox.away();
        #[cfg(troupe_planted)]
        let away = if planted::is(planted::Bug::DropEndsReplay) { 0 } else { away };
        let replay = replay.saturating_sub(in_hand + away);
        let is_ended = |frame: &Frame<'_>| frame.kind == frame::kind::TOPIC && tags.contains(&frame.corr);
        let (mut place, mut at, mut dropped, mut replayed) = (0, 0, 0, 0);
        // A guest may subscribe and unsubscribe thousands of times in a turn: the queue is copied only if it has to be.
        if cell.mailbox.frames().any(|frame| is_ended(&frame)) {
            cell.mailbox.extract(&mut Vec::new(), |frame| {
                at += u32::from(frame.is_message() || frame.kind == frame::kind::DOWN);
                place += 1;
                let found = among.contains(&(place - 1)) && is_ended(frame);
                dropped += u32::from(found);
                replayed += u32::from(found && at <= replay);
                found
            });
        }
        if cell.stashed {
            let stash = &mut cell.rare_mut().stash;
            while stash.remove_first(is_ended, |_| dropped += 1) {}
            cell.stashed = !stash.is_empty();
        }
        for _ in 0..dropped {
            self.count_unsubscribed(local);
        }
        if replayed > 0 {
            self.replayed(shared, local, replayed);
        }
        if dropped > 0 {
            self.made_room(shared, local);
        }
    }

    /// Counts a message that nobody handles because its subscription has ended. It is no dead letter: who
    /// takes a subscription back knows.
    pub(super) fn count_unsubscribed(&mut self, local: u32) {
        self.counters.discard(LossReason::NoSubscriber);
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.rare_mut().counters.discard(LossReason::NoSubscriber);
        }
    }

    /// Messages left a mailbox without a turn: those that wait for room come in.
    pub(super) fn made_room(&mut self, shared: &Shared, local: u32) {
        if self.cells.get(local as usize).is_some_and(|cell| cell.backlog) {
            self.admit_waiting(shared, local);
        } else {
            self.look_at_water(shared, local);
        }
    }
}
