//! The exports of one instance, whichever way they are called.

use std::ops::Range;

use wasmtime::Store;
use wasmtime::component::{TypedFunc, WasmList};

use crate::direct::{self, Answer};
use crate::state::HostState;

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

/// Exports that the engine lifts.
pub(crate) struct Lifted {
    pub(crate) handle: Handle,
    pub(crate) start: Option<StartFunc>,
    pub(crate) stop: Option<StopFunc>,
    pub(crate) health: Option<HealthFunc>,
}

/// The exports of one instance.
pub(crate) enum Exports {
    /// Of a component.
    Lifted(Lifted),
    /// Of the one module that a component is.
    Direct(direct::Exports),
}

/// The last turn's result.
pub(crate) enum Output {
    None,
    View(WasmList<u8>),
    Direct(Range<usize>),
    Owned(Vec<u8>),
}

impl From<Answer> for Output {
    #[inline]
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::View(range) => Self::Direct(range),
            Answer::Owned(bytes) => Self::Owned(bytes),
        }
    }
}

impl Exports {
    /// Calls `handle`.
    #[inline]
    pub(crate) fn handle(&mut self, store: &mut Store<HostState>, turn: &[u8]) -> wasmtime::Result<Output> {
        match self {
            Self::Direct(direct) => direct.handle(store, turn).map(Output::from),
            Self::Lifted(lifted) => match &lifted.handle {
                Handle::View(handle) => handle.call(store, (turn,)).map(|(list,)| Output::View(list)),
                Handle::Owned(handle) => handle.call(store, (turn,)).map(|(bytes,)| Output::Owned(bytes)),
            },
        }
    }

    /// Calls `handle` on a fiber: the call may leave this thread half-way.
    pub(crate) async fn handle_on_fiber(
        &mut self,
        store: &mut Store<HostState>,
        turn: &[u8],
    ) -> wasmtime::Result<Output> {
        Ok(match self {
            Self::Direct(direct) => direct.handle_on_fiber(store, turn).await?.into(),
            Self::Lifted(lifted) => match &lifted.handle {
                Handle::View(handle) => Output::View(handle.call_async(store, (turn,)).await?.0),
                Handle::Owned(handle) => Output::Owned(handle.call_async(store, (turn,)).await?.0),
            },
        })
    }

    /// Calls `start`, if there is one; the inner error is the guest's own.
    pub(crate) fn start(
        &mut self,
        store: &mut Store<HostState>,
        config: &[u8],
    ) -> Option<wasmtime::Result<Result<(), String>>> {
        match self {
            Self::Direct(direct) => direct.start(store, config),
            Self::Lifted(lifted) => Some(lifted.start.as_ref()?.call(store, (config,)).map(|(result,)| result)),
        }
    }

    /// Calls `stop`, if there is one.
    pub(crate) fn stop(&mut self, store: &mut Store<HostState>) -> wasmtime::Result<()> {
        match self {
            Self::Direct(direct) => direct.stop(store),
            Self::Lifted(lifted) => lifted.stop.as_ref().map_or(Ok(()), |stop| stop.call(store, ())),
        }
    }

    /// Calls `health`, if there is one.
    pub(crate) fn health(&mut self, store: &mut Store<HostState>) -> Option<wasmtime::Result<Vec<u8>>> {
        match self {
            Self::Direct(direct) => direct.health(store),
            Self::Lifted(lifted) => Some(lifted.health.as_ref()?.call(store, ()).map(|(answer,)| answer)),
        }
    }

    /// A result's bytes.
    #[inline]
    pub(crate) fn bytes<'a>(&self, store: &'a Store<HostState>, output: &'a Output) -> &'a [u8] {
        match (output, self) {
            (Output::View(list), _) => list.as_le_slice(store),
            (Output::Direct(range), Self::Direct(direct)) => direct.bytes(store, range),
            (Output::Owned(bytes), _) => bytes,
            (Output::None | Output::Direct(_), _) => &[],
        }
    }
}
