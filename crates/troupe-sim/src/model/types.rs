//! What the model keeps of actors and messages.

use std::collections::{HashMap, VecDeque};

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::health::HealthState;
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;
use troupe_actor::tree::spec::SupervisorId;

use super::bonds::Bond;
use super::health::Probe;
use crate::plan::Traits;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// A port, by its index.
    Port(u32),
    /// An actor, by its number in the model.
    Actor(usize),
}

/// How a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One way.
    Tell,
    /// One way, and the sending actor hears of a refusal under this tag.
    Reported(u32),
    /// One way, and the port's slot hears of it; it may wait for room this long, in milliseconds.
    Send(u32, u32),
    /// With an answer: the port's slot or the actor's tag, and the timeout in milliseconds.
    Ask(u32, u32),
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Emitted by a turn that has not succeeded yet.
    Held,
    /// Emitted by a turn that crashed: it must never be seen.
    Void,
    /// Under way, waiting for room, or queued.
    Sent,
    /// In a running turn.
    InHand,
    /// Handled.
    Handled,
    /// It crashed its handler alone.
    Failed,
    /// There is a dead letter about it.
    Lost(LossReason),
}

/// How an ask was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Answered.
    Value(Vec<u8>),
    /// Answered with the actor's own error.
    Refusal(Vec<u8>),
    /// Failed.
    Error(AskError),
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who sent it.
    pub from: Party,
    /// The sending actor's incarnation; 0 for a port.
    pub incarnation: u32,
    /// Whom it is for; `None` for an address that nobody ever had.
    pub to: Option<usize>,
    /// The target's address.
    pub address: Address,
    /// How it was sent.
    pub kind: Kind,
    /// Payload bytes.
    pub len: usize,
    /// Its place among the messages of this sender to this target.
    pub sequence: u64,
    /// When it was sent: an actor's when its turn had succeeded.
    pub at: u64,
    /// Where it is.
    pub state: State,
    /// It reached its shard.
    pub arrived: bool,
    /// It found its target alive there.
    pub met: bool,
    /// An ask that reached it when its deadline had passed: it is refused.
    pub late: bool,
    /// When an ask's time is over; what it inherits is in it.
    pub due: u64,
    /// The request on whose behalf an ask was made.
    pub parent: Option<usize>,
    /// Its handler waits for the answer.
    pub awaited: bool,
    /// The actors that wait for the answer, the one that has waited longest first.
    pub chain: Vec<usize>,
    /// It would wait for itself: it is refused (`REE-2`).
    pub cycle: bool,
    /// What became of it, if it is an ask; for a send, `Value` when it was accepted.
    pub settled: Option<Settled>,
    /// The sender has heard of it.
    pub told: bool,
}

impl Message {
    /// A dead letter about it may still come.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        matches!(self.state, State::Held | State::Sent | State::InHand)
    }
}

/// What a slot of a port waits for.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// What.
    pub what: Waits,
    /// It has heard.
    pub settled: bool,
}

/// What a slot of a port waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// An answer to this message, or its acceptance.
    Message(usize),
    /// The start of an actor.
    Start(usize),
    /// The end of an actor.
    End(usize),
    /// The end of an actor that had ended when the wait began.
    Nobody(usize),
    /// The end of the system.
    Shutdown,
    /// A tree, or a request of a supervisor.
    Tree,
}

/// Where an actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Comes up with its first message.
    Creating,
    /// A start is queued or runs.
    Coming,
    /// Handles messages.
    Up,
    /// Waits until then to come up again.
    Waiting(u64),
    /// Its going down is queued or runs.
    Stopping,
    /// It has a place and no life; its supervisor says when the next one begins.
    Placed,
    /// It has ended, or never was.
    Ended,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After the current message.
    Stop,
    /// After the queue.
    Drain,
}

/// What a failure must lead to, within the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A restart: failures in a row, and the shortest and the longest wait.
    Restart(u32, u64, u64),
    /// The end, with this reason.
    End(ReasonTag),
    /// The end, because it gave up.
    GiveUp,
    /// The end of a spawn whose first start failed with this reason: nothing is left (`STA-1`).
    Vanish(ReasonTag),
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Handles messages.
    Turn,
    /// Comes up.
    Start,
    /// Goes down.
    Stop,
    /// Answers a health probe.
    Health,
}

/// A job that was taken.
#[derive(Clone, Debug)]
pub struct Hand {
    /// Its number: a thread that brings back another one is late.
    pub number: u64,
    /// When it will have taken too long, in milliseconds.
    pub deadline: u64,
    /// What it does.
    pub work: Work,
    /// Frames of a turn: the message, or the ask of the answered actor, or neither.
    pub frames: Vec<Frame>,
    /// What the behavior did; `None` until it ran.
    pub deed: Option<Deed>,
}

/// One frame of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(usize),
    /// An answer to this ask, or a report about this tell.
    Answer(usize),
    /// The notice of this watch.
    Notice(usize),
}

impl Frame {
    /// Whether it outlives a crash of its turn: answers are of one life, the rest is of the actor.
    #[must_use]
    pub const fn survives(&self) -> bool {
        !matches!(self, Self::Answer(_))
    }
}

impl Hand {
    /// The messages of a turn.
    pub fn messages(&self) -> impl Iterator<Item = usize> + '_ {
        self.frames.iter().filter_map(|frame| match frame {
            Frame::Message(id) => Some(*id),
            Frame::Answer(_) | Frame::Notice(_) => None,
        })
    }
}

/// What a behavior did with a job.
#[derive(Clone, Debug, Default)]
pub struct Deed {
    /// Frames of the turn that it took.
    pub consumed: u32,
    /// Messages that it sent.
    pub emitted: Vec<usize>,
    /// Its answers.
    pub replies: Vec<Reply>,
    /// It stops its actor.
    pub stops: bool,
    /// What it did about monitors and links.
    pub bonds: Vec<Bond>,
    /// The tags whose answers it waits for.
    pub awaits: Vec<u32>,
    /// How it says that it is.
    pub health: Option<HealthState>,
    /// It failed, with this reason.
    pub failed: Option<ReasonTag>,
    /// Its handler returned, whatever its result says.
    pub returned: bool,
    /// It will fail each time.
    pub deterministic: bool,
}

/// An answer in a turn's result.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The ask, as the kernel numbers it.
    pub corr: u32,
    /// What it says.
    pub payload: Vec<u8>,
    /// It is an error of the actor's own.
    pub failed: bool,
}

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
    /// Its health.
    pub probe: Probe,
    /// Actors that it is linked with.
    pub links: Vec<Address>,
    /// Its life ends at the next boundary, because a linked actor's did.
    pub doomed: bool,
    /// The next tag of a watch; a new life begins anew, as a guest would.
    pub next_watch: u32,
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
            probe: Probe::default(),
            links: Vec::new(),
            doomed: false,
            next_watch: 1,
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

    /// It has not ended.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.phase != Phase::Ended && !self.address.is_none()
    }
}
