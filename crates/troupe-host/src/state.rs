//! What a store carries besides the guest: limits, the turn's processor-time budget, WASI.

use std::time::Duration;

use troupe_actor::interrupt;
use wasmtime::{StoreContextMut, UpdateDeadline};

use crate::capability::wasi::Wasi;
use crate::limits::{Limiter, Limits};

/// Ticks until the engine first looks at a turn. One could be over at once.
pub(crate) const FIRST_LOOK: u64 = 2;
/// Nanoseconds of processor time after the first look that make a turn slow. A turn that was only set
/// aside by the system has used next to none by then.
const SLOW: u64 = 500_000;
/// Nanoseconds of processor time after which a turn has to make room when it is asked to. The request
/// is measured by the clock on the wall, and must not hit one that was only set aside (`ENG-3`).
const LONG: u64 = 20_000_000;
/// Ticks between later looks.
const NEXT_LOOK: u64 = 1;

/// Why the host ended a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its processor time was used up.
    Deadline,
    /// It was killed.
    Killed,
    /// Its thread was needed, and it had run longest.
    Evicted,
}

/// The data of a store.
pub(crate) struct HostState {
    pub(crate) limiter: Limiter,
    pub(crate) turn: Turn,
    /// Made when the component imports it.
    pub(crate) wasi: Option<Box<Wasi>>,
}

/// The running turn's budget.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Nanoseconds of processor time; `u64::MAX` for no limit.
    budget: u64,
    /// The thread's processor clock at the first look; `None` before it. Reading the clock costs
    /// more than a short turn, so it is not read at the turn's beginning.
    noted: Option<u64>,
    /// The turn runs on a thread that must not be held up, and on a stack it can leave it with.
    must_leave: bool,
    /// The turn used the processor for longer than a tick or two.
    pub(crate) was_slow: bool,
    /// Nanoseconds the guest waited in host calls.
    waited: u64,
    /// Set when the host ended the turn.
    pub(crate) ended: Option<Ended>,
}

impl Turn {
    /// Begins a turn.
    #[inline]
    pub(crate) fn begin(&mut self, budget: u64, must_leave: bool) {
        *self = Self { budget, noted: None, must_leave, was_slow: false, waited: 0, ended: None };
    }

    /// Counts time the guest waited in a host call.
    pub(crate) fn add_waited(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(nanos(Some(time)));
    }

    /// Whether the guest has waited for its whole budget, `now` included.
    pub(crate) fn waited_too_long(&self, now: Duration) -> bool {
        self.budget != u64::MAX && self.waited.saturating_add(nanos(Some(now))) >= self.budget
    }

    /// Nanoseconds the turn may take; `u64::MAX` for no limit.
    pub(crate) const fn budget(&self) -> u64 {
        self.budget
    }
}

/// A duration as a budget.
pub(crate) fn nanos(limit: Option<Duration>) -> u64 {
    limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
}

impl HostState {
    pub(crate) fn new(limits: &Limits, wasi: Option<Box<Wasi>>) -> Self {
        Self { limiter: Limiter::new(limits), turn: Turn::default(), wasi }
    }
}

/// Looks at a turn that reached its epoch deadline. Epochs measure wall time, and a thread that the
/// system set aside used none of its own: so only the thread's processor clock decides.
pub(crate) fn look(mut store: StoreContextMut<'_, HostState>) -> wasmtime::Result<UpdateDeadline> {
    let turn = &mut store.data_mut().turn;
    if interrupt::is_killed() {
        turn.ended = Some(Ended::Killed);
        return Ok(UpdateDeadline::Interrupt);
    }
    let now = crate::clock::thread_cpu_nanos();
    let used = now.saturating_sub(*turn.noted.get_or_insert(now));
    turn.was_slow |= used >= SLOW;
    if turn.must_leave && turn.was_slow {
        // From here on it runs on a worker, whose clock is another one.
        turn.must_leave = false;
        turn.noted = None;
        return Ok(UpdateDeadline::Yield(NEXT_LOOK));
    }
    if used >= LONG && interrupt::is_evicted() {
        turn.ended = Some(Ended::Evicted);
        return Ok(UpdateDeadline::Interrupt);
    }
    if used >= turn.budget {
        turn.ended = Some(Ended::Deadline);
        return Ok(UpdateDeadline::Interrupt);
    }
    Ok(UpdateDeadline::Continue(NEXT_LOOK))
}
