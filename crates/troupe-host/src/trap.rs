//! The only place that looks into the engine's errors: each becomes one of a closed list of crashes.

use troupe_actor::reason::{Crash, ReasonTag};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::capability::wasi::Blocked;
use crate::state::{Ended, HostState};

/// Guest frames kept.
const FRAMES: usize = 16;

/// Whether the pool had no slot or no stack left: nothing ran.
pub(crate) fn is_pool_full(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>()
}

/// Classifies what ended a turn or a start.
pub(crate) fn crash(error: &wasmtime::Error, state: &HostState) -> Crash {
    let trap = error.downcast_ref::<Trap>().copied();
    let (tag, message) = classify(error, trap, state);
    let mut crash = Crash::new(tag, message);
    trap.map(kind).unwrap_or_default().clone_into(&mut crash.trap);
    crash.backtrace = backtrace(error);
    crash.stderr = state.wasi.as_ref().map(|wasi| wasi.stderr_tail()).unwrap_or_default();
    crash
}

/// Classifies what ended a start.
pub(crate) fn start_crash(error: &wasmtime::Error, state: &HostState) -> Crash {
    let mut crash = crash(error, state);
    if crash.tag == ReasonTag::Normal {
        // Nobody who leaves has come up.
        crash.tag = ReasonTag::StartFailed;
        "the guest left during its start".clone_into(&mut crash.message);
    }
    if crash.tag == ReasonTag::Deadline {
        crash.tag = ReasonTag::StartTimeout;
        crash.message = format!("coming up used up its {} ms of processor time", state.turn.budget() / 1_000_000);
    }
    crash
}

fn classify(error: &wasmtime::Error, trap: Option<Trap>, state: &HostState) -> (ReasonTag, String) {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return match exit.0 {
            0 => (ReasonTag::Normal, String::new()),
            status => (ReasonTag::Exit, format!("the guest exited with status {status}")),
        };
    }
    let ended = state.turn.ended.or_else(|| error.downcast_ref::<Blocked>().map(|blocked| blocked.0));
    match (ended, trap) {
        (Some(Ended::Killed), _) => (ReasonTag::Killed, "killed while it ran".to_owned()),
        (Some(Ended::Deadline), _) => (ReasonTag::Deadline, deadline_text(state.turn.budget())),
        (Some(Ended::Evicted), _) => {
            (ReasonTag::Deadline, "it ran longest when no thread was left for the others".to_owned())
        }
        (None, Some(Trap::StackOverflow)) => (ReasonTag::StackOverflow, "the guest's stack was used up".to_owned()),
        (None, Some(Trap::OutOfFuel)) => (ReasonTag::Fuel, "the guest's fuel was used up".to_owned()),
        (None, Some(Trap::AllocationTooLarge)) => (ReasonTag::Oom, "an allocation was too large".to_owned()),
        (None, Some(_)) if state.limiter.refused => {
            (ReasonTag::Oom, "the guest's memory or table limit was reached".to_owned())
        }
        (None, Some(Trap::CannotEnterComponent | Trap::CannotLeaveComponent)) => {
            (ReasonTag::HostError, error.root_cause().to_string())
        }
        (None, Some(trap)) => (ReasonTag::Trap, trap.to_string()),
        (None, None) => (ReasonTag::HostError, error.root_cause().to_string()),
    }
}

fn deadline_text(budget: u64) -> String {
    format!("the handler used up its {} ms of processor time", budget / 1_000_000)
}

/// The engine's name of a trap.
fn kind(trap: Trap) -> &'static str {
    match trap {
        Trap::StackOverflow => "stack-overflow",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::HeapMisaligned => "heap-misaligned",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull => "indirect-call-to-null",
        Trap::BadSignature => "bad-signature",
        Trap::IntegerOverflow => "integer-overflow",
        Trap::IntegerDivisionByZero => "integer-division-by-zero",
        Trap::BadConversionToInteger => "bad-conversion-to-integer",
        Trap::UnreachableCodeReached => "unreachable",
        Trap::Interrupt => "interrupt",
        Trap::NullReference => "null-reference",
        Trap::OutOfFuel => "out-of-fuel",
        Trap::CannotEnterComponent => "cannot-enter-component",
        Trap::CannotLeaveComponent => "cannot-leave-component",
        Trap::AllocationTooLarge => "allocation-too-large",
        _ => "other",
    }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    trace.frames().iter().take(FRAMES).map(frame).collect()
}

fn frame(frame: &wasmtime::FrameInfo) -> String {
    let name = frame
        .func_name()
        .map_or_else(|| format!("function {}", frame.func_index()), |name| Crash::cut(name).to_owned());
    match (frame.module().name(), frame.module_offset()) {
        (Some(module), Some(offset)) => format!("{name} ({module} +0x{offset:x})"),
        (None, Some(offset)) => format!("{name} (+0x{offset:x})"),
        (Some(module), None) => format!("{name} ({module})"),
        (None, None) => name,
    }
}
