//! Links a component on an engine: what it imports, which of its exports are asked for, and of what
//! type they must be.

use std::sync::Arc;

use troupe_actor::reason::Crash;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Linker, Type, TypedFunc};
use wasmtime::{Engine, Module, ResourcesRequired, Store};

use crate::capability::wasi::{self, Wasi};
use crate::direct;
use crate::error::HostError;
use crate::exports::{Exports, Handle, Lifted};
use crate::geometry::Geometry;
use crate::plan::Plan;
use crate::state::{self, HostState};
use crate::trap;

/// An instantiation that failed: what the engine said, and what it means.
pub(crate) type Failed = Box<(wasmtime::Error, Crash)>;

/// A component's code on one engine.
pub(crate) enum Unit {
    Component(Component),
    /// The one module that it is, which is called without the component around it.
    Module(Module),
}

impl Unit {
    /// What the engine says it needs.
    pub(crate) fn resources_required(&self) -> Option<ResourcesRequired> {
        match self {
            Self::Component(component) => component.resources_required(),
            Self::Module(module) => Some(module.resources_required()),
        }
    }
}

/// A component linked on one engine, its exports found and their types checked.
pub(crate) struct Prepared {
    engine: Engine,
    linked: Linked,
}

enum Linked {
    Component(Box<LinkedComponent>),
    Direct(Arc<direct::Linked>),
}

struct LinkedComponent {
    component: Component,
    pre: InstancePre<HostState>,
    handle: ComponentExportIndex,
    start: Option<ComponentExportIndex>,
    stop: Option<ComponentExportIndex>,
    health: Option<ComponentExportIndex>,
    post_return: bool,
}

impl Prepared {
    pub(crate) fn new(engine: Engine, unit: Unit, geometry: &Geometry) -> Result<Self, HostError> {
        let linked = match (unit, &geometry.shape) {
            (Unit::Component(component), _) => {
                Linked::Component(Box::new(LinkedComponent::new(&engine, component, geometry)?))
            }
            (Unit::Module(module), Some(shape)) => {
                Linked::Direct(Arc::new(direct::Linked::new(&engine, module, shape)?))
            }
            (Unit::Module(_), None) => return Err(HostError::Engine("a module where a component was".to_owned())),
        };
        Ok(Self { engine, linked })
    }

    /// The code in the engine's own format.
    pub(crate) fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        match &self.linked {
            Linked::Component(linked) => linked.component.serialize(),
            Linked::Direct(linked) => linked.module().serialize(),
        }
    }

    /// Whether the component wants to be started.
    pub(crate) fn has_start(&self) -> bool {
        match &self.linked {
            Linked::Component(linked) => linked.start.is_some(),
            Linked::Direct(linked) => linked.has_start(),
        }
    }

    /// A store with an instance in it.
    pub(crate) fn instantiate(&self, plan: &Plan) -> Result<(Store<HostState>, Exports), Failed> {
        let wasi = plan.uses_wasi.then(|| Box::new(Wasi::new()));
        let mut store = Store::new(&self.engine, HostState::new(&plan.limits, wasi));
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_callback(state::look);
        store.set_hostcall_fuel(plan.limits.hostcall_bytes);
        store.data_mut().turn.begin(plan.start_budget, false);
        store.set_epoch_deadline(state::FIRST_LOOK);
        let made = match &self.linked {
            Linked::Component(linked) => linked
                .pre
                .instantiate(&mut store)
                .map(|instance| linked.exports(&mut store, instance).map(Exports::Lifted)),
            Linked::Direct(linked) => linked.instantiate(&mut store).map(|exports| exports.map(Exports::Direct)),
        };
        match made {
            Ok(Some(exports)) => Ok((store, exports)),
            Ok(None) => {
                let error = wasmtime::Error::msg("an export that was there at load is missing");
                let crash = trap::crash(&error, store.data());
                Err(Box::new((error, crash)))
            }
            Err(error) => {
                let crash = trap::start_crash(&error, store.data());
                Err(Box::new((error, crash)))
            }
        }
    }
}

impl LinkedComponent {
    fn new(engine: &Engine, component: Component, geometry: &Geometry) -> Result<Self, HostError> {
        let mut linker = Linker::new(engine);
        if !geometry.imports.is_empty() {
            wasi::link(&mut linker).map_err(|error| HostError::Engine(error.to_string()))?;
        }
        let pre = linker.instantiate_pre(&component).map_err(|error| link_error(&error, geometry))?;
        let handle = export(&component, "handle", "func(turn: list<u8>) -> list<u8>", is_handle)?
            .ok_or_else(|| HostError::invalid("the component does not export `handle`"))?;
        let start = export(&component, "start", "func(config: list<u8>) -> result<_, string>", is_start)?;
        let stop = export(&component, "stop", "func()", is_stop)?;
        let health = export(&component, "health", "func() -> list<u8>", is_health)?;
        let post_return = geometry.handle_has_post_return;
        Ok(Self { component, pre, handle, start, stop, health, post_return })
    }

    #[expect(unsafe_code, reason = "types are checked once per component instead of once per instance")]
    fn exports(&self, store: &mut Store<HostState>, instance: Instance) -> Option<Lifted> {
        let handle = instance.get_func(&mut *store, self.handle)?;
        let handle = if self.post_return {
            // SAFETY: `is_handle` has checked this export of this very component: one `list<u8>` in, one out.
            Handle::Owned(unsafe { TypedFunc::new_unchecked(handle) })
        } else {
            // SAFETY: as above; a view is another way to read the same type.
            Handle::View(unsafe { TypedFunc::new_unchecked(handle) })
        };
        let start = match &self.start {
            // SAFETY: `is_start` has checked it: one `list<u8>` in, `result<_, string>` out.
            Some(index) => Some(unsafe { TypedFunc::new_unchecked(instance.get_func(&mut *store, index)?) }),
            None => None,
        };
        let stop = match &self.stop {
            // SAFETY: `is_stop` has checked it: nothing in, nothing out.
            Some(index) => Some(unsafe { TypedFunc::new_unchecked(instance.get_func(&mut *store, index)?) }),
            None => None,
        };
        let health = match &self.health {
            // SAFETY: `is_health` has checked it: nothing in, one `list<u8>` out.
            Some(index) => Some(unsafe { TypedFunc::new_unchecked(instance.get_func(&mut *store, index)?) }),
            None => None,
        };
        Some(Lifted { handle, start, stop, health })
    }
}

fn link_error(error: &wasmtime::Error, geometry: &Geometry) -> HostError {
    let text = format!("{error:#}");
    match geometry.imports.iter().find(|import| text.contains(import.as_str())) {
        Some(import) => HostError::CapabilityDenied { import: import.clone() },
        None => HostError::invalid(text),
    }
}

/// Finds an export and checks its type.
fn export(
    component: &Component,
    name: &str,
    expected: &str,
    fits: fn(&ComponentFunc) -> bool,
) -> Result<Option<ComponentExportIndex>, HostError> {
    match component.get_export(None, name) {
        None => Ok(None),
        Some((ComponentItem::ComponentFunc(func), index)) if !func.async_() && fits(&func) => Ok(Some(index)),
        Some(_) => Err(HostError::invalid(format!("the export `{name}` is of another type than `{expected}`"))),
    }
}

fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::List(list) if list.ty() == Type::U8)
}

fn is_handle(func: &ComponentFunc) -> bool {
    takes_bytes(func) && func.results().len() == 1 && func.results().all(|ty| is_bytes(&ty))
}

fn takes_bytes(func: &ComponentFunc) -> bool {
    func.params().len() == 1 && func.params().all(|(_, ty)| is_bytes(&ty))
}

fn is_start(func: &ComponentFunc) -> bool {
    let fits = |ty: Type| matches!(ty, Type::Result(ty) if ty.ok().is_none() && ty.err() == Some(Type::String));
    takes_bytes(func) && func.results().len() == 1 && func.results().all(fits)
}

fn is_health(func: &ComponentFunc) -> bool {
    func.params().len() == 0 && func.results().len() == 1 && func.results().all(|ty| is_bytes(&ty))
}

fn is_stop(func: &ComponentFunc) -> bool {
    func.params().len() == 0 && func.results().len() == 0
}
