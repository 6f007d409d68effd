//! What shards tell the tree, and what the tree tells shards.

use std::fmt;
use std::sync::Arc;

use super::spec::SupervisorId;
use crate::id::{ActorId, Address};
use crate::reason::ExitReason;
use crate::spec::{ActorSpec, SpawnArgs};
use crate::supervision::protocol::ChildEnd;

/// Something that happened to the child of a supervisor, or to a pool.
#[derive(Clone, Debug)]
pub struct ChildReport {
    /// Whose child.
    pub parent: SupervisorId,
    /// Its number there.
    pub child: u32,
    /// Its place; [`Address::NONE`] when none could be made.
    pub place: Address,
    /// Which life.
    pub incarnation: u32,
    /// What.
    pub what: Report,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Report {
    /// The life is up.
    Up,
    /// The start ended in order: the child does not want to run (`STA-3`).
    Ignored,
    /// The life did not come up; the place is still there.
    StartFailed(ExitReason, bool),
    /// The life is over; the place is still there.
    Down(ChildEnd),
    /// The actor was stopped or killed, or stopped itself: the place is gone (`RST-2`).
    Gone(ExitReason),
    /// The place that the tree gave up is gone.
    Ended,
    /// A new place was made.
    Placed(ActorId),
    /// All that a shard had to do for a pool is done.
    Swept,
    /// A member of a pool was restarted, and whether its budget paid for that: then the pool's does too.
    Restarted(ExitReason, bool),
}

/// A place to be made where the former one is gone, and to come up.
pub struct PlaceOrder {
    /// Whose child.
    pub parent: SupervisorId,
    /// Its number there.
    pub child: u32,
    /// Its name within its parent; `None` for the member of a pool.
    pub key: Option<Arc<str>>,
    /// The life to begin with.
    pub incarnation: u32,
    /// What it runs.
    pub spec: Arc<ActorSpec>,
    /// Its registered name, its configuration.
    pub args: SpawnArgs,
}

impl fmt::Debug for PlaceOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "place {:?} of {:?}", self.key, self.parent)
    }
}

/// What a shard does with each member of a pool.
#[derive(Clone, Debug)]
pub enum Sweep {
    /// Ends the lives, each within this grace in milliseconds; the places stay.
    TakeDown(u64),
    /// Ends the lives now; the places stay.
    KillLives,
    /// Begins the next life of each.
    Begin,
    /// Gives the places up.
    End(ExitReason, bool),
    /// Ends the actors for good: after their queue if `drain`, within `grace_ms`.
    Stop {
        /// Work off what was accepted first.
        drain: bool,
        /// Killed when it takes longer, in milliseconds.
        grace_ms: u64,
    },
}
