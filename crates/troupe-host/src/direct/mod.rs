//! Calls a component that is one core module without the engine's component machinery, which takes
//! longer than a short turn does (`Shape` says which components those are).
//!
//! What the canonical ABI asks of a host is done here for the functions of a guest: room from the guest's
//! own `realloc`, bytes copied in, addresses checked, results read where they lie, `post-return` after
//! that. Anything else about the module, its limits, its traps, is the engine's as ever.
#![expect(unsafe_code, reason = "types are checked once per module instead of once per call")]

mod shape;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wasmtime::{
    Engine, ExternType, Func, Instance, InstancePre, Linker, Memory, Module, ModuleExport, Store, Trap, TypedFunc,
    ValRaw, ValType,
};

use crate::error::HostError;
use crate::state::HostState;
use crate::trap;

pub(crate) use shape::Shape;

/// `list<u8>` as a result: address and length.
const LIST_BYTES: usize = 8;
/// `result<_, string>` as a result: which of the two, address and length.
const RESULT_BYTES: usize = 12;

/// A module linked on one engine, its exports found and their types checked.
pub(crate) struct Linked {
    module: Module,
    pre: InstancePre<HostState>,
    memory: ModuleExport,
    realloc: ModuleExport,
    handle: Entry,
    start: Option<Entry>,
    stop: Option<Entry>,
    health: Option<Entry>,
}

/// A core function behind an export, and what is called after its result was read.
struct Entry {
    func: ModuleExport,
    post_return: Option<ModuleExport>,
}

impl Linked {
    pub(crate) fn new(engine: &Engine, module: Module, shape: &Shape) -> Result<Self, HostError> {
        let pre = Linker::new(engine).instantiate_pre(&module).map_err(|e| HostError::invalid(e.to_string()))?;
        let memory = match module.get_export(&shape.memory) {
            Some(ExternType::Memory(ty)) if !ty.is_64() && !ty.is_shared() => index(&module, &shape.memory)?,
            _ => return Err(HostError::invalid(format!("`{}` is no memory of 32 bits", shape.memory))),
        };
        let entry = |lift: &shape::Lift, params: usize, results: usize| -> Result<Entry, HostError> {
            let post_return = lift.post_return.as_deref().map(|name| func(&module, name, results, 0)).transpose()?;
            Ok(Entry { func: func(&module, &lift.func, params, results)?, post_return })
        };
        let some = |lift: &Option<shape::Lift>, params: usize, results: usize| {
            lift.as_ref().map(|lift| entry(lift, params, results)).transpose()
        };
        Ok(Self {
            memory,
            realloc: func(&module, &shape.realloc, 4, 1)?,
            handle: entry(&shape.handle, 2, 1)?,
            start: some(&shape.start, 2, 1)?,
            stop: some(&shape.stop, 0, 0)?,
            health: some(&shape.health, 0, 1)?,
            pre,
            module,
        })
    }

    pub(crate) const fn module(&self) -> &Module {
        &self.module
    }

    pub(crate) const fn has_start(&self) -> bool {
        self.start.is_some()
    }

    /// Makes an instance in a store; `None` when an export that was there at load is missing.
    pub(crate) fn instantiate(self: &Arc<Self>, store: &mut Store<HostState>) -> wasmtime::Result<Option<Exports>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let memory = instance.get_module_export(&mut *store, &self.memory).and_then(wasmtime::Extern::into_memory);
        let realloc = find(store, instance, &self.realloc);
        let handle = find(store, instance, &self.handle.func);
        let (Some(memory), Some(realloc), Some(handle)) = (memory, realloc, handle) else { return Ok(None) };
        let linked = Arc::clone(self);
        Ok(Some(Exports { linked, instance, memory, realloc, handle, on_fibers: OnceLock::new(), dead: false }))
    }
}

fn index(module: &Module, name: &str) -> Result<ModuleExport, HostError> {
    module.get_export_index(name).ok_or_else(|| HostError::invalid(format!("the module does not export `{name}`")))
}

/// Finds a function that takes and returns so many `i32`.
fn func(module: &Module, name: &str, params: usize, results: usize) -> Result<ModuleExport, HostError> {
    let is = |mut types: Box<dyn ExactSizeIterator<Item = ValType> + '_>, count: usize| {
        types.len() == count && types.all(|ty| ty.is_i32())
    };
    match module.get_export(name) {
        Some(ExternType::Func(ty)) if is(Box::new(ty.params()), params) && is(Box::new(ty.results()), results) => {
            index(module, name)
        }
        _ => Err(HostError::invalid(format!("the core function `{name}` is of another type than its lift says"))),
    }
}

fn find(store: &mut Store<HostState>, instance: Instance, export: &ModuleExport) -> Option<Func> {
    instance.get_module_export(store, export).and_then(wasmtime::Extern::into_func)
}

type Realloc = TypedFunc<(u32, u32, u32, u32), u32>;
type Turn = TypedFunc<(u32, u32), u32>;

/// The exports of one instance.
pub(crate) struct Exports {
    linked: Arc<Linked>,
    instance: Instance,
    memory: Memory,
    realloc: Func,
    handle: Func,
    /// `realloc` and `handle` as calls that may leave their thread want them; made by the first such call.
    on_fibers: OnceLock<Box<(Realloc, Turn)>>,
    /// A call failed: nothing of the guest runs again.
    dead: bool,
}

/// A result of `handle`: where it lies, or a copy of what the guest has freed since.
pub(crate) enum Answer {
    View(Range<usize>),
    Owned(Vec<u8>),
}

impl Exports {
    #[inline]
    pub(crate) fn handle(&mut self, store: &mut Store<HostState>, turn: &[u8]) -> wasmtime::Result<Answer> {
        self.enter()?;
        let result = self.handled(store, turn);
        self.leave(result)
    }

    #[inline]
    fn handled(&self, store: &mut Store<HostState>, turn: &[u8]) -> wasmtime::Result<Answer> {
        let result = self.call_with(store, self.handle, turn)?;
        let list = self.list(store, result, LIST_BYTES, 0)?;
        self.answer(store, result, list)
    }

    /// As [`Exports::handle`], on a fiber: the call may leave this thread half-way.
    pub(crate) async fn handle_on_fiber(
        &mut self,
        store: &mut Store<HostState>,
        turn: &[u8],
    ) -> wasmtime::Result<Answer> {
        self.enter()?;
        let result = self.handled_on_fiber(store, turn).await;
        // Without a stack for it nothing ran.
        if result.as_ref().is_err_and(trap::is_pool_full) {
            return result;
        }
        self.leave(result)
    }

    async fn handled_on_fiber(&self, store: &mut Store<HostState>, turn: &[u8]) -> wasmtime::Result<Answer> {
        let calls = self.on_fibers.get_or_init(|| {
            // SAFETY: `Linked::new` has checked both: four `i32` and two in, one out.
            Box::new(unsafe {
                (TypedFunc::new_unchecked(&*store, self.realloc), TypedFunc::new_unchecked(&*store, self.handle))
            })
        });
        let (realloc, handle) = &**calls;
        let len = length(turn)?;
        let at = realloc.call_async(&mut *store, (0, 0, 1, len)).await?;
        self.put(store, at, turn)?;
        let result = handle.call_async(&mut *store, (at, len)).await?;
        let list = self.list(store, result, LIST_BYTES, 0)?;
        let Some(post_return) = &self.linked.handle.post_return else { return Ok(Answer::View(list)) };
        let copy = self.bytes(store, &list).to_vec();
        let post_return = self.func(store, post_return)?;
        // SAFETY: `Linked::new` has checked it: one `i32` in, nothing out.
        let post_return = unsafe { TypedFunc::<u32, ()>::new_unchecked(&*store, post_return) };
        post_return.call_async(&mut *store, result).await?;
        Ok(Answer::Owned(copy))
    }

    /// What a result of `handle` comes to, `post-return` included.
    #[inline]
    fn answer(&self, store: &mut Store<HostState>, result: u32, list: Range<usize>) -> wasmtime::Result<Answer> {
        if self.linked.handle.post_return.is_none() {
            return Ok(Answer::View(list));
        }
        let copy = self.memory.data(&*store).get(list).unwrap_or_default().to_vec();
        self.end(store, &self.linked.handle, result)?;
        Ok(Answer::Owned(copy))
    }

    /// Bytes of the guest's memory.
    #[inline]
    pub(crate) fn bytes<'a>(&self, store: &'a Store<HostState>, range: &Range<usize>) -> &'a [u8] {
        self.memory.data(store).get(range.clone()).unwrap_or_default()
    }

    /// Calls the guest's `start`, if it has one; the inner error is the guest's own.
    pub(crate) fn start(
        &mut self,
        store: &mut Store<HostState>,
        config: &[u8],
    ) -> Option<wasmtime::Result<Result<(), String>>> {
        let entry = self.linked.start.as_ref()?;
        let result = self.enter().and_then(|()| self.started(store, entry, config));
        Some(self.leave(result))
    }

    fn started(
        &self,
        store: &mut Store<HostState>,
        entry: &Entry,
        config: &[u8],
    ) -> wasmtime::Result<Result<(), String>> {
        let start = self.func(store, &entry.func)?;
        let result = self.call_with(store, start, config)?;
        let outcome = match self.result(store, result, RESULT_BYTES)?.first() {
            Some(0) => Ok(()),
            Some(1) => {
                let text = self.list(store, result, RESULT_BYTES, 4)?;
                let text = self.memory.data(&*store).get(text).unwrap_or_default();
                Err(std::str::from_utf8(text)?.to_owned())
            }
            _ => return Err(wasmtime::Error::msg("the result of `start` is neither of its two cases")),
        };
        self.end(store, entry, result)?;
        Ok(outcome)
    }

    /// Calls the guest's `stop`, if it has one.
    pub(crate) fn stop(&mut self, store: &mut Store<HostState>) -> wasmtime::Result<()> {
        let Some(entry) = &self.linked.stop else { return Ok(()) };
        self.enter()?;
        let stop = self.func(store, &entry.func)?;
        let result = call(store, stop, [ValRaw::u32(0)]).map(|_| ());
        self.leave(result)
    }

    /// Calls the guest's `health`, if it has one.
    pub(crate) fn health(&mut self, store: &mut Store<HostState>) -> Option<wasmtime::Result<Vec<u8>>> {
        let entry = self.linked.health.as_ref()?;
        let result = self.enter().and_then(|()| self.said(store, entry));
        Some(self.leave(result))
    }

    #[inline]
    fn enter(&self) -> wasmtime::Result<()> {
        if self.dead { Err(Trap::CannotEnterComponent.into()) } else { Ok(()) }
    }

    #[inline]
    fn leave<T>(&mut self, result: wasmtime::Result<T>) -> wasmtime::Result<T> {
        self.dead |= result.is_err();
        result
    }

    fn said(&self, store: &mut Store<HostState>, entry: &Entry) -> wasmtime::Result<Vec<u8>> {
        let health = self.func(store, &entry.func)?;
        let [result] = call(store, health, [ValRaw::u32(0)])?;
        let list = self.list(store, result.get_u32(), LIST_BYTES, 0)?;
        let copy = self.memory.data(&*store).get(list).unwrap_or_default().to_vec();
        self.end(store, entry, result.get_u32())?;
        Ok(copy)
    }

    fn func(&self, store: &mut Store<HostState>, export: &ModuleExport) -> wasmtime::Result<Func> {
        find(store, self.instance, export)
            .ok_or_else(|| wasmtime::Error::msg("an export that was there at load is missing"))
    }

    /// Passes bytes to a function that takes a list, and returns its raw result.
    #[inline]
    fn call_with(&self, store: &mut Store<HostState>, func: Func, bytes: &[u8]) -> wasmtime::Result<u32> {
        let len = length(bytes)?;
        let [at, ..] = call(store, self.realloc, [ValRaw::u32(0), ValRaw::u32(0), ValRaw::u32(1), ValRaw::u32(len)])?;
        self.put(store, at.get_u32(), bytes)?;
        let [result, _] = call(store, func, [at, ValRaw::u32(len)])?;
        Ok(result.get_u32())
    }

    #[inline]
    fn put(&self, store: &mut Store<HostState>, at: u32, bytes: &[u8]) -> wasmtime::Result<()> {
        let room = self.memory.data_mut(store).get_mut(at as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        match room {
            Some(room) => {
                room.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(wasmtime::Error::msg("realloc return: beyond end of memory")),
        }
    }

    /// The bytes of a result that did not fit a register.
    #[inline]
    fn result<'a>(&self, store: &'a Store<HostState>, result: u32, bytes: usize) -> wasmtime::Result<&'a [u8]> {
        if !result.is_multiple_of(4) {
            return Err(wasmtime::Error::msg("return pointer not aligned"));
        }
        let found = self.memory.data(store).get(result as usize..).and_then(|rest| rest.get(..bytes));
        found.ok_or_else(|| wasmtime::Error::msg("pointer out of bounds of memory"))
    }

    /// Where the list or string lies whose address is `offset` bytes into a result of `bytes` bytes.
    #[inline]
    fn list(
        &self,
        store: &Store<HostState>,
        result: u32,
        bytes: usize,
        offset: usize,
    ) -> wasmtime::Result<Range<usize>> {
        let words = self.result(store, result, bytes)?.get(offset..).unwrap_or_default();
        let word = |at: usize| -> usize {
            let bytes = words.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        };
        let (at, len) = (word(0), word(4));
        if len > store.hostcall_fuel() {
            return Err(wasmtime::Error::msg(format!("too much data: {len} bytes came from the guest at once")));
        }
        match at.checked_add(len) {
            Some(end) if end <= self.memory.data_size(store) => Ok(at..end),
            _ => Err(wasmtime::Error::msg("list pointer/length out of bounds of memory")),
        }
    }

    /// Tells the guest that its result was read.
    #[inline]
    fn end(&self, store: &mut Store<HostState>, entry: &Entry, result: u32) -> wasmtime::Result<()> {
        let Some(post_return) = &entry.post_return else { return Ok(()) };
        let post_return = self.func(store, post_return)?;
        call(store, post_return, [ValRaw::u32(result)])?;
        Ok(())
    }
}

fn length(bytes: &[u8]) -> wasmtime::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| wasmtime::Error::msg("more bytes than a guest can address"))
}

/// Calls a function whose type [`Linked::new`] has checked: at most `N` values of 32 bits in and out.
#[inline]
fn call<const N: usize>(
    store: &mut Store<HostState>,
    func: Func,
    mut values: [ValRaw; N],
) -> wasmtime::Result<[ValRaw; N]> {
    // SAFETY: the array has room for the parameters, which are initialised, and for the results: the callers
    // pass as many values as the type has that was checked, and one where there are none. All are numbers.
    // No call is made from within another.
    unsafe { func.call_unchecked(store, &raw mut values as *mut [ValRaw]) }?;
    Ok(values)
}
