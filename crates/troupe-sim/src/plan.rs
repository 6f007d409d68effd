//! What a seed makes of a run: how large the system is, what happens how often, which faults.
//!
//! Each seed switches some faults off and others up, so that rare combinations are somebody's
//! ordinary case ("swarm testing", Groce et al. 2012).

use troupe_actor::health::HealthSpec;
use troupe_actor::spec::{MailboxSpec, Overflow};
use troupe_actor::supervision::spec::{Backoff, BackoffKind, Restart, RestartSpec};

use crate::model::Wanted;
use crate::random::Random;

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A shard takes its inbox over.
    Inbox,
    /// A shard does what is due.
    Timers,
    /// A thread takes a job.
    Take,
    /// A thread runs its job.
    Run,
    /// A thread brings its job back.
    Commit,
    /// A shard sends what it put aside.
    Flush,
    /// An environment answers.
    Answer,
    /// An environment goes, and another one comes.
    Detach,
    /// Everything runs for a while.
    Progress,
    /// Time passes.
    Advance,
    /// Time passes until something is due, or a moment before or after.
    AdvanceToDue,
    /// A port spawns an actor.
    Spawn,
    /// A port tells.
    Tell,
    /// A port tells many at once.
    Burst,
    /// A port sends and wants to know when the message is in the mailbox.
    Send,
    /// A port asks.
    Ask,
    /// A port asks and offers its own thread.
    AskInline,
    /// A port gives up on an ask.
    Abort,
    /// Somebody watches an actor.
    Watch,
    /// A port monitors an actor, or takes that back.
    Monitor,
    /// A port links two actors, or takes that back.
    Link,
    /// An actor is asked to stop.
    Stop,
    /// An actor is asked to work off its queue and stop.
    Drain,
    /// An actor is killed.
    Kill,
    /// An actor is killed whose messages wait for room with one that watches it.
    Bereave,
    /// The watchdog ends the job of a thread that hangs.
    Watchdog,
    /// A tree comes.
    Supervise,
    /// A pool gets one more member.
    Join,
    /// Somebody asks something of a supervisor.
    Request,
    /// A supervisor is asked to go.
    StopTree,
    /// Somebody looks at the tree.
    Look,
    /// A port publishes.
    Publish,
    /// Somebody subscribes an actor, or takes that back.
    Subscribe,
    /// A port subscribes, or takes that back.
    Listen,
    /// Somebody sets a timer for an actor's place.
    SetTimer,
    /// Somebody takes one back.
    CancelTimer,
    /// An environment sets a timer for the life of an actor that it runs, or takes it back.
    SetOwnTimer,
    /// Somebody lets an actor join or leave a group.
    Group,
    /// A port watches a group, or takes that back.
    WatchGroup,
    /// Somebody wants an actor that somebody else spawns.
    Share,
}

impl Action {
    const fn is_about_topics(self) -> bool {
        matches!(self, Self::Publish | Self::Subscribe | Self::Listen)
    }

    const fn is_about_timers(self) -> bool {
        matches!(self, Self::SetTimer | Self::CancelTimer | Self::SetOwnTimer)
    }
}

/// Every action with its usual weight, and whether a seed may switch it off.
const ACTIONS: [(Action, u32, bool); 40] = [
    (Action::Inbox, 60, false),
    (Action::Timers, 40, false),
    (Action::Take, 120, false),
    (Action::Run, 100, false),
    (Action::Commit, 100, false),
    (Action::Flush, 40, false),
    (Action::Answer, 60, false),
    (Action::Detach, 1, true),
    (Action::Progress, 30, false),
    (Action::Advance, 20, false),
    (Action::AdvanceToDue, 30, false),
    (Action::Spawn, 12, false),
    (Action::Tell, 50, true),
    (Action::Burst, 4, true),
    (Action::Send, 20, true),
    (Action::Ask, 40, true),
    (Action::AskInline, 15, true),
    (Action::Abort, 6, true),
    (Action::Watch, 10, true),
    (Action::Monitor, 10, true),
    (Action::Link, 6, true),
    (Action::Stop, 2, true),
    (Action::Drain, 2, true),
    (Action::Kill, 3, true),
    (Action::Bereave, 20, true),
    (Action::Watchdog, 6, true),
    (Action::Supervise, 5, true),
    (Action::Join, 8, true),
    (Action::Request, 6, true),
    (Action::StopTree, 1, true),
    (Action::Look, 8, true),
    (Action::Publish, 25, true),
    (Action::Subscribe, 8, true),
    (Action::Listen, 3, true),
    (Action::SetTimer, 8, true),
    (Action::CancelTimer, 5, true),
    (Action::SetOwnTimer, 12, true),
    (Action::Group, 8, true),
    (Action::WatchGroup, 3, true),
    (Action::Share, 4, true),
];

/// Faults and doings of handlers, each how often in a thousand messages or lives.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A handler traps.
    pub trap: u32,
    /// A handler panics.
    pub panic: u32,
    /// A handler fails its turn itself.
    pub crash: u32,
    /// A result is malformed.
    pub malformed: u32,
    /// A message traps each time.
    pub poison: u32,
    /// A message traps in company only.
    pub flaky: u32,
    /// A handler stops its actor.
    pub stop: u32,
    /// A turn takes only a part of its messages.
    pub partial: u32,
    /// A job hangs until it is killed.
    pub hang: u32,
    /// A start fails.
    pub start: u32,
    /// A failing start will always fail.
    pub deterministic: u32,
    /// A going down panics.
    pub stop_panic: u32,
    /// A handler tells somebody.
    pub tell: u32,
    /// A handler asks somebody.
    pub ask: u32,
    /// A handler waits for its ask.
    pub wait: u32,
    /// An ask is left open.
    pub open: u32,
    /// A handler watches or links, or takes that back.
    pub bond: u32,
    /// A handler publishes.
    pub publish: u32,
    /// A handler subscribes, or takes that back.
    pub subscribe: u32,
    /// A handler sets a timer, or takes one back.
    pub timer: u32,
    /// A handler puts a message aside or drops it, or takes back what was put aside.
    pub stash: u32,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Shards.
    pub shards: u32,
    /// Threads that run jobs.
    pub threads: u32,
    /// Steps before the end.
    pub steps: u32,
    /// Most actors alive.
    pub actors: u32,
    /// Names in use.
    pub names: u32,
    /// How many messages one from outside may set off, one after the other.
    pub hops: u32,
    /// Longest step of time, in milliseconds.
    pub leap: u32,
    /// Largest capacity of a mailbox.
    pub capacity: u32,
    /// How many spawned actors of a thousand an environment runs.
    pub external: u32,
    /// How many actors of a thousand are probed.
    pub probed: u32,
    /// Actors and ports publish and subscribe.
    pub topics: bool,
    /// What nobody is subscribed to is a dead letter.
    pub unheard_letters: bool,
    /// Whether the shutdown comes while everything is under way.
    pub rude_end: bool,
    /// What happens how often.
    pub weights: Vec<(Action, u32)>,
    /// How often of a thousand times somebody who hears of an actor's life does something about that.
    pub hooks: u32,
    /// What goes wrong how often.
    pub faults: Faults,
}

impl Profile {
    /// The profile of a seed.
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        let (topics, timers, stash) = (random.coin(), random.coin(), random.coin());
        let mut faults = faults(random, topics, timers);
        let mut weights = weights(random, topics, timers);
        if !stash {
            faults.stash = 0;
        } else if topics {
            // Of a copy whose subscription ends, nobody can say whether it is part of a replay: what is put aside
            // then comes back into that, or not.
            faults.subscribe = 0;
            weights.retain(|(action, _)| *action != Action::Subscribe);
        }
        Self {
            shards: random.between(1, 3),
            threads: random.between(1, 5),
            steps: random.between(300, 1_800),
            actors: random.between(2, 14),
            names: random.between(1, 6),
            hops: random.between(0, 4),
            leap: random.pick(&[3, 20, 200, 2_000]),
            capacity: random.pick(&[1, 5, 20, 80, 300]),
            external: random.pick(&[0, 0, 200, 600]),
            probed: random.pick(&[0, 0, 100, 400]),
            hooks: random.pick(&[0, 0, 100, 500]),
            rude_end: random.coin(),
            weights,
            faults,
            topics,
            unheard_letters: random.coin(),
        }
    }

    /// What happens next.
    pub fn action(&self, random: &mut Random) -> Action {
        let mut at = random.below(self.weights.iter().map(|(_, weight)| weight).sum());
        for (action, weight) in &self.weights {
            if at < *weight {
                return *action;
            }
            at -= weight;
        }
        Action::Progress
    }
}

fn weights(random: &mut Random, topics: bool, timers: bool) -> Vec<(Action, u32)> {
    ACTIONS
        .iter()
        .map(|(action, usual, optional)| {
            let weight = match random.below(5) {
                _ if action.is_about_topics() && !topics => 0,
                _ if action.is_about_timers() && !timers => 0,
                0 if *optional => 0,
                1 => usual * 3,
                2 => usual.div_ceil(3),
                _ => *usual,
            };
            (*action, weight)
        })
        .collect()
}

fn faults(random: &mut Random, topics: bool, timers: bool) -> Faults {
    let mut share = |usual: u32| match random.below(4) {
        0 => 0,
        1 => usual * 4,
        _ => usual,
    };
    Faults {
        trap: share(20),
        panic: share(8),
        crash: share(8),
        malformed: share(6),
        poison: share(25),
        flaky: share(15),
        stop: share(6),
        partial: share(60),
        hang: share(10),
        start: share(60),
        deterministic: share(60),
        stop_panic: share(40),
        tell: share(150),
        ask: share(100),
        wait: share(120),
        open: share(100),
        bond: share(60),
        publish: if topics { share(90) } else { 0 },
        subscribe: if topics { share(40) } else { 0 },
        timer: if timers { share(80) } else { 0 },
        stash: share(90),
    }
}

/// How an actor of the run is made.
#[derive(Clone, Debug)]
pub struct Traits {
    /// Bounds of its mailbox.
    pub mailbox: MailboxSpec,
    /// Restart rules.
    pub restart: RestartSpec,
    /// Comes up with its first message.
    pub lazy: bool,
    /// Comes up on whatever thread asks for it.
    pub creates_inline: bool,
    /// What it does with a turn on a port's thread.
    pub inline: Inline,
    /// Takes several messages a turn.
    pub batches: bool,
    /// Longest start, in milliseconds.
    pub start_ms: u64,
    /// An environment runs it: its longest handler, in milliseconds.
    pub external: Option<u64>,
    /// How it is probed, if it is.
    pub health: Option<HealthSpec>,
    /// Each of its turns begins with a frame that says how full its mailbox is.
    pub pressure: bool,
    /// How often it says that it is unhealthy, in a thousand.
    pub unhealthy: u32,
    /// What it is subscribed to from the beginning.
    pub subscriptions: Vec<Wanted>,
    /// It came up after these many failed starts, if those of its kind fail.
    pub start_fails: u32,
}

/// What a behavior does with a turn on a port's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inline {
    /// It is not asked.
    Never,
    /// Runs it.
    Runs,
    /// Runs half of it.
    Suspends,
    /// Does not run it.
    Declines,
}

impl Traits {
    /// An actor of a run.
    #[must_use]
    pub fn new(profile: &Profile, random: &mut Random) -> Self {
        let overflow = [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest];
        let count = if profile.topics { random.below(4) } else { 0 };
        let mut subscriptions: Vec<Wanted> = (0..count).map(|_| Wanted::new(random)).collect();
        if profile.faults.stash > 0 {
            // One copy of each message at most, which everybody can tell from the others.
            subscriptions.truncate(1);
            subscriptions.iter_mut().for_each(|wanted| wanted.group = None);
        }
        Self {
            mailbox: MailboxSpec {
                max_messages: random.between(1, profile.capacity),
                max_bytes: random.pick(&[2_000, 20_000, 1 << 20]),
                overflow: random.pick(&overflow),
                wait_ms: random.pick::<u64>(&[0, 5, 100, 3_000]),
                max_payload: 2_000,
            },
            restart: restart(random),
            lazy: random.permille(150),
            creates_inline: random.permille(600),
            inline: random.pick(&[Inline::Never, Inline::Runs, Inline::Runs, Inline::Suspends, Inline::Declines]),
            batches: random.permille(800),
            start_ms: random.pick(&[u64::MAX, 3, 40, 1_000]),
            external: None,
            health: random.permille(profile.probed).then(|| health(random)),
            subscriptions,
            pressure: random.permille(250),
            unhealthy: random.pick(&[0, 100, 700]),
            start_fails: if random.permille(profile.faults.start) { random.between(1, 9) } else { 0 },
        }
    }
}

fn health(random: &mut Random) -> HealthSpec {
    HealthSpec {
        interval_ms: random.pick(&[5, 60, 1_000]),
        timeout_ms: random.pick(&[1, 20, 400]),
        failures: random.between(1, 3),
        restart: random.permille(800),
    }
}

/// Restart rules of a run.
pub fn restart(random: &mut Random) -> RestartSpec {
    let initial_ms = random.pick::<u64>(&[0, 1, 10, 100]);
    let kinds = [BackoffKind::Immediate, BackoffKind::Linear, BackoffKind::Exponential, BackoffKind::Exponential];
    RestartSpec {
        restart: random.pick(&[Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary]),
        max_restarts: random.pick(&[0, 1, 2, 3, 5, 5, u32::MAX]),
        within_ms: random.pick::<u64>(&[1, 10, 50, 400, 60_000]),
        backoff: Backoff {
            kind: random.pick(&kinds),
            initial_ms,
            factor: random.pick(&[1.0, 1.5, 2.0, 10.0]),
            max_ms: initial_ms.max(random.pick::<u64>(&[1, 15, 150, 5_000])),
            jitter: random.pick(&[0.0, 0.2, 1.0]),
        },
        reset_after_ms: random.pick::<u64>(&[5, 100, 2_000, 15_000]),
    }
}
