//! An actor that does with timers what its messages say, and notes each tick.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use troupe_actor::frame::{self, FLAG_REPORT, Frame, kind};

use super::behaviors::{Actor, Log, Out, each, trap};
use super::world::World;

/// Handles `once KEY MS`, `delay KEY MS`, `rate KEY MS`, `cancel KEY`, `boom`, `reply…`; several in one
/// message with `;`. Notes messages as they are, ticks as `tick KEY` with the time and what was missed.
pub fn clockwork(world: &World, log: &Log) -> Actor {
    let (now, log) = (Arc::clone(&world.now), log.clone());
    Actor::new(move || {
        let (now, log) = (Arc::clone(&now), log.clone());
        each(move |frame, out| {
            let at = now.load(Ordering::SeqCst);
            if frame.kind == kind::TIMER {
                let missed = frame::word(frame.payload, 0).unwrap();
                assert_eq!((frame::word(frame.payload, 4), frame.address.is_none()), (Some(0), true));
                let missed = if missed == 0 { String::new() } else { format!(" missed {missed}") };
                log.add(format!("tick {} @{at}{missed}", frame.corr));
                return obey(&String::from_utf8_lossy(&frame.payload[8..]), frame, out);
            }
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            if frame.kind == kind::SEND_FAILED {
                let code = frame::word(frame.payload, 0).unwrap();
                log.add(format!("refused {} {code} {}", frame.corr, String::from_utf8_lossy(&frame.payload[4..])));
                return Ok(());
            }
            log.add(&text);
            obey(&text, frame, out)
        })
    })
}

/// What comes behind `=` is what the tick brings: more commands.
fn obey(text: &str, frame: &Frame<'_>, out: &mut Out) -> Result<(), troupe_actor::reason::Crash> {
    let (text, then) = text.split_once('=').unwrap_or((text, ""));
    for command in text.split(';') {
        let words: Vec<&str> = command.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        match words.first().copied().unwrap_or_default() {
            "once" => out.set_timer(number(1), number(2), (0, 0), then.as_bytes()),
            "delay" => out.set_timer(number(1), number(2), (number(2), 1), then.as_bytes()),
            "rate" => out.set_timer(number(1), number(2), (number(2), 2), then.as_bytes()),
            "many" => (0..number(1)).for_each(|key| out.set_timer(key, number(2), (0, 0), b"")),
            "report" => out.set_timer_flagged(FLAG_REPORT, number(1), [number(2), 0, 0], then.as_bytes()),
            "cancel" => out.cancel_timer(number(1)),
            "await" => out.wait_for(&[number(1)]),
            "boom" => return Err(trap("boom")),
            "reply" => out.reply(frame.corr, b"done"),
            _ => {}
        }
    }
    Ok(())
}
