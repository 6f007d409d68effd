//! What a host operation costs. Not a test: run it with
//! `cargo test --profile local -p troupe-host --test timing -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::time::{Duration, Instant};

use common::{component, config, echo, factory, host_with, op, ops};
use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn};
use troupe_host::{HostConfig, TrapHandling};

/// Runs `batch` operations a few times; prints the least and the median time of one.
fn measure(name: &str, batch: u32, mut run: impl FnMut(u32) -> Duration) {
    let mut times: Vec<f64> = (0..9).map(|_| run(batch).as_nanos() as f64 / f64::from(batch)).collect();
    times.sort_by(f64::total_cmp);
    println!("{name:44} {:9.1} / {:9.1} ns", times[0], times[4]);
}

fn timed(run: impl FnOnce()) -> Duration {
    let began = Instant::now();
    run();
    began.elapsed()
}

fn frame() -> Vec<u8> {
    let mut turn = vec![0u8; 24 + 64];
    turn[0] = 64;
    turn[4] = 1;
    turn
}

fn done(turn: InlineTurn) -> Box<dyn Behavior> {
    match turn {
        InlineTurn::Done(actor, Ok(())) => actor,
        InlineTurn::Done(_, Err(crash)) => panic!("{crash}"),
        InlineTurn::Suspended(turn) => turn.finish().0.unwrap(),
        InlineTurn::Declined(_) => panic!("declined"),
    }
}

#[test]
#[ignore = "prints times"]
fn times() {
    for trap_handling in [TrapHandling::Signals, TrapHandling::Explicit] {
        println!("\n{trap_handling:?}: least / median");
        let (host, _) = host_with(HostConfig { trap_handling, pooled_slots: 100_000, ..config() });
        let began = Instant::now();
        let factory = factory(&host, echo());
        println!("{:44} {:9.1} us", "first load and pool", began.elapsed().as_secs_f64() * 1e6);
        let again = component(&common::ECHO_MODULE.replace("1024", "1032"));
        let began = Instant::now();
        common::load(&host, again);
        println!("{:44} {:9.1} us", "load of another component", began.elapsed().as_secs_f64() * 1e6);
        if trap_handling == TrapHandling::Signals {
            bare();
        }
        let ticker = host.ticker();
        ticker.enter();
        calls(factory.as_ref());
        creates(factory.as_ref());
        let ops = common::factory(&host, ops());
        traps(ops.as_ref());
        ticker.leave();
    }
}

/// What a new engine takes, by the size of its pool; without, and then with trap backtraces.
#[test]
#[ignore = "prints times"]
fn set_up() {
    for pooled_slots in [0, 1_000, 10_000, 100_000] {
        for trap_backtrace in [false, true] {
            let began = Instant::now();
            let (host, _) = host_with(HostConfig { pooled_slots, trap_backtrace, ..config() });
            let host_made = began.elapsed();
            let factory = factory(&host, ops());
            println!("{pooled_slots} slots, backtrace {trap_backtrace}: host {host_made:?}, all {:?}", began.elapsed());
            measure("trap", 50, |n| {
                let mut kept: Vec<_> = (0..n).map(|_| factory.create().unwrap()).collect();
                timed(|| kept.iter_mut().for_each(|actor| drop(actor.handle(&[op::UNREACHABLE]).unwrap_err())))
            });
        }
    }
}

/// The same guest and settings with nothing of ours around: what a call costs at least.
fn bare() {
    use wasmtime::component::{Component, Linker, TypedFunc, WasmList};
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true).memory_reservation(65_536).memory_guard_size(0).memory_init_cow(false);
    let engine = wasmtime::Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, &echo()).unwrap();
    let mut store = wasmtime::Store::new(&engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let handle: TypedFunc<(&[u8],), (WasmList<u8>,)> = instance.get_typed_func(&mut store, "handle").unwrap();
    let turn = frame();
    measure("bare component call, 88 B", 100_000, |n| {
        timed(|| (0..n).for_each(|_| _ = std::hint::black_box(handle.call(&mut store, (&turn,)).unwrap())))
    });
}

fn calls(factory: &dyn BehaviorFactory) {
    let turn = frame();
    let mut actor = factory.create().unwrap();
    measure("handle, one 64 B frame", 100_000, |n| timed(|| (0..n).for_each(|_| actor.handle(&turn).unwrap())));
    measure("handle and output", 100_000, |n| {
        timed(|| {
            for _ in 0..n {
                actor.handle(&turn).unwrap();
                std::hint::black_box(actor.output());
            }
        })
    });
    let mut held = Some(actor);
    measure("handle on a fiber, and output", 100_000, |n| {
        timed(|| {
            for _ in 0..n {
                let actor = done(held.take().unwrap().handle_inline(&turn));
                std::hint::black_box(actor.output());
                held = Some(actor);
            }
        })
    });
    measure("runs_inline", 100_000, |n| {
        let actor = held.as_ref().unwrap();
        timed(|| (0..n).for_each(|_| assert!(std::hint::black_box(actor).runs_inline())))
    });
}

fn creates(factory: &dyn BehaviorFactory) {
    let turn = frame();
    measure("create (stock mostly empty), first turn", 1000, |n| {
        let mut kept = Vec::new();
        let time = timed(|| {
            for _ in 0..n {
                let mut actor = factory.create().unwrap();
                actor.handle(&turn).unwrap();
                kept.push(actor);
            }
        });
        kept.clear();
        std::thread::sleep(Duration::from_millis(5));
        time
    });
    measure("create from the stock", 8, |n| {
        std::thread::sleep(Duration::from_millis(5));
        let mut kept = Vec::new();
        let time = timed(|| (0..n).for_each(|_| kept.push(factory.create().unwrap())));
        kept.into_iter().for_each(|actor| factory.retire(actor));
        std::thread::sleep(Duration::from_millis(5));
        time
    });
    measure("retire", 100, |n| {
        let kept: Vec<_> = (0..n).map(|_| factory.create().unwrap()).collect();
        let time = timed(|| kept.into_iter().for_each(|actor| factory.retire(actor)));
        std::thread::sleep(Duration::from_millis(5));
        time
    });
    measure("drop", 100, |n| {
        let kept: Vec<_> = (0..n).map(|_| factory.create().unwrap()).collect();
        timed(|| drop(kept))
    });
}

fn traps(factory: &dyn BehaviorFactory) {
    measure("trap", 50, |n| {
        let mut kept: Vec<_> = (0..n).map(|_| factory.create().unwrap()).collect();
        timed(|| kept.iter_mut().for_each(|actor| drop(actor.handle(&[op::UNREACHABLE]).unwrap_err())))
    });
    measure("trap, retire, create, next turn", 50, |n| {
        let mut actor = factory.create().unwrap();
        timed(|| {
            for _ in 0..n {
                actor.handle(&[op::UNREACHABLE]).unwrap_err();
                factory.retire(std::mem::replace(&mut actor, factory.create().unwrap()));
                actor.handle(&[op::ECHO]).unwrap();
            }
        })
    });
}

/// Loading a component from the cache, and its first actors. `TROUPE_COMPONENT` names the file.
#[test]
#[ignore = "prints times"]
fn loads() {
    let Some(path) = std::env::var_os("TROUPE_COMPONENT") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (host, _) = common::cached(dir.path().join("cache"));
    let began = Instant::now();
    drop(host.load_file(path.as_ref()).unwrap());
    println!("load, new, with its pool: {:.2} ms", began.elapsed().as_secs_f64() * 1e3);
    measure("load from the cache", 10, |n| {
        timed(|| (0..n).for_each(|_| assert!(host.load_file(path.as_ref()).unwrap().info().from_cache)))
    });
    let component = host.load_file(path.as_ref()).unwrap();
    let factory = host.factory(&component, troupe_host::Limits::default()).unwrap();
    for _ in 0..3 {
        let began = Instant::now();
        let mut actor = factory.create().unwrap();
        let created = began.elapsed();
        let started = actor.start(&[]);
        println!("create {created:?}, start {:?}: {:?}", began.elapsed() - created, started.map_err(|e| e.to_string()));
    }
}

/// What one live actor takes.
#[test]
#[ignore = "prints sizes"]
fn sizes() {
    let (host, heard) = host_with(HostConfig { pooled_slots: 110_000, ..config() });
    let factory = factory(&host, component(common::ECHO_MODULE));
    let turn = frame();
    let before = resident();
    let count = 100_000;
    let actors: Vec<_> = (0..count)
        .map(|_| {
            let mut actor = factory.create().unwrap();
            actor.handle(&turn).unwrap();
            actor
        })
        .collect();
    println!("{count} live actors: {} bytes each, {:?}", (resident() - before) / count, heard.events());
    println!("mappings: {}", std::fs::read_to_string("/proc/self/maps").unwrap().lines().count());
    let began = Instant::now();
    drop(actors);
    println!("drop: {:.1} us each", began.elapsed().as_secs_f64() * 1e6 / count as f64);
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
