//! Health of an actor: how it is asked for, and what it says (`HLT-1`).

use std::fmt;

use crate::frame::{self, Frames};

/// How an actor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HealthState {
    /// It was not asked yet, or does not say.
    #[default]
    Unknown,
    /// It works.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Healthy, Self::Degraded, Self::Unhealthy];

    /// The public name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an actor is, with its own words for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub state: HealthState,
    /// Why, as a sentence; may be empty.
    pub text: String,
}

impl Health {
    /// Longest text that is kept, in bytes.
    pub const MAX_TEXT: usize = 1024;

    /// Reads an answer to a probe: the first frame of kind [`frame::effect::HEALTH`], whose correlation is 0
    /// healthy, 1 degraded, 2 unhealthy. A number of a later version is unknown; `None` without
    /// such a frame.
    #[must_use]
    pub fn read(answer: &[u8]) -> Option<Self> {
        let frame = Frames::new(answer).find(|frame| frame.kind == frame::effect::HEALTH)?;
        let state = match frame.corr {
            0 => HealthState::Healthy,
            1 => HealthState::Degraded,
            2 => HealthState::Unhealthy,
            _ => HealthState::Unknown,
        };
        Some(Self::new(state, &String::from_utf8_lossy(frame.payload)))
    }

    /// A state and a text, of which no more than [`Health::MAX_TEXT`] bytes are kept.
    #[must_use]
    pub fn new(state: HealthState, text: &str) -> Self {
        let end = text.floor_char_boundary(Self::MAX_TEXT);
        Self { state, text: text.get(..end).unwrap_or_default().to_owned() }
    }
}

/// How an actor is probed. Nothing here has a default: whoever spawns decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSpec {
    /// Time between two probes, in milliseconds; at least one.
    pub interval_ms: u64,
    /// A probe or a handler that runs longer than this is a failure, in milliseconds.
    pub timeout_ms: u64,
    /// So many failures in a row end the life, if `restart` says so.
    pub failures: u32,
    /// Whether they do; otherwise they are only told.
    pub restart: bool,
}

/// What the kernel keeps of the probes of one actor.
#[derive(Debug, Default)]
pub struct Probe {
    /// What the last one found.
    pub health: Health,
    /// Failures in a row.
    pub failures: u32,
    /// One is to be made at the next boundary.
    pub wanted: bool,
    /// One is queued or running.
    pub asked: bool,
    /// The work that was running when it was last looked at.
    pub watched: (u32, u64),
    /// When that will have run too long, in milliseconds of the shard's clock.
    pub over_at: u64,
    /// The work that has run too long already; cleared at the next boundary.
    pub overdue: bool,
    /// Why this life ends at the next boundary.
    pub doom: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Health, HealthState};
    use crate::frame::{Frame, effect, kind};
    use crate::id::Address;

    fn answer(kind: u16, corr: u32, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Frame { kind, flags: 0, corr, address: Address::NONE, payload: text }.write_to(&mut out);
        out
    }

    #[test]
    fn an_answer_says_how_the_actor_is_and_why() {
        let cases = [
            (answer(effect::HEALTH, 0, b""), Some((HealthState::Healthy, ""))),
            (answer(effect::HEALTH, 1, b"slow"), Some((HealthState::Degraded, "slow"))),
            (answer(effect::HEALTH, 2, b"\xff"), Some((HealthState::Unhealthy, "\u{fffd}"))),
            (answer(effect::HEALTH, 3, b"later"), Some((HealthState::Unknown, "later"))),
            (answer(kind::MESSAGE, 0, b""), None),
            (Vec::new(), None),
        ];
        for (bytes, expected) in cases {
            let expected = expected.map(|(state, text)| Health::new(state, text));
            assert_eq!(Health::read(&bytes), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(Health::MAX_TEXT);
        let health = Health::new(HealthState::Degraded, &text);
        assert_eq!(health.text.len(), Health::MAX_TEXT);
        let odd = format!("a{text}");
        assert_eq!(Health::new(HealthState::Degraded, &odd).text.len(), Health::MAX_TEXT - 1);
    }
}
