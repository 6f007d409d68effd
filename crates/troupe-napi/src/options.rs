//! Options as they cross the bridge: complete, every field present. Below here nothing has a
//! default.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Either, Null, Uint8Array};
use napi_derive::napi;
use troupe_actor::behavior::BehaviorFactory;
use troupe_actor::clock::Clock;
use troupe_actor::fault::Faults;
use troupe_actor::health::HealthSpec;
use troupe_actor::id::Address;
use troupe_actor::shard::Patience;
use troupe_actor::spec::{ActorSpec, MailboxSpec, Observed, Overflow};
use troupe_actor::supervision::spec::{Backoff, BackoffKind, Restart, RestartSpec};
use troupe_actor::supervision::{check, warnings};
use troupe_actor::topics::SubscriptionSpec;
use troupe_host::Limits;

use crate::convert::from_words;
use crate::topics::NativeSubscription;

/// `Infinity` in a field of 32 bits.
const FOREVER: u32 = u32::MAX;

#[napi(object)]
pub struct NativeSystemOptions {
    pub threads: u32,
    pub seed: f64,
    pub dead_letters: u32,
    pub captured_bytes: f64,
    pub spare_threads: u32,
    pub cache_dir: Either<String, Null>,
    pub trap_handling: String,
    pub inline: bool,
    pub pool_memory: u32,
    pub trap_backtrace: bool,
    pub manual_clock: bool,
    pub unheard_letters: bool,
    pub long_handler_ms: f64,
    pub long_queue_ms: f64,
}

#[napi(object)]
pub struct NativePeer {
    pub name: String,
    pub index: u32,
    pub tag_lo: u32,
    pub tag_hi: u32,
}

#[napi(object)]
pub struct NativeBudget {
    pub max_restarts: u32,
    pub within_ms: f64,
    pub backoff_kind: u32,
    pub backoff_initial_ms: f64,
    pub backoff_factor: f64,
    pub backoff_max_ms: f64,
    pub backoff_jitter: f64,
    pub reset_after_ms: f64,
}

#[napi(object)]
pub struct NativeSpawnOptions {
    pub restart: u32,
    pub budget: NativeBudget,
    pub mailbox: u32,
    pub mailbox_bytes: f64,
    pub overflow: u32,
    pub overflow_wait_ms: f64,
    pub message_bytes: u32,
    pub memory_bytes: f64,
    pub table_elements: u32,
    pub instances: u32,
    pub handler_time_ms: f64,
    pub start_timeout_ms: f64,
    pub stack_bytes: u32,
    pub host_call_bytes: f64,
    pub inline: bool,
    pub start: u32,
    pub peers: Vec<NativePeer>,
    pub user: Uint8Array,
    pub fail_starts: Vec<u32>,
    pub trap_on: Vec<u32>,
    pub health_interval_ms: f64,
    pub health_timeout_ms: f64,
    pub health_failures: u32,
    pub health_restart: bool,
    pub observe: u32,
    pub origin: u32,
    pub state: Either<Uint8Array, Null>,
    pub subscribe: Vec<NativeSubscription>,
    pub pressure: bool,
}

/// Milliseconds; `Infinity`, and its stand-in of 32 bits, are `None`.
fn duration(ms: f64) -> Option<Duration> {
    (ms.is_finite() && ms < f64::from(FOREVER)).then(|| Duration::from_micros((ms * 1_000.0) as u64))
}

impl NativeSystemOptions {
    /// What is long enough for a warning (`OBS-4`).
    pub fn patience(&self) -> Patience {
        Patience { handler_ms: milliseconds(self.long_handler_ms), queued_ms: milliseconds(self.long_queue_ms) }
    }

    pub fn clock(&self) -> Clock {
        if self.manual_clock { Clock::manual() } else { Clock::monotonic() }
    }
}

/// A restart type by its number.
pub const fn restart(number: u32) -> Restart {
    match number {
        0 => Restart::Permanent,
        1 => Restart::Transient,
        _ => Restart::Temporary,
    }
}

impl NativeBudget {
    /// What is legal about it and probably not meant (`INT-5`).
    pub fn warnings(&self) -> Vec<String> {
        let budget = check::Budget {
            max_restarts: self.max_restarts,
            within_ms: self.within_ms as u64,
            backoff: self.backoff(),
        };
        warnings(budget).iter().map(ToString::to_string).collect()
    }

    /// The wait between restarts.
    pub const fn backoff(&self) -> Backoff {
        Backoff {
            kind: match self.backoff_kind {
                0 => BackoffKind::Immediate,
                1 => BackoffKind::Linear,
                _ => BackoffKind::Exponential,
            },
            initial_ms: self.backoff_initial_ms as u64,
            factor: self.backoff_factor,
            max_ms: self.backoff_max_ms as u64,
            jitter: self.backoff_jitter,
        }
    }
}

/// Whole milliseconds; what [`duration`] reads as `None` is "never".
pub fn milliseconds(ms: f64) -> u64 {
    duration(ms).map_or(u64::MAX, |duration| duration.as_millis() as u64)
}

impl NativeSpawnOptions {
    /// What actors are made from; they do not run inline.
    pub fn actor_spec(&self, factory: Arc<dyn BehaviorFactory>) -> ActorSpec {
        ActorSpec {
            factory,
            mailbox: self.mailbox_spec(),
            restart: self.restart_spec(),
            peers: self.peers(),
            user: self.user.to_vec(),
            lazy: self.start == 1,
            inline: false,
            pressure: self.pressure,
            faults: self.faults(),
            start_ms: milliseconds(self.start_timeout_ms),
            external: None,
            parent: None,
            health: self.health_spec(),
            observed: self.observed(),
            state: self.state(),
            subscriptions: self.subscriptions(),
        }
    }

    fn faults(&self) -> Option<Box<Faults>> {
        let faults = Faults {
            fail_starts: self.fail_starts.clone(),
            trap_on: self.trap_on.iter().copied().map(u64::from).collect(),
        };
        (faults != Faults::default()).then(|| Box::new(faults))
    }

    fn restart_spec(&self) -> RestartSpec {
        RestartSpec {
            restart: restart(self.restart),
            max_restarts: self.budget.max_restarts,
            within_ms: self.budget.within_ms as u64,
            backoff: self.budget.backoff(),
            reset_after_ms: self.budget.reset_after_ms as u64,
        }
    }

    /// Longest handler of an actor that an environment runs, in milliseconds.
    pub fn handler_ms(&self) -> u64 {
        milliseconds(self.handler_time_ms)
    }

    /// How it is probed; an interval of zero stands for not at all.
    fn health_spec(&self) -> Option<HealthSpec> {
        (self.health_interval_ms > 0.0).then_some(HealthSpec {
            interval_ms: self.health_interval_ms as u64,
            timeout_ms: self.health_timeout_ms as u64,
            failures: self.health_failures,
            restart: self.health_restart,
        })
    }

    /// What is to be told of it even if nobody listens to the system: bit 0 its life, bit 1 its
    /// messages.
    fn observed(&self) -> Observed {
        Observed { life: self.observe & 1 != 0, messages: self.observe & 2 != 0, origin: self.origin }
    }

    /// Custom state for each start.
    fn state(&self) -> Option<Box<[u8]>> {
        match &self.state {
            Either::A(bytes) => Some(Box::from(&**bytes)),
            Either::B(_) => None,
        }
    }

    /// Topics that each of the actors is subscribed to.
    fn subscriptions(&self) -> Vec<SubscriptionSpec> {
        self.subscribe.iter().map(NativeSubscription::spec).collect()
    }

    fn mailbox_spec(&self) -> MailboxSpec {
        MailboxSpec {
            max_messages: if self.mailbox == 0 { u32::MAX } else { self.mailbox },
            max_bytes: if self.mailbox_bytes == 0.0 { usize::MAX } else { self.mailbox_bytes as usize },
            overflow: match self.overflow {
                0 => Overflow::Wait,
                1 => Overflow::Reject,
                2 => Overflow::DropNewest,
                _ => Overflow::DropOldest,
            },
            wait_ms: self.overflow_wait_ms as u64,
            max_payload: self.message_bytes,
        }
    }

    pub fn limits(&self) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes as u64,
            table_elements: self.table_elements as usize,
            instances: self.instances as usize,
            handler_time: duration(self.handler_time_ms),
            start_time: duration(self.start_timeout_ms).unwrap_or(Duration::MAX),
            stack_bytes: self.stack_bytes as usize,
            hostcall_bytes: self.host_call_bytes as usize,
            message_bytes: u64::from(self.message_bytes),
        }
    }

    fn peers(&self) -> Vec<(String, Address)> {
        self.peers.iter().map(|peer| (peer.name.clone(), from_words(peer.index, peer.tag_lo, peer.tag_hi))).collect()
    }
}
