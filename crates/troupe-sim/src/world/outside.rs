//! What comes from outside: spawns, messages, requests to end.

use std::sync::Arc;

use troupe_actor::cell::Waiter;
use troupe_actor::error::SpawnError;
use troupe_actor::frame::{Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::record::{FLAG_CONFIRM, FOREVER, Record};
use troupe_actor::shard::EndRequest;
use troupe_actor::spec::{ActorSpec, External, Observed, SpawnArgs};
use troupe_actor::system::{Inline, Spawned};

use super::{World, name_of};
use crate::behavior::Factory;
use crate::model::{Kind, Party, Waits, Wanted};
use crate::plan::{Action, Traits};

impl World {
    /// Does what comes from outside.
    pub(super) fn outside(&mut self, action: Action) {
        // Messages to nobody show little.
        let deserted = self.model.lock().live.len() < 2 && self.random.coin();
        match action {
            _ if deserted => self.spawn(),
            Action::Spawn => self.spawn(),
            Action::Tell => self.send(Kind::Tell, 1),
            Action::Burst => {
                let count = 1 + self.random.below(2 * self.profile.capacity.min(70) + 8);
                self.send(Kind::Tell, count);
            }
            Action::Send => {
                let slot = self.slot();
                let wait = self.random.pick(&[0, 5, 100, 2_000]);
                self.send(Kind::Send(slot, wait), 1);
            }
            Action::Ask => {
                let slot = self.slot();
                let timeout = self.random.pick(&[0, 1, 20, 200, 5_000]);
                self.send(Kind::Ask(slot, timeout), 1);
            }
            Action::AskInline => self.ask_inline(),
            Action::Abort => self.abort(),
            Action::Watch => self.watch(),
            Action::Monitor => self.monitor(),
            Action::Link => self.link(),
            Action::Stop => self.end(false),
            Action::Drain => self.end(true),
            Action::Kill => self.actor().into_iter().for_each(|key| self.kill(key)),
            Action::Bereave => self.bereave(),
            _ => {}
        }
    }

    pub(super) fn slot(&mut self) -> u32 {
        self.next_slot += 1;
        self.next_slot
    }

    pub(super) fn port(&mut self) -> (u32, Address) {
        let port = self.random.below(self.ports.len() as u32);
        (port, self.ports[port as usize])
    }

    /// An actor, mostly a live one.
    pub(super) fn actor(&mut self) -> Option<usize> {
        let mut model = self.model.lock();
        let address = model.someone();
        model.find(address)
    }

    fn spawn(&mut self) {
        let full = self.model.lock().live.len() >= self.profile.actors as usize;
        if full {
            return;
        }
        let mut traits = Traits::new(&self.profile, &mut self.random);
        if self.random.permille(self.profile.external) {
            traits.external = Some(self.random.pick(&[u64::MAX, 5, 300]));
            (traits.creates_inline, traits.inline, traits.health) = (false, crate::plan::Inline::Never, None);
            traits.batches = true;
        }
        let name = self.random.permille(600).then(|| name_of(self.random.below(self.profile.names)));
        let (port, _) = self.port();
        let slot = self.slot();
        let (key, closing) = {
            let mut model = self.model.lock();
            let key = model.begin_spawn(traits.clone(), name.clone());
            model.note(|| format!("#{key} is spawned: {name:?} {traits:?}"));
            model.wait(port, slot, Waits::Start(key));
            (key, model.closing)
        };
        let spec = self.spec_of(&traits, key);
        let args = SpawnArgs { name: name.map(Arc::from), user: None };
        let result = self.system.spawn(&Arc::new(spec), args, Some(Waiter { port, slot }));
        self.spawned(key, result, closing, (port, slot));
    }

    /// An actor with these traits; its number, if it is known already.
    pub(super) fn spec_of(&self, traits: &Traits, key: usize) -> ActorSpec {
        let factory = Factory {
            model: Arc::clone(&self.model),
            key,
            inline_start: traits.creates_inline,
            inline: traits.inline,
            batches: traits.batches,
        };
        ActorSpec {
            factory: Arc::new(factory),
            mailbox: traits.mailbox,
            restart: traits.restart,
            peers: Vec::new(),
            user: Vec::new(),
            lazy: traits.lazy,
            inline: true,
            faults: None,
            start_ms: traits.start_ms,
            external: traits.external.map(|handler_ms| External { port: self.environment, definition: 7, handler_ms }),
            parent: None,
            health: traits.health,
            state: None,
            pressure: traits.pressure,
            subscriptions: traits.subscriptions.iter().map(Wanted::spec).collect(),
            observed: Observed::default(),
        }
    }

    /// What came of a spawn, which somebody waits for.
    pub(super) fn spawned(
        &mut self,
        key: usize,
        result: Result<Spawned, SpawnError>,
        closing: bool,
        (port, slot): (u32, u32),
    ) {
        let mut model = self.model.lock();
        match result {
            Ok(spawned) => {
                model.spawned(key, spawned.address, &spawned.id.to_string());
                model.require(!closing, "SHUT-3", || format!("#{key} was spawned into a closing system"));
                if spawned.ready {
                    model.forget(port, slot);
                }
            }
            Err(error) => {
                model.forget(port, slot);
                match error {
                    SpawnError::NameTaken { holder, .. } => model.name_taken(key, holder),
                    other => model.refused(key, &other, closing),
                }
            }
        }
        drop(model);
        self.check(None);
    }

    fn send(&mut self, kind: Kind, count: u32) {
        let (port, me) = self.port();
        let mut bytes = Vec::new();
        for _ in 0..count {
            self.write(port, me, kind, &mut bytes);
        }
        self.system.inject(&bytes);
    }

    /// Sends one message to this actor, whether it lives or not.
    pub(super) fn send_to(&mut self, key: usize, kind: Kind) {
        let (port, me) = self.port();
        let to = self.model.lock().actors[key].address;
        let mut bytes = Vec::new();
        self.write_to(port, me, to, kind, &mut bytes);
        self.system.inject(&bytes);
    }

    /// Writes the record of a message; whom it is for is chance.
    fn write(&mut self, port: u32, me: Address, kind: Kind, bytes: &mut Vec<u8>) -> usize {
        let to = self.model.lock().someone();
        self.write_to(port, me, to, kind, bytes)
    }

    fn write_to(&mut self, port: u32, me: Address, to: Address, kind: Kind, bytes: &mut Vec<u8>) -> usize {
        let mut model = self.model.lock();
        let hops = self.random.below(self.profile.hops + 1);
        let (id, payload) = model.message(Party::Port(port), 0, to, kind, hops);
        let (frame_kind, flags, word, slot) = match kind {
            Kind::Send(slot, wait) => (kind::MESSAGE, FLAG_CONFIRM, wait, slot),
            Kind::Ask(slot, timeout) => (kind::ASK, 0, timeout, slot),
            _ => (kind::MESSAGE, 0, FOREVER, 0),
        };
        if slot != 0 {
            model.wait(port, slot, Waits::Message(id));
        }
        if frame_kind == kind::ASK {
            self.asked.push((to, port, slot));
        }
        let frame = Frame { kind: frame_kind, flags, corr: slot, address: me, payload: &payload };
        Record { target: to, word, frame }.write_to(bytes);
        id
    }

    fn ask_inline(&mut self) {
        let (port, me) = self.port();
        let slot = self.slot();
        let timeout = self.random.pick(&[1, 20, 200, 5_000]);
        let mut bytes = Vec::new();
        let id = self.write(port, me, Kind::Ask(slot, timeout), &mut bytes);
        let target = {
            let mut model = self.model.lock();
            model.arrive(id);
            model.messages[id].to
        };
        let mut answer = Vec::new();
        let inline = self.system.ask_inline(&bytes, &mut answer);
        let mut model = self.model.lock();
        model.note(|| format!("m{id} inline: {inline:?}"));
        match inline {
            Inline::Declined => {
                model.forget(port, slot);
                model.unsend(id);
            }
            Inline::Answered { failed } => {
                let status = if failed { troupe_actor::ask::AskError::HandlerError as u32 } else { 0 };
                model.completed(port, slot, status, &answer);
            }
            Inline::Crashed(_) => {
                model.crashed(port, slot, troupe_actor::ask::AskError::Crashed);
            }
            Inline::Pending | Inline::Settled => {}
        }
        drop(model);
        self.check(target);
    }

    fn abort(&mut self) {
        let Some((target, port, slot)) = self.asked.pop() else { return };
        self.deliver_all();
        self.model.lock().abort(port, slot);
        self.system.abort_ask(target, self.ports[port as usize], slot);
        self.check(None);
    }

    fn watch(&mut self) {
        let Some(key) = self.actor() else { return };
        let (port, _) = self.port();
        let slot = self.slot();
        let address = self.before_request(key);
        self.model.lock().wait(port, slot, Waits::End(key));
        self.system.watch(address, Waiter { port, slot });
        self.check(None);
    }

    /// A port watches an actor, whether it lives or not, or takes a watch back (`MON-2`).
    fn monitor(&mut self) {
        if !self.monitored.is_empty() && self.random.permille(300) {
            let at = self.random.below(self.monitored.len() as u32) as usize;
            let (key, port, slot) = self.monitored.swap_remove(at);
            let address = self.before_request(key);
            let open = self.model.lock().waits(port, slot);
            let taken = self.system.demonitor(address, Waiter { port, slot });
            let mut model = self.model.lock();
            model.require(open == taken, "MON-2", || format!("slot {slot} waited: {open}, was taken back: {taken}"));
            if taken {
                model.forget(port, slot);
            }
            drop(model);
            return self.check(None);
        }
        let Some(key) = self.actor() else { return };
        let (port, _) = self.port();
        let slot = self.slot();
        let address = self.before_request(key);
        let mut model = self.model.lock();
        let lives = model.actors[key].is_live();
        model.wait(port, slot, if lives { Waits::End(key) } else { Waits::Nobody(key) });
        drop(model);
        self.monitored.push((key, port, slot));
        self.system.monitor(address, Waiter { port, slot });
        self.check(None);
    }

    /// A port links two actors, or takes that back.
    fn link(&mut self) {
        let Some(key) = self.actor() else { return };
        let one = self.before_request(key);
        let mut model = self.model.lock();
        let other = model.someone();
        let unlinks = self.random.permille(300);
        model.note(|| format!("#{key} and {} are linked: {}", other.index, !unlinks));
        if unlinks {
            model.unlink(one, other);
        } else {
            model.link(one, other);
        }
        drop(model);
        if unlinks {
            self.system.unlink(one, other);
        } else {
            self.system.link(one, other);
        }
        self.check(None);
    }

    fn end(&mut self, drain: bool) {
        let Some(key) = self.actor() else { return };
        let (port, _) = self.port();
        let slot = self.slot();
        let waits = self.random.coin();
        let grace = self.random.coin().then(|| self.random.pick::<u64>(&[0, 3, 40, 1_000]));
        self.end_actor(key, drain, grace, waits.then_some((port, slot)));
    }

    pub(super) fn end_actor(&mut self, key: usize, drain: bool, grace: Option<u64>, waits: Option<(u32, u32)>) {
        let address = self.before_request(key);
        let mut model = self.model.lock();
        if let Some((port, slot)) = waits {
            model.wait(port, slot, Waits::End(key));
        }
        model.end(key, drain, grace);
        drop(model);
        let waiter = waits.map(|(port, slot)| Waiter { port, slot });
        self.system.end(address, EndRequest { drain, grace_ms: grace.unwrap_or(u64::MAX), waiter });
        self.check(None);
    }

    /// Kills one that is watched by whom it has just sent something: its end must not overtake that.
    fn bereave(&mut self) {
        let mourned = self.model.lock().mourned();
        mourned.into_iter().for_each(|key| self.kill(key));
    }

    pub(super) fn kill(&mut self, key: usize) {
        let address = self.before_request(key);
        let lived = self.model.lock().kill(key);
        let killed = self.system.kill(address);
        self.model.lock().require(lived == killed, "STOP-1", || format!("#{key} lived: {lived}, kill said {killed}"));
        self.check(None);
    }

    /// A request to an actor is served after what lies in the inbox of its shard.
    pub(super) fn before_request(&mut self, key: usize) -> Address {
        let (address, shard) = {
            let model = self.model.lock();
            let address = model.actors[key].address;
            (address, model.shard_of(address))
        };
        // What that sets off may come back.
        while self.system.shards()[shard].gate.is_filled() && self.model.lock().violation.is_none() {
            self.inbox(shard);
        }
        address
    }
}
