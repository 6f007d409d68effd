//! The restart budget: a sliding window (`INT-1`).

use std::collections::VecDeque;

/// Restarts that still count.
#[derive(Clone, Debug, Default)]
pub struct Window {
    times: VecDeque<u64>,
}

impl Window {
    /// Charges a restart at `now`, or refuses it because it would be one more than `max` within
    /// `within_ms`. A restart counts until exactly one window later. `u32::MAX` never refuses and
    /// remembers nothing.
    pub fn charge(&mut self, now: u64, max: u32, within_ms: u64) -> bool {
        if max == u32::MAX {
            return true;
        }
        #[cfg(troupe_planted)]
        let within_ms = within_ms + u64::from(crate::planted::is(crate::planted::Bug::WindowTooLong));
        while self.times.front().is_some_and(|at| now.saturating_sub(*at) >= within_ms) {
            self.times.pop_front();
        }
        #[cfg(troupe_planted)]
        let max = max + u32::from(crate::planted::is(crate::planted::Bug::BudgetOneMore));
        if self.times.len() >= max as usize {
            return false;
        }
        self.times.push_back(now);
        true
    }

    /// How many restarts count at `now`.
    #[must_use]
    pub fn used(&self, now: u64, within_ms: u64) -> u32 {
        self.times.iter().filter(|at| now.saturating_sub(**at) < within_ms).count() as u32
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.times.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_restart_counts_until_exactly_one_window_later() {
        let mut window = Window::default();
        assert!(window.charge(0, 2, 100));
        assert!(window.charge(50, 2, 100));
        assert!(!window.charge(99, 2, 100));
        assert!(window.charge(100, 2, 100));
        assert!(!window.charge(149, 2, 100));
        assert!(window.charge(150, 2, 100));
        assert_eq!([window.used(150, 100), window.used(200, 100), window.used(250, 100)], [2, 1, 0]);
    }

    #[test]
    fn a_budget_of_zero_refuses_the_first_restart() {
        assert!(!Window::default().charge(0, 0, 1_000));
    }

    #[test]
    fn an_unlimited_budget_remembers_nothing() {
        let mut window = Window::default();
        for now in 0..10_000 {
            assert!(window.charge(now, u32::MAX, 1_000));
        }
        assert!(window.times.is_empty());
    }
}
