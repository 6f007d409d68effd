//! Monitors and links (`MON`): who is told of an actor's end, and whose life ends with it.
//!
//! A notice travels as a record behind everything the dead actor sent, and waits in the user queue.
//! A watch is kept on both sides: here with the watcher, so that a notice it no longer wants never
//! reaches it (`MON-2`), and with the watched one, who tells.

use std::collections::BTreeMap;

use super::Shard;
use crate::ask::AskError;
use crate::backlog::Waiting;
use crate::cell::{Bonds, Cell, Waiter};
use crate::frame::{self, Frame, effect};
use crate::id::Address;
use crate::mailbox::TurnInput;
use crate::reason::{ExitReason, ReasonTag};
use crate::record::{self, Record};
use crate::shared::Shared;

/// Most actors that a guest watches at a time (`MON-1`).
pub const MAX_WATCHES: usize = 1_000;

/// How a watched or linked actor ended.
pub(super) struct Farewell<'a> {
    pub address: Address,
    pub reason: &'a ExitReason,
    pub incarnation: u32,
}

impl Shard {
    /// An actor's own effect on its bonds.
    #[cold]
    pub(super) fn bond_effect(&mut self, shared: &Shared, local: u32, frame: &Frame<'_>) {
        let own = self.address_of(local);
        match frame.kind {
            effect::MONITOR if !self.may_watch(local, frame.corr) => {
                let text = format!("monitor {} was not set: a guest has at most {MAX_WATCHES}", frame.corr);
                self.refuse_effect(shared, local, frame, AskError::MailboxFull, text);
            }
            effect::MONITOR => self.begin_watch(shared, local, frame.corr, frame.address),
            effect::DEMONITOR => self.end_watch(shared, local, frame.corr),
            effect::LINK => self.link(shared, own, frame.address),
            _ => self.unlink(shared, own, frame.address),
        }
    }

    pub(crate) fn watch_for(&mut self, shared: &Shared, watcher: Address, target: Address, tag: u32) {
        if let Some((local, _)) = self.resolve(watcher) {
            self.begin_watch(shared, local, tag, target);
        }
    }

    pub(crate) fn unwatch_for(&mut self, shared: &Shared, watcher: Address, tag: u32) {
        if let Some((local, _)) = self.resolve(watcher) {
            self.end_watch(shared, local, tag);
        }
    }

    fn bonds(&mut self, local: u32) -> Option<&mut Bonds> {
        Some(&mut **self.cells.get_mut(local as usize)?.rare_mut().bonds.get_or_insert_default())
    }

    /// Whether there is room for a guest's watch with this tag, in place of the one that has it.
    fn may_watch(&mut self, local: u32, tag: u32) -> bool {
        self.bonds(local).is_none_or(|bonds| bonds.watches.len() < MAX_WATCHES || bonds.watches.contains_key(&tag))
    }

    fn begin_watch(&mut self, shared: &Shared, local: u32, tag: u32, target: Address) {
        let own = self.address_of(local);
        // A tag in use is taken over: the guest of an earlier life does not know it any more, and must
        // not be told of what that life watched.
        self.end_watch(shared, local, tag);
        if let Some(bonds) = self.bonds(local) {
            bonds.unwanted.entry(tag).and_modify(|now| *now = Some(target));
            #[cfg(troupe_planted)]
            bonds.unwanted.retain(|own, _| *own != tag || !crate::planted::is(crate::planted::Bug::NoticeInherited));
            bonds.watches.insert(tag, target);
        }
        self.send_bond(shared, record::kind::WATCH, target, own, tag, &[]);
    }

    fn end_watch(&mut self, shared: &Shared, local: u32, tag: u32) {
        let own = self.address_of(local);
        let Some(bonds) = self.cells.get_mut(local as usize).and_then(|cell| cell.rare.as_deref_mut()?.bonds.as_mut())
        else {
            return;
        };
        match bonds.watches.remove(&tag) {
            Some(target) => {
                bonds.unwanted.entry(tag).and_modify(|now| *now = None);
                self.send_bond(shared, record::kind::UNWATCH, target, own, tag, &[]);
            }
            // The notice may be queued, and part of the queue may be with the turn that says this.
            None => drop(bonds.unwanted.insert(tag, None)),
        }
    }

    /// Takes notices that are not wanted any more out of the queue (`MON-2`), after a turn. The first
    /// `in_hand` frames are with an environment and stay.
    #[cold]
    pub(super) fn drop_unwanted(&mut self, shared: &Shared, local: u32, in_hand: u32) {
        let Some(cell) = self.cells.get_mut(local as usize) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        let Some(bonds) = rare.bonds.as_mut() else { return };
        let unwanted = std::mem::take(&mut bonds.unwanted);
        #[cfg(troupe_planted)]
        let unwanted = if crate::planted::is(crate::planted::Bug::NoticeUnwanted) { BTreeMap::new() } else { unwanted };
        // Notices are counted with answers.
        if unwanted.is_empty() || (rare.queued_answers == 0 && rare.overflow.is_empty()) {
            return;
        }
        // Once through the queue, however many tags there are.
        let mut unwanted = Unwanted::new(unwanted, &bonds.watches);
        rare.overflow.iter().for_each(|(_, frame)| unwanted.count(&frame));
        cell.mailbox.frames().skip(in_hand as usize).for_each(|frame| unwanted.count(&frame));
        // What is left of a crashed turn is in front: one that is dropped does not come again (`TURN-3`).
        let (replay, mut replayed, mut place, mut seen) = (rare.replay, 0, 0, 0);
        let dropped = cell.mailbox.extract(&mut Vec::new(), |frame| {
            seen += 1;
            place += u32::from(frame.is_message() || frame.kind == frame::kind::DOWN);
            let drops = seen > in_hand && unwanted.drops(frame);
            replayed += u32::from(drops && place <= replay);
            drops
        });
        rare.queued_answers = rare.queued_answers.saturating_sub(dropped);
        drop(rare.overflow.extract(|_, frame| unwanted.drops(frame)));
        cell.backlog = !rare.overflow.is_empty();
        if replayed > 0 {
            self.replayed(shared, local, replayed);
        }
        self.made_room(shared, local);
    }

    /// Links two actors (`MON-6`): idempotent and symmetric.
    pub(crate) fn link(&mut self, shared: &Shared, one: Address, other: Address) {
        let Some((local, _)) = self.resolve(one).filter(|_| one != other) else { return };
        if let Some(bonds) = self.bonds(local)
            && !bonds.links.contains(&other)
        {
            bonds.links.push(other);
        }
        self.send_bond(shared, record::kind::LINK, other, one, 0, &[]);
    }

    /// Takes a link back, on both sides.
    pub(crate) fn unlink(&mut self, shared: &Shared, one: Address, other: Address) {
        #[cfg(troupe_planted)]
        if crate::planted::is(crate::planted::Bug::LinkStays) {
            return;
        }
        self.forget_link(one, other);
        self.send_bond(shared, record::kind::UNLINK, other, one, 0, &[]);
    }

    fn forget_link(&mut self, one: Address, other: Address) -> bool {
        let Some((_, cell)) = self.resolve(one) else { return false };
        let Some(bonds) = cell.rare.as_deref_mut().and_then(|rare| rare.bonds.as_mut()) else { return false };
        let before = bonds.links.len();
        bonds.links.retain(|link| *link != other);
        bonds.links.len() != before
    }

    /// Tells the shard of `to` something about a bond; the same way for this shard, so that order is
    /// kept and nothing happens in the middle of something else. An environment is as an actor that is gone.
    fn send_bond(&mut self, shared: &Shared, kind: u16, to: Address, from: Address, tag: u32, payload: &[u8]) {
        let frame = Frame { kind, flags: 0, corr: tag, address: from, payload };
        let record = Record { target: to, word: 0, frame };
        let owner = match to.port() {
            Some(_) if !matches!(kind, record::kind::WATCH | record::kind::LINK) => return,
            Some(_) => self.index,
            None => self.owner(to.index),
        };
        if owner == self.index && kind != record::kind::LINK_DOWN {
            return self.take_bond(shared, &record);
        }
        if let Some(outbox) = self.outboxes.get_mut(owner as usize) {
            record.write_to(&mut outbox.records);
        }
    }

    /// Something about a bond of an actor of this shard.
    pub(super) fn take_bond(&mut self, shared: &Shared, record: &Record<'_>) {
        let Frame { kind, corr, address: from, payload, .. } = record.frame;
        match kind {
            record::kind::WATCH => self.take_watch(shared, record.target, from, corr),
            record::kind::UNWATCH => {
                if let Some((_, cell)) = self.resolve(record.target)
                    && let Some(bonds) = cell.rare.as_deref_mut().and_then(|rare| rare.bonds.as_mut())
                {
                    bonds.watchers.retain(|watcher| *watcher != (from, corr));
                }
            }
            record::kind::DOWN => self.take_notice(record.target, from, corr, payload),
            record::kind::LINK => self.take_link(shared, record.target, from),
            record::kind::UNLINK => {
                self.forget_link(record.target, from);
            }
            _ => self.take_link_down(shared, record.target, from, payload),
        }
    }

    fn take_watch(&mut self, shared: &Shared, target: Address, watcher: Address, tag: u32) {
        if let Some((local, _)) = self.resolve(target) {
            if let Some(bonds) = self.bonds(local) {
                bonds.watchers.push((watcher, tag));
            }
            return;
        }
        let reason = ExitReason::plain(ReasonTag::NoSuchActor);
        let notice = notice(&reason, 0);
        self.send_bond(shared, record::kind::DOWN, watcher, target, tag, &notice);
    }

    /// A watched actor has ended: the notice goes behind whatever of it still waits for room
    /// (`MON-3`), and takes no room itself (`OVF-3`).
    fn take_notice(&mut self, to: Address, from: Address, tag: u32, payload: &[u8]) {
        let Some((local, cell)) = self.resolve(to) else { return };
        let Some(rare) = cell.rare.as_deref_mut() else { return };
        let Some(bonds) = rare.bonds.as_mut() else { return };
        if bonds.watches.get(&tag) != Some(&from) {
            return;
        }
        bonds.watches.remove(&tag);
        let frame = Frame { kind: frame::kind::DOWN, flags: 0, corr: tag, address: from, payload };
        let behind = rare.overflow.iter().any(|(waiting, _)| waiting.sender == from);
        #[cfg(troupe_planted)]
        let behind = behind && !crate::planted::is(crate::planted::Bug::NoticeOvertakes);
        if behind {
            let waiting = Waiting { sender: from, slot: 0, deadline: u64::MAX, wants_report: false, incarnation: 0 };
            if let Some(cell) = self.cells.get_mut(local as usize) {
                cell.rare_mut().overflow.push(waiting, &frame, &mut self.pool);
            }
            return;
        }
        rare.queued_answers += 1;
        if let Some(cell) = self.cells.get_mut(local as usize) {
            cell.mailbox.push(&frame, &mut self.pool);
        }
        self.schedule(local);
    }

    fn take_link(&mut self, shared: &Shared, target: Address, from: Address) {
        if let Some((local, _)) = self.resolve(target) {
            if let Some(bonds) = self.bonds(local)
                && !bonds.links.contains(&from)
            {
                bonds.links.push(from);
            }
            return;
        }
        let ended = self.ended.get(&target.tag).map(|ended| ended.reason.clone());
        let reason = ended.unwrap_or_else(|| ExitReason::plain(ReasonTag::NoSuchActor));
        let kind = if is_abnormal(reason.tag) { record::kind::LINK_DOWN } else { record::kind::UNLINK };
        self.send_bond(shared, kind, from, target, 0, &notice(&reason, 0));
    }

    /// A linked actor ended abnormally: this one's life ends too, and its restart type decides on.
    fn take_link_down(&mut self, shared: &Shared, to: Address, from: Address, payload: &[u8]) {
        if !self.forget_link(to, from) {
            return;
        }
        let Some((local, _)) = self.resolve(to) else { return };
        let why = String::from_utf8_lossy(payload.get(4..).unwrap_or_default()).replace('\0', ": ");
        let text = format!("a linked actor ended: {}", why.trim_end_matches([':', ' ']));
        self.fail_life(shared, local, ExitReason { tag: ReasonTag::Linked, text });
    }

    /// Tells everybody who is bound to an actor that it has ended, and lets go of those it watched.
    pub(super) fn tell_bonds(&mut self, shared: &Shared, bonds: Bonds, end: &Farewell<'_>) {
        let notice = notice(end.reason, end.incarnation);
        for (watcher, tag) in bonds.watchers {
            self.send_bond(shared, record::kind::DOWN, watcher, end.address, tag, &notice);
        }
        for (tag, target) in bonds.watches {
            self.send_bond(shared, record::kind::UNWATCH, target, end.address, tag, &[]);
        }
        let kind = if is_abnormal(end.reason.tag) { record::kind::LINK_DOWN } else { record::kind::UNLINK };
        for link in bonds.links {
            self.send_bond(shared, kind, link, end.address, 0, &notice);
        }
    }

    /// Tells a port once the actor has ended; of one that is gone at once, as `no-such-actor`
    /// (`MON-1`).
    pub(crate) fn monitor(&mut self, shared: &Shared, address: Address, waiter: Waiter) {
        match self.resolve(address) {
            Some((_, cell)) => cell.rare_mut().end_waiters.push(waiter),
            None => {
                let incarnation = self.ended.get(&address.tag).map_or(0, |ended| ended.incarnation);
                let reason = ExitReason::plain(ReasonTag::NoSuchActor);
                self.tell_port(shared, waiter, |port, slot| port.ended(slot, &reason, incarnation));
            }
        }
    }

    /// Takes a port's watch back. False when it was told already.
    pub(crate) fn demonitor(&mut self, address: Address, waiter: Waiter) -> bool {
        let Some((_, cell)) = self.resolve(address) else { return false };
        let Some(rare) = cell.rare.as_deref_mut() else { return false };
        let before = rare.end_waiters.len();
        rare.end_waiters.retain(|known| *known != waiter);
        rare.end_waiters.len() != before
    }
}

/// Notices that are not wanted any more, by their tags.
struct Unwanted {
    tags: BTreeMap<u32, Wanted>,
}

/// The watch that has a tag now may have been told at once: its notice is the last one.
struct Wanted {
    own: Option<Address>,
    left: usize,
}

impl Unwanted {
    fn new(tags: BTreeMap<u32, Option<Address>>, watches: &BTreeMap<u32, Address>) -> Self {
        let own = |tag: &u32, now: Option<Address>| now.filter(|target| watches.get(tag) != Some(target));
        let tags = tags.into_iter().map(|(tag, now)| (tag, Wanted { own: own(&tag, now), left: 0 }));
        Self { tags: tags.collect() }
    }

    fn of(&mut self, frame: &Frame<'_>) -> Option<&mut Wanted> {
        if frame.kind == frame::kind::DOWN { self.tags.get_mut(&frame.corr) } else { None }
    }

    /// Counts a notice of a watch that is wanted.
    fn count(&mut self, frame: &Frame<'_>) {
        if let Some(wanted) = self.of(frame).filter(|wanted| wanted.own == Some(frame.address)) {
            wanted.left += 1;
        }
    }

    /// Whether this one goes; asked in the order in which they were counted.
    fn drops(&mut self, frame: &Frame<'_>) -> bool {
        match self.of(frame) {
            Some(wanted) if wanted.own == Some(frame.address) => {
                wanted.left = wanted.left.saturating_sub(1);
                wanted.left > 0
            }
            found => found.is_some(),
        }
    }
}

/// Whether linked actors share this end.
fn is_abnormal(tag: ReasonTag) -> bool {
    #[cfg(troupe_planted)]
    if crate::planted::is(crate::planted::Bug::LinkTooStrong) {
        return true;
    }
    !matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown)
}

/// The payload of a notice: the last incarnation, the reason's tag, NUL, its text.
fn notice(reason: &ExitReason, incarnation: u32) -> Vec<u8> {
    let mut payload = incarnation.to_le_bytes().to_vec();
    payload.extend_from_slice(reason.tag.as_str().as_bytes());
    payload.push(0);
    payload.extend_from_slice(reason.text.as_bytes());
    payload
}

/// Notices among the first frames of a turn: like messages they are handled, or survive a crash.
pub(super) fn notices(input: &TurnInput, end: usize) -> u32 {
    let frames = frame::Frames::new(input.buffer.get(input.start..end).unwrap_or_default());
    frames.filter(|frame| frame.kind == frame::kind::DOWN).count() as u32
}

/// Whether a cell has notices, or messages of ended subscriptions, to drop after a turn.
pub(super) fn has_unwanted(cell: &Cell) -> bool {
    cell.rare.as_deref().is_some_and(|rare| {
        rare.bonds.as_ref().is_some_and(|bonds| !bonds.unwanted.is_empty())
            || rare.subscriptions.as_ref().is_some_and(|all| all.has_unwanted())
    })
}
