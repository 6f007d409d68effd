//! What the kernel knows, as objects of TypeScript.

use std::collections::HashMap;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use troupe_actor::counters::{Counters, LossReason};
use troupe_actor::dead_letter::DeadLetter;
use troupe_actor::id::{ActorId, Address};
use troupe_actor::shard::ActorStatus;
use troupe_actor::status::Status;
use troupe_actor::system::{ActorSystem, Audit};
use troupe_host::ComponentInfo;

/// An address from the three words that TypeScript keeps.
pub fn from_words(index: u32, tag_lo: u32, tag_hi: u32) -> Address {
    Address { index, tag: u64::from(tag_lo) | (u64::from(tag_hi) << 32) }
}

/// Index, tag (low, high), id (low, high).
pub fn address(address: Address, id: Option<ActorId>) -> [u32; 5] {
    let id = id.map_or(0, ActorId::as_u64);
    [address.index, address.tag as u32, (address.tag >> 32) as u32, id as u32, (id >> 32) as u32]
}

/// A component as TypeScript shows it.
pub fn component_json(id: u32, info: &ComponentInfo) -> Vec<u8> {
    let value = serde_json::json!({
        "id": id,
        "hash": info.hash,
        "imports": info.imports,
        "exports": info.exports,
        "hasStart": info.has_start,
        "fromCache": info.from_cache,
        "bytes": info.bytes,
        "memory": { "initial": info.memory_initial, "maximum": info.memory_maximum },
        "compileMs": info.compile_ms,
    });
    serde_json::to_vec(&value).unwrap_or_default()
}

/// Who sent something, for people: an actor's number, or a port.
pub fn sender(sender: Address) -> Option<String> {
    match sender.port() {
        Some(port) => Some(format!("javascript:{port}")),
        None if sender.is_none() => None,
        None => Some(format!("actor:{}", sender.index)),
    }
}

#[napi(object)]
pub struct NativeExit {
    pub tag: String,
    pub text: String,
}

#[napi(object)]
pub struct NativeVitals {
    pub live: bool,
    pub ready: bool,
    pub started: bool,
}

#[napi(object)]
pub struct NativeHealth {
    pub status: String,
    pub text: String,
}

#[napi(object)]
pub struct NativeCounters {
    pub offered: f64,
    pub accepted: f64,
    pub handled: f64,
    pub failed_in_handler: f64,
    pub discarded: f64,
    pub expired: f64,
    pub aborted: f64,
    pub refused: f64,
    pub losses: HashMap<String, f64>,
}

#[napi(object)]
pub struct NativeStatus {
    pub address: Vec<u32>,
    pub state: String,
    pub path: String,
    pub name: Option<String>,
    pub incarnation: u32,
    pub restarts: u32,
    pub queued: u32,
    pub in_hand: u32,
    pub uptime_ms: f64,
    pub counters: NativeCounters,
    pub health: NativeHealth,
    pub exit: Option<NativeExit>,
    pub origin: u32,
}

#[napi(object)]
pub struct NativeSums {
    pub total: f64,
    pub by_reason: HashMap<String, f64>,
}

#[napi(object)]
pub struct NativeAudit {
    pub balanced: bool,
    pub offered: f64,
    pub accepted: f64,
    pub refused: NativeSums,
    pub handled: f64,
    pub failed_in_handler: f64,
    pub discarded: NativeSums,
    pub expired: f64,
    pub aborted: f64,
    pub queued: f64,
    pub in_hand: f64,
    pub late_replies: f64,
    pub dead_letters: NativeSums,
    pub unheard: f64,
    pub dropped: f64,
    pub events_dropped: f64,
    pub actors: HashMap<String, f64>,
}

#[napi(object)]
pub struct NativeDeadLetter {
    pub id: f64,
    pub sender: Option<String>,
    pub target: String,
    pub reason: String,
    pub size: f64,
    pub time: f64,
    pub address: Vec<u32>,
    pub payload: Option<Uint8Array>,
}

/// A dead letter, with the sender's path as far as anything is remembered of it.
pub fn dead_letter(system: &ActorSystem, letter: &DeadLetter) -> NativeDeadLetter {
    let path = || Some(system.status(letter.sender)?.path.to_string());
    let is_actor = letter.sender.port().is_none() && !letter.sender.is_none();
    NativeDeadLetter {
        id: letter.id as f64,
        sender: is_actor.then(path).flatten().or_else(|| sender(letter.sender)),
        target: letter.target.to_string(),
        reason: letter.reason.as_str().to_owned(),
        size: letter.bytes as f64,
        time: letter.at as f64,
        address: address(letter.address, None).to_vec(),
        payload: letter.payload.as_deref().map(Uint8Array::from),
    }
}

fn sum(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64
}

impl From<&Counters> for NativeCounters {
    fn from(counters: &Counters) -> Self {
        Self {
            offered: counters.offered() as f64,
            accepted: counters.accepted as f64,
            handled: counters.handled as f64,
            failed_in_handler: counters.failed as f64,
            discarded: sum(&counters.discarded),
            expired: counters.expired as f64,
            aborted: counters.aborted as f64,
            refused: sum(&counters.refused),
            losses: by_reason(&counters.losses()).by_reason,
        }
    }
}

impl From<&ActorStatus> for NativeStatus {
    fn from(status: &ActorStatus) -> Self {
        Self {
            address: address(status.address, status.id).to_vec(),
            state: status.status.as_str().to_owned(),
            path: status.path.to_string(),
            name: status.name.as_deref().map(str::to_owned),
            incarnation: status.incarnation,
            restarts: status.restarts,
            queued: status.queued,
            in_hand: status.in_hand,
            uptime_ms: status.uptime_ms as f64,
            counters: NativeCounters::from(&status.counters),
            health: NativeHealth { status: status.health.state.as_str().to_owned(), text: status.health.text.clone() },
            exit: status
                .exit
                .as_ref()
                .map(|exit| NativeExit { tag: exit.tag.as_str().to_owned(), text: exit.text.clone() }),
            origin: status.origin,
        }
    }
}

/// Counts by the public names of their reasons, those that are not zero.
pub fn by_reason(values: &[u64]) -> NativeSums {
    let named = LossReason::ALL.iter().zip(values).filter(|(_, count)| **count > 0);
    NativeSums {
        total: sum(values),
        by_reason: named.map(|(reason, count)| (reason.as_str().to_owned(), *count as f64)).collect(),
    }
}

/// The audit, published messages that nobody was subscribed to, those and the events that the environment's
/// queue had no room for, and how many actors are in which state.
pub fn audit(audit: &Audit, unheard: u64, (dropped, events): (u64, u64)) -> NativeAudit {
    let counters = &audit.counters;
    let by_status = Status::ALL.iter().zip(audit.census.by_status).filter(|(_, count)| *count > 0);
    let actors = by_status.map(|(status, count)| (status.as_str().to_owned(), f64::from(count))).collect();
    NativeAudit {
        balanced: audit.is_balanced(),
        offered: counters.offered() as f64,
        accepted: counters.accepted as f64,
        refused: by_reason(&counters.refused),
        handled: counters.handled as f64,
        failed_in_handler: counters.failed as f64,
        discarded: by_reason(&counters.discarded),
        expired: counters.expired as f64,
        aborted: counters.aborted as f64,
        queued: audit.census.queued as f64,
        in_hand: audit.census.in_hand as f64,
        late_replies: audit.late_replies as f64,
        dead_letters: by_reason(&audit.dead_letters),
        unheard: unheard as f64,
        dropped: dropped as f64,
        events_dropped: events as f64,
        actors,
    }
}
