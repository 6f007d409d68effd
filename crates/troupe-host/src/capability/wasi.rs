//! WASI 0.2 with nothing granted: clocks, random numbers, and a standard error of which the last
//! kilobytes are kept for crash reports. No files, sockets, environment or arguments.
//!
//! The one import that could hold a thread is `wasi:io/poll`; here it gives up when the actor is
//! killed or has waited for as long as its handler may run.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use troupe_actor::interrupt;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::io::poll::{Host as AsyncPoll, HostPollable as AsyncPollable};
use wasmtime_wasi::p2::bindings::sync::io::poll as sync_poll;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, async_trait};

use crate::state::{Ended, HostState, Turn};

/// Bytes of standard error that are kept.
const STDERR_TAIL: usize = 8 << 10;
/// Bytes a guest may write at once.
const WRITE_PERMIT: usize = 64 << 10;
/// Bytes of random data a guest may ask for at once.
const RANDOM_MAX: u64 = 64 << 10;
/// Resources a guest may hold at once.
const RESOURCES_MAX: usize = 1024;
/// How often a waiting guest is looked at.
const WAIT_SLICE: Duration = Duration::from_millis(1);
/// The packages that are linked, by their beginning.
const LINKED: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:io/", "wasi:filesystem/", "wasi:sockets/"];

/// Whether an import is one of ours.
pub(crate) fn provides(import: &str) -> bool {
    let version = import.rsplit_once('@').map_or("", |(_, version)| version);
    LINKED.iter().any(|package| import.starts_with(package)) && version.starts_with("0.2.")
}

/// Whether an import lets the guest wait.
pub(crate) fn can_wait(import: &str) -> bool {
    import.starts_with("wasi:io/poll@")
}

/// One actor's WASI state.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stderr: Tail,
}

impl Wasi {
    pub(crate) fn new() -> Self {
        let stderr = Tail::new(STDERR_TAIL);
        let ctx = WasiCtx::builder()
            .stdin(MemoryInputPipe::new(Bytes::new()))
            .stdout(Tail::new(0))
            .stderr(stderr.clone())
            .max_random_size(RANDOM_MAX)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { ctx, table, stderr }
    }

    /// The last of what the guest wrote to its standard error.
    pub(crate) fn stderr_tail(&self) -> String {
        self.stderr.text()
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new()));
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

/// Links everything [`provides`] names.
pub(crate) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    sync_poll::add_to_linker::<HostState, BoundedPoll>(linker, |state| {
        let wasi = state.wasi.get_or_insert_with(|| Box::new(Wasi::new()));
        Waiter { table: &mut wasi.table, turn: &mut state.turn }
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A guest that waited too long, or was killed while it waited.
#[derive(Debug)]
pub(crate) struct Blocked(pub(crate) Ended);

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the guest waited for longer than its handler may run")
    }
}

impl std::error::Error for Blocked {}

struct BoundedPoll;

impl HasData for BoundedPoll {
    type Data<'a> = Waiter<'a>;
}

struct Waiter<'a> {
    table: &'a mut ResourceTable,
    turn: &'a mut Turn,
}

impl sync_poll::Host for Waiter<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        wait(self.turn, AsyncPoll::poll(self.table, pollables))?
    }
}

impl sync_poll::HostPollable for Waiter<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        in_tokio(AsyncPollable::ready(self.table, pollable))
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        wait(self.turn, AsyncPollable::block(self.table, pollable))?
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        AsyncPollable::drop(self.table, pollable)
    }
}

/// Waits for `future`, in slices, within what is left of the turn's budget.
fn wait<F: Future>(turn: &mut Turn, future: F) -> wasmtime::Result<F::Output> {
    let mut future = pin!(future);
    let began = Instant::now();
    loop {
        let polled = in_tokio(std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))));
        if let Poll::Ready(output) = polled {
            turn.add_waited(began.elapsed());
            return Ok(output);
        }
        if interrupt::is_killed() {
            return Err(wasmtime::Error::new(Blocked(Ended::Killed)));
        }
        if interrupt::is_evicted() {
            return Err(wasmtime::Error::new(Blocked(Ended::Evicted)));
        }
        if turn.waited_too_long(began.elapsed()) {
            return Err(wasmtime::Error::new(Blocked(Ended::Deadline)));
        }
        std::thread::sleep(WAIT_SLICE);
    }
}

/// A stream that keeps the last bytes written to it.
#[derive(Clone)]
struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    capacity: usize,
}

impl Tail {
    fn new(capacity: usize) -> Self {
        Self { kept: Arc::default(), capacity }
    }

    fn push(&self, bytes: &[u8]) {
        if self.capacity == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        let fresh = bytes.get(bytes.len().saturating_sub(self.capacity)..).unwrap_or_default();
        let surplus = (kept.len() + fresh.len()).saturating_sub(self.capacity);
        kept.drain(..surplus);
        kept.extend_from_slice(fresh);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept.lock()).into_owned()
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT)
    }
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _: &mut std::task::Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
