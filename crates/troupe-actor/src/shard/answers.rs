//! Answers: how an ask is settled, and how its asker hears of it.

use super::Shard;
use super::chains::INHERITED;
use super::deliver::failure;
use crate::ask::{Ask, AskError, AskState};
use crate::cell::{Ending, Waiter};
use crate::frame::{self, Frame};
use crate::id::Address;
use crate::port::write_completion;
use crate::reason::{Crash, ExitReason, ReasonTag};
use crate::record::{self, Record};
use crate::shared::Shared;
use crate::status::Status;
use crate::system::CrashedAsk;

/// Bytes that answers, notices, refusals and ticks may take in an actor's mailbox beyond its bound (`OVF-3`).
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

impl Shard {
    /// Answers an ask that `local` was given. False when there is no such ask any more: it was
    /// answered before, or its deadline has passed.
    #[inline]
    pub(super) fn reply(&mut self, local: u32, number: u32, payload: &[u8], failed: bool) -> bool {
        // Whether or not anybody still waits for it: what is asked from now on is not for that request.
        if self.hand.waits() {
            self.hand.answered(number);
        }
        let open = self.asks.get_mut(number).is_some_and(|ask| ask.target == local && ask.state == AskState::Delivered);
        let Some(ask) = (if open { self.asks.remove(number) } else { None }) else {
            self.late_replies += 1;
            return false;
        };
        let status = if failed { AskError::HandlerError as u32 } else { 0 };
        match ask.asker.port() {
            // It waits for nothing but this: no detour through its completions.
            Some(_) if self.inline.number == Some(number) => {
                self.inline.answer.clear();
                self.inline.answer.extend_from_slice(payload);
                self.inline.answered = Some(failed);
            }
            Some(port) => {
                if let Some(buffer) = self.completions_of(port) {
                    write_completion(buffer, ask.corr, status, payload);
                }
            }
            None if failed => {
                let mut report = status.to_le_bytes().to_vec();
                report.extend_from_slice(payload);
                self.answer_actor(&ask, frame::kind::ASK_FAILED, &report);
            }
            None => self.answer_actor(&ask, frame::kind::REPLY, payload),
        }
        true
    }

    /// Settles an ask with a failure, whatever its state, and removes it.
    pub(super) fn settle_now(&mut self, shared: &Shared, number: u32, error: AskError, crash: Option<&Crash>) {
        let Some(ask) = self.asks.remove(number) else { return };
        if matches!(ask.state, AskState::Settled(_)) {
            return;
        }
        match crash {
            // It waits for nothing but this: no detour through its completions.
            Some(crash) if self.inline.number == Some(number) => {
                let actor = self.path_of(ask.target);
                self.inline.crashed = Some(Box::new(CrashedAsk { actor, crash: crash.clone() }));
            }
            _ => self.tell_asker(shared, &ask, error, crash),
        }
    }

    /// Settles an ask from outside, by its deadline or its caller; its frame may still be queued.
    pub(super) fn settle_early(&mut self, shared: &Shared, number: u32, error: AskError) {
        if let Some(ask) = self.asks.settle(number, error) {
            #[cfg(troupe_planted)]
            if error == AskError::Aborted && crate::planted::is(crate::planted::Bug::AskTwice) {
                self.tell_asker(shared, &ask, error, None);
            }
            self.tell_asker(shared, &ask, error, None);
            if ask.state == AskState::Delivered {
                self.note_lapse(&ask, number);
            } else if self.cells.get(ask.target as usize).is_some_and(|cell| cell.stashed) {
                self.drop_stashed_ask(shared, ask.target, number);
            }
        }
    }

    fn tell_asker(&mut self, shared: &Shared, ask: &Ask, error: AskError, crash: Option<&Crash>) {
        if error == AskError::Timeout && ask.inherited {
            let target = self.address_of(ask.target);
            return self.fail_ask(ask.asker, ask.incarnation, ask.corr, target, error, INHERITED);
        }
        let Some(port) = ask.asker.port() else {
            let payload = crash.map_or_else(
                || failure(error),
                |crash| {
                    let mut payload = (error as u32).to_le_bytes().to_vec();
                    payload.extend_from_slice(crash.to_string().as_bytes());
                    payload
                },
            );
            return self.answer_actor(ask, frame::kind::ASK_FAILED, &payload);
        };
        let waiter = Waiter { port, slot: ask.corr };
        match crash {
            Some(crash) => {
                let path = self.path_of(ask.target);
                self.tell_port(shared, waiter, |port, slot| port.fail(slot, error, &path, crash));
            }
            None => self.complete(waiter, error as u32, &[]),
        }
    }

    #[inline]
    fn answer_actor(&mut self, ask: &Ask, kind: u16, payload: &[u8]) {
        let address = self.address_of(ask.target);
        self.send_answer(ask.asker, ask.incarnation, &Frame { kind, flags: 0, corr: ask.corr, address, payload });
    }

    /// Sends an answer frame to the actor that asked, here or on another shard.
    pub(super) fn send_answer(&mut self, to: Address, incarnation: u32, frame: &Frame<'_>) {
        let owner = self.owner(to.index);
        if owner == self.index {
            return self.take_answer(to, incarnation, *frame);
        }
        let kind = match frame.kind {
            frame::kind::REPLY => record::kind::REPLY,
            frame::kind::ASK_FAILED => record::kind::ASK_FAILED,
            _ => record::kind::SEND_FAILED,
        };
        if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            Record { target: to, word: incarnation, frame: Frame { kind, ..*frame } }.write_to(&mut outbox.records);
        }
    }

    /// Puts an answer in front of the actor that asked. An answer for another life, or for an actor
    /// that has ended, is dropped (`ASK-4`). Answers are exempt from capacity (`OVF-3`).
    pub(super) fn take_answer(&mut self, to: Address, incarnation: u32, frame: Frame<'_>) {
        let local = self.local(to.index);
        let alive = self.cells.get_mut(local as usize).filter(|cell| cell.tag == to.tag && cell.tag != 0);
        // The incarnation counts up when the next life begins; the last one is over from its crash on.
        let Some(cell) = alive.filter(|cell| {
            #[cfg(troupe_planted)]
            let incarnation =
                if crate::planted::is(crate::planted::Bug::LateReply) { cell.incarnation } else { incarnation };
            cell.incarnation == incarnation && matches!(cell.status(), Status::Ready | Status::Draining)
        }) else {
            self.late_replies += 1;
            return;
        };
        let is_reply = frame.kind != frame::kind::SEND_FAILED;
        match cell.rare.as_deref_mut() {
            Some(rare) if is_reply && rare.awaiting.contains(&frame.corr) => {
                frame.write_to(&mut rare.answers);
                rare.answer_count += 1;
            }
            _ => {
                cell.mailbox.push(&frame, &mut self.pool);
                cell.rare_mut().queued_answers += 1;
            }
        }
        self.schedule(local);
    }

    /// An actor that asks, watches and reports for more than it takes would fill the process's memory, because no bound
    /// keeps the answers out: its life ends after the turn. Those of environments are bounded there.
    pub(super) fn look_at_answers(&mut self, local: u32) {
        let Some(cell) = self.cells.get_mut(local as usize).filter(|cell| !cell.external) else { return };
        let Some(most) = cell.spec.as_deref().map(|spec| spec.mailbox.max_bytes) else { return };
        let bytes = cell.mailbox.bytes();
        if bytes <= most.saturating_add(MAX_ANSWER_BYTES) || cell.ending.is_some() {
            return;
        }
        cell.ending = Some(Ending::Fail);
        let text = format!(
            "{bytes} bytes of messages, answers and notices wait for it: its mailbox holds {most}, \
             and beyond that at most {MAX_ANSWER_BYTES} may"
        );
        cell.rare_mut().doom = Some(ExitReason { tag: ReasonTag::Oom, text });
    }

    /// Lets a handler wait for these tags: answers that came before are moved to the front.
    pub(super) fn set_awaiting(&mut self, local: u32, tags: &[u8]) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let rare = cell.rare.get_or_insert_with(Box::default);
        rare.awaiting.clear();
        rare.awaiting.extend(tags.chunks_exact(4).filter_map(|raw| frame::word(raw, 0)));
        if rare.queued_answers == 0 {
            return;
        }
        let (awaiting, answers) = (&rare.awaiting, &mut rare.answers);
        let moved = cell.mailbox.extract(answers, |frame| {
            let is_answer = matches!(frame.kind, frame::kind::REPLY | frame::kind::ASK_FAILED | frame::kind::TIMER);
            is_answer && awaiting.contains(&frame.corr)
        });
        rare.answer_count += moved;
        rare.queued_answers = rare.queued_answers.saturating_sub(moved);
        if moved > 0 {
            self.take_awaited_ticks(local);
        }
    }
}
