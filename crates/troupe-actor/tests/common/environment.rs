//! A fake environment: it takes work from the test port, and answers when the test says so.

use std::sync::Arc;

use troupe_actor::behavior::NoFactory;
use troupe_actor::chain::Context;
use troupe_actor::frame::{self, Frame, Frames, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::record::{self, FLAG_SINGLE, Record};
use troupe_actor::spec::{ActorSpec, External};

use super::behaviors::{Actor, Log, Out, puppet, spawn_spec};
use super::world::World;

/// Something that the environment was given to do.
#[derive(Clone, Debug)]
pub struct Work {
    pub kind: u32,
    pub actor: Address,
    pub number: u32,
    pub incarnation: u32,
    pub definition: u32,
    pub count: u32,
    pub body: Vec<u8>,
}

impl Work {
    fn read(kind: u32, payload: &[u8]) -> Self {
        let word = |index: usize| frame::word(payload, index * 4).unwrap();
        Self {
            kind,
            actor: Address { index: word(0), tag: u64::from(word(1)) | u64::from(word(2)) << 32 },
            number: word(3),
            incarnation: word(4),
            definition: word(5),
            count: word(7),
            body: payload[work::HEAD_BYTES..].to_vec(),
        }
    }

    pub fn frames(&self) -> Vec<Frame<'_>> {
        Frames::new(&self.body).filter(|frame| frame.kind != kind::CONTEXT).collect()
    }

    /// What the asks that are made on behalf of its asks bring along, in their order.
    pub fn contexts(&self) -> Vec<Context> {
        let contexts = Frames::new(&self.body).filter(|frame| frame.kind == kind::CONTEXT);
        contexts.map(|frame| Context::read(frame.payload).unwrap().0).collect()
    }

    /// The payloads, for people.
    pub fn texts(&self) -> Vec<String> {
        self.frames().iter().map(|frame| String::from_utf8_lossy(frame.payload).into_owned()).collect()
    }

    /// The numbers of the asks among the frames.
    pub fn asks(&self) -> Vec<u32> {
        self.frames().iter().filter(|frame| frame.kind == kind::ASK).map(|frame| frame.corr).collect()
    }
}

/// A specification of an actor that the world's port runs, as its definition 7.
pub fn external(world: &World) -> ActorSpec {
    let actor = Actor::new(|| puppet(&Log::default()));
    ActorSpec {
        factory: Arc::new(NoFactory),
        start_ms: 10_000,
        external: Some(External { port: world.me.port().unwrap(), definition: 7, handler_ms: 5_000 }),
        ..spawn_spec(actor)
    }
}

impl World {
    /// Runs, then takes the work that came.
    pub fn work(&self) -> Vec<Work> {
        self.run();
        self.work_so_far()
    }

    /// Takes the work that came.
    pub fn work_so_far(&self) -> Vec<Work> {
        self.port.work().iter().map(|(kind, payload)| Work::read(*kind, payload)).collect()
    }

    /// The one piece of work that came.
    pub fn only_work(&self, kind: u32) -> Work {
        let mut all = self.work();
        assert_eq!(all.iter().map(|work| work.kind).collect::<Vec<_>>(), [kind], "{all:?}");
        all.remove(0)
    }

    fn record_of(&self, (kind, flags): (u16, u16), work: &Work, result: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame { kind, flags, corr: 0, address: self.me, payload: result };
        Record { target: work.actor, word: work.number, frame }.write_to(&mut bytes);
        bytes
    }

    fn answer(&self, kind: u16, flags: u16, work: &Work, result: &[u8]) {
        self.system.inject(&self.record_of((kind, flags), work, result));
        self.run();
    }

    /// The record that says that a job is done.
    pub fn answer_bytes(&self, work: &Work, result: impl FnOnce(&mut Out)) -> Vec<u8> {
        let mut out = Out::default();
        result(&mut out);
        self.record_of((record::kind::WORK_DONE, 0), work, &out.bytes(work.count as usize))
    }

    /// The environment has done a job.
    pub fn done(&self, work: &Work, result: impl FnOnce(&mut Out)) {
        let mut out = Out::default();
        result(&mut out);
        self.answer(record::kind::WORK_DONE, 0, work, &out.bytes(work.count as usize));
    }

    /// As [`World::done`], with the wish for one message a turn.
    pub fn done_single(&self, work: &Work, result: impl FnOnce(&mut Out)) {
        let mut out = Out::default();
        result(&mut out);
        self.answer(record::kind::WORK_DONE, FLAG_SINGLE, work, &out.bytes(work.count as usize));
    }

    /// A handler of the environment waits, after `consumed` frames.
    pub fn begun(&self, work: &Work, consumed: u32, result: impl FnOnce(&mut Out)) {
        let mut out = Out::default();
        out.consume(consumed);
        result(&mut out);
        self.answer(record::kind::WORK_BEGUN, 0, work, &out.bytes(0));
    }

    /// Spawns an external actor that is up.
    pub fn spawn_external(&self, spec: ActorSpec) -> Address {
        let (address, slot) = self.spawn_waiting(&Arc::new(spec), Default::default());
        let start = self.only_work(work::START);
        assert_eq!((start.actor, start.definition), (address, 7));
        self.done(&start, |_| {});
        assert_eq!(self.wait(slot.unwrap()), super::port::Settled::Started);
        address
    }
}
