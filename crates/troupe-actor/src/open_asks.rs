//! The requests that an actor consumed and has not answered yet, so that a crash or an end settles them.

/// Numbers of requests. Nobody removes one when it is settled: that would be a search. Settled ones are
/// swept out instead, whenever as many were noted, or turns taken, as were left by the sweep before.
#[derive(Debug, Default)]
pub struct OpenAsks {
    numbers: Vec<u32>,
    /// How many the last sweep left.
    kept: usize,
    /// Turns, and requests noted, since then.
    age: usize,
}

impl OpenAsks {
    /// Whether it holds none, settled or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// A turn consumed these. Each step costs a constant amount on average, and no more than about twice as many
    /// numbers are held as were ever open together.
    pub fn note(&mut self, fresh: impl Iterator<Item = u32>, mut is_open: impl FnMut(u32) -> bool) {
        let before = self.numbers.len();
        self.numbers.extend(fresh.filter(|number| is_open(*number)));
        self.age += 1 + self.numbers.len() - before;
        if self.age < self.kept {
            return;
        }
        self.numbers.retain(|number| is_open(*number));
        self.age = 0;
        self.kept = self.numbers.len();
        if self.numbers.is_empty() {
            self.numbers = Vec::new();
        }
    }

    /// Takes all numbers.
    pub fn take(&mut self) -> Vec<u32> {
        std::mem::take(self).numbers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_is_settled_is_let_go_whatever_the_size_of_the_turns() {
        for batch in [1, 2, 512, 5000] {
            let mut asks = OpenAsks::default();
            let mut number = 0;
            for _ in 0..20 {
                let mut open = HashSet::new();
                for _ in 0..10_000 / batch {
                    let fresh = number..number + batch;
                    number += batch;
                    open.extend(fresh.clone());
                    asks.note(fresh, |number| open.contains(&number));
                }
                assert!(asks.numbers.len() <= 2 * 10_000, "{} held, in turns of {batch}", asks.numbers.len());
                let held: HashSet<u32> = asks.numbers.iter().copied().collect();
                assert!(held.is_superset(&open), "in turns of {batch}");
            }
        }
    }

    #[test]
    fn turns_without_requests_let_the_settled_ones_go_too() {
        let mut asks = OpenAsks::default();
        asks.note(0..100, |_| true);
        for _ in 0..100 {
            asks.note(std::iter::empty(), |number| number == 7);
        }
        assert_eq!(asks.numbers, [7]);
        assert_eq!(asks.take(), [7]);
        assert!(asks.is_empty());
    }

    #[test]
    fn a_sweep_costs_no_more_than_what_was_noted() {
        let mut asks = OpenAsks::default();
        let mut looked = 0_u64;
        for number in 0..100_000 {
            asks.note(std::iter::once(number), |_| {
                looked += 1;
                true
            });
        }
        assert!(looked < 5 * 100_000, "{looked}");
    }
}
