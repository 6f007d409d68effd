//! A cell: everything the kernel knows about one actor. Plain memory of one shard; the methods
//! here are the only place where an actor's status changes.

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::Arc;

use crate::backlog::Backlog;
use crate::behavior::Behavior;
use crate::counters::Counters;
use crate::health::Probe;
use crate::id::{ActorId, Address};
use crate::mailbox::Mailbox;
use crate::open_asks::OpenAsks;
use crate::reason::ExitReason;
use crate::shard::Parked;
use crate::spec::{ActorSpec, Overflow, SpawnArgs};
use crate::stash::Stash;
use crate::status::Status;
use crate::subscriptions::Subscriptions;
use crate::supervision::decide::History;
use crate::timer::Timers;
use crate::tree::spec::{Parent, ParentKind, SupervisorId};

/// One actor. What only some actors have is boxed. Three cache lines: what decides about a message,
/// the mailbox, the rest.
#[repr(C, align(64))]
pub struct Cell {
    /// The address's tag; 0 while the cell is vacant.
    pub tag: u64,
    /// Written by [`Cell::set_status`] only.
    status: Status,
    /// In the run queue.
    pub scheduled: bool,
    /// A job of this actor is with some thread.
    pub running: bool,
    /// Messages wait for room: what comes now waits behind them.
    pub backlog: bool,
    /// One message a turn: after a slow turn, or because its behavior or an observer asks for it (`TURN-5`).
    pub single: bool,
    /// Something is done with each of its turns before it is given out: a test injects faults, or a frame says
    /// how full the mailbox is.
    pub prepares: bool,
    /// Its jobs are done by an environment (see [`crate::spec::External`]).
    pub external: bool,
    /// Its last turn in the queue's order was one message, answered to its sender.
    pub answers: bool,
    /// Something else than a message waits for the next boundary: a probe, or the end of this life.
    pub attention: bool,
    /// Its messages are events.
    pub observed: bool,
    /// Ticks of its timers are in hand, or are to be dropped at the next boundary.
    pub ticking: bool,
    /// Its mailbox was filled to its high-water mark, and not emptied to the low one since (`OVF-6`).
    pub high: bool,
    /// It has put messages aside.
    pub stashed: bool,
    /// Stop, drain or kill was asked for and waits for the running turn.
    pub ending: Option<Ending>,
    /// Messages of the running turn.
    pub in_hand: u32,
    /// Full targets this actor waits for (`OVF-2`).
    pub parked: u32,
    /// Counts start attempts.
    pub incarnation: u32,
    /// How often the cell was used before.
    pub generation: u32,
    /// What it runs; with the running thread while `running`.
    pub behavior: Option<Box<dyn Behavior>>,
    /// What never changes; `None` while the cell is vacant.
    pub spec: Option<Arc<ActorSpec>>,
    /// What only some actors have.
    pub rare: Option<Box<Rare>>,
    /// What it has not handled yet.
    pub mailbox: Mailbox,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages handled.
    pub handled: u64,
    /// The running turn: which slot, which number; for kill.
    pub turn: (u32, u64),
    /// When this life came up, in milliseconds of the system's clock.
    pub since: u64,
    /// When the running turn was given out, in milliseconds of the system's clock.
    pub began: u64,
}

/// A requested end that waits for its moment. The first three end the actor; the others end one life
/// of it, and its address, name and mailbox stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After the current message.
    Stop,
    /// After the queue.
    Drain,
    /// Now.
    Kill,
    /// The life ends after the current message as if it had crashed; [`Rare::doom`] says why.
    Fail,
    /// The life ends in order, after the current message.
    TakeDown,
    /// The life goes down in order just now.
    TakingDown,
    /// The life ends now.
    KillLife,
}

/// What a supervised actor, or the member of a pool, is to its parent.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its number among the children.
    pub child: u32,
    /// Its name within its parent; `None` for the member of a pool.
    pub key: Option<Arc<str>>,
    /// The number that the supervisor gave this life; a life that waits for its first message has
    /// not counted as a start attempt yet.
    pub life: u32,
    /// The parent knows that this life is up.
    pub up: bool,
    /// The parent gave the place up itself.
    pub given_up: bool,
}

/// Whom an actor watches, who watches it, and whose fate it shares.
#[derive(Debug, Default)]
pub struct Bonds {
    /// Its own watches: each tag's target (`MON-1`).
    pub watches: BTreeMap<u32, Address>,
    /// Actors that watch it, each with its tag.
    pub watchers: Vec<(Address, u32)>,
    /// Linked actors (`MON-6`).
    pub links: Vec<Address>,
    /// Tags of watches that were taken back when their notice may have been queued already, each with
    /// the target of the watch that has the tag now.
    pub unwanted: BTreeMap<u32, Option<Address>>,
}

/// What only some actors have.
#[derive(Debug, Default)]
pub struct Rare {
    /// Registered name.
    pub name: Option<Arc<str>>,
    /// Configuration in place of the spec's.
    pub user: Option<Box<[u8]>>,
    /// Earlier failures.
    pub history: History,
    /// Counters other than accepted and handled.
    pub counters: Counters,
    /// Messages that wait for room.
    pub overflow: Backlog,
    /// When the armed timer of those is due; 0 when none is armed.
    pub overflow_timer: u64,
    /// Until then its full mailbox drops messages without a log line of its own, in milliseconds of the
    /// shard's clock.
    pub next_drop_line: u64,
    /// It may be in groups.
    pub grouped: bool,
    /// Asks that were consumed and not answered yet, by number.
    pub open_asks: OpenAsks,
    /// The request for which the waiting handler works, and its deadline; `None` for a plain message.
    pub in_hand: Option<(u32, u64)>,
    /// Requests that were settled from outside while a turn had them in hand, and their deadlines; the newest ones.
    pub lapsed: VecDeque<(u32, u64)>,
    /// Tags of the asks a handler waits for; empty when it does not.
    pub awaiting: Vec<u32>,
    /// Answers to those, as frames, and how many.
    pub answers: Vec<u8>,
    /// How many frames `answers` holds.
    pub answer_count: u32,
    /// Frames in the mailbox that are no messages: answers for which nobody waited when they came.
    pub queued_answers: u32,
    /// Messages of a crashed turn that are still to be handled one at a time (`TURN-3`).
    pub replay: u32,
    /// How many of those are in hand.
    pub replay_in_hand: u32,
    /// Nothing crashed in this replay yet, so the next crash is the same failure.
    pub replay_free: bool,
    /// One message a turn until this time.
    pub single_until: u64,
    /// Slots of ports that wait for the start.
    pub start_waiters: Vec<Waiter>,
    /// Slots of ports that wait for the end.
    pub end_waiters: Vec<Waiter>,
    /// Why it goes down, once that is known.
    pub exit: Option<ExitReason>,
    /// Why it comes up again, for the event.
    pub last_failure: Option<ExitReason>,
    /// The job that an environment has.
    pub parked: Option<Box<Parked>>,
    /// Jobs that were given to an environment so far.
    pub jobs: u32,
    /// When the running job has taken too long; 0 when that is not watched.
    pub job_deadline: u64,
    /// Why its life ends with [`Ending::Fail`].
    pub doom: Option<ExitReason>,
    /// What it is to its parent; `None` for the member of a pool that was spawned on its own.
    pub place: Option<Place>,
    /// Monitors and links.
    pub bonds: Option<Box<Bonds>>,
    /// Topics it is subscribed to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// Its health, if it is probed.
    pub probe: Option<Box<Probe>>,
    /// What it has put aside.
    pub stash: Stash,
    /// Its timers.
    pub timers: Option<Box<Timers>>,
    /// Custom state for the next start, in place of the spec's.
    pub state: Option<Box<[u8]>>,
}

/// A port and one of its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The port's index.
    pub port: u32,
    /// Its slot.
    pub slot: u32,
}

impl Cell {
    /// A vacant cell.
    #[must_use]
    pub fn vacant() -> Self {
        Self {
            tag: 0,
            status: Status::Terminated,
            scheduled: false,
            running: false,
            backlog: false,
            single: false,
            prepares: false,
            external: false,
            answers: false,
            attention: false,
            observed: false,
            ticking: false,
            high: false,
            stashed: false,
            ending: None,
            turn: (0, 0),
            in_hand: 0,
            parked: 0,
            incarnation: 0,
            generation: 0,
            mailbox: Mailbox::default(),
            behavior: None,
            accepted: 0,
            handled: 0,
            spec: None,
            since: 0,
            began: 0,
            rare: None,
        }
    }

    /// Moves a new actor in.
    pub fn occupy(&mut self, tag: u64, spec: Arc<ActorSpec>, args: SpawnArgs, now: u64) {
        let generation = self.generation;
        *self = Self::vacant();
        self.generation = generation;
        self.tag = tag;
        self.since = now;
        self.mailbox = Mailbox::new(spec.mailbox.overflow == Overflow::DropOldest || spec.pressure);
        self.set_status(if spec.lazy { Status::Creating } else { Status::Starting });
        self.prepares = spec.faults.is_some() || spec.pressure;
        self.external = spec.external.is_some();
        self.observed = spec.observed.messages;
        self.spec = Some(spec);
        if args.name.is_some() || args.user.is_some() {
            let rare = self.rare_mut();
            rare.name = args.name;
            rare.user = args.user;
        }
    }

    /// Moves the actor out; its address is dead from now on.
    pub fn vacate(&mut self) {
        let generation = self.generation.wrapping_add(1);
        *self = Self::vacant();
        self.generation = generation;
    }

    /// Reads one word of each of its cache lines.
    #[inline]
    pub fn touch(&self) {
        black_box((self.tag, self.mailbox.bytes(), self.accepted));
    }

    /// Where it is in its life.
    #[inline]
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Changes the status; the one place that does.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// Its identity.
    #[must_use]
    pub const fn id(&self, index: u32) -> ActorId {
        ActorId::new(index, self.generation)
    }

    /// Whether it takes messages now.
    #[inline]
    #[must_use]
    pub fn accepts(&self) -> bool {
        matches!(self.status, Status::Ready | Status::Starting | Status::Restarting | Status::Creating)
            && !self.is_closed()
    }

    /// Whether it was asked to end for good: its mailbox is closed.
    #[inline]
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.ending, Some(Ending::Stop | Ending::Drain | Ending::Kill))
    }

    /// Its supervisor or pool; `None` under the pool of spawned actors.
    #[must_use]
    pub fn parent(&self) -> Option<&Arc<Parent>> {
        self.spec.as_deref()?.parent.as_ref()
    }

    /// Whether it is a member of this pool and has not ended.
    #[must_use]
    pub fn is_member_of(&self, pool: SupervisorId) -> bool {
        self.tag != 0 && self.parent().map_or(SupervisorId::USER, |parent| parent.id) == pool
    }

    /// The number of this life, as its supervisor counts.
    #[must_use]
    pub fn life(&self) -> u32 {
        let place = self.rare.as_deref().and_then(|rare| rare.place.as_ref());
        place.filter(|_| self.is_supervised()).map_or(self.incarnation, |place| place.life)
    }

    /// Whether the tree decides what follows the end of a life.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.parent().is_some_and(|parent| parent.kind == ParentKind::Supervisor)
    }

    /// Whether a turn could be taken now.
    #[inline]
    #[must_use]
    pub fn is_runnable(&self) -> bool {
        if self.running || self.parked != 0 || !matches!(self.status, Status::Ready | Status::Draining) {
            return false;
        }
        match self.rare.as_deref() {
            Some(rare) if rare.answer_count > 0 => true,
            Some(rare) if !rare.awaiting.is_empty() => false,
            _ => !self.mailbox.is_empty(),
        }
    }

    /// Messages in its mailbox, or put aside; answers and notices are none.
    #[must_use]
    pub fn messages(&self) -> u32 {
        self.queued() + self.aside().0
    }

    /// Messages in its mailbox.
    fn queued(&self) -> u32 {
        let others = self.rare.as_deref().map_or(0, |rare| rare.queued_answers);
        self.mailbox.len().saturating_sub(others)
    }

    /// Whether nothing is queued or running, so that a port may run its turn itself.
    #[inline]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.running
            && !self.scheduled
            && self.parked == 0
            && self.status == Status::Ready
            && self.ending.is_none()
            && self.mailbox.is_empty()
            && !self.backlog
            && self
                .rare
                .as_deref()
                .is_none_or(|rare| rare.awaiting.is_empty() && rare.answer_count == 0 && rare.replay == 0)
    }

    /// Whether a handler waits for answers.
    #[must_use]
    pub fn is_awaiting(&self) -> bool {
        self.rare.as_deref().is_some_and(|rare| !rare.awaiting.is_empty())
    }

    /// The tag of one of its subscriptions; `None` when that has ended.
    #[must_use]
    pub fn subscription(&self, number: u32) -> Option<u32> {
        self.rare.as_deref()?.subscriptions.as_deref()?.tag_of(number)
    }

    /// Whether there is room for a frame of `bytes` bytes. Answers take none (`OVF-3`), and one
    /// message always fits. What was put aside takes room, but for that one message: the actor must hear of
    /// what lets it go on.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let Some(limits) = self.spec.as_deref().map(|spec| &spec.mailbox) else { return false };
        let messages = self.queued();
        let (count, aside) = self.aside();
        messages == 0
            || (messages + count < limits.max_messages && self.mailbox.bytes() + aside + bytes <= limits.max_bytes)
    }

    /// Messages that were put aside, and their bytes.
    #[must_use]
    pub fn aside(&self) -> (u32, usize) {
        let stash = self.rare.as_deref().filter(|_| self.stashed).map(|rare| &rare.stash);
        stash.map_or((0, 0), |stash| (stash.len(), stash.frames().len()))
    }

    /// Whether the mailbox is filled to 80 % of one of its bounds (`OVF-6`). Counted as
    /// [`Cell::has_room`] does: with what was put aside, without what is exempt.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.spec.as_deref().is_some_and(|spec| {
            let (limits, (count, aside)) = (&spec.mailbox, self.aside());
            let messages = u64::from(self.queued() + count) * 5 >= u64::from(limits.max_messages) * 4;
            messages || (self.mailbox.bytes() + aside).saturating_mul(5) >= limits.max_bytes.saturating_mul(4)
        })
    }

    /// Whether the mailbox is emptied to half of both of its bounds (`OVF-6`).
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.spec.as_deref().is_none_or(|spec| {
            let (limits, (count, aside)) = (&spec.mailbox, self.aside());
            self.queued() + count <= limits.max_messages / 2 && self.mailbox.bytes() + aside <= limits.max_bytes / 2
        })
    }

    /// Whether the next turn may hold one message only: its behavior wants that (`TURN-4`), or a
    /// crash is looked for (`TURN-3`).
    #[must_use]
    pub fn is_cautious(&self, behavior: &dyn Behavior, now: u64) -> bool {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::ReplayInBatches) {
            return !behavior.takes_batches();
        }
        !behavior.takes_batches()
            || self.observed
            || self.rare.as_deref().is_some_and(|rare| rare.replay > 0 || rare.single_until > now)
    }

    /// What only some actors have, made when first needed.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(Box::default)
    }

    /// All counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut all = self.rare.as_deref().map_or_else(Counters::default, |rare| rare.counters);
        all.accepted = self.accepted;
        all.handled = self.handled;
        all
    }
}
