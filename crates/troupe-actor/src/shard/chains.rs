//! Asks that are made on behalf of a request: they inherit its deadline (`ASK-1`) and the chain of
//! those that wait for it (`REE-2`). What an actor does not wait for does not block it, so such an
//! ask passes the chain on without the actor.

use super::deliver::{Incoming, Terms, Wants};
use super::{Job, Shard};
use crate::ask::{Ask, AskError};
use crate::chain::{Chain, Context, MAX_CHAIN};
use crate::frame::{self, Frame, Frames};
use crate::id::Address;
use crate::port::write_completion;
use crate::record::{self, Record};
use crate::shared::Shared;

/// What is said of an ask that ended with the request on whose behalf it was made.
pub(super) const INHERITED: &str = "the deadline of the request on whose behalf it was made has passed";
/// Requests that lapsed in an actor's hands which are remembered; a turn holds no more.
const MAX_LAPSED: usize = 64;
/// Most paths of a cycle that an error names; of a longer one those in the middle are left out.
const MAX_NAMED: usize = 8;
/// Asks that a port gives up at a time above which the table is walked once for all of them.
const FEW_ABORTS: usize = 2;

/// On whose behalf a turn's asks are made, while its effects happen.
#[derive(Debug, Default)]
pub(super) struct Hand {
    /// The tags that the handler waits for, raw; empty when it does not wait.
    tags: Vec<u8>,
    /// The request in hand and its deadline; `None` for a plain message, and once it is answered.
    request: Option<(u32, u64)>,
}

impl Hand {
    /// Whether the handler waits for something.
    #[inline]
    pub const fn waits(&self) -> bool {
        !self.tags.is_empty()
    }

    fn waits_for(&self, tag: u32) -> bool {
        self.tags.chunks_exact(4).any(|raw| frame::word(raw, 0) == Some(tag))
    }

    /// A request was answered: what is asked from now on is not for it.
    pub fn answered(&mut self, number: u32) {
        self.request = self.request.filter(|(request, _)| *request != number);
    }
}

impl Shard {
    /// Notes what a handler that waits has in hand: the last message that the turn consumed, or what it
    /// had when it began to wait.
    #[cold]
    pub(super) fn take_in_hand(&mut self, job: &Job, consumed_end: usize, tags: Vec<u8>) {
        let consumed = job.input.buffer.get(job.input.start..consumed_end).unwrap_or_default();
        let is_told = |kind| {
            matches!(kind, frame::kind::REPLY | frame::kind::ASK_FAILED | frame::kind::TIMER | frame::kind::PRESSURE)
        };
        let last = Frames::new(consumed).filter(|frame| !is_told(frame.kind)).last();
        let request = match last {
            Some(frame) if frame.kind == frame::kind::ASK => {
                self.deadline_of(job.local, frame.corr).map(|deadline| (frame.corr, deadline))
            }
            Some(_) => None,
            None => self.cells.get(job.local as usize).and_then(|cell| cell.rare.as_deref()?.in_hand),
        };
        self.hand = Hand { tags, request };
    }

    /// The deadline of a request of this actor, if it is open or was settled by its asker meanwhile.
    fn deadline_of(&mut self, local: u32, number: u32) -> Option<u64> {
        if let Some(ask) = self.asks.get_mut(number).filter(|ask| ask.target == local) {
            let deadline = ask.deadline;
            // The ask of an inline turn is not given its deadline unless it stays open.
            let is_inline = self.inline.number == Some(number) && deadline == record::NEVER;
            return Some(if is_inline { self.deadline(self.inline.timeout) } else { deadline });
        }
        let rare = self.cells.get(local as usize)?.rare.as_deref()?;
        let mut known = rare.lapsed.iter().copied().chain(rare.in_hand);
        known.find_map(|(request, deadline)| (request == number).then_some(deadline))
    }

    /// An actor's request was settled by its deadline or its asker while the actor had it in hand.
    #[cold]
    pub(super) fn note_lapse(&mut self, ask: &Ask, number: u32) {
        let Some(cell) = self.cells.get_mut(ask.target as usize) else { return };
        let is_known = cell.rare.as_deref().is_some_and(|rare| rare.in_hand.is_some_and(|(known, _)| known == number));
        if !cell.running || is_known {
            return;
        }
        let lapsed = &mut cell.rare_mut().lapsed;
        if lapsed.len() >= MAX_LAPSED {
            lapsed.pop_front();
        }
        lapsed.push_back((number, ask.deadline));
    }

    /// The turn's effects have happened: the actor waits, or what it had in hand is done.
    #[inline]
    pub(super) fn let_go(&mut self, local: u32) {
        if self.hand.waits() {
            let Hand { tags, request } = std::mem::take(&mut self.hand);
            self.set_awaiting(local, &tags);
            if let Some(cell) = self.cells.get_mut(local as usize) {
                cell.rare_mut().in_hand = request;
            }
        } else if let Some(rare) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()) {
            rare.in_hand = None;
        }
    }

    /// An ask effect of an actor that waits for something, or says on whose behalf it asks.
    #[cold]
    pub(super) fn ask_for(&mut self, shared: &Shared, local: u32, incarnation: u32, frame: &Frame<'_>, deadline: u64) {
        let sender = self.address_of(local);
        let awaited = self.hand.waits_for(frame.corr);
        let request = if frame.flags & frame::FLAG_FOR == 0 {
            self.hand.request.filter(|_| awaited)
        } else {
            let number = frame::word(frame.payload, 4).unwrap_or(0);
            self.deadline_of(local, number).map(|deadline| (number, deadline))
        };
        let mut chain = request.map(|(number, _)| self.asks.waiters(number)).unwrap_or_default();
        if awaited {
            chain.push(sender);
        }
        let limit = request.map_or(record::NEVER, |(_, limit)| limit);
        #[cfg(troupe_planted)]
        let limit = if crate::planted::is(crate::planted::Bug::DeadlineOwn) { record::NEVER } else { limit };
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::ChainLost) {
            chain.clear();
        }
        let terms =
            Terms { deadline: deadline.min(limit), inherited: limit < deadline, chain: Chain::of(&chain, sender) };
        self.send_ask(shared, sender, incarnation, frame, terms);
    }

    /// An ask of an actor that came from another shard, or from the environment that runs the actor.
    pub(super) fn take_ask(&mut self, shared: &Shared, record: &Record<'_>) {
        let Record { target, word, frame } = *record;
        let Frame { flags, corr, address: sender, payload, .. } = frame;
        if frame.kind == record::kind::ACTOR_ASK {
            let (low, high) = (frame::word(payload, 0).unwrap_or(0), frame::word(payload, 4).unwrap_or(0));
            let terms = Terms {
                deadline: u64::from(low) | u64::from(high) << 32,
                inherited: flags & record::FLAG_INHERITED != 0,
                chain: if flags & record::FLAG_AWAITED == 0 { Chain::Nobody } else { Chain::Asker },
            };
            let (payload, wants) = (payload.get(8..).unwrap_or_default(), Wants::Answer(terms));
            return self.deliver(shared, &Incoming { target, sender, incarnation: word, corr, payload, wants });
        }
        let Some((context, start)) = Context::read(payload) else { return };
        let incarnation = if sender.port().is_some() { 0 } else { word };
        let wants = Wants::Answer(self.chained(record, &context));
        let payload = payload.get(start..).unwrap_or_default();
        self.deliver(shared, &Incoming { target, sender, incarnation, corr, payload, wants });
    }

    /// The terms of an ask that came with a context.
    pub(super) fn chained<'a>(&self, record: &Record<'_>, context: &'a Context) -> Terms<'a> {
        let Frame { address: sender, flags, .. } = record.frame;
        let chain = Chain::of(&context.chain, sender);
        if sender.port().is_none() {
            return Terms { deadline: context.deadline, inherited: flags & record::FLAG_INHERITED != 0, chain };
        }
        let own = self.deadline(record.word);
        Terms { deadline: own.min(context.deadline), inherited: context.deadline < own, chain }
    }

    /// The frames of a turn as an environment gets them: in front of each ask what the asks that are
    /// made on its behalf bring along.
    pub(super) fn with_contexts(&mut self, local: u32, frames: &[u8]) -> Vec<u8> {
        let (mut all, mut context) = (self.pool.take(), self.pool.take());
        for frame in Frames::new(frames) {
            if let Some(deadline) = self.asks.get_mut(frame.corr).map(|ask| ask.deadline)
                && frame.kind == frame::kind::ASK
            {
                let mut chain = self.asks.waiters(frame.corr);
                chain.push(self.address_of(local));
                context.clear();
                Context { deadline, chain }.write_to(&mut context);
                let (kind, corr, address) = (frame::kind::CONTEXT, frame.corr, Address::NONE);
                Frame { kind, flags: 0, corr, address, payload: &context }.write_to(&mut all);
            }
            frame.write_to(&mut all);
        }
        self.pool.give(context);
        all
    }

    /// Fails an ask with a sentence for its asker, an actor or a port.
    pub(super) fn fail_ask(
        &mut self,
        asker: Address,
        incarnation: u32,
        corr: u32,
        target: Address,
        error: AskError,
        text: &str,
    ) {
        if let Some(port) = asker.port() {
            if let Some(buffer) = self.completions_of(port) {
                write_completion(buffer, corr, error as u32, text.as_bytes());
            }
            return;
        }
        let mut payload = (error as u32).to_le_bytes().to_vec();
        payload.extend_from_slice(text.as_bytes());
        let frame = Frame { kind: frame::kind::ASK_FAILED, flags: 0, corr, address: target, payload: &payload };
        self.send_answer(asker, incarnation, &frame);
    }

    /// Settles the asks that ports gave up.
    #[inline]
    pub(super) fn settle_aborted(&mut self, shared: &Shared) {
        if !self.aborts.is_empty() {
            self.settle_all_aborted(shared);
        }
    }

    #[cold]
    fn settle_all_aborted(&mut self, shared: &Shared) {
        let aborts = std::mem::take(&mut self.aborts);
        let mut found = Vec::new();
        if aborts.len() <= FEW_ABORTS {
            found.extend(aborts.iter().filter_map(|(asker, slot)| self.asks.find(*asker, *slot)));
        } else {
            self.asks.find_all(&aborts.iter().map(|(asker, slot)| (asker.index, *slot)).collect(), &mut found);
        }
        for number in found {
            self.settle_early(shared, number, AskError::Aborted);
        }
    }
}

/// A chain that closed, on its way to its actors: each shard adds the paths of its own.
struct Walk {
    asker: Address,
    incarnation: u32,
    corr: u32,
    /// The actors whose paths are still to be found.
    members: Vec<Address>,
    /// What is known so far.
    text: String,
}

impl Shard {
    /// Tells an asker that its ask would have waited for itself, with the paths of those that wait.
    #[cold]
    pub(super) fn explain_cycle(&mut self, message: &Incoming<'_>, chain: Chain<'_>) {
        let Incoming { target, sender, incarnation, corr, .. } = *message;
        let mut members = chain.actors(sender);
        let text = match members.iter().position(|member| *member == target) {
            Some(first) => {
                members.drain(..first);
                "the request would wait for itself: "
            }
            None if members.len() > MAX_CHAIN => "more than 32 actors would wait for each other: ",
            None => {
                members = vec![sender];
                "the request would wait for itself: "
            }
        };
        members.push(target);
        if members.len() > MAX_NAMED {
            let middle = MAX_NAMED / 2..members.len() - MAX_NAMED / 2;
            members.splice(middle, [Address::NONE]);
        }
        self.walk(Walk { asker: sender, incarnation, corr, members, text: text.to_owned() });
    }

    /// Goes on with a walk that came from another shard.
    pub(super) fn take_walk(&mut self, record: &Record<'_>) {
        let Frame { corr, address: asker, payload, .. } = record.frame;
        let Some((context, start)) = Context::read(payload) else { return };
        let text = String::from_utf8_lossy(payload.get(start..).unwrap_or_default()).into_owned();
        self.walk(Walk { asker, incarnation: record.word, corr, members: context.chain, text });
    }

    fn walk(&mut self, mut walk: Walk) {
        let mut next = 0;
        while let Some(member) = walk.members.get(next).copied() {
            if !member.is_none() && self.owner(member.index) != self.index {
                break;
            }
            next += 1;
            walk.text.push_str(&self.name_of(member));
            if next < walk.members.len() {
                walk.text.push_str(" → ");
            }
        }
        let target = walk.members.last().copied().unwrap_or(Address::NONE);
        walk.members.drain(..next);
        let Walk { asker, incarnation, corr, members, text } = walk;
        let Some(first) = members.first().copied() else {
            return self.fail_ask(asker, incarnation, corr, target, AskError::Cycle, &text);
        };
        let mut payload = Vec::new();
        Context { deadline: record::NEVER, chain: members }.write_to(&mut payload);
        payload.extend_from_slice(text.as_bytes());
        let frame = Frame { kind: record::kind::CYCLE, flags: 0, corr, address: asker, payload: &payload };
        let owner = self.owner(first.index);
        if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            Record { target: first, word: incarnation, frame }.write_to(&mut outbox.records);
        }
    }

    /// The path of an actor of this shard, as far as it is known.
    fn name_of(&mut self, member: Address) -> String {
        if member.is_none() {
            return "…".to_owned();
        }
        if let Some((local, _)) = self.resolve(member) {
            return self.path_of(local).to_string();
        }
        self.ended.get(&member.tag).map_or_else(|| "an actor that has ended".to_owned(), |ended| ended.path.to_string())
    }
}
