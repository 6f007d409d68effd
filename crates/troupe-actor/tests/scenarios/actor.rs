//! The actor of the scenarios as a Rust behavior: it does what its messages say.

use std::collections::HashMap;

use troupe_actor::frame::{Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};

use crate::common::{Actor, Handler, Out, Turn, trap};

/// The tag of the one ask that an actor has open.
const TAG: u32 = 1;

/// One life.
#[derive(Clone)]
struct Life {
    peers: HashMap<String, Address>,
    /// Messages handled.
    count: u32,
    /// Who waits for the answer to the open ask; nobody when it was a message.
    asker: Option<u32>,
}

/// An actor whose start attempts go as `starts` says, one word each.
pub fn scripted(starts: &str, peers: HashMap<String, Address>) -> Actor {
    let starts: Vec<String> = starts.split_whitespace().map(str::to_owned).collect();
    let life = Life { peers, count: 0, asker: None };
    Actor::new(move || handler(life.clone())).starts(move |incarnation, _| {
        match starts.get(incarnation as usize - 1).map(String::as_str) {
            None | Some("ok") => Ok(()),
            Some("fail") => Err(failed(ReasonTag::StartFailed, "it does not start")),
            Some("trap") => Err(failed(ReasonTag::Trap, "it traps")),
            Some(other) => panic!("starts: expected ok, fail or trap, received {other}"),
        }
    })
}

fn failed(tag: ReasonTag, text: &str) -> StartError {
    StartError { crash: Crash::new(tag, text), deterministic: false }
}

fn handler(mut life: Life) -> Handler {
    Box::new(move |turn: &Turn<'_>, out| {
        for (at, frame) in turn.frames.iter().enumerate() {
            match frame.kind {
                kind::MESSAGE | kind::ASK => {
                    let waits = life.handle(frame, turn.incarnation, out)?;
                    life.count += 1;
                    if waits {
                        out.consume(at as u32 + 1);
                        return Ok(());
                    }
                }
                kind::REPLY => life.answered(|asker, out| out.reply(asker, frame.payload), out),
                // The payload begins with the failure's number.
                kind::ASK_FAILED => life.answered(|asker, out| out.fail(asker, &frame.payload[4..]), out),
                _ => {}
            }
        }
        Ok(())
    })
}

impl Life {
    /// Does what a message says; true when it waits for an answer.
    fn handle(&mut self, frame: &Frame<'_>, incarnation: u32, out: &mut Out) -> Result<bool, Crash> {
        let text = String::from_utf8_lossy(frame.payload).into_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let reply = |text: &str, out: &mut Out| {
            if frame.kind == kind::ASK {
                out.reply(frame.corr, text.as_bytes());
            }
        };
        match verb {
            "note" => {
                out.log(1, rest);
                reply(rest, out);
            }
            "count" => reply(&self.count.to_string(), out),
            "life" => reply(&incarnation.to_string(), out),
            "boom" => return Err(trap("boom")),
            "spin" => return Err(Crash::new(ReasonTag::Deadline, "it took too long")),
            "exit" => return Err(Crash::new(ReasonTag::Normal, "exit 0")),
            "fail" => out.fail(frame.corr, rest.as_bytes()),
            "keep" => out.log(1, rest),
            "stop" => {
                out.log(1, "stop");
                reply("stopping", out);
                out.stop();
            }
            "tell" => {
                let (peer, text) = self.peer(rest);
                out.tell(peer, text.as_bytes());
                reply("told", out);
            }
            "ask" => {
                let (peer, text) = self.peer(rest);
                out.ask(peer, TAG, 0, text.as_bytes());
                out.wait_for(&[TAG]);
                self.asker = (frame.kind == kind::ASK).then_some(frame.corr);
                return Ok(true);
            }
            _ => panic!("a message that no actor of the scenarios knows: {text}"),
        }
        Ok(false)
    }

    fn peer<'a>(&self, text: &'a str) -> (Address, &'a str) {
        let (peer, rest) = text.split_once(' ').unwrap();
        (self.peers[peer], rest)
    }

    fn answered(&mut self, answer: impl FnOnce(u32, &mut Out), out: &mut Out) {
        if let Some(asker) = self.asker.take() {
            answer(asker, out);
        }
    }
}
