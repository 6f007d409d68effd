//! Monitors and links: who hears of an end, exactly once and in its place (`MON-1` … `MON-4`), and
//! whose life ends with it (`MON-6`).

use std::fmt;

use troupe_actor::frame::{self, Frame};
use troupe_actor::id::Address;
use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::spec::{MailboxSpec, Overflow};

use super::types::Frame as Taken;
use super::{Deed, Kind, Message, Model, Party, Phase, State};

/// What an actor does about its bonds, in the order in which it does it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// It begins this watch.
    Watch(usize),
    /// It takes the watch with this tag back.
    Unwatch(u32),
    /// It links itself with an address.
    Link(Address),
    /// It takes a link back.
    Unlink(Address),
}

impl fmt::Debug for Bond {
    /// Without tags of addresses, which differ from run to run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(id) => write!(f, "watch {id}"),
            Self::Unwatch(tag) => write!(f, "unwatch {tag}"),
            Self::Link(other) => write!(f, "link {}", other.index),
            Self::Unlink(other) => write!(f, "unlink {}", other.index),
        }
    }
}

/// Where a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Wanted by a turn that has not succeeded yet.
    Held,
    /// Wanted by a turn that crashed.
    Void,
    /// The watcher waits.
    Open,
    /// Its notice is queued.
    Queued,
    /// Its notice is in a running turn.
    InHand,
    /// The watcher has heard.
    Told,
    /// Taken back, or its tag was given to another watch.
    Back,
}

/// An actor's watch over another.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Who watches.
    pub watcher: usize,
    /// The watcher's own number for it.
    pub tag: u32,
    /// Who is watched; `None` for an address that nobody ever had.
    pub target: Option<usize>,
    /// The watched address.
    pub address: Address,
    /// Where it is.
    pub notice: Notice,
    /// Whether it found its target alive; `None` while it is under way.
    pub found: Option<bool>,
}

impl Model {
    /// A handler wants to watch somebody.
    pub(crate) fn new_watch(&mut self, watcher: usize, tag: u32, address: Address) -> usize {
        let target = self.find(address);
        self.watches.push(Watch { watcher, tag, target, address, notice: Notice::Held, found: None });
        self.watches.len() - 1
    }

    fn same_shard(&self, watch: &Watch) -> bool {
        self.shard_of(watch.address) == self.shard_of(self.actors[watch.watcher].address)
    }

    /// The turn that wanted these bonds succeeded.
    pub(super) fn commit_bonds(&mut self, key: usize, deed: &Deed) {
        for bond in &deed.bonds {
            match *bond {
                Bond::Watch(id) => {
                    self.note(|| format!("#{key} begins watch {id}, of {:?}", self.watches[id].target));
                    self.take_back(key, self.watches[id].tag);
                    self.watches[id].notice = Notice::Open;
                    if self.same_shard(&self.watches[id]) {
                        self.watch_arrives(id);
                    }
                }
                Bond::Unwatch(tag) => self.take_back(key, tag),
                Bond::Link(other) => self.link(self.actors[key].address, other),
                Bond::Unlink(other) => self.unlink(self.actors[key].address, other),
            }
        }
    }

    /// The turn that wanted these bonds crashed.
    pub(super) fn void_bonds(&mut self, deed: &Deed) {
        for bond in &deed.bonds {
            if let Bond::Watch(id) = bond {
                self.watches[*id].notice = Notice::Void;
            }
        }
    }

    /// No notice with this tag comes in a later turn, even if it is queued already (`MON-2`).
    fn take_back(&mut self, key: usize, tag: u32) {
        let is_it = |watch: &&mut Watch| watch.watcher == key && watch.tag == tag;
        for watch in self.watches.iter_mut().filter(is_it) {
            if matches!(watch.notice, Notice::Open | Notice::Queued | Notice::InHand) {
                watch.notice = Notice::Back;
            }
        }
    }

    /// A watch reached the shard of its target.
    fn watch_arrives(&mut self, id: usize) {
        let target = self.watches[id].target;
        let found = target.is_some_and(|key| self.actors[key].is_live());
        self.watches[id].found = Some(found);
        if !found && self.same_shard(&self.watches[id]) {
            self.watches[id].notice = Notice::Queued;
        }
    }

    /// A record about a bond is about to be taken.
    pub(super) fn bond_record(&mut self, kind: u16, to: Address, from: Address, tag: u32) {
        match kind {
            troupe_actor::record::kind::WATCH => {
                let first = self.watches.iter().position(|watch| {
                    watch.address == to
                        && watch.tag == tag
                        && watch.found.is_none()
                        && !matches!(watch.notice, Notice::Held | Notice::Void)
                        && self.actors[watch.watcher].address == from
                });
                first.into_iter().for_each(|id| self.watch_arrives(id));
            }
            troupe_actor::record::kind::DOWN => self.notice_arrives(to, from, tag),
            troupe_actor::record::kind::LINK => self.take_link(to, from),
            troupe_actor::record::kind::UNLINK => self.forget_link(to, from),
            troupe_actor::record::kind::LINK_DOWN => self.link_down(to, from),
            _ => {}
        }
    }

    fn notice_arrives(&mut self, to: Address, from: Address, tag: u32) {
        let Some(watcher) = self.find(to).filter(|key| self.actors[*key].is_live()) else { return };
        let target = self.find(from);
        let lives = target.is_some_and(|key| self.actors[key].is_live());
        self.require(!lives, "MON-5", || format!("#{watcher} is to hear that {target:?} has ended, which lives"));
        let mine = |watch: &Watch| watch.watcher == watcher && watch.tag == tag && watch.address == from;
        let open = self.watches.iter().position(|watch| mine(watch) && watch.notice == Notice::Open);
        let back = self.watches.iter().any(|watch| mine(watch) && watch.notice == Notice::Back);
        self.note(|| format!("#{watcher} is to hear of the end of {target:?}, watch {open:?}, tag {tag}"));
        match open {
            Some(id) => self.watches[id].notice = Notice::Queued,
            None => self.require(back, "MON-1", || format!("#{watcher} is to hear twice of the end of {target:?}")),
        }
    }

    /// An actor has ended: notices to watchers on its own shard are queued, and linked actors are to
    /// hear of it.
    pub(super) fn end_bonds(&mut self, key: usize, reason: ReasonTag) {
        let own = self.shard_of(self.actors[key].address);
        let mut told = Vec::new();
        for (id, watch) in self.watches.iter().enumerate() {
            let waits = watch.target == Some(key) && watch.notice == Notice::Open && watch.found == Some(true);
            if waits && self.shard_of(self.actors[watch.watcher].address) == own {
                told.push(id);
            }
        }
        told.into_iter().for_each(|id| self.watches[id].notice = Notice::Queued);
        let address = self.actors[key].address;
        let links = std::mem::take(&mut self.actors[key].links);
        if is_abnormal(reason) {
            links.into_iter().for_each(|link| self.owe(link, address));
        } else {
            let near = links.into_iter().filter(|link| self.shard_of(*link) == own).collect::<Vec<_>>();
            near.into_iter().for_each(|link| self.forget_link(link, address));
        }
    }

    /// An actor was given a notice: which watch it is about.
    pub(super) fn notice_taken(&mut self, key: usize, frame: &Frame<'_>, before: &[Taken]) -> Option<Taken> {
        let mine = |watch: &Watch| watch.watcher == key && watch.tag == frame.corr && watch.address == frame.address;
        // A shutdown takes inboxes over that nobody looks into.
        let closing = self.closing;
        let is_due = |watch: &Watch| watch.notice == Notice::Queued || (closing && watch.notice == Notice::Open);
        let Some(id) = self.watches.iter().position(|watch| mine(watch) && is_due(watch)) else {
            let known: Vec<Notice> =
                self.watches.iter().filter(|watch| mine(watch)).map(|watch| watch.notice).collect();
            let rule = if known.contains(&Notice::Back) { "MON-2" } else { "MON-1" };
            self.fail(rule, format!("#{key} hears of an end with tag {}, which is {known:?}", frame.corr));
            return None;
        };
        self.watches[id].notice = Notice::InHand;
        self.check_notice(key, id, frame);
        if let Some(target) = self.watches[id].target {
            self.asks_are_settled(key, target, before);
        }
        Some(Taken::Notice(id))
    }

    fn check_notice(&mut self, key: usize, id: usize, frame: &Frame<'_>) {
        let Watch { target, tag, address, .. } = self.watches[id];
        // A notice under way to a watch that was taken back serves the next one with its tag.
        let mine = |watch: &&Watch| watch.watcher == key && watch.tag == tag && watch.address == address;
        let found = self.watches.iter().filter(mine).any(|watch| watch.found == Some(true));
        let tag = frame.payload.get(4..).and_then(|text| text.split(|byte| *byte == 0).next()).unwrap_or_default();
        let said = String::from_utf8_lossy(tag).into_owned();
        let exit = target.filter(|_| found).and_then(|target| self.actors[target].exit);
        let expected = exit.unwrap_or(ReasonTag::NoSuchActor);
        let nobody = self.watches[id].found == Some(false) && said == ReasonTag::NoSuchActor.as_str();
        self.require(nobody || said == expected.as_str(), "MON-1", || {
            format!("#{key} hears that {target:?} ended with {said}, expected {expected}")
        });
        let Some(target) = target else { return };
        let life = frame::word(frame.payload, 0).unwrap_or_default();
        let last = if found && !nobody { self.actors[target].incarnation } else { 0 };
        self.require(life == last, "MON-1", || format!("#{key} hears that #{target} ended in life {life}, not {last}"));
        let left = self.messages.iter().position(|message| {
            message.from == Party::Actor(target)
                && message.to == Some(key)
                && message.state == State::Sent
                && !message.aside
                && !self.is_out_of_order(message)
                && !(matches!(message.kind, Kind::Ask(..)) && message.settled.is_some())
        });
        self.require(left.is_none(), "MON-3", || {
            format!("#{key} hears of the end of #{target} before it is given {left:?}, which #{target} had sent")
        });
        let name = self.actors[target].name.clone();
        let holder = name.as_ref().and_then(|name| self.names.get(name)).copied();
        self.require(holder != Some(target), "MON-4", || format!("#{target} is down and still has {name:?}"));
    }

    /// Asks that reached their target while it lived are answered before its end is told (`ASK-5`).
    fn asks_are_settled(&mut self, key: usize, target: usize, before: &[Taken]) {
        let life = self.actors[key].incarnation;
        let unheard = |(id, message): (usize, &Message)| {
            message.from == Party::Actor(key)
                && message.to == Some(target)
                && message.incarnation == life
                && matches!(message.kind, Kind::Ask(..))
                && message.met
                && !message.cycle
                && !message.told
                && !before.contains(&Taken::Answer(id))
        };
        let open = self.messages.iter().enumerate().position(unheard);
        self.require(open.is_none(), "ASK-5", || {
            format!("#{key} hears of the end of #{target} before it hears of its ask {open:?}")
        });
    }

    /// Somebody links two actors, as `one` sees it.
    pub fn link(&mut self, one: Address, other: Address) {
        let Some(key) = self.find(one).filter(|key| self.actors[*key].is_live() && one != other) else { return };
        let actor = &mut self.actors[key];
        if !actor.links.contains(&other) {
            actor.links.push(other);
        }
        if self.shard_of(one) == self.shard_of(other) {
            self.take_link(other, one);
        }
    }

    /// Somebody takes a link back, as `one` sees it.
    pub fn unlink(&mut self, one: Address, other: Address) {
        self.forget_link(one, other);
        if self.shard_of(one) == self.shard_of(other) {
            self.forget_link(other, one);
        }
    }

    fn take_link(&mut self, target: Address, from: Address) {
        let found = self.find(target);
        if let Some(key) = found.filter(|key| self.actors[*key].is_live()) {
            let actor = &mut self.actors[key];
            if !actor.links.contains(&from) {
                actor.links.push(from);
            }
            return;
        }
        let exit = found.and_then(|key| self.actors[key].exit).unwrap_or(ReasonTag::NoSuchActor);
        if is_abnormal(exit) {
            self.owe(from, target);
        } else if self.shard_of(target) == self.shard_of(from) {
            self.forget_link(from, target);
        }
    }

    fn forget_link(&mut self, one: Address, other: Address) {
        if let Some(key) = self.find(one) {
            self.actors[key].links.retain(|link| *link != other);
        }
    }

    /// An actor is to hear of the end of one that it is linked with.
    fn owe(&mut self, to: Address, from: Address) {
        if !self.owed.contains(&(to, from)) {
            self.owed.push((to, from));
        }
    }

    /// A linked actor ended abnormally: this one's life ends too (`MON-6`).
    fn link_down(&mut self, to: Address, from: Address) {
        self.owed.retain(|owed| *owed != (to, from));
        let linked = |key: &usize| self.actors[*key].is_live() && self.actors[*key].links.contains(&from);
        let Some(key) = self.find(to).filter(linked) else { return };
        let exit = self.find(from).map_or(Some(ReasonTag::NoSuchActor), |key| self.actors[key].exit);
        self.require(exit.is_some_and(is_abnormal), "MON-6", || {
            format!("#{key} is to end with a linked actor that ended with {exit:?}")
        });
        self.forget_link(to, from);
        self.note(|| format!("#{key} is to end with a linked actor"));
        let actor = &mut self.actors[key];
        let ending = actor.ending.is_some() || actor.killed || actor.taking_down || actor.life_killed;
        let busy = actor.is_busy();
        if ending || actor.doomed || actor.expect.is_some() || !(busy || actor.phase == Phase::Up) {
            return;
        }
        actor.doomed = true;
        if !busy {
            self.doom(key);
        }
    }

    /// The life of an actor ends with that of a linked one, at a message boundary.
    pub(super) fn doom(&mut self, key: usize) {
        let actor = &mut self.actors[key];
        actor.doomed = false;
        actor.awaiting.clear();
        let up = actor.phase == Phase::Up;
        let uptime = if up { self.now.saturating_sub(actor.since) } else { 0 };
        self.settle_open(key, troupe_actor::ask::AskError::Crashed);
        self.fails(key, ReasonTag::Linked, uptime, false, false, false);
    }

    /// Who watches an actor, if anybody does.
    #[must_use]
    pub fn watcher_of(&self, key: usize) -> Option<Address> {
        let open = |watch: &&Watch| watch.target == Some(key) && watch.notice == Notice::Open;
        let watch = self.watches.iter().rev().find(open)?;
        Some(self.actors[watch.watcher].address)
    }

    /// An actor whose messages wait for room in the mailbox of one that watches it.
    #[must_use]
    pub fn mourned(&self) -> Option<usize> {
        let queued = |message: &&Message| message.state == State::Sent && message.arrived;
        let recent: Vec<&Message> = self.messages.iter().rev().take(400).filter(queued).collect();
        let open = self.watches.iter().filter(|watch| watch.notice == Notice::Open);
        let mut found = open.filter_map(|watch| {
            let target = watch.target.filter(|target| self.actors[*target].is_live())?;
            let MailboxSpec { overflow, max_messages, .. } = self.actors[watch.watcher].traits.mailbox;
            let for_it = recent.iter().filter(|message| message.to == Some(watch.watcher));
            let waiting = for_it.clone().count().saturating_sub(max_messages as usize);
            // The newest ones wait.
            let waits = for_it.take(waiting).any(|message| message.from == Party::Actor(target));
            (waits && overflow == Overflow::Wait).then_some(target)
        });
        found.next()
    }

    /// Nothing is under way: whoever watched an actor that has ended has heard, and no link outlived it.
    pub(super) fn check_bonds(&mut self) {
        let deaf = self.watches.iter().find(|watch| {
            let waits = matches!(watch.notice, Notice::Open | Notice::Queued | Notice::InHand);
            let gone = watch.target.is_none_or(|key| !self.actors[key].is_live());
            waits && gone && self.actors[watch.watcher].phase == Phase::Up
        });
        let deaf = deaf.copied();
        self.require(deaf.is_none(), "MON-1", || format!("never told: {deaf:?}"));
        let owed =
            self.owed.iter().find(|(to, _)| self.find(*to).is_some_and(|key| self.actors[key].is_live())).copied();
        self.require(owed.is_none(), "MON-6", || format!("an actor outlives one that it was linked with: {owed:?}"));
    }

    /// What a port hears of an actor that it began to watch when it had ended (`MON-1`).
    pub(super) fn told_of_nobody(&mut self, key: usize, reason: &ExitReason) {
        self.require(reason.tag == ReasonTag::NoSuchActor, "MON-1", || {
            format!("#{key} had ended when its watch began, and is said to have ended with {}", reason.tag)
        });
    }
}

/// Whether linked actors share this end (`MON-6`).
const fn is_abnormal(tag: ReasonTag) -> bool {
    !matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown)
}
