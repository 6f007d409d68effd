//! Runs WebAssembly components as actors: engines, cache, limits, traps.
//!
//! Bytes of a component come in, a [`BehaviorFactory`] for the kernel goes out. Nothing here knows
//! mailboxes or JavaScript.

mod capability;
mod clock;
mod compile;
mod component;
mod component_cache;
mod direct;
mod engine;
mod error;
mod exports;
mod factory;
mod geometry;
mod inline;
mod instance;
mod limits;
mod linker;
mod plan;
mod state;
mod trap;
mod warm;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use troupe_actor::behavior::BehaviorFactory;
use troupe_actor::ticker::Ticker;

pub use component::{ComponentInfo, LoadedComponent};
pub use engine::TrapHandling;
pub use error::HostError;
pub use geometry::Geometry;
pub use limits::Limits;

use component_cache::Cache;
use engine::{EngineOptions, Engines};
use factory::ComponentFactory;
use warm::Keeper;

/// Largest component that is read.
const COMPONENT_MAX: u64 = 256 << 20;

/// What the host has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// A pool of instances was full; the instance was made beside it, more slowly. Said the first
    /// time and then each time the count has doubled.
    PoolOverflow {
        /// Hash of the component.
        component: String,
        /// Slots of the pool.
        slots: u32,
        /// Bytes of a slot.
        slot_bytes: u64,
        /// Overflows of this host so far.
        count: u64,
    },
    /// The cache directory cannot be used; components are compiled each time. Said once.
    CacheUnusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Who is told. Called on whatever thread it happens; must not block.
pub trait HostEvents: Send + Sync {
    /// Something happened.
    fn emit(&self, event: HostEvent);
}

/// How a host is set up; every field is the caller's decision.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Where compiled components are kept; `None` for nowhere.
    pub cache_dir: Option<PathBuf>,
    /// How traps are noticed.
    pub trap_handling: TrapHandling,
    /// Instances of the smallest class that a pool holds.
    pub pooled_slots: usize,
    /// Whether a trap tells the guest's frames.
    pub trap_backtrace: bool,
}

/// Counters of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostStats {
    /// Instances made beside a full pool.
    pub pool_overflows: u64,
    /// Instances waiting to be dropped.
    pub retiring: usize,
    /// Components loaded and still in use.
    pub components: usize,
}

type Loading = Mutex<HashMap<[u8; 32], Arc<Mutex<Weak<LoadedComponent>>>>>;

/// What all of a host's components share.
pub(crate) struct Core {
    pub(crate) engines: Arc<Engines>,
    pub(crate) keeper: Keeper,
    cache: Option<Cache>,
    cache_given_up: AtomicBool,
    events: Arc<dyn HostEvents>,
    overflows: AtomicU64,
}

impl Core {
    /// The cache, unless it turned out unusable.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref().filter(|_| !self.cache_given_up.load(Ordering::Relaxed))
    }

    /// Says once that the cache cannot be used, and uses it no more.
    pub(crate) fn cache_unusable(&self, reason: &str) {
        if let Some(cache) = &self.cache
            && !self.cache_given_up.swap(true, Ordering::Relaxed)
        {
            self.events.emit(HostEvent::CacheUnusable { path: cache.dir().to_owned(), reason: reason.to_owned() });
        }
    }

    #[cold]
    pub(crate) fn note_overflow(&self, component: &LoadedComponent, slot_bytes: u64, slots: u32) {
        let count = self.overflows.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let component = component.info().hash.clone();
            self.events.emit(HostEvent::PoolOverflow { component, slots, slot_bytes, count });
        }
    }
}

/// Loads components and makes factories of actors from them.
pub struct Host {
    core: Arc<Core>,
    loading: Loading,
}

impl Host {
    /// Sets up a host. A cache directory that cannot be used is an event, not an error.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new(config: HostConfig, events: Arc<dyn HostEvents>) -> Result<Self, HostError> {
        let engines = Engines::shared(EngineOptions {
            trap_handling: config.trap_handling,
            trap_backtrace: config.trap_backtrace,
            pooled_slots: config.pooled_slots,
        })?;
        let keeper = Keeper::new().map_err(|error| HostError::Engine(format!("no keeper thread: {error}")))?;
        let cache = config.cache_dir.and_then(|dir| match Cache::open(&dir) {
            Ok(cache) => Some(cache),
            Err(error) => {
                events.emit(HostEvent::CacheUnusable { path: dir, reason: error.to_string() });
                None
            }
        });
        let core = Core {
            engines,
            keeper,
            cache,
            cache_given_up: AtomicBool::new(false),
            events,
            overflows: AtomicU64::new(0),
        };
        Ok(Self { core: Arc::new(core), loading: Mutex::default() })
    }

    /// The ticker that looks at running guests; whoever runs guests enters it.
    #[must_use]
    pub fn ticker(&self) -> Arc<Ticker> {
        Arc::clone(self.core.engines.ticker())
    }

    /// Reads and loads a component. Blocks while it compiles.
    ///
    /// # Errors
    /// When the file cannot be read, or is no component that can be an actor.
    pub fn load_file(&self, path: &Path) -> Result<Arc<LoadedComponent>, HostError> {
        self.load_bytes(read_component(path)?)
    }

    /// Loads a component. Blocks while it compiles; the same bytes are compiled once.
    ///
    /// # Errors
    /// When the bytes are no component that can be an actor.
    pub fn load_bytes(&self, wasm: Vec<u8>) -> Result<Arc<LoadedComponent>, HostError> {
        let hash = compile::sha256(&wasm);
        let slot = self.loading_slot(hash);
        let mut loaded = slot.lock();
        if let Some(found) = loaded.upgrade() {
            return Ok(found);
        }
        let fresh = Arc::new(LoadedComponent::load(Arc::clone(&self.core), wasm, hash)?);
        *loaded = Arc::downgrade(&fresh);
        Ok(fresh)
    }

    /// The slot that those who load the same bytes meet in.
    fn loading_slot(&self, hash: [u8; 32]) -> Arc<Mutex<Weak<LoadedComponent>>> {
        let mut loading = self.loading.lock();
        loading.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.lock().strong_count() > 0);
        Arc::clone(loading.entry(hash).or_default())
    }

    /// A factory of actors of a component. Quick unless limits ask for a memory class the component
    /// was not compiled for; then the first actor compiles it.
    ///
    /// # Errors
    /// When the limits contradict each other or the component.
    pub fn factory(
        &self,
        component: &Arc<LoadedComponent>,
        limits: Limits,
    ) -> Result<Arc<dyn BehaviorFactory>, HostError> {
        Ok(Arc::new(ComponentFactory::new(component, limits)?))
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        let components = self.loading.lock().values().filter(|slot| slot.lock().strong_count() > 0).count();
        HostStats {
            pool_overflows: self.core.overflows.load(Ordering::Relaxed),
            retiring: self.core.keeper.waiting(),
            components,
        }
    }

    /// Lets writes into the cache fail from now on.
    #[doc(hidden)]
    pub fn fail_cache_writes_for_test(&self) {
        if let Some(cache) = &self.core.cache {
            cache.fail_writes();
        }
    }
}

fn read_component(path: &Path) -> Result<Vec<u8>, HostError> {
    let fail = |source: std::io::Error| {
        let path = path.to_owned();
        if source.kind() == std::io::ErrorKind::NotFound {
            HostError::ComponentNotFound { path, source }
        } else {
            HostError::Io { path, source }
        }
    };
    let file = std::fs::File::open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if meta.is_dir() {
        return Err(HostError::invalid(format!("{} is a folder, not a component", path.display())));
    }
    // One byte more than the file has: the read that finds its end needs room too.
    let mut wasm = Vec::with_capacity(usize::try_from(meta.len().min(COMPONENT_MAX)).unwrap_or(0) + 1);
    file.take(COMPONENT_MAX + 1).read_to_end(&mut wasm).map_err(fail)?;
    if wasm.len() as u64 > COMPONENT_MAX {
        return Err(HostError::invalid(format!("{} is larger than {COMPONENT_MAX} bytes", path.display())));
    }
    Ok(wasm)
}
