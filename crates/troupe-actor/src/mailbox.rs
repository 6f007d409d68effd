//! A mailbox: frames in order, exactly as the guest will see them.
//!
//! Two buffers: the guest's next turn is a slice of `front`; what arrives meanwhile goes to `back`.
//! While a turn runs, `front` is with the thread that runs it. An empty mailbox owns no memory
//! (`MBX-6`): emptied buffers go to the shard's [`BufferPool`].

use crate::frame::{self, Frame};
use crate::id::Address;

/// Largest buffer that is kept for reuse, in bytes. Larger ones would be spread over actors with a few
/// messages each, and push one another out of the cache.
const KEEP_BYTES: usize = 64 * 1024;
/// Most bytes of buffers that are kept for reuse.
const KEEP_TOTAL: usize = 64 * 1024 * 1024;

/// Buffers for reuse, last in first out so that the next one is still in the cache.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Vec<Vec<u8>>,
    /// Capacity of all of them.
    bytes: usize,
}

impl BufferPool {
    /// An empty buffer, with capacity if one was left here.
    #[inline]
    pub fn take(&mut self) -> Vec<u8> {
        let buffer = self.free.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Keeps `buffer` for reuse, within bounds.
    #[inline]
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() != 0 && buffer.capacity() <= KEEP_BYTES && self.bytes < KEEP_TOTAL {
            buffer.clear();
            self.bytes += buffer.capacity();
            self.free.push(buffer);
        }
    }
}

/// A slice of frames that was taken out of a mailbox for one turn.
#[derive(Debug, Default)]
pub struct TurnInput {
    /// The mailbox's front buffer.
    pub buffer: Vec<u8>,
    /// Where the turn begins in it.
    pub start: usize,
    /// Where the turn ends in it; what follows is still queued.
    pub end: usize,
    /// Frames in the turn.
    pub count: u32,
}

impl TurnInput {
    /// The turn's frames.
    #[inline]
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Leaves the frame out that says how full the mailbox was: the turn is given back, and the next one has its own.
    #[inline]
    pub fn strip_pressure(&mut self) {
        if let Some(first) = frame::read(self.frames(), 0).filter(|first| first.kind == frame::kind::PRESSURE) {
            self.start += first.encoded_len();
            self.count -= 1;
        }
    }

    /// Where the frame after the first `consumed` ones begins.
    #[must_use]
    pub fn offset_after(&self, consumed: u32) -> usize {
        if consumed >= self.count {
            return self.end;
        }
        let taken: usize =
            frame::Frames::new(self.frames()).take(consumed as usize).map(|frame| frame.encoded_len()).sum();
        self.start + taken
    }
}

/// The frames an actor has not handled yet.
#[derive(Debug, Default)]
pub struct Mailbox {
    front: Vec<u8>,
    cursor: usize,
    back: Vec<u8>,
    count: u32,
    bytes: usize,
    /// A turn is copied out of the front, so that what is queued behind it stays here.
    splits: bool,
}

/// What a filter says about the next frame of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the turn.
    Take,
    /// It is dead: drop it.
    Skip,
}

impl Mailbox {
    /// An empty mailbox. With `splits` everything queued stays within reach while a turn runs, at
    /// the price of copying the turn: a mailbox that drops its oldest message needs that.
    #[must_use]
    pub fn new(splits: bool) -> Self {
        Self { splits, ..Self::default() }
    }

    /// Frames queued, without those of a running turn.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether nothing is queued.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes queued, headers included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the next turn begins with: what is left in front, otherwise what came meanwhile.
    #[inline]
    #[must_use]
    pub fn next_bytes(&self) -> &[u8] {
        self.front.get(self.cursor..).filter(|rest| !rest.is_empty()).unwrap_or(&self.back)
    }

    /// The byte behind which the next frame goes.
    #[inline]
    #[must_use]
    pub fn last_byte(&self) -> Option<u8> {
        self.back.last().copied()
    }

    /// Frames queued that lie with a running turn, behind it: they come before all others.
    #[must_use]
    pub fn away(&self) -> u32 {
        let front = frame::Frames::new(self.front.get(self.cursor..).unwrap_or_default()).count();
        let reachable = front + frame::Frames::new(&self.back).count();
        self.count.saturating_sub(reachable as u32)
    }

    /// Appends a frame.
    #[inline]
    pub fn push(&mut self, frame: &Frame<'_>, pool: &mut BufferPool) {
        if self.back.capacity() == 0 {
            self.back = pool.take();
        }
        frame.write_to(&mut self.back);
        self.count += 1;
        self.bytes += frame.encoded_len();
    }

    /// Takes the next turn: at most `max_count` frames and `max_bytes` bytes, but at least one
    /// frame. `judge` sees a frame and whether it would be the turn's first; a frame that it skips
    /// ends the turn unless it is the first, and is judged again at the head of the next one.
    #[inline]
    pub fn take(
        &mut self,
        max_count: u32,
        max_bytes: usize,
        pool: &mut BufferPool,
        mut judge: impl FnMut(&Frame<'_>, bool) -> Verdict,
    ) -> Option<TurnInput> {
        loop {
            if self.cursor >= self.front.len() {
                self.cursor = 0;
                self.front.clear();
                std::mem::swap(&mut self.front, &mut self.back);
                if self.front.is_empty() {
                    self.release(pool);
                    return None;
                }
            }
            let (mut at, mut count) = (self.cursor, 0);
            while let Some(frame) = frame::read(&self.front, at) {
                let len = frame.encoded_len();
                if count > 0 && at + len - self.cursor > max_bytes {
                    break;
                }
                if judge(&frame, count == 0) == Verdict::Skip {
                    if count > 0 {
                        break;
                    }
                    self.cursor += len;
                    self.count -= 1;
                    self.bytes -= len;
                    at = self.cursor;
                    continue;
                }
                at += len;
                count += 1;
                if count >= max_count {
                    break;
                }
            }
            if count == 0 {
                continue;
            }
            self.count -= count;
            self.bytes -= at - self.cursor;
            if self.splits && at < self.front.len() {
                let mut buffer = pool.take();
                buffer.extend_from_slice(self.front.get(self.cursor..at).unwrap_or_default());
                self.cursor = at;
                return Some(TurnInput { start: 0, end: buffer.len(), buffer, count });
            }
            let buffer = std::mem::take(&mut self.front);
            return Some(TurnInput { buffer, start: std::mem::take(&mut self.cursor), end: at, count });
        }
    }

    /// Gives a turn back: what lies behind `consumed_end` is queued again, in front.
    #[inline]
    pub fn put_back(&mut self, input: TurnInput, consumed_end: usize, returned: u32, pool: &mut BufferPool) {
        self.count += returned;
        self.bytes += input.end - consumed_end;
        if consumed_end >= input.buffer.len() {
            if self.back.is_empty() || self.front.capacity() != 0 {
                pool.give(input.buffer);
            } else {
                // More is waiting: what comes behind it will need a buffer of about this size.
                self.front = input.buffer;
                self.front.clear();
                self.cursor = 0;
            }
            return;
        }
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::OrderSwapped) {
            self.back.extend_from_slice(input.buffer.get(consumed_end..).unwrap_or_default());
            return;
        }
        // Something is left in front when the turn was a copy, or was made of awaited answers.
        let kept = std::mem::replace(&mut self.front, input.buffer);
        if let Some(kept) = kept.get(self.cursor..) {
            self.front.extend_from_slice(kept);
        }
        self.cursor = consumed_end;
    }

    /// Queues frames in front of all others.
    pub fn put_front(&mut self, frames: &[u8], count: u32) {
        let mut front = frames.to_vec();
        front.extend_from_slice(self.front.get(self.cursor..).unwrap_or_default());
        self.front = front;
        self.cursor = 0;
        self.count += count;
        self.bytes += frames.len();
    }

    fn release(&mut self, pool: &mut BufferPool) {
        pool.give(std::mem::take(&mut self.front));
        pool.give(std::mem::take(&mut self.back));
    }

    /// Takes every frame out, in order, and leaves the mailbox empty.
    pub fn drain(&mut self, mut each: impl FnMut(&Frame<'_>)) {
        let taken = std::mem::replace(self, Self::new(self.splits));
        taken.frames().for_each(|frame| each(&frame));
    }

    /// Moves the frames that `pick` wants to `out`, in order. Frames behind a running turn are out of reach
    /// in a mailbox that does not split; they stay counted.
    pub fn extract(&mut self, out: &mut Vec<u8>, mut pick: impl FnMut(&Frame<'_>) -> bool) -> u32 {
        let mut kept = Self::new(self.splits);
        let mut moved = 0;
        let mut none = BufferPool::default();
        (kept.count, kept.bytes) = (self.count, self.bytes);
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::BehindUncounted) {
            kept.count -= self.away();
        }
        self.drain(|frame| {
            kept.count -= 1;
            kept.bytes -= frame.encoded_len();
            if pick(frame) {
                frame.write_to(out);
                moved += 1;
            } else {
                kept.push(frame, &mut none);
            }
        });
        *self = kept;
        moved
    }

    /// Drops the first frame that `pick` wants; returns whether there was one.
    pub fn remove_first(&mut self, pick: impl FnMut(&Frame<'_>) -> bool) -> bool {
        self.remove_from(self.cursor, pick)
    }

    /// As [`Mailbox::remove_first`], from a frame in front on: what lies before the one that goes is not touched.
    fn remove_from(&mut self, front_at: usize, mut pick: impl FnMut(&Frame<'_>) -> bool) -> bool {
        let found = cut_out(&mut self.front, front_at, &mut pick).or_else(|| cut_out(&mut self.back, 0, &mut pick));
        let Some(len) = found else { return false };
        self.count -= 1;
        self.bytes -= len;
        if self.count == 0 {
            // `MBX-6`
            *self = Self::new(self.splits);
        }
        true
    }

    /// The frames that do not lie with a running turn, in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let front = frame::Frames::new(self.front.get(self.cursor..).unwrap_or_default());
        front.chain(frame::Frames::new(&self.back))
    }

    /// Drops the oldest frame that `pick` wants; returns whether there was one. Only for a mailbox
    /// that splits: of any other, the oldest frames may be with a running turn.
    pub fn drop_oldest(&mut self, mut pick: impl FnMut(&Frame<'_>) -> bool) -> bool {
        if self.cursor >= self.front.len() {
            self.cursor = 0;
            self.front.clear();
            std::mem::swap(&mut self.front, &mut self.back);
        }
        let Some(head) = frame::read(&self.front, self.cursor) else { return false };
        if pick(&head) {
            let len = head.encoded_len();
            self.cursor += len;
            self.count -= 1;
            self.bytes -= len;
            return true;
        }
        // The head was looked at.
        self.remove_from(self.cursor + head.encoded_len(), pick)
    }
}

/// Cuts the first frame out that `pick` wants, from the one at `at` on; how long it was.
fn cut_out(frames: &mut Vec<u8>, mut at: usize, pick: &mut impl FnMut(&Frame<'_>) -> bool) -> Option<usize> {
    loop {
        let frame = frame::read(frames, at)?;
        let len = frame.encoded_len();
        if pick(&frame) {
            frames.drain(at..at + len);
            return Some(len);
        }
        at += len;
    }
}

/// A message frame: what a mailbox holds for a tell.
#[inline]
#[must_use]
pub const fn message(sender: Address, payload: &[u8]) -> Frame<'_> {
    Frame { kind: frame::kind::MESSAGE, flags: 0, corr: 0, address: sender, payload }
}
