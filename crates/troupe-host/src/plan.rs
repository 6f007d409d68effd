//! Everything decided once for a component under limits. Making an actor is then one store and one
//! instantiation.

use std::sync::Arc;

use troupe_actor::reason::{Crash, ReasonTag, StartError};

use crate::capability::wasi;
use crate::component::{Compiled, LoadedComponent};
use crate::engine::{ClassKey, FIRST_SLOTS};
use crate::error::HostError;
use crate::inline::Gate;
use crate::instance::ComponentActor;
use crate::limits::Limits;
use crate::linker::Prepared;
use crate::state;
use crate::trap;

/// Core instances up to which making an instance is quick enough for a thread that must not be held up.
const QUICK_MODULES: u32 = 2;
/// Bytes of memory at the beginning up to which an instance is small.
const SMALL_MEMORY: u64 = 256 << 10;

/// What all actors of a component under the same limits share.
pub(crate) struct Plan {
    pub(crate) component: Arc<LoadedComponent>,
    compiled: Arc<Compiled>,
    pub(crate) limits: Limits,
    pub(crate) turn_budget: u64,
    pub(crate) start_budget: u64,
    /// Whether turns may ever run on the caller's thread.
    pub(crate) may_run_inline: bool,
    /// Whether an instance can be made on the caller's thread.
    pub(crate) quick_to_create: bool,
    /// Whether an instance can be made ahead: nothing of the guest runs then.
    pub(crate) may_be_warm: bool,
    pub(crate) uses_wasi: bool,
    pub(crate) gate: Gate,
}

impl Plan {
    pub(crate) fn new(component: &Arc<LoadedComponent>, key: ClassKey, limits: &Limits) -> Result<Self, HostError> {
        let geometry = &component.geometry;
        let compiled = component.compiled(key)?;
        let uses_wasi = !geometry.imports.is_empty();
        let silent = !geometry.runs_code_at_start;
        let quick = silent && !uses_wasi && geometry.modules <= QUICK_MODULES && !compiled.main.has_start();
        Ok(Self {
            component: Arc::clone(component),
            compiled,
            limits: limits.clone(),
            turn_budget: state::nanos(limits.handler_time),
            start_budget: state::nanos(Some(limits.start_time)),
            may_run_inline: !geometry.imports.iter().any(|import| wasi::can_wait(import)),
            quick_to_create: quick,
            may_be_warm: silent,
            uses_wasi,
            gate: Gate::new(),
        })
    }

    /// Whether an instance is small enough to have many of them ready.
    pub(crate) fn is_small(&self) -> bool {
        self.component.geometry.modules <= QUICK_MODULES && self.component.geometry.memory_initial <= SMALL_MEMORY
    }

    /// Slots of the pools that instances come from.
    pub(crate) fn slots(&self) -> u32 {
        self.compiled.class.slots
    }

    /// Whether making an instance holds nobody up for longer than that takes.
    pub(crate) fn creates_quickly(&self) -> bool {
        self.quick_to_create && (self.compiled.has_second() || self.compiled.class.has_room(self.memories()))
    }

    /// Makes the second pool if the first is half full. Takes some milliseconds, so it is left to a thread
    /// that nobody waits for.
    pub(crate) fn prepare_room(&self) {
        if !self.compiled.has_second() && !self.compiled.class.has_room(FIRST_SLOTS as usize / 2) {
            self.compiled.second(&self.component.geometry);
        }
    }

    fn memories(&self) -> usize {
        self.component.geometry.memories as usize
    }

    /// Makes an instance: from a pool, or beside them when they are full.
    pub(crate) fn instantiate(self: &Arc<Self>) -> Result<Box<ComponentActor>, StartError> {
        if self.compiled.class.has_room(self.memories())
            && let Some(actor) = self.instantiate_with(&self.compiled.main)?
        {
            return Ok(actor);
        }
        if let Some(second) = self.compiled.second(&self.component.geometry)
            && let Some(actor) = self.instantiate_with(second)?
        {
            return Ok(actor);
        }
        self.component.core.note_overflow(&self.component, self.compiled.class.key.memory, self.slots());
        let beside = self.compiled.overflow(&self.component.geometry).map_err(|error| no_overflow(&error))?;
        match beside.instantiate(self) {
            Ok((store, exports)) => Ok(Box::new(ComponentActor::new(store, exports, Arc::clone(self)))),
            Err(failed) => Err(StartError { crash: failed.1, deterministic: false }),
        }
    }

    /// Makes an instance; `None` when the pool is full.
    fn instantiate_with(self: &Arc<Self>, prepared: &Prepared) -> Result<Option<Box<ComponentActor>>, StartError> {
        match prepared.instantiate(self) {
            Ok((store, exports)) => Ok(Some(Box::new(ComponentActor::new(store, exports, Arc::clone(self))))),
            Err(failed) if trap::is_pool_full(&failed.0) => Ok(None),
            Err(failed) => Err(StartError { crash: failed.1, deterministic: true }),
        }
    }

    /// Makes an instance only if a pool has a slot.
    pub(crate) fn instantiate_pooled(self: &Arc<Self>) -> Option<Box<ComponentActor>> {
        self.compiled.class.first.as_ref()?;
        let prepared = if self.compiled.class.has_room(self.memories()) {
            &self.compiled.main
        } else {
            self.compiled.second(&self.component.geometry)?
        };
        self.instantiate_with(prepared).ok()?
    }
}

#[cold]
fn no_overflow(error: &HostError) -> StartError {
    StartError { crash: Crash::new(ReasonTag::HostError, error.to_string()), deterministic: false }
}
