//! Dead letters about copies of what was published. A letter names a message and its target, so of several
//! copies of one message for one actor nobody knows which it is about: the model keeps their number.

use troupe_actor::counters::LossReason;
use troupe_actor::id::Address;
use troupe_actor::spec::Overflow;

use super::copies::Copy;
use super::topics::Subscribed;
use super::{Kind, Message, Model, Party, Phase, State};

impl Model {
    /// Whether a dead letter may be about a copy, whose target it names.
    pub(super) fn is_letter_for(&mut self, id: usize, address: Address, path: &str) -> bool {
        let target = self.subject_at(address);
        let Some(copy) = self.copy_of(id) else { return false };
        match (&copy.members, self.messages[id].to) {
            (None, to) | (Some(_), to @ Some(_)) => to.is_some() && to == target,
            (Some(members), None) => {
                let topic = self.publications.get(&copy.publication).map_or("", |publication| publication.topic);
                (address.is_none() && path == topic)
                    || members.iter().any(|member| target.is_some_and(|key| member.owner == Party::Actor(key)))
            }
        }
    }

    /// Which of several copies of one message a dead letter is rather about: of those that came together, a
    /// mailbox that drops its oldest loses the first, any other the last.
    pub(super) fn rank_of_copy(&self, id: usize) -> (bool, bool, usize) {
        let to = self.messages[id].to;
        let dropping = to.is_some_and(|key| self.actors[key].traits.mailbox.overflow == Overflow::DropOldest);
        let fresh = self.copy_of(id).is_some_and(|copy| copy.fresh);
        (to.is_none(), !fresh && !dropping, if fresh && !dropping { usize::MAX - id } else { id })
    }

    /// A copy is lost: was it refused?
    pub(super) fn copy_lost(&mut self, id: usize, reason: LossReason, address: Address) {
        let Some(copy) = self.copy_of(id).cloned() else { return };
        let to = self.messages[id].to;
        let dropping = to.is_some_and(|key| self.actors[key].traits.mailbox.overflow == Overflow::DropOldest);
        self.publications.entry(copy.publication).and_modify(|one| {
            if copy.members.as_ref().is_some_and(|members| !members.is_empty())
                || (copy.fresh && dropping && reason == LossReason::MailboxFull)
            {
                one.unsure += 1;
            } else if copy.fresh && !copy.kept {
                one.accepted -= 1;
            }
        });
        if let Some(copy) = self.copy_mut(id) {
            let maybe = std::mem::take(&mut copy.maybe_gone);
            self.unheard_copies.1 -= u64::from(maybe);
        }
        if address.is_none() {
            self.check_group_loss(id, &copy, reason);
        }
    }

    /// A message is lost for a whole queue group only when no member can take it (`QG-1`).
    fn check_group_loss(&mut self, id: usize, copy: &Copy, reason: LossReason) {
        let members = copy.members.clone().unwrap_or_default();
        let key_of = |member: &Subscribed| if let Party::Actor(key) = member.owner { Some(key) } else { None };
        let keys: Vec<usize> = members.iter().filter_map(key_of).collect();
        let shard = |key: &usize| self.shard_of(self.actors[*key].address);
        let original = self.messages[id].from;
        let far = match original {
            Party::Actor(from) => keys.first().map_or(0, shard) != self.shard_of(self.actors[from].address),
            Party::Port(_) => false,
        };
        // Those on other shards are tried at other times.
        if self.is_spread(copy) || (far && self.closing) {
            return;
        }
        let room = members.iter().find(|member| {
            let Party::Actor(key) = member.owner else { return false };
            self.is_subscribed(key, member.number) && self.is_idle(key)
        });
        let room = room.copied();
        self.require(room.is_none(), "QG-1", || {
            format!("m{id} is lost as {}, but {room:?} could have taken it", reason.as_str())
        });
        let full = reason == LossReason::MailboxFull;
        self.require(!full || !members.is_empty(), "QG-1", || format!("m{id} is lost as {}", reason.as_str()));
    }

    /// Whether a copy is for members of a queue group on several shards: one that is passed on from shard to shard
    /// comes after what took the short way.
    fn is_spread(&self, copy: &Copy) -> bool {
        let mut shards = copy.members.iter().flatten().filter_map(|member| match member.owner {
            Party::Actor(key) => Some(self.shard_of(self.actors[key].address)),
            Party::Port(_) => None,
        });
        let first = shards.next();
        shards.any(|shard| Some(shard) != first)
    }

    /// Whether an actor is up, goes on, and has nothing queued.
    fn is_idle(&self, key: usize) -> bool {
        let actor = &self.actors[key];
        let goes = actor.ending.is_some() || actor.killed || actor.taking_down || actor.life_killed || actor.doomed;
        let queued = |message: &Message| message.to.is_none_or(|to| to == key) && message.state == State::Sent;
        actor.phase == Phase::Up
            && !goes
            && !self.has_place_timers(key)
            && actor.expect.is_none()
            && !actor.is_busy()
            && !self.messages.iter().any(queued)
    }

    /// Whether a copy may have gone with a subscription, or been lost in place of another one.
    pub(super) fn may_be_gone(&self, message: &Message) -> bool {
        message.state == State::Sent && self.may_be_another(message)
    }

    /// As [`Model::may_be_gone`], also of a copy in hand: what was taken may be another copy of the same message.
    pub(super) fn may_be_another(&self, message: &Message) -> bool {
        let Kind::Copy(at) = message.kind else { return false };
        let copy = &self.copies[at];
        let lost = || self.publications.get(&copy.publication).is_some_and(|one| one.lost > 0);
        let open = matches!(message.state, State::Sent | State::InHand);
        open && (copy.maybe_gone || (copy.vague && lost()))
    }

    /// Whether a message is a copy whose place among others says nothing.
    pub(super) fn is_out_of_order(&self, message: &Message) -> bool {
        let apart = |copy: &Copy| copy.kept || self.is_spread(copy);
        self.may_be_gone(message) || matches!(message.kind, Kind::Copy(at) if apart(&self.copies[at]))
    }

    /// A dead letter is about one of several copies of a message, nobody knows which.
    pub(super) fn one_is_lost(&mut self, id: usize) {
        let Some(publication) = self.copy_of(id).map(|copy| copy.publication) else { return };
        let copies = self.publications.get(&publication).map(|one| one.copies.clone()).unwrap_or_default();
        let open = copies.iter().filter(|copy| {
            let state = self.messages[**copy].state;
            matches!(state, State::Sent | State::InHand | State::Gone)
                && self.copy_of(**copy).is_some_and(|copy| copy.vague)
        });
        let open = open.count() as u32;
        let Some(one) = self.publications.get_mut(&publication) else { return };
        one.lost += 1;
        one.unsure += 1;
        let lost = one.lost;
        self.require(lost <= open, "DLV-2", || format!("{lost} copies of m{publication} are lost, {open} were left"));
    }

    /// Whether a dead letter about a copy may be about another one of the same message.
    pub(super) fn is_vague(&self, id: usize) -> bool {
        self.copy_of(id).is_some_and(|copy| copy.vague)
    }
}
