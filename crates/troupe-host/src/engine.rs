//! The process's engines: for each size class of guest memory one that takes instances from a small pool
//! of slots, one with a large pool when that is full, and one without a pool that takes over from both.
//!
//! A memory's size class is an input of the compiler, so a component is compiled for its class.
//! All engines of a class have the same compile-time settings and accept the same artefact.
//! Memories whose size is fixed go to the smallest class that holds them; a memory that may grow
//! goes to the class of its limit, so that growing never moves it. Every engine's epoch is advanced
//! by one ticker.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use troupe_actor::ticker::Ticker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::HostError;
use crate::geometry::Geometry;
use crate::limits::Limits;

/// How the engine notices that a guest trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrapHandling {
    /// By the processor's faults; installs process-wide signal handlers that pass on what is not theirs.
    Signals,
    /// By checks in the compiled code; installs nothing.
    Explicit,
}

/// What sets of engines are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EngineOptions {
    pub(crate) trap_handling: TrapHandling,
    pub(crate) trap_backtrace: bool,
    pub(crate) pooled_slots: usize,
}

/// Guest frames kept of a trap.
const BACKTRACE_FRAMES: usize = 16;
/// Smallest class: one page of guest memory.
const SMALLEST_CLASS: u64 = 64 << 10;
/// Address space that one class may reserve.
const RESERVED_PER_CLASS: u64 = 64 << 30;
/// Bytes of a slot that stay resident after use, so that the next user meets no page fault.
const KEEP_RESIDENT: u64 = 1 << 20;
/// The same where dirty pages cannot be told from clean ones, and all of it is cleared each time.
const KEEP_RESIDENT_BLIND: u64 = 256 << 10;
/// Slots of a class's first pool: enough for most programs, and made twenty times as fast as one of
/// a hundred thousand, whose bookkeeping alone takes eleven megabytes.
pub(crate) const FIRST_SLOTS: u32 = 512;
/// Stacks of all classes: each takes two of the process's 65,530 memory mappings.
const STACKS_TOTAL: u32 = 8192;
/// Stacks of a class's second pool; one of few slots has one for every sixteenth, because each costs a
/// mapping when the pool is made. The first pool has one for each slot.
const STACKS_PER_CLASS: u32 = 2048;
/// Stacks for the host's own frames below the guest's.
const HOST_FRAMES: usize = 128 << 10;

static STACKS_LEFT: AtomicU32 = AtomicU32::new(STACKS_TOTAL);

/// What decides which engine a component needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClassKey {
    /// Bytes of a memory slot.
    pub(crate) memory: u64,
    /// Elements of a table slot; 0 for a component without tables.
    pub(crate) table: usize,
    /// Bytes of a stack.
    pub(crate) stack: usize,
}

impl ClassKey {
    /// The class for a component under limits.
    pub(crate) fn of(geometry: &Geometry, limits: &Limits) -> Result<Self, HostError> {
        if geometry.memory_initial > limits.memory_bytes {
            return Err(HostError::Limits {
                what: format!(
                    "the component begins with {} bytes of memory, limits.memory is {}",
                    geometry.memory_initial, limits.memory_bytes
                ),
            });
        }
        if geometry.table_initial > limits.table_elements as u64 {
            return Err(HostError::Limits {
                what: format!(
                    "the component begins with {} table elements, limits.tableElements is {}",
                    geometry.table_initial, limits.table_elements
                ),
            });
        }
        let grown = geometry.memory_maximum.map_or(limits.memory_bytes, |maximum| maximum.min(limits.memory_bytes));
        let wanted = if geometry.memory_grows { grown } else { geometry.memory_initial };
        let mut memory = SMALLEST_CLASS;
        while memory < wanted {
            memory *= 4;
        }
        let elements = match (geometry.tables, geometry.table_grows) {
            (0, _) => 0,
            (_, true) => limits.table_elements,
            (_, false) => usize::try_from(geometry.table_initial).unwrap_or(usize::MAX),
        };
        let table = if elements == 0 { 0 } else { elements.next_power_of_two().max(512) };
        Ok(Self { memory, table, stack: limits.stack_bytes })
    }
}

/// The engines of a class: two pools, of which the second is made when the first fills up, and one without.
pub(crate) struct EngineClass {
    pub(crate) key: ClassKey,
    /// `None` where the address space for a pool could not be reserved.
    pub(crate) first: Option<Engine>,
    /// Slots of both pools.
    pub(crate) slots: u32,
    /// `None` in it where there is none to be had.
    second: OnceLock<Option<Engine>>,
    on_demand: OnceLock<Engine>,
    options: EngineOptions,
    ticker: Arc<Ticker>,
    stacks: AtomicU32,
}

impl EngineClass {
    fn new(key: ClassKey, options: EngineOptions, ticker: Arc<Ticker>) -> Self {
        let by_budget = RESERVED_PER_CLASS / key.memory.max(1);
        let slots = u32::try_from((options.pooled_slots as u64).min(by_budget)).unwrap_or(u32::MAX);
        let stacks = AtomicU32::new(0);
        let (second, on_demand) = (OnceLock::new(), OnceLock::new());
        let mut made = Self { key, first: None, slots, second, on_demand, options, ticker, stacks };
        let first = slots.min(FIRST_SLOTS);
        made.first = made.pool(first, first);
        if made.first.is_none() {
            made.slots = 0;
        }
        made
    }

    fn pool(&self, slots: u32, stacks: u32) -> Option<Engine> {
        if slots == 0 {
            return None;
        }
        let stacks = take_stacks(stacks);
        self.stacks.fetch_add(stacks, Ordering::Relaxed);
        let engine = Engine::new(&pooled_config(self.key, self.options, slots, stacks)).ok()?;
        tick(&engine, &self.ticker);
        Some(engine)
    }

    /// Whether there is a second pool, or could be.
    pub(crate) const fn may_have_second(&self) -> bool {
        self.slots > FIRST_SLOTS
    }

    /// Whether the first pool has room for so many memories. Without a second one it is simply tried.
    pub(crate) fn has_room(&self, memories: usize) -> bool {
        let metrics =
            self.first.as_ref().filter(|_| self.may_have_second()).and_then(Engine::pooling_allocator_metrics);
        metrics.is_none_or(|metrics| metrics.memories() + memories <= FIRST_SLOTS as usize)
    }

    /// The pool for what the first has no room for. Its first caller waits some milliseconds while it is made.
    pub(crate) fn second(&self) -> Option<&Engine> {
        let made = self.second.get_or_init(|| {
            let slots = self.slots.saturating_sub(FIRST_SLOTS);
            self.pool(slots, STACKS_PER_CLASS.min(slots.div_ceil(16)))
        });
        made.as_ref()
    }

    /// The engine that takes over when the pools are full.
    pub(crate) fn on_demand(&self) -> Result<&Engine, HostError> {
        if let Some(engine) = self.on_demand.get() {
            return Ok(engine);
        }
        let engine = Engine::new(&base_config(self.key, self.options)).map_err(|e| HostError::Engine(e.to_string()))?;
        tick(&engine, &self.ticker);
        // Another thread may have been first; its engine is as good as this one.
        Ok(self.on_demand.get_or_init(|| engine))
    }

    /// The engine that compiles for this class.
    pub(crate) fn compiler(&self) -> Result<&Engine, HostError> {
        match &self.first {
            Some(engine) => Ok(engine),
            None => self.on_demand(),
        }
    }
}

impl Drop for EngineClass {
    fn drop(&mut self) {
        STACKS_LEFT.fetch_add(*self.stacks.get_mut(), Ordering::Relaxed);
    }
}

fn take_stacks(wanted: u32) -> u32 {
    let mut taken = 0;
    let _ = STACKS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        taken = wanted.min(left);
        Some(left - taken)
    });
    taken
}

fn tick(engine: &Engine, ticker: &Ticker) {
    let weak = engine.weak();
    ticker.register(move || weak.upgrade().map(|engine| engine.increment_epoch()).is_some());
}

/// All engines with the same options, and their ticker. One set per process and options.
pub struct Engines {
    options: EngineOptions,
    ticker: Arc<Ticker>,
    classes: Mutex<HashMap<ClassKey, Arc<EngineClass>>>,
}

type Shared = Mutex<HashMap<EngineOptions, Weak<Engines>>>;

impl Engines {
    /// The process's engines with these options; made by the first who asks, dropped with the last.
    pub(crate) fn shared(options: EngineOptions) -> Result<Arc<Self>, HostError> {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        let mut all = SHARED.get_or_init(Shared::default).lock();
        if let Some(found) = all.get(&options).and_then(Weak::upgrade) {
            return Ok(found);
        }
        let ticker = Ticker::new().map_err(|error| HostError::Engine(format!("no ticker thread: {error}")))?;
        let made = Arc::new(Self { options, ticker: Arc::new(ticker), classes: Mutex::default() });
        all.retain(|_, weak| weak.strong_count() > 0);
        all.insert(options, Arc::downgrade(&made));
        Ok(made)
    }

    /// The ticker that advances every engine's epoch.
    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.ticker
    }

    /// The engines of a class, made when first needed.
    pub(crate) fn class(&self, key: ClassKey) -> Result<Arc<EngineClass>, HostError> {
        let mut classes = self.classes.lock();
        if let Some(found) = classes.get(&key) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(EngineClass::new(key, self.options, Arc::clone(&self.ticker)));
        classes.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

/// The settings that all engines of a class share; all that the compiler sees is here.
fn base_config(key: ClassKey, options: EngineOptions) -> Config {
    let mut config = Config::new();
    let explicit = options.trap_handling == TrapHandling::Explicit;
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .signals_based_traps(!explicit)
        .memory_reservation(key.memory)
        .memory_reservation_for_growth(0)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_init_cow(false)
        .max_wasm_stack(guest_stack(key.stack))
        .async_stack_size(key.stack)
        .generate_address_map(true)
        .macos_use_mach_ports(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(if options.trap_backtrace { BACKTRACE_FRAMES } else { 0 }));
    config
}

/// Bytes of a stack that the guest may use; the rest is for the host's frames of the same call.
fn guest_stack(stack: usize) -> usize {
    stack - HOST_FRAMES.min(stack / 2)
}

fn pooled_config(key: ClassKey, options: EngineOptions, slots: u32, stacks: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let scan = dirty_pages_can_be_scanned();
    let resident = key.memory.min(if scan { KEEP_RESIDENT } else { KEEP_RESIDENT_BLIND });
    let tables = if key.table == 0 { 0 } else { slots.saturating_mul(2) };
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(8))
        .total_memories(slots)
        .total_tables(tables)
        .total_stacks(stacks)
        .max_memory_size(usize::try_from(key.memory).unwrap_or(usize::MAX))
        .table_elements(key.table)
        .max_tables_per_module(16)
        .max_memories_per_module(4)
        .max_unused_warm_slots(slots)
        .linear_memory_keep_resident(usize::try_from(resident).unwrap_or(0))
        .table_keep_resident(key.table.min(4096) * size_of::<usize>())
        .pagemap_scan(if scan { Enabled::Auto } else { Enabled::No });
    let mut config = base_config(key, options);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Whether the kernel can say which pages of a slot were written. Not where there is swap: the scan
/// overlooks pages that were swapped out, and the next user of the slot would see them
/// (bytecodealliance/wasmtime#14357).
fn dirty_pages_can_be_scanned() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let swap = std::fs::read_to_string("/proc/swaps").map_or(true, |text| text.lines().count() > 1);
    !swap && kernel_at_least(6, 7) && std::fs::File::open("/proc/self/pagemap").is_ok()
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0u32));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    found >= (major, minor)
}
