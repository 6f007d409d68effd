//! The wait before a restart (`BO-1`, `BO-4`).

use super::spec::{Backoff, BackoffKind};

/// Milliseconds to wait before the restart after the `failures`-th failure in a row. `random` is
/// uniform in [0, 1). Never more than the maximum, whatever `failures` is.
#[must_use]
pub fn delay_ms(backoff: &Backoff, failures: u32, random: f64) -> u64 {
    if failures <= 1 {
        return 0;
    }
    let steps = failures - 2;
    let max = backoff.max_ms as f64;
    #[cfg(troupe_planted)]
    let max = if crate::planted::is(crate::planted::Bug::BackoffAboveMax) { max * 1.5 + 1.0 } else { max };
    let base = match backoff.kind {
        BackoffKind::Immediate => return 0,
        BackoffKind::Linear => backoff.initial_ms as f64 * (f64::from(steps) + 1.0),
        BackoffKind::Exponential => {
            backoff.initial_ms as f64 * backoff.factor.powi(i32::try_from(steps).unwrap_or(i32::MAX))
        }
    };
    let base = if base.is_finite() { base.min(max) } else { max };
    (base * (1.0 - backoff.jitter * random)) as u64
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Backoff, BackoffKind, RestartSpec};
    use super::delay_ms;

    const PLAIN: Backoff =
        Backoff { kind: BackoffKind::Exponential, initial_ms: 100, factor: 2.0, max_ms: 30_000, jitter: 0.0 };

    #[test]
    fn the_first_restart_is_at_once_and_the_rest_grow_to_the_maximum() {
        let delays: Vec<u64> = (1..=12).map(|n| delay_ms(&PLAIN, n, 0.0)).collect();
        assert_eq!(delays, [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn linear_adds_and_immediate_never_waits() {
        let linear = Backoff { kind: BackoffKind::Linear, ..PLAIN };
        assert_eq!([1, 2, 3, 4].map(|n| delay_ms(&linear, n, 0.0)), [0, 100, 200, 300]);
        let immediate = Backoff { kind: BackoffKind::Immediate, ..PLAIN };
        assert_eq!(delay_ms(&immediate, 9, 0.5), 0);
    }

    #[test]
    fn any_number_of_failures_gives_the_maximum() {
        for n in [64, 1_100, 10_000, u32::MAX] {
            assert_eq!(delay_ms(&PLAIN, n, 0.0), 30_000);
        }
    }

    #[test]
    fn jitter_only_takes_off() {
        let backoff = RestartSpec::default().backoff;
        for step in 0..100 {
            let delay = delay_ms(&backoff, 20, f64::from(step) / 100.0);
            assert!((24_000..=30_000).contains(&delay), "{delay}");
        }
    }
}
