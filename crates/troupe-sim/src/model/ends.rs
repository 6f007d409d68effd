//! Ends: who asked for them, what they lose, who hears of them (`STOP-1` … `STOP-5`, `MON-1`).

use troupe_actor::counters::LossReason;
use troupe_actor::id::Address;
use troupe_actor::reason::{ExitReason, ReasonTag};

use super::health::Due;
use super::messages::error_of;
use super::types::{Ending, Expect, Waits};
use super::{CREWS, Model, Phase, State};

impl Model {
    /// Somebody asks an actor to end; killed when it takes longer than `grace`.
    pub fn end(&mut self, key: usize, drain: bool, grace: Option<u64>) {
        if !self.actors[key].is_live() {
            return;
        }
        let now = self.now;
        let reason = self.orderly();
        let actor = &mut self.actors[key];
        actor.ending = match (actor.ending, drain) {
            (None | Some(Ending::Drain), true) => Some(Ending::Drain),
            _ => Some(Ending::Stop),
        };
        // A life that is being killed is not let go on.
        actor.killed |= actor.life_killed;
        (actor.taking_down, actor.life_killed) = (false, false);
        let up = actor.phase == Phase::Up;
        if !actor.is_busy() && !up && !actor.killed {
            actor.expect = Some(Expect::End(reason));
        }
        // One that is idle goes down at once.
        if up && !actor.is_busy() && actor.ending == Some(Ending::Stop) && actor.awaiting.is_empty() {
            actor.phase = Phase::Stopping;
            actor.queued_job = true;
            self.totals.stopped_now += 1;
        }
        let actor = &mut self.actors[key];
        if let Some(grace) = grace {
            actor.graces.push(now + grace + 1);
            self.mark(now + grace + 1);
        }
        self.note(|| format!("#{key} is to {}, grace {grace:?}", if drain { "drain" } else { "stop" }));
    }

    /// Somebody kills an actor. False when it has ended already.
    pub fn kill(&mut self, key: usize) -> bool {
        let actor = &mut self.actors[key];
        if !actor.is_live() {
            return false;
        }
        (actor.killed, actor.taking_down, actor.life_killed) = (true, false, false);
        // An environment's job is over at once.
        if !actor.is_busy() || actor.traits.external.is_some() {
            actor.expect = Some(Expect::End(actor.exit_as.unwrap_or(ReasonTag::Killed)));
        }
        self.note(|| format!("#{key} is killed"));
        true
    }

    /// The timers of a shard are about to run: graces that are over kill.
    pub fn graces_over(&mut self, shard: usize) {
        for key in self.live.clone() {
            let now = self.now;
            let mine = self.shard_of(self.actors[key].address) == shard;
            if mine && self.actors[key].graces.iter().any(|at| *at <= now) {
                self.actors[key].graces.retain(|at| *at > now);
                // One whose start took too long ends of that.
                if self.actors[key].expect.is_none() {
                    self.kill(key);
                }
            }
        }
    }

    /// The system shuts down: every actor works off what it has, is stopped when three fifths of the
    /// time are over, and killed at the deadline (`SHUT-1`).
    pub fn shut_down(&mut self, deadline: u64) {
        self.closing = true;
        self.draining = true;
        let (stop, kill) = (self.now + deadline / 5 * 3 + 1, self.now + deadline + 1);
        for phases in &mut self.phases {
            *phases = [Some(stop), Some(kill)];
        }
        self.mark(stop);
        self.mark(kill);
        for key in self.live.clone() {
            if !self.actors[key].has_place() {
                self.end(key, true, None);
            }
        }
    }

    /// The timers of a shard are about to run: probes may be due, a phase of the shutdown may be over.
    pub fn probes_and_phases(&mut self, shard: usize) {
        let now = self.now;
        let mut due = self.probes_due(shard);
        for (phase, what) in [(0, Due::Drained), (1, Due::Shutdown)] {
            due.extend(self.phases[shard][phase].filter(|at| *at <= now).map(|at| (at, what)));
        }
        due.sort_unstable();
        for (at, what) in due {
            let phase = match what {
                Due::Probe(key) => {
                    self.probe_due(key);
                    continue;
                }
                Due::Over(key) => {
                    self.probe_over(key);
                    continue;
                }
                Due::Drained => 0,
                Due::Shutdown => 1,
            };
            self.phases[shard][phase] = None;
            self.draining = false;
            for key in self.live.clone() {
                if self.shard_of(self.actors[key].address) != shard || self.actors[key].expect.is_some() {
                    continue;
                }
                self.restart_first(key, at);
                if phase == 0 {
                    self.end(key, false, None);
                } else {
                    self.kill(key);
                }
            }
        }
    }

    /// A restart whose timer is due before `at` is begun before what happens then.
    fn restart_first(&mut self, key: usize, at: u64) {
        let actor = &mut self.actors[key];
        if matches!(actor.phase, Phase::Waiting(due) if due < at) {
            actor.incarnation += 1;
            (actor.phase, actor.queued_job) = (Phase::Coming, true);
        }
    }

    /// Why the messages of an actor that ends in this step are lost.
    pub(super) fn going(&self, key: usize) -> Option<LossReason> {
        let actor = &self.actors[key];
        if actor.killed && !actor.is_held() {
            return Some(LossReason::Killed);
        }
        match actor.expect {
            Some(Expect::GiveUp) => Some(LossReason::GaveUp),
            Some(Expect::End(ReasonTag::Normal | ReasonTag::Shutdown)) if self.closing => Some(LossReason::Shutdown),
            Some(Expect::End(_)) => Some(LossReason::Stopped),
            Some(Expect::Vanish(_)) if self.closing => Some(LossReason::Shutdown),
            Some(Expect::Vanish(_)) => Some(LossReason::Stopped),
            _ => None,
        }
    }

    /// An actor has ended, and nothing of it is left.
    pub(super) fn ended(&mut self, key: usize, reason: ReasonTag, gave_up: bool) {
        let actor = &mut self.actors[key];
        // What was in its hands or queued has its dead letters by now.
        if let Some(hand) = actor.hand.take() {
            let left: Vec<usize> = hand.messages().filter(|id| self.messages[*id].state == State::InHand).collect();
            left.iter().for_each(|id| self.messages[*id].state = State::Sent);
        }
        let actor = &mut self.actors[key];
        actor.phase = Phase::Ended;
        actor.expect = None;
        actor.queued_job = false;
        actor.exit = Some(reason);
        actor.gave_up = gave_up;
        actor.replay.clear();
        if let Some(name) = &actor.name {
            self.names.remove(name);
        }
        self.end_bonds(key, reason);
        self.forget_subscriptions(key);
        self.leave_all(key);
        self.live.retain(|live| *live != key);
        self.just_ended.push(key);
        self.totals.ended_now += 1;
    }

    /// A slot was told that an actor came up, or that it did not.
    pub fn started(&mut self, port: u32, slot: u32, result: Result<(), ReasonTag>) {
        let Some(what) = self.settle_slot(port, slot) else { return };
        let Waits::Start(key) = what else {
            return self.fail("STA-1", format!("slot {slot}, {what:?}, was told of a start"));
        };
        let actor = &self.actors[key];
        let fits = match result {
            Ok(()) => actor.phase == Phase::Coming && actor.hand.is_none(),
            Err(_) => actor.expect.is_some() || actor.killed || actor.ending.is_some(),
        };
        self.require(fits, "STA-1", || format!("#{key}: the spawner was told of {result:?}"));
    }

    /// A slot was told that an actor has ended. `holder` is who has its name just now, `is_in` says who is in a
    /// group.
    pub fn down(
        &mut self,
        port: u32,
        slot: u32,
        reason: &ExitReason,
        holder: impl Fn(&str) -> Option<Address>,
        is_in: impl Fn(&str, Address) -> bool,
    ) {
        let Some(what) = self.settle_slot(port, slot) else { return };
        let key = match what {
            Waits::End(key) => key,
            Waits::Nobody(key) => return self.told_of_nobody(key, reason),
            what => return self.fail("MON-1", format!("slot {slot}, {what:?}, was told of an end")),
        };
        self.note(|| format!("slot {slot} hears that #{key} ended with {}", reason.tag));
        let actor = &self.actors[key];
        let going = self.going(key).is_some();
        let ended = actor.phase == Phase::Ended;
        let fits = if ended { actor.exit == Some(reason.tag) } else { going };
        if !fits {
            let text =
                format!("#{key} is said to have ended with {}, it is {:?} {:?}", reason.tag, actor.phase, actor.exit);
            return self.fail("MON-5", text);
        }
        if let Some(name) = &actor.name
            && holder(name) == Some(actor.address)
        {
            return self.fail("MON-4", format!("#{key} is down and still has the name '{name}'"));
        }
        let address = actor.address;
        if let Some(group) = CREWS.iter().find(|group| is_in(group, address)) {
            return self.fail("MON-4", format!("#{key} is down and still in {group}"));
        }
        if !ended {
            self.nothing_is_open(key, port);
        }
    }

    /// Asks of a port that an actor held are settled before its end is told there (`ASK-5`).
    fn nothing_is_open(&mut self, key: usize, port: u32) {
        let Some(loss) = self.going(key) else { return };
        self.settle_open(key, error_of(loss));
        let untold = self.messages.iter().position(|message| {
            message.to == Some(key)
                && !message.told
                && message.state == State::Handled
                && matches!(message.kind, super::Kind::Ask(..))
                && message.from == super::Party::Port(port)
                && message.settled.is_some()
        });
        if let Some(id) = untold {
            self.fail("ASK-5", format!("#{key} is down and m{id}, which it held, is not settled"));
        }
    }
}
