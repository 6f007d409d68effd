//! Actors that do anything an actor can do, as a seeded generator says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use troupe_actor::frame::{self, kind};
use troupe_actor::id::Address;
use troupe_actor::reason::{Crash, ReasonTag, StartError};
use troupe_actor::spec::{ActorSpec, Overflow};
use troupe_actor::supervision::spec::Restart;

use super::behaviors::{Actor, InlineMode, Out, spawn_spec, trap};
use super::random::Random;

/// Where actors of a storm send to: they learn each other's addresses as they come.
pub type Crowd = Arc<parking_lot::Mutex<Vec<Address>>>;

/// Does anything an actor can do, as its generator says.
pub fn wild(seed: u64, crowd: &Crowd) -> Actor {
    let lives = AtomicU32::new(0);
    let crowd = Arc::clone(crowd);
    Actor::new(move || {
        let mut random = Random::new(seed ^ (u64::from(lives.fetch_add(1, Ordering::SeqCst)) << 32));
        let crowd = Arc::clone(&crowd);
        let mut open = Vec::new();
        Box::new(move |turn, out| {
            let count = turn.frames.len() as u32;
            let mut taken = 0;
            for frame in &turn.frames {
                taken += 1;
                // A message carries how many hops it may still set off.
                let hops = frame::word(frame.payload, 0).unwrap_or(0);
                let target = {
                    let crowd = crowd.lock();
                    crowd[random.below(crowd.len() as u32) as usize]
                };
                if frame.kind == kind::ASK {
                    answer(&mut random, out, frame.corr, &mut open);
                }
                let waits = act(&mut random, out, target, hops)?;
                if waits {
                    break;
                }
            }
            if let Some(corr) = open.pop().filter(|_| random.below(3) == 0) {
                out.reply(corr, b"late");
            }
            if random.below(10) == 0 {
                taken = 1 + random.below(taken);
            }
            if random.below(500) == 0 {
                taken = count + 1;
            }
            out.consume(taken);
            Ok(())
        })
    })
}

fn answer(random: &mut Random, out: &mut Out, corr: u32, open: &mut Vec<u32>) {
    match random.below(10) {
        0 => out.fail(corr, b"no"),
        1 => open.push(corr),
        2 => {}
        3 => {
            out.reply(corr, b"once");
            out.reply(corr, b"twice");
        }
        _ => out.reply(corr, b"yes"),
    }
}

/// One message's doings; true when the handler waits from here on.
fn act(random: &mut Random, out: &mut Out, target: Address, hops: u32) -> Result<bool, Crash> {
    let payload = hops.saturating_sub(1).to_le_bytes();
    let tag = random.below(1 << 20);
    match random.below(200) {
        0 => return Err(trap("storm")),
        1 => out.stop(),
        2 => out.crash("Error\0storm\0\0"),
        3 => panic!("storm"),
        4 => out.unknown(),
        5 => out.raw(b"not a result"),
        _ if hops == 0 => {}
        6..40 => {
            out.ask(target, tag, 1 + random.below(200), &payload);
            if random.below(2) == 0 {
                out.wait_for(&[tag]);
                return Ok(true);
            }
        }
        40..100 => out.tell_reported(target, tag, &payload),
        _ => (0..=random.below(2)).for_each(|_| out.tell(target, &payload)),
    }
    Ok(false)
}

pub fn random_spec(random: &mut Random, crowd: &Crowd) -> ActorSpec {
    let mut actor = wild(random.next(), crowd);
    if random.below(3) == 0 {
        let bad = random.below(4) == 0;
        actor = actor.starts(move |incarnation, _| {
            if bad && incarnation % 3 == 2 {
                return Err(StartError { crash: Crash::new(ReasonTag::Trap, "start"), deterministic: incarnation > 5 });
            }
            Ok(())
        });
    }
    if random.below(4) == 0 {
        actor = actor.one_at_a_time();
    }
    let modes = [InlineMode::Done, InlineMode::Suspends, InlineMode::Declines, InlineMode::Panics, InlineMode::Never];
    actor = actor.inline(modes[random.below(5) as usize]);
    let mut spec = spawn_spec(actor);
    spec.mailbox.overflow =
        [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest][random.below(4) as usize];
    spec.mailbox.max_messages = 1 + random.below(80);
    spec.mailbox.max_bytes = 64 + random.below(4_000) as usize;
    spec.mailbox.wait_ms = u64::from(random.below(300));
    spec.mailbox.max_payload = 3_000;
    spec.restart.restart = [Restart::Permanent, Restart::Transient, Restart::Temporary][random.below(3) as usize];
    spec.restart.max_restarts = random.below(40);
    spec.lazy = random.below(5) == 0;
    spec
}

/// Keeps the panics that storms make on purpose out of the output.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload().downcast_ref::<&str>();
        if text.is_none_or(|text| *text != "storm" && *text != "inline") {
            eprintln!("{info}");
        }
    }));
}
