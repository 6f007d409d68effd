//! Pools from outside: they come, and get more members.

use troupe_actor::cell::Waiter;
use troupe_actor::spec::SpawnArgs;
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart};
use troupe_actor::tree::spec::{PoolSpec, SupervisorId};

use super::World;
use crate::behavior::UNBOUND;
use crate::model::Waits;

/// Restarts of all members of a pool together, within milliseconds.
pub(super) type Budget = Option<(u32, u64)>;

impl World {
    /// One more pool at the top level.
    pub(super) fn pool(&mut self, key: &str) {
        let spec = self.pool_spec(key, "", AutoShutdown::Never);
        let spec = PoolSpec { child: ChildSpec { restart: Restart::Temporary, ..spec.child }, ..spec };
        let (port, slot) = (self.random.below(2), self.slot());
        self.deliver_all();
        self.model.lock().wait(port, slot, Waits::Tree);
        self.model.lock().note(|| format!("slot {slot} waits for the pool /{key}"));
        match self.system.pool(spec, Some(Waiter { port, slot })) {
            Ok((id, _)) => self.learn_pool(&format!("/{key}"), id),
            Err(error) => self.model.lock().fail("SUP-3", format!("a pool was refused: {error}")),
        }
        self.check(None);
    }

    pub(super) fn pool_spec(&mut self, key: &str, above: &str, shuts: AutoShutdown) -> PoolSpec {
        let traits = self.child_traits();
        let size = self.random.between(0, 4);
        let budget = self.random.coin().then(|| (self.random.below(5), self.random.pick::<u64>(&[10, 400, 60_000])));
        self.pooled.insert(format!("{above}/{key}"), (traits.clone(), budget, size));
        let spec = self.spec_of(&traits, UNBOUND);
        PoolSpec { key: key.to_owned(), size, spec, child: self.child(shuts), budget }
    }

    pub(super) fn learn_pool(&mut self, path: &str, id: SupervisorId) {
        let Some((traits, budget, size)) = self.pooled.get(path).cloned() else { return };
        self.pools.push(id);
        self.model.lock().new_pool(id, path.to_owned(), traits, budget, size);
    }

    /// One more member of a pool.
    pub(super) fn join(&mut self) {
        let full = self.model.lock().live.len() >= self.profile.actors as usize;
        if full || self.pools.is_empty() {
            return;
        }
        let moving = self.model.lock().pool_on_its_way();
        let id = moving.unwrap_or_else(|| self.random.pick(&self.pools));
        let (port, slot) = (self.random.below(2), self.slot());
        self.deliver_all();
        let mut model = self.model.lock();
        let Some(traits) = model.pool_traits(id) else { return };
        let (key, closing) = (model.begin_spawn(traits, None), model.closing);
        model.join_pool(key, id);
        model.note(|| format!("#{key} is spawned into {id:?}"));
        model.wait(port, slot, Waits::Start(key));
        drop(model);
        let result = self.system.pool_start(id, SpawnArgs::default(), Some(Waiter { port, slot }));
        self.spawned(key, result, closing, (port, slot));
        // One that joins a pool on its way down and is gone at once is nobody that the pool waits for.
        if moving.is_some() && self.random.coin() && self.model.lock().actors[key].is_live() {
            self.kill(key);
        }
    }
}
