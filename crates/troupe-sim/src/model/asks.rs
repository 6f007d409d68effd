//! Asks: each settles exactly once, with what really became of it (`ASK-2`).

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::frame::{self, Frame, kind};
use troupe_actor::record::FOREVER;
use troupe_actor::spec::Overflow;

use super::messages::error_of;
use super::types::{Expect, Slot, Waits};
use super::{Kind, Model, Party, Settled, State};

impl Model {
    /// A slot of a port begins to wait.
    pub fn wait(&mut self, port: u32, slot: u32, what: Waits) {
        let before = self.slots.insert((port, slot), Slot { what, settled: false });
        assert!(before.is_none(), "slot {slot} of port {port} is in use");
        if let Waits::End(key) = what {
            self.actors[key].watchers.push((port, slot));
        }
    }

    /// A slot waits no more.
    pub fn forget(&mut self, port: u32, slot: u32) {
        self.slots.remove(&(port, slot));
    }

    /// Whether a slot waits.
    #[must_use]
    pub fn waits(&self, port: u32, slot: u32) -> bool {
        self.slots.get(&(port, slot)).is_some_and(|slot| !slot.settled)
    }

    /// A slot has heard; what it waited for, unless that is a surprise.
    pub(super) fn settle_slot(&mut self, port: u32, slot: u32) -> Option<Waits> {
        let Some(waits) = self.slots.get_mut(&(port, slot)) else {
            self.fail("ASK-2", format!("slot {slot} of port {port} was told without waiting"));
            return None;
        };
        let (what, again) = (waits.what, std::mem::replace(&mut waits.settled, true));
        if again {
            let rule = if matches!(what, Waits::End(_)) { "MON-1" } else { "ASK-2" };
            self.fail(rule, format!("slot {slot} of port {port}, {what:?}, was told twice"));
            return None;
        }
        Some(what)
    }

    /// Whether a slot has heard what it waited for.
    pub(super) fn has_heard(&self, slot: (u32, u32)) -> bool {
        self.slots.get(&slot).is_none_or(|slot| slot.settled)
    }

    /// Slots that still wait, and what for.
    pub(super) fn waiting_slots(&self) -> Vec<(u32, Waits)> {
        let mut open: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| !slot.settled)
            .map(|((_, number), slot)| (*number, slot.what))
            .collect();
        open.sort_by_key(|(number, _)| *number);
        open
    }

    /// The kernel must settle an ask, or confirm a send, in this way now.
    pub(super) fn settle(&mut self, id: usize, how: Settled) {
        let shard = self.shard_of(self.messages[id].address);
        let message = &mut self.messages[id];
        if message.settled.is_some() {
            return;
        }
        self.totals.settled += 1;
        message.settled = Some(how.clone());
        let port = matches!(message.from, Party::Port(_));
        self.note(|| format!("m{id} settles: {}", shown(&how)));
        if port {
            self.untold[shard].push(id);
        }
    }

    /// The timers of a shard are about to run: deadlines that have passed settle their asks.
    pub fn expire(&mut self, shard: usize) {
        while let Some((due, id)) = self.due[shard].first().copied() {
            if due > self.now {
                break;
            }
            self.due[shard].pop_first();
            self.settle(id, Settled::Error(AskError::Timeout));
        }
    }

    /// The timers of a shard ran, and it was flushed: who waited long enough for room was told.
    fn check_sends(&mut self, shard: usize) {
        while let Some((due, id)) = self.due_sends[shard].first().copied() {
            if due > self.now {
                break;
            }
            self.due_sends[shard].pop_first();
            if !self.messages[id].told {
                self.fail("OVF-2", format!("m{id} still waits for room at {}, until {due} at most", self.now));
            }
        }
    }

    /// A shard was flushed: ports know of everything that was settled there. `current` says that its
    /// timers ran at this time.
    pub fn flushed(&mut self, shard: usize, current: bool) {
        if current {
            self.check_sends(shard);
        }
        for id in std::mem::take(&mut self.untold[shard]) {
            let message = &self.messages[id];
            if !message.told {
                let text =
                    format!("m{id} to {:?} was settled, {:?}, but its port was not told", message.to, message.settled);
                self.fail("ASK-2", text);
            }
        }
    }

    /// A port was told of a slot: an answer (status 0), or a failure.
    pub fn completed(&mut self, port: u32, slot: u32, status: u32, payload: &[u8]) {
        match self.settle_slot(port, slot) {
            Some(Waits::Message(id)) if matches!(self.messages[id].kind, Kind::Send(..)) => self.confirmed(id, status),
            Some(Waits::Message(id)) => self.answered(id, status, payload),
            Some(Waits::Publication(id)) => self.counted(id, status, payload),
            Some(Waits::Shutdown) => {
                let vanishes = |key: &&usize| !matches!(self.actors[**key].expect, Some(Expect::Vanish(_)));
                let live = self.live.iter().filter(vanishes).count();
                self.require(live == 0, "SHUT-2", || format!("the shutdown was told of with {live} actors left"));
            }
            Some(what) => self.fail("ASK-2", format!("slot {slot}, {what:?}, was told of a value")),
            None => {}
        }
    }

    fn confirmed(&mut self, id: usize, status: u32) {
        self.messages[id].told = true;
        let expected = self.messages[id].settled.clone();
        match (status, expected) {
            (0, None) => {
                // In the mailbox: from now on it can be lost, but not refused.
                self.messages[id].settled = Some(Settled::Value(Vec::new()));
                let target = self.messages[id].to;
                let ended = target.is_none_or(|key| !self.actors[key].is_live());
                let lost = ended && self.messages[id].state == State::Sent;
                let arrived = self.messages[id].arrived;
                self.require(!lost && arrived, "DLV-3", || format!("m{id} was accepted by nobody, {target:?}"));
            }
            (status, Some(Settled::Error(error))) if error as u32 == status => {}
            // Accepted, and lost before the port heard so.
            (0, Some(Settled::Error(_))) if self.was_accepted(id) => {}
            (status, expected) => self.fail("DLV-3", format!("m{id}: the port heard {status}, expected {expected:?}")),
        }
    }

    /// Whether a lost message may have been in the mailbox before.
    fn was_accepted(&self, id: usize) -> bool {
        let message = &self.messages[id];
        let Some(key) = message.to else { return false };
        match message.state {
            State::Lost(LossReason::MailboxFull) => self.actors[key].traits.mailbox.overflow == Overflow::DropOldest,
            State::Lost(LossReason::NoSuchActor | LossReason::TooLarge) => false,
            State::Lost(_) | State::Failed => true,
            _ => false,
        }
    }

    fn answered(&mut self, id: usize, status: u32, payload: &[u8]) {
        self.messages[id].told = true;
        self.foretell(id);
        if let Some(wrong) = self.why_wrong(id, status, payload) {
            self.fail("ASK-2", format!("m{id}: {wrong}"));
        }
    }

    /// An ask that its target held is settled by the target's end, which is under way.
    pub(super) fn foretell(&mut self, id: usize) {
        let message = &self.messages[id];
        if message.settled.is_some() || message.state != State::Handled {
            return;
        }
        // A queued job of a life that was killed is dropped when its turn comes, and the life with it.
        let dropped = |key: usize| self.actors[key].life_killed && !self.actors[key].is_held();
        let loss = message.to.and_then(|key| self.going(key).or_else(|| dropped(key).then_some(LossReason::Stopped)));
        if let Some(loss) = loss {
            self.settle(id, Settled::Error(error_of(loss)));
        }
    }

    /// What is wrong with an answer; `None` when it is what became of the ask.
    fn why_wrong(&self, id: usize, status: u32, payload: &[u8]) -> Option<String> {
        let message = &self.messages[id];
        let fits = match &message.settled {
            None => return Some(format!("the asker heard {status}, but nothing settled it: {message:?}")),
            Some(Settled::Value(value)) => status == 0 && payload == value,
            Some(Settled::Refusal(value)) => status == AskError::HandlerError as u32 && payload == value,
            Some(Settled::Error(error)) => status == *error as u32,
        };
        let Kind::Ask(_, timeout) = message.kind else { return Some("it was no ask".to_owned()) };
        let early = status == AskError::Timeout as u32 && (timeout == FOREVER || self.now + 1 < message.due);
        if early {
            return Some(format!("timed out at {}, due at {}, {timeout} ms", self.now, message.due));
        }
        (!fits).then(|| format!("the asker heard {status} {payload:?}, expected {:?}", message.settled))
    }

    /// A handler crashed, and the port of its ask was told so.
    pub fn crashed(&mut self, port: u32, slot: u32, error: AskError) {
        match self.settle_slot(port, slot) {
            Some(Waits::Message(id)) => self.answered(id, error as u32, &[]),
            Some(what) => self.fail("ASK-2", format!("slot {slot}, {what:?}, was told of a crash")),
            None => {}
        }
    }

    /// A port gives up on an ask.
    pub fn abort(&mut self, port: u32, slot: u32) {
        if let Some(Slot { what: Waits::Message(id), settled: false }) = self.slots.get(&(port, slot)).copied()
            && self.messages[id].arrived
        {
            self.settle(id, Settled::Error(AskError::Aborted));
        }
    }

    /// An actor is given an answer, or the report of a refusal: which message it is about.
    pub(super) fn answer_taken(&mut self, key: usize, frame: &Frame<'_>) -> Option<usize> {
        let Some(id) = self.actors[key].tags.get(&frame.corr).copied() else {
            self.fail("ASK-4", format!("#{key} got an answer with tag {} that it never gave", frame.corr));
            return None;
        };
        let (incarnation, current) = (self.messages[id].incarnation, self.actors[key].incarnation);
        let (told, state) = (self.messages[id].told, self.messages[id].state);
        self.require(incarnation == current, "ASK-4", || {
            format!("life {current} of #{key} got the answer to m{id}, which life {incarnation} sent")
        });
        self.require(!told, "ASK-2", || format!("#{key} got a second answer to m{id}"));
        self.require(state != State::Void, "TURN-2", || format!("#{key} got an answer to m{id}, which was never sent"));
        self.foretell(id);
        let code = frame::word(frame.payload, 0).unwrap_or(0);
        let text = frame.payload.get(4..).unwrap_or_default();
        let wrong = match (frame.kind, self.messages[id].kind, self.messages[id].state) {
            (kind::REPLY, Kind::Ask(..), _) => self.why_wrong(id, 0, frame.payload),
            (kind::ASK_FAILED, Kind::Ask(..), _) => self.why_wrong(id, code, text),
            (kind::SEND_FAILED, Kind::Reported(_), State::Lost(loss)) if error_of(loss) as u32 == code => None,
            (got, sent, state) => Some(format!("a frame of kind {got} about {sent:?} that is {state:?}, code {code}")),
        };
        if let Some(wrong) = wrong {
            self.fail("ASK-2", format!("#{key}: m{id}: {wrong}"));
        }
        Some(id)
    }
}

fn shown(how: &Settled) -> String {
    match how {
        Settled::Value(_) => "answered".to_owned(),
        Settled::Refusal(_) => "answered with an error".to_owned(),
        Settled::Error(error) => format!("{error:?}"),
    }
}
