//! Events as TypeScript reads them.

use serde_json::{Value, json};
use troupe_actor::dead_letter::DeadLetter;
use troupe_actor::event::{Event, Subject};
use troupe_actor::groups::Member;
use troupe_actor::reason::{Crash, ExitReason};

use crate::convert::{self, address, sender};
use crate::lost::News;

/// Everything.
pub const ALL: u32 = 1;
/// What a logger tells: restarts, ends by failure, log lines, faults of the host.
pub const WARNINGS: u32 = 2;
/// That the root gave up (`INT-6`).
pub const FAILURE: u32 = 4;
/// What befalls actors that are observed themselves.
pub const OBSERVED: u32 = 8;
/// Every message of every actor.
pub const MESSAGES: u32 = 16;

/// Mailboxes that fill up and empty again.
pub const WATER: u32 = 32;

/// Whether an environment with this mask wants the event.
pub fn is_wanted(event: &Event, mask: u32) -> bool {
    let warning = matches!(
        event,
        Event::Crashed(..)
            | Event::Restarting { .. }
            | Event::Failed(..)
            | Event::Log { .. }
            | Event::LongHandler(..)
            | Event::QueueAge { .. }
            | Event::Host { .. }
            | Event::DeadLettersUnsaid(_)
            | Event::CrashUnreproduced(_)
            | Event::GaveUp { .. }
            | Event::SystemFailed(_)
    );
    let warning = warning || matches!(event, Event::DeadLetter(letter) if letter.logged);
    let failure = matches!(event, Event::SystemFailed(_));
    let message = matches!(event, Event::Received(..) | Event::Processed(..));
    let water = matches!(event, Event::Water { .. });
    let observed = mask & OBSERVED != 0 && subject(event).is_some_and(|subject| subject.observed);
    observed
        || (mask & ALL != 0 && !message && !water)
        || (mask & WATER != 0 && water)
        || (mask & MESSAGES != 0 && message)
        || (mask & WARNINGS != 0 && warning)
        || (mask & FAILURE != 0 && failure)
}

/// Which actor an event is about, if it is about one.
fn subject(event: &Event) -> Option<&Subject> {
    match event {
        Event::Started(subject)
        | Event::Crashed(subject, _)
        | Event::Restarting { subject, .. }
        | Event::Restarted(subject, _)
        | Event::Stopping(subject)
        | Event::Stopped(subject, _)
        | Event::Failed(subject, _)
        | Event::Health { subject, .. }
        | Event::Water { subject, .. }
        | Event::LongHandler(subject, _)
        | Event::QueueAge { subject, .. }
        | Event::Received(subject, _)
        | Event::Processed(subject, ..) => Some(subject),
        _ => None,
    }
}

/// The event as an object: its public name, and what it carries.
pub fn json(event: &Event) -> Vec<u8> {
    let value = match event {
        Event::Started(subject) => about("actor:started", subject, &Value::Null),
        Event::Crashed(subject, crash) => crashed(subject, crash),
        Event::Restarting { subject, reason: why, attempt, delay_ms } => about(
            "actor:restarting",
            subject,
            &json!({ "reason": reason(why), "attempt": attempt, "delayMs": delay_ms }),
        ),
        Event::Restarted(subject, why) => about("actor:restarted", subject, &json!({ "reason": reason(why) })),
        Event::Stopped(subject, why) => about("actor:stopped", subject, &json!({ "reason": reason(why) })),
        Event::Failed(subject, why) => about("actor:failed", subject, &json!({ "reason": reason(why) })),
        Event::Health { subject, from, to } => about(
            "actor:health",
            subject,
            &json!({ "from": from.state.as_str(), "to": to.state.as_str(), "text": to.text }),
        ),
        Event::Water { subject, high, queued, capacity } => about(
            if *high { "actor:high-water" } else { "actor:low-water" },
            subject,
            &json!({ "queued": queued, "capacity": capacity }),
        ),
        Event::Stopping(subject) => about("actor:stopping", subject, &Value::Null),
        Event::Received(subject, sizes) => about("message:received", subject, &json!({ "sizes": sizes })),
        Event::Processed(subject, sizes, nanos) => {
            about("message:processed", subject, &json!({ "sizes": sizes, "latencyMs": *nanos as f64 / 1e6 }))
        }
        Event::LongHandler(subject, ms) => about("actor:long-handler", subject, &json!({ "runningMs": ms })),
        Event::QueueAge { subject, queued, waited_ms } => {
            about("actor:queue-age", subject, &json!({ "queued": queued, "waitedMs": waited_ms }))
        }
        Event::DeadLetter(letter) => merge(json!({ "event": "deadletter" }), &dead_letter(letter)),
        Event::DeadLettersUnsaid(counts) => {
            json!({ "event": "deadletters-unsaid", "counts": convert::by_reason(counts).by_reason })
        }
        Event::CrashUnreproduced(subject) => about("crash-unreproduced", subject, &Value::Null),
        Event::Log { subject, level, text } => about("log", subject, &json!({ "level": level, "text": text })),
        Event::Host { name, text } => json!({ "event": name, "text": text }),
        Event::GaveUp { path, reason: why } => {
            json!({ "event": "supervisor:gave-up", "path": &**path, "reason": reason(why) })
        }
        Event::SystemFailed(why) => json!({ "event": "system:failed", "path": "/", "reason": reason(why) }),
        Event::Shutdown => json!({ "event": "system:shutdown" }),
        _ => Value::Null,
    };
    serde_json::to_vec(&value).unwrap_or_default()
}

/// That an actor joined a group or left it, for the watch with this number.
pub fn group_json(watch: u32, member: &Member, joined: bool) -> Vec<u8> {
    let value = json!({
        "event": "group",
        "watch": watch,
        "joined": joined,
        "address": address(member.address, Some(member.id)),
        "path": &*member.path,
    });
    serde_json::to_vec(&value).unwrap_or_default()
}

/// What was not told.
pub fn lost_json(news: &News) -> Vec<u8> {
    let value = match news {
        News::Events(count) => json!({ "event": "events:dropped", "count": count }),
        News::Watch(watch) => json!({ "event": "group", "watch": watch, "behind": true }),
    };
    serde_json::to_vec(&value).unwrap_or_default()
}

/// A dead letter as an object.
fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "sender": sender(letter.sender),
        "senderAddress": (letter.sender.port().is_none() && !letter.sender.is_none()).then(|| address(letter.sender, None)),
        "logged": letter.logged,
        "target": &*letter.target,
        "reason": letter.reason.as_str(),
        "size": letter.bytes,
        "time": letter.at,
    })
}

fn crashed(subject: &Subject, crash: &Crash) -> Value {
    let details = json!({
        "reason": { "tag": crash.tag.as_str(), "text": crash.message },
        "trap": crash.trap,
        "backtrace": crash.backtrace,
        "stderr": crash.stderr,
    });
    about("actor:crashed", subject, &details)
}

fn reason(reason: &ExitReason) -> Value {
    json!({ "tag": reason.tag.as_str(), "text": reason.text })
}

fn about(event: &str, subject: &Subject, more: &Value) -> Value {
    let base = json!({
        "event": event,
        "address": address(subject.address, Some(subject.id)),
        "path": &*subject.path,
        "incarnation": subject.incarnation,
        "uptimeMs": subject.uptime_ms,
    });
    // Whoever made it looks its hooks up by this; nobody else wants to know.
    let origin =
        if subject.observed && subject.origin != 0 { json!({ "origin": subject.origin }) } else { Value::Null };
    merge(merge(base, &origin), more)
}

fn merge(mut base: Value, more: &Value) -> Value {
    if let (Some(base), Some(more)) = (base.as_object_mut(), more.as_object()) {
        base.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    base
}
