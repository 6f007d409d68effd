//! Turns that take long: leaving the caller's thread, kills, and a starved machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{config, factory, factory_with, host, host_with, op, ops, turn, work};
use rustix::time::{ClockId, clock_gettime};
use troupe_actor::behavior::{Behavior, InlineTurn, SuspendedTurn};
use troupe_actor::interrupt::{self, TurnSlot};
use troupe_actor::reason::ReasonTag;
use troupe_host::{Host, HostConfig, Limits};

struct Ticking(Arc<troupe_actor::ticker::Ticker>);

impl Ticking {
    fn new(host: &Host) -> Self {
        let ticker = host.ticker();
        ticker.enter();
        Self(ticker)
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What this thread has used of the processor: others do not lengthen it.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn suspended(turn: InlineTurn) -> Box<dyn SuspendedTurn> {
    match turn {
        InlineTurn::Suspended(turn) => turn,
        InlineTurn::Done(_, result) => panic!("done: {result:?}"),
        InlineTurn::Declined(_) => panic!("declined"),
    }
}

fn done(turn: InlineTurn) -> Box<dyn Behavior> {
    match turn {
        InlineTurn::Done(actor, result) => {
            result.unwrap();
            actor
        }
        _ => panic!("not done"),
    }
}

#[test]
fn a_component_runs_inline_after_a_short_turn_on_a_worker() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let factory = factory(&host, ops());
    let mut actor = factory.create().unwrap();
    assert!(!actor.runs_inline());
    turn(&mut actor, &[op::ECHO]);
    assert!(actor.runs_inline());
    let mut other = factory.create().unwrap();
    assert!(other.runs_inline(), "the component has proven itself");
    other = done(other.handle_inline(&[op::COUNT]));
    assert_eq!(other.output(), 1u32.to_le_bytes());
    // The same instance goes on, inline and not.
    assert_eq!(turn(&mut other, &[op::COUNT]), 2u32.to_le_bytes());
    other = done(other.handle_inline(&[op::COUNT]));
    assert_eq!(other.output(), 3u32.to_le_bytes());
    turn(&mut other, &work(1500));
    assert!(!other.runs_inline() && !actor.runs_inline());
    for _ in 0..256 {
        turn(&mut actor, &[op::ECHO]);
    }
    assert!(actor.runs_inline());
}

#[test]
fn a_long_inline_turn_leaves_its_thread_and_ends_on_another() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let factory = factory(&host, ops());
    let bytes = work(1500);
    let mut held = Duration::MAX;
    for _ in 0..20 {
        let mut actor = factory.create().unwrap();
        turn(&mut actor, &[op::COUNT]);
        let began = processor_time();
        let left = suspended(actor.handle_inline(&bytes));
        held = held.min(processor_time() - began);
        let (actor, result) = std::thread::spawn(move || left.finish()).join().unwrap();
        result.unwrap();
        let mut actor = actor.unwrap();
        assert_eq!(actor.output(), bytes);
        assert!(!actor.runs_inline(), "it was slow");
        assert_eq!(turn(&mut actor, &[op::COUNT]), 2u32.to_le_bytes());
    }
    // The thread that counts ticks may come late on a busy machine, but not each time.
    assert!(held < Duration::from_millis(100), "held for {held:?} at least");
}

#[test]
fn a_spinning_inline_turn_dies_on_its_worker() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let limits = Limits { handler_time: Some(Duration::from_millis(20)), ..Limits::default() };
    let actor = factory_with(&host, ops(), limits).create().unwrap();
    let left = suspended(actor.handle_inline(&[op::SPIN]));
    let (_, result) = std::thread::spawn(move || left.finish()).join().unwrap();
    assert_eq!(result.unwrap_err().tag, ReasonTag::Deadline);
}

#[test]
fn a_suspended_turn_can_be_dropped() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let factory = factory(&host, ops());
    for _ in 0..10 {
        let left = suspended(factory.create().unwrap().handle_inline(&[op::SPIN]));
        drop(left);
    }
}

#[test]
fn a_trap_inline_is_a_crash() {
    let host = host();
    let actor = factory(&host, ops()).create().unwrap();
    match actor.handle_inline(&[op::RECURSE]) {
        InlineTurn::Done(_, Err(crash)) => assert_eq!(crash.tag, ReasonTag::StackOverflow),
        _ => panic!("must crash"),
    }
}

#[test]
fn without_a_stack_left_a_turn_is_declined_and_the_actor_is_whole() {
    let (host, _) = host_with(HostConfig { pooled_slots: 4096, ..config() });
    let factory = factory(&host, ops());
    // A store keeps the stack it used until it is dropped, and a pool has 2,048 at most.
    let mut declined = 0;
    let mut held = Vec::new();
    for _ in 0..2100 {
        let mut actor = match factory.create().unwrap().handle_inline(&[op::COUNT]) {
            InlineTurn::Done(actor, Ok(())) => actor,
            InlineTurn::Declined(mut actor) => {
                declined += 1;
                actor.handle(&[op::COUNT]).unwrap();
                actor
            }
            _ => panic!("neither done nor declined"),
        };
        assert_eq!(actor.output(), 1u32.to_le_bytes());
        assert_eq!(turn(&mut actor, &[op::COUNT]), 2u32.to_le_bytes());
        held.push(actor);
    }
    assert!(declined >= 52, "{declined} of 2,100 declined");
}

fn killed_while(run: impl FnOnce() -> Option<ReasonTag> + Send + 'static) -> Option<ReasonTag> {
    let slot = Arc::new(TurnSlot::default());
    let theirs = Arc::clone(&slot);
    let thread = std::thread::spawn(move || {
        interrupt::install(&theirs);
        theirs.begin(7);
        run()
    });
    std::thread::sleep(Duration::from_millis(30));
    slot.kill(7);
    thread.join().unwrap()
}

#[test]
fn a_running_turn_can_be_killed() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let limits = Limits { handler_time: None, ..Limits::default() };
    let factory = factory_with(&host, ops(), limits);
    let mut actor = factory.create().unwrap();
    let tag = killed_while(move || actor.handle(&[op::SPIN]).err().map(|crash| crash.tag));
    assert_eq!(tag, Some(ReasonTag::Killed));
    let left = suspended(factory.create().unwrap().handle_inline(&[op::SPIN]));
    let tag = killed_while(move || left.finish().1.err().map(|crash| crash.tag));
    assert_eq!(tag, Some(ReasonTag::Killed));
}

#[test]
fn a_starved_machine_kills_nobody() {
    let host = host();
    let _ticking = Ticking::new(&host);
    let limits = Limits { handler_time: Some(Duration::from_millis(2)), ..Limits::default() };
    let factory = factory_with(&host, ops(), limits);
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {})
        })
        .collect();
    let mut actor = factory.create().unwrap();
    let mut held = Some(factory.create().unwrap());
    let began = Instant::now();
    let (mut turns, mut left) = (0u64, 0u64);
    while began.elapsed() < Duration::from_secs(5) {
        for _ in 0..1000 {
            actor.handle(&[op::COUNT]).unwrap();
        }
        for _ in 0..1000 {
            held = Some(match held.take().unwrap().handle_inline(&[op::COUNT]) {
                InlineTurn::Done(actor, result) => {
                    result.unwrap();
                    actor
                }
                InlineTurn::Suspended(turn) => {
                    left += 1;
                    let (actor, result) = turn.finish();
                    result.unwrap();
                    actor.unwrap()
                }
                InlineTurn::Declined(actor) => actor,
            });
        }
        turns += 2000;
    }
    stop.store(true, Ordering::Relaxed);
    busy.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(turns > 300_000, "only {turns} turns");
    println!("{turns} turns, {left} left their thread");
}

#[test]
fn an_idle_process_is_not_woken() {
    let (host, _) = host_with(HostConfig { pooled_slots: 8, ..config() });
    {
        let _ticking = Ticking::new(&host);
        let mut actor = factory(&host, ops()).create().unwrap();
        turn(&mut actor, &[op::ECHO]);
    }
    let began = Instant::now();
    while !host.ticker().is_parked() {
        assert!(began.elapsed() < Duration::from_secs(5), "the ticker did not park");
        std::thread::sleep(Duration::from_millis(5));
    }
}
