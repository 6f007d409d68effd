//! Messages that wait for room in front of a full mailbox (`OVF-2`), in order.

use std::collections::VecDeque;

use crate::frame::{self, Frame};
use crate::id::Address;
use crate::mailbox::BufferPool;

/// Frames that were let in are cut off the front once they are at least this many bytes.
const CUT_BYTES: usize = 32 * 1024;

/// Who waits, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// An actor (parked), or a port.
    pub sender: Address,
    /// A port's slot; 0 for an actor.
    pub slot: u32,
    /// Refused when it still waits then, in milliseconds of the shard's clock.
    pub deadline: u64,
    /// The sender wants a send-failed frame if it is refused.
    pub wants_report: bool,
    /// The sending actor's incarnation; 0 for a port.
    pub incarnation: u32,
}

/// Those that wait, and their frames one behind the other: under steady pressure they come and go by
/// the million, so that none of them has an allocation of its own.
#[derive(Debug, Default)]
pub struct Backlog {
    queue: VecDeque<Waiting>,
    frames: Vec<u8>,
    /// Where the first frame begins.
    start: usize,
}

impl Backlog {
    /// Whether nothing waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Messages that wait; notices are none.
    #[must_use]
    pub fn messages(&self) -> u32 {
        self.iter().filter(|(_, frame)| frame.is_message()).count() as u32
    }

    /// All that wait, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Waiting, Frame<'_>)> {
        self.queue.iter().zip(frame::Frames::new(self.frames.get(self.start..).unwrap_or_default()))
    }

    /// The oldest.
    #[inline]
    #[must_use]
    pub fn front(&self) -> Option<(Waiting, Frame<'_>)> {
        Some((*self.queue.front()?, frame::read(&self.frames, self.start)?))
    }

    /// Adds one behind all others.
    pub fn push(&mut self, waiting: Waiting, frame: &Frame<'_>, pool: &mut BufferPool) {
        if self.frames.capacity() == 0 {
            self.frames = pool.take();
        }
        frame.write_to(&mut self.frames);
        self.queue.push_back(waiting);
    }

    /// Removes the oldest.
    pub fn pop(&mut self, pool: &mut BufferPool) {
        let len = frame::read(&self.frames, self.start).map_or(0, |frame| frame.encoded_len());
        self.start += len;
        self.queue.pop_front();
        if self.queue.is_empty() {
            pool.give(std::mem::take(self).frames);
        } else if self.start >= CUT_BYTES && self.start >= self.frames.len() / 2 {
            self.frames.drain(..self.start);
            self.start = 0;
        }
    }

    /// Takes out those that `pick` wants, in order; the others stay.
    #[must_use]
    pub fn extract(&mut self, mut pick: impl FnMut(&Waiting, &Frame<'_>) -> bool) -> Self {
        let all = std::mem::take(self);
        let mut picked = Self::default();
        let mut none = BufferPool::default();
        for (waiting, frame) in all.iter() {
            let to = if pick(waiting, &frame) { &mut picked } else { &mut *self };
            to.push(*waiting, &frame, &mut none);
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::message;

    fn waiting(deadline: u64) -> Waiting {
        Waiting { sender: Address::NONE, slot: 0, deadline, wants_report: false, incarnation: 0 }
    }

    #[test]
    fn what_waits_comes_out_in_order_and_the_memory_does_not_grow() {
        let (mut backlog, mut pool) = (Backlog::default(), BufferPool::default());
        let payload = [7; 100];
        for number in 0..100 {
            backlog.push(waiting(number), &message(Address::NONE, &payload), &mut pool);
        }
        for number in 0..100_000 {
            let (first, frame) = backlog.front().unwrap();
            assert_eq!((first.deadline, frame.payload), (number, &payload[..]));
            backlog.pop(&mut pool);
            backlog.push(waiting(number + 100), &message(Address::NONE, &payload), &mut pool);
        }
        assert!(backlog.frames.capacity() <= 4 * CUT_BYTES, "{}", backlog.frames.capacity());
        while backlog.front().is_some() {
            backlog.pop(&mut pool);
        }
        assert!(backlog.is_empty());
        assert_eq!(backlog.frames.capacity(), 0, "the buffer is the pool's again");
    }

    #[test]
    fn some_are_taken_out_and_the_others_keep_their_order() {
        let (mut backlog, mut pool) = (Backlog::default(), BufferPool::default());
        for number in 0..10_u8 {
            backlog.push(waiting(u64::from(number)), &message(Address::NONE, &[number; 9]), &mut pool);
        }
        backlog.pop(&mut pool);
        let even = backlog.extract(|waiting, frame| {
            assert_eq!(waiting.deadline, u64::from(frame.payload[0]));
            waiting.deadline % 2 == 0
        });
        let deadlines = |backlog: &Backlog| backlog.iter().map(|(waiting, _)| waiting.deadline).collect::<Vec<_>>();
        assert_eq!(deadlines(&even), [2, 4, 6, 8]);
        assert_eq!(deadlines(&backlog), [1, 3, 5, 7, 9]);
    }
}
