//! A component instance as a behavior: one store per incarnation, one call per turn.
#![expect(unsafe_code, reason = "prefetching takes addresses, and a hint for it is kept as a pointer")]

use std::sync::Arc;

use troupe_actor::behavior::{Behavior, InlineTurn};
use troupe_actor::frame::effect;
use troupe_actor::health::Health;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use wasmtime::Store;

use crate::exports::{Exports, Output};
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
        self.output = self.exports.handle_on_fiber(&mut self.store, &self.turn).await?;
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
        self.begin(self.plan.start_budget, false);
        let text = match self.exports.start(&mut self.store, config) {
            None | Some(Ok(Ok(()))) => return Ok(()),
            Some(Ok(Err(text))) => text,
            Some(Err(error)) => {
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
        match self.exports.handle(&mut self.store, turn) {
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
        self.exports.bytes(&self.store, &self.output)
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
        self.begin(self.plan.turn_budget, false);
        let Some(answer) = self.exports.health(&mut self.store) else { return Ok(Health::default()) };
        let answer = answer.map_err(|error| self.crash(&error))?;
        // What `handle` returned last was read already: the guest may have used its memory again.
        Health::read(&answer).ok_or_else(|| {
            let what =
                format!("`health` returned {} bytes without a frame of the kind {}", answer.len(), effect::HEALTH);
            Crash::new(ReasonTag::HostError, what)
        })
    }

    fn stop(&mut self) {
        self.begin(STOP_BUDGET, false);
        // The instance is dropped next, whatever happened.
        let _ = self.exports.stop(&mut self.store);
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
