//! Timers: never early, never after they were taken back, one tick of each at a time, and none forgotten
//! (`TMR-1` … `TMR-4`).
//!
//! A timer that an actor sets for itself is of its life, and its ticks are no messages. One that is set
//! through a reference is of its place: each of its ticks is the same message, which is under way again
//! and again.

use troupe_actor::counters::LossReason;
use troupe_actor::dead_letter::DeadLetter;
use troupe_actor::frame::{self, Frame};
use troupe_actor::timer::Repeat;

use super::messages::Payload;
use super::{Deed, Kind, Model, Phase, State};

/// Bytes in front of the payload of a tick of an actor's own timer.
const TICK_HEAD_BYTES: usize = 8;

/// How far a timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A turn wants it that has not succeeded yet.
    Wanted,
    /// It is set; a tick may be queued.
    Set,
    /// A tick is in the actor's hands.
    InHand,
    /// It was taken back, or has ticked for the last time.
    Over,
}

/// A timer.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    /// Whose.
    pub key: usize,
    /// The life that it is of; `None` when it is of the place.
    pub life: Option<u32>,
    /// Its name, which no other timer of its place has while it is set.
    pub name: Option<&'static str>,
    /// The actor's own key, or the number that the kernel gave it.
    pub number: u32,
    /// When its next tick is due.
    pub due: u64,
    /// How it goes on.
    pub repeat: Repeat,
    /// How far it is.
    pub stage: Stage,
    /// The message that its ticks are.
    pub message: Option<usize>,
}

/// What a handler does about its own timers.
#[derive(Clone, Copy, Debug)]
pub enum TimerDeed {
    /// It sets this one, to be due after so many milliseconds.
    Set(usize, u32),
    /// It takes the one with this key back.
    Cancel(u32),
}

impl Timer {
    /// It goes on.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        matches!(self.stage, Stage::Set | Stage::InHand)
    }

    fn period(&self) -> u64 {
        match self.repeat {
            Repeat::Once => 0,
            Repeat::Delay(period) | Repeat::Rate(period) => u64::from(period),
        }
    }
}

impl Model {
    /// A timer that somebody wants; its number.
    pub fn timer(&mut self, key: usize, number: u32, repeat: Repeat) -> usize {
        let timer = Timer { key, life: None, name: None, number, due: 0, repeat, stage: Stage::Wanted, message: None };
        self.timers.push(timer);
        self.timers.len() - 1
    }

    /// A timer is set.
    fn arm(&mut self, id: usize, delay: u32) {
        let due = self.now + u64::from(delay);
        (self.timers[id].due, self.timers[id].stage) = (due, Stage::Set);
        self.mark(due);
        self.note(|| format!("timer {id} is set: {:?}", self.timers[id]));
    }

    /// A timer was set for an actor's place, instead of the one with its name.
    pub fn place_timer(&mut self, id: usize, number: u32, delay: u32) {
        let Timer { key, name, .. } = self.timers[id];
        let like = |timer: &Timer| timer.is_set() && timer.key == key && timer.name == name;
        let replaced = name.and_then(|_| self.timers.iter().position(like));
        replaced.into_iter().for_each(|replaced| _ = self.disarm(replaced));
        let message = self.timers[id].message.unwrap_or_default();
        self.messages[message].state = State::Handled;
        self.timers[id].number = number;
        self.arm(id, delay);
    }

    /// A timer of a place is taken back; whether that keeps every further tick from being handled.
    pub fn disarm(&mut self, id: usize) -> bool {
        let timer = self.timers[id];
        if !timer.is_set() {
            return false;
        }
        self.timers[id].stage = Stage::Over;
        let in_hand = timer.stage == Stage::InHand;
        if let Some(message) = timer.message.filter(|_| !in_hand) {
            self.messages[message].state = State::Gone;
            self.ticks_cancelled += u64::from(timer.due <= self.now);
        }
        self.note(|| format!("timer {id} is taken back"));
        !in_hand
    }

    /// What a turn wanted of its actor's timers takes place.
    pub(super) fn commit_timers(&mut self, key: usize, deed: &Deed) {
        for wanted in &deed.timers {
            let number = match *wanted {
                TimerDeed::Set(id, _) => self.timers[id].number,
                TimerDeed::Cancel(number) => number,
            };
            self.cancel_own_timer(key, number);
            if let TimerDeed::Set(id, delay) = *wanted {
                self.own_timer(id, self.actors[key].incarnation, delay);
            }
        }
    }

    /// The timer with this key of an actor's life is taken back; whether that keeps every further tick from being
    /// handled.
    pub fn cancel_own_timer(&mut self, key: usize, number: u32) -> bool {
        let life = Some(self.actors[key].incarnation);
        let same = |timer: &Timer| (timer.key, timer.life, timer.number) == (key, life, number) && timer.is_set();
        let found = self.timers.iter().position(same);
        found.is_some_and(|found| self.disarm(found))
    }

    /// A timer of a life is set.
    pub fn own_timer(&mut self, id: usize, life: u32, delay: u32) {
        self.timers[id].life = Some(life);
        self.arm(id, delay);
    }

    /// A tick is about to be handled: may it be?
    fn check_tick(&mut self, id: usize, returned: bool) -> u64 {
        let (timer, now) = (self.timers[id], self.now);
        let incarnation = self.actors[timer.key].incarnation;
        let what = || format!("timer {id} of #{}, {timer:?}, ticks at {now}", timer.key);
        let lives = timer.life.is_none_or(|life| life == incarnation);
        self.require(lives, "TMR-2", || format!("{} in life {incarnation}", what()));
        self.require(timer.stage != Stage::InHand, "TMR-3", || format!("{} twice", what()));
        // What was in hand when its timer was taken back may come back.
        self.require(timer.stage == Stage::Set || returned, "TMR-2", what);
        self.require(timer.due <= now || returned, "TMR-4", || format!("{}, too early", what()));
        let missed = now.saturating_sub(timer.due).checked_div(timer.period()).unwrap_or(0);
        if timer.stage == Stage::Set {
            self.timers[id].stage = Stage::InHand;
            if matches!(timer.repeat, Repeat::Rate(_)) {
                self.timers[id].due += missed * timer.period();
            }
        }
        missed
    }

    /// An actor was given a tick of its own timer.
    pub(super) fn own_tick_taken(&mut self, key: usize, frame: &Frame<'_>) -> Option<usize> {
        let id = frame::word(frame.payload, TICK_HEAD_BYTES).map(|id| id as usize);
        let known = id.filter(|id| {
            let timer = self.timers.get(*id);
            timer.is_some_and(|timer| (timer.key, timer.number, timer.message) == (key, frame.corr, None))
        });
        let Some(id) = known else {
            self.fail("DLV-4", format!("#{key} was given the tick of a timer {id:?} that is not its own"));
            return None;
        };
        let missed = self.check_tick(id, false);
        let said = frame::word(frame.payload, 0).map(u64::from);
        self.require(said == Some(missed), "TMR-3", || {
            format!("timer {id} of #{key} missed {missed} ticks, the actor hears of {said:?}")
        });
        Some(id)
    }

    /// An actor was given a tick of a timer of its place: which message that is.
    pub(super) fn place_tick_taken(&mut self, key: usize, frame: &Frame<'_>) -> Option<usize> {
        let message = Payload::read(frame.payload).map(|payload| payload.id);
        let known = message.and_then(|id| Some((id, self.timer_of(id)?)));
        let Some((id, timer)) = known.filter(|(id, _)| self.messages[*id].to == Some(key)) else {
            self.fail("DLV-4", format!("#{key} was given a tick that is not for it, m{message:?}"));
            return None;
        };
        let message = &self.messages[id];
        let whole = message.len == frame.payload.len() && self.timers[timer].number == frame.corr;
        let (state, returned) = (message.state, message.state == State::Sent);
        self.require(whole, "DLV-4", || format!("m{id} is no longer what it was"));
        self.require(state != State::InHand, "TMR-3", || format!("#{key} was given m{id} twice"));
        self.check_tick(timer, returned);
        self.messages[id].state = State::InHand;
        Some(id)
    }

    fn timer_of(&self, message: usize) -> Option<usize> {
        match self.messages.get(message)?.kind {
            Kind::Tick(timer) => Some(timer),
            _ => None,
        }
    }

    /// A tick was handled, or has crashed its handler: its timer goes on.
    pub(super) fn tick_handled(&mut self, id: usize) {
        let now = self.now;
        let timer = &mut self.timers[id];
        if timer.stage != Stage::InHand {
            return;
        }
        timer.stage = Stage::Set;
        match timer.repeat {
            Repeat::Once => timer.stage = Stage::Over,
            Repeat::Delay(period) => timer.due = now + u64::from(period),
            Repeat::Rate(period) => timer.due += u64::from(period),
        }
        let due = timer.due;
        self.mark(due);
    }

    /// The message of a tick was handled, or has crashed its handler.
    pub(super) fn place_tick_handled(&mut self, message: usize) {
        self.timer_of(message).into_iter().for_each(|timer| self.tick_handled(timer));
    }

    /// A tick in hand goes back into the mailbox.
    pub(super) fn tick_put_back(&mut self, id: usize) {
        let timer = &mut self.timers[id];
        if timer.stage == Stage::InHand {
            timer.stage = Stage::Set;
        }
    }

    /// The message of a tick in hand goes back into the mailbox.
    pub(super) fn place_tick_put_back(&mut self, message: usize) {
        self.timer_of(message).into_iter().for_each(|timer| self.tick_put_back(timer));
    }

    /// A dead letter about a tick, which nobody has sent.
    pub(super) fn tick_letter(&mut self, letter: &DeadLetter) {
        self.totals.letters += 1;
        let key = self.subject_at(letter.address);
        let said = letter.payload.as_deref().and_then(Payload::read).map(|payload| payload.id);
        let fits = |timer: &Timer| timer.message.filter(|id| said.is_none_or(|said| said == *id));
        let mut ticks = self.timers.iter().filter(|timer| Some(timer.key) == key).filter_map(fits);
        let Some(id) = ticks.find(|id| self.messages[*id].len == letter.bytes) else {
            return self.fail("DLV-2", format!("a dead letter about a tick of no timer: {letter:?}"));
        };
        self.note(|| format!("m{id}, a tick, is lost: {}", letter.reason.as_str()));
        let poisons = letter.reason == LossReason::Poison;
        let right =
            if poisons { key.is_some_and(|key| self.actors[key].poisoned == Some(id)) } else { self.tick_goes(id) };
        self.require(right, "TMR-1", || format!("m{id}, a tick, is lost as {}", letter.reason.as_str()));
        self.messages[id].state = if poisons { State::Failed } else { State::Lost(letter.reason) };
        if !poisons {
            self.timer_of(id).into_iter().for_each(|timer| self.timers[timer].stage = Stage::Over);
        }
    }

    /// Whether a queued tick may be lost: its actor ends.
    fn tick_goes(&self, id: usize) -> bool {
        self.messages[id].to.is_some_and(|key| {
            let actor = &self.actors[key];
            actor.phase == Phase::Ended || actor.ending.is_some() || actor.killed || actor.expect.is_some()
        })
    }

    /// Timers of places that go on for ever.
    #[must_use]
    pub fn lasting_timers(&self) -> Vec<usize> {
        let lasts = |timer: &Timer| timer.is_set() && timer.message.is_some() && timer.repeat != Repeat::Once;
        (0..self.timers.len()).filter(|id| lasts(&self.timers[*id])).collect()
    }

    /// An actor that set itself a timer which goes on for ever, and was not asked to end.
    #[must_use]
    pub fn ticking(&self) -> Option<usize> {
        let waits = |key: &usize| {
            let actor = &self.actors[*key];
            let own = |timer: &Timer| timer.key == *key && timer.life == Some(actor.incarnation);
            let lasting = |timer: &Timer| own(timer) && timer.is_set() && timer.repeat != Repeat::Once;
            actor.ending.is_none() && !actor.killed && self.timers.iter().any(lasting)
        };
        self.live.iter().copied().find(waits)
    }

    /// Whether an actor may hold ticks of its place's timers, beyond its bounds.
    pub(super) fn has_place_timers(&self, key: usize) -> bool {
        self.timers.iter().any(|timer| timer.key == key && timer.message.is_some())
    }

    /// Whether an actor ever had a timer.
    pub(super) fn has_timers(&self, key: usize) -> bool {
        self.timers.iter().any(|timer| timer.key == key)
    }

    /// Everything is at rest: every timer of whoever is up has ticked.
    pub(super) fn check_timers(&mut self) {
        let waits = |timer: &Timer| {
            let actor = &self.actors[timer.key];
            let up = matches!(actor.phase, Phase::Up | Phase::Creating) && actor.ending.is_none();
            let lives = timer.life.is_none_or(|life| life == actor.incarnation);
            up && lives && !actor.killed && timer.is_set()
        };
        let silent: Vec<usize> = (0..self.timers.len()).filter(|id| waits(&self.timers[*id])).collect();
        self.require(silent.is_empty(), "TMR-1", || format!("timers that never ticked: {silent:?}"));
    }
}
