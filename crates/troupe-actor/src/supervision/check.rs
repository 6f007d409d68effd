//! What is wrong, or merely odd, about a supervisor's numbers; said before anything starts.

use super::backoff::delay_ms;
use super::spec::{AutoShutdown, Backoff, ChildSpec, Restart, RestartSpec, SupervisorSpec};

/// Delays looked at one by one; from there on the last one stands for the rest, none of which is
/// shorter.
const LOOKED_AT: u32 = 10_000;

/// The part of a specification that a budget is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Restarts within the window; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// The window, in milliseconds.
    pub within_ms: u64,
    /// The wait before a restart.
    pub backoff: Backoff,
}

impl From<&RestartSpec> for Budget {
    fn from(spec: &RestartSpec) -> Self {
        Self { max_restarts: spec.max_restarts, within_ms: spec.within_ms, backoff: spec.backoff }
    }
}

impl From<&SupervisorSpec> for Budget {
    fn from(spec: &SupervisorSpec) -> Self {
        Self { max_restarts: spec.max_restarts, within_ms: spec.within_ms, backoff: spec.backoff }
    }
}

/// A budget that is legal and probably not meant (`INT-5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The waits alone take longer than the window.
    #[error(
        "the budget can never be spent: {max_restarts} restarts wait {waits_ms} ms or more, the window is {within_ms} ms"
    )]
    NeverTrips {
        /// The budget.
        max_restarts: u32,
        /// The window, in milliseconds.
        within_ms: u64,
        /// The shortest sum of the waits, in milliseconds; at least the window.
        waits_ms: u64,
    },
    /// A child that fails at once has used up the budget before there was any wait.
    #[error("the budget of {max_restarts} restarts can be spent without any wait between them")]
    NoBackoff {
        /// The budget.
        max_restarts: u32,
    },
    /// No limit and no wait: a child that fails at once keeps a processor busy for ever.
    #[error("restarts have neither a limit nor a wait")]
    EndlessWithoutBackoff,
}

/// What is odd about a budget (`INT-5`).
#[must_use]
pub fn warnings(budget: impl Into<Budget>) -> Vec<Warning> {
    let Budget { max_restarts, within_ms, backoff } = budget.into();
    if max_restarts == 0 {
        return Vec::new();
    }
    if max_restarts == u32::MAX {
        let waits = delay_ms(&backoff, LOOKED_AT, 0.0) > 0;
        return if waits { Vec::new() } else { vec![Warning::EndlessWithoutBackoff] };
    }
    let waits_ms = shortest_waits_ms(&backoff, max_restarts, within_ms);
    if waits_ms == 0 {
        vec![Warning::NoBackoff { max_restarts }]
    } else if waits_ms >= within_ms {
        vec![Warning::NeverTrips { max_restarts, within_ms, waits_ms }]
    } else {
        Vec::new()
    }
}

/// The sum of the first `restarts` waits with the most jitter taken off. Stops at `enough`.
fn shortest_waits_ms(backoff: &Backoff, restarts: u32, enough: u64) -> u64 {
    let mut sum = 0_u64;
    for n in 1..=restarts.min(LOOKED_AT) {
        sum = sum.saturating_add(delay_ms(backoff, n, 1.0));
        if sum > 0 && sum >= enough {
            return sum;
        }
    }
    let rest = u64::from(restarts.saturating_sub(LOOKED_AT));
    sum.saturating_add(delay_ms(backoff, LOOKED_AT, 1.0).saturating_mul(rest))
}

/// A combination that cannot be meant (`SUP-6`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A permanent child never ends by itself, so that its end cannot mean anything.
    #[error("a permanent child cannot be significant: it is restarted whenever it ends")]
    SignificantPermanent,
    /// The supervisor does not look at significant children.
    #[error("a significant child needs a supervisor with an automatic shutdown")]
    SignificantUnused,
}

/// Whether a child's specification fits its supervisor's (`SUP-6`).
///
/// # Errors
///
/// The combination that does not fit.
pub const fn check(spec: &SupervisorSpec, child: &ChildSpec) -> Result<(), SpecError> {
    if !child.significant {
        Ok(())
    } else if matches!(child.restart, Restart::Permanent) {
        Err(SpecError::SignificantPermanent)
    } else if matches!(spec.auto_shutdown, AutoShutdown::Never) {
        Err(SpecError::SignificantUnused)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{AutoShutdown, Backoff, BackoffKind, ChildSpec, Restart, RestartSpec, SupervisorSpec};
    use super::{Budget, SpecError, Warning, check, warnings};

    fn budget(max_restarts: u32, within_ms: u64, kind: BackoffKind, initial_ms: u64) -> Budget {
        let backoff = Backoff { kind, initial_ms, factor: 2.0, max_ms: 30_000, jitter: 0.0 };
        Budget { max_restarts, within_ms, backoff }
    }

    #[test]
    fn the_defaults_are_nothing_to_warn_about() {
        assert_eq!(warnings(&RestartSpec::default()), []);
        assert_eq!(warnings(&SupervisorSpec::default()), []);
    }

    #[test]
    fn a_budget_that_is_never_spent_or_without_a_wait_is_warned_about() {
        use BackoffKind::{Exponential, Immediate, Linear};
        let never = |max_restarts, within_ms, waits_ms| Warning::NeverTrips { max_restarts, within_ms, waits_ms };
        let none = |max_restarts| Warning::NoBackoff { max_restarts };
        let table: [(Budget, &[Warning]); 13] = [
            // 0 + 100 + 200 + 400 + 800 = 1,500
            (budget(5, 1_501, Exponential, 100), &[]),
            (budget(5, 1_500, Exponential, 100), &[never(5, 1_500, 1_500)]),
            (budget(3, 300, Linear, 100), &[never(3, 300, 300)]),
            (budget(3, 301, Linear, 100), &[]),
            (budget(5, 60_000, Immediate, 100), &[none(5)]),
            (budget(5, 60_000, Exponential, 0), &[none(5)]),
            (budget(1, 60_000, Exponential, 100), &[none(1)]),
            (budget(0, 60_000, Immediate, 100), &[]),
            (budget(u32::MAX, 60_000, Exponential, 100), &[]),
            (budget(u32::MAX, 60_000, Immediate, 100), &[Warning::EndlessWithoutBackoff]),
            (budget(u32::MAX - 1, u64::MAX, Exponential, 1), &[]),
            (budget(u32::MAX - 1, 1_000_000_000, Linear, 1), &[never(u32::MAX - 1, 1_000_000_000, 0)]),
            (budget(100_000, 60_000, Immediate, 1), &[none(100_000)]),
        ];
        for (row, (budget, expected)) in table.into_iter().enumerate() {
            let mut found = warnings(budget);
            for warning in &mut found {
                if let Warning::NeverTrips { waits_ms, within_ms, .. } = warning {
                    assert!(waits_ms >= within_ms);
                    if row == 11 {
                        *waits_ms = 0;
                    }
                }
            }
            assert_eq!(found, expected, "row {row}");
        }
    }

    #[test]
    fn jitter_counts_as_taken_off_because_never_means_never() {
        let mut jittered = budget(5, 1_500, BackoffKind::Exponential, 100);
        jittered.backoff.jitter = 0.2;
        assert_eq!(warnings(jittered), []);
        jittered.within_ms = 1_200;
        assert_eq!(warnings(jittered).len(), 1);
    }

    #[test]
    fn significant_needs_an_end_of_its_own_and_somebody_who_cares() {
        let spec = |auto_shutdown| SupervisorSpec { auto_shutdown, ..SupervisorSpec::default() };
        let child = |restart| ChildSpec { restart, significant: true, shutdown_ms: 0 };
        for auto in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            assert_eq!(check(&spec(auto), &child(Restart::Permanent)), Err(SpecError::SignificantPermanent));
            assert_eq!(check(&spec(auto), &child(Restart::Transient)), Ok(()));
            assert_eq!(check(&spec(auto), &child(Restart::Temporary)), Ok(()));
        }
        assert_eq!(check(&spec(AutoShutdown::Never), &child(Restart::Transient)), Err(SpecError::SignificantUnused));
        assert_eq!(check(&spec(AutoShutdown::Never), &ChildSpec::default()), Ok(()));
    }
}
