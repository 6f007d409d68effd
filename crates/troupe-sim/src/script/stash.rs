//! What handlers do with the messages of a turn, besides handling them.

use troupe_actor::frame::{self, Frame, Frames, effect, kind};
use troupe_actor::id::Address;

use super::Writer;
use crate::model::{Model, StashDeed};

impl Model {
    /// Puts some of the first `consumed` frames of a turn aside, drops some, and takes back what was put aside.
    pub(super) fn deal_with_stash(&mut self, turn: &[u8], consumed: u32, writer: &mut Writer) {
        let often = self.faults.stash;
        if often == 0 || !writer.deed.awaits.is_empty() {
            return;
        }
        let frames: Vec<Frame<'_>> = Frames::new(turn).take(consumed as usize).collect();
        for (at, frame) in frames.iter().enumerate() {
            if self.random.permille(often / 2) {
                writer.deed.stash.push(StashDeed::Back);
                writer.push(effect::UNSTASH, 0, 0, Address::NONE, &[]);
            }
            // A tick from outside comes again and again as the same message.
            if !frame.is_message() || frame.flags & frame::FLAG_TICK != 0 || !self.random.permille(often) {
                continue;
            }
            let is_topic = frame.kind == kind::TOPIC;
            let (deed, number, flags) = match self.random.below(6) {
                0 if is_topic => (StashDeed::Drop(at), effect::DISCARD, 0),
                0 => (StashDeed::Unreadable(at), effect::DISCARD, frame::FLAG_UNREADABLE),
                _ => (StashDeed::Aside(at), effect::STASH, 0),
            };
            writer.deed.stash.push(deed);
            writer.push(number, flags, at as u32, Address::NONE, &[]);
        }
    }
}
