//! A component instance as a behavior: one store per incarnation, one call per turn.
#![expect(unsafe_code, reason = "prefetching takes addresses, and a hint for it is kept as a pointer")]

use std::sync::Arc;

use troupe_actor::behavior::{Behavior, InlineTurn};
use troupe_actor::frame::effect;
use troupe_actor::health::Health;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use wasmtime::Store;
use wasmtime::component::{TypedFunc, WasmList};

use crate::inline;
use crate::plan::Plan;
use crate::state::{FIRST_LOOK, HostState};
use crate::trap;

/// Bytes of the engine's part of a store that a call touches.
const STORE_BYTES: usize = 768;
/// Bytes of guest memory that are fetched ahead.
const MEMORY_BYTES: usize = 192;
/// Bytes of the next turn that are fetched ahead.
const TURN_BYTES: usize = 512;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Processor time a guest may take to go down.
const STOP_BUDGET: u64 = 100_000_000;

pub(crate) type StartFunc = TypedFunc<(&'static [u8],), (Result<(), String>,)>;
pub(crate) type StopFunc = TypedFunc<(), ()>;
pub(crate) type HealthFunc = TypedFunc<(), (Vec<u8>,)>;

/// The export `handle`, typed by where its result may be read.
#[derive(Clone, Copy)]
pub(crate) enum Handle {
    /// The result stays in the guest's memory until the next call: it is read there.
    View(TypedFunc<(&'static [u8],), (WasmList<u8>,)>),
    /// The guest frees its result right after the call, so it is copied first.
    Owned(TypedFunc<(&'static [u8],), (Vec<u8>,)>),
}

/// The exports of one instance.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) handle: Handle,
    pub(crate) start: Option<StartFunc>,
    pub(crate) stop: Option<StopFunc>,
    pub(crate) health: Option<HealthFunc>,
}

/// The last turn's result.
enum Output {
    None,
    View(WasmList<u8>),
    Owned(Vec<u8>),
}

/// One incarnation of a component.
pub(crate) struct ComponentActor {
    pub(crate) store: Store<HostState>,
    exports: Exports,
    output: Output,
    /// The turn of a call that may leave this thread: it has to outlive the caller's borrow.
    pub(crate) turn: Vec<u8>,
    pub(crate) plan: Arc<Plan>,
    /// Where the first result began: about what turns touch. Never read.
    memory: *const u8,
}

// SAFETY: `memory` is a hint for the processor's cache and is never dereferenced; everything else in
// here may move between threads.
unsafe impl Send for ComponentActor {}

impl ComponentActor {
    pub(crate) fn new(store: Store<HostState>, exports: Exports, plan: Arc<Plan>) -> Self {
        Self { store, exports, output: Output::None, turn: Vec::new(), plan, memory: std::ptr::null() }
    }

    /// Sets the budget of the call that follows.
    #[inline]
    pub(crate) fn begin(&mut self, budget: u64, must_leave: bool) {
        self.store.data_mut().turn.begin(budget, must_leave);
        self.store.set_epoch_deadline(FIRST_LOOK);
    }

    /// Calls `handle` on a fiber, with [`ComponentActor::turn`] as its argument.
    pub(crate) async fn handle_on_fiber(&mut self) -> wasmtime::Result<()> {
        self.output = match &self.exports.handle {
            Handle::View(handle) => Output::View(handle.call_async(&mut self.store, (&self.turn,)).await?.0),
            Handle::Owned(handle) => Output::Owned(handle.call_async(&mut self.store, (&self.turn,)).await?.0),
        };
        Ok(())
    }

    /// Tells the component's other actors how this turn went.
    #[inline]
    pub(crate) fn settle(&self) {
        if self.store.data().turn.was_slow {
            self.plan.gate.note_slow();
        } else {
            self.plan.gate.note_short();
        }
    }

    /// Classifies what ended a call.
    #[cold]
    pub(crate) fn crash(&self, error: &wasmtime::Error) -> Crash {
        trap::crash(error, self.store.data())
    }
}

impl Behavior for ComponentActor {
    fn start(&mut self, config: &[u8]) -> Result<(), StartError> {
        let Some(start) = self.exports.start else { return Ok(()) };
        self.begin(self.plan.start_budget, false);
        let text = match start.call(&mut self.store, (config,)) {
            Ok((Ok(()),)) => return Ok(()),
            Ok((Err(text),)) => text,
            Err(error) => {
                let crash = trap::start_crash(&error, self.store.data());
                return Err(StartError { crash, deterministic: false });
            }
        };
        let mut crash = Crash::new(ReasonTag::StartFailed, text);
        crash.stderr = self.store.data().wasi.as_ref().map(|wasi| wasi.stderr_tail()).unwrap_or_default();
        Err(StartError { crash, deterministic: false })
    }

    #[inline]
    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash> {
        self.begin(self.plan.turn_budget, false);
        let result = match &self.exports.handle {
            Handle::View(handle) => handle.call(&mut self.store, (turn,)).map(|(list,)| Output::View(list)),
            Handle::Owned(handle) => handle.call(&mut self.store, (turn,)).map(|(bytes,)| Output::Owned(bytes)),
        };
        match result {
            Ok(output) => {
                self.output = output;
                if self.memory.is_null() {
                    self.memory = self.output().as_ptr();
                }
                self.settle();
                Ok(())
            }
            Err(error) => Err(self.crash(&error)),
        }
    }

    #[inline]
    fn output(&self) -> &[u8] {
        match &self.output {
            Output::None => &[],
            Output::View(list) => list.as_le_slice(&self.store),
            Output::Owned(bytes) => bytes,
        }
    }

    fn handle_inline(self: Box<Self>, turn: &[u8]) -> InlineTurn {
        inline::handle(self, turn)
    }

    #[inline]
    fn runs_inline(&self) -> bool {
        self.plan.may_run_inline && self.plan.gate.is_open()
    }

    fn was_slow(&self) -> bool {
        self.store.data().turn.was_slow
    }

    #[inline]
    fn prefetch(&self) {
        fetch(std::ptr::from_ref(self).cast(), size_of::<Self>());
    }

    #[inline]
    fn prefetch_deep(&self, turn: &[u8]) {
        // The engine's own part of the store lies in front of the data.
        let data = std::ptr::from_ref(self.store.data()).cast::<u8>();
        fetch(data.wrapping_sub(STORE_BYTES), STORE_BYTES + size_of::<HostState>());
        fetch(self.memory, MEMORY_BYTES);
        fetch(turn.as_ptr(), turn.len().min(TURN_BYTES));
    }

    fn health(&mut self) -> Result<Health, Crash> {
        let Some(health) = self.exports.health else { return Ok(Health::default()) };
        self.begin(self.plan.turn_budget, false);
        let (answer,) = health.call(&mut self.store, ()).map_err(|error| self.crash(&error))?;
        // What `handle` returned last was read already: the guest may have used its memory again.
        Health::read(&answer).ok_or_else(|| {
            let what =
                format!("`health` returned {} bytes without a frame of the kind {}", answer.len(), effect::HEALTH);
            Crash::new(ReasonTag::HostError, what)
        })
    }

    fn stop(&mut self) {
        let Some(stop) = self.exports.stop else { return };
        self.begin(STOP_BUDGET, false);
        // The instance is dropped next, whatever happened.
        let _ = stop.call(&mut self.store, ());
    }
}

/// Asks the processor to fetch memory. Any address will do: nothing is read.
#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(start: *const u8, bytes: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for offset in (0..bytes).step_by(LINE) {
        // SAFETY: a prefetch has no effect but on the cache, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset).cast()) };
    }
}

/// Other processors are left to their own guesses: stable Rust has no prefetch for them.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_: *const u8, _: usize) {}
