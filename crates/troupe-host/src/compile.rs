//! From a component's bytes to code: through the cache if it has it, else by the compiler.

use std::fs::File;

use rayon::ThreadPoolBuilder;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{CodeBuilder, Engine};

use crate::Core;
use crate::component_cache::{Key, Stored};
use crate::error::HostError;

/// Compiled code in the engine's own format.
pub(crate) enum Code {
    /// Just compiled.
    Fresh(Vec<u8>),
    /// From the cache, verified.
    Cached(Stored),
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The code of a component, from the cache or new.
pub(crate) fn code(core: &Core, engine: &Engine, wasm: &[u8], hash: &[u8; 32]) -> Result<Code, HostError> {
    match core.cache().and_then(|cache| cache.read(&Key::of(hash, engine))) {
        Some(stored) => Ok(Code::Cached(stored)),
        None => Ok(Code::Fresh(fresh(core, engine, wasm, hash)?)),
    }
}

/// Compiles, and leaves the code in the cache.
pub(crate) fn fresh(core: &Core, engine: &Engine, wasm: &[u8], hash: &[u8; 32]) -> Result<Vec<u8>, HostError> {
    let bytes = compile(engine, wasm)?;
    if let Some(cache) = core.cache()
        && let Err(error) = cache.write(&Key::of(hash, engine), &bytes)
    {
        core.cache_unusable(&error.to_string());
    }
    Ok(bytes)
}

/// Compiles on threads of low priority, which end with the compilation: the process's other
/// threads keep their cores.
fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, HostError> {
    let build =
        || CodeBuilder::new(engine).wasm_binary(wasm, None).and_then(|builder| builder.compile_component_serialized());
    let pool =
        ThreadPoolBuilder::new().thread_name(|_| "troupe-compile".to_owned()).start_handler(|_| yield_to_others());
    let result = match pool.build() {
        Ok(pool) => pool.install(build),
        Err(_) => build(),
    };
    result.map_err(|error| HostError::invalid(format!("not a valid component: {}", error.root_cause())))
}

/// Lowers the calling thread's priority.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // On Linux a priority belongs to the thread. Without permission to change it nothing is lost.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 5);
    }
}

/// Loads code that this process compiled or has verified.
#[expect(unsafe_code, reason = "the engine cannot check that bytes are code it compiled")]
pub(crate) fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Component, HostError> {
    // SAFETY: the bytes come from `compile` or `Component::serialize` in this process, or from a cache
    // file that only this user can write and whose checksum was right when it was read into them.
    unsafe { Component::deserialize(engine, bytes) }.map_err(|error| HostError::Compile(error.to_string()))
}

/// Loads code from the cache.
pub(crate) fn load_stored(engine: &Engine, stored: &Stored) -> Result<Component, HostError> {
    match stored {
        Stored::Memory(file) => map(engine, file),
        Stored::Bytes(bytes) => deserialize(engine, bytes),
    }
}

/// Maps code from a file without a name.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the engine cannot check that a file is code it compiled, nor that it stays so")]
fn map(engine: &Engine, file: &File) -> Result<Component, HostError> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the cache has verified the checksum of what it copied into this file, and nobody else
    // has the file: it has no name, and it is never written again.
    unsafe { Component::deserialize_file(engine, path) }.map_err(|error| HostError::Compile(error.to_string()))
}

#[cfg(not(target_os = "linux"))]
fn map(_: &Engine, _: &File) -> Result<Component, HostError> {
    Err(HostError::Compile("there are no files without a name here".to_owned()))
}
