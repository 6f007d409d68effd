//! A stash: messages that an actor has put aside until it can handle them (`STH-1`), oldest first. They are
//! part of its mailbox in all but their place.

use crate::frame::{self, Frame, Frames};

/// What an actor has put aside.
#[derive(Debug, Default)]
pub struct Stash {
    frames: Vec<u8>,
    count: u32,
}

impl Stash {
    /// Messages put aside.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether nothing is put aside.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The messages, as frames; their bytes count as those of a mailbox.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// Puts a message behind the others.
    pub fn push(&mut self, frame: &Frame<'_>) {
        frame.write_to(&mut self.frames);
        self.count += 1;
    }

    /// Moves everything behind what `other` holds.
    pub fn move_to(&mut self, other: &mut Self) {
        other.frames.append(&mut self.frames);
        other.count += std::mem::take(&mut self.count);
    }

    /// Takes the first message out that `pick` wants, when `each` has seen it; false when there is none.
    pub fn remove_first(&mut self, pick: impl Fn(&Frame<'_>) -> bool, each: impl FnOnce(&Frame<'_>)) -> bool {
        let mut at = 0;
        while let Some(frame) = frame::read(&self.frames, at) {
            let end = at + frame.encoded_len();
            if pick(&frame) {
                each(&frame);
                self.frames.drain(at..end);
                self.count -= 1;
                return true;
            }
            at = end;
        }
        false
    }

    /// Takes everything out, in order.
    pub fn drain(&mut self, each: impl FnMut(Frame<'_>)) {
        let all = std::mem::take(self);
        Frames::new(&all.frames).for_each(each);
    }
}
