//! What one actor may use, and the limiter that enforces it.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::error::HostError;

/// Smallest and largest stack a guest may be given. The largest leaves a thread of two megabytes
/// room for the host's own frames.
const STACK: std::ops::RangeInclusive<usize> = (64 << 10)..=(1 << 20);
/// Largest memory of a 32-bit guest.
const MEMORY_MAX: u64 = 4 << 30;

/// Limits of one actor, each enforced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Bytes each linear memory may grow to.
    pub memory_bytes: u64,
    /// Elements each table may grow to.
    pub table_elements: usize,
    /// Core instances, memories and tables a component may be made of.
    pub instances: usize,
    /// Processor time of one turn; `None` for no limit.
    pub handler_time: Option<Duration>,
    /// Processor time of coming up.
    pub start_time: Duration,
    /// Bytes of stack, host frames of a call included.
    pub stack_bytes: usize,
    /// Bytes one call may copy out of the guest.
    pub hostcall_bytes: usize,
    /// Bytes of one message; enforced by the kernel, checked here against the memory.
    pub message_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 16 << 20,
            table_elements: 10_000,
            instances: 64,
            handler_time: Some(Duration::from_secs(5)),
            start_time: Duration::from_secs(10),
            stack_bytes: 256 << 10,
            hostcall_bytes: (1 << 20) + (64 << 10),
            message_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// Refuses limits that contradict each other.
    pub(crate) fn check(&self) -> Result<(), HostError> {
        let fail = |what: String| Err(HostError::Limits { what });
        if self.memory_bytes == 0 || self.memory_bytes > MEMORY_MAX {
            return fail(format!("limits.memory is {} bytes; it must be 1 to {MEMORY_MAX}", self.memory_bytes));
        }
        if !STACK.contains(&self.stack_bytes) {
            return fail(format!(
                "limits.stack is {} bytes; it must be {} to {}",
                self.stack_bytes,
                STACK.start(),
                STACK.end()
            ));
        }
        if self.message_bytes > self.memory_bytes / 2 {
            return fail(format!(
                "limits.message is {} bytes, more than half of limits.memory ({} bytes)",
                self.message_bytes, self.memory_bytes
            ));
        }
        Ok(())
    }
}

/// Grants or refuses growth, and remembers a refusal: a guest that traps after one ran out of
/// memory, whatever its trap is called.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: usize,
    table: usize,
    count: usize,
    pub(crate) refused: bool,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX),
            table: limits.table_elements,
            count: limits.instances,
            refused: false,
        }
    }

    fn grant(&mut self, desired: usize, limit: usize, maximum: Option<usize>) -> bool {
        let granted = desired <= limit && maximum.is_none_or(|maximum| desired <= maximum);
        self.refused |= !granted;
        granted
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grant(desired, self.memory, maximum))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grant(desired, self.table, maximum))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn instances(&self) -> usize {
        self.count
    }

    fn tables(&self) -> usize {
        self.count
    }

    fn memories(&self) -> usize {
        self.count
    }
}
