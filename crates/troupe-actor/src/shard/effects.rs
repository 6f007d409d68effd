//! Effects: what a turn's result asks for. Checked as a whole before any of it happens, so that a
//! malformed result has no effect at all (`TURN-2`).

use super::Shard;
use super::ahead::GROUP;
use super::deliver::{Incoming, Terms, Wants};
use super::subscribe;
use super::timers::read_order;
use crate::ask::AskError;
use crate::chain::{Chain, Context};
use crate::event::Event;
use crate::frame::{self, Frame, Frames, effect};
use crate::id::Address;
use crate::reason::{Crash, ReasonTag};
use crate::record::{self, Record};
use crate::shared::Shared;

/// What a guest's ask waits when it does not say, in milliseconds (`ASK-1`).
const DEFAULT_ASK_MS: u32 = 5_000;

/// A result that was checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Frames of the turn that were taken.
    pub consumed: u32,
    /// The actor stops itself.
    pub stops: bool,
    /// Messages that were consumed are put aside or dropped, or what was put aside comes back.
    pub stashes: bool,
    /// The handler waits for the answers to these tags, raw.
    pub awaits: Option<Vec<u8>>,
}

impl Plan {
    /// Checks the result of a turn of `count` frames.
    #[inline]
    pub fn read(output: &[u8], count: u32) -> Result<Self, Box<Crash>> {
        let (Some(version), Some(consumed)) = (frame::word(output, 0), frame::word(output, 4)) else {
            return Err(malformed(format!("the result has {} bytes, its header alone takes 8", output.len())));
        };
        if version != frame::FORMAT_VERSION {
            return Err(malformed(format!("the result has version {version}, expected {}", frame::FORMAT_VERSION)));
        }
        if consumed > count {
            return Err(malformed(format!("the result consumed {consumed} of {count} frames")));
        }
        let mut plan = Self { consumed, ..Self::default() };
        let mut frames = Frames::new(output.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default());
        for frame in frames.by_ref() {
            match frame.kind {
                effect::ASK if frame.payload.len() < 8 => {
                    return Err(malformed("an ask effect is shorter than its timeout".to_owned()));
                }
                effect::SET_TIMER if read_order(frame.payload).is_none() => {
                    return Err(malformed("a timer effect has no delay, period and mode that go together".to_owned()));
                }
                effect::PUBLISH if frame::read_topic(frame.payload).is_none() => {
                    return Err(malformed("a publish effect is shorter than its topic".to_owned()));
                }
                effect::SUBSCRIBE if subscribe::read(frame.payload).is_none() => {
                    return Err(malformed("a subscribe effect is shorter than its pattern".to_owned()));
                }
                effect::STASH | effect::UNSTASH | effect::DISCARD => plan.stashes = true,
                effect::STOP => plan.stops = true,
                // Waiting for nothing is no wait.
                effect::AWAIT if frame.payload.len() >= 4 => plan.awaits = Some(frame.payload.to_vec()),
                effect::CRASH => return Err(Box::new(typed_crash(frame.payload))),
                _ => {}
            }
        }
        if frames.rest() != 0 {
            let at = output.len() - frames.rest();
            return Err(malformed(format!("the effect at byte {at} does not fit into {} bytes", output.len())));
        }
        if consumed == 0 && plan.awaits.is_none() {
            return Err(malformed("the result consumed nothing and waits for nothing".to_owned()));
        }
        Ok(plan)
    }
}

/// The crash that a result reports, if it does.
pub(super) fn crash_of(output: &[u8]) -> Option<Crash> {
    let effects = output.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default();
    Frames::new(effects).find(|frame| frame.kind == effect::CRASH).map(|frame| typed_crash(frame.payload))
}

pub(super) fn malformed(what: String) -> Box<Crash> {
    Box::new(Crash::new(ReasonTag::HostError, format!("malformed result: {what}")))
}

/// A crash that the guest reported itself: name, message and stack, each ended by NUL.
fn typed_crash(payload: &[u8]) -> Crash {
    let text = String::from_utf8_lossy(payload);
    let mut parts = text.split('\0');
    let name = parts.next().unwrap_or_default();
    let message = parts.next().unwrap_or_default();
    let stack = parts.next().unwrap_or_default();
    let mut crash = Crash::new(ReasonTag::Trap, format!("{name}: {message}"));
    let lines = stack.lines().take(16).map(|line| Crash::cut(line.trim()).to_owned());
    crash.backtrace = lines.filter(|line| !line.is_empty()).collect();
    crash
}

impl Shard {
    /// Lets checked effects happen, in order. Returns how many asks were answered.
    #[inline]
    pub(super) fn apply_effects(&mut self, shared: &Shared, local: u32, output: &[u8]) -> u32 {
        let sender = self.address_of(local);
        let incarnation = self.cells.get(local as usize).map_or(0, |cell| cell.incarnation);
        let mut answered = 0;
        let mut frames = Frames::new(output.get(frame::RESULT_HEADER_BYTES..).unwrap_or_default());
        for count in 0usize.. {
            if count.is_multiple_of(GROUP) {
                self.look_at_effects(frames.clone());
            }
            let Some(frame) = frames.next() else { break };
            match frame.kind {
                effect::TELL => self.tell(shared, sender, incarnation, &frame),
                effect::REPLY | effect::FAIL => {
                    let failed = frame.kind == effect::FAIL;
                    answered += u32::from(self.reply(local, frame.corr, frame.payload, failed));
                }
                effect::ASK => self.ask(shared, local, incarnation, &frame),
                effect::PUBLISH => self.publish(shared, local, &frame),
                effect::SUBSCRIBE | effect::UNSUBSCRIBE => self.subscription_effect(shared, local, &frame),
                effect::LOG => self.log(shared, local, &frame),
                effect::MONITOR..=effect::UNLINK => self.bond_effect(shared, local, &frame),
                effect::SET_TIMER | effect::CANCEL_TIMER => self.timer_effect(shared, local, &frame),
                // Stop and await are in the plan; kinds of later versions are skipped.
                _ => {}
            }
        }
        answered
    }

    #[inline]
    fn tell(&mut self, shared: &Shared, sender: Address, incarnation: u32, frame: &Frame<'_>) {
        let report = frame.flags & frame::FLAG_REPORT != 0;
        let owner = self.owner(frame.address.index);
        if owner == self.index || frame.address.port().is_some() {
            let wants = if report { Wants::Report } else { Wants::Nothing };
            let message = Incoming {
                target: frame.address,
                sender,
                incarnation,
                corr: frame.corr,
                payload: frame.payload,
                wants,
            };
            return self.deliver(shared, &message);
        }
        if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            let flags = if report { frame::FLAG_REPORT } else { 0 };
            let target = frame.address;
            let frame = Frame { kind: frame::kind::MESSAGE, flags, address: sender, ..*frame };
            Record { target, word: incarnation, frame }.write_to(&mut outbox.records);
        }
    }

    fn ask(&mut self, shared: &Shared, local: u32, incarnation: u32, frame: &Frame<'_>) {
        let timeout = match frame::word(frame.payload, 0).unwrap_or(0) {
            0 => DEFAULT_ASK_MS,
            timeout => timeout,
        };
        let deadline = self.deadline(timeout);
        if frame.flags & frame::FLAG_FOR == 0 && !self.hand.waits() {
            let terms = Terms { deadline, inherited: false, chain: Chain::Nobody };
            return self.send_ask(shared, self.address_of(local), incarnation, frame, terms);
        }
        self.ask_for(shared, local, incarnation, frame, deadline);
    }

    /// Hands an ask on, here or to the shard of its target.
    pub(super) fn send_ask(
        &mut self,
        shared: &Shared,
        sender: Address,
        incarnation: u32,
        frame: &Frame<'_>,
        terms: Terms<'_>,
    ) {
        let target = frame.address;
        let request = frame.payload.get(8..).unwrap_or_default();
        let owner = self.owner(target.index);
        if owner == self.index || target.port().is_some() {
            let (corr, wants) = (frame.corr, Wants::Answer(terms));
            return self.deliver(shared, &Incoming { target, sender, incarnation, corr, payload: request, wants });
        }
        let Some(outbox) = self.outboxes.get_mut(owner as usize) else { return };
        let (kind, mut flags, mut payload) = match terms.chain {
            Chain::Nobody => (record::kind::ACTOR_ASK, 0, terms.deadline.to_le_bytes().to_vec()),
            Chain::Asker => (record::kind::ACTOR_ASK, record::FLAG_AWAITED, terms.deadline.to_le_bytes().to_vec()),
            Chain::List(list) => {
                let mut context = Vec::new();
                Context { deadline: terms.deadline, chain: list.to_vec() }.write_to(&mut context);
                (record::kind::CHAINED_ASK, 0, context)
            }
        };
        if terms.inherited {
            flags |= record::FLAG_INHERITED;
        }
        payload.extend_from_slice(request);
        let frame = Frame { kind, flags, corr: frame.corr, address: sender, payload: &payload };
        Record { target, word: incarnation, frame }.write_to(&mut outbox.records);
    }

    /// An effect is refused: its actor hears of it if it wants to, otherwise a log line says it.
    pub(super) fn refuse_effect(
        &mut self,
        shared: &Shared,
        local: u32,
        frame: &Frame<'_>,
        error: AskError,
        text: String,
    ) {
        if frame.flags & frame::FLAG_REPORT != 0 {
            let mut payload = (error as u32).to_le_bytes().to_vec();
            payload.extend_from_slice(text.as_bytes());
            let own = self.address_of(local);
            let incarnation = self.cells.get(local as usize).map_or(0, |cell| cell.incarnation);
            let (kind, corr) = (frame::kind::SEND_FAILED, frame.corr);
            self.take_answer(own, incarnation, Frame { kind, flags: 0, corr, address: own, payload: &payload });
        } else if shared.is_listened() {
            let subject = self.subject(local);
            shared.emit(&Event::Log { subject, level: 2, text });
        }
    }

    fn log(&mut self, shared: &Shared, local: u32, frame: &Frame<'_>) {
        if shared.is_listened() {
            let subject = self.subject(local);
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            shared.emit(&Event::Log { subject, level: frame.corr.min(3), text });
        }
    }
}
