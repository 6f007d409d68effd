//! What a spawn asks for. The public defaults are not known here: whoever spawns decides.

use std::sync::Arc;

use crate::behavior::BehaviorFactory;
use crate::fault::Faults;
use crate::health::HealthSpec;
use crate::id::Address;
use crate::supervision::spec::RestartSpec;
use crate::topics::SubscriptionSpec;
use crate::tree::spec::Parent;

/// What a full mailbox does (`OVF-2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The sender waits, up to the deadline.
    Wait,
    /// The message is refused.
    Reject,
    /// The message is dropped; only a sender that asked to hear of it does.
    DropNewest,
    /// The oldest queued message is dropped.
    DropOldest,
}

/// Bounds of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxSpec {
    /// Most messages; `u32::MAX` for no bound.
    pub max_messages: u32,
    /// Most bytes, frame headers included.
    pub max_bytes: usize,
    /// What happens at the bound.
    pub overflow: Overflow,
    /// How long a sender waits at most, in milliseconds.
    pub wait_ms: u64,
    /// Largest payload, in bytes.
    pub max_payload: u32,
}

impl MailboxSpec {
    /// No bounds at all: nobody ever waits, and nothing is refused.
    pub const UNBOUNDED: Self = Self {
        max_messages: u32::MAX,
        max_bytes: usize::MAX,
        overflow: Overflow::Reject,
        wait_ms: 0,
        max_payload: u32::MAX,
    };
}

/// What actors of one kind have in common; shared among them.
pub struct ActorSpec {
    /// Makes the behavior of each incarnation.
    pub factory: Arc<dyn BehaviorFactory>,
    /// Bounds of the mailbox.
    pub mailbox: MailboxSpec,
    /// Restart rules.
    pub restart: RestartSpec,
    /// Addresses the behavior may send to, with its own names for them.
    pub peers: Vec<(String, Address)>,
    /// The user's own configuration.
    pub user: Vec<u8>,
    /// Come up with the first message instead of at once.
    pub lazy: bool,
    /// Idle turns may run on a port's own thread.
    pub inline: bool,
    /// Each turn begins with a frame that says how full the mailbox is (`OVF-6`).
    pub pressure: bool,
    /// What is to go wrong, in a test.
    pub faults: Option<Box<Faults>>,
    /// Longest start by the clock on the wall, in milliseconds (`STA-2`); `u64::MAX` for no bound.
    pub start_ms: u64,
    /// What runs it, if that is an environment outside the system; the factory is not used then.
    pub external: Option<External>,
    /// The supervisor or pool it belongs to, filled in by the tree; `None` for the pool of spawned
    /// actors (`SUP-8`).
    pub parent: Option<Arc<Parent>>,
    /// How it is probed, if it is (`HLT-1`).
    pub health: Option<HealthSpec>,
    /// Custom state that each start is given, until it is replaced (`PER-2`).
    pub state: Option<Box<[u8]>>,
    /// Topics that each of these actors is subscribed to, from before its first life until its end (`TOP-9`).
    pub subscriptions: Vec<SubscriptionSpec>,
    /// What an environment wants to hear of these actors even if it hears of no others.
    pub observed: Observed,
}

impl ActorSpec {
    /// A specification to build upon: no bounds, and nothing that is optional.
    pub fn plain(factory: Arc<dyn BehaviorFactory>) -> Self {
        Self {
            factory,
            mailbox: MailboxSpec::UNBOUNDED,
            restart: RestartSpec::default(),
            peers: Vec::new(),
            user: Vec::new(),
            lazy: false,
            inline: false,
            pressure: false,
            faults: None,
            start_ms: u64::MAX,
            external: None,
            parent: None,
            health: None,
            state: None,
            subscriptions: Vec::new(),
            observed: Observed::default(),
        }
    }
}

/// What observers of one actor want to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its life.
    pub life: bool,
    /// Its messages, which therefore come one a turn.
    pub messages: bool,
    /// What the environment made it from, by its own number; 0 for nothing that it looks up.
    pub origin: u32,
}

/// An actor whose jobs are done by a port's environment, such as a JavaScript thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// The port's index.
    pub port: u32,
    /// What the environment runs, by its own number.
    pub definition: u32,
    /// Longest handler by the clock on the wall, in milliseconds, counted from the moment the
    /// environment says that a handler waits; `u64::MAX` for no bound.
    pub handler_ms: u64,
}

/// What one spawn adds to its [`ActorSpec`].
#[derive(Clone, Debug, Default)]
pub struct SpawnArgs {
    /// Registered name.
    pub name: Option<Arc<str>>,
    /// Configuration in place of the spec's.
    pub user: Option<Box<[u8]>>,
}
