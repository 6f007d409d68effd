//! The model: what must be true, told of everything that happens as it happens.
//!
//! Ports and behaviors call in from inside the kernel, the world from between its steps. The model
//! never calls out. It keeps its own account of every message, ask, life and name, and predicts
//! what comes next wherever a rule leaves no choice; the first surprise is a [`Violation`].

mod actor;
mod asks;
mod bonds;
mod chains;
mod copies;
mod ends;
mod external;
mod groups;
mod health;
mod lives;
mod losses;
mod messages;
mod places;
mod pools;
mod room;
mod stash;
mod sync;
mod timers;
mod topics;
mod turns;
mod types;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use troupe_actor::chain::Context;
use troupe_actor::dead_letter::DeadLetter;
use troupe_actor::error::SpawnError;
use troupe_actor::frame::kind;
use troupe_actor::id::Address;
use troupe_actor::record::{self, Record};
use troupe_actor::tree::spec::SupervisorId;

use crate::plan::{Faults, Profile, Traits};
use crate::random::Random;

pub use actor::{Actor, Under};
pub use bonds::{Bond, Notice, Watch};
pub use external::{Answer, Task};
pub use groups::CREWS;
pub use lives::{Came, bounds};
pub use messages::{Payload, Script};
pub use stash::StashDeed;
pub use sync::Totals;
pub use timers::{Timer, TimerDeed};
pub use topics::{PATTERNS, TOPICS, TopicDeed, Wanted};
pub use types::{Deed, Hand, Kind, Message, Party, Phase, Reply, Settled, Slot, State, Waits, Work};

/// The model, as ports and behaviors hold it.
pub type Handle = Arc<Mutex<Model>>;

/// The first thing that no rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// What must be true.
pub struct Model {
    /// The clock, in milliseconds.
    pub now: u64,
    /// What handlers decide with.
    pub random: Random,
    /// How often handlers do what.
    pub faults: Faults,
    /// How many messages one from outside may set off, one after the other.
    pub hops: u32,
    /// Shards of the system.
    pub shards: u32,
    /// Every actor there ever was.
    pub actors: Vec<Actor>,
    /// Those that have not ended.
    pub live: Vec<usize>,
    /// Every message there ever was.
    pub messages: Vec<Message>,
    /// Who is subscribed to what.
    pub board: topics::Board,
    /// What was published, by its message.
    publications: HashMap<usize, topics::Publication>,
    /// Every copy there ever was.
    copies: Vec<copies::Copy>,
    /// Copies that met their mailboxes in this step.
    fresh: Vec<usize>,
    /// Copies that went with their subscriptions in this step, and whether they are counted.
    gone: Vec<(usize, bool)>,
    /// Copies that went with their subscriptions out of a mailbox: for certain, and perhaps.
    unheard_copies: (u64, u64),
    /// Dead letters about actors that nobody knows yet.
    early_letters: Vec<DeadLetter>,
    /// Marks of mailboxes of actors that nobody knows yet: whose, and whether it is high.
    early_marks: Vec<(Address, bool)>,
    /// Every timer there ever was.
    pub timers: Vec<Timer>,
    /// Ticks that perhaps were queued when their timers were taken back.
    ticks_cancelled: u64,
    /// Pools, by their ids.
    pub(super) pools: BTreeMap<SupervisorId, pools::Pool>,
    /// Supervisors' rules and what they paid for, by path.
    pub(super) budgets: HashMap<String, pools::Budget>,
    /// Every watch of an actor over another there ever was.
    pub watches: Vec<Watch>,
    /// Names and who has them.
    pub names: BTreeMap<String, usize>,
    /// Groups, and who watches them.
    crews: groups::Crews,
    /// Times at which something may fall due.
    pub instants: BTreeSet<u64>,
    /// The system shuts down.
    pub closing: bool,
    /// What runs just now belongs to a job that was given up.
    pub late: bool,
    /// Budget windows end then: a failure at just that time is what off-by-one errors show at.
    pub windows: BTreeSet<u64>,
    /// The first thing that no rule allows.
    pub violation: Option<Violation>,
    /// The actor whose spawn is under way: its address is not known yet.
    spawning: Option<usize>,
    by_tag: HashMap<u64, usize>,
    slots: HashMap<(u32, u32), Slot>,
    /// Messages by sender, length and target, to find the one that a dead letter is about.
    by_letter: HashMap<(Party, usize), Vec<usize>>,
    sequence: HashMap<(Party, Option<usize>), u64>,
    /// The last message that each target handled of each sender.
    last_handled: HashMap<(Party, usize), u64>,
    /// The last publication of each publisher that each subscription's owner handled.
    last_copy: HashMap<(Party, usize, u32), usize>,
    /// Asks with a deadline, by shard: when, which.
    due: Vec<BTreeSet<(u64, usize)>>,
    /// Sends that wait for room, by shard: when they must have been refused, which.
    due_sends: Vec<BTreeSet<(u64, usize)>>,
    /// Settled asks of ports that the port must hear of with the next flush, by shard.
    untold: Vec<Vec<usize>>,
    /// Children of supervisors by their paths, there or not.
    planned: HashMap<String, Traits>,
    /// A system that shuts down still lets actors work off their queues.
    pub(super) draining: bool,
    /// When a shard stops, and when it kills, whoever is left of a system that shuts down.
    phases: Vec<[Option<u64>; 2]>,
    /// Linked actors that are to hear of an abnormal end: who, whose.
    owed: Vec<(Address, Address)>,
    /// Jobs that environments have, over or not.
    pub tasks: Vec<Task>,
    /// Answers of environments that are under way: to whose job, which, what.
    pub answers: Vec<(Address, u32, Answer)>,
    totals: sync::Counted,
    jobs: u64,
    /// Actors whose lives something was said about since somebody listened.
    heard: Vec<usize>,
    /// Actors that were given a turn in this step.
    taken_now: Vec<usize>,
    just_ended: Vec<usize>,
    trace: Option<RefCell<VecDeque<String>>>,
}

/// Lines of the trace that are kept.
const TRACE_LINES: usize = 100_000;

impl Model {
    /// A model of an empty system.
    #[must_use]
    pub fn new(profile: &Profile, random: Random, now: u64, traced: bool) -> Self {
        let shards = profile.shards as usize;
        Self {
            now,
            random,
            faults: profile.faults.clone(),
            hops: profile.hops,
            shards: profile.shards,
            actors: Vec::new(),
            live: Vec::new(),
            messages: Vec::new(),
            board: topics::Board::new(profile.unheard_letters),
            publications: HashMap::new(),
            copies: Vec::new(),
            fresh: Vec::new(),
            gone: Vec::new(),
            unheard_copies: (0, 0),
            early_letters: Vec::new(),
            early_marks: Vec::new(),
            timers: Vec::new(),
            ticks_cancelled: 0,
            pools: BTreeMap::new(),
            budgets: HashMap::new(),
            watches: Vec::new(),
            names: BTreeMap::new(),
            crews: groups::Crews::default(),
            instants: BTreeSet::new(),
            closing: false,
            late: false,
            windows: BTreeSet::new(),
            violation: None,
            spawning: None,
            by_tag: HashMap::new(),
            slots: HashMap::new(),
            by_letter: HashMap::new(),
            sequence: HashMap::new(),
            last_handled: HashMap::new(),
            last_copy: HashMap::new(),
            due: vec![BTreeSet::new(); shards],
            due_sends: vec![BTreeSet::new(); shards],
            untold: vec![Vec::new(); shards],
            planned: HashMap::new(),
            draining: false,
            phases: vec![[None, None]; shards],
            owed: Vec::new(),
            tasks: Vec::new(),
            answers: Vec::new(),
            totals: sync::Counted::default(),
            jobs: 0,
            heard: Vec::new(),
            taken_now: Vec::new(),
            just_ended: Vec::new(),
            trace: traced.then(RefCell::default),
        }
    }

    /// Notes a violation; the first one counts.
    pub fn fail(&mut self, rule: &'static str, text: impl Into<String>) {
        let text = text.into();
        self.note(|| format!("VIOLATION {rule}: {text}"));
        if self.violation.is_none() {
            self.violation = Some(Violation { rule, text });
        }
    }

    /// Fails unless `holds`.
    pub fn require(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.fail(rule, text());
        }
    }

    /// Adds a line to the trace, if there is one.
    pub fn note(&self, line: impl FnOnce() -> String) {
        let Some(trace) = &self.trace else { return };
        let line = format!("{:>7} {}", self.now, line());
        let mut trace = trace.borrow_mut();
        if trace.len() == TRACE_LINES {
            trace.pop_front();
        }
        trace.push_back(line);
    }

    /// Takes the trace.
    pub fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().map(|trace| trace.into_inner().into()).unwrap_or_default()
    }

    /// Something may fall due then.
    pub fn mark(&mut self, at: u64) {
        if at > self.now && at != u64::MAX && self.instants.len() < 500 {
            self.instants.insert(at);
        }
    }

    /// A record is about to be taken out of a shard's inbox.
    pub fn record(&mut self, record: &Record<'_>) {
        let frame = &record.frame;
        let payload = match frame.kind {
            kind::MESSAGE | kind::ASK => frame.payload,
            record::kind::ACTOR_ASK => frame.payload.get(8..).unwrap_or_default(),
            record::kind::CHAINED_ASK => {
                let start = Context::read(frame.payload).map_or(usize::MAX, |(_, start)| start);
                frame.payload.get(start..).unwrap_or_default()
            }
            record::kind::WORK_DONE | record::kind::WORK_BEGUN => {
                return self.work_answered(record.target, record.word);
            }
            record::kind::PUBLISHED => return self.routed(frame.payload),
            record::kind::WATCH..=record::kind::LINK_DOWN => {
                return self.bond_record(frame.kind, record.target, frame.address, frame.corr);
            }
            _ => return,
        };
        match Payload::read(payload) {
            Some(payload) => self.arrive(payload.id),
            None => self.fail("DLV-4", "a message that nobody sent is under way"),
        }
    }

    /// The shard of an address.
    #[must_use]
    pub fn shard_of(&self, address: Address) -> usize {
        (address.index % self.shards) as usize
    }

    /// The actor at an address, ended ones included.
    #[must_use]
    pub fn find(&self, address: Address) -> Option<usize> {
        self.by_tag.get(&address.tag).copied()
    }

    /// The live actor in a cell.
    #[must_use]
    pub fn occupant(&self, index: u32) -> Option<usize> {
        self.live.iter().copied().find(|key| self.actors[*key].address.index == index)
    }

    /// A new actor is being spawned: its number. Its address comes with [`Model::spawned`].
    pub fn begin_spawn(&mut self, traits: Traits, name: Option<String>) -> usize {
        let key = self.actors.len();
        let wanted = traits.subscriptions.clone();
        self.actors.push(Actor::new(traits, name));
        self.spawning = Some(key);
        wanted.into_iter().for_each(|wanted| self.subscribe(key, None, wanted));
        key
    }

    /// The spawn succeeded.
    pub fn spawned(&mut self, key: usize, address: Address, id: &str) {
        self.bind(key, address);
        let actor = &mut self.actors[key];
        let above = &actor.above;
        actor.path = actor.name.as_ref().map_or_else(|| format!("{above}/${id}"), |name| format!("{above}/{name}"));
        let name = actor.name.clone();
        if let Some(name) = name {
            let holder = self.names.insert(name.clone(), key);
            self.require(holder.is_none(), "REG-1", || format!("'{name}' was given to a second actor, #{key}"));
        }
        self.spawning = None;
    }

    /// The spawn was refused because of its name, which is `holder`'s.
    pub fn name_taken(&mut self, key: usize, holder: Address) {
        self.unspawn(key);
        let name = self.actors[key].name.clone().unwrap_or_default();
        let known = self.names.get(&name).copied();
        let right = known.is_some_and(|known| self.actors[known].address == holder);
        self.require(right, "REG-1", || format!("'{name}' was refused to #{key}, but {known:?} has it"));
    }

    /// The spawn was refused for another reason than its name.
    pub fn refused(&mut self, key: usize, error: &SpawnError, closing: bool) {
        self.unspawn(key);
        // A pool that has gone takes no members.
        let expected = (closing || self.actors[key].has_place()) && *error == SpawnError::Shutdown;
        self.require(expected, "STA-1", || format!("#{key} was refused: {error}"));
    }

    /// The spawn was refused: nothing of it was ever there.
    fn unspawn(&mut self, key: usize) {
        self.spawning = None;
        self.actors[key].phase = Phase::Ended;
        self.forget_subscriptions(key);
        let never = self.messages.iter_mut().filter(|message| message.to == Some(key));
        never.for_each(|message| message.state = State::Void);
    }

    /// The address of an actor becomes known.
    fn bind(&mut self, key: usize, address: Address) {
        let actor = &mut self.actors[key];
        if actor.address == address {
            return;
        }
        actor.address = address;
        self.live.push(key);
        for message in self.messages.iter_mut().rev().take(200).filter(|message| message.to == Some(key)) {
            message.address = address;
        }
        let other = self.by_tag.insert(address.tag, key);
        self.require(other.is_none(), "REG-3", || format!("#{key} has the address of {other:?}"));
        self.note(|| format!("#{key} is at {}:{}", address.index, address.index));
    }

    /// The actor that an event is about.
    fn subject_at(&mut self, address: Address) -> Option<usize> {
        self.subject(address)
    }

    fn subject(&mut self, address: Address) -> Option<usize> {
        if let Some(key) = self.find(address) {
            return Some(key);
        }
        let key = self.spawning?;
        self.bind(key, address);
        Some(key)
    }
}
