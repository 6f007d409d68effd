//! What handlers do: decided by the seed, and by the message where that says so.

mod stash;
pub mod timers;
mod topics;

use troupe_actor::frame::{self, Frame, Frames, effect, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::record;

use crate::model::{Bond, Deed, Kind, Model, Party, Payload, Reply, Script, Task};

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returns the result.
    Returns,
    /// It traps with this reason.
    Traps(ReasonTag),
    /// It panics.
    Panics,
}

/// A handler at work.
struct Writer {
    deed: Deed,
    bytes: Vec<u8>,
    /// The request that is handled now and was not answered.
    request: Option<Request>,
}

/// A request in a handler's hands.
#[derive(Clone, Copy, Debug)]
struct Request {
    corr: u32,
    id: usize,
    asker: Address,
}

impl Writer {
    fn push(&mut self, kind: u16, flags: u16, corr: u32, address: Address, payload: &[u8]) {
        Frame { kind, flags, corr, address, payload }.write_to(&mut self.bytes);
    }
}

/// Reasons that a guest can give rise to.
const TRAPS: [ReasonTag; 6] = [
    ReasonTag::Trap,
    ReasonTag::Deadline,
    ReasonTag::StackOverflow,
    ReasonTag::Oom,
    ReasonTag::Exit,
    ReasonTag::Normal,
];

impl Model {
    /// Runs a turn of an actor: how it ends, and the result's bytes.
    pub fn handle(&mut self, key: usize, turn: &[u8], killed: bool) -> (End, Vec<u8>) {
        let count = Frames::new(turn).count() as u32;
        let mut writer = Writer { deed: Deed { consumed: count, ..Deed::default() }, bytes: Vec::new(), request: None };
        let mut end = End::Returns;
        // Whoever looks sees that it was killed; one that computes does not look.
        if killed && self.random.coin() {
            end = End::Traps(ReasonTag::Killed);
        }
        let mut taken = 0;
        for frame in Frames::new(turn) {
            if end != End::Returns {
                break;
            }
            taken += 1;
            end = self.handle_frame(key, &frame, count, &mut writer);
            if !writer.deed.awaits.is_empty() {
                writer.deed.consumed = taken;
                break;
            }
        }
        if writer.deed.awaits.is_empty() && count > 1 && self.random.permille(self.faults.partial) {
            writer.deed.consumed = 1 + self.random.below(count);
        }
        self.answer_late(key, &mut writer);
        if end == End::Returns {
            let consumed = writer.deed.consumed;
            self.deal_with_stash(turn, consumed, &mut writer);
        }
        let bytes = self.finish(&mut writer, &mut end, count);
        writer.deed.returned = end == End::Returns;
        if let End::Traps(tag) = end {
            writer.deed.failed = Some(tag);
        } else if end == End::Panics {
            writer.deed.failed = Some(ReasonTag::HostPanic);
        }
        match self.actors[key].hand.as_mut() {
            Some(hand) => hand.deed = Some(writer.deed),
            None => self.fail("TURN-1", format!("#{key} handles a turn that it was not given")),
        }
        (end, bytes)
    }

    /// An environment handles the frames of a turn: up to one that crashes, stops its actor or has to wait.
    pub(super) fn handle_outside(&mut self, key: usize, task: &Task) -> (u16, Deed, Vec<u8>) {
        let deed = Deed { returned: true, ..Deed::default() };
        let mut writer = Writer { deed, bytes: Vec::new(), request: None };
        let count = Frames::new(&task.frames).count() as u32;
        for frame in Frames::new(&task.frames) {
            if !task.begun && self.random.permille(200) {
                let consumed = writer.deed.consumed;
                self.deal_with_stash(&task.frames, consumed, &mut writer);
                return (record::kind::WORK_BEGUN, writer.deed, writer.bytes);
            }
            let (before, len) = (writer.deed.clone(), writer.bytes.len());
            if self.handle_frame(key, &frame, count, &mut writer) != End::Returns {
                let lost = Deed {
                    emitted: writer.deed.emitted.split_off(before.emitted.len()),
                    bonds: writer.deed.bonds.split_off(before.bonds.len()),
                    topics: writer.deed.topics.split_off(before.topics.len()),
                    ..Deed::default()
                };
                self.void(&lost);
                writer.bytes.truncate(len);
                writer.deed = Deed { failed: Some(ReasonTag::Trap), ..before };
                break;
            }
            writer.deed.consumed += 1;
            if writer.deed.stops {
                break;
            }
        }
        let consumed = writer.deed.consumed;
        self.deal_with_stash(&task.frames, consumed, &mut writer);
        (record::kind::WORK_DONE, writer.deed, writer.bytes)
    }

    fn handle_frame(&mut self, key: usize, frame: &Frame<'_>, count: u32, writer: &mut Writer) -> End {
        let Some(payload) = Payload::read(frame.message()).filter(|_| frame.is_message()) else {
            return self.handle_answer(key, writer);
        };
        match payload.script {
            Script::Poison => return End::Traps(ReasonTag::Trap),
            Script::Flaky if count > 1 => return End::Traps(ReasonTag::Trap),
            _ => {}
        }
        writer.request = None;
        if frame.kind == kind::ASK {
            // Or it asks others first.
            if payload.hops == 0 || self.random.coin() {
                self.answer(frame.corr, payload.id, writer);
            }
            let open = writer.deed.replies.last().is_none_or(|reply| reply.corr != frame.corr);
            let request = Request { corr: frame.corr, id: payload.id, asker: frame.address };
            writer.request = open.then_some(request);
        }
        if self.random.permille(self.faults.trap) {
            let tag = self.random.pick(&TRAPS);
            return End::Traps(tag);
        }
        if self.random.permille(self.faults.panic) {
            return End::Panics;
        }
        if self.random.permille(self.faults.stop) {
            writer.push(effect::STOP, 0, 0, Address::NONE, &[]);
            writer.deed.stops = true;
        }
        if self.random.permille(100) {
            writer.push(effect::LOG, 0, 1, Address::NONE, b"line");
        }
        // What was kept comes with each subscription: it sets nothing off, or there would be no end.
        if frame.kind == kind::TOPIC && frame.flags & frame::FLAG_RETAIN != 0 {
            return End::Returns;
        }
        if payload.hops > 0 {
            self.send_on(key, payload.hops - 1, writer);
        }
        if self.random.permille(self.faults.bond) {
            self.bond(key, frame.address, writer);
        }
        self.deal_with_topics(key, payload.hops, writer);
        self.deal_with_timers(key, writer);
        End::Returns
    }

    fn handle_answer(&mut self, key: usize, writer: &mut Writer) -> End {
        if self.random.permille(self.faults.trap) {
            return End::Traps(ReasonTag::Trap);
        }
        if self.random.permille(self.faults.stop) {
            writer.push(effect::STOP, 0, 0, Address::NONE, &[]);
            writer.deed.stops = true;
        }
        self.deal_with_timers(key, writer);
        End::Returns
    }

    fn answer(&mut self, corr: u32, id: usize, writer: &mut Writer) {
        if self.random.permille(self.faults.open) {
            return;
        }
        // Twice is once: the second answer has nobody to go to.
        for turn in 0..=u32::from(self.random.permille(60)) {
            let failed = self.random.permille(100);
            let payload = format!("m{id} {turn}").into_bytes();
            let kind = if failed { effect::FAIL } else { effect::REPLY };
            writer.push(kind, 0, corr, Address::NONE, &payload);
            writer.deed.replies.push(Reply { corr, payload, failed });
        }
    }

    /// Answers an ask of an earlier turn, settled or not.
    fn answer_late(&mut self, key: usize, writer: &mut Writer) {
        if !self.random.permille(200) {
            return;
        }
        let mut open: Vec<(u32, usize)> = self.actors[key].open.iter().map(|(corr, id)| (*corr, *id)).collect();
        open.sort_unstable();
        if open.is_empty() {
            return;
        }
        let (corr, id) = self.random.pick(&open);
        let payload = format!("m{id} late").into_bytes();
        writer.push(effect::REPLY, 0, corr, Address::NONE, &payload);
        writer.deed.replies.push(Reply { corr, payload, failed: false });
    }

    fn send_on(&mut self, key: usize, hops: u32, writer: &mut Writer) {
        if self.random.permille(self.faults.tell) {
            for _ in 0..=self.random.below(3) {
                self.tell_on(key, hops, writer);
            }
        }
        if self.random.permille(self.faults.ask) {
            for _ in 0..=self.random.below(2) {
                self.ask_on(key, hops, writer);
            }
        }
    }

    fn tell_on(&mut self, key: usize, hops: u32, writer: &mut Writer) {
        // Often who watches it: what it says must come before the notice of its end.
        let watcher = self.random.permille(300).then(|| self.watcher_of(key)).flatten();
        let to = watcher.unwrap_or_else(|| self.someone());
        let incarnation = self.actors[key].incarnation;
        let reported = self.random.permille(300);
        let tag = if reported { self.next_tag(key) } else { 0 };
        let kind = if reported { Kind::Reported(tag) } else { Kind::Tell };
        let (id, payload) = self.message(Party::Actor(key), incarnation, to, kind, hops);
        if reported {
            self.actors[key].tags.insert(tag, id);
        }
        writer.deed.emitted.push(id);
        writer.push(effect::TELL, if reported { frame::FLAG_REPORT } else { 0 }, tag, to, &payload);
    }

    fn ask_on(&mut self, key: usize, hops: u32, writer: &mut Writer) {
        let request = writer.request;
        // Sometimes whoever waits for it: that is refused.
        let back = request.map(|request| request.asker).filter(|asker| asker.port().is_none());
        let to = back.filter(|_| self.random.permille(200)).unwrap_or_else(|| self.someone());
        let incarnation = self.actors[key].incarnation;
        let timeout = self.random.pick(&[1, 10, 50, 300, 4_000]);
        let tag = self.next_tag(key);
        let (id, payload) = self.message(Party::Actor(key), incarnation, to, Kind::Ask(tag, timeout), hops);
        self.actors[key].tags.insert(tag, id);
        writer.deed.emitted.push(id);
        // What waits in an environment waits there.
        let awaited = self.actors[key].traits.external.is_none() && self.random.permille(self.faults.wait * 3);
        // It says on whose behalf it asks, or that it does so on nobody's, or nothing: then it is on
        // behalf of the request in hand if the handler waits for it.
        let (flags, number, parent) = match self.random.below(3) {
            0 => (frame::FLAG_FOR, request.map_or(0, |request| request.corr), request),
            1 => (frame::FLAG_FOR, 0, None),
            _ => (0, 0, request.filter(|_| awaited)),
        };
        let message = &mut self.messages[id];
        (message.parent, message.awaited) = (parent.map(|parent| parent.id), awaited);
        let mut asked = timeout.to_le_bytes().to_vec();
        asked.extend_from_slice(&number.to_le_bytes());
        asked.extend_from_slice(&payload);
        writer.push(effect::ASK, flags, tag, to, &asked);
        if awaited {
            writer.deed.awaits.push(tag);
        }
    }

    /// Watches somebody, links with somebody, or takes that back.
    fn bond(&mut self, key: usize, sender: Address, writer: &mut Writer) {
        // Mostly with whom it has to do.
        let near = sender.port().is_none() && !sender.is_none() && self.random.coin();
        let to = if near { sender } else { self.someone() };
        match self.random.below(7) {
            0..=2 => {
                // A guest may use a tag twice; one of a new life begins anew.
                let next = self.actors[key].next_watch;
                let tag = if self.random.permille(200) { 1 + self.random.below(next) } else { next };
                self.actors[key].next_watch = next.max(tag + 1);
                let watch = self.new_watch(key, tag, to);
                writer.deed.bonds.push(Bond::Watch(watch));
                writer.push(effect::MONITOR, 0, tag, to, &[]);
            }
            3 => {
                let next = self.actors[key].next_watch;
                let tag = 1 + self.random.below(next);
                writer.deed.bonds.push(Bond::Unwatch(tag));
                writer.push(effect::DEMONITOR, 0, tag, Address::NONE, &[]);
            }
            4 => {
                let links = self.actors[key].links.clone();
                let to = if links.is_empty() { to } else { self.random.pick(&links) };
                writer.deed.bonds.push(Bond::Unlink(to));
                writer.push(effect::UNLINK, 0, 0, to, &[]);
            }
            _ => {
                writer.deed.bonds.push(Bond::Link(to));
                writer.push(effect::LINK, 0, 0, to, &[]);
            }
        }
    }

    fn next_tag(&mut self, key: usize) -> u32 {
        let tag = &mut self.actors[key].next_tag;
        *tag += 1;
        *tag
    }

    /// Somebody to send to: mostly who lives, sometimes who lived, seldom nobody.
    pub fn someone(&mut self) -> Address {
        let ended = self.random.permille(60);
        if self.live.is_empty() || ended {
            let count = self.actors.len() as u32;
            if count == 0 || self.random.permille(150) {
                let index = self.random.below(64);
                return Address { index, tag: 12_345 };
            }
            let key = self.random.below(count) as usize;
            let address = self.actors[key].address;
            return if address.is_none() { Address { index: 3, tag: 12_345 } } else { address };
        }
        let key = self.live[self.random.below(self.live.len() as u32) as usize];
        self.actors[key].address
    }

    /// The result's bytes, in order or not.
    fn finish(&mut self, writer: &mut Writer, end: &mut End, count: u32) -> Vec<u8> {
        let mut out = frame::FORMAT_VERSION.to_le_bytes().to_vec();
        let mut consumed = writer.deed.consumed;
        if !writer.deed.awaits.is_empty() {
            let tags: Vec<u8> = writer.deed.awaits.iter().flat_map(|tag| tag.to_le_bytes()).collect();
            writer.push(effect::AWAIT, 0, 0, Address::NONE, &tags);
        }
        let broken = *end == End::Returns && self.random.permille(self.faults.malformed);
        if broken {
            writer.deed.failed = Some(ReasonTag::HostError);
            consumed = count + 1;
        } else if *end == End::Returns && self.random.permille(self.faults.crash) {
            writer.deed.failed = Some(ReasonTag::Trap);
            writer.push(effect::CRASH, 0, 0, Address::NONE, b"Error\0sim\0\0");
        }
        out.extend_from_slice(&consumed.to_le_bytes());
        out.append(&mut writer.bytes);
        out
    }

    /// Runs a start: how it ends.
    pub fn start(&mut self, key: usize, killed: bool) -> Result<(), (ReasonTag, bool)> {
        if self.late {
            return Ok(());
        }
        let fails = self.actors[key].made <= self.actors[key].traits.start_fails && self.random.coin();
        let failed = if killed && self.random.coin() {
            Some((ReasonTag::Killed, false))
        } else if fails {
            let tag = self.random.pick(&[ReasonTag::Trap, ReasonTag::Deadline, ReasonTag::HostError]);
            Some((tag, self.random.permille(self.faults.deterministic)))
        } else {
            None
        };
        let Some(hand) = self.actors[key].hand.as_mut() else {
            self.fail("STA-1", format!("#{key} starts and was not asked to"));
            return Ok(());
        };
        let failed_tag = failed.map(|(tag, _)| tag);
        let deterministic = failed.is_some_and(|(_, deterministic)| deterministic);
        hand.deed = Some(Deed { failed: failed_tag, deterministic, ..Deed::default() });
        failed.map_or(Ok(()), Err)
    }

    /// Runs a going down: whether it panics.
    pub fn stop(&mut self, key: usize) -> bool {
        self.note(|| format!("#{key} goes down"));
        self.random.permille(self.faults.stop_panic)
    }
}
