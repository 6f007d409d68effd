//! What the model keeps of messages, waits and jobs.

use troupe_actor::ask::AskError;
use troupe_actor::counters::LossReason;
use troupe_actor::health::HealthState;
use troupe_actor::id::Address;
use troupe_actor::reason::ReasonTag;

use super::bonds::Bond;
use super::stash::StashDeed;
use super::timers::TimerDeed;
use super::topics::TopicDeed;

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
    /// Published: whoever is subscribed gets a copy of it.
    Publication,
    /// A copy of what was published, by its number among all copies.
    Copy(usize),
    /// The ticks of a timer of an actor's place, one after the other.
    Tick(usize),
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
    /// It was published, and its copies were made.
    Published,
    /// A copy whose subscription ended before it was handled.
    Gone,
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
    /// Its place, from 1, among what came to its target; 0 before it came, and where nobody counts.
    pub number: u64,
    /// It was put aside once.
    pub aside: bool,
    /// Its actor could not read it.
    pub unreadable: bool,
    /// When it has waited long enough for room; 0 when it does not wait.
    pub room_due: u64,
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
    /// The number of copies of what was published that were accepted.
    Publication(usize),
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
    /// A tick of this timer, which is the actor's own.
    Tick(usize),
    /// How full the mailbox is.
    Pressure,
}

impl Frame {
    /// Whether it outlives a crash of its turn: answers and ticks are of one life, the rest is of the actor.
    #[must_use]
    pub const fn survives(&self) -> bool {
        !matches!(self, Self::Answer(_) | Self::Tick(_) | Self::Pressure)
    }
}

impl Hand {
    /// The messages of a turn.
    pub fn messages(&self) -> impl Iterator<Item = usize> + '_ {
        self.frames.iter().filter_map(|frame| match frame {
            Frame::Message(id) => Some(*id),
            Frame::Answer(_) | Frame::Notice(_) | Frame::Tick(_) | Frame::Pressure => None,
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
    /// What it did about topics.
    pub topics: Vec<TopicDeed>,
    /// What it did with its messages besides handling them.
    pub stash: Vec<StashDeed>,
    /// What it did about its own timers.
    pub timers: Vec<TimerDeed>,
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
