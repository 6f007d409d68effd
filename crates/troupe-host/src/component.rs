//! A loaded component: read, checked, and compiled for the size classes it is used with.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use wasmtime::Engine;

use crate::Core;
use crate::capability::wasi;
use crate::compile::{self, Code};
use crate::engine::{ClassKey, EngineClass};
use crate::error::HostError;
use crate::geometry::Geometry;
use crate::limits::Limits;
use crate::linker::{Prepared, Unit};

/// What users may know about a component.
#[derive(Clone, Debug)]
pub struct ComponentInfo {
    /// SHA-256 of its bytes, in hex.
    pub hash: String,
    /// Names of its imports.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// Whether it exports `start`.
    pub has_start: bool,
    /// Whether its compiled form came from the cache.
    pub from_cache: bool,
    /// Length in bytes.
    pub bytes: u64,
    /// Bytes of its largest memory at the beginning.
    pub memory_initial: u64,
    /// Bytes its largest memory may grow to by its own word.
    pub memory_maximum: Option<u64>,
    /// Milliseconds that compiling or reading the compiled form took.
    pub compile_ms: f64,
}

/// A component that can be an actor.
pub struct LoadedComponent {
    pub(crate) core: Arc<Core>,
    pub(crate) wasm: Vec<u8>,
    pub(crate) hash: [u8; 32],
    pub(crate) geometry: Geometry,
    info: ComponentInfo,
    compiled: Mutex<HashMap<ClassKey, Arc<Compiled>>>,
}

impl LoadedComponent {
    /// Checks and compiles a component for the default limits.
    pub(crate) fn load(core: Arc<Core>, wasm: Vec<u8>, hash: [u8; 32]) -> Result<Self, HostError> {
        let geometry = Geometry::read(&wasm)?;
        if let Some(import) = geometry.imports.iter().find(|import| !wasi::provides(import)) {
            return Err(HostError::CapabilityDenied { import: import.clone() });
        }
        let info = ComponentInfo {
            hash: compile::hex(&hash),
            imports: geometry.imports.clone(),
            exports: geometry.exports.clone(),
            has_start: geometry.exports.iter().any(|name| name == "start"),
            from_cache: false,
            bytes: wasm.len() as u64,
            memory_initial: geometry.memory_initial,
            memory_maximum: geometry.memory_maximum,
            compile_ms: 0.0,
        };
        let mut loaded = Self { core, wasm, hash, geometry, info, compiled: Mutex::default() };
        let began = Instant::now();
        let compiled = loaded.compiled(loaded.likely_class())?;
        loaded.info.from_cache = compiled.from_cache;
        loaded.info.compile_ms = began.elapsed().as_secs_f64() * 1e3;
        Ok(loaded)
    }

    /// What users may know about it.
    #[must_use]
    pub fn info(&self) -> &ComponentInfo {
        &self.info
    }

    /// The class under default limits, or the smallest that holds a component which needs more.
    fn likely_class(&self) -> ClassKey {
        let mut limits = Limits::default();
        limits.memory_bytes = limits.memory_bytes.max(self.geometry.memory_initial);
        limits.table_elements =
            limits.table_elements.max(usize::try_from(self.geometry.table_initial).unwrap_or(usize::MAX));
        ClassKey::of(&self.geometry, &limits).unwrap_or(ClassKey { memory: 16 << 20, table: 16_384, stack: 256 << 10 })
    }

    /// Whether the component is compiled for a class already.
    pub(crate) fn is_compiled(&self, key: ClassKey) -> bool {
        self.compiled.try_lock().is_some_and(|compiled| compiled.contains_key(&key))
    }

    /// Compiles for a class, or finds what was compiled before.
    pub(crate) fn compiled(&self, key: ClassKey) -> Result<Arc<Compiled>, HostError> {
        // Held while compiling, so that two who need the same do it once.
        let mut all = self.compiled.lock();
        if let Some(found) = all.get(&key) {
            return Ok(Arc::clone(found));
        }
        let class = self.core.engines.class(key)?;
        let engine = class.compiler()?;
        let module = self.geometry.shape.as_ref().map(|shape| shape.module.clone());
        let is_module = module.is_some();
        let source = compile::Source { wasm: &self.wasm, hash: &self.hash, module };
        let (unit, from_cache) = match compile::code(&self.core, engine, &source)? {
            Code::Fresh(bytes) => (compile::deserialize(engine, is_module, &bytes)?, false),
            Code::Cached(stored) => match compile::load_stored(engine, is_module, &stored) {
                Ok(unit) => (unit, true),
                // Its checksum was right, but the engine will not have it: make it anew.
                Err(_) => {
                    let bytes = compile::fresh(&self.core, engine, &source)?;
                    (compile::deserialize(engine, is_module, &bytes)?, false)
                }
            },
        };
        self.check_resources(&unit)?;
        let main = Prepared::new(engine.clone(), unit, &self.geometry)?;
        let made = Arc::new(Compiled { class, main, second: OnceLock::new(), overflow: OnceLock::new(), from_cache });
        all.insert(key, Arc::clone(&made));
        Ok(made)
    }

    /// Compares what was read with what the engine found.
    fn check_resources(&self, unit: &Unit) -> Result<(), HostError> {
        let Some(needs) = unit.resources_required() else {
            return Err(HostError::invalid("the component takes a core module as an import"));
        };
        let pages = needs.max_initial_memory_size.unwrap_or(0);
        let fits_memory = pages.saturating_mul(64 << 10) <= self.geometry.memory_initial.max(64 << 10);
        let fits_table = needs.max_initial_table_size.unwrap_or(0) <= self.geometry.table_initial;
        if fits_memory && fits_table {
            return Ok(());
        }
        Err(HostError::Engine("the component's memories are not what was read from it".to_owned()))
    }
}

/// A component compiled for one class.
pub(crate) struct Compiled {
    pub(crate) class: Arc<EngineClass>,
    /// On the class's first pool, or without one.
    pub(crate) main: Prepared,
    /// On its second; `None` in it where that could not be.
    second: OnceLock<Option<Prepared>>,
    overflow: OnceLock<Prepared>,
    from_cache: bool,
}

impl Compiled {
    /// The component on the class's second pool, if it has one. The first who asks waits while it is made.
    pub(crate) fn second(&self, geometry: &Geometry) -> Option<&Prepared> {
        if !self.class.may_have_second() {
            return None;
        }
        // What fails here is no error: the engine without a pool takes over.
        self.second.get_or_init(|| self.on(self.class.second()?, geometry).ok()).as_ref()
    }

    /// Whether [`Compiled::second`] has nothing left to make.
    pub(crate) fn has_second(&self) -> bool {
        self.second.get().is_some()
    }

    /// The component on the engine that takes over when the pools are full.
    pub(crate) fn overflow(&self, geometry: &Geometry) -> Result<&Prepared, HostError> {
        if let Some(prepared) = self.overflow.get() {
            return Ok(prepared);
        }
        let prepared = self.on(self.class.on_demand()?, geometry)?;
        Ok(self.overflow.get_or_init(|| prepared))
    }

    /// The same code on another engine of the class.
    fn on(&self, engine: &Engine, geometry: &Geometry) -> Result<Prepared, HostError> {
        let bytes = self.main.serialize().map_err(|error| HostError::Compile(error.to_string()))?;
        Prepared::new(engine.clone(), compile::deserialize(engine, geometry.shape.is_some(), &bytes)?, geometry)
    }
}
