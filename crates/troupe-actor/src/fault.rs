//! Faults to inject, for tests: what goes wrong is a matter of how often the actor was started, or
//! how many messages it has had, and of nothing else, so that a test gives the same every time.

use crate::reason::{Crash, ReasonTag, StartError};

/// Faults of one actor. Actors without any pay nothing for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Start attempts that fail, counted from 1.
    pub fail_starts: Vec<u32>,
    /// Messages that trap, counted from 1 over all lives of the actor. A turn that holds one traps
    /// as a whole; in the replay it is the culprit (`TURN-3`).
    pub trap_on: Vec<u64>,
}

impl Faults {
    /// The failure of a start attempt, if it is to fail.
    #[must_use]
    pub fn of_start(&self, incarnation: u32) -> Option<StartError> {
        self.fail_starts.contains(&incarnation).then(|| StartError {
            crash: Crash::new(ReasonTag::StartFailed, format!("injected: start {incarnation} fails")),
            deterministic: false,
        })
    }

    /// The crash of a turn of `messages` messages after `done` earlier ones, if one is to trap.
    #[must_use]
    pub fn of_turn(&self, done: u64, messages: u32) -> Option<Crash> {
        let turn = done + 1..=done + u64::from(messages);
        let number = self.trap_on.iter().copied().filter(|number| turn.contains(number)).min()?;
        Some(Crash::new(ReasonTag::Trap, format!("injected: message {number} traps")))
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;

    #[test]
    fn a_turn_traps_when_it_holds_a_message_that_does() {
        let faults = Faults { fail_starts: vec![2], trap_on: vec![7, 3] };
        let cases =
            [((0, 2), false), ((0, 3), true), ((2, 1), true), ((3, 3), false), ((3, 4), true), ((7, 64), false)];
        for ((done, messages), expected) in cases {
            assert_eq!(faults.of_turn(done, messages).is_some(), expected, "{done} {messages}");
        }
        assert!(faults.of_start(1).is_none());
        assert!(faults.of_start(2).is_some());
    }
}
