//! Free functions of the addon.

use napi_derive::napi;
use troupe_actor::counters::LossReason;
use troupe_actor::reason::ReasonTag;

use crate::error::CODES;
use crate::options::NativeBudget;

#[napi(object)]
pub struct BuildInfo {
    pub version: String,
    pub profile: String,
    pub target: String,
}

/// The error codes, each at its number less one: number 0 says that there was no error.
#[napi(catch_unwind)]
pub fn error_codes() -> Vec<String> {
    CODES.iter().skip(1).map(|code| (*code).to_owned()).collect()
}

/// Why actors end: the closed list.
#[napi(catch_unwind)]
pub fn reason_tags() -> Vec<String> {
    ReasonTag::ALL.iter().map(|tag| tag.as_str().to_owned()).collect()
}

/// Why messages are lost: the closed list.
#[napi(catch_unwind)]
pub fn loss_reasons() -> Vec<String> {
    LossReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect()
}

/// What is legal about a budget and probably not meant (`INT-5`).
#[napi(catch_unwind)]
pub fn budget_warnings(budget: NativeBudget) -> Vec<String> {
    budget.warnings()
}

/// Does nothing: what a crossing costs.
#[napi(catch_unwind)]
pub fn calibrate() {}

/// What this addon was built from, and how.
#[napi(catch_unwind)]
pub fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: env!("TROUPE_PROFILE").to_owned(),
        target: env!("TROUPE_TARGET").to_owned(),
    }
}

/// Panics, so that a test can see that it arrives as an error.
#[allow(clippy::panic, reason = "this is what it is for")]
#[napi(catch_unwind)]
pub fn panic_for_test() {
    panic!("a panic for a test");
}
