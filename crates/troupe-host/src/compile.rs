//! From a component's bytes to code: through the cache if it has it, else by the compiler.

use std::fs::File;
use std::ops::Range;

use rayon::ThreadPoolBuilder;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{CodeBuilder, Engine, Module};

use crate::Core;
use crate::component_cache::{Key, Stored};
use crate::error::HostError;
use crate::linker::Unit;

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

/// What code is made from.
pub(crate) struct Source<'a> {
    /// The component's bytes.
    pub(crate) wasm: &'a [u8],
    /// Their hash.
    pub(crate) hash: &'a [u8; 32],
    /// Where the module lies that is compiled in the component's place.
    pub(crate) module: Option<Range<usize>>,
}

impl Source<'_> {
    fn key(&self, engine: &Engine) -> Key {
        Key::of(self.hash, self.module.is_some(), engine)
    }
}

/// The code of a component, from the cache or new.
pub(crate) fn code(core: &Core, engine: &Engine, source: &Source<'_>) -> Result<Code, HostError> {
    match core.cache().and_then(|cache| cache.read(&source.key(engine))) {
        Some(stored) => Ok(Code::Cached(stored)),
        None => Ok(Code::Fresh(fresh(core, engine, source)?)),
    }
}

/// Compiles, and leaves the code in the cache.
pub(crate) fn fresh(core: &Core, engine: &Engine, source: &Source<'_>) -> Result<Vec<u8>, HostError> {
    let bytes = compile(engine, source)?;
    if let Some(cache) = core.cache()
        && let Err(error) = cache.write(&source.key(engine), &bytes)
    {
        core.cache_unusable(&error.to_string());
    }
    Ok(bytes)
}

/// Compiles on threads of low priority, which end with the compilation: the process's other
/// threads keep their cores.
fn compile(engine: &Engine, source: &Source<'_>) -> Result<Vec<u8>, HostError> {
    let build = || match &source.module {
        None => CodeBuilder::new(engine).wasm_binary(source.wasm, None)?.compile_component_serialized(),
        Some(range) => {
            // The engine looks at the module only; what is around it has to be right too.
            wasmparser::Validator::new().validate_all(source.wasm)?;
            let module = source.wasm.get(range.clone()).unwrap_or_default();
            CodeBuilder::new(engine).wasm_binary(module, None)?.compile_module_serialized()
        }
    };
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
pub(crate) fn deserialize(engine: &Engine, is_module: bool, bytes: &[u8]) -> Result<Unit, HostError> {
    let loaded = if is_module {
        // SAFETY: the bytes come from `compile` or `serialize` in this process, or from a cache file that
        // only this user can write and whose checksum was right when it was read into them.
        unsafe { Module::deserialize(engine, bytes) }.map(Unit::Module)
    } else {
        // SAFETY: as above.
        unsafe { Component::deserialize(engine, bytes) }.map(Unit::Component)
    };
    loaded.map_err(|error| HostError::Compile(error.to_string()))
}

/// Loads code from the cache.
pub(crate) fn load_stored(engine: &Engine, is_module: bool, stored: &Stored) -> Result<Unit, HostError> {
    match stored {
        Stored::Memory(file) => map(engine, is_module, file),
        Stored::Bytes(bytes) => deserialize(engine, is_module, bytes),
    }
}

/// Maps code from a file without a name.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the engine cannot check that a file is code it compiled, nor that it stays so")]
fn map(engine: &Engine, is_module: bool, file: &File) -> Result<Unit, HostError> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let loaded = if is_module {
        // SAFETY: the cache has verified the checksum of what it copied into this file, and nobody else
        // has the file: it has no name, and it is never written again.
        unsafe { Module::deserialize_file(engine, path) }.map(Unit::Module)
    } else {
        // SAFETY: as above.
        unsafe { Component::deserialize_file(engine, path) }.map(Unit::Component)
    };
    loaded.map_err(|error| HostError::Compile(error.to_string()))
}

#[cfg(not(target_os = "linux"))]
fn map(_: &Engine, _: bool, _: &File) -> Result<Unit, HostError> {
    Err(HostError::Compile("there are no files without a name here".to_owned()))
}
