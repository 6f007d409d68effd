//! Asks that wait for an answer: who asked, until when, and what became of it.
//!
//! The table belongs to the shard of the *asked* actor, so that settling an ask touches plain
//! memory of one thread, and an entry is removed in the same step (`ASK-2`). Deadlines hang in a
//! wheel of one-millisecond buckets: adding and removing are constant time, never early.

use std::collections::{HashMap, HashSet};

use crate::chain::Chain;
use crate::id::Address;

/// How an ask, or a send, failed. The numbers are public: they cross to guests and to Node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u32)]
#[non_exhaustive]
pub enum AskError {
    /// No answer in time.
    #[error("no reply in time")]
    Timeout = 1,
    /// The caller gave up.
    #[error("the caller gave up")]
    Aborted = 2,
    /// The mailbox was full.
    #[error("the mailbox is full")]
    MailboxFull = 3,
    /// Nobody ever had this address.
    #[error("no such actor")]
    NoSuchActor = 4,
    /// The actor has ended.
    #[error("the actor has stopped")]
    Stopped = 5,
    /// The handler of this ask crashed.
    #[error("the actor crashed while it handled the request")]
    Crashed = 6,
    /// The guest answered with its own error.
    #[error("the actor answered with an error")]
    HandlerError = 11,
    /// The topic or the pattern is not allowed, or there is no room for it.
    #[error("the topic is not allowed")]
    TopicInvalid = 17,
    /// The payload is over the limit.
    #[error("the message is too large")]
    TooLarge = 18,
    /// The asker, or one who waits for it, is waited for by the target.
    #[error("the request would wait for itself")]
    Cycle = 19,
    /// The system is shut down.
    #[error("the system is shut down")]
    Shutdown = 20,
    /// The receiver could not read the message.
    #[error("the actor could not read the message")]
    Unreadable = 22,
    /// The actor's restart budget is spent.
    #[error("the actor gave up")]
    GaveUp = 27,
    /// Nobody serves what was asked.
    #[error("nobody responds to this")]
    NoResponders = 28,
}

/// What an ask waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskState {
    /// Its frame lies in the mailbox.
    Queued,
    /// Its frame is in the actor's hands, or was consumed without an answer yet.
    Delivered,
    /// Settled while its frame was still queued; the entry goes when the frame is reached.
    Settled(AskError),
}

/// An ask's entry.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Cell of the asked actor.
    pub target: u32,
    /// Who asked: an actor, or a port.
    pub asker: Address,
    /// The asking actor's incarnation; 0 for a port.
    pub incarnation: u32,
    /// The asker's own number for it: a tag, or a port's slot.
    pub corr: u32,
    /// Where it is.
    pub state: AskState,
    /// Milliseconds of the system's clock; `u64::MAX` for never.
    pub deadline: u64,
    /// The deadline is that of the request on whose behalf this one was made.
    pub inherited: bool,
    waiters: Waiters,
    generation: u16,
    used: bool,
    next: u32,
    prev: u32,
}

/// Which actors wait for the answer. Most entries need no more than this: the list of a longer chain is beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiters {
    Nobody,
    Asker,
    Listed,
}

const NIL: u32 = u32::MAX;
/// An empty table that had more entries than this gives their memory back.
const KEEP_ENTRIES: usize = 4096;
// Longer than the default timeout of 5 s, so that such an ask is met once, when it is due.
const BUCKETS: usize = 8192;
/// Bits of a number that are the entry's index. The others are its generation, so that an answer to
/// an ask that was settled long ago does not meet a later one.
const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u16 = (u32::MAX >> INDEX_BITS) as u16;
/// Most asks that one shard holds open; one more is refused as a full mailbox would.
pub const MAX_ASKS: usize = 1 << INDEX_BITS;

/// The open asks of one shard.
#[derive(Debug)]
pub struct AskTable {
    entries: Vec<Ask>,
    free: Vec<u32>,
    buckets: Vec<u32>,
    /// The actors that wait for an entry, by its index, where they are more than its asker.
    chains: HashMap<u32, Box<[Address]>>,
    /// The generation of an entry that was never used. Never zero, so that no number is zero.
    fresh: u16,
    /// Entries that hang in the wheel.
    timed: usize,
    /// The last millisecond whose bucket was looked at.
    swept: u64,
    /// No deadline lies before this; the earliest one may lie behind it.
    earliest: u64,
}

impl Default for AskTable {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            buckets: vec![NIL; BUCKETS],
            chains: HashMap::new(),
            fresh: 1,
            timed: 0,
            swept: 0,
            earliest: 0,
        }
    }
}

impl AskTable {
    /// Enters an ask, or `None` when the table is full. The number is what the guest will see as
    /// the frame's correlation; it is never zero.
    #[inline]
    pub fn insert(&mut self, target: u32, asker: Address, incarnation: u32, corr: u32, deadline: u64) -> Option<u32> {
        let mut entry = Ask {
            target,
            asker,
            incarnation,
            corr,
            state: AskState::Queued,
            deadline,
            inherited: false,
            waiters: Waiters::Nobody,
            generation: self.fresh,
            used: true,
            next: NIL,
            prev: NIL,
        };
        let index = match self.free.pop() {
            Some(index) => {
                let place = self.entries.get_mut(index as usize)?;
                entry.generation = place.generation;
                *place = entry;
                index
            }
            None if self.entries.len() < MAX_ASKS => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
            None => return None,
        };
        if deadline != u64::MAX {
            self.link(index, deadline);
        }
        Some(number_of(index, entry.generation))
    }

    /// Notes which actors wait for an ask that was entered just now.
    pub fn set_chain(&mut self, number: u32, chain: Chain<'_>, inherited: bool) {
        let Some(entry) = self.get_mut(number) else { return };
        entry.inherited = inherited;
        entry.waiters = match chain {
            Chain::Nobody => Waiters::Nobody,
            Chain::Asker => Waiters::Asker,
            Chain::List(_) => Waiters::Listed,
        };
        if let Chain::List(list) = chain {
            self.chains.insert(number & INDEX_MASK, list.into());
        }
    }

    /// The actors that wait for an open ask, the one that has waited longest first.
    #[must_use]
    pub fn waiters(&mut self, number: u32) -> Vec<Address> {
        let Some((waiters, asker)) = self.get_mut(number).map(|entry| (entry.waiters, entry.asker)) else {
            return Vec::new();
        };
        let list = self.chains.get(&(number & INDEX_MASK)).map_or(&[][..], |list| list);
        match waiters {
            Waiters::Nobody => Chain::Nobody,
            Waiters::Asker => Chain::Asker,
            Waiters::Listed => Chain::List(list),
        }
        .actors(asker)
    }

    /// Gives an ask that had none a deadline.
    pub fn set_deadline(&mut self, number: u32, deadline: u64) {
        let Some(entry) = self.get_mut(number) else { return };
        if entry.deadline != u64::MAX || deadline == u64::MAX || matches!(entry.state, AskState::Settled(_)) {
            return;
        }
        entry.deadline = deadline;
        self.link(number & INDEX_MASK, deadline);
    }

    /// The entry with this number, if it is still open.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Ask> {
        let entry = self.entries.get_mut((number & INDEX_MASK) as usize)?;
        (entry.used && u32::from(entry.generation) == number >> INDEX_BITS).then_some(entry)
    }

    /// Removes the entry with this number.
    #[inline]
    pub fn remove(&mut self, number: u32) -> Option<Ask> {
        let entry = *self.get_mut(number)?;
        let index = number & INDEX_MASK;
        if entry.deadline != u64::MAX && !matches!(entry.state, AskState::Settled(_)) {
            self.unlink(index);
        }
        if entry.waiters == Waiters::Listed {
            self.chains.remove(&index);
        }
        if let Some(slot) = self.entries.get_mut(index as usize) {
            slot.used = false;
            slot.generation = next_generation(slot.generation);
        }
        self.free.push(index);
        if self.entries.len() > KEEP_ENTRIES && self.is_empty() {
            self.give_back();
        }
        Some(entry)
    }

    /// Gives the memory of a flood back. Numbers that were given out stay unknown.
    #[cold]
    fn give_back(&mut self) {
        let latest = self.entries.iter().map(|entry| entry.generation).max().unwrap_or(0);
        self.fresh = next_generation(latest);
        self.entries = Vec::new();
        self.free = Vec::new();
        self.chains = HashMap::new();
    }

    /// The frame of an ask went back into the mailbox.
    pub fn requeue(&mut self, number: u32) {
        if let Some(entry) = self.get_mut(number)
            && entry.state == AskState::Delivered
        {
            entry.state = AskState::Queued;
        }
    }

    /// Settles an ask from outside: removes it, or leaves a mark if its frame is still queued.
    pub fn settle(&mut self, number: u32, error: AskError) -> Option<Ask> {
        let entry = *self.get_mut(number)?;
        match entry.state {
            AskState::Settled(_) => None,
            AskState::Delivered => self.remove(number),
            AskState::Queued => {
                if entry.deadline != u64::MAX {
                    self.unlink(number & INDEX_MASK);
                }
                self.get_mut(number)?.state = AskState::Settled(error);
                Some(entry)
            }
        }
    }

    /// The number of the open ask that `asker` knows as `corr`. A port's tag is its own matter.
    #[must_use]
    pub fn find(&self, asker: Address, corr: u32) -> Option<u32> {
        let is_it = |other: Address| other.index == asker.index && (other.tag == asker.tag || asker.port().is_some());
        self.entries.iter().enumerate().find_map(|(index, entry)| {
            let open = entry.used && !matches!(entry.state, AskState::Settled(_));
            (open && is_it(entry.asker) && entry.corr == corr).then(|| number_of(index as u32, entry.generation))
        })
    }

    /// As [`AskTable::find`], for many asks of ports at a time: one walk over the table. Each is a
    /// port's index in addresses and its number for the ask.
    pub fn find_all(&self, wanted: &HashSet<(u32, u32)>, found: &mut Vec<u32>) {
        for (index, entry) in self.entries.iter().enumerate() {
            let open = entry.used && !matches!(entry.state, AskState::Settled(_));
            if open && wanted.contains(&(entry.asker.index, entry.corr)) {
                found.push(number_of(index as u32, entry.generation));
            }
        }
    }

    /// Bytes that the table holds for entries, used or not.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Ask>() + self.free.capacity() * size_of::<u32>()
    }

    /// Open asks, those settled but not yet reached included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no ask is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Collects the numbers of all asks whose deadline is at or before `now`. They stay in the table
    /// until they are settled.
    pub fn expire(&mut self, now: u64, due: &mut Vec<u32>) {
        if self.timed == 0 || now < self.earliest {
            self.swept = now;
            return;
        }
        let from = self.swept.max(now.saturating_sub(BUCKETS as u64 - 1));
        for ms in from..=now {
            let mut at = self.head(ms);
            while let Some(entry) = self.entries.get(at as usize) {
                if entry.deadline <= now {
                    due.push(number_of(at, entry.generation));
                }
                at = entry.next;
            }
        }
        self.swept = now;
        // A bucket also holds deadlines of later rounds of the wheel: those are met too early, once
        // a round.
        self.earliest =
            (now + 1..now + BUCKETS as u64).find(|ms| self.head(*ms) != NIL).unwrap_or(now + BUCKETS as u64);
    }

    /// A time at which [`AskTable::expire`] is worth calling, `None` when no ask has a deadline.
    #[must_use]
    pub const fn next_due(&self) -> Option<u64> {
        if self.timed == 0 { None } else { Some(self.earliest) }
    }

    /// The earliest deadline of an open ask. Walks the whole table.
    #[must_use]
    pub fn first_deadline(&self) -> Option<u64> {
        let open = self.entries.iter().filter(|ask| ask.used && !matches!(ask.state, AskState::Settled(_)));
        open.map(|ask| ask.deadline).filter(|deadline| *deadline != u64::MAX).min()
    }

    /// The first entry in the bucket of a millisecond.
    fn head(&self, ms: u64) -> u32 {
        self.buckets.get(ms as usize % BUCKETS).copied().unwrap_or(NIL)
    }

    fn link(&mut self, index: u32, deadline: u64) {
        // A deadline that has passed still needs a bucket that will be looked at.
        let deadline = deadline.max(self.swept);
        let bucket = deadline as usize % BUCKETS;
        self.earliest = if self.timed == 0 { deadline } else { self.earliest.min(deadline) };
        let Some(head) = self.buckets.get_mut(bucket) else { return };
        let next = std::mem::replace(head, index);
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.next = next;
            entry.prev = NIL;
            entry.deadline = deadline;
        }
        if let Some(after) = self.entries.get_mut(next as usize) {
            after.prev = index;
        }
        self.timed += 1;
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entries.get(index as usize).copied() else { return };
        if let Some(before) = self.entries.get_mut(entry.prev as usize) {
            before.next = entry.next;
        } else if let Some(head) = self.buckets.get_mut(entry.deadline as usize % BUCKETS) {
            *head = entry.next;
        }
        if let Some(after) = self.entries.get_mut(entry.next as usize) {
            after.prev = entry.prev;
        }
        self.timed -= 1;
    }
}

/// The generation after this one; never zero.
const fn next_generation(generation: u16) -> u16 {
    if generation >= GENERATION_MASK { 1 } else { generation + 1 }
}

const fn number_of(index: u32, generation: u16) -> u32 {
    index | ((generation as u32) << INDEX_BITS)
}
