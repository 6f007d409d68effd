//! Behaviors in Rust: a handler is a closure from a turn's frames to a result.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn, SuspendedTurn};
use troupe_actor::frame::{self, FLAG_UNREADABLE, Frame, Frames, SUBSCRIBE_ONCE, effect, kind};
use troupe_actor::health::Health;
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, MailboxSpec, Observed, Overflow};
use troupe_actor::supervision::spec::RestartSpec;

/// A turn as a handler sees it.
pub struct Turn<'a> {
    pub frames: Vec<Frame<'a>>,
    /// Which life handles it, as the start configuration said; 1 when there was none.
    pub incarnation: u32,
}

/// What a handler returns, effect by effect.
#[derive(Default)]
pub struct Out {
    effects: Vec<u8>,
    consumed: Option<u32>,
    raw: Option<Vec<u8>>,
}

impl Out {
    fn push(&mut self, kind: u16, flags: u16, corr: u32, address: Address, payload: &[u8]) {
        Frame { kind, flags, corr, address, payload }.write_to(&mut self.effects);
    }

    pub fn tell(&mut self, to: Address, payload: &[u8]) {
        self.push(effect::TELL, 0, 0, to, payload);
    }

    /// Tells, and wants to hear of a refusal.
    pub fn tell_reported(&mut self, to: Address, tag: u32, payload: &[u8]) {
        self.push(effect::TELL, frame::FLAG_REPORT, tag, to, payload);
    }

    pub fn ask(&mut self, to: Address, tag: u32, timeout_ms: u32, request: &[u8]) {
        let mut payload = timeout_ms.to_le_bytes().to_vec();
        payload.extend_from_slice(&[0; 4]);
        payload.extend_from_slice(request);
        self.push(effect::ASK, 0, tag, to, &payload);
    }

    /// As [`Out::ask`], with the ask on whose behalf it is made; 0 for none.
    pub fn ask_for(&mut self, to: Address, tag: u32, (timeout_ms, number): (u32, u32), request: &[u8]) {
        let mut payload = timeout_ms.to_le_bytes().to_vec();
        payload.extend_from_slice(&number.to_le_bytes());
        payload.extend_from_slice(request);
        self.push(effect::ASK, frame::FLAG_FOR, tag, to, &payload);
    }

    pub fn reply(&mut self, corr: u32, payload: &[u8]) {
        self.push(effect::REPLY, 0, corr, Address::NONE, payload);
    }

    pub fn fail(&mut self, corr: u32, payload: &[u8]) {
        self.push(effect::FAIL, 0, corr, Address::NONE, payload);
    }

    pub fn log(&mut self, level: u32, text: &str) {
        self.push(effect::LOG, 0, level, Address::NONE, text.as_bytes());
    }

    pub fn stop(&mut self) {
        self.push(effect::STOP, 0, 0, Address::NONE, &[]);
    }

    /// Publishes; the flags are those of the effect.
    pub fn publish(&mut self, flags: u16, topic: &str, message: &[u8]) {
        let mut payload = Vec::new();
        frame::write_topic(&mut payload, topic, message);
        self.push(effect::PUBLISH, flags, 77, Address::NONE, &payload);
    }

    pub fn subscribe(&mut self, flags: u16, tag: u32, pattern: &str, group: &str) {
        self.subscribe_with(flags, tag, pattern, group, 0);
    }

    /// Subscribes for one copy of what several subscriptions match.
    pub fn subscribe_once(&mut self, tag: u32, pattern: &str) {
        self.subscribe_with(0, tag, pattern, "", SUBSCRIBE_ONCE);
    }

    fn subscribe_with(&mut self, flags: u16, tag: u32, pattern: &str, group: &str, options: u32) {
        let mut payload = (pattern.len() as u32).to_le_bytes().to_vec();
        payload.extend_from_slice(&options.to_le_bytes());
        payload.extend_from_slice(pattern.as_bytes());
        payload.resize(payload.len().next_multiple_of(4), 0);
        payload.extend_from_slice(group.as_bytes());
        self.push(effect::SUBSCRIBE, flags, tag, Address::NONE, &payload);
    }

    pub fn unsubscribe(&mut self, tag: u32) {
        self.push(effect::UNSUBSCRIBE, 0, tag, Address::NONE, &[]);
    }

    /// Watches, lets go, links or unlinks.
    pub fn bond(&mut self, kind: u16, tag: u32, target: Address) {
        self.push(kind, 0, tag, target, &[]);
    }

    /// As [`Out::bond`], and wants to hear of a refusal.
    pub fn bond_reported(&mut self, kind: u16, tag: u32, target: Address) {
        self.push(kind, frame::FLAG_REPORT, tag, target, &[]);
    }

    pub fn crash(&mut self, text: &str) {
        self.push(effect::CRASH, 0, 0, Address::NONE, text.as_bytes());
    }

    /// Answers a probe: 0 healthy, 1 degraded, 2 unhealthy.
    pub fn health(&mut self, number: u32, text: &str) {
        self.push(effect::HEALTH, 0, number, Address::NONE, text.as_bytes());
    }

    pub fn wait_for(&mut self, tags: &[u32]) {
        let payload: Vec<u8> = tags.iter().flat_map(|tag| tag.to_le_bytes()).collect();
        self.push(effect::AWAIT, 0, 0, Address::NONE, &payload);
    }

    /// Sets a timer: once, or with a period, fixed delay (1) or fixed rate (2).
    pub fn set_timer(&mut self, key: u32, delay_ms: u32, (period_ms, mode): (u32, u32), payload: &[u8]) {
        self.set_timer_flagged(0, key, [delay_ms, period_ms, mode], payload);
    }

    /// Sets a timer with the flags of its effect.
    pub fn set_timer_flagged(&mut self, flags: u16, key: u32, words: [u32; 3], payload: &[u8]) {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(payload);
        self.push(effect::SET_TIMER, flags, key, Address::NONE, &bytes);
    }

    pub fn cancel_timer(&mut self, key: u32) {
        self.push(effect::CANCEL_TIMER, 0, key, Address::NONE, &[]);
    }

    /// Puts a frame of the turn aside.
    pub fn stash(&mut self, at: u32) {
        self.push(effect::STASH, 0, at, Address::NONE, &[]);
    }

    pub fn unstash(&mut self) {
        self.push(effect::UNSTASH, 0, 0, Address::NONE, &[]);
    }

    /// Drops a topic message of the turn.
    pub fn discard(&mut self, at: u32) {
        self.push(effect::DISCARD, 0, at, Address::NONE, &[]);
    }

    /// Drops a message of the turn that cannot be read.
    pub fn discard_unreadable(&mut self, at: u32) {
        self.push(effect::DISCARD, FLAG_UNREADABLE, at, Address::NONE, &[]);
    }

    /// An effect as it is, that may contradict itself.
    pub fn odd(&mut self, kind: u16, corr: u32, payload: &[u8]) {
        self.push(kind, frame::FLAG_REPORT, corr, Address::NONE, payload);
    }

    /// An effect that no version of the format has.
    pub fn unknown(&mut self) {
        self.push(999, 7, 1, Address::NONE, b"from the future");
    }

    /// Says that only the first `count` frames were taken; otherwise all were.
    pub fn consume(&mut self, count: u32) {
        self.consumed = Some(count);
    }

    /// Returns these bytes in place of a well-formed result.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.raw = Some(bytes.to_vec());
    }

    /// The result of a turn of so many frames.
    pub fn bytes(self, frames: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.finish(frames, &mut bytes);
        bytes
    }

    fn finish(self, frames: usize, into: &mut Vec<u8>) {
        into.clear();
        if let Some(raw) = self.raw {
            into.extend_from_slice(&raw);
            return;
        }
        into.extend_from_slice(&frame::FORMAT_VERSION.to_le_bytes());
        into.extend_from_slice(&self.consumed.unwrap_or(frames as u32).to_le_bytes());
        into.extend_from_slice(&self.effects);
    }
}

pub type Handler = Box<dyn FnMut(&Turn<'_>, &mut Out) -> Result<(), Crash> + Send>;

/// A handler that takes frames one by one and consumes all of them.
pub fn each(mut handle: impl FnMut(&Frame<'_>, &mut Out) -> Result<(), Crash> + Send + 'static) -> Handler {
    Box::new(move |turn, out| turn.frames.iter().try_for_each(|frame| handle(frame, out)))
}

/// A trap.
pub fn trap(message: &str) -> Crash {
    Crash::new(ReasonTag::Trap, message)
}

/// What happened in an actor, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Takes what was noted so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

type HealthFn = dyn Fn(u32) -> Result<Health, Crash> + Send + Sync;
type StartFn = dyn Fn(u32, &[u8]) -> Result<(), StartError> + Send + Sync;

/// How an actor of a test is made; a factory of behaviors.
pub struct Actor {
    make: Box<dyn Fn() -> Handler + Send + Sync>,
    on_start: Arc<StartFn>,
    on_stop: Arc<dyn Fn() + Send + Sync>,
    on_health: Arc<HealthFn>,
    pub creates_inline: bool,
    pub batches: bool,
    pub inline: InlineMode,
    /// Lives made, and lives given back.
    pub made: AtomicU32,
    pub retired: AtomicU32,
}

/// What a behavior does with a turn on a port's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineMode {
    Never,
    Done,
    Suspends,
    Declines,
    Panics,
}

impl Actor {
    pub fn new(make: impl Fn() -> Handler + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            on_start: Arc::new(|_, _| Ok(())),
            on_stop: Arc::new(|| {}),
            on_health: Arc::new(|_| Ok(Health::default())),
            creates_inline: true,
            batches: true,
            inline: InlineMode::Never,
            made: AtomicU32::new(0),
            retired: AtomicU32::new(0),
        }
    }

    /// Runs `start` when a life begins; it is told the incarnation and the configuration.
    pub fn starts(mut self, start: impl Fn(u32, &[u8]) -> Result<(), StartError> + Send + Sync + 'static) -> Self {
        self.on_start = Arc::new(start);
        self.creates_inline = false;
        self
    }

    /// Comes up on a worker, as a guest with a start function does.
    pub fn starting(self) -> Self {
        self.starts(|_, _| Ok(()))
    }

    pub fn stops(mut self, stop: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_stop = Arc::new(stop);
        self
    }

    /// Answers health probes; it is told the incarnation.
    pub fn probed(mut self, health: impl Fn(u32) -> Result<Health, Crash> + Send + Sync + 'static) -> Self {
        self.on_health = Arc::new(health);
        self
    }

    pub fn inline(mut self, mode: InlineMode) -> Self {
        self.inline = mode;
        self
    }

    pub fn one_at_a_time(mut self) -> Self {
        self.batches = false;
        self
    }
}

impl BehaviorFactory for Actor {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Box::new(Scripted {
            handler: (self.make)(),
            incarnation: number,
            output: Vec::new(),
            inline: self.inline,
            batches: self.batches,
            on_stop: Arc::clone(&self.on_stop),
            on_health: Arc::clone(&self.on_health),
            on_start: Arc::clone(&self.on_start),
        }))
    }

    fn creates_inline(&self) -> bool {
        self.creates_inline
    }

    fn retire(&self, behavior: Box<dyn Behavior>) {
        self.retired.fetch_add(1, Ordering::SeqCst);
        drop(behavior);
    }
}

struct Scripted {
    handler: Handler,
    incarnation: u32,
    output: Vec<u8>,
    inline: InlineMode,
    batches: bool,
    on_stop: Arc<dyn Fn() + Send + Sync>,
    on_health: Arc<HealthFn>,
    on_start: Arc<StartFn>,
}

impl Behavior for Scripted {
    fn start(&mut self, config: &[u8]) -> Result<(), StartError> {
        let incarnation = Frames::new(config).find(|frame| frame.kind == kind::INCARNATION);
        self.incarnation = incarnation.and_then(|frame| frame::word(frame.payload, 0)).unwrap();
        (self.on_start)(self.incarnation, config)
    }

    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash> {
        let mut walk = Frames::new(turn);
        let frames: Vec<Frame<'_>> = walk.by_ref().collect();
        assert_eq!(walk.rest(), 0, "a turn is whole frames");
        let (count, mut out) = (frames.len(), Out::default());
        (self.handler)(&Turn { frames, incarnation: self.incarnation }, &mut out)?;
        out.finish(count, &mut self.output);
        Ok(())
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn handle_inline(mut self: Box<Self>, turn: &[u8]) -> InlineTurn {
        match self.inline {
            InlineMode::Never | InlineMode::Declines => InlineTurn::Declined(self),
            InlineMode::Done => {
                let result = self.handle(turn);
                InlineTurn::Done(self, result)
            }
            InlineMode::Suspends => InlineTurn::Suspended(Box::new(Half { behavior: self, turn: turn.to_vec() })),
            InlineMode::Panics => panic!("inline"),
        }
    }

    fn runs_inline(&self) -> bool {
        self.inline != InlineMode::Never
    }

    fn takes_batches(&self) -> bool {
        self.batches
    }

    fn health(&mut self) -> Result<Health, Crash> {
        (self.on_health)(self.incarnation)
    }

    fn stop(&mut self) {
        (self.on_stop)();
    }
}

struct Half {
    behavior: Box<Scripted>,
    turn: Vec<u8>,
}

impl SuspendedTurn for Half {
    fn finish(mut self: Box<Self>) -> (Option<Box<dyn Behavior>>, Result<(), Crash>) {
        let result = self.behavior.handle(&self.turn);
        (Some(self.behavior), result)
    }
}

/// A handler that does what its messages say, and notes each: `boom` traps, `stop` stops,
/// `keep…` leaves an ask open, `fail…` answers with a typed error; other asks get their payload back.
pub fn puppet(log: &Log) -> Handler {
    let log = log.clone();
    each(move |frame, out| {
        let text = String::from_utf8_lossy(frame.payload).into_owned();
        log.add(&text);
        match frame.kind {
            _ if text.starts_with("boom") => return Err(trap(&text)),
            _ if text == "stop" => out.stop(),
            kind::ASK if text.starts_with("keep") => {}
            kind::ASK if text.starts_with("fail") => out.fail(frame.corr, frame.payload),
            kind::ASK => out.reply(frame.corr, frame.payload),
            _ => {}
        }
        Ok(())
    })
}

/// A specification with the public defaults.
pub fn spawn_spec(actor: Actor) -> ActorSpec {
    let mailbox = MailboxSpec {
        max_messages: 1_000,
        max_bytes: 8 << 20,
        overflow: Overflow::Wait,
        wait_ms: 5_000,
        max_payload: 1 << 20,
    };
    ActorSpec { mailbox, inline: true, ..ActorSpec::plain(Arc::new(actor)) }
}
