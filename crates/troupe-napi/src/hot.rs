//! The hot path: six functions that take and give numbers, made with Node's C interface directly,
//! because napi-rs's argument conversion costs more than the rest of the crossing. Each runs its
//! body through [`guard`], which catches unwinding.

#![allow(unsafe_code, reason = "functions of Node's C interface are made and called by pointer")]

use std::cell::Cell;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::{Env, sys};
use troupe_actor::ask::AskError;
use troupe_actor::record;
use troupe_actor::system::{CrashedAsk, Inline};

use crate::error::{Failure, crash_json, number, spawn_failure};
use crate::system::Core;

/// Of a flush: about actors of this environment.
const HERE: u32 = 1;
/// Nothing was done.
const NOT_RUN: i64 = -1;
/// Accepted; the answer comes as a completion.
const ACCEPTED: i64 = -2;
/// Errors are this less their number.
const FAILED: i64 = -16;

type Body = fn(&Core, u32, u32) -> i64;

/// One function: what it does, and for which system.
struct Bound {
    core: Arc<Core>,
    body: Body,
}

const FUNCTIONS: [(&CStr, Body); 5] =
    [(c"flush", flush), (c"askInline", ask_inline), (c"drain", drain), (c"poll", poll), (c"spawn", spawn)];

/// Makes the object that holds the functions.
pub fn object(env: Env, core: &Arc<Core>) -> Result<sys::napi_value, Failure> {
    let raw = env.raw();
    let mut object = ptr::null_mut();
    // SAFETY: `raw` is the live environment of this call; the output is a valid place.
    check(unsafe { sys::napi_create_object(raw, &raw mut object) })?;
    for (name, body) in FUNCTIONS {
        add(raw, object, name, call_numbers, Bound { core: Arc::clone(core), body })?;
    }
    add(raw, object, c"takeLarge", call_take_large, Bound { core: Arc::clone(core), body: flush })?;
    Ok(object)
}

fn add(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
    callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    bound: Bound,
) -> Result<(), Failure> {
    let mut function = ptr::null_mut();
    let data = Box::into_raw(Box::new(bound)).cast::<c_void>();
    // SAFETY: all handles belong to `env`; `data` is freed by the finalizer, which Node runs after
    // the last call of the function.
    check(unsafe { sys::napi_create_function(env, name.as_ptr(), -1, Some(callback), data, &raw mut function) })?;
    // SAFETY: as above.
    check(unsafe { sys::napi_add_finalizer(env, function, data, Some(finalize), ptr::null_mut(), ptr::null_mut()) })?;
    // SAFETY: as above.
    check(unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), function) })
}

fn check(status: sys::napi_status) -> Result<(), Failure> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Failure::new(number::INTERNAL, format!("Node refused a call of its interface: status {status}")))
    }
}

unsafe extern "C" fn finalize(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` is the box made in `add`; Node calls this once.
    let bound = unsafe { Box::from_raw(data.cast::<Bound>()) };
    // Dropping the last handle of a system runs no JavaScript, and waits for no guest; a panic in it must
    // not unwind into Node.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(bound)));
}

/// Runs a body; a panic becomes an internal error.
fn guard(body: impl FnOnce() -> i64) -> i64 {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(FAILED - i64::from(number::INTERNAL))
}

unsafe extern "C" fn call_numbers(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut args, mut data) = (2usize, [ptr::null_mut(); 2], ptr::null_mut());
    // SAFETY: `info` belongs to this call; two places for arguments, as `count` says.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, args.as_mut_ptr(), ptr::null_mut(), &raw mut data);
    }
    let mut numbers = [0u32; 2];
    for (number, arg) in numbers.iter_mut().zip(args).take(count) {
        // SAFETY: `arg` is a live handle of this call; what is no number leaves zero.
        unsafe { sys::napi_get_value_uint32(env, arg, number) };
    }
    // SAFETY: `data` is the box made in `add`, alive until the finalizer runs.
    let bound = unsafe { &*data.cast::<Bound>() };
    let result = guard(|| (bound.body)(&bound.core, numbers[0], numbers[1]));
    let mut value = ptr::null_mut();
    // SAFETY: the output is a valid place.
    unsafe { sys::napi_create_int64(env, result, &raw mut value) };
    value
}

unsafe extern "C" fn call_take_large(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut arg, mut data) = (1usize, ptr::null_mut(), ptr::null_mut());
    let mut id = 0u32;
    // SAFETY: as in `call_numbers`.
    let bound = unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, &raw mut arg, ptr::null_mut(), &raw mut data);
        sys::napi_get_value_uint32(env, arg, &raw mut id);
        &*data.cast::<Bound>()
    };
    let mut bytes = Vec::new();
    guard(|| {
        bytes = bound.core.port.take_large(id).unwrap_or_default();
        0
    });
    let (mut place, mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: Node makes `bytes.len()` bytes at `place`, which nobody else sees yet.
    unsafe {
        if sys::napi_create_arraybuffer(env, bytes.len(), &raw mut place, &raw mut buffer) == sys::Status::napi_ok {
            if !bytes.is_empty() {
                ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast::<u8>(), bytes.len());
            }
            sys::napi_create_typedarray(env, sys::TypedarrayType::uint8_array, bytes.len(), buffer, 0, &raw mut array);
        }
    }
    array
}

/// Takes the first `bytes` of the submit buffer. With [`HERE`], what they lead to for actors of this
/// environment happens at once; 2 says that some publish. With either, the result says whether
/// completions wait.
fn flush(core: &Core, bytes: u32, how: u32) -> i64 {
    core.with_submit(|submit| {
        let records = submit.bytes(bytes as usize);
        match how {
            HERE => core.system.inject_here(records),
            0 => {
                core.system.inject(records);
                return 0;
            }
            _ => core.system.inject_published(records, how & HERE != 0),
        }
        i64::from(core.port.is_waiting())
    })
}

fn drain(core: &Core, _: u32, _: u32) -> i64 {
    i64::from(core.port.drain())
}

/// Looks for completions for a moment, so that the event loop need not be woken for them.
fn poll(core: &Core, nanos: u32, _: u32) -> i64 {
    if core.port.is_waiting() {
        return 1;
    }
    core.port.linger();
    let start = Instant::now();
    let limit = Duration::from_nanos(u64::from(nanos));
    loop {
        for _ in 0..16 {
            if core.port.is_waiting() {
                return 1;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= limit {
            core.port.rearm();
            return i64::from(core.port.is_waiting());
        }
    }
}

thread_local! {
    /// The last inline answer's buffer, for the next one.
    static ANSWER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn ask_inline(core: &Core, bytes: u32, _: u32) -> i64 {
    core.with_scratch(|scratch| {
        let mut answer = ANSWER.take();
        let request = scratch.bytes(bytes as usize);
        let slot = record::read(request, 0).map_or(0, |record| record.frame.corr);
        let result = match core.system.ask_inline(request, &mut answer) {
            Inline::Declined => NOT_RUN,
            Inline::Pending | Inline::Settled => ACCEPTED,
            Inline::Answered { failed: true } => failed(scratch, AskError::HandlerError as u32, &answer),
            Inline::Crashed(ask) => crashed(core, scratch, slot, &ask),
            Inline::Answered { failed: false } if scratch.write(0, &answer) => answer.len() as i64,
            Inline::Answered { failed: false } => {
                core.port.complete(slot, 0, 0, &answer);
                ACCEPTED
            }
        };
        ANSWER.set(answer);
        result
    })
}

/// Leaves what is known about a crash in the scratch buffer, if it is not too much for it.
#[cold]
fn crashed(core: &Core, scratch: &crate::slab::Slab, slot: u32, ask: &CrashedAsk) -> i64 {
    let report = crash_json(Some(&ask.actor), &ask.crash);
    if report.len() + 8 <= scratch.len() {
        return failed(scratch, AskError::Crashed as u32, &report);
    }
    core.port.complete(slot, AskError::Crashed as u32, 0, &report);
    ACCEPTED
}

/// Leaves an error's payload in the scratch buffer: its length, and from byte 8 on the payload.
fn failed(scratch: &crate::slab::Slab, status: u32, payload: &[u8]) -> i64 {
    let kept = payload.get(..payload.len().min(scratch.len().saturating_sub(8))).unwrap_or_default();
    scratch.write(0, &(kept.len() as u32).to_le_bytes());
    scratch.write(8, kept);
    FAILED - i64::from(status)
}

fn spawn(core: &Core, spec: u32, slot: u32) -> i64 {
    core.with_scratch(|scratch| match core.spawn(scratch, spec, slot) {
        Ok(spawned) => {
            for (place, word) in crate::convert::address(spawned.address, Some(spawned.id)).iter().enumerate() {
                scratch.write(place * 4, &word.to_le_bytes());
            }
            i64::from(!spawned.ready)
        }
        Err(error) => {
            let (number, payload) = spawn_failure(&error);
            failed(scratch, number, &payload)
        }
    })
}
