//! The kernel alone: behaviours in Rust, one shard with its worker, no component and no JavaScript.
//! What a row costs here is what the kernel adds to a component's call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set itself up should end at once"
)]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use troupe_actor::ask::AskTable;
use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn};
use troupe_actor::clock::Clock;
use troupe_actor::frame::{self, Frame, Frames};
use troupe_actor::id::Address;
use troupe_actor::mailbox::{BufferPool, Mailbox, Verdict};
use troupe_actor::reason::{Crash, StartError};
use troupe_actor::record::{FOREVER, Record};
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::system::{ActorSystem, SystemConfig};
use troupe_actor::ticker::Ticker;
use troupe_actor::timer::{Repeat, TimerOrder};
use troupe_actor::topics::NoTopics;

const PAYLOAD: usize = 64;
const HOPS: u32 = 400_000;
const TURN_FRAMES: u32 = 64;
const TURN_BYTES: usize = 30 * 1024;

/// Sends each message on with one hop less, as the guest `ring` does.
struct Ring {
    next: Arc<OnceLock<Address>>,
    /// Counts the messages whose hops are used up.
    ended: Arc<AtomicU32>,
    output: Vec<u8>,
}

impl Behavior for Ring {
    fn start(&mut self, _config: &[u8]) -> Result<(), StartError> {
        Ok(())
    }

    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash> {
        let address = self.next.get().copied().unwrap_or_default();
        self.output.clear();
        self.output.extend_from_slice(&frame::FORMAT_VERSION.to_le_bytes());
        self.output.extend_from_slice(&0u32.to_le_bytes());
        let mut consumed = 0u32;
        for message in Frames::new(turn) {
            consumed += 1;
            let hops = frame::word(message.payload, 0).unwrap_or(0);
            if hops == 0 {
                self.ended.fetch_add(1, Ordering::Release);
                continue;
            }
            let payload = token(hops - 1);
            let effect = Frame { kind: frame::effect::TELL, flags: 0, corr: 0, address, payload: &payload };
            effect.write_to(&mut self.output);
        }
        if let Some(word) = self.output.get_mut(4..8) {
            word.copy_from_slice(&consumed.to_le_bytes());
        }
        Ok(())
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn handle_inline(self: Box<Self>, _turn: &[u8]) -> InlineTurn {
        InlineTurn::Declined(self)
    }

    fn runs_inline(&self) -> bool {
        false
    }

    fn stop(&mut self) {}
}

struct RingFactory {
    next: Arc<OnceLock<Address>>,
    ended: Arc<AtomicU32>,
}

impl BehaviorFactory for RingFactory {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        Ok(Box::new(Ring { next: Arc::clone(&self.next), ended: Arc::clone(&self.ended), output: Vec::new() }))
    }

    fn creates_inline(&self) -> bool {
        true
    }
}

fn token(hops: u32) -> [u8; PAYLOAD] {
    let mut payload = [0; PAYLOAD];
    payload[..4].copy_from_slice(&hops.to_le_bytes());
    payload
}

/// A ring of actors on one shard.
struct Circle {
    system: ActorSystem,
    actors: Vec<Address>,
    ended: Arc<AtomicU32>,
}

impl Circle {
    fn new(count: usize) -> Self {
        let ticker = Arc::new(Ticker::new().unwrap());
        Self::around(count, ActorSystem::new(&config(Clock::monotonic()), ticker).unwrap())
    }

    /// A ring without a worker: the caller drives it, by this clock.
    fn driven(count: usize, clock: Clock) -> Self {
        Self::around(count, ActorSystem::manual(&config(clock), Arc::new(Ticker::new().unwrap())))
    }

    fn around(count: usize, system: ActorSystem) -> Self {
        let ended = Arc::new(AtomicU32::new(0));
        let nexts: Vec<Arc<OnceLock<Address>>> = (0..count).map(|_| Arc::default()).collect();
        let actors: Vec<Address> = nexts.iter().map(|next| spawn(&system, next, &ended)).collect();
        for (index, next) in nexts.iter().enumerate() {
            next.set(actors[(index + 1) % count]).unwrap();
        }
        Self { system, actors, ended }
    }

    /// Hands `tokens` out over the ring and waits until all hops are used up.
    fn travel(&self, tokens: usize) {
        let payload = token(HOPS / tokens as u32 - 1);
        let mut records = Vec::new();
        for index in 0..tokens {
            let target = self.actors[index * self.actors.len() / tokens];
            let frame =
                Frame { kind: frame::kind::MESSAGE, flags: 0, corr: 0, address: Address::NONE, payload: &payload };
            Record { target, word: FOREVER, frame }.write_to(&mut records);
        }
        let before = self.ended.load(Ordering::Acquire);
        assert_eq!(self.system.inject(&records), records.len());
        while self.ended.load(Ordering::Acquire) - before < tokens as u32 {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

fn config(clock: Clock) -> SystemConfig {
    SystemConfig {
        shards: 1,
        spare_threads: 0,
        dead_letters: 10,
        captured_bytes: 0,
        seed: 1,
        clock,
        topics: Arc::new(NoTopics),
        unheard_letters: false,
    }
}

fn spawn(system: &ActorSystem, next: &Arc<OnceLock<Address>>, ended: &Arc<AtomicU32>) -> Address {
    let factory = RingFactory { next: Arc::clone(next), ended: Arc::clone(ended) };
    let spec = ActorSpec::plain(Arc::new(factory));
    system.spawn(&Arc::new(spec), SpawnArgs::default(), None).unwrap().address
}

fn rings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel.ring");
    group.throughput(Throughput::Elements(u64::from(HOPS)));
    for (name, count, tokens) in [("2x1", 2, 1), ("1000x100", 1_000, 100), ("1000x4000", 1_000, 4_000)] {
        let circle = Circle::new(count);
        group.bench_function(name, |bencher| bencher.iter(|| circle.travel(tokens)));
        let audit = circle.system.audit();
        assert!(audit.is_balanced(), "{name}: the audit does not balance: {audit:?}");
        circle.system.close();
    }
    group.finish();
}

fn mailbox(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel.mailbox");
    let payload = [7; PAYLOAD];
    let frame = Frame { kind: frame::kind::MESSAGE, flags: 0, corr: 0, address: Address::NONE, payload: &payload };
    for count in [1u64, 64] {
        group.throughput(Throughput::Elements(count));
        let (mut mailbox, mut pool) = (Mailbox::default(), BufferPool::default());
        group.bench_function(format!("push_take_{count}"), |bencher| {
            bencher.iter(|| {
                for _ in 0..count {
                    mailbox.push(black_box(&frame), &mut pool);
                }
                let turn = mailbox.take(TURN_FRAMES, TURN_BYTES, &mut pool, |_, _| Verdict::Take).unwrap();
                let (end, taken) = (turn.end, turn.count);
                mailbox.put_back(turn, end, 0, &mut pool);
                taken
            });
        });
    }
    group.finish();
}

fn asks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel.ask");
    let asker = Address { index: 1, tag: 2 };
    let mut table = AskTable::default();
    group.bench_function("insert_remove", |bencher| {
        bencher.iter(|| {
            let number = table.insert(0, asker, 1, 7, 5_000).unwrap();
            table.remove(black_box(number))
        });
    });
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("expire_1000", |bencher| {
        bencher.iter_batched(open_asks, expire_all, BatchSize::SmallInput);
    });
    group.finish();
}

/// A thousand asks whose deadlines are spread over a second.
fn open_asks() -> AskTable {
    let mut table = AskTable::default();
    for index in 0..1_000u32 {
        table.insert(index, Address { index, tag: 2 }, 1, index, u64::from(index)).unwrap();
    }
    table
}

/// The timer wheel, turned a millisecond at a time until all are due.
fn expire_all(mut table: AskTable) -> usize {
    let mut due = Vec::new();
    let mut expired = 0;
    for now in 0..1_000 {
        table.expire(now, &mut due);
        for number in due.drain(..) {
            expired += usize::from(table.remove(number).is_some());
        }
    }
    assert_eq!(expired, 1_000);
    expired
}

/// Timers of one actor, among as many that wait: setting and cancelling one, and the way of a tick.
fn timers(c: &mut Criterion) {
    let mut group = c.benchmark_group("timers");
    let order = TimerOrder { delay_ms: 60_000, repeat: Repeat::Once, payload: b"tick" };
    for waiting in [0u32, 900] {
        let circle = Circle::new(1);
        let (system, actor) = (&circle.system, circle.actors[0]);
        for _ in 0..waiting {
            system.set_timer(actor, Address::NONE, &order, None).unwrap();
        }
        group.bench_function(format!("set and cancel, {waiting} wait"), |b| {
            b.iter(|| {
                let number = system.set_timer(actor, Address::NONE, &order, None).unwrap();
                assert!(system.cancel_timer(actor, number));
            });
        });
        group.bench_function(format!("replace by name, {waiting} wait"), |b| {
            b.iter(|| system.set_timer(actor, Address::NONE, &order, Some("key")).unwrap());
        });
    }
    let clock = Clock::manual();
    let circle = Circle::driven(1, clock.clone());
    let (system, actor) = (&circle.system, circle.actors[0]);
    let due = TimerOrder { delay_ms: 1, repeat: Repeat::Once, payload: &token(0) };
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("set, tick and handle", |b| {
        b.iter(|| {
            for _ in 0..1_000 {
                system.set_timer(actor, Address::NONE, &due, None).unwrap();
            }
            clock.advance(1);
            system.run_until_idle();
        });
    });
    group.finish();
}

criterion_group!(benches, rings, mailbox, asks, timers);
criterion_main!(benches);
