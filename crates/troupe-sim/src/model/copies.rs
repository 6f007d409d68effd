//! Copies of what was published: each is handled once, or there is a dead letter about it, or its
//! subscription ended first (`TOP-7`, `TOP-8`).

use troupe_actor::frame::{self, Frame};
use troupe_actor::id::Address;

use super::messages::Payload;
use super::topics::Subscribed;
use super::{Kind, Message, Model, Party, Phase, State, Work};

/// The largest number of a port that subscribes.
pub const MAX_PORT: u32 = 8;

/// A copy, beside what a message is.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Of what.
    pub publication: usize,
    /// For which of its target's subscriptions.
    pub number: u32,
    /// The target's own number for that.
    pub tag: u32,
    /// It was kept from before the subscription.
    pub kept: bool,
    /// Of a queue group: who may get it.
    pub members: Option<Vec<Subscribed>>,
    /// It may have gone with a subscription.
    pub maybe_gone: bool,
    /// Its actor may have another copy of the same message, and a dead letter does not say which it is about.
    pub(super) vague: bool,
    /// It met its mailbox in this step.
    pub(super) fresh: bool,
    /// It met a mailbox that takes nothing more.
    refused: bool,
}

impl Copy {
    /// A copy for one subscription.
    #[must_use]
    pub const fn new(publication: usize, number: u32, tag: u32, kept: bool) -> Self {
        Self {
            publication,
            number,
            tag,
            kept,
            members: None,
            maybe_gone: false,
            vague: false,
            fresh: false,
            refused: false,
        }
    }

    /// A copy for one of these.
    #[must_use]
    pub const fn of_group(publication: usize, members: Vec<Subscribed>) -> Self {
        let members = Some(members);
        Self {
            publication,
            number: 0,
            tag: 0,
            kept: false,
            members,
            maybe_gone: false,
            vague: false,
            fresh: false,
            refused: false,
        }
    }

    fn is_member(&self, owner: Party, tag: u32) -> bool {
        self.members.iter().flatten().any(|member| member.owner == owner && member.tag == tag)
    }
}

impl Model {
    /// The copy that a message is.
    #[must_use]
    pub fn copy_of(&self, id: usize) -> Option<&Copy> {
        match self.messages[id].kind {
            Kind::Copy(at) => self.copies.get(at),
            _ => None,
        }
    }

    pub(super) fn copy_mut(&mut self, id: usize) -> Option<&mut Copy> {
        match self.messages[id].kind {
            Kind::Copy(at) => self.copies.get_mut(at),
            _ => None,
        }
    }

    /// One more copy, on its way to `to`.
    pub(super) fn copy(&mut self, publication: usize, to: Option<usize>, copy: Copy) {
        let id = self.messages.len();
        let (kept, grouped, number) = (copy.kept, copy.members.is_some(), copy.number);
        let address = to.map_or(Address::NONE, |key| self.actors[key].address);
        let original = &self.messages[publication];
        let (from, len) = (original.from, original.len);
        let message = Message {
            to,
            address,
            kind: Kind::Copy(self.copies.len()),
            at: self.now,
            state: State::Sent,
            arrived: false,
            number: 0,
            room_due: 0,
            ..original.clone()
        };
        let members = copy.members.iter().flatten().map(|member| member.owner);
        for owner in members.chain(to.map(Party::Actor)) {
            if let Party::Actor(key) = owner {
                self.actors[key].room.blurred = true;
            }
        }
        self.copies.push(copy);
        self.messages.push(message);
        self.blur(publication, id);
        self.by_letter.entry((from, len)).or_default().push(id);
        self.publications.entry(publication).and_modify(|publication| publication.copies.push(id));
        self.note(|| format!("m{id} is m{publication} for {to:?}, number {number}, kept: {kept}"));
        let Some(key) = to else {
            // Some member takes it, unless a dead letter says otherwise.
            let letter = grouped && self.copies.last().is_some_and(|copy| copy.members.iter().flatten().count() == 0);
            self.publications.entry(publication).and_modify(|one| one.accepted += u32::from(!letter));
            return;
        };
        let near = match from {
            Party::Actor(from) => self.shard_of(self.actors[from].address) == self.shard_of(address),
            Party::Port(_) => false,
        };
        if near || kept || self.actors[key].address.is_none() {
            self.copy_arrives(id);
        }
    }

    /// Notes which copies of one message a dead letter does not tell apart: of an actor, and of groups.
    fn blur(&mut self, publication: usize, id: usize) {
        let copies = self.publications.get(&publication).map(|one| one.copies.clone()).unwrap_or_default();
        for other in copies {
            let (one, another) = (self.messages[id].to, self.messages[other].to);
            let same = match (one, another) {
                (Some(one), Some(another)) => one == another,
                (Some(key), None) => self.may_be_with(other, key),
                (None, Some(key)) => self.may_be_with(id, key),
                (None, None) => true,
            };
            if self.gone.contains(&(other, true)) && same {
                // Perhaps it was refused before its subscription ended.
                self.gone.retain(|(gone, _)| *gone != other);
                self.messages[other].state = State::Sent;
                self.copy_mut(other).into_iter().for_each(|copy| copy.maybe_gone = true);
                self.unheard_copies = (self.unheard_copies.0 - 1, self.unheard_copies.1 + 1);
            }
            if same && matches!(self.messages[other].state, State::Sent | State::InHand) {
                self.copy_mut(id).into_iter().for_each(|copy| copy.vague = true);
                self.copy_mut(other).into_iter().for_each(|copy| copy.vague = true);
            }
        }
    }

    /// A copy meets its mailbox.
    fn copy_arrives(&mut self, id: usize) {
        let twice = std::mem::replace(&mut self.messages[id].arrived, true);
        self.require(!twice, "DLV-1", || format!("m{id} arrived twice"));
        let Some((copy, key)) = self.copy_of(id).cloned().zip(self.messages[id].to) else { return };
        self.note(|| format!("m{id} arrives"));
        let live = self.actors[key].phase != Phase::Ended;
        if live && !self.is_subscribed(key, copy.number) {
            return self.goes(id);
        }
        let closed = self.actors[key].ending.is_some() || self.actors[key].killed;
        if let Some(copy) = self.copy_mut(id) {
            (copy.fresh, copy.refused) = (true, closed);
        }
        self.fresh.push(id);
        self.publications.entry(copy.publication).and_modify(|one| one.accepted += u32::from(!copy.kept));
    }

    pub(super) fn is_subscribed(&self, key: usize, number: u32) -> bool {
        let owner = Party::Actor(key);
        self.board.subscriptions.iter().any(|entry| entry.owner == owner && entry.number == number)
    }

    fn goes(&mut self, id: usize) {
        self.messages[id].state = State::Gone;
        self.gone.push((id, false));
        self.note(|| format!("m{id} goes with its subscription"));
    }

    /// A copy that was in a mailbox goes with its subscription, and is counted.
    pub(super) fn goes_counted(&mut self, id: usize) {
        self.goes(id);
        self.gone.iter_mut().filter(|(other, _)| *other == id).for_each(|(_, counted)| *counted = true);
        self.unheard_copies.0 += 1;
    }

    /// What happened to copies before is over.
    pub(super) fn settle_copies(&mut self) {
        for id in std::mem::take(&mut self.fresh) {
            if let Some(copy) = self.copy_mut(id) {
                copy.fresh = false;
            }
        }
        self.gone.clear();
    }

    /// A published message is about to reach its subscribers on a shard.
    pub(super) fn routed(&mut self, payload: &[u8]) {
        self.settle_copies();
        let count = frame::word(payload, 0).unwrap_or_default() as usize;
        let body = payload.get(8 + 16 * count..).and_then(frame::read_topic).map(|(_, message)| message);
        let Some(id) = body.and_then(Payload::read).map(|payload| payload.id) else {
            return self.fail("DLV-4", "something that nobody published is under way");
        };
        let state = self.messages.get(id).map(|message| message.state);
        self.require(state == Some(State::Published), "TURN-2", || {
            format!("m{id} was published, but its turn had not succeeded: {state:?}")
        });
        for at in 0..count {
            let word = |index: usize| frame::word(payload, 8 + 16 * at + 4 * index).unwrap_or_default();
            let address = Address { index: word(0), tag: u64::from(word(1)) | u64::from(word(2)) << 32 };
            let copies = self.publications.get(&id).map(|publication| publication.copies.clone()).unwrap_or_default();
            let found = copies.into_iter().find(|copy| {
                let message = &self.messages[*copy];
                let number = self.copy_of(*copy).map(|copy| copy.number);
                message.address == address && number == Some(word(3)) && !message.arrived
            });
            match found {
                Some(copy) => self.copy_arrives(copy),
                None => self.fail("TOP-7", format!("m{id} goes to {}, which it is not for", address.index)),
            }
        }
    }

    /// A subscription ended: copies for it that are queued go now, those under way when they come, those in
    /// hand if they come back.
    pub(super) fn drop_copies(&mut self, key: usize, number: u32) {
        let mut queued = Vec::new();
        // What lies behind a running turn goes when that is over.
        let in_turn = self.actors[key].hand.as_ref().is_some_and(|hand| hand.work == Work::Turn);
        for (id, message) in self.messages.iter().enumerate() {
            let Kind::Copy(at) = message.kind else { continue };
            let copy = &mut self.copies[at];
            if message.state != State::Sent || copy.refused {
                continue;
            }
            let member = |member: &Subscribed| member.owner == Party::Actor(key) && member.number == number;
            let own = message.to == Some(key) && copy.number == number && copy.members.is_none();
            if own && message.arrived && !copy.vague && !in_turn {
                queued.push(id);
                continue;
            }
            let theirs = message.to.is_none_or(|to| to == key) && copy.members.iter().flatten().any(member);
            if theirs || (own && message.arrived) {
                self.unheard_copies.1 += u64::from(!std::mem::replace(&mut copy.maybe_gone, true));
            }
        }
        queued.into_iter().for_each(|id| self.goes_counted(id));
    }

    /// A turn is over: copies behind it whose subscription ended meanwhile go now.
    pub(super) fn drop_behind(&mut self, key: usize) {
        let left = |(id, message): (usize, &Message)| match message.kind {
            Kind::Copy(at) if message.to == Some(key) && message.state == State::Sent && message.arrived => {
                let copy = &self.copies[at];
                (copy.maybe_gone && !copy.vague && copy.members.is_none()).then_some(id)
            }
            _ => None,
        };
        let dropped: Vec<usize> = self.messages.iter().enumerate().filter_map(left).collect();
        for id in dropped {
            self.copy_mut(id).into_iter().for_each(|copy| copy.maybe_gone = false);
            self.unheard_copies.1 -= 1;
            self.goes_counted(id);
        }
    }

    /// A copy in hand goes back into the mailbox, if its subscription has not ended.
    pub(super) fn copy_put_back(&mut self, id: usize) {
        let (Some(copy), Some(key)) = (self.copy_of(id), self.messages[id].to) else { return };
        if !self.is_subscribed(key, copy.number) {
            self.goes_counted(id);
        }
    }

    /// An actor was given a published message: which copy it is.
    pub(super) fn copy_taken(&mut self, key: usize, frame: &Frame<'_>) -> Option<usize> {
        let read = frame::read_topic(frame.payload);
        let (topic, body) = read.unwrap_or_default();
        let known = Payload::read(body).map(|payload| payload.id);
        let Some((id, publication)) = known.and_then(|id| Some((id, self.publications.get(&id)?))) else {
            self.fail("DLV-4", format!("#{key} was given something that nobody published"));
            return None;
        };
        let (said, copies) = (publication.topic, publication.copies.clone());
        let original = &self.messages[id];
        let (len, state, from) = (original.len, original.state, original.from);
        self.require(state == State::Published, "TURN-2", || format!("#{key} was given m{id}, which is {state:?}"));
        let sender = match from {
            Party::Actor(key) => self.actors[key].address,
            Party::Port(port) => Address { index: Address::PORT | port, tag: 0 },
        };
        let whole = topic == said.as_bytes() && body.len() == len && frame.address == sender;
        self.require(whole, "DLV-4", || format!("m{id} is no longer what it was"));
        let kept = frame.flags & frame::FLAG_RETAIN != 0;
        let Some(taken) = self.copy_for(key, frame.corr, kept, &copies) else {
            self.fail(
                "TOP-7",
                format!("#{key} was given m{id} under tag {}, where it is subscribed no longer", frame.corr),
            );
            return None;
        };
        let (rule, state) = match self.messages[taken].state {
            State::Sent => (None, State::Sent),
            state @ (State::Failed | State::Held | State::Void) => (Some("MBX-3"), state),
            state @ State::Gone => (Some("TOP-7"), state),
            state => (Some("DLV-1"), state),
        };
        if let Some(rule) = rule {
            self.fail(rule, format!("#{key} was given m{taken}, a copy of m{id}, which is {state:?}"));
        }
        let message = &mut self.messages[taken];
        (message.state, message.to, message.arrived) = (State::InHand, Some(key), true);
        let number = self.copy_of(taken).map_or(0, |copy| {
            let member =
                copy.members.iter().flatten().find(|one| (one.owner, one.tag) == (Party::Actor(key), frame.corr));
            member.map_or(copy.number, |member| member.number)
        });
        if let Some(copy) = self.copy_mut(taken) {
            (copy.number, copy.tag) = (number, frame.corr);
            // It was with this one all the time.
            let maybe = std::mem::take(&mut copy.maybe_gone);
            self.unheard_copies.1 -= u64::from(maybe);
        }
        let subscribed = self.is_subscribed(key, number);
        self.require(subscribed, "TOP-7", || {
            format!("#{key} was given m{taken}, whose subscription {number} has ended")
        });
        Some(taken)
    }

    /// Which of the copies of one message an actor was given under a tag.
    fn copy_for(&self, key: usize, tag: u32, kept: bool, copies: &[usize]) -> Option<usize> {
        let own = |id: &&usize| {
            let copy = self.copy_of(**id).filter(|copy| copy.members.is_none());
            self.messages[**id].to == Some(key) && copy.is_some_and(|copy| copy.tag == tag && copy.kept == kept)
        };
        let open = |id: &&usize| self.messages[**id].state == State::Sent && !self.is_aside(**id);
        let member = |id: &&usize| {
            let free = self.messages[**id].to.is_none_or(|to| to == key);
            free && !kept && self.copy_of(**id).is_some_and(|copy| copy.is_member(Party::Actor(key), tag))
        };
        let current = |id: &&usize| self.copy_of(**id).is_some_and(|copy| self.is_subscribed(key, copy.number));
        let replayed = |id: &&usize| self.actors[key].replay.contains(&super::types::Frame::Message(**id));
        let found = copies.iter().find(|id| own(id) && open(id) && current(id) && replayed(id));
        let found = found.or_else(|| copies.iter().find(|id| own(id) && open(id) && current(id)));
        let found = found.or_else(|| copies.iter().find(|id| own(id) && open(id)));
        let found = found.or_else(|| copies.iter().find(|id| member(id) && open(id)));
        found.or_else(|| copies.iter().rfind(|id| own(id) || member(id))).copied()
    }

    /// Whether a copy for a queue group may be in the mailbox of this actor.
    fn may_be_with(&self, id: usize, key: usize) -> bool {
        let members = self.copy_of(id).and_then(|copy| copy.members.as_ref());
        members.into_iter().flatten().any(|member| member.owner == Party::Actor(key))
    }

    /// A member of a queue group outside is given a message.
    pub(super) fn member_takes(&mut self, port: u32, id: usize, tags: &[u32], takes: bool) {
        let copies = self.publications.get(&id).map(|publication| publication.copies.clone()).unwrap_or_default();
        let found = copies.into_iter().find(|copy| {
            let open = self.messages[*copy].state == State::Sent && self.messages[*copy].to.is_none();
            open && self
                .copy_of(*copy)
                .is_some_and(|copy| tags.len() == 1 && copy.is_member(Party::Port(port), tags[0]))
        });
        match found {
            Some(copy) if takes => self.messages[copy].state = State::Handled,
            Some(_) => {}
            None => {
                self.fail("TOP-7", format!("port {port} is given m{id} under the tags {tags:?}, which it is not for"))
            }
        }
    }

    /// A copy was handled: those of one publisher come in order (`TOP-7`).
    pub(super) fn copy_handled(&mut self, key: usize, id: usize) {
        let Some(copy) = self.copy_of(id) else { return };
        if copy.kept || copy.members.is_some() || self.messages[id].aside {
            return;
        }
        let (publication, number) = (copy.publication, copy.number);
        let from = self.messages[id].from;
        let before = self.last_copy.insert((from, key, number), publication);
        self.require(before.is_none_or(|before| before < publication), "TOP-7", || {
            format!("#{key} handled m{publication} of {from:?} after {before:?}, for its subscription {number}")
        });
    }

    /// A publisher that waits hears how many copies were accepted (`TOP-8`).
    pub(super) fn counted(&mut self, id: usize, status: u32, payload: &[u8]) {
        let count = frame::word(payload, 0).unwrap_or_default();
        let Some(publication) = self.publications.get(&id) else { return };
        let (most, unsure) = (publication.accepted, publication.unsure);
        let right = status == 0 && (most.saturating_sub(unsure)..=most).contains(&count);
        self.require(right, "TOP-8", || {
            format!(
                "m{id}: the publisher heard {count} (status {status}), {most} were accepted, {unsure} of them perhaps"
            )
        });
    }

    /// Whether a letter about a copy that went with its subscription may still come: it was refused first.
    pub(super) fn just_went(&self, id: usize) -> bool {
        self.gone.iter().any(|(other, _)| *other == id)
    }

    /// It was refused before its subscription ended.
    pub(super) fn went_by_letter(&mut self, id: usize) {
        let counted = self.gone.contains(&(id, true));
        self.gone.retain(|(other, _)| *other != id);
        self.unheard_copies.0 -= u64::from(counted);
    }
}
