//! The class that TypeScript holds, and what its functions share.

#![allow(unsafe_code, reason = "the wake-up and the clean-up hook are made with Node's C interface")]

use std::ffi::c_void;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use napi::bindgen_prelude::{Either, JsValue, Uint8Array, Uint32Array, Unknown};
use napi::{Env, sys};
use napi_derive::napi;
use parking_lot::{Mutex, RwLock};
use troupe_actor::behavior::NoFactory;
use troupe_actor::cell::Waiter;
use troupe_actor::error::SpawnError;
use troupe_actor::event::Event;
use troupe_actor::frame;
use troupe_actor::port::Port;
use troupe_actor::record;
use troupe_actor::shard::EndRequest;
use troupe_actor::spec::{ActorSpec, External, SpawnArgs};
use troupe_actor::system::{ActorSystem, Spawned, SystemConfig};
use troupe_broker::broker::Broker;
use troupe_broker::limits::Limits;
use troupe_host::{Host, HostConfig, HostEvent, HostEvents, LoadedComponent, TrapHandling};

use crate::convert::{self, NativeAudit, NativeDeadLetter, NativeStatus, NativeVitals, from_words};
use crate::error::{Failure, number};
use crate::event_sink::{MESSAGES, WATER};
use crate::hot;
use crate::loader::{self, Request, Source};
use crate::options::{NativeSpawnOptions, NativeSystemOptions};
use crate::port::EnvPort;
use crate::slab::Slab;

type Result<T> = std::result::Result<T, napi::Error<String>>;

/// Everything behind one system of one environment.
pub struct Core {
    pub system: ActorSystem,
    pub host: Host,
    pub port: Arc<EnvPort>,
    pub port_index: u32,
    inline: bool,
    components: RwLock<Vec<Arc<LoadedComponent>>>,
    specs: RwLock<Vec<Option<Arc<ActorSpec>>>>,
    /// Submit and scratch: used on the environment's thread only.
    buffers: OnceLock<[Slab; 2]>,
    closed: AtomicBool,
    loader: Mutex<Option<Sender<Request>>>,
}

/// Tells the environment what the host met.
struct HostReports(Arc<EnvPort>);

impl HostEvents for HostReports {
    fn emit(&self, event: HostEvent) {
        let (name, text) = match event {
            HostEvent::PoolOverflow { component, slots, slot_bytes, count } => (
                "pool:overflow",
                format!(
                    "the pool of {slots} instances of {slot_bytes} bytes is full: {count} were made beside it so far, \
                     the last of component {component}"
                ),
            ),
            HostEvent::CacheUnusable { path, reason } => {
                ("cache:unusable", format!("the cache directory {} cannot be used: {reason}", path.display()))
            }
            _ => return,
        };
        self.0.host_event(Event::Host { name, text });
    }
}

impl Core {
    fn new(options: &NativeSystemOptions) -> std::result::Result<Arc<Self>, Failure> {
        let port = Arc::new(EnvPort::new());
        let config = HostConfig {
            cache_dir: match &options.cache_dir {
                Either::A(dir) => Some(PathBuf::from(dir)),
                Either::B(_) => None,
            },
            trap_handling: if options.trap_handling == "explicit" {
                TrapHandling::Explicit
            } else {
                TrapHandling::Signals
            },
            pooled_slots: options.pool_memory as usize,
            trap_backtrace: options.trap_backtrace,
        };
        let host =
            Host::new(config, Arc::new(HostReports(Arc::clone(&port)))).map_err(|error| Failure::from(&error))?;
        let config = SystemConfig {
            shards: options.threads,
            spare_threads: options.spare_threads as usize,
            dead_letters: options.dead_letters as usize,
            captured_bytes: options.captured_bytes as usize,
            seed: options.seed as u64,
            clock: options.clock(),
            topics: Arc::new(Broker::new(options.threads as usize, Limits::default())),
            unheard_letters: options.unheard_letters,
        };
        let system = ActorSystem::new(&config, host.ticker())
            .map_err(|error| Failure::new(number::INTERNAL, error.to_string()))?;
        system.shared().set_patience(options.patience());
        let port_index = system.attach(Arc::clone(&port) as Arc<dyn Port>);
        Ok(Arc::new(Self {
            system,
            host,
            port,
            port_index,
            inline: options.inline,
            components: RwLock::default(),
            specs: RwLock::default(),
            buffers: OnceLock::new(),
            closed: AtomicBool::new(false),
            loader: Mutex::default(),
        }))
    }

    /// Runs something on the submit buffer; `-1` once the system is closed.
    pub fn with_submit(&self, act: impl FnOnce(&Slab) -> i64) -> i64 {
        self.buffers.get().filter(|_| !self.is_closed()).map_or(-1, |[submit, _]| act(submit))
    }

    /// Runs something on the scratch buffer; `-1` once the system is closed.
    pub fn with_scratch(&self, act: impl FnOnce(&Slab) -> i64) -> i64 {
        self.buffers.get().filter(|_| !self.is_closed()).map_or(-1, |[_, scratch]| act(scratch))
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Keeps a component; the number is what TypeScript holds. One that was loaded before has it already.
    pub fn add_component(&self, component: Arc<LoadedComponent>) -> u32 {
        let mut components = self.components.write();
        let place = components.iter().position(|known| Arc::ptr_eq(known, &component)).unwrap_or(components.len());
        if place == components.len() {
            components.push(component);
        }
        place as u32
    }

    /// Keeps what actors are made from; the number is what TypeScript holds.
    fn add_spec(&self, spec: ActorSpec) -> u32 {
        let mut specs = self.specs.write();
        let place = specs.iter().position(Option::is_none).unwrap_or(specs.len());
        if place == specs.len() {
            specs.push(None);
        }
        if let Some(slot) = specs.get_mut(place) {
            *slot = Some(Arc::new(spec));
        }
        place as u32
    }

    /// What actors of a component are made from.
    pub fn component_spec(
        &self,
        component: u32,
        options: &NativeSpawnOptions,
    ) -> std::result::Result<ActorSpec, Failure> {
        let component = self.components.read().get(component as usize).cloned();
        let component = component.ok_or_else(|| Failure::new(number::INTERNAL, "no such component"))?;
        let factory = self.host.factory(&component, options.limits()).map_err(|error| Failure::from(&error))?;
        Ok(ActorSpec { inline: options.inline && self.inline, ..options.actor_spec(factory) })
    }

    /// What actors that the environment runs are made from.
    pub fn external_spec(&self, definition: u32, options: &NativeSpawnOptions) -> ActorSpec {
        let external = External { port: self.port_index, definition, handler_ms: options.handler_ms() };
        ActorSpec { external: Some(external), ..options.actor_spec(Arc::new(NoFactory)) }
    }

    /// Spawns what the scratch buffer describes: lengths of name and configuration, the name
    /// padded to eight bytes, the configuration.
    pub fn spawn(&self, scratch: &Slab, spec: u32, slot: u32) -> std::result::Result<Spawned, SpawnError> {
        let Some(spec) = self.specs.read().get(spec as usize).cloned().flatten() else { return Err(SpawnError::Full) };
        let bytes = scratch.bytes(scratch.len());
        let name_len = frame::word(bytes, 0).unwrap_or(0) as usize;
        let user_len = frame::word(bytes, 4).unwrap_or(0) as usize;
        let name = bytes.get(8..8 + name_len).filter(|name| !name.is_empty());
        let user_at = 8 + name_len.next_multiple_of(8);
        let user = bytes.get(user_at..user_at + user_len).filter(|user| !user.is_empty());
        let args = SpawnArgs {
            name: name.map(|name| Arc::from(String::from_utf8_lossy(name).as_ref())),
            user: user.map(Box::from),
        };
        self.system.spawn(&spec, args, Some(self.waiter(slot)))
    }

    pub const fn port_index(&self) -> u32 {
        self.port_index
    }

    pub const fn waiter(&self, slot: u32) -> Waiter {
        Waiter { port: self.port_index, slot }
    }

    /// Ends everything that belongs to the environment. On its thread; once.
    fn close(&self, env: sys::napi_env) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.set_listens(0);
        let (slabs, wake) = self.port.close();
        self.system.shared().detach(self.port_index);
        self.system.close();
        *self.loader.lock() = None;
        if !wake.is_null() {
            // SAFETY: the port is closed, so nobody calls it any more; this is its environment's thread.
            unsafe {
                sys::napi_release_threadsafe_function(wake, sys::ThreadsafeFunctionReleaseMode::abort);
            }
        }
        for slab in slabs.iter().flatten().chain(self.buffers.get().into_iter().flatten()) {
            slab.release(env);
        }
    }

    fn set_listens(&self, mask: u32) {
        let before = self.port.set_listens(mask);
        let shared = self.system.shared();
        if (before != 0) != (mask != 0) {
            shared.listen(mask != 0);
        }
        if (before ^ mask) & WATER != 0 {
            shared.listen_to_water(mask & WATER != 0);
        }
        if (before ^ mask) & MESSAGES != 0 {
            self.system.listen_to_messages(mask & MESSAGES != 0);
        }
    }
}

/// Node calls this before it frees the environment.
unsafe extern "C" fn clean_up(data: *mut c_void) {
    // SAFETY: `data` is the box made in `attach`; the hook runs once, or is removed before.
    let hook = unsafe { Box::from_raw(data.cast::<Hook>()) };
    // A panic must not unwind into Node.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hook.core.close(hook.env)));
}

struct Hook {
    core: Arc<Core>,
    env: sys::napi_env,
}

/// A system of actors, as TypeScript holds it.
#[napi]
pub struct NativeSystem {
    pub(crate) core: Arc<Core>,
    hook: Option<*mut c_void>,
}

#[napi]
impl NativeSystem {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: NativeSystemOptions) -> Result<Self> {
        Ok(Self { core: Core::new(&options)?, hook: None })
    }

    #[napi(catch_unwind)]
    pub fn attach(
        &mut self,
        env: Env,
        submit: Unknown<'_>,
        complete_a: Unknown<'_>,
        complete_b: Unknown<'_>,
        scratch: Unknown<'_>,
        wake: Unknown<'_>,
    ) -> Result<u32> {
        let completions = [Slab::new(env, &complete_a)?, Slab::new(env, &complete_b)?];
        let buffers = [Slab::new(env, &submit)?, Slab::new(env, &scratch)?];
        let wake = weak_wake(env, &wake)?;
        if self.core.buffers.set(buffers).is_err() {
            return Err(Failure::new(number::INTERNAL, "attach: called twice").into());
        }
        self.core.port.open(completions, wake);
        let hook = Box::into_raw(Box::new(Hook { core: Arc::clone(&self.core), env: env.raw() })).cast::<c_void>();
        // SAFETY: `hook` lives until `clean_up` takes it, or `close` removes the hook and takes it.
        unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(clean_up), hook) };
        self.hook = Some(hook);
        Ok(self.core.port_index)
    }

    #[napi(catch_unwind)]
    pub fn hot(&self, env: Env) -> Result<Unknown<'static>> {
        let object = hot::object(env, &self.core)?;
        // SAFETY: `object` is a live handle of `env`, returned to JavaScript in this very call.
        let value =
            unsafe { <Unknown<'static> as napi::bindgen_prelude::FromNapiValue>::from_napi_value(env.raw(), object) };
        value.map_err(|error| Failure::new(number::INTERNAL, error.reason.clone()).into())
    }

    #[napi(catch_unwind)]
    pub fn submit_large(&self, header: Uint32Array, payload: Uint8Array) {
        let mut record: Vec<u8> = header.iter().take(10).flat_map(|word| word.to_le_bytes()).collect();
        record.extend_from_slice(&payload);
        let padded = record.len().next_multiple_of(8);
        record.resize(padded, 0);
        if record::read(&record, 0).is_some_and(|record| record.frame.kind == record::kind::PUBLISH) {
            return self.core.system.inject_published(&record, false);
        }
        self.core.system.inject(&record);
    }

    #[napi(catch_unwind)]
    pub fn load(&self, source: Either<String, Uint8Array>, slot: u32) -> Result<()> {
        let source = match source {
            Either::A(path) => Source::File(PathBuf::from(path)),
            Either::B(bytes) => Source::Bytes(bytes.to_vec()),
        };
        let mut loader = self.core.loader.lock();
        if loader.is_none() {
            let started = loader::start(Arc::downgrade(&self.core));
            *loader = Some(started.map_err(|error| Failure::new(number::INTERNAL, error.to_string()))?);
        }
        let sent = loader.as_ref().is_some_and(|loader| loader.send(Request { source, slot }).is_ok());
        if sent { Ok(()) } else { Err(Failure::new(number::INTERNAL, "the loader thread has ended").into()) }
    }

    #[napi(catch_unwind)]
    pub fn prepare(&self, component: u32, options: NativeSpawnOptions) -> Result<u32> {
        Ok(self.core.add_spec(self.core.component_spec(component, &options)?))
    }

    #[napi(catch_unwind)]
    pub fn prepare_external(&self, definition: u32, options: NativeSpawnOptions) -> u32 {
        self.core.add_spec(self.core.external_spec(definition, &options))
    }

    #[napi(catch_unwind)]
    pub fn release(&self, spec: u32) {
        if let Some(place) = self.core.specs.write().get_mut(spec as usize) {
            *place = None;
        }
    }

    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "numbers cross cheaper than an object")]
    pub fn stop(&self, index: u32, tag_lo: u32, tag_hi: u32, drain: bool, grace_ms: f64, slot: u32) {
        let grace_ms = if grace_ms.is_finite() { grace_ms as u64 } else { u64::MAX };
        let request = EndRequest { drain, grace_ms, waiter: Some(self.core.waiter(slot)) };
        self.core.system.end(from_words(index, tag_lo, tag_hi), request);
    }

    #[napi(catch_unwind)]
    pub fn kill(&self, index: u32, tag_lo: u32, tag_hi: u32) -> bool {
        self.core.system.kill(from_words(index, tag_lo, tag_hi))
    }

    #[napi(catch_unwind)]
    pub fn set_state(&self, index: u32, tag_lo: u32, tag_hi: u32, state: Uint8Array) -> bool {
        self.core.system.set_state(from_words(index, tag_lo, tag_hi), Box::from(&*state))
    }

    #[napi(catch_unwind)]
    pub fn watch(&self, index: u32, tag_lo: u32, tag_hi: u32, slot: u32) {
        self.core.system.watch(from_words(index, tag_lo, tag_hi), self.core.waiter(slot));
    }

    #[napi(catch_unwind)]
    pub fn status(&self, index: u32, tag_lo: u32, tag_hi: u32) -> Option<NativeStatus> {
        self.core.system.status(from_words(index, tag_lo, tag_hi)).as_ref().map(NativeStatus::from)
    }

    #[napi(catch_unwind)]
    pub fn find(&self, name: String) -> Option<(u32, u32, u32, u32, u32, String)> {
        let found = self.core.system.find_holder(&name)?;
        let [index, tag_lo, tag_hi, id_lo, id_hi] = convert::address(found.address, Some(found.id));
        Some((index, tag_lo, tag_hi, id_lo, id_hi, found.path))
    }

    #[napi(catch_unwind)]
    pub fn actors(&self) -> Vec<NativeStatus> {
        self.core.system.statuses().iter().map(NativeStatus::from).collect()
    }

    #[napi(catch_unwind)]
    pub fn audit(&self) -> NativeAudit {
        let hub = &self.core.system.shared().hub;
        convert::audit(&self.core.system.audit(), hub.unheard(), self.core.port.dropped())
    }

    #[napi(catch_unwind)]
    pub fn dead_letters(&self) -> Vec<NativeDeadLetter> {
        let letter = |letter| convert::dead_letter(&self.core.system, &letter);
        self.core.system.dead_letters().into_iter().map(letter).collect()
    }

    #[napi(catch_unwind)]
    pub fn dead_letter(&self, id: f64) -> Option<NativeDeadLetter> {
        let letter = self.core.system.shared().find_dead_letter(id as u64)?;
        Some(convert::dead_letter(&self.core.system, &letter))
    }

    #[napi(catch_unwind)]
    pub fn listen(&self, mask: u32) {
        self.core.set_listens(mask);
    }

    #[napi(catch_unwind)]
    pub fn busy(&self) -> bool {
        self.core.system.is_busy()
    }

    #[napi(catch_unwind)]
    pub fn vitals(&self) -> NativeVitals {
        let vitals = self.core.system.vitals();
        NativeVitals { live: vitals.live && !self.core.is_closed(), ready: vitals.ready, started: vitals.started }
    }

    #[napi(catch_unwind)]
    pub fn shutdown(&self, deadline_ms: f64, slot: u32) {
        let deadline_ms = if deadline_ms.is_finite() { deadline_ms as u64 } else { u64::from(u32::MAX) };
        self.core.system.shutdown(deadline_ms, self.core.waiter(slot));
    }

    #[napi(catch_unwind)]
    pub fn close(&mut self, env: Env) {
        self.core.close(env.raw());
        if let Some(hook) = self.hook.take() {
            // SAFETY: the hook was added with these very arguments and has not run: it would have
            // ended the environment. After its removal the box is ours again.
            unsafe {
                sys::napi_remove_env_cleanup_hook(env.raw(), Some(clean_up), hook);
                drop(Box::from_raw(hook.cast::<Hook>()));
            }
        }
    }
}

/// A thread-safe function that calls `wake` without arguments and does not keep the process alive.
fn weak_wake(env: Env, wake: &Unknown<'_>) -> std::result::Result<sys::napi_threadsafe_function, Failure> {
    let refused = |status| Failure::new(number::INTERNAL, format!("attach: Node refused the wake-up: status {status}"));
    let raw = env.raw();
    let (mut name, mut function) = (ptr::null_mut(), ptr::null_mut());
    let text = "troupe";
    // SAFETY: all handles belong to `env`, and the outputs are valid places.
    let status = unsafe {
        sys::napi_create_string_utf8(raw, text.as_ptr().cast(), text.len() as isize, &raw mut name);
        sys::napi_create_threadsafe_function(
            raw,
            wake.raw(),
            ptr::null_mut(),
            name,
            0,
            1,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
            None,
            &raw mut function,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(refused(status));
    }
    // SAFETY: the function was just made by this environment.
    let status = unsafe { sys::napi_unref_threadsafe_function(raw, function) };
    if status == sys::Status::napi_ok { Ok(function) } else { Err(refused(status)) }
}
