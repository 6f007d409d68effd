//! What the model keeps of an actor.

use std::collections::{HashMap, VecDeque};

use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::tree::spec::SupervisorId;

use super::health::Probe;
use super::room::Room;
use super::types::{Ending, Expect, Frame, Hand, Phase};
use crate::plan::Traits;

/// Who decides about an actor's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// Its own shard, by its own rules.
    User,
    /// The tree.
    Supervisor,
    /// Its own shard, and this pool, which takes all its members down; whether its place was made
    /// with the pool.
    Pool(SupervisorId, bool),
}

/// An actor.
#[derive(Clone, Debug)]
pub struct Actor {
    /// How it was made.
    pub traits: Traits,
    /// Its name.
    pub name: Option<String>,
    /// Its address; none until the spawn succeeded.
    pub address: Address,
    /// Its path.
    pub path: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// Lives begun.
    pub incarnation: u32,
    /// When the last life came up.
    pub since: u64,
    /// A job of it is queued.
    pub queued_job: bool,
    /// A job of it was taken.
    pub hand: Option<Hand>,
    /// Stop or drain was asked for.
    pub ending: Option<Ending>,
    /// It was killed.
    pub killed: bool,
    /// When it will be killed because it took too long to go down.
    pub graces: Vec<u64>,
    /// What must happen before this step is over.
    pub expect: Option<Expect>,
    /// Restarts that were charged.
    pub charged: Vec<u64>,
    /// Failures in a row.
    pub failures: u32,
    /// What is left of a crashed turn, to be handled one at a time.
    pub replay: VecDeque<Frame>,
    /// The message that crashes its handler alone just now.
    pub poisoned: Option<usize>,
    /// The next crash of the replay is free.
    pub replay_free: bool,
    /// One message a turn until then.
    pub cautious: u64,
    /// Tags whose answers its handler waits for.
    pub awaiting: Vec<u32>,
    /// Asks that it took, as the kernel numbers them.
    pub open: HashMap<u32, usize>,
    /// Behaviors alive, by their numbers.
    pub alive: Vec<u32>,
    /// Behaviors of jobs that took too long, and that their threads still have.
    pub ghosts: Vec<u32>,
    /// Behaviors made.
    pub made: u32,
    /// Slots that wait for its end.
    pub watchers: Vec<(u32, u32)>,
    /// How it ended.
    pub exit: Option<ReasonTag>,
    /// It ended because it gave up.
    pub gave_up: bool,
    /// The next tag of an ask of its own; never reused, so that an answer names its ask.
    pub next_tag: u32,
    /// Asks and reported tells of its own, by tag.
    pub tags: HashMap<u32, usize>,
    /// The kernel's count of accepted messages, at the last look.
    pub accepted: u64,
    /// Its cell was seen in this step.
    pub seen: u64,
    /// Who decides about its lives.
    pub under: Under,
    /// The path that its own begins with.
    pub above: String,
    /// Its parent knows that it came up.
    pub place_up: bool,
    /// Its failure was charged already, so that its supervisor restarts it for nothing.
    pub free_restart: bool,
    /// What it is said to have ended with when it is killed, if not that.
    pub exit_as: Option<ReasonTag>,
    /// The life that its supervisor wants begun.
    pub permit: Option<u32>,
    /// Its supervisor wants its life to end in order.
    pub taking_down: bool,
    /// Its supervisor wants its life to end now.
    pub life_killed: bool,
    /// When a life will be killed because it took too long to go down: when, which.
    pub life_graces: Vec<(u64, u32)>,
    /// It was up once.
    pub been_up: bool,
    /// How its last life ended, until the next one is up.
    pub last: Option<ReasonTag>,
    /// Its environment wants one message a turn.
    pub single: bool,
    /// Its health.
    pub probe: Probe,
    /// Actors that it is linked with.
    pub links: Vec<Address>,
    /// Its life ends at the next boundary, because a linked actor's did.
    pub doomed: bool,
    /// The next tag of a watch; a new life begins anew, as a guest would.
    pub next_watch: u32,
    /// The last number of a subscription.
    pub subscribed: u32,
    /// What it has put aside.
    pub stash: Vec<usize>,
    /// What it took back, which comes before everything else.
    pub front: VecDeque<usize>,
    /// The room in front of it.
    pub room: Room,
}

impl Actor {
    /// An actor whose spawn is under way.
    #[must_use]
    pub fn new(traits: Traits, name: Option<String>) -> Self {
        let phase = match (traits.lazy, traits.creates_inline) {
            (true, _) => Phase::Creating,
            (false, _) => Phase::Coming,
        };
        let inline = !traits.lazy && traits.creates_inline;
        Self {
            queued_job: phase == Phase::Coming && !inline,
            incarnation: u32::from(phase == Phase::Coming),
            traits,
            name,
            address: Address::NONE,
            path: String::new(),
            phase,
            since: 0,
            hand: None,
            ending: None,
            killed: false,
            graces: Vec::new(),
            expect: None,
            charged: Vec::new(),
            failures: 0,
            replay: VecDeque::new(),
            poisoned: None,
            replay_free: false,
            cautious: 0,
            awaiting: Vec::new(),
            open: HashMap::new(),
            alive: Vec::new(),
            ghosts: Vec::new(),
            made: 0,
            watchers: Vec::new(),
            exit: None,
            gave_up: false,
            next_tag: 1,
            tags: HashMap::new(),
            accepted: 0,
            seen: 0,
            under: Under::User,
            above: "/user".to_owned(),
            place_up: false,
            free_restart: false,
            exit_as: None,
            permit: None,
            taking_down: false,
            life_killed: false,
            life_graces: Vec::new(),
            been_up: false,
            last: None,
            single: false,
            probe: Probe::default(),
            links: Vec::new(),
            doomed: false,
            next_watch: 1,
            subscribed: 0,
            stash: Vec::new(),
            front: VecDeque::new(),
            room: Room::default(),
        }
    }

    /// A job of it is queued or with some thread.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.queued_job || self.hand.is_some()
    }

    /// A job of it is with some thread.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.hand.is_some() && !self.queued_job
    }

    /// Its parent wants its life to end, and keeps its place.
    #[must_use]
    pub fn taken_down(&self) -> bool {
        (self.taking_down || self.life_killed) && self.ending.is_none() && !self.killed
    }

    /// The tree decides about its lives.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.under == Under::Supervisor
    }

    /// Its place outlives its lives.
    #[must_use]
    pub fn has_place(&self) -> bool {
        self.under != Under::User
    }

    /// The pool that it belongs to.
    #[must_use]
    pub const fn pool(&self) -> Option<SupervisorId> {
        match self.under {
            Under::Pool(id, _) => Some(id),
            _ => None,
        }
    }

    /// Its parent waits for its first life, and hears when that does not come up.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.is_supervised() || (matches!(self.under, Under::Pool(_, true)) && !self.place_up)
    }

    /// A life of it is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// It has not ended.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.phase != Phase::Ended && !self.address.is_none()
    }
}
