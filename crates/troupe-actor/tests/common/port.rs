//! A port that records what it is told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use troupe_actor::ask::AskError;
use troupe_actor::event::Event;
use troupe_actor::frame;
use troupe_actor::groups::Member;
use troupe_actor::port::{COMPLETION_BYTES, Port, TopicMessage, WORK_SLOT};
use troupe_actor::reason::{Crash, ExitReason, ReasonTag, StartError};
use troupe_actor::tree::spec::TreeError;

/// How long a threaded test waits before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Value(Vec<u8>),
    /// A failure's number, and the guest's own error if there is one.
    Error(u32, Vec<u8>),
    /// The handler crashed: the actor's path and the crash.
    Crashed(String, Crash),
    Started,
    StartFailed(StartError),
    Ended(ExitReason),
    /// A tree or a request of a supervisor is done.
    Supervised(Result<(), TreeError>),
}

impl Settled {
    pub fn value(text: &str) -> Self {
        Self::Value(text.as_bytes().to_vec())
    }

    pub fn error(error: AskError) -> Self {
        Self::Error(error as u32, Vec::new())
    }

    pub fn ended(tag: ReasonTag) -> Self {
        Self::Ended(ExitReason::plain(tag))
    }
}

#[derive(Default)]
struct State {
    settled: HashMap<u32, Settled>,
    order: Vec<u32>,
    events: Vec<String>,
    work: Vec<(u32, Vec<u8>)>,
    published: Vec<String>,
    /// Published messages are taken no longer.
    full: bool,
    /// Events as they came, if somebody wants them.
    kept: Option<Vec<Event>>,
}

/// Records completions and events; a slot that is settled twice fails the test.
#[derive(Default)]
pub struct TestPort {
    state: Mutex<State>,
    changed: Condvar,
}

impl TestPort {
    pub fn settle(&self, slot: u32, what: Settled) {
        let mut state = self.state.lock();
        state.order.push(slot);
        if let Some(before) = state.settled.insert(slot, what.clone()) {
            state.events.push(format!("TWICE: slot {slot} was {before:?}, then {what:?}"));
        }
        self.changed.notify_all();
    }

    pub fn settled(&self, slot: u32) -> Option<Settled> {
        self.state.lock().settled.get(&slot).cloned()
    }

    pub fn count(&self) -> usize {
        self.state.lock().settled.len()
    }

    /// Slots in the order in which they were settled.
    pub fn order(&self) -> Vec<u32> {
        self.state.lock().order.clone()
    }

    /// Takes the events so far.
    pub fn events(&self) -> Vec<String> {
        let mut state = self.state.lock();
        assert!(!state.events.iter().any(|event| event.starts_with("TWICE")), "{:?}", state.events);
        std::mem::take(&mut state.events)
    }

    /// Takes the work that came so far: kind and payload.
    pub fn work(&self) -> Vec<(u32, Vec<u8>)> {
        std::mem::take(&mut self.state.lock().work)
    }

    /// Takes the published messages that came so far: topic, tags, message.
    pub fn published(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().published)
    }

    /// Takes published messages no longer, or again.
    pub fn fill(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Keeps events as they come from now on.
    pub fn keep_events(&self) {
        self.state.lock().kept = Some(Vec::new());
    }

    /// Takes the events that were kept.
    pub fn kept_events(&self) -> Vec<Event> {
        self.state.lock().kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Waits until `what` is true of the number of settled slots.
    pub fn wait_for_count(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.lock();
        while state.settled.len() < count {
            let timed_out = self.changed.wait_until(&mut state, deadline).timed_out();
            assert!(!timed_out, "{} of {count} slots were settled", state.settled.len());
        }
    }

    /// Waits until a slot is settled.
    pub fn wait_for(&self, slot: u32) -> Settled {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.lock();
        loop {
            if let Some(settled) = state.settled.get(&slot) {
                return settled.clone();
            }
            let timed_out = self.changed.wait_until(&mut state, deadline).timed_out();
            assert!(!timed_out, "slot {slot} was not settled");
        }
    }
}

impl Port for TestPort {
    fn deliver(&self, completions: &[u8]) {
        let mut at = 0;
        while at < completions.len() {
            let word = |index: usize| frame::word(completions, at + 4 * index).unwrap();
            let (len, slot, status) = (word(0) as usize, word(1), word(2));
            let start = at + COMPLETION_BYTES;
            let payload = completions[start..start + len].to_vec();
            if slot == WORK_SLOT {
                self.state.lock().work.push((status, payload));
                at = start + frame::padded(len);
                continue;
            }
            self.settle(slot, if status == 0 { Settled::Value(payload) } else { Settled::Error(status, payload) });
            at = start + frame::padded(len);
        }
    }

    fn fail(&self, slot: u32, error: AskError, actor: &str, crash: &Crash) {
        assert_eq!(error, AskError::Crashed);
        self.settle(slot, Settled::Crashed(actor.to_owned(), crash.clone()));
    }

    fn started(&self, slot: u32, result: Result<(), &StartError>) {
        self.settle(slot, result.map_or_else(|error| Settled::StartFailed(error.clone()), |()| Settled::Started));
    }

    fn ended(&self, slot: u32, reason: &ExitReason, _: u32) {
        self.settle(slot, Settled::Ended(reason.clone()));
    }

    fn supervised(&self, slot: u32, result: Result<(), &TreeError>) {
        self.settle(slot, Settled::Supervised(result.map_err(TreeError::clone)));
    }

    fn group_changed(&self, watch: u32, member: &Member, joined: bool) {
        let what = if joined { "joined" } else { "left" };
        self.state.lock().events.push(format!("{} {what} {watch}", member.path));
    }

    fn publish(&self, message: &TopicMessage<'_>) -> bool {
        let mut state = self.state.lock();
        if !state.full {
            let text = String::from_utf8_lossy(message.message);
            let kept = if message.retained { " kept" } else { "" };
            let line = format!("{} {:?} {text}{kept}", message.topic, message.tags);
            state.published.push(line);
        }
        !state.full
    }

    fn event(&self, event: &Event) {
        let line = match event {
            Event::Started(_) => "started".to_owned(),
            Event::Crashed(_, crash) => format!("crashed {}", crash.tag),
            Event::Restarting { delay_ms, attempt, .. } => format!("restarting #{attempt} in {delay_ms}"),
            Event::Restarted(subject, reason) => format!("restarted @{} after {}", subject.incarnation, reason.tag),
            Event::Stopped(_, reason) => format!("stopped {}", reason.tag),
            Event::Failed(_, reason) => format!("failed {}", reason.tag),
            Event::DeadLetter(letter) => format!("dead {}", letter.reason.as_str()),
            Event::CrashUnreproduced(_) => "unreproduced".to_owned(),
            Event::Log { level, text, .. } => format!("log {level} {text}"),
            Event::GaveUp { path, reason } => format!("gave up {path} {}", reason.tag),
            Event::SystemFailed(reason) => format!("system failed {}", reason.tag),
            Event::Health { from, to, .. } => format!("health {} to {} {}", from.state, to.state, to.text),
            Event::Water { high, queued, capacity, .. } => {
                format!("{} {queued} of {capacity}", if *high { "high" } else { "low" })
            }
            Event::Stopping(_) => "stopping".to_owned(),
            Event::Received(_, sizes) => format!("received {sizes:?}"),
            Event::Processed(_, sizes, nanos) => format!("processed {sizes:?} in {nanos}"),
            Event::Shutdown => "shutdown".to_owned(),
            other => format!("{other:?}"),
        };
        let mut state = self.state.lock();
        state.events.push(line);
        if let Some(kept) = &mut state.kept {
            kept.push(event.clone());
        }
    }

    fn listens(&self) -> bool {
        true
    }
}
