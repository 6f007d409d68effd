//! Messages: every one is accounted for exactly once (`DLV-2`).

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::dead_letter::DeadLetter;
use troupe_actor::frame;
use troupe_actor::id::Address;
use troupe_actor::record::FOREVER;

use super::topics::Subscribed;
use super::types::Expect;
use super::{Actor, Kind, Message, Model, Party, Phase, Settled, State};

/// Bytes in front of a payload's padding: the message's number, its script, its hops.
pub const HEAD_BYTES: usize = 8;
/// A dead letter names its message by sender, path and length, so no two messages under way share
/// all three: lengths go round in this range.
const LENGTHS: u64 = 400;
/// A payload of this length is over every limit.
pub const TOO_LARGE: usize = 2_900;

/// What a message makes its handler do, besides what chance says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Script {
    /// Whatever chance says.
    Any = 0,
    /// It traps each time.
    Poison = 1,
    /// It traps in company only.
    Flaky = 2,
}

/// A message as its receiver reads it.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// Which message.
    pub id: usize,
    /// What it makes the handler do.
    pub script: Script,
    /// How many messages it may still set off, one after the other.
    pub hops: u32,
}

impl Payload {
    /// Reads a payload.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let script = match bytes.get(4)? {
            1 => Script::Poison,
            2 => Script::Flaky,
            _ => Script::Any,
        };
        Some(Self { id: frame::word(bytes, 0)? as usize, script, hops: u32::from(*bytes.get(5)?) })
    }

    /// Writes a payload of `len` bytes.
    #[must_use]
    pub fn write(self, len: usize) -> Vec<u8> {
        let mut bytes = (self.id as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&[self.script as u8, self.hops as u8]);
        bytes.resize(len.max(HEAD_BYTES), 0x5a);
        bytes
    }
}

impl Model {
    /// A new message; the payload says which one it is.
    pub fn message(
        &mut self,
        from: Party,
        incarnation: u32,
        address: Address,
        kind: Kind,
        hops: u32,
    ) -> (usize, Vec<u8>) {
        let id = self.messages.len();
        let to = self.find(address);
        let (sequence, len) = self.place(from, to, kind == Kind::Publication);
        let script = match self.random.below(1_000) {
            n if n < self.faults.poison => Script::Poison,
            n if n < self.faults.poison + self.faults.flaky => Script::Flaky,
            _ => Script::Any,
        };
        let state = if matches!(from, Party::Actor(_)) { State::Held } else { State::Sent };
        self.messages.push(Message {
            from,
            incarnation,
            to,
            address,
            kind,
            len,
            sequence,
            at: self.now,
            state,
            arrived: false,
            met: false,
            late: false,
            due: u64::MAX,
            parent: None,
            awaited: false,
            chain: Vec::new(),
            cycle: false,
            settled: None,
            told: false,
            number: 0,
            aside: false,
            unreadable: false,
            room_due: 0,
        });
        self.by_letter.entry((from, len)).or_default().push(id);
        self.note(|| format!("m{id} {kind:?} {from:?} -> {to:?} {script:?}"));
        (id, Payload { id, script, hops }.write(len))
    }

    /// A new message's place among those of its sender to its target, and its length, which no other
    /// message shares that a dead letter could be about.
    fn place(&mut self, from: Party, to: Option<usize>, published: bool) -> (u64, usize) {
        let Self { sequence, by_letter, messages, actors, .. } = self;
        let path = |to: Option<usize>| to.map_or("", |key| actors[key].path.as_str());
        let sequence = sequence.entry((from, to)).or_insert(0);
        for _ in 0..LENGTHS {
            *sequence += 1;
            let len = match *sequence % 97 {
                96 => TOO_LARGE + usize::from(published),
                // What is published goes to many: its lengths are its own.
                _ => HEAD_BYTES + 2 * (*sequence % LENGTHS) as usize + usize::from(published),
            };
            let others = by_letter.entry((from, len)).or_default();
            others.retain(|id| messages[*id].is_under_way());
            if (others.is_empty() || !published) && !others.iter().any(|id| path(messages[*id].to) == path(to)) {
                return (*sequence, len);
            }
        }
        (*sequence, HEAD_BYTES)
    }

    /// The message was not sent after all.
    pub fn unsend(&mut self, id: usize) {
        self.comes_not(id);
        self.messages[id].state = State::Void;
        self.due.iter_mut().for_each(|due| due.retain(|(_, other)| *other != id));
    }

    /// A message reached its target's shard. The deadline of a port's ask runs from now on, that of an
    /// actor's runs since it was made (`ASK-1`).
    pub fn arrive(&mut self, id: usize) {
        let shard = self.shard_of(self.messages[id].address);
        let message = &mut self.messages[id];
        if message.arrived {
            return self.fail("DLV-1", format!("m{id} arrived twice"));
        }
        message.arrived = true;
        let met = message.to.is_some_and(|key| self.actors[key].is_live());
        self.messages[id].met = met;
        self.note(|| format!("m{id} arrives"));
        let message = &self.messages[id];
        if message.state == State::Void || message.state == State::Held {
            return self.fail("TURN-2", format!("m{id} arrived, but its turn had not succeeded"));
        }
        let kind = message.kind;
        self.arm_deadline(id, kind, shard);
        if met {
            self.comes(id);
        }
    }

    /// The deadline of a message that reached its target's shard.
    fn arm_deadline(&mut self, id: usize, kind: Kind, shard: usize) {
        let now = self.now;
        let message = &self.messages[id];
        match kind {
            Kind::Ask(_, timeout) if timeout != FOREVER => {
                let due = match message.from {
                    Party::Actor(_) => message.due,
                    Party::Port(_) => now + u64::from(timeout) + 1,
                };
                self.messages[id].due = due;
                if due <= now {
                    self.messages[id].late = true;
                    return;
                }
                self.due[shard].insert((due, id));
                self.mark(due);
            }
            Kind::Send(_, wait) if wait != FOREVER => {
                let due = now + u64::from(wait) + 1;
                self.due_sends[shard].insert((due, id));
                self.mark(due);
            }
            _ => {}
        }
    }

    /// A dead letter: exactly one message is lost.
    pub fn letter(&mut self, letter: &DeadLetter) {
        // A place that the tree makes may be full before anybody hears of it.
        let unknown = !letter.target.is_empty() && !letter.address.is_none();
        if unknown && self.subject_at(letter.address).is_none() {
            return self.early_letters.push(letter.clone());
        }
        if letter.sender.is_none() {
            return self.tick_letter(letter);
        }
        self.totals.letters += 1;
        let from = match letter.sender.port() {
            Some(port) => Some(Party::Port(port)),
            None => self.find(letter.sender).map(Party::Actor),
        };
        let Some(from) = from else {
            return self.fail("DL-1", format!("a dead letter has an unknown sender: {letter:?}"));
        };
        // Unless it was refused, its asker heard when the time was over; here it is only counted, see `check_audit`.
        if letter.reason == LossReason::Expired {
            if let Some(id) = self.message_of(from, letter).filter(|id| self.messages[*id].late) {
                self.lose(id, LossReason::Expired);
            }
            return;
        }
        let Some(id) = self.message_of(from, letter) else {
            let said = letter.payload.as_deref().and_then(Payload::read).map(|payload| payload.id);
            let text = format!(
                "a dead letter without a message: m{said:?} as {} to {}",
                letter.reason.as_str(),
                letter.target
            );
            return self.fail("DLV-2", text);
        };
        self.note(|| format!("m{id} is lost: {}", letter.reason.as_str()));
        if self.is_vague(id) && letter.reason != LossReason::Poison {
            return self.one_is_lost(id);
        }
        if self.messages[id].state == State::Gone {
            self.went_by_letter(id);
        }
        self.lose(id, letter.reason);
        self.copy_lost(id, letter.reason, letter.address);
    }

    /// The message that a dead letter is about: of this sender, of this length, to this path.
    fn message_of(&mut self, from: Party, letter: &DeadLetter) -> Option<usize> {
        let known = letter.payload.as_deref().and_then(Payload::read).map(|payload| payload.id);
        let copies = known.and_then(|id| self.publications.get(&id)).map(|publication| publication.copies.clone());
        let mut candidates = match (copies, known) {
            (Some(copies), Some(id)) => [copies, vec![id]].concat(),
            (None, Some(id)) => vec![id],
            _ => self.by_letter.get(&(from, letter.bytes)).cloned()?,
        };
        candidates.retain(|id| self.messages.get(*id).is_some_and(|one| (one.from, one.len) == (from, letter.bytes)));
        candidates.retain(|id| match self.messages[*id].kind {
            Kind::Copy(_) => self.is_letter_for(*id, letter.address, &letter.target),
            Kind::Publication => self.messages[*id].state == State::Void,
            _ => true,
        });
        // The likeliest first: what must not be lost is blamed only when nothing else fits.
        let rank = |id: usize| match self.messages[id].state {
            State::InHand if letter.reason == LossReason::Poison => Some(0),
            State::Sent => Some(1),
            State::InHand => Some(2),
            State::Gone if self.just_went(id) => Some(3),
            State::Held | State::Void => Some(4),
            _ => None,
        };
        let is_target = |id: usize| match self.messages[id].to {
            _ if matches!(self.messages[id].kind, Kind::Copy(_)) => true,
            Some(key) => *self.actors[key].path == *letter.target,
            None => letter.target.is_empty(),
        };
        let ranked = candidates.iter().filter(|id| is_target(**id)).filter_map(|id| {
            Some((self.why_not(*id, letter.reason).is_some(), self.rank_of_copy(*id), rank(*id)?, *id))
        });
        ranked.min().map(|(_, _, _, id)| id)
    }

    fn lose(&mut self, id: usize, reason: LossReason) {
        let message = &self.messages[id];
        let (state, to, kind) = (message.state, message.to, message.kind);
        if matches!(state, State::Held | State::Void) {
            return self.fail("TURN-2", format!("m{id} was refused, but its turn had not succeeded"));
        }
        if let Some(wrong) = self.why_not(id, reason) {
            return self.fail("DL-1", format!("m{id} to {to:?} is lost as {}: {wrong}", reason.as_str()));
        }
        self.messages[id].state = if reason == LossReason::Poison { State::Failed } else { State::Lost(reason) };
        match kind {
            Kind::Ask(..) => self.settle(id, Settled::Error(error_of(reason))),
            Kind::Send(..) if self.messages[id].settled.is_none() => {
                self.settle(id, Settled::Error(error_of(reason)));
            }
            _ => {}
        }
    }

    /// Why a message for a queue group cannot be lost for this reason.
    fn why_no_member(&self, id: usize, members: &[Subscribed], reason: LossReason) -> Option<String> {
        let len = self.messages[id].len;
        let any = |holds: &dyn Fn(&Actor) -> bool| {
            let actor = |member: &Subscribed| if let Party::Actor(key) = member.owner { Some(key) } else { None };
            members.iter().filter_map(actor).any(|key| holds(&self.actors[key]))
        };
        let ends = |actor: &Actor| {
            let asked = actor.ending.is_some() || actor.killed || actor.expect.is_some();
            asked || actor.phase == Phase::Ended
        };
        let holds = match reason {
            LossReason::NoSubscriber => true,
            LossReason::MailboxFull => !members.is_empty(),
            LossReason::TooLarge => any(&|actor| len > actor.traits.mailbox.max_payload as usize),
            LossReason::Stopped | LossReason::Killed | LossReason::GaveUp => any(&ends),
            LossReason::Shutdown => self.closing,
            _ => false,
        };
        (!holds).then(|| format!("it is for one of {members:?}"))
    }

    /// Why a message cannot be lost for this reason; `None` when it can.
    fn why_not(&self, id: usize, reason: LossReason) -> Option<String> {
        let message = &self.messages[id];
        if let Some(members) = self.copy_of(id).and_then(|copy| copy.members.as_ref()).filter(|_| message.to.is_none())
        {
            return self.why_no_member(id, members, reason);
        }
        let Some(key) = message.to else {
            let fits = reason == LossReason::NoSuchActor || (self.closing && reason == LossReason::Shutdown);
            return (!fits).then(|| "nobody ever had its address".to_owned());
        };
        let actor = &self.actors[key];
        let ended = actor.phase == Phase::Ended;
        let going = ended || actor.ending.is_some() || actor.killed || actor.expect.is_some();
        let holds = match reason {
            LossReason::NoSuchActor => false,
            LossReason::Expired => message.late,
            LossReason::StashFull | LossReason::Unreadable => self.stash_loses(id, reason),
            // Nothing here is published in a form that is refused.
            LossReason::NoSubscriber | LossReason::TopicRefused => false,
            LossReason::Cycle => message.cycle,
            LossReason::Stopped => going && (!self.closing || matches!(actor.expect, Some(Expect::End(_)))),
            LossReason::Shutdown => self.closing,
            LossReason::Killed => actor.killed && !ended,
            LossReason::GaveUp => actor.gave_up || actor.expect == Some(Expect::GiveUp),
            LossReason::TooLarge => message.len > actor.traits.mailbox.max_payload as usize,
            LossReason::MailboxFull => !ended && self.why_no_room(id).is_none(),
            LossReason::Poison => actor.poisoned == Some(id),
        };
        let in_hand = message.state == State::InHand && !matches!(reason, LossReason::Killed | LossReason::Poison);
        (!holds || in_hand).then(|| {
            format!(
                "the actor is {:?}, ending {:?}, killed {}, expected {:?}, the message {:?}",
                actor.phase, actor.ending, actor.killed, actor.expect, message.state
            )
        })
    }
}

/// The failure of an ask or a send that this loss means.
#[must_use]
pub const fn error_of(reason: LossReason) -> AskError {
    match reason {
        LossReason::NoSuchActor => AskError::NoSuchActor,
        LossReason::Stopped | LossReason::Killed => AskError::Stopped,
        LossReason::GaveUp => AskError::GaveUp,
        LossReason::MailboxFull | LossReason::StashFull => AskError::MailboxFull,
        LossReason::Expired => AskError::Timeout,
        LossReason::Poison => AskError::Crashed,
        LossReason::Shutdown => AskError::Shutdown,
        LossReason::TooLarge => AskError::TooLarge,
        LossReason::NoSubscriber => AskError::NoResponders,
        LossReason::Cycle => AskError::Cycle,
        LossReason::TopicRefused => AskError::TopicInvalid,
        LossReason::Unreadable => AskError::Unreadable,
    }
}
