//! Room: who waits for it, in which order, how long, and what is said about how full a mailbox is
//! (`OVF-2`, `OVF-3`, `OVF-6`).
//!
//! The kernel says how many messages an actor accepted and how many wait. Those that wait are the last that
//! came, so the model knows which they are; everything else follows from that.

use troupe_actor::event::Subject;
use troupe_actor::frame::{self, Frame};
use troupe_actor::record::FOREVER;
use troupe_actor::shard::ActorStatus;
use troupe_actor::spec::Overflow;

use super::{Kind, Message, Model, Party, Phase, Settled, State};

/// Bytes of a frame in front of its payload, which is padded to eight.
const HEADER_BYTES: usize = 24;

/// What is known of the room in front of an actor.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// Messages that found it alive.
    pub offered: u64,
    /// Messages came that nobody can number: copies of what was published, ticks.
    pub blurred: bool,
    /// Those that came and may wait, in order.
    line: Vec<usize>,
    /// Those that waited when the last step was over.
    pub waiting: Vec<usize>,
    /// The number of the last message that it handled, among those that came to it.
    last: u64,
    /// It was said to be full, and not to be empty again since.
    high: bool,
    /// What the last turn was told: messages and bytes, and whether that is a lot.
    told: Option<(u32, u32, bool)>,
}

impl Model {
    /// A message found its target alive.
    pub(super) fn comes(&mut self, id: usize) {
        let message = &self.messages[id];
        let Some(key) = message.to else { return };
        if matches!(message.kind, Kind::Tick(_)) {
            self.actors[key].room.blurred = true;
            return;
        }
        let wait = self.longest_wait(message, key);
        let now = self.now;
        let room = &mut self.actors[key].room;
        room.offered += 1;
        room.line.push(id);
        let number = room.offered;
        let message = &mut self.messages[id];
        message.number = number;
        message.room_due = if wait == 0 { 0 } else { now.saturating_add(wait).saturating_add(1) };
        let due = message.room_due;
        self.mark(due);
    }

    /// It was not sent after all.
    pub(super) fn comes_not(&mut self, id: usize) {
        let message = &self.messages[id];
        if let Some(key) = message.to.filter(|_| message.number > 0) {
            let room = &mut self.actors[key].room;
            room.offered -= 1;
            room.line.retain(|other| *other != id);
        }
    }

    /// How long a message may wait for room in front of an actor, in milliseconds.
    fn longest_wait(&self, message: &Message, key: usize) -> u64 {
        let mailbox = &self.actors[key].traits.mailbox;
        if mailbox.overflow != Overflow::Wait || message.from == Party::Actor(key) {
            return 0;
        }
        match (message.kind, message.from) {
            (Kind::Send(_, FOREVER), _) => u64::MAX,
            (Kind::Send(_, own), _) => u64::from(own),
            (Kind::Ask(..), _) => mailbox.wait_ms.min(message.due.saturating_sub(self.now + 1)),
            (_, Party::Port(_)) => 0,
            (_, Party::Actor(_)) => mailbox.wait_ms,
        }
    }

    /// Why a message cannot be refused for want of room just now; `None` when it can.
    pub(super) fn why_no_room(&self, id: usize) -> Option<String> {
        let message = &self.messages[id];
        let actor = &self.actors[message.to?];
        // A mailbox that drops its oldest may lose what it took.
        if actor.traits.mailbox.overflow != Overflow::Wait || message.number == 0 {
            return None;
        }
        let early = message.room_due > self.now;
        early.then(|| format!("it may wait for room until {}", message.room_due))
    }

    /// A step is over: who waits, and should they?
    pub(super) fn sync_room(&mut self, key: usize, status: &ActorStatus, ran: u64) {
        let early = self.early_marks.iter().rfind(|(address, _)| *address == status.address).copied();
        if let Some((address, high)) = early {
            self.actors[key].room.high = high;
            self.early_marks.retain(|(other, _)| *other != address);
        }
        self.sync_water(key, status);
        self.sync_told(key, status);
        let (offered, blurred) = (self.actors[key].room.offered, self.actors[key].room.blurred);
        if blurred {
            return self.actors[key].room.waiting.clear();
        }
        let refused: u64 = status.counters.refused.iter().sum();
        let (accepted, waiting) = (status.counters.accepted, status.waiting);
        self.require(offered == accepted + refused + u64::from(waiting), "DLV-2", || {
            format!("{offered} messages came to #{key}: {accepted} accepted, {refused} refused, {waiting} waiting")
        });
        let mut line = std::mem::take(&mut self.actors[key].room.line);
        line.retain(|id| matches!(self.messages[*id].state, State::Sent));
        let left = line.split_off(line.len().saturating_sub(waiting as usize));
        self.require(left.len() == waiting as usize, "OVF-2", || {
            format!("{waiting} messages wait in front of #{key}, of {left:?}")
        });
        for id in &left {
            self.check_waiting(*id, key, ran);
        }
        self.check_room(key, status, left.first().copied());
        let room = &mut self.actors[key].room;
        (room.line, room.waiting) = (left.clone(), left);
    }

    fn check_waiting(&mut self, id: usize, key: usize, ran: u64) {
        let message = &self.messages[id];
        let (due, from, kind) = (message.room_due, message.from, message.kind);
        let confirmed = matches!(kind, Kind::Send(..)) && matches!(message.settled, Some(Settled::Value(_)));
        self.require(due > ran, "OVF-2", || format!("m{id} waits in front of #{key} at {ran}, until {due} at most"));
        self.require(!confirmed, "DLV-3", || {
            format!("m{id} waits in front of #{key}, and its port heard that it is in")
        });
        let Party::Actor(sender) = from else { return };
        let near = self.shard_of(self.actors[sender].address) == self.shard_of(self.actors[key].address);
        // A turn on a port's thread begins and ends in one step.
        let taken = near && self.taken_now.contains(&sender) && self.actors[sender].hand.is_some();
        self.require(!taken, "OVF-2", || {
            format!("#{sender} was given a turn while its m{id} waits in front of #{key}")
        });
    }

    /// Whoever waits does so for want of room, and at a mailbox that is open.
    fn check_room(&mut self, key: usize, status: &ActorStatus, first: Option<usize>) {
        let Some(id) = first else { return };
        let actor = &self.actors[key];
        let limits = actor.traits.mailbox;
        let closed = actor.ending.is_some() && !actor.killed;
        let bytes = HEADER_BYTES + self.messages[id].len.next_multiple_of(8);
        let fits =
            status.queued == 0 || (status.queued < limits.max_messages && status.bytes + bytes <= limits.max_bytes);
        let killed = actor.killed;
        self.require(!closed, "STOP-1", || format!("m{id} waits in front of #{key}, which takes nothing more"));
        self.require(!fits || killed, "OVF-2", || {
            format!("m{id} waits in front of #{key}, where {} messages, {} bytes are", status.queued, status.bytes)
        });
    }

    /// A message that waited or not was handled: those that came before it were, too.
    pub(super) fn in_order_of_coming(&mut self, key: usize, id: usize) {
        let number = self.messages[id].number;
        let last = std::mem::replace(&mut self.actors[key].room.last, number);
        self.require(number == 0 || last < number, "OVF-2", || {
            format!("#{key} handled m{id}, which came as number {number}, after number {last}")
        });
    }

    /// A mailbox is said to have filled up, or emptied.
    pub(super) fn water(&mut self, subject: &Subject, high: bool, queued: u32, capacity: u32) {
        let Some(key) = self.subject_at(subject.address) else {
            // A place that the tree makes may be full before anybody hears of it.
            return self.early_marks.push((subject.address, high));
        };
        let actor = &mut self.actors[key];
        let twice = std::mem::replace(&mut actor.room.high, high) == high;
        let (ended, max) = (actor.phase == Phase::Ended, actor.traits.mailbox.max_messages);
        let bytes = actor.traits.mailbox.max_bytes < (1 << 20);
        self.note(|| format!("#{key} is high: {high}, {queued} of {capacity}"));
        self.require(!twice, "OVF-6", || format!("#{key} is said to be high: {high}, twice in a row"));
        self.require(!ended, "OVF-6", || format!("#{key} has ended, and its mailbox is said to be high: {high}"));
        self.require(capacity == max, "OVF-6", || format!("#{key} holds {max} messages, not {capacity}"));
        let right = if high { bytes || queued * 5 >= max * 4 } else { queued <= max / 2 };
        self.require(right, "OVF-6", || format!("#{key} is said to be high: {high}, with {queued} of {max}"));
    }

    /// Whoever wants to hear of it knows how full a mailbox is.
    fn sync_water(&mut self, key: usize, status: &ActorStatus) {
        let actor = &self.actors[key];
        let limits = actor.traits.mailbox;
        let (queued, bytes, high) = (status.queued, status.bytes, actor.room.high);
        // Answers, notices and ticks take bytes: where there are any, bytes say nothing here.
        let plain =
            actor.tags.is_empty() && !self.has_timers(key) && !self.watches.iter().any(|watch| watch.watcher == key);
        let full = queued * 5 >= limits.max_messages * 4 || (plain && bytes * 5 >= limits.max_bytes * 4);
        let empty = queued <= limits.max_messages / 2 && bytes <= limits.max_bytes / 2;
        let empty = empty && (plain || limits.max_bytes == 1 << 20);
        let wrong = if high { empty } else { full };
        let ends = actor.ending.is_some() || actor.killed;
        self.require(!wrong || ends, "OVF-6", || {
            format!("#{key} holds {queued} messages, {bytes} bytes, and was said to be high: {high}")
        });
    }

    /// A turn begins with the frame that says how full the mailbox is.
    pub(super) fn pressure_taken(&mut self, key: usize, frame: &Frame<'_>, first: bool) {
        let word = |index: usize| frame::word(frame.payload, 4 * index).unwrap_or_default();
        let limits = self.actors[key].traits.mailbox;
        let right = first && (word(2), word(3) as usize) == (limits.max_messages, limits.max_bytes);
        self.require(right, "OVF-6", || {
            format!("#{key} is told of {} messages, {} bytes; it is the first frame: {first}", word(2), word(3))
        });
        self.actors[key].room.told = Some((word(0), word(1), frame.flags & frame::FLAG_HIGH != 0));
    }

    /// Each turn of whoever wants that begins with such a frame, and no other's does.
    pub(super) fn check_pressure(&mut self, key: usize) {
        let (wanted, told) = (self.actors[key].traits.pressure, self.actors[key].room.told.is_some());
        self.require(wanted == told, "OVF-6", || {
            format!("#{key} wants to know how full it is: {wanted}, hears: {told}")
        });
    }

    /// What a turn was told is what was there when it was taken.
    fn sync_told(&mut self, key: usize, status: &ActorStatus) {
        let Some((queued, bytes, high)) = self.actors[key].room.told.take() else { return };
        let limits = self.actors[key].traits.mailbox;
        if !self.actors[key].is_held() {
            return;
        }
        let found = status.queued + status.in_hand;
        self.require(queued == found, "OVF-6", || format!("#{key} is told of {queued} messages, there are {found}"));
        let full =
            queued * 5 >= limits.max_messages * 4 || bytes as usize * 5 >= limits.max_bytes * 4 || status.waiting > 0;
        self.require(full == high, "OVF-6", || {
            format!("#{key} is told that {queued} messages, {bytes} bytes are a lot: {high}, {} wait", status.waiting)
        });
    }
}
