//! Timers of actors (`TMR`): set, cancelled, due. A tick waits in the user queue. That of the actor's own
//! timer is a frame of its kind and no message; that of a timer from outside is a message like any other,
//! only that no bound keeps it out: there is at most one for each timer.

use super::deliver::{Incoming, Wants};
use super::{Job, Shard};
use crate::ask::AskError;
use crate::cell::{Cell, Rare};
use crate::frame::{self, Frame, HEADER_BYTES, effect};
use crate::id::Address;
use crate::mailbox::TurnInput;
use crate::shared::Shared;
use crate::status::Status;
use crate::timer::{Phase, Repeat, SET_HEAD_BYTES, TimerError, TimerKey, TimerOrder, Timers};

/// Bytes in front of a timer's payload in its tick: missed periods and a zero word.
const TICK_HEAD_BYTES: usize = 8;

/// What an effect wants to be set; `None` when it is malformed.
pub(super) fn read_order(payload: &[u8]) -> Option<TimerOrder<'_>> {
    let repeat = Repeat::from_words(frame::word(payload, 4)?, frame::word(payload, 8)?)?;
    Some(TimerOrder { delay_ms: frame::word(payload, 0)?, repeat, payload: payload.get(SET_HEAD_BYTES..)? })
}

/// What is added so that a reading of the clock which was rounded down is never early (`TMR-4`).
fn rounding(shared: &Shared) -> u64 {
    u64::from(!shared.clock.is_manual())
}

/// Whether a frame is the tick of this timer.
fn is_tick(frame: &Frame<'_>, key: TimerKey) -> bool {
    key_of(frame) == Some(key)
}

/// The timer whose tick a frame is.
fn key_of(frame: &Frame<'_>) -> Option<TimerKey> {
    match frame.kind {
        frame::kind::TIMER => Some(TimerKey::own(frame.corr)),
        frame::kind::MESSAGE if frame.flags & frame::FLAG_TICK != 0 => Some(TimerKey::outside(frame.corr)),
        _ => None,
    }
}

/// The bytes of a tick of the actor's own timer.
fn write_tick(out: &mut Vec<u8>, key: TimerKey, missed: u32, payload: &[u8]) {
    let mut body = Vec::with_capacity(TICK_HEAD_BYTES + payload.len());
    body.extend_from_slice(&missed.to_le_bytes());
    body.extend_from_slice(&[0; 4]);
    body.extend_from_slice(payload);
    Frame { kind: frame::kind::TIMER, flags: 0, corr: key.number, address: Address::NONE, payload: &body }
        .write_to(out);
}

impl Shard {
    fn timers(&mut self, local: u32) -> Option<&mut Timers> {
        self.cells.get_mut(local as usize)?.rare.as_deref_mut()?.timers.as_deref_mut()
    }

    /// An actor's own effect on its timers.
    #[cold]
    pub(super) fn timer_effect(&mut self, shared: &Shared, local: u32, frame: &Frame<'_>) {
        let key = TimerKey::own(frame.corr);
        if frame.kind == effect::CANCEL_TIMER {
            self.cancel(shared, local, key);
        } else if let Some(order) = read_order(frame.payload)
            && let Err(error) = self.arm(shared, local, key, &order, None)
        {
            let number = if error == TimerError::TooLarge { AskError::TooLarge } else { AskError::MailboxFull };
            let text = format!("timer {} was not set: {error}", frame.corr);
            self.refuse_effect(shared, local, frame, number, text);
        }
    }

    /// Whether an actor may have a timer with this key: all that can be pending at a time takes no more than
    /// a mailbox may (`TMR-5`).
    fn check_room(&mut self, local: u32, key: TimerKey, payload: usize) -> Result<(), TimerError> {
        let cell = self.cells.get_mut(local as usize).ok_or(TimerError::Ended)?;
        let limits = cell.spec.as_deref().map(|spec| spec.mailbox).ok_or(TimerError::Ended)?;
        if payload > limits.max_payload as usize {
            return Err(TimerError::TooLarge);
        }
        cell.rare_mut().timers.get_or_insert_default().has_room(key, payload, limits.max_bytes)
    }

    /// Sets a timer in place of the one with its key.
    fn arm(
        &mut self,
        shared: &Shared,
        local: u32,
        key: TimerKey,
        order: &TimerOrder<'_>,
        name: Option<&str>,
    ) -> Result<(), TimerError> {
        self.check_room(local, key, order.payload.len())?;
        self.cancel(shared, local, key);
        // The shard's own reading may be older than the turn that wants this.
        let due = shared.clock.now_ms().saturating_add(u64::from(order.delay_ms)).saturating_add(rounding(shared));
        if let Some(timers) = self.timers(local) {
            timers.set(key, order, due, name);
            self.ticks.insert((due, local, key));
        }
        Ok(())
    }

    /// Takes a timer out. True: no tick of it is handled from now on.
    fn cancel(&mut self, shared: &Shared, local: u32, key: TimerKey) -> bool {
        let Some(removed) = self.timers(local).and_then(|timers| timers.remove(key)) else { return false };
        match removed.phase {
            Phase::Waiting => {
                self.ticks.remove(&(removed.due, local, key));
                true
            }
            Phase::Queued => {
                self.drop_tick(shared, local, key);
                true
            }
            Phase::InHand => false,
        }
    }

    /// Takes a queued tick out of the mailbox; later, if it lies with the running turn.
    fn drop_tick(&mut self, shared: &Shared, local: u32, key: TimerKey) {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::TickUnwanted) {
            return;
        }
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        // What is left of a crashed turn is in front, or lies with the running one: a tick that goes does
        // not come again (`TURN-3`).
        let (rare, away) = (cell.rare.as_deref(), cell.mailbox.away());
        let replay = rare.map_or(0, |rare| rare.replay.saturating_sub(rare.replay_in_hand + away));
        let (mut place, mut replayed) = (0, false);
        let found = cell.mailbox.remove_first(|frame| {
            place += u32::from(frame.is_message() || frame.kind == frame::kind::DOWN);
            let found = is_tick(frame, key);
            replayed |= found && key.outside && place <= replay;
            found
        });
        let rare = cell.rare_mut();
        if !found {
            rare.timers.get_or_insert_default().unwanted.push(key);
            cell.ticking = true;
            return;
        }
        if key.outside {
            rare.counters.aborted += 1;
            self.counters.aborted += 1;
        } else {
            rare.queued_answers = rare.queued_answers.saturating_sub(1);
        }
        if replayed {
            self.replayed(shared, local, 1);
        }
        self.made_room(shared, local);
    }

    /// Lets every timer that is due tick.
    pub(super) fn run_ticks(&mut self, shared: &Shared) {
        while let Some((due, local, key)) = self.ticks.first().copied().filter(|(due, ..)| *due <= self.now) {
            self.ticks.remove(&(due, local, key));
            let Some(cell) = self.cells.get(local as usize) else { continue };
            // A mailbox that is closed takes nothing more, except what a handler waits for.
            let goes_on = if key.outside { cell.accepts() } else { !cell.is_closed() || awaits(cell, key) };
            if !goes_on {
                self.timers(local).and_then(|timers| timers.remove(key));
            } else if key.outside {
                self.outside_tick(shared, local, key);
            } else {
                self.own_tick(local, key);
            }
        }
    }

    fn outside_tick(&mut self, shared: &Shared, local: u32, key: TimerKey) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(timers) = cell.rare.as_deref_mut().and_then(|rare| rare.timers.as_deref_mut()) else { return };
        let Some(timer) = timers.get_mut(key) else { return };
        timer.phase = Phase::Queued;
        let (kind, flags) = (frame::kind::MESSAGE, frame::FLAG_TICK);
        let frame = Frame { kind, flags, corr: key.number, address: Address::NONE, payload: &timer.payload };
        cell.mailbox.push(&frame, &mut self.pool);
        cell.accepted += 1;
        self.counters.accepted += 1;
        if cell.status() == Status::Creating {
            self.begin_start(shared, local);
        }
        self.look_at_water(shared, local);
        self.schedule(local);
    }

    fn own_tick(&mut self, local: u32, key: TimerKey) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let awaited = awaits(cell, key);
        let Some(Rare { timers: Some(timers), answers, answer_count, queued_answers, .. }) = cell.rare.as_deref_mut()
        else {
            return;
        };
        let Some(timer) = timers.get_mut(key) else { return };
        timer.phase = Phase::Queued;
        let (missed, mut bytes) = (timer.missed(now), Vec::new());
        write_tick(&mut bytes, key, missed, &timer.payload);
        if awaited {
            answers.extend_from_slice(&bytes);
            *answer_count += 1;
            timers.take(key, now);
            cell.ticking = true;
        } else if let Some(frame) = frame::read(&bytes, 0) {
            *queued_answers += 1;
            cell.mailbox.push(&frame, &mut self.pool);
        }
        self.schedule(local);
    }

    /// Ticks are in a turn that begins: their timers go on when it has ended.
    #[cold]
    pub(super) fn take_ticks(&mut self, job: &mut Job) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(job.local as usize) else { return };
        let Some(timers) = cell.rare.as_deref_mut().and_then(|rare| rare.timers.as_deref_mut()) else { return };
        let mut at = job.input.start;
        while let Some(frame) = frame::read(&job.input.buffer, at).filter(|_| at < job.input.end) {
            let (begin, end) = (at + HEADER_BYTES, at + frame.encoded_len());
            if let Some(key) = key_of(&frame) {
                cell.ticking = true;
                let missed = timers.take(key, now);
                if let Some(missed) = missed.filter(|_| !key.outside)
                    && let Some(word) = job.input.buffer.get_mut(begin..begin + 4)
                {
                    word.copy_from_slice(&missed.to_le_bytes());
                }
            }
            at = end;
        }
    }

    /// Queued ticks that a handler waits for are the next turn.
    #[cold]
    pub(super) fn take_awaited_ticks(&mut self, local: u32) {
        let now = self.now;
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(Rare { timers: Some(timers), answers, .. }) = cell.rare.as_deref_mut() else { return };
        for key in frame::Frames::new(answers).filter_map(|frame| key_of(&frame)) {
            timers.take(key, now);
            cell.ticking = true;
        }
    }

    /// The frame at `at` of a turn stays in hand while those behind it are queued again. If it is a tick, that is
    /// for [`Shard::hold_tick`] afterwards.
    pub(super) fn keep_tick(&mut self, local: u32, input: &TurnInput, at: usize) -> Option<TimerKey> {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::TickTwice) {
            return None;
        }
        let key = frame::read(&input.buffer, at).filter(|_| at < input.end).and_then(|frame| key_of(&frame))?;
        self.timers(local)?.keep(key).then_some(key)
    }

    /// A tick has stayed in hand.
    pub(super) fn hold_tick(&mut self, local: u32, key: Option<TimerKey>) {
        let Some(key) = key else { return };
        self.timers(local).into_iter().for_each(|timers| timers.hold(key));
        self.cells.get_mut(local as usize).into_iter().for_each(|cell| cell.ticking = true);
    }

    /// A frame that a turn left over is queued again.
    #[inline]
    pub(super) fn tick_put_back(&mut self, local: u32, frame: &Frame<'_>) {
        if let Some(key) = key_of(frame)
            && let Some(timers) = self.timers(local)
        {
            timers.put_back(key);
        }
    }

    /// All that a turn had in hand is queued again.
    pub(super) fn ticks_put_back(&mut self, local: u32) {
        if let Some(timers) = self.timers(local) {
            timers.put_all_back();
        }
    }

    /// A turn has ended: timers whose ticks it handled go on, and ticks that nobody wants any more leave
    /// the mailbox.
    #[cold]
    pub(super) fn ticks_handled(&mut self, shared: &Shared, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        cell.ticking = false;
        let Some(timers) = self.timers(local) else { return };
        let again = timers.handled(shared.clock.now_ms(), rounding(shared));
        let unwanted = std::mem::take(&mut timers.unwanted);
        self.ticks.extend(again.into_iter().map(|(due, key)| (due, local, key)));
        for key in unwanted {
            self.drop_tick(shared, local, key);
        }
    }

    /// Timers that an actor set for itself end with its life (`TMR-2`).
    pub(super) fn drop_life_timers(&mut self, local: u32) {
        let Some(timers) = self.timers(local) else { return };
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::TimerInherited) {
            return;
        }
        #[cfg(not(troupe_planted))]
        let removed = timers.remove_all(false);
        #[cfg(troupe_planted)]
        let removed = timers.remove_all(crate::planted::is(crate::planted::Bug::PlaceTimerLost));
        let mut queued = false;
        for (key, timer) in removed {
            self.ticks.remove(&(timer.due, local, key));
            queued |= timer.phase == Phase::Queued;
        }
        let Some(cell) = self.cells.get_mut(local as usize).filter(|_| queued) else { return };
        let dropped = cell.mailbox.extract(&mut Vec::new(), |frame| frame.kind == frame::kind::TIMER);
        let rare = cell.rare_mut();
        rare.queued_answers = rare.queued_answers.saturating_sub(dropped);
    }

    /// The actor has ended, and its timers with it.
    pub(super) fn drop_all_timers(&mut self, local: u32) {
        let removed = self.timers(local).map(|timers| timers.remove_all(true)).unwrap_or_default();
        for (key, timer) in removed {
            self.ticks.remove(&(timer.due, local, key));
        }
    }

    /// Sets a timer of the actor's place: it survives restarts, and ends with the actor. One with the same
    /// name is replaced. For an actor that has ended the message is refused, as a tell would be.
    ///
    /// # Errors
    /// When the timer is not set.
    pub fn set_place_timer(
        &mut self,
        shared: &Shared,
        target: Address,
        sender: Address,
        order: &TimerOrder<'_>,
        name: Option<&str>,
    ) -> Result<u32, TimerError> {
        let Some((local, cell)) = self.resolve(target).filter(|(_, cell)| cell.accepts()) else {
            let wants = Wants::Nothing;
            self.refuse_dead(
                shared,
                &Incoming { target, sender, incarnation: 0, corr: 0, payload: order.payload, wants },
            );
            return Err(TimerError::Ended);
        };
        let timers = cell.rare_mut().timers.get_or_insert_default();
        let replaced = name.and_then(|name| timers.named(name)).map(TimerKey::outside);
        #[cfg(troupe_planted)]
        let replaced = replaced.filter(|_| !crate::planted::is(crate::planted::Bug::NamedTwice));
        // Its own number, so that whoever set the one that it replaces cannot cancel it.
        let key = TimerKey::outside(timers.next_number());
        if let Some(replaced) = replaced {
            self.check_room(local, replaced, order.payload.len())?;
            self.cancel(shared, local, replaced);
        }
        self.arm(shared, local, key, order, name)?;
        Ok(key.number)
    }

    /// Takes a timer of an actor's place back. True: no tick of it is handled from now on. False: it was
    /// over, or a tick is in the actor's hands; none follows that one.
    pub fn cancel_place_timer(&mut self, shared: &Shared, target: Address, number: u32) -> bool {
        let Some((local, _)) = self.resolve(target) else { return false };
        let cancelled = self.cancel(shared, local, TimerKey::outside(number));
        // Its tick may have been the last thing that a drain waited for.
        self.proceed_ending(shared, local);
        cancelled
    }

    /// Sets a timer of an external actor's life, at once.
    ///
    /// # Errors
    /// When the timer is not set.
    pub fn set_own_timer(
        &mut self,
        shared: &Shared,
        target: Address,
        incarnation: u32,
        key: u32,
        order: &TimerOrder<'_>,
    ) -> Result<(), TimerError> {
        let (local, _) = self.living(target, incarnation).ok_or(TimerError::Ended)?;
        let set = self.arm(shared, local, TimerKey::own(key), order, None);
        // The queued tick of the one that it replaces may have been the last thing that a drain waited for.
        self.proceed_ending(shared, local);
        set
    }

    /// Takes a timer of an external actor's life back, as [`Shard::cancel_place_timer`] does.
    pub fn cancel_own_timer(&mut self, shared: &Shared, target: Address, incarnation: u32, key: u32) -> bool {
        let Some((local, _)) = self.living(target, incarnation) else { return false };
        let cancelled = self.cancel(shared, local, TimerKey::own(key));
        self.proceed_ending(shared, local);
        cancelled
    }

    /// The cell of an actor in this life, which may still come up.
    fn living(&mut self, target: Address, incarnation: u32) -> Option<(u32, &mut Cell)> {
        self.resolve(target).filter(|(_, cell)| {
            let lives = match cell.status() {
                Status::Ready | Status::Draining => true,
                Status::Starting | Status::Restarting => cell.running,
                _ => false,
            };
            #[cfg(troupe_planted)]
            let incarnation =
                if crate::planted::is(crate::planted::Bug::TimerForOld) { cell.incarnation } else { incarnation };
            lives && cell.incarnation == incarnation
        })
    }
}

/// Whether a handler waits for this tick.
fn awaits(cell: &Cell, key: TimerKey) -> bool {
    cell.rare.as_deref().is_some_and(|rare| rare.awaiting.contains(&key.number))
}
