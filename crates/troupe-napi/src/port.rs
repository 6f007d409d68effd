//! One environment's side of the bridge: completions go into two buffers in turn, and one weak
//! wake-up tells the event loop that some wait.

#![allow(unsafe_code, reason = "the wake-up is a thread-safe function of Node's C interface")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::{Buf, BytesMut};
use napi::sys;
use parking_lot::Mutex;
use troupe_actor::ask::AskError;
use troupe_actor::event::Event;
use troupe_actor::groups::Member;
use troupe_actor::port::{COMPLETION_BYTES, Port, TopicMessage, completion_header};
use troupe_actor::reason::{Crash, ExitReason, StartError};
use troupe_actor::topics::TopicError;
use troupe_actor::tree::spec::TreeError;

use crate::error::{Failure, Reason, crash_json, start_number, to_json, tree_failure};
use crate::event_sink;
use crate::lost::Lost;
use crate::slab::Slab;

/// A larger payload does not go through the buffers; TypeScript fetches it.
const LARGE_BYTES: usize = 32 * 1024;
/// In a completion's status: the payload waits to be fetched.
const FLAG_LARGE: u32 = 0x10000;
/// The slot of events.
const EVENT_SLOT: u32 = u32::MAX;
/// The slot of published messages.
const TOPIC_SLOT: u32 = u32::MAX - 2;
/// Most published messages that wait for JavaScript, and most bytes of them; one more is dropped.
const MAX_TOPICS: Topics = Topics { count: 65_536, bytes: 16 * 1024 * 1024 };
/// Most events of the host that are kept until somebody listens.
const MAX_EARLY_EVENTS: usize = 16;
/// Most bytes of completions that wait beside the buffers before events are dropped, and changes of groups.
const MAX_EVENT_BACKLOG: usize = 4 * 1024 * 1024;

/// An environment's port.
pub struct EnvPort {
    state: Mutex<State>,
    /// Something waits; read without the lock while JavaScript lingers.
    waiting: AtomicBool,
    listens: AtomicU32,
    /// What the host met before anybody listened; told to the first who does.
    early: Mutex<Vec<Event>>,
}

struct State {
    buffers: Option<[Slab; 2]>,
    /// Which buffer completions go to.
    current: usize,
    used: usize,
    /// What did not fit, whole completions. Taken from its front without moving what is behind.
    overflow: BytesMut,
    /// Payloads that are fetched, each with the slot that it is for.
    large: HashMap<u32, (u32, Vec<u8>)>,
    /// Bytes of those that are events.
    large_events: usize,
    next_large: u32,
    /// Events and changes that there was no room for.
    lost: Lost,
    /// Published messages that wait.
    topics: Topics,
    /// Those of them in the current buffer.
    topics_here: Topics,
    /// Those for which there was no room so far.
    dropped: u64,
    /// JavaScript knows that something waits, or looks by itself.
    armed: bool,
    wake: Wake,
}

/// Published messages: how many, and the bytes of their completions.
#[derive(Clone, Copy, Default)]
struct Topics {
    count: usize,
    bytes: usize,
}

/// The wake-up; null once the environment goes down.
struct Wake(sys::napi_threadsafe_function);

// SAFETY: Node allows calling a thread-safe function from any thread; the handle is only used
// under the port's lock, and set to null there before Node may free it.
unsafe impl Send for Wake {}

impl EnvPort {
    /// A port that nobody has attached buffers to yet.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                buffers: None,
                current: 0,
                used: 0,
                overflow: BytesMut::new(),
                large: HashMap::new(),
                large_events: 0,
                next_large: 1,
                lost: Lost::default(),
                topics: Topics::default(),
                topics_here: Topics::default(),
                dropped: 0,
                armed: false,
                wake: Wake(std::ptr::null_mut()),
            }),
            waiting: AtomicBool::new(false),
            listens: AtomicU32::new(0),
            early: Mutex::default(),
        }
    }

    /// Completions go here from now on.
    pub fn open(&self, buffers: [Slab; 2], wake: sys::napi_threadsafe_function) {
        let mut state = self.state.lock();
        state.buffers = Some(buffers);
        state.wake = Wake(wake);
        state.ring();
    }

    /// Nothing goes to JavaScript any more. Returns what has to be released on its thread.
    pub fn close(&self) -> (Option<[Slab; 2]>, sys::napi_threadsafe_function) {
        let mut state = self.state.lock();
        let wake = std::mem::replace(&mut state.wake.0, std::ptr::null_mut());
        state.overflow = BytesMut::new();
        state.large = HashMap::new();
        (state.buffers.take(), wake)
    }

    /// What the environment wants to hear: see [`event_sink`].
    pub fn set_listens(&self, mask: u32) -> u32 {
        let before = self.listens.swap(mask, Ordering::Relaxed);
        if mask != 0 {
            let early = std::mem::take(&mut *self.early.lock());
            early.iter().for_each(|event| self.event(event));
        }
        before
    }

    /// Something that may happen before anybody can listen.
    pub fn host_event(&self, event: Event) {
        {
            // Looked at under the lock: whoever begins to listen takes what is here afterwards.
            let mut early = self.early.lock();
            if !self.listens() {
                if early.len() < MAX_EARLY_EVENTS {
                    early.push(event);
                }
                return;
            }
        }
        self.event(&event);
    }

    /// Hands the filled buffer to JavaScript: its number in the top bit, its bytes below.
    pub fn drain(&self) -> u32 {
        self.waiting.store(false, Ordering::Release);
        let mut state = self.state.lock();
        if state.used == 0 && !state.overflow.is_empty() {
            state.refill();
        }
        if state.overflow.is_empty() {
            state.say_lost();
        }
        if state.used == 0 {
            state.armed = false;
            return 0;
        }
        let filled = ((state.current as u32) << 31) | state.used as u32;
        state.current ^= 1;
        state.used = 0;
        let taken = std::mem::take(&mut state.topics_here);
        state.topics.count -= taken.count;
        state.topics.bytes -= taken.bytes;
        state.refill();
        state.armed = true;
        filled
    }

    /// Whether completions wait.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// JavaScript looks by itself for a moment: no wake-up is needed. Ended by [`EnvPort::rearm`].
    pub fn linger(&self) {
        self.state.lock().armed = true;
    }

    /// JavaScript looks no longer; what came meanwhile it has seen.
    pub fn rearm(&self) {
        let mut state = self.state.lock();
        if state.used == 0 && state.overflow.is_empty() {
            state.armed = false;
        }
    }

    /// Published messages and events for which there was no room.
    pub fn dropped(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.dropped, state.lost.events())
    }

    /// A payload that was too large for the buffers.
    pub fn take_large(&self, id: u32) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        let (slot, payload) = state.large.remove(&id)?;
        if slot == EVENT_SLOT {
            state.large_events -= payload.len();
        }
        Some(payload)
    }

    /// A watch of a group has ended.
    pub fn forget_watch(&self, watch: u32) {
        self.state.lock().lost.forget(watch);
    }

    /// Queues one completion.
    pub fn complete(&self, slot: u32, status: u32, aux: u32, payload: &[u8]) {
        let mut state = self.state.lock();
        state.push(slot, status, aux, payload);
        self.announce(&mut state);
    }

    /// Says that something waits. Under the lock, so that whoever stops lingering either sees it or is
    /// rung for: between the two JavaScript would sleep on a full buffer.
    fn announce(&self, state: &mut State) {
        self.waiting.store(true, Ordering::Release);
        state.ring();
    }
}

impl State {
    /// The buffer that completions go to.
    fn buffer(&self) -> Option<&Slab> {
        self.buffers.as_ref()?.get(self.current)
    }

    /// Queues one completion, whatever its size.
    fn push(&mut self, slot: u32, status: u32, aux: u32, payload: &[u8]) {
        if payload.len() > LARGE_BYTES {
            let id = self.next_large;
            self.next_large = self.next_large.wrapping_add(1).max(1);
            self.large.insert(id, (slot, payload.to_vec()));
            self.large_events += if slot == EVENT_SLOT { payload.len() } else { 0 };
            self.append(&completion_header(payload.len(), slot, status | FLAG_LARGE, id), &[]);
        } else {
            self.append(&completion_header(payload.len(), slot, status, aux), payload);
        }
    }

    /// Whether so much waits that what can be done without is dropped.
    fn is_flooded(&self) -> bool {
        self.overflow.len() + self.large_events > MAX_EVENT_BACKLOG
    }

    /// Queues an event, behind the news of those that were dropped before it.
    fn push_event(&mut self, json: &[u8]) {
        self.say_lost();
        self.push(EVENT_SLOT, 0, 0, json);
    }

    fn say_lost(&mut self) {
        for news in self.lost.take_news() {
            self.push(EVENT_SLOT, 0, 0, &event_sink::lost_json(&news));
        }
    }

    /// The header's first two words are the payload's length and the slot.
    fn append(&mut self, header: &[u8; COMPLETION_BYTES], payload: &[u8]) {
        let word = |at| troupe_actor::frame::word(header, at).unwrap_or(0);
        let (len, slot) = (word(0) as usize, word(4));
        let padded = payload.len().next_multiple_of(8);
        let needed = COMPLETION_BYTES + padded;
        if self.overflow.is_empty()
            && let Some(buffer) = self.buffer()
            && self.used + needed <= buffer.len()
        {
            buffer.write(self.used, header);
            buffer.write(self.used + COMPLETION_BYTES, payload);
            self.used += needed;
            self.note_here(slot, len);
            return;
        }
        self.overflow.extend_from_slice(header);
        self.overflow.extend_from_slice(payload);
        let end = self.overflow.len() + padded - payload.len();
        self.overflow.resize(end, 0);
    }

    fn note_here(&mut self, slot: u32, len: usize) {
        if slot == TOPIC_SLOT {
            self.topics_here.count += 1;
            self.topics_here.bytes += len;
        }
    }

    /// Appends completions that are small.
    fn append_all(&mut self, completions: &[u8]) -> bool {
        if completions.len() > LARGE_BYTES || !self.overflow.is_empty() {
            return false;
        }
        let Some(buffer) = self.buffer() else { return false };
        let written = buffer.write(self.used, completions);
        if written {
            self.used += completions.len();
        }
        written
    }

    /// Moves whole completions from the overflow into the current buffer.
    fn refill(&mut self) {
        let Some(buffer) = self.buffer() else { return };
        let (mut end, mut topics) = (0, Topics::default());
        while let Some((slot, _, len, payload)) = read(&self.overflow, end) {
            let next = end + COMPLETION_BYTES + payload;
            if self.used + next > buffer.len() || next > self.overflow.len() {
                break;
            }
            if slot == TOPIC_SLOT {
                topics = Topics { count: topics.count + 1, bytes: topics.bytes + len };
            }
            end = next;
        }
        if end > 0 {
            buffer.write(self.used, self.overflow.get(..end).unwrap_or_default());
            self.used += end;
            self.topics_here.count += topics.count;
            self.topics_here.bytes += topics.bytes;
            self.overflow.advance(end);
            if self.overflow.is_empty() {
                // A flood's memory is given back.
                self.overflow = BytesMut::new();
            }
        }
    }

    /// Tells the event loop, unless it knows.
    fn ring(&mut self) {
        if self.armed || self.wake.0.is_null() || (self.used == 0 && self.overflow.is_empty()) {
            return;
        }
        self.armed = true;
        // SAFETY: the handle is live while it is not null (see `Wake`).
        unsafe {
            sys::napi_call_threadsafe_function(
                self.wake.0,
                std::ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            );
        }
    }
}

/// Six words: the publisher (index, tag low, tag high), 1 for a message that was kept, how many
/// subscriptions, length of the topic. Then the subscriptions, the topic padded to four bytes, the message.
fn topic_payload(message: &TopicMessage<'_>) -> Vec<u8> {
    let TopicMessage { publisher, topic, tags, message, retained } = *message;
    let (low, high) = (publisher.tag as u32, (publisher.tag >> 32) as u32);
    let head = [publisher.index, low, high, u32::from(retained), tags.len() as u32, topic.len() as u32];
    let mut payload = Vec::with_capacity(24 + tags.len() * 4 + topic.len() + 3 + message.len());
    for word in head.iter().chain(tags) {
        payload.extend_from_slice(&word.to_le_bytes());
    }
    payload.extend_from_slice(topic.as_bytes());
    payload.resize(payload.len().next_multiple_of(4), 0);
    payload.extend_from_slice(message);
    payload
}

/// Slot, status, payload length and padded payload length of the completion at `at`.
fn read(bytes: &[u8], at: usize) -> Option<(u32, u32, usize, usize)> {
    let word = |n: usize| troupe_actor::frame::word(bytes, at + n * 4);
    let (len, slot, status) = (word(0)? as usize, word(1)?, word(2)?);
    let stored = if status & FLAG_LARGE == 0 { len } else { 0 };
    Some((slot, status, len, stored.next_multiple_of(8)))
}

impl Port for EnvPort {
    fn deliver(&self, completions: &[u8]) {
        let mut state = self.state.lock();
        if !state.append_all(completions) {
            let mut at = 0;
            while let Some((slot, status, len, padded)) = read(completions, at) {
                let start = at + COMPLETION_BYTES;
                state.push(slot, status, 0, completions.get(start..start + len).unwrap_or_default());
                at = start + padded;
            }
        }
        self.announce(&mut state);
    }

    fn fail(&self, slot: u32, error: AskError, actor: &str, crash: &Crash) {
        self.complete(slot, error as u32, 0, &crash_json(Some(actor), crash));
    }

    fn started(&self, slot: u32, result: Result<(), &StartError>) {
        match result {
            Ok(()) => self.complete(slot, 0, 0, &[]),
            Err(error) => self.complete(slot, start_number(&error.crash), 0, &crash_json(None, &error.crash)),
        }
    }

    fn ended(&self, slot: u32, reason: &ExitReason, incarnation: u32) {
        self.complete(slot, 0, incarnation, &to_json(&Reason::from(reason)));
    }

    fn supervised(&self, slot: u32, result: Result<(), &TreeError>) {
        match result {
            Ok(()) => self.complete(slot, 0, 0, &[]),
            Err(error) => {
                let (number, payload) = tree_failure(error);
                self.complete(slot, number, 0, &payload);
            }
        }
    }

    /// A watch that misses a change misses all that follow: it begins anew when that is told.
    fn group_changed(&self, watch: u32, member: &Member, joined: bool) {
        let json = event_sink::group_json(watch, member, joined);
        let mut state = self.state.lock();
        if state.lost.is_behind(watch) {
            return;
        }
        if state.is_flooded() {
            return state.lost.change(watch);
        }
        state.push_event(&json);
        self.announce(&mut state);
    }

    fn publish(&self, message: &TopicMessage<'_>) -> bool {
        let payload = topic_payload(message);
        let mut state = self.state.lock();
        let Topics { count, bytes } = state.topics;
        if count >= MAX_TOPICS.count || bytes + payload.len() > MAX_TOPICS.bytes {
            state.dropped += 1;
            return false;
        }
        state.topics = Topics { count: count + 1, bytes: bytes + payload.len() };
        state.push(TOPIC_SLOT, 0, 0, &payload);
        self.announce(&mut state);
        true
    }

    fn refused(&self, slot: u32, error: &TopicError) {
        let failure = Failure::from(error);
        self.complete(slot, failure.number, 0, &failure.json());
    }

    fn event(&self, event: &Event) {
        let mask = self.listens.load(Ordering::Relaxed);
        if !event_sink::is_wanted(event, mask) {
            return;
        }
        let mut state = self.state.lock();
        if state.is_flooded() {
            return state.lost.event();
        }
        drop(state);
        let json = event_sink::json(event);
        state = self.state.lock();
        state.push_event(&json);
        self.announce(&mut state);
    }

    fn listens(&self) -> bool {
        self.listens.load(Ordering::Relaxed) != 0
    }
}
