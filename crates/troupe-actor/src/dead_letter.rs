//! Dead letters: records of messages that nobody handled, and what a log says of them (`DL-1`, `DL-2`).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::counters::LossReason;
use crate::id::Address;

/// How many messages were lost, by [`LossReason`].
pub type LossCounts = [u64; LossReason::ALL.len()];

/// Dead letters that a log tells one by one, before it counts the others until the minute is over.
const LOG_LINES: u32 = 10;
/// Actors whose first drop of a minute is told even so (`OVF-4`).
const FIRST_DROP_LINES: u32 = 100;
/// What a log is told is counted by this time, in milliseconds.
const LOG_PERIOD_MS: u64 = 60_000;

/// One message that was refused, failed or discarded.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Who sent it.
    pub sender: Address,
    /// Whom it was for.
    pub target: Address,
    /// Path of the target, empty when it is unknown.
    pub path: Arc<str>,
    /// Why nobody handled it.
    pub reason: LossReason,
    /// Payload bytes.
    pub bytes: usize,
    /// The payload, where it is captured.
    pub payload: Option<Arc<[u8]>>,
    /// The first message that a full mailbox of this actor dropped for a minute.
    pub first_drop: bool,
}

/// A record of one message that was refused, failed or discarded.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Number of the dead letter within its system.
    pub id: u64,
    /// Who sent it.
    pub sender: Address,
    /// Path of the target, empty when it is unknown.
    pub target: Arc<str>,
    /// Whom it was for.
    pub address: Address,
    /// Why nobody handled it.
    pub reason: LossReason,
    /// Payload bytes.
    pub bytes: usize,
    /// Milliseconds of the system's clock.
    pub at: u64,
    /// The payload, if it is captured and was not given up for newer ones.
    pub payload: Option<Arc<[u8]>>,
    /// A log has a line for it; the others are counted, see [`DeadLetters::summary`].
    pub logged: bool,
}

/// The newest dead letters; older ones make room.
#[derive(Debug)]
pub struct DeadLetters {
    ring: VecDeque<DeadLetter>,
    capacity: usize,
    next: u64,
    counts: LossCounts,
    /// Most bytes of payloads that are kept.
    max_captured: usize,
    captured: usize,
    /// Numbers of the letters with a payload, oldest first.
    with_payload: VecDeque<u64>,
    log: LetterLog,
}

impl DeadLetters {
    /// Keeps at most `capacity` records, and of the newest of them at most `max_captured` bytes of payload.
    #[must_use]
    pub fn new(capacity: usize, max_captured: usize) -> Self {
        Self {
            ring: VecDeque::new(),
            capacity,
            next: 1,
            counts: LossCounts::default(),
            max_captured,
            captured: 0,
            with_payload: VecDeque::new(),
            log: LetterLog::default(),
        }
    }

    /// Length of the largest payload that is kept; 0 for none.
    #[must_use]
    pub const fn max_captured(&self) -> usize {
        if self.capacity == 0 { 0 } else { self.max_captured }
    }

    /// Whether a payload of this length is kept.
    #[must_use]
    pub const fn captures(&self, bytes: usize) -> bool {
        self.max_captured() > 0 && bytes <= self.max_captured()
    }

    /// Adds a record and numbers it.
    pub fn push(&mut self, loss: Loss, at: u64) -> DeadLetter {
        let id = self.next;
        self.next += 1;
        if let Some(count) = self.counts.get_mut(loss.reason as usize) {
            *count += 1;
        }
        let Loss { sender, target, path, reason, bytes, payload, first_drop: _ } = loss;
        let payload = payload.filter(|payload| self.captures(payload.len()));
        let letter =
            DeadLetter { id, sender, target: path, address: target, reason, bytes, at, payload, logged: false };
        if self.capacity == 0 {
            return letter;
        }
        if self.ring.len() >= self.capacity {
            self.forget_oldest();
        }
        if let Some(payload) = &letter.payload {
            self.captured += payload.len();
            self.with_payload.push_back(id);
        }
        self.ring.push_back(letter.clone());
        while self.captured > self.max_captured {
            self.give_up_payload();
        }
        letter
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.ring.pop_front() else { return };
        if let Some(payload) = oldest.payload {
            self.captured -= payload.len();
            self.with_payload.pop_front();
        }
    }

    /// The oldest payload makes room for newer ones; its record stays.
    fn give_up_payload(&mut self) {
        let Some(id) = self.with_payload.pop_front() else { return };
        let first = self.ring.front().map_or(id, |letter| letter.id);
        let letter = self.ring.get_mut(id.saturating_sub(first) as usize);
        if let Some(payload) = letter.and_then(|letter| letter.payload.take()) {
            self.captured -= payload.len();
        }
    }

    /// Whether a log has a line for this loss; and in how many milliseconds it wants a
    /// [`summary`](Self::summary) of those that had none, if nobody was told of that yet.
    pub fn tell_log(&mut self, loss: &Loss, at: u64) -> (bool, Option<u64>) {
        self.log.note(loss, at)
    }

    /// What the log had no line for, by reason; the counting begins anew. `None` when there was nothing.
    pub fn summary(&mut self, at: u64) -> Option<LossCounts> {
        self.log.summary(at)
    }

    /// What is kept, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        self.ring.iter().cloned().collect()
    }

    /// The record with this number, while it is kept.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&DeadLetter> {
        let first = self.ring.front()?.id;
        self.ring.get(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    /// How many there were since the system began, by reason.
    #[must_use]
    pub const fn counts(&self) -> &LossCounts {
        &self.counts
    }
}

/// Keeps a flood of dead letters from drowning a log: so many lines, then one summary for each period.
#[derive(Debug, Default)]
struct LetterLog {
    /// When the period is over.
    until: u64,
    /// Lines in this period, and those of first drops among them.
    lines: u32,
    first_drops: u32,
    unsaid: LossCounts,
    /// Somebody will ask for a summary.
    armed: bool,
}

impl LetterLog {
    fn note(&mut self, loss: &Loss, at: u64) -> (bool, Option<u64>) {
        if at >= self.until && !self.armed {
            *self = Self { until: at + LOG_PERIOD_MS, ..Self::default() };
        }
        // What an observer of dead letters sends itself has no line: the line could make it send again.
        if !loss.sender.is_observer() {
            if loss.first_drop && self.first_drops < FIRST_DROP_LINES {
                self.first_drops += 1;
                return (true, None);
            }
            if !loss.first_drop && self.lines < LOG_LINES {
                self.lines += 1;
                return (true, None);
            }
        }
        if let Some(count) = self.unsaid.get_mut(loss.reason as usize) {
            *count += 1;
        }
        let first = !std::mem::replace(&mut self.armed, true);
        (false, first.then(|| self.until.saturating_sub(at)))
    }

    fn summary(&mut self, at: u64) -> Option<LossCounts> {
        if !self.armed {
            return None;
        }
        // The flood goes on: until a period has passed without one, there are no more lines.
        let unsaid = self.unsaid;
        *self = Self { until: at + LOG_PERIOD_MS, lines: LOG_LINES, ..Self::default() };
        Some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::{DeadLetters, Loss};
    use crate::counters::LossReason;
    use crate::id::Address;
    use std::sync::Arc;

    fn loss(reason: LossReason, first_drop: bool) -> Loss {
        let (sender, target) = (Address { index: 3, tag: 4 }, Address { index: 1, tag: 2 });
        Loss { sender, target, path: Arc::from("/user/a"), reason, bytes: 3, payload: None, first_drop }
    }

    fn with_payload(bytes: usize) -> Loss {
        Loss { payload: Some(Arc::from(vec![7; bytes])), bytes, ..loss(LossReason::Stopped, false) }
    }

    fn payloads(letters: &DeadLetters) -> Vec<(u64, Option<usize>)> {
        letters.list().iter().map(|letter| (letter.id, letter.payload.as_ref().map(|kept| kept.len()))).collect()
    }

    #[test]
    fn the_oldest_payloads_are_given_up_first_and_their_records_stay() {
        let mut letters = DeadLetters::new(3, 100);
        for bytes in [40, 50, 101, 30] {
            letters.push(with_payload(bytes), 0);
        }
        // The ring forgot the first one; the third never fitted; the rest are 80 bytes.
        assert_eq!(payloads(&letters), [(2, Some(50)), (3, None), (4, Some(30))]);
        letters.push(with_payload(71), 0);
        assert_eq!(payloads(&letters), [(3, None), (4, None), (5, Some(71))]);
        assert_eq!(letters.get(4).map(|letter| letter.bytes), Some(30));
        assert!(letters.get(2).is_none() && letters.get(6).is_none());
        assert_eq!(letters.counts()[LossReason::Stopped as usize], 5);
        assert_eq!(letters.captured, 71);
    }

    #[test]
    fn nothing_is_captured_unless_it_was_asked_for() {
        for (capacity, bytes) in [(3, 0), (0, 100)] {
            let mut letters = DeadLetters::new(capacity, bytes);
            assert!(!letters.captures(1));
            assert!(letters.push(with_payload(1), 0).payload.is_none());
        }
    }

    #[test]
    fn ten_lines_then_one_summary_a_minute_until_a_minute_was_quiet() {
        let mut letters = DeadLetters::new(1, 0);
        let stopped = loss(LossReason::Stopped, false);
        for _ in 0..10 {
            assert_eq!(letters.tell_log(&stopped, 1_000), (true, None));
        }
        assert_eq!(letters.tell_log(&stopped, 2_000), (false, Some(59_000)));
        assert_eq!(letters.tell_log(&loss(LossReason::Poison, false), 3_000), (false, None));
        let counts = letters.summary(61_000).unwrap();
        assert_eq!((counts[LossReason::Stopped as usize], counts[LossReason::Poison as usize]), (1, 1));
        assert_eq!(letters.summary(61_000), None);
        // Still within the next minute: no line, another summary at its end.
        assert_eq!(letters.tell_log(&stopped, 70_000), (false, Some(51_000)));
        assert!(letters.summary(121_000).is_some());
        // A minute without any, and the next one is news again.
        assert_eq!(letters.tell_log(&stopped, 181_000), (true, None));
    }

    #[test]
    fn the_first_drop_of_an_actor_has_a_line_whatever_else_is_lost() {
        let mut letters = DeadLetters::new(1, 0);
        for _ in 0..11 {
            letters.tell_log(&loss(LossReason::Stopped, false), 0);
        }
        for count in 0..200 {
            let (told, _) = letters.tell_log(&loss(LossReason::MailboxFull, true), 0);
            assert_eq!(told, count < 100);
        }
    }

    #[test]
    fn what_an_observer_sends_has_no_line() {
        let mut letters = DeadLetters::new(1, 0);
        let sender = Address { index: Address::PORT, tag: Address::OBSERVER };
        let own = Loss { sender, ..loss(LossReason::Stopped, false) };
        assert_eq!(letters.tell_log(&own, 5), (false, Some(60_000)));
    }
}
