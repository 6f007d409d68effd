//! spec × reason × history × now → what becomes of an actor that ended without being asked to.

use super::backoff::delay_ms;
use super::spec::{Restart, RestartSpec};
use super::window::Window;
use crate::reason::ReasonTag;

/// What an actor's earlier failures were.
#[derive(Clone, Debug, Default)]
pub struct History {
    window: Window,
    /// Failures in a row, the last one included.
    pub failures: u32,
    /// Restarts ever attempted.
    pub restarts: u32,
}

/// What happens now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Come up again after this wait, in milliseconds.
    Restart(u64),
    /// Stay down; that is no failure of the supervisor.
    End,
    /// Stay down, because the budget is spent or a restart cannot help.
    GiveUp,
}

/// One end, as the decision sees it.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Why.
    pub tag: ReasonTag,
    /// How long this life was up, in milliseconds; 0 if it never came up.
    pub uptime_ms: u64,
    /// It will end the same way each time (`INT-7`).
    pub deterministic: bool,
    /// A replay begins (`TURN-3`): one unit, no wait.
    pub replay: bool,
}

/// Whether an end that nobody asked for is followed by a restart (`RST-1`).
#[must_use]
pub const fn is_restarted(restart: Restart, tag: ReasonTag) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => !matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown),
        Restart::Temporary => false,
    }
}

/// Decides, and charges the budget if a restart is attempted (`RST-3`). `random` is uniform in
/// [0, 1).
pub fn decide(spec: &RestartSpec, history: &mut History, end: End, now: u64, random: f64) -> Decision {
    if !is_restarted(spec.restart, end.tag) {
        return Decision::End;
    }
    if end.deterministic {
        return Decision::GiveUp;
    }
    let healthy = end.uptime_ms >= spec.reset_after_ms;
    #[cfg(troupe_planted)]
    let healthy = healthy && !crate::planted::is(crate::planted::Bug::BackoffNotReset);
    if healthy {
        history.failures = 0;
    }
    if !history.window.charge(now, spec.max_restarts, spec.within_ms) {
        return Decision::GiveUp;
    }
    history.failures = history.failures.saturating_add(1);
    history.restarts = history.restarts.saturating_add(1);
    if end.replay {
        return Decision::Restart(0);
    }
    Decision::Restart(delay_ms(&spec.backoff, history.failures, random))
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Restart, RestartSpec};
    use super::{Decision, End, History, decide};
    use crate::reason::ReasonTag;

    fn end(tag: ReasonTag) -> End {
        End { tag, uptime_ms: 0, deterministic: false, replay: false }
    }

    fn check(restart: Restart, tag: ReasonTag, expected: Decision) {
        let spec = RestartSpec { restart, ..RestartSpec::default() };
        assert_eq!(decide(&spec, &mut History::default(), end(tag), 0, 0.0), expected, "{restart:?} {tag}");
    }

    #[test]
    fn restart_type_and_reason_decide_together() {
        for tag in ReasonTag::ALL {
            let abnormal = !matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown);
            check(Restart::Permanent, tag, Decision::Restart(0));
            check(Restart::Transient, tag, if abnormal { Decision::Restart(0) } else { Decision::End });
            check(Restart::Temporary, tag, Decision::End);
        }
    }

    #[test]
    fn the_sixth_failure_in_a_minute_is_one_too_many() {
        let (spec, mut history) = (RestartSpec::default(), History::default());
        let delays: Vec<Decision> =
            (0..6).map(|n| decide(&spec, &mut history, end(ReasonTag::Trap), n * 1_000, 0.0)).collect();
        let expected = [0, 100, 200, 400, 800].map(Decision::Restart);
        assert_eq!(delays.get(..5), Some(&expected[..]));
        assert_eq!(delays.get(5), Some(&Decision::GiveUp));
        assert_eq!(history.restarts, 5);
    }

    #[test]
    fn a_healthy_run_forgets_earlier_failures() {
        let (spec, mut history) = (RestartSpec::default(), History::default());
        decide(&spec, &mut history, end(ReasonTag::Trap), 0, 0.0);
        let long = End { uptime_ms: 15_000, ..end(ReasonTag::Trap) };
        assert_eq!(decide(&spec, &mut history, long, 16_000, 0.0), Decision::Restart(0));
        let short = End { uptime_ms: 14_999, ..end(ReasonTag::Trap) };
        assert_eq!(decide(&spec, &mut history, short, 31_000, 0.0), Decision::Restart(100));
    }

    #[test]
    fn a_deterministic_failure_is_not_retried_and_costs_nothing() {
        let mut history = History::default();
        let bad = End { deterministic: true, ..end(ReasonTag::StartFailed) };
        assert_eq!(decide(&RestartSpec::default(), &mut history, bad, 0, 0.0), Decision::GiveUp);
        assert_eq!(history.restarts, 0);
    }

    #[test]
    fn a_replay_starts_without_a_wait() {
        let (spec, mut history) = (RestartSpec::default(), History::default());
        decide(&spec, &mut history, end(ReasonTag::Trap), 0, 0.0);
        let replay = End { replay: true, ..end(ReasonTag::Trap) };
        assert_eq!(decide(&spec, &mut history, replay, 1, 0.0), Decision::Restart(0));
    }
}
