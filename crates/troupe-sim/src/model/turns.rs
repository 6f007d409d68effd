//! Turns: what an actor may be given, and what its result does (`TURN-1` … `TURN-6`).

use std::collections::hash_map::Entry;

use troupe_actor::ask::AskError;
use troupe_actor::frame::{self, Frames, kind};
use troupe_actor::reason::ReasonTag;

use super::messages::Payload;
use super::types::{Ending, Frame};
use super::{Deed, Hand, Kind, Model, Notice, Phase, Settled, State, Work};

/// Most frames of a turn (`TURN-5`).
const MAX_FRAMES: usize = 64;
/// How long an actor of an environment that stops itself may take for that (`STOP-3`).
const OWN_STOP_MS: u64 = 5_000;
/// Most bytes of a turn of several frames (`TURN-5`).
const MAX_BYTES: usize = 30 * 1024;

impl Model {
    /// A turn was taken out of an actor's mailbox.
    pub fn take_turn(&mut self, key: usize, frames: &[u8]) {
        self.require_idle(key, Work::Turn);
        let awaiting = std::mem::take(&mut self.actors[key].awaiting);
        let mut taken = Vec::new();
        for frame in &Frames::new(frames).collect::<Vec<_>>() {
            match frame.kind {
                kind::MESSAGE if frame.flags & frame::FLAG_TICK != 0 => {
                    taken.extend(self.place_tick_taken(key, frame).map(Frame::Message));
                }
                kind::TIMER => {
                    self.require(awaiting.is_empty(), "REE-1", || format!("#{key} waits and got a tick"));
                    taken.extend(self.own_tick_taken(key, frame).map(Frame::Tick));
                }
                kind::MESSAGE | kind::ASK => {
                    if let Some(id) =
                        self.message_taken(key, frame.payload, (frame.kind == kind::ASK).then_some(frame.corr))
                    {
                        taken.push(Frame::Message(id));
                    }
                }
                kind::CONTEXT => {}
                kind::PRESSURE => {
                    self.pressure_taken(key, frame, taken.is_empty());
                    taken.push(Frame::Pressure);
                }
                kind::TOPIC => taken.extend(self.copy_taken(key, frame).map(Frame::Message)),
                kind::DOWN => {
                    self.require(awaiting.is_empty(), "REE-1", || format!("#{key} waits and got a notice"));
                    taken.extend(self.notice_taken(key, frame, &taken));
                }
                _ => {
                    let wanted =
                        awaiting.is_empty() || (awaiting.contains(&frame.corr) && frame.kind != kind::SEND_FAILED);
                    self.require(wanted, "REE-1", || format!("#{key} waits for {awaiting:?} and got {}", frame.corr));
                    if let Some(id) = self.answer_taken(key, frame) {
                        taken.push(Frame::Answer(id));
                    }
                }
            }
        }
        let hand = Hand { number: self.next_job(), deadline: u64::MAX, work: Work::Turn, frames: taken, deed: None };
        if awaiting.is_empty() {
            let given: Vec<Frame> = hand.frames.iter().copied().filter(|frame| *frame != Frame::Pressure).collect();
            self.check_front(key, &given);
        }
        self.check_pressure(key);
        self.taken_now.push(key);
        self.check_turn(key, &hand, !awaiting.is_empty(), frames.len());
        self.note(|| format!("#{key} takes {:?}", hand.frames));
        self.actors[key].hand = Some(hand);
    }

    fn next_job(&mut self) -> u64 {
        self.jobs += 1;
        self.jobs
    }

    /// The number of the job that an actor's thread has; `None` when it has none.
    #[must_use]
    pub fn job_of(&self, key: usize) -> Option<u64> {
        self.actors[key].hand.as_ref().map(|hand| hand.number)
    }

    fn require_idle(&mut self, key: usize, work: Work) {
        let actor = &self.actors[key];
        let fits = match work {
            Work::Turn => actor.phase == Phase::Up && !actor.queued_job,
            Work::Start => actor.phase == Phase::Coming && actor.queued_job,
            Work::Stop => actor.phase == Phase::Stopping && actor.queued_job,
            Work::Health => actor.phase == Phase::Up && actor.queued_job,
        };
        if !fits || actor.hand.is_some() {
            let text =
                format!("#{key} was given a {work:?} while it is {:?}, with {:?} in hand", actor.phase, actor.hand);
            self.fail("TURN-1", text);
        }
    }

    fn message_taken(&mut self, key: usize, payload: &[u8], corr: Option<u32>) -> Option<usize> {
        let Some(id) = Payload::read(payload).map(|payload| payload.id).filter(|id| *id < self.messages.len()) else {
            self.fail("DLV-4", format!("#{key} was given a message that nobody sent"));
            return None;
        };
        let message = &self.messages[id];
        let (to, state, settled, len) = (message.to, message.state, message.settled.is_some(), message.len);
        let ask = matches!(message.kind, Kind::Ask(..));
        self.require(to == Some(key), "DLV-1", || format!("m{id} is for {to:?} and was given to #{key}"));
        self.require(len == payload.len(), "DLV-4", || {
            format!("m{id} was sent with {len} bytes, not {}", payload.len())
        });
        self.require(ask == corr.is_some(), "DLV-4", || format!("m{id} is no longer what it was"));
        let aside = self.is_aside(id);
        self.require(!aside, "STH-1", || format!("#{key} was given m{id}, which it has put aside"));
        let rule = match state {
            State::Sent => None,
            State::Held | State::Void => Some("TURN-2"),
            State::InHand | State::Handled | State::Lost(_) | State::Published | State::Gone => Some("DLV-1"),
            State::Failed => Some("MBX-3"),
        };
        if let Some(rule) = rule {
            self.fail(rule, format!("#{key} was given m{id}, which is {state:?}"));
        }
        if let Some(corr) = corr {
            let cycle = self.messages[id].cycle;
            self.require(!cycle, "REE-2", || format!("#{key} was given m{id}, which waits for itself"));
            self.require(!settled, "ASK-3", || format!("#{key} was given m{id}, which was settled before"));
            self.actors[key].open.insert(corr, id);
        }
        self.messages[id].state = State::InHand;
        Some(id)
    }

    fn check_turn(&mut self, key: usize, hand: &Hand, awaited: bool, bytes: usize) {
        let messages: Vec<usize> = hand.messages().collect();
        let lasting: Vec<Frame> = hand.frames.iter().copied().filter(Frame::survives).collect();
        let count = hand.frames.iter().filter(|frame| **frame != Frame::Pressure).count();
        let first = lasting.first().copied();
        while let Some(next) = self.actors[key].replay.front().copied() {
            let perhaps = matches!(next, Frame::Message(id) if self.may_be_another(&self.messages[id]));
            if !self.is_void(next) && (!perhaps || first.is_none_or(|first| first == next)) {
                break;
            }
            self.actors[key].replay.pop_front();
        }
        let Self { actors, now, .. } = self;
        let actor = &mut actors[key];
        let wrong = if count == 0 || count > MAX_FRAMES || (count > 1 && bytes > MAX_BYTES && !awaited) {
            Some(("TURN-5", format!("a turn of {count} frames and {bytes} bytes")))
        } else if awaited && !messages.is_empty() {
            Some(("REE-1", format!("it waits for an answer and was given {messages:?}")))
        } else if actor.ending == Some(Ending::Stop) && !messages.is_empty() {
            Some(("STOP-1", format!("it was asked to stop and was given {messages:?}")))
        } else if (!actor.traits.batches || actor.single) && count > 1 && !awaited {
            Some(("TURN-4", format!("it takes one at a time and was given {count}")))
        } else if actor.cautious > *now && lasting.len() > 1 {
            Some(("TURN-3", format!("it is cautious until {} and was given {lasting:?}", actor.cautious)))
        } else if let (Some(next), Some(first)) = (actor.replay.front(), lasting.first())
            && (lasting.len() > 1 || first != next)
        {
            Some(("TURN-3", format!("its replay goes on with {next:?} and it was given {lasting:?}")))
        } else {
            None
        };
        if let Some((rule, text)) = wrong {
            self.fail(rule, format!("#{key}: {text}"));
        }
    }

    /// Whether what is left of a crashed turn will not come any more.
    pub(super) fn is_void(&self, frame: Frame) -> bool {
        match frame {
            Frame::Message(id) => {
                let message = &self.messages[id];
                let dead = message.settled.is_some() && matches!(message.kind, Kind::Ask(..));
                matches!(message.state, State::Lost(_) | State::Gone) || (message.state != State::InHand && dead)
            }
            Frame::Notice(id) => self.watches[id].notice == Notice::Back,
            Frame::Answer(_) | Frame::Tick(_) | Frame::Pressure => true,
        }
    }

    /// Another job than a turn was taken.
    pub fn take_job(&mut self, key: usize, work: Work) {
        self.require_idle(key, work);
        self.note(|| format!("#{key} takes its {work:?}"));
        let (number, now) = (self.next_job(), self.now);
        let actor = &mut self.actors[key];
        actor.queued_job = false;
        let deadline = match work {
            Work::Start => now.saturating_add(actor.traits.start_ms).saturating_add(1),
            _ => u64::MAX,
        };
        actor.hand = Some(Hand { number, deadline, work, frames: Vec::new(), deed: None });
        if work == Work::Health {
            self.watch_probe(key);
        }
        if deadline != u64::MAX {
            self.mark(deadline);
        }
    }

    /// A turn that left its thread half-way was taken up again.
    pub fn take_again(&mut self, key: usize) {
        let actor = &mut self.actors[key];
        let fits = actor.queued_job && actor.hand.is_some();
        actor.queued_job = false;
        let number = self.next_job();
        self.actors[key].hand.iter_mut().for_each(|hand| hand.number = number);
        self.require(fits, "TURN-1", || format!("#{key} goes on with a turn that it did not begin"));
    }

    /// A turn comes back from a port's thread without having run.
    pub fn give_back(&mut self, key: usize, suspended: bool) {
        let actor = &mut self.actors[key];
        if suspended {
            actor.queued_job = true;
            return;
        }
        let Some(hand) = actor.hand.take() else { return };
        self.put_back(key, &hand.frames);
    }

    /// Frames of a turn go back to the front of the mailbox.
    pub(super) fn put_back(&mut self, key: usize, frames: &[Frame]) {
        self.front_put_back(key, frames);
        for frame in frames {
            match *frame {
                Frame::Message(id) => {
                    self.messages[id].state = State::Sent;
                    self.copy_put_back(id);
                    self.place_tick_put_back(id);
                }
                Frame::Tick(id) => self.tick_put_back(id),
                Frame::Notice(id) if self.watches[id].notice == Notice::InHand => {
                    self.watches[id].notice = Notice::Queued;
                }
                _ => {}
            }
        }
    }

    /// A turn is about to be committed: what it does is fixed now.
    pub(super) fn commit_turn(&mut self, key: usize, hand: &Hand) {
        let deed = hand.deed.clone().unwrap_or_default();
        self.note(|| format!("#{key} commits {deed:?}"));
        if self.actors[key].killed {
            hand.messages().for_each(|id| self.messages[id].state = State::Sent);
            self.void(&deed);
            return;
        }
        match deed.failed {
            Some(tag) => self.turn_crashes(key, hand, &deed, tag),
            None => self.turn_succeeds(key, hand, &deed),
        }
        if self.faults.subscribe > 0 {
            self.drop_behind(key);
        }
    }

    /// What was never done must never be seen.
    pub(crate) fn void(&mut self, deed: &Deed) {
        deed.emitted.iter().for_each(|id| self.messages[*id].state = State::Void);
        self.void_bonds(deed);
        self.void_topics(deed);
    }

    pub(super) fn turn_succeeds(&mut self, key: usize, hand: &Hand, deed: &Deed) {
        self.commit_chains(key, deed);
        for reply in &deed.replies {
            let ask = self.actors[key].open.get(&reply.corr).copied();
            // One that went back into the queue is not the handler's to answer.
            if let Some(id) = ask.filter(|id| matches!(self.messages[*id].state, State::InHand | State::Handled)) {
                let value = reply.payload.clone();
                self.settle(id, if reply.failed { Settled::Refusal(value) } else { Settled::Value(value) });
            }
        }
        let replays = self.is_replaying(key);
        let unhandled = self.commit_stash(hand, deed);
        self.commit_topics(key, deed);
        for (at, frame) in hand.frames.iter().enumerate() {
            match (at < deed.consumed as usize, *frame) {
                (true, frame) if unhandled.contains(&at) => self.leaves_replay(key, frame),
                (true, Frame::Message(id)) => self.message_handled(key, id),
                (true, Frame::Answer(id)) => self.messages[id].told = true,
                (true, Frame::Notice(id)) => self.notice_handled(key, id),
                (true, Frame::Tick(id)) => self.tick_handled(id),
                (true, Frame::Pressure) => {}
                (false, _) => {}
            }
        }
        let rest = hand.frames.get(deed.consumed as usize..).unwrap_or_default();
        self.put_back(key, rest);
        self.move_stash(key, hand, deed, &unhandled, replays);
        let own = self.shard_of(self.actors[key].address);
        for id in &deed.emitted {
            let id = *id;
            self.messages[id].state = State::Sent;
            if self.shard_of(self.messages[id].address) == own {
                self.arrive(id);
            }
        }
        self.commit_bonds(key, deed);
        self.commit_timers(key, deed);
        let messages = &self.messages;
        self.actors[key].open.retain(|_, id| messages[*id].settled.is_none());
        let actor = &mut self.actors[key];
        actor.awaiting.clone_from(&deed.awaits);
        if deed.stops && actor.ending.is_none() {
            actor.ending = Some(Ending::Stop);
            // A life that is being killed is not given another grace to go down in.
            actor.killed |= actor.life_killed;
            if actor.traits.external.is_some() {
                actor.graces.push(self.now + OWN_STOP_MS + 1);
                self.mark(self.now + OWN_STOP_MS + 1);
            }
        }
    }

    fn message_handled(&mut self, key: usize, id: usize) {
        self.totals.handled += 1;
        let message = &mut self.messages[id];
        message.state = State::Handled;
        let (from, sequence) = (message.from, message.sequence);
        if matches!(message.kind, Kind::Copy(_) | Kind::Tick(_)) {
            self.copy_handled(key, id);
            self.place_tick_handled(id);
            return self.leaves_replay(key, Frame::Message(id));
        }
        if message.aside {
            // It comes when it was taken back.
            return self.leaves_replay(key, Frame::Message(id));
        }
        self.in_order_of_coming(key, id);
        let before = match self.last_handled.entry((from, key)) {
            Entry::Occupied(mut entry) => entry.insert(sequence),
            Entry::Vacant(entry) => {
                entry.insert(sequence);
                0
            }
        };
        self.require(before < sequence, "ORD-1", || {
            format!("#{key} handled message {sequence} of {from:?}, m{id}, after message {before}")
        });
        self.leaves_replay(key, Frame::Message(id));
    }

    fn leaves_replay(&mut self, key: usize, frame: Frame) {
        let replay = &mut self.actors[key].replay;
        if replay.front() == Some(&frame) {
            replay.pop_front();
        }
    }

    fn notice_handled(&mut self, key: usize, id: usize) {
        self.watches[id].notice = Notice::Told;
        self.leaves_replay(key, Frame::Notice(id));
    }

    fn turn_crashes(&mut self, key: usize, hand: &Hand, deed: &Deed, tag: ReasonTag) {
        self.void(deed);
        let lasting: Vec<Frame> = hand.frames.iter().copied().filter(Frame::survives).collect();
        let several = lasting.len() > 1;
        let mut free = false;
        match lasting[..] {
            [] => {}
            [culprit] => {
                let actor = &mut self.actors[key];
                if actor.replay.front() == Some(&culprit) {
                    actor.replay.pop_front();
                    free = std::mem::take(&mut actor.replay_free);
                }
                match culprit {
                    Frame::Message(id) => {
                        actor.poisoned = Some(id);
                        self.totals.failed += 1;
                        self.settle_ask(id, AskError::Crashed);
                        self.place_tick_handled(id);
                    }
                    Frame::Notice(id) => self.watches[id].notice = Notice::Told,
                    Frame::Answer(_) | Frame::Tick(_) | Frame::Pressure => {}
                }
            }
            _ => {
                self.put_back(key, &lasting);
                let actor = &mut self.actors[key];
                actor.replay = lasting.into();
                actor.replay_free = true;
            }
        }
        self.settle_open(key, AskError::Crashed);
        self.actors[key].awaiting.clear();
        let uptime = self.now.saturating_sub(self.actors[key].since);
        let tag = self.crash_tag(key, tag, deed);
        self.fails(key, tag, uptime, deed.deterministic, several, free);
    }

    /// Asks that an actor consumed and did not answer are settled by its crash or its end.
    pub(super) fn settle_open(&mut self, key: usize, error: AskError) {
        self.take_all_back(key);
        let mut open: Vec<usize> = self.actors[key].open.drain().map(|(_, id)| id).collect();
        open.sort_unstable();
        for id in open {
            if self.messages[id].state == State::Handled {
                self.settle_ask(id, error);
            }
        }
    }

    fn settle_ask(&mut self, id: usize, error: AskError) {
        if matches!(self.messages[id].kind, Kind::Ask(..)) {
            self.settle(id, Settled::Error(error));
        }
    }
}
