//! The world of a run: the kernel, its threads, its clock, and who sends from outside.
//!
//! Threads are simulated: each holds at most one job, takes it, runs it and brings it back in
//! steps of its own, so that everything that could happen in between does happen. What a seed does
//! next is decided here; what is right is decided by the model.

mod environment;
mod finish;
mod groups;
mod hooks;
mod outside;
mod pools;
mod steps;
mod timers;
mod topics;
mod trees;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use troupe_actor::cell::Waiter;
use troupe_actor::clock::Clock;
use troupe_actor::id::Address;
use troupe_actor::interrupt::{self, TurnSlot};
use troupe_actor::port::Port;
use troupe_actor::shard::{Job, Outbox};
use troupe_actor::system::{ActorSystem, SystemConfig};
use troupe_actor::ticker::Ticker;
use troupe_actor::topics::Topics;
use troupe_actor::tree::spec::SupervisorId;
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;

use crate::model::{CREWS, Handle, Model, Totals, Violation};
use crate::plan::{Action, Profile, Traits};
use crate::port::SimPort;
use crate::random::Random;

/// The clock's first reading, in milliseconds.
const BEGIN: u64 = 1_000;
/// Ports of a run.
const PORTS: u32 = 2;

/// One simulated thread.
struct Thread {
    slot: Arc<TurnSlot>,
    index: u32,
    number: u64,
    held: Option<Held>,
}

/// A job that a thread holds.
struct Held {
    shard: usize,
    key: usize,
    job: Job,
    /// When it was taken.
    since: u64,
    ran: bool,
    /// It runs until it is killed.
    hangs: bool,
    /// Its number in the model; another one there means that it was given up.
    number: u64,
    /// The watchdog ended it.
    bitten: bool,
}

/// A run.
pub struct World {
    system: ActorSystem,
    broker: Arc<Broker>,
    model: Handle,
    profile: Profile,
    random: Random,
    clock: Arc<AtomicU64>,
    threads: Vec<Thread>,
    ports: Vec<Address>,
    /// The port of the environment that runs actors.
    environment: u32,
    scratch: Outbox,
    /// When the timers of each shard last ran.
    ran: Vec<u64>,
    next_slot: u32,
    /// Watches of ports that may still be open: whom, port and slot.
    monitored: Vec<(usize, u32, u32)>,
    /// Asks of ports that may still be open, newest last: whom, which port, which slot.
    asked: Vec<(Address, u32, u32)>,
    /// Supervisors that came up once.
    trees: Vec<trees::Known>,
    /// Pools that may be made, by path: their traits, budget and size.
    pooled: HashMap<String, (Traits, pools::Budget, u32)>,
    /// Pools that were made.
    pools: Vec<SupervisorId>,
    next_tree: u32,
    /// Subscriptions of ports: which port, which tag.
    listening: Vec<(u32, u32)>,
    /// Actors about which a listener does something later.
    overdue: Vec<usize>,
    /// How often listeners may still do something.
    deeds: u32,
    /// Watches of groups.
    watching: Vec<(&'static str, Waiter)>,
    /// Steps so far.
    pub steps: u64,
}

/// One ticker for all runs of a process: nothing in a run looks at it.
fn ticker() -> Arc<Ticker> {
    static TICKER: OnceLock<Arc<Ticker>> = OnceLock::new();
    Arc::clone(TICKER.get_or_init(|| Arc::new(Ticker::new().expect("a thread for the ticker"))))
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, traced: bool) -> Self {
        let mut random = Random::new(seed);
        let profile = Profile::new(&mut random);
        let clock = Arc::new(AtomicU64::new(BEGIN));
        let broker = Arc::new(Broker::new(profile.shards as usize, Limits::default()));
        let config = SystemConfig {
            shards: profile.shards,
            spare_threads: 0,
            dead_letters: 10,
            captured_bytes: 1 << 16,
            seed,
            clock: Clock::Manual(Arc::clone(&clock)),
            topics: Arc::clone(&broker) as Arc<dyn Topics>,
            unheard_letters: profile.unheard_letters,
        };
        let system = ActorSystem::manual(&config, ticker());
        let model = Model::new(&profile, Random::new(random.number()), BEGIN, traced);
        let model: Handle = Arc::new(Mutex::new(model));
        let ports = (0..PORTS).map(|number| attach(&system, &model, number == 0)).collect();
        let environment = attach(&system, &model, false).port().unwrap_or_default();
        system.shared().listen(true);
        system.shared().listen_to_water(true);
        let threads = (0..profile.threads).map(|_| Thread::new(&system)).collect();
        let ran = vec![0; profile.shards as usize];
        Self {
            system,
            broker,
            model,
            profile,
            random,
            clock,
            threads,
            ports,
            environment,
            scratch: Outbox::default(),
            ran,
            next_slot: 1,
            asked: Vec::new(),
            monitored: Vec::new(),
            trees: Vec::new(),
            pooled: HashMap::new(),
            pools: Vec::new(),
            next_tree: 0,
            listening: Vec::new(),
            overdue: Vec::new(),
            deeds: hooks::DEEDS,
            watching: Vec::new(),
            steps: 0,
        }
    }

    /// Runs to the end, or to the first violation.
    ///
    /// # Errors
    /// The violation.
    pub fn run(&mut self) -> Result<Totals, Violation> {
        self.model.lock().note(String::new);
        let profile = format!("{:?}", self.profile);
        self.model.lock().note(|| profile);
        for _ in 0..self.profile.steps {
            let action = self.profile.action(&mut self.random);
            self.act(action);
            self.hook();
            self.verdict()?;
        }
        self.finish()?;
        Ok(self.model.lock().totals())
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.model.lock().take_trace()
    }

    fn verdict(&self) -> Result<(), Violation> {
        self.model.lock().violation.clone().map_or(Ok(()), Err)
    }

    fn act(&mut self, action: Action) {
        let shard = self.random.below(self.profile.shards) as usize;
        let thread = self.random.below(self.profile.threads) as usize;
        match action {
            Action::Inbox => self.inbox(shard),
            Action::Timers => self.timers(shard),
            Action::Take => self.take(shard, thread),
            Action::Run => self.run_job(thread),
            Action::Commit => self.commit(thread),
            Action::Flush => self.flush(shard),
            Action::Progress => self.progress(),
            Action::Advance => self.advance_some(),
            Action::AdvanceToDue => self.advance_to_due(),
            Action::Watchdog => self.bite(thread),
            Action::Answer => self.answer(),
            Action::Detach => self.detach(),
            Action::Supervise => self.supervise(),
            Action::Join => self.join(),
            Action::Request => self.ask_supervisor(false),
            Action::StopTree => self.ask_supervisor(true),
            Action::Look => self.look_at_tree(),
            Action::Publish => self.publish(),
            Action::Subscribe => self.subscribe(),
            Action::Listen => self.listen(),
            Action::SetTimer => self.set_timer(),
            Action::CancelTimer => self.cancel_timer(),
            Action::SetOwnTimer => self.set_own_timer(),
            Action::Group => self.group(),
            Action::WatchGroup => self.watch_group(),
            Action::Share => self.share(),
            outside => self.outside(outside),
        }
    }

    /// Lets time pass.
    fn advance(&mut self, to: u64) {
        self.clock.store(to, Ordering::Release);
        let mut model = self.model.lock();
        model.now = to;
        model.instants = model.instants.split_off(&(to + 1));
        model.windows = model.windows.split_off(&(to + 1));
        model.note(|| "time".to_owned());
    }

    fn now(&self) -> u64 {
        self.clock.load(Ordering::Acquire)
    }

    fn advance_some(&mut self) {
        let step = 1 + self.random.below(self.profile.leap);
        self.advance(self.now() + u64::from(step));
    }

    /// To when something is due, or a moment before or after.
    fn advance_to_due(&mut self) {
        let (marked, window) = {
            let model = self.model.lock();
            (model.instants.first().copied(), model.windows.first().copied())
        };
        let due = match self.random.below(3) {
            0 => window.or(marked),
            1 => marked,
            _ => self.system.next_due().or(marked),
        };
        let Some(due) = due else { return };
        let to = match self.random.below(5) {
            0 => due.saturating_sub(1),
            1 => due + 1,
            _ => due,
        };
        if to > self.now() {
            self.advance(to);
        }
    }

    /// Looks at everything after a step. `touched` is whose job was committed.
    fn check(&mut self, touched: Option<usize>) {
        self.steps += 1;
        self.flush_work();
        let statuses = self.system.statuses();
        let audit = self.system.audit();
        let mut model = self.model.lock();
        model.sync(&statuses, &self.ran, touched);
        model.check_audit(&audit);
        model.check_board(self.broker.holdings().subscriptions, self.system.shared().hub.unheard());
        for group in CREWS {
            model.check_group(group, &self.system.group_members(group));
        }
        for number in 0..self.profile.names {
            let name = name_of(number);
            let found = self.system.find(&name);
            let holder = model.names.get(&name).map(|key| model.actors[*key].address);
            model.require(found == holder, "REG-3", || format!("'{name}' is {found:?}'s, expected {holder:?}"));
        }
    }
}

/// The names of a run.
fn name_of(number: u32) -> String {
    format!("name{number}")
}

fn attach(system: &ActorSystem, model: &Handle, listens: bool) -> Address {
    let port = Arc::new(SimPort { model: Arc::clone(model), index: OnceLock::new(), shared: OnceLock::new(), listens });
    let index = system.attach(Arc::clone(&port) as Arc<dyn Port>);
    let _ = port.index.set(index);
    let _ = port.shared.set(Arc::downgrade(system.shared()));
    Address { index: index | Address::PORT, tag: 0 }
}

impl Thread {
    fn new(system: &ActorSystem) -> Self {
        let slot = Arc::new(TurnSlot::default());
        let index = system.shared().add_slot(&slot);
        Self { slot, index, number: 0, held: None }
    }

    /// Whether the job that it holds was killed.
    fn is_killed(&self) -> bool {
        interrupt::install(&self.slot);
        self.slot.begin(self.number);
        let killed = interrupt::is_killed();
        self.slot.end();
        killed
    }
}
