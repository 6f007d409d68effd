//! A buffer that TypeScript owns and both sides see.

#![allow(unsafe_code, reason = "the memory belongs to a SharedArrayBuffer, which only a pointer reaches")]

use napi::bindgen_prelude::JsValue;
use napi::{Env, bindgen_prelude::Unknown, sys};

use crate::error::{Failure, number};

/// A view into a `SharedArrayBuffer`, kept alive by a reference of the environment.
pub struct Slab {
    data: *mut u8,
    len: usize,
    reference: sys::napi_ref,
}

// SAFETY: the pointer is only used under the port's lock or, for the submit and scratch buffers,
// on the environment's own thread; the memory stays until the reference is deleted, and the port
// is closed before that. A racing write by JavaScript changes bytes, never sizes: every length
// that is read from the buffer is checked against `len`.
unsafe impl Send for Slab {}
// SAFETY: as above.
unsafe impl Sync for Slab {}

impl Slab {
    /// Takes a `Uint8Array` over a `SharedArrayBuffer`.
    pub fn new(env: Env, value: &Unknown<'_>) -> Result<Self, Failure> {
        let refused = || Failure::new(number::INTERNAL, "attach: expected a Uint8Array over a SharedArrayBuffer");
        let (mut len, mut data, mut reference) = (0usize, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: `value` is a live handle of `env`; the outputs are valid places.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env.raw(),
                value.raw(),
                std::ptr::null_mut(),
                &raw mut len,
                &raw mut data,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || data.is_null() || !(data as usize).is_multiple_of(8) {
            return Err(refused());
        }
        // SAFETY: as above.
        let status = unsafe { sys::napi_create_reference(env.raw(), value.raw(), 1, &raw mut reference) };
        if status != sys::Status::napi_ok {
            return Err(refused());
        }
        Ok(Self { data: data.cast(), len, reference })
    }

    /// Bytes it has.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The first `len` bytes; fewer if it has fewer.
    pub fn bytes(&self, len: usize) -> &[u8] {
        // SAFETY: the memory is live (see above) and `min` keeps the slice inside it.
        unsafe { std::slice::from_raw_parts(self.data, len.min(self.len)) }
    }

    /// Writes at `at`; false when it does not fit.
    pub fn write(&self, at: usize, bytes: &[u8]) -> bool {
        if at > self.len || bytes.len() > self.len - at {
            return false;
        }
        // SAFETY: the range was checked; source and target are different allocations.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(at), bytes.len()) };
        true
    }

    /// Lets go of the memory. Only on the environment's thread, and only once nobody uses it.
    pub fn release(&self, env: sys::napi_env) {
        // SAFETY: the reference is live until here; the port is closed, so nobody uses the memory.
        unsafe { sys::napi_delete_reference(env, self.reference) };
    }
}
