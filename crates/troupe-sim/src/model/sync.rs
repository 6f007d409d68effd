//! What is compared after every step: the kernel's own account with the model's.

use std::collections::HashSet;
use std::fmt;

use troupe_actor::counters::LossReason;
use troupe_actor::shard::ActorStatus;
use troupe_actor::status::Status;
use troupe_actor::system::Audit;

use super::types::{Ending, Expect, Waits};
use super::{Kind, Model, Notice, Phase, State, Timer, Watch};

/// Sums that the model keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub letters: u64,
    pub handled: u64,
    pub failed: u64,
    pub settled: u64,
    /// Actors that ended in this step.
    pub ended_now: u32,
    /// Actors that went down in this step after they worked off their queue, and otherwise.
    pub drained_now: u32,
    pub stopped_now: u32,
    /// Messages that were discarded because their actor stopped, at the last look.
    discarded: u64,
    step: u64,
}

/// What a run did, for the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Messages sent.
    pub messages: u64,
    /// Actors spawned.
    pub actors: u64,
    /// Lives begun.
    pub lives: u64,
    /// Messages handled.
    pub handled: u64,
    /// Asks settled.
    pub asks: u64,
    /// Dead letters.
    pub letters: u64,
}

impl Totals {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.actors += other.actors;
        self.lives += other.lives;
        self.handled += other.handled;
        self.asks += other.asks;
        self.letters += other.letters;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, actors, lives, handled, asks, letters } = self;
        write!(f, "{actors} actors, {lives} lives, {messages} messages ({handled} handled), ")?;
        write!(f, "{asks} asks settled, {letters} dead letters")
    }
}

impl Model {
    /// What the run did so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            messages: self.messages.len() as u64,
            actors: self.actors.len() as u64,
            lives: self.actors.iter().map(|actor| u64::from(actor.made)).sum(),
            handled: self.totals.handled,
            asks: self.totals.settled,
            letters: self.totals.letters,
        }
    }

    /// A step is over: compares snapshots of all actors. `ran` is when the timers of a shard last
    /// ran, `touched` the actor whose job was committed.
    pub fn sync(&mut self, statuses: &[ActorStatus], ran: &[u64], touched: Option<usize>) {
        self.totals.step += 1;
        let step = self.totals.step;
        for status in statuses {
            let known = self.find(status.address).or_else(|| self.adopt(status));
            let Some(key) = known else {
                self.fail("SUP-7", format!("{} lives, and nobody spawned it", status.path));
                continue;
            };
            self.actors[key].seen = step;
            self.sync_actor(key, status, ran, touched == Some(key));
        }
        self.taken_now.clear();
        std::mem::take(&mut self.early_letters).iter().for_each(|letter| self.letter(letter));
        self.check_topics();
        for key in std::mem::take(&mut self.just_ended) {
            let watchers = std::mem::take(&mut self.actors[key].watchers);
            let deaf = watchers.iter().find(|slot| !self.has_heard(**slot)).copied();
            self.require(deaf.is_none(), "MON-1", || format!("#{key} ended and its watcher {deaf:?} does not know"));
        }
        for key in self.live.clone() {
            if self.actors[key].seen == step {
                continue;
            }
            if let Some(Expect::Vanish(tag)) = self.actors[key].expect {
                let gave_up = self.actors[key].gave_up;
                self.ended(key, tag, gave_up);
            } else {
                self.fail("STOP-2", format!("#{key} is gone and nobody was told"));
            }
        }
    }

    fn sync_actor(&mut self, key: usize, status: &ActorStatus, ran: &[u64], touched: bool) {
        if self.actors[key].has_place() {
            self.sync_place(key, status);
        }
        self.sync_phase(key, status);
        self.sync_incarnation(key, status);
        let shard = self.shard_of(status.address);
        let actor = &self.actors[key];
        let (phase, ending, busy) = (actor.phase, actor.ending, actor.is_busy());
        let awaits = !actor.awaiting.is_empty();
        if phase == Phase::Ended {
            return self.fail("STOP-2", format!("#{key} has ended and is still there, {}", status.status));
        }
        if let Some(expect) = actor.expect {
            let rule = if actor.killed { "STOP-4" } else { "STOP-2" };
            let rule = if matches!(expect, Expect::Restart(..)) { "RST-1" } else { rule };
            return self.fail(rule, format!("#{key} is {}, expected {expect:?}", status.status));
        }
        if let Phase::Waiting(at) = phase
            && (ran[shard] > at || status.status != Status::Restarting)
        {
            return self.fail("BO-3", format!("#{key} is {}, its restart was due at {at}", status.status));
        }
        if busy != status.busy {
            return self.fail("TURN-1", format!("#{key} has a job: {}, expected {busy}", status.busy));
        }
        if phase == Phase::Up && !busy && ending == Some(Ending::Stop) && !awaits {
            return self.fail("STOP-1", format!("#{key} was asked to stop and is {}", status.status));
        }
        let drained = phase == Phase::Up && !busy && ending == Some(Ending::Drain) && !awaits && status.queued == 0;
        if drained && self.has_nothing_to_hear(key) {
            return self.fail("STOP-2", format!("#{key} drains, has nothing left to do and is {}", status.status));
        }
        let actor = &self.actors[key];
        let health = actor.probe.state;
        self.require(status.health.state == health || phase != Phase::Up, "HLT-1", || {
            format!("#{key} is said to be {}, expected {health}", status.health.state)
        });
        self.sync_room(key, status, ran[shard]);
        self.sync_stash(key);
        let actor = &self.actors[key];
        let (before, max) = (actor.accepted, actor.traits.mailbox.max_messages);
        self.actors[key].accepted = status.counters.accepted;
        // No bound keeps a tick out: what came back may stand above it when one comes.
        let grew = status.counters.accepted > before && !touched && !self.has_place_timers(key);
        // One gets in however much was put aside: it may be what makes the actor take that back.
        let max = if self.actors[key].stash.is_empty() { max } else { max + 1 };
        self.require(!grew || status.queued <= max, "OVF-3", || {
            format!("#{key} accepted messages and holds {} of {max}", status.queued)
        });
    }

    /// Whether nothing that is no message can be in the mailbox of an actor: answers, notices, ticks.
    fn has_nothing_to_hear(&self, key: usize) -> bool {
        let notice = |watch: &Watch| watch.watcher == key && matches!(watch.notice, Notice::Queued | Notice::Open);
        let due = |timer: &Timer| timer.key == key && timer.is_set() && timer.due <= self.now;
        let waits = |id: &usize| !self.messages[*id].told && self.messages[*id].state != State::Void;
        let asks = self.actors[key].tags.values().any(waits);
        !asks && !self.watches.iter().any(notice) && !self.timers.iter().any(due)
    }

    fn sync_phase(&mut self, key: usize, status: &ActorStatus) {
        let actor = &mut self.actors[key];
        let fits = match (status.status, actor.phase) {
            (Status::Creating, Phase::Creating)
            | (Status::Starting, Phase::Coming)
            | (Status::Ready | Status::Draining, Phase::Up)
            | (Status::Restarting, Phase::Waiting(_) | Phase::Coming)
            | (Status::Stopping, Phase::Stopping) => true,
            (Status::Starting, Phase::Placed) => actor.has_place(),
            (Status::Restarting, Phase::Placed | Phase::Stopping) => actor.has_place(),
            // The first message came.
            (Status::Starting, Phase::Creating) => {
                actor.phase = Phase::Coming;
                actor.queued_job = true;
                actor.incarnation = 1;
                status.counters.accepted > 0
            }
            (Status::Stopping, Phase::Up) => {
                actor.phase = Phase::Stopping;
                actor.queued_job = true;
                let asked = actor.ending.is_some() && actor.hand.is_none();
                if actor.ending == Some(Ending::Drain) && actor.stash.is_empty() {
                    self.totals.drained_now += 1;
                } else {
                    self.totals.stopped_now += 1;
                }
                asked
            }
            _ => false,
        };
        if !fits {
            let actor = &self.actors[key];
            let text = format!("#{key} is {}, expected {:?}, ending {:?}", status.status, actor.phase, actor.ending);
            self.fail("SUP-0", text);
        }
    }

    fn sync_incarnation(&mut self, key: usize, status: &ActorStatus) {
        let now = self.now;
        let actor = &mut self.actors[key];
        if status.incarnation == actor.incarnation {
            return;
        }
        let due = matches!(actor.phase, Phase::Waiting(at) if at <= now);
        let (before, phase) = (actor.incarnation, actor.phase);
        if due && status.incarnation == before + 1 {
            actor.incarnation += 1;
            actor.phase = Phase::Coming;
            actor.queued_job = true;
            return;
        }
        let rule = if matches!(phase, Phase::Waiting(_)) { "BO-3" } else { "SUP-0" };
        self.fail(rule, format!("#{key} began life {} after {before} while it was {phase:?}", status.incarnation));
    }

    /// Compares the sums (`DLV-2`).
    pub fn check_audit(&mut self, audit: &Audit) {
        let counters = &audit.counters;
        let mine = self.totals;
        self.require(audit.is_balanced(), "DLV-2", || format!("the books do not balance: {audit:?}"));
        self.require(counters.handled == mine.handled, "DLV-2", || {
            format!("{} messages count as handled, {} were", counters.handled, mine.handled)
        });
        self.require(counters.failed == mine.failed, "DLV-2", || {
            format!("{} messages count as failed, {} did", counters.failed, mine.failed)
        });
        let discarded: u64 = counters.discarded.iter().sum();
        let (sure, perhaps) = self.unheard_copies;
        let unheard = counters.discarded[LossReason::NoSubscriber as usize];
        self.require((sure..=sure + perhaps).contains(&unheard), "TOP-7", || {
            format!("{unheard} copies count as dropped with their subscriptions, {sure} were, perhaps {perhaps} more")
        });
        let lost = counters.refused.iter().sum::<u64>() + discarded - unheard + counters.failed + counters.expired;
        self.require(lost == mine.letters, "DL-4", || {
            format!(
                "{lost} messages were refused, failed, expired or discarded, there are {} dead letters",
                mine.letters
            )
        });
        let live = self.live.len();
        self.require(audit.live as usize == live, "OBS-3", || {
            format!("{} actors are counted, {live} live", audit.live)
        });
        let only_drained = mine.drained_now > 0 && mine.stopped_now == 0 && mine.ended_now == 0;
        let stopped = counters.discarded[1] + counters.discarded[6];
        self.require(!only_drained || stopped == mine.discarded, "STOP-1", || {
            format!("an actor that drained discarded {} messages", stopped - mine.discarded)
        });
        self.totals.discarded = stopped;
        (self.totals.drained_now, self.totals.stopped_now, self.totals.ended_now) = (0, 0, 0);
    }

    /// Nothing is left to do until somebody sends: every ask was settled, nobody sits on work.
    pub fn check_rest(&mut self) {
        let open: Vec<_> =
            self.waiting_slots().into_iter().filter(|(_, what)| matches!(what, Waits::Message(_))).collect();
        self.require(open.is_empty(), "ASK-2", || format!("slots that were never told: {open:?}"));
        for key in self.live.clone() {
            let actor = &self.actors[key];
            let up =
                matches!(actor.phase, Phase::Up | Phase::Creating) && !actor.is_busy() && actor.awaiting.is_empty();
            let resting = up || (actor.phase == Phase::Placed && !actor.is_held());
            let (phase, incarnation) = (actor.phase, actor.incarnation);
            let asked = actor.ending.is_some() || actor.killed;
            self.require(resting, "SUP-0", || format!("#{key} is {phase:?} with nothing left to do"));
            self.require(!asked, "STOP-2", || format!("#{key} was asked to end and did not"));
            self.check_answers(key, incarnation);
        }
        let left: Vec<usize> = self
            .messages
            .iter()
            .enumerate()
            .filter(|(_, message)| {
                let dead =
                    matches!(message.kind, Kind::Ask(..)) && message.settled.is_some() || self.may_be_gone(message);
                matches!(message.state, State::Sent | State::InHand) && !dead
            })
            .filter(|(id, _)| !self.is_aside(*id))
            .map(|(id, _)| id)
            .collect();
        self.require(left.is_empty(), "DLV-1", || format!("messages that nobody handled: {left:?}"));
        self.check_bonds();
        self.check_timers();
        self.check_pools();
    }

    /// A living asker has the answers to all its asks.
    fn check_answers(&mut self, key: usize, incarnation: u32) {
        let mut silent: Vec<usize> = self.actors[key]
            .tags
            .values()
            .copied()
            .filter(|id| {
                let message = &self.messages[*id];
                let asked = matches!(message.kind, Kind::Ask(..)) && message.state != State::Void;
                asked && message.incarnation == incarnation && !message.told
            })
            .collect();
        silent.sort_unstable();
        self.require(silent.is_empty(), "ASK-2", || format!("#{key} never heard of {silent:?}"));
    }

    /// Everything has ended: nothing and nobody is left, every message has exactly one end.
    pub fn check_end(&mut self, audit: &Audit) {
        let open = self.waiting_slots();
        self.require(open.is_empty(), "ASK-2", || format!("slots that were never told: {open:?}"));
        let live = self.live.clone();
        self.require(live.is_empty(), "SHUT-2", || format!("actors that never ended: {live:?}"));
        let alive: Vec<usize> = self
            .actors
            .iter()
            .enumerate()
            .filter(|(_, actor)| !actor.alive.is_empty() || !actor.ghosts.is_empty())
            .map(|(key, _)| key)
            .collect();
        self.require(alive.is_empty(), "ENG-1", || format!("lives that were never given back: {alive:?}"));
        let mut quiet = Vec::new();
        let mut lost = HashSet::new();
        for (id, message) in self.messages.iter().enumerate() {
            match message.state {
                State::Sent if self.may_be_gone(message) => {}
                State::Sent | State::InHand if matches!(message.kind, Kind::Ask(..)) && message.settled.is_some() => {
                    quiet.push(id);
                }
                State::Sent | State::InHand => {
                    lost.insert(id);
                }
                _ => {}
            }
        }
        self.require(lost.is_empty(), "DLV-2", || format!("messages without an end: {lost:?}"));
        let counted = audit.counters.expired + audit.counters.aborted;
        let (least, ticks) = (quiet.len() as u64, self.ticks_cancelled);
        self.require((least..=least + ticks).contains(&counted), "DLV-2", || {
            format!("{counted} asks count as expired or aborted in the queue, these were: {quiet:?}")
        });
    }
}
