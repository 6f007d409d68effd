//! The one place that turns errors into codes. The list is public and closed; TypeScript rebuilds
//! the classes.

use serde::Serialize;
use troupe_actor::ask::AskError;
use troupe_actor::error::SpawnError;
use troupe_actor::reason::{Crash, ExitReason, ReasonTag};
use troupe_actor::tree::spec::TreeError;
use troupe_host::HostError;

/// The codes, in the order of their numbers on the wire. 0 is "no error".
pub const CODES: [&str; 32] = [
    "OK",
    "ERR_ASK_TIMEOUT",
    "ERR_ABORTED",
    "ERR_MAILBOX_FULL",
    "ERR_NO_SUCH_ACTOR",
    "ERR_ACTOR_STOPPED",
    "ERR_ACTOR_CRASHED",
    "ERR_GUEST_TRAP",
    "ERR_GUEST_DEADLINE",
    "ERR_GUEST_MEMORY",
    "ERR_GUEST_STACK",
    "ERR_GUEST_FAILURE",
    "ERR_COMPONENT_INVALID",
    "ERR_CAPABILITY_DENIED",
    "ERR_RESTART_INTENSITY",
    "ERR_NAME_TAKEN",
    "ERR_NAME_INVALID",
    "ERR_TOPIC_INVALID",
    "ERR_MESSAGE_TOO_LARGE",
    "ERR_ASK_CYCLE",
    "ERR_SHUTDOWN",
    "ERR_CONFIG",
    "ERR_VALUE",
    "ERR_START_FAILED",
    "ERR_START_TIMEOUT",
    "ERR_COMPONENT_NOT_FOUND",
    "ERR_GUEST_PROTOCOL",
    "ERR_ACTOR_GAVE_UP",
    "ERR_NO_RESPONDERS",
    "ERR_NATIVE_UNSUPPORTED",
    "ERR_INTERNAL",
    "ERR_CHILD",
];

/// Numbers of codes that the bridge itself gives; the kernel's are [`AskError`]'s.
pub mod number {
    pub const ACTOR_STOPPED: u32 = 5;
    pub const COMPONENT_INVALID: u32 = 12;
    pub const CAPABILITY_DENIED: u32 = 13;
    pub const RESTART_INTENSITY: u32 = 14;
    pub const NAME_TAKEN: u32 = 15;
    pub const NAME_INVALID: u32 = 16;
    pub const TOPIC_INVALID: u32 = 17;
    pub const SHUTDOWN: u32 = 20;
    pub const CONFIG: u32 = 21;
    pub const START_FAILED: u32 = 23;
    pub const START_TIMEOUT: u32 = 24;
    pub const COMPONENT_NOT_FOUND: u32 = 25;
    pub const INTERNAL: u32 = 30;
    pub const CHILD: u32 = 31;
}

/// A code and a sentence: what becomes of every error on its way to TypeScript.
pub struct Failure {
    pub number: u32,
    pub message: String,
}

impl Failure {
    pub fn new(number: u32, message: impl Into<String>) -> Self {
        Self { number, message: message.into() }
    }

    pub fn code(&self) -> &'static str {
        CODES.get(self.number as usize).copied().unwrap_or("ERR_INTERNAL")
    }

    /// The payload of a completion that carries it.
    pub fn json(&self) -> Vec<u8> {
        to_json(&Report { message: &self.message, ..Report::default() })
    }
}

impl From<Failure> for napi::Error<String> {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code().to_owned(), failure.message)
    }
}

impl From<&HostError> for Failure {
    fn from(error: &HostError) -> Self {
        let number = match error {
            HostError::ComponentNotFound { .. } | HostError::Io { .. } => number::COMPONENT_NOT_FOUND,
            HostError::ComponentInvalid { .. } | HostError::Compile(_) => number::COMPONENT_INVALID,
            HostError::CapabilityDenied { .. } => number::CAPABILITY_DENIED,
            HostError::Limits { .. } => number::CONFIG,
            _ => number::INTERNAL,
        };
        Self::new(number, error.to_string())
    }
}

/// What is known about a failure, as TypeScript reads it.
#[derive(Default, Serialize)]
struct Report<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    trap: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    backtrace: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    stderr: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    problem: &'static str,
}

/// A reason, as TypeScript reads it.
#[derive(Serialize)]
pub struct Reason<'a> {
    tag: &'static str,
    text: &'a str,
}

impl<'a> From<&'a ExitReason> for Reason<'a> {
    fn from(reason: &'a ExitReason) -> Self {
        Self { tag: reason.tag.as_str(), text: &reason.text }
    }
}

/// Serialises; what cannot be (nothing here) becomes empty, which TypeScript reads as "no details".
pub fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The payload of a completion for an ask or a start that a crash ended.
pub fn crash_json(actor: Option<&str>, crash: &Crash) -> Vec<u8> {
    to_json(&Report {
        message: &crash.message,
        actor,
        reason: Some(Reason { tag: crash.tag.as_str(), text: &crash.message }),
        trap: &crash.trap,
        backtrace: &crash.backtrace,
        stderr: &crash.stderr,
        problem: "",
    })
}

/// The number of a failed start.
pub fn start_number(crash: &Crash) -> u32 {
    number_of_start(crash.tag)
}

fn number_of_start(tag: ReasonTag) -> u32 {
    match tag {
        ReasonTag::Intensity => number::RESTART_INTENSITY,
        ReasonTag::Deadline | ReasonTag::StartTimeout => number::START_TIMEOUT,
        ReasonTag::Killed | ReasonTag::Normal => AskError::Stopped as u32,
        ReasonTag::Shutdown => number::SHUTDOWN,
        _ => number::START_FAILED,
    }
}

/// The number and the payload of a refused spawn.
pub fn spawn_failure(error: &SpawnError) -> (u32, Vec<u8>) {
    let number = match error {
        SpawnError::NameTaken { .. } => number::NAME_TAKEN,
        SpawnError::NameInvalid { .. } => number::NAME_INVALID,
        SpawnError::Topic(_) => number::TOPIC_INVALID,
        SpawnError::Shutdown => number::SHUTDOWN,
        SpawnError::Start(start) => return (start_number(&start.crash), crash_json(None, &start.crash)),
        _ => number::INTERNAL,
    };
    (number, Failure::new(number, error.to_string()).json())
}

impl From<&SpawnError> for Failure {
    fn from(error: &SpawnError) -> Self {
        Self::new(spawn_failure(error).0, error.to_string())
    }
}

/// The number and the payload of a tree that did not come up, or of a request that was refused.
pub fn tree_failure(error: &TreeError) -> (u32, Vec<u8>) {
    let message = error.to_string();
    let problem = match error {
        TreeError::StartFailed { path, reason } => {
            let report = Report {
                message: &message,
                actor: Some(path),
                reason: Some(Reason::from(reason)),
                ..Report::default()
            };
            return (number_of_start(reason.tag), to_json(&report));
        }
        TreeError::Restarting => "restarting",
        TreeError::Running => "running",
        TreeError::NotFound => "not-found",
        TreeError::ShuttingDown => "shutting-down",
        _ => "",
    };
    (number::CHILD, to_json(&Report { message: &message, problem, ..Report::default() }))
}

#[cfg(test)]
mod tests {
    use super::{CODES, number};
    use troupe_actor::ask::AskError;

    #[test]
    fn the_kernels_numbers_are_places_in_the_list() {
        let table = [
            (AskError::Timeout, "ERR_ASK_TIMEOUT"),
            (AskError::Aborted, "ERR_ABORTED"),
            (AskError::MailboxFull, "ERR_MAILBOX_FULL"),
            (AskError::NoSuchActor, "ERR_NO_SUCH_ACTOR"),
            (AskError::Stopped, "ERR_ACTOR_STOPPED"),
            (AskError::Crashed, "ERR_ACTOR_CRASHED"),
            (AskError::HandlerError, "ERR_GUEST_FAILURE"),
            (AskError::TooLarge, "ERR_MESSAGE_TOO_LARGE"),
            (AskError::Cycle, "ERR_ASK_CYCLE"),
            (AskError::Shutdown, "ERR_SHUTDOWN"),
            (AskError::GaveUp, "ERR_ACTOR_GAVE_UP"),
            (AskError::Cycle, "ERR_ASK_CYCLE"),
            (AskError::NoResponders, "ERR_NO_RESPONDERS"),
            (AskError::TopicInvalid, "ERR_TOPIC_INVALID"),
            (AskError::Unreadable, "ERR_VALUE"),
        ];
        for (error, code) in table {
            assert_eq!(CODES.get(error as usize), Some(&code));
        }
    }

    #[test]
    fn the_bridges_numbers_are_places_in_the_list() {
        let table = [
            (number::ACTOR_STOPPED, "ERR_ACTOR_STOPPED"),
            (number::COMPONENT_INVALID, "ERR_COMPONENT_INVALID"),
            (number::CAPABILITY_DENIED, "ERR_CAPABILITY_DENIED"),
            (number::NAME_TAKEN, "ERR_NAME_TAKEN"),
            (number::NAME_INVALID, "ERR_NAME_INVALID"),
            (number::TOPIC_INVALID, "ERR_TOPIC_INVALID"),
            (number::SHUTDOWN, "ERR_SHUTDOWN"),
            (number::CONFIG, "ERR_CONFIG"),
            (number::START_FAILED, "ERR_START_FAILED"),
            (number::START_TIMEOUT, "ERR_START_TIMEOUT"),
            (number::COMPONENT_NOT_FOUND, "ERR_COMPONENT_NOT_FOUND"),
            (number::INTERNAL, "ERR_INTERNAL"),
            (number::RESTART_INTENSITY, "ERR_RESTART_INTENSITY"),
            (number::CHILD, "ERR_CHILD"),
        ];
        for (number, code) in table {
            assert_eq!(CODES.get(number as usize), Some(&code));
        }
    }
}
