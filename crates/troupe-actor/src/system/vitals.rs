//! Whether the machinery runs (`HLT-3`): no guest and nobody far away is asked. And who listens to it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ActorSystem;
use crate::status::Status;
use crate::tree::spec::SupervisorId;

/// A heart that was asked to beat, and has not for this long, has stopped.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// How a system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Its threads do what they are asked to.
    pub live: bool,
    /// It takes work.
    pub ready: bool,
    /// It has come up.
    pub started: bool,
}

/// The hearts: the ticker, and one per shard.
#[derive(Debug, Default)]
pub(super) struct Beats(Mutex<Vec<Beat>>);

/// One heart, as it was when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Beat {
    count: u64,
    /// When it was asked to beat, if it has not since.
    asked: Option<Instant>,
}

impl Beat {
    /// Whether the heart beats; `ask` is called for one that should show it.
    fn is_fresh(&mut self, count: u64, now: Instant, ask: impl FnOnce()) -> bool {
        if count != self.count {
            *self = Self { count, asked: None };
        }
        match self.asked {
            Some(asked) => now.saturating_duration_since(asked) < STALE_AFTER,
            None => {
                self.asked = Some(now);
                ask();
                true
            }
        }
    }
}

impl ActorSystem {
    /// How the system is. An idle thread has no heart beat: it is asked for one, and judged at the
    /// next call.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let ready = !self.shared.is_closing() && !self.shared.is_failed() && self.stands();
        Vitals { live: self.is_live(Instant::now()), ready, started: true }
    }

    /// Whether no supervisor under the root waits out a backoff, comes up again or has given up.
    fn stands(&self) -> bool {
        let root = self.with_tree(|shard, _| shard.tree().info(shard.now(), SupervisorId::ROOT)).flatten();
        let down = |status| matches!(status, Status::Restarting | Status::Failed);
        root.is_none_or(|root| !down(root.status) && !root.children.iter().any(|child| down(child.status)))
    }

    /// Counts environments that want an event for each message, from now on: shards look only now and then.
    pub fn listen_to_messages(&self, on: bool) {
        self.shared.listen_to_messages(on);
        for handle in &self.shards {
            handle.state.lock().refresh_clock(&self.shared);
        }
    }

    fn is_live(&self, now: Instant) -> bool {
        // A system without workers is run by its caller.
        if self.workers.is_none() {
            return true;
        }
        let mut beats = self.beats.0.lock();
        beats.resize(self.shards.len() + 1, Beat::default());
        let Some((ticker, shards)) = beats.split_first_mut() else { return true };
        // A parked ticker wakes with the first who runs.
        let mut live = true;
        if self.ticker.is_parked() {
            ticker.asked = None;
        } else {
            live = ticker.is_fresh(self.ticker.ticks(), now, || {});
        }
        for (beat, handle) in shards.iter_mut().zip(&self.shards) {
            live &= beat.is_fresh(handle.rounds(), now, || handle.gate.ring());
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Beat, STALE_AFTER};

    #[test]
    fn a_heart_is_asked_once_and_judged_five_seconds_later() {
        let (mut beat, mut asked) = (Beat::default(), 0);
        let start = Instant::now();
        let mut look = |count, ms| beat.is_fresh(count, start + Duration::from_millis(ms), || asked += 1);
        assert!(look(1, 0));
        assert!(look(1, 4_999), "it has time");
        assert!(!look(1, 5_000), "too long");
        assert!(look(2, 60_000), "it beats again, and is asked again");
        assert!(look(2, 64_999));
        assert!(!look(2, 65_000));
        assert_eq!(asked, 2);
        assert_eq!(STALE_AFTER.as_secs(), 5);
    }
}
