//! The timers of one actor (`TMR`): what is set, when it is due, and where its tick is.
//!
//! A tick is in one place at a time: not due yet, in the mailbox, or in the actor's hands. So at most
//! one is pending, and a timer goes on from where its last tick ended. When something is due is the
//! shard's to know; each change here says what to tell it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Most timers that are set for one actor at a time (`TMR-5`).
pub const MAX_TIMERS: usize = 1_000;
/// Bytes in front of the payload of an effect that sets a timer: delay, period, mode.
pub const SET_HEAD_BYTES: usize = 12;

/// How a timer goes on after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Not at all.
    Once,
    /// This many milliseconds after the tick was handled.
    Delay(u32),
    /// This many milliseconds after the tick was due.
    Rate(u32),
}

impl Repeat {
    /// The repetition that the words of an effect mean; `None` when they mean none.
    #[must_use]
    pub const fn from_words(period_ms: u32, mode: u32) -> Option<Self> {
        match (mode, period_ms) {
            (0, _) => Some(Self::Once),
            (1, 1..) => Some(Self::Delay(period_ms)),
            (2, 1..) => Some(Self::Rate(period_ms)),
            _ => None,
        }
    }

    const fn period(self) -> Option<u64> {
        match self {
            Self::Once => None,
            Self::Delay(period) | Self::Rate(period) => Some(period as u64),
        }
    }
}

/// Which timer of an actor. Those that it set for itself end with its life; those that were set
/// through a reference are of its place, and no life knows of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    /// Set through a reference.
    pub outside: bool,
    /// The actor's own key, or a number that no other timer from outside has.
    pub number: u32,
}

impl TimerKey {
    /// A timer that the actor set for itself.
    #[must_use]
    pub const fn own(number: u32) -> Self {
        Self { outside: false, number }
    }

    /// A timer that was set through a reference.
    #[must_use]
    pub const fn outside(number: u32) -> Self {
        Self { outside: true, number }
    }
}

/// What a timer is to do.
#[derive(Clone, Copy, Debug)]
pub struct TimerOrder<'a> {
    /// Milliseconds until the first tick.
    pub delay_ms: u32,
    /// What follows it.
    pub repeat: Repeat,
    /// What comes with each tick.
    pub payload: &'a [u8],
}

/// Why a timer was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerError {
    /// The actor has [`MAX_TIMERS`] of them.
    #[error("the actor has 1,000 timers, which is the most")]
    TooMany,
    /// The payload is over the limit of a message, or all payloads together are over that of the mailbox.
    #[error("the payload is too large, or those of the actor's timers together are")]
    TooLarge,
    /// The actor, or this life of it, has ended.
    #[error("the actor has ended")]
    Ended,
}

/// Where a timer's tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not due yet.
    Waiting,
    /// In the mailbox.
    Queued,
    /// In the actor's hands.
    InHand,
}

/// One timer.
#[derive(Debug)]
pub struct Timer {
    /// When its next tick is due, or when the pending one was.
    pub due: u64,
    /// Where that is.
    pub phase: Phase,
    /// What comes with it.
    pub payload: Box<[u8]>,
    repeat: Repeat,
    name: Option<Arc<str>>,
}

impl Timer {
    /// Whole periods that went by while a tick waited to be handled (`TMR-3`).
    #[must_use]
    pub fn missed(&self, now: u64) -> u32 {
        let waited = now.saturating_sub(self.due);
        let periods = self.repeat.period().map_or(0, |period| waited.checked_div(period).unwrap_or(0));
        u32::try_from(periods).unwrap_or(u32::MAX)
    }

    /// When the next tick is due, once the one in hand was handled; `None` after the last one.
    fn next_due(&self, now: u64, rounding: u64) -> Option<u64> {
        #[cfg(troupe_planted)]
        let now = now - u64::from(crate::planted::is(crate::planted::Bug::TickEarly));
        match self.repeat {
            Repeat::Once => None,
            Repeat::Delay(period) => Some(now.saturating_add(u64::from(period)).saturating_add(rounding)),
            // What fell due while the tick was in hand is due now, once.
            Repeat::Rate(period) => Some(self.due.saturating_add(u64::from(period))),
        }
    }
}

/// What became of a timer that was taken out.
#[derive(Debug)]
pub struct Removed {
    /// When it was due.
    pub due: u64,
    /// Where its tick was.
    pub phase: Phase,
}

/// The timers of one actor.
#[derive(Debug, Default)]
pub struct Timers {
    timers: BTreeMap<TimerKey, Timer>,
    /// Timers from outside that have a name.
    names: HashMap<Arc<str>, u32>,
    /// Those whose tick is in hand.
    in_hand: Vec<TimerKey>,
    /// Bytes of all payloads.
    bytes: usize,
    /// The last number that was given to a timer from outside.
    last: u32,
    /// Those whose queued tick is to go, and lies with the running turn.
    pub unwanted: Vec<TimerKey>,
}

impl Timers {
    /// Timers that are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// Whether there is room for a timer with this key and so many bytes of payload, in place of the one
    /// that has the key.
    ///
    /// # Errors
    /// When there is none.
    pub fn has_room(&self, key: TimerKey, payload: usize, max_bytes: usize) -> Result<(), TimerError> {
        let replaced = self.timers.get(&key);
        let bytes = self.bytes - replaced.map_or(0, |timer| timer.payload.len());
        if replaced.is_none() && self.timers.len() >= MAX_TIMERS {
            Err(TimerError::TooMany)
        } else if bytes.saturating_add(payload) > max_bytes {
            Err(TimerError::TooLarge)
        } else {
            Ok(())
        }
    }

    /// A number for a timer from outside.
    pub fn next_number(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1).max(1);
            if !self.timers.contains_key(&TimerKey::outside(self.last)) {
                return self.last;
            }
        }
    }

    /// The number of the timer from outside with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// Sets a timer; the caller took out what it replaces.
    pub fn set(&mut self, key: TimerKey, order: &TimerOrder<'_>, due: u64, name: Option<&str>) {
        let name: Option<Arc<str>> = name.map(Arc::from);
        if let Some(name) = &name {
            self.names.insert(Arc::clone(name), key.number);
        }
        self.bytes += order.payload.len();
        let timer = Timer { due, phase: Phase::Waiting, payload: order.payload.into(), repeat: order.repeat, name };
        self.timers.insert(key, timer);
    }

    /// Takes a timer out.
    pub fn remove(&mut self, key: TimerKey) -> Option<Removed> {
        let timer = self.timers.remove(&key)?;
        self.bytes -= timer.payload.len();
        if let Some(name) = &timer.name {
            self.names.remove(name);
        }
        Some(Removed { due: timer.due, phase: timer.phase })
    }

    /// Takes all timers out that the actor set for itself, or all; with where their ticks are.
    pub fn remove_all(&mut self, outside_too: bool) -> Vec<(TimerKey, Removed)> {
        let keys: Vec<TimerKey> = self.timers.keys().copied().filter(|key| outside_too || !key.outside).collect();
        self.in_hand.retain(|key| !outside_too && key.outside);
        self.unwanted.retain(|key| !outside_too && key.outside);
        keys.into_iter().filter_map(|key| Some((key, self.remove(key)?))).collect()
    }

    /// The timer with this key.
    pub fn get_mut(&mut self, key: TimerKey) -> Option<&mut Timer> {
        self.timers.get_mut(&key)
    }

    /// A queued tick is in hand now; how many it missed. `None` when it is no tick of a timer any more.
    pub fn take(&mut self, key: TimerKey, now: u64) -> Option<u32> {
        let timer = self.timers.get_mut(&key).filter(|timer| timer.phase == Phase::Queued)?;
        let missed = timer.missed(now);
        #[cfg(troupe_planted)]
        let missed = if crate::planted::is(crate::planted::Bug::MissedUncounted) { 0 } else { missed };
        timer.phase = Phase::InHand;
        if let Repeat::Rate(period) = timer.repeat {
            // The schedule goes on from the last moment that this tick stands for.
            timer.due = timer.due.saturating_add(u64::from(period) * u64::from(missed));
        }
        self.in_hand.push(key);
        Some(missed)
    }

    /// A tick in hand went back into the mailbox.
    pub fn put_back(&mut self, key: TimerKey) {
        if let Some(at) = self.in_hand.iter().position(|other| *other == key) {
            self.in_hand.swap_remove(at);
            match self.timers.get_mut(&key).filter(|timer| timer.phase == Phase::InHand) {
                Some(timer) => timer.phase = Phase::Queued,
                // The turn that had it did not handle it, and took its timer back (`TMR-2`).
                None if !key.outside => self.unwanted.push(key),
                None => {}
            }
        }
    }

    /// A tick in hand is to stay there while what came with it goes back; false when it is not in hand.
    pub fn keep(&mut self, key: TimerKey) -> bool {
        let at = self.in_hand.iter().position(|other| *other == key);
        at.map(|at| self.in_hand.swap_remove(at)).is_some()
    }

    /// A tick that was to stay in hand did.
    pub fn hold(&mut self, key: TimerKey) {
        self.in_hand.push(key);
    }

    /// All ticks in hand went back.
    pub fn put_all_back(&mut self) {
        for key in std::mem::take(&mut self.in_hand) {
            if let Some(timer) = self.timers.get_mut(&key).filter(|timer| timer.phase == Phase::InHand) {
                timer.phase = Phase::Queued;
            }
        }
    }

    /// The ticks in hand were handled: which timers are due again, and when.
    pub fn handled(&mut self, now: u64, rounding: u64) -> Vec<(u64, TimerKey)> {
        let mut again = Vec::new();
        for key in std::mem::take(&mut self.in_hand) {
            // One that was set anew meanwhile is another timer.
            let Some(timer) = self.timers.get_mut(&key).filter(|timer| timer.phase == Phase::InHand) else { continue };
            match timer.next_due(now, rounding) {
                Some(due) => {
                    timer.due = due;
                    timer.phase = Phase::Waiting;
                    again.push((due, key));
                }
                None => {
                    self.remove(key);
                }
            }
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::{Repeat, TimerKey, TimerOrder, Timers};

    #[test]
    fn a_fixed_rate_goes_on_from_its_schedule_and_counts_what_it_missed() {
        let mut timers = Timers::default();
        let key = TimerKey::own(1);
        timers.set(key, &TimerOrder { delay_ms: 10, repeat: Repeat::Rate(10), payload: b"" }, 10, None);
        assert_eq!(timers.take(key, 10), None, "it is not queued yet");
        for (now, missed, next) in [(10, 0, 20), (35, 1, 40), (40, 0, 50)] {
            if let Some(timer) = timers.get_mut(key) {
                timer.phase = super::Phase::Queued;
            }
            assert_eq!(timers.take(key, now), Some(missed));
            assert_eq!(timers.handled(now + 2, 1), [(next, key)]);
        }
    }

    #[test]
    fn words_that_mean_no_repetition_are_refused() {
        assert_eq!(Repeat::from_words(0, 0), Some(Repeat::Once));
        assert_eq!(Repeat::from_words(5, 1), Some(Repeat::Delay(5)));
        assert_eq!(Repeat::from_words(5, 2), Some(Repeat::Rate(5)));
        for (period, mode) in [(0, 1), (0, 2), (5, 3)] {
            assert_eq!(Repeat::from_words(period, mode), None);
        }
    }

    #[test]
    fn numbers_of_timers_from_outside_are_not_used_twice_at_a_time() {
        let mut timers = Timers { last: u32::MAX - 1, ..Timers::default() };
        let order = TimerOrder { delay_ms: 0, repeat: Repeat::Once, payload: b"" };
        for expected in [u32::MAX, 1, 2] {
            let number = timers.next_number();
            assert_eq!(number, expected);
            timers.set(TimerKey::outside(number), &order, 0, Some("again"));
        }
        timers.last = 0;
        assert_eq!(timers.next_number(), 3);
    }
}
