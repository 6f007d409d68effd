//! Prints how many nanoseconds the kernel takes for a message while nobody listens to events, the
//! least of many rounds: each message a turn of its own, then 64 a turn. `npm run bench -- events`
//! compares it with a build that has no events of messages at all (`--cfg troupe_no_events`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise")]

use std::sync::Arc;
use std::time::Instant;

use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn};
use troupe_actor::clock::Clock;
use troupe_actor::frame::{self, Frame, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, StartError};
use troupe_actor::record::{FOREVER, Record};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::system::{ActorSystem, SystemConfig};
use troupe_actor::ticker::Ticker;
use troupe_actor::topics::NoTopics;

const ROUNDS: u32 = 4_000;
const MESSAGES: u32 = 512;

/// Takes whatever comes.
struct Sink {
    output: [u8; 8],
    batches: bool,
}

impl Behavior for Sink {
    fn start(&mut self, _: &[u8]) -> Result<(), StartError> {
        Ok(())
    }

    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash> {
        let consumed = frame::Frames::new(turn).count() as u32;
        self.output = (u64::from(consumed) << 32 | u64::from(frame::FORMAT_VERSION)).to_le_bytes();
        Ok(())
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn handle_inline(self: Box<Self>, _: &[u8]) -> InlineTurn {
        InlineTurn::Declined(self)
    }

    fn runs_inline(&self) -> bool {
        false
    }

    fn takes_batches(&self) -> bool {
        self.batches
    }

    fn stop(&mut self) {}
}

struct Sinks {
    batches: bool,
}

impl BehaviorFactory for Sinks {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        Ok(Box::new(Sink { output: [0; 8], batches: self.batches }))
    }

    fn creates_inline(&self) -> bool {
        true
    }
}

/// Nanoseconds a message, the least of all rounds: whatever disturbs a round makes it longer.
fn measure(batches: bool) -> f64 {
    let config = SystemConfig {
        shards: 1,
        spare_threads: 0,
        dead_letters: 10,
        captured_bytes: 0,
        seed: 1,
        clock: Clock::manual(),
        topics: Arc::new(NoTopics),
        unheard_letters: false,
    };
    let system = ActorSystem::manual(&config, Arc::new(Ticker::new().unwrap()));
    let target = system
        .spawn(&Arc::new(ActorSpec::plain(Arc::new(Sinks { batches }))), SpawnArgs::default(), None)
        .unwrap()
        .address;
    let mut records = Vec::new();
    for _ in 0..MESSAGES {
        let frame = Frame { kind: kind::MESSAGE, flags: 0, corr: 0, address: Address::NONE, payload: &[0; 16] };
        Record { target, word: FOREVER, frame }.write_to(&mut records);
    }
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        system.inject(&records);
        system.run_until_idle();
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(MESSAGES));
    }
    best
}

fn main() {
    println!("{} {}", measure(false), measure(true));
}
