//! Actors that an environment runs: it is given jobs and answers when it likes, perhaps when nobody
//! waits for the answer any more.

use troupe_actor::frame::{self, Frame, Frames, effect, kind};
use troupe_actor::id::Address;
use troupe_actor::port::work;
use troupe_actor::reason::ReasonTag;
use troupe_actor::record;

use super::types::{Ending, Frame as Taken};
use super::{Deed, Hand, Kind, Model, Party, Phase, StashDeed, State, Work};

/// A job that an environment was given.
#[derive(Clone, Debug)]
pub struct Task {
    /// Whose.
    pub key: usize,
    /// The actor's address.
    pub address: Address,
    /// The job's number.
    pub number: u32,
    /// What is to be done.
    pub work: Work,
    /// The frames of a turn.
    pub frames: Vec<u8>,
    /// Its number in the model; another one there means that it is over.
    pub job: u64,
    /// Its handler waits for something: the one frame in its hands is this one.
    pub begun: bool,
}

/// What an environment makes of a job.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The kind of its record.
    pub kind: u16,
    /// Whose job.
    pub key: usize,
    /// The job's number in the model.
    job: u64,
    deed: Deed,
    /// The next turn is to hold one message.
    pub single: bool,
    /// The result.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Frames that were handled before.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.deed.consumed as usize
    }
}

impl Model {
    /// Whether an environment runs this actor.
    pub(super) fn is_external(&self, key: usize) -> bool {
        self.actors[key].traits.external.is_some()
    }

    /// An environment is given something to do.
    pub fn work(&mut self, kind: u32, payload: &[u8]) {
        let word = |index: usize| frame::word(payload, 4 * index).unwrap_or_default();
        let address = Address { index: word(0), tag: u64::from(word(1)) | u64::from(word(2)) << 32 };
        let number = word(3);
        let Some(key) = self.subject_at(address) else {
            return self.fail("SUP-7", "an environment is given a job of an actor that nobody spawned");
        };
        let frames = payload.get(work::HEAD_BYTES..).unwrap_or_default();
        let what = match kind {
            work::START => Work::Start,
            work::TURN => Work::Turn,
            work::STOP => Work::Stop,
            work::ABANDONED => return self.tasks.retain(|task| task.key != key || task.number != number),
            _ => return,
        };
        if !self.actors[key].is_live() {
            // It was killed in the step that gave the job, which is taken back right behind.
            return;
        }
        self.settle_phase(key, what);
        let mut turn = Vec::new();
        Frames::new(frames).filter(|frame| frame.kind != kind::CONTEXT).for_each(|frame| frame.write_to(&mut turn));
        match what {
            Work::Turn => self.take_turn(key, &turn),
            _ => self.take_job(key, what),
        }
        let job = self.job_of(key).unwrap_or_default();
        self.note(|| format!("#{key} has its {what:?} with its environment, job {number}"));
        self.tasks.push(Task { key, address, number, work: what, frames: turn, job, begun: false });
    }

    /// What the kernel did before it handed a job over, and nobody looked since.
    fn settle_phase(&mut self, key: usize, what: Work) {
        let now = self.now;
        let actor = &mut self.actors[key];
        match (what, actor.phase) {
            (Work::Start, Phase::Waiting(at)) if at <= now => actor.incarnation += 1,
            (Work::Start, Phase::Creating) => actor.incarnation = 1,
            (Work::Stop, Phase::Up) if actor.ending.is_some() => {
                (actor.phase, actor.queued_job) = (Phase::Stopping, true);
                if actor.ending == Some(Ending::Drain) && actor.stash.is_empty() {
                    self.totals.drained_now += 1;
                } else {
                    self.totals.stopped_now += 1;
                }
                return;
            }
            _ => return,
        }
        (actor.phase, actor.queued_job) = (Phase::Coming, true);
    }

    /// What the environment makes of one of its jobs, or of one that is over.
    pub fn answer_task(&mut self, task: &Task) -> Answer {
        let key = task.key;
        let mut out = frame::FORMAT_VERSION.to_le_bytes().to_vec();
        let single = self.random.permille(150);
        let mut answer = Answer {
            kind: record::kind::WORK_DONE,
            key,
            job: task.job,
            deed: Deed::default(),
            single,
            bytes: Vec::new(),
        };
        let live = self.job_of(key) == Some(task.job);
        let mut effects = Vec::new();
        if !live {
            // Nobody may ever see what this says.
            let to = self.someone();
            let incarnation = self.actors[key].incarnation;
            let (id, payload) = self.message(Party::Actor(key), incarnation, to, Kind::Tell, 0);
            self.messages[id].state = State::Void;
            Frame { kind: effect::TELL, flags: 0, corr: 0, address: to, payload: &payload }.write_to(&mut effects);
            answer.deed.consumed = Frames::new(&task.frames).count() as u32;
        } else if task.work == Work::Turn {
            (answer.kind, answer.deed, effects) = self.handle_outside(key, task);
        } else if task.work == Work::Start {
            self.actors[key].made += 1;
            let fails = self.actors[key].made <= self.actors[key].traits.start_fails && self.random.coin();
            answer.deed.failed = fails.then_some(ReasonTag::Trap);
        }
        if answer.deed.failed.is_some() {
            let payload = b"Error\0as the seed says\0\0";
            Frame { kind: effect::CRASH, flags: 0, corr: 0, address: Address::NONE, payload }.write_to(&mut effects);
        }
        out.extend_from_slice(&answer.deed.consumed.to_le_bytes());
        out.append(&mut effects);
        answer.bytes = out;
        answer
    }

    /// An answer is about to be taken: it is applied if the job is not over.
    pub(super) fn work_answered(&mut self, address: Address, number: u32) {
        let at = self.answers.iter().position(|(to, job, _)| *to == address && *job == number);
        let Some((_, _, answer)) = at.map(|at| self.answers.remove(at)) else { return };
        let key = answer.key;
        if self.job_of(key) != Some(answer.job) {
            self.void(&answer.deed);
            return self.note(|| format!("#{key}: an answer to a job that is over"));
        }
        self.actors[key].single = answer.single;
        let Some(hand) = self.actors[key].hand.clone() else { return };
        let splits = hand.work == Work::Turn
            && (answer.deed.failed.is_some() || (answer.kind == record::kind::WORK_BEGUN && hand.frames.len() > 1));
        if splits {
            self.advance(key, &hand, &answer.deed);
        }
        if answer.kind == record::kind::WORK_BEGUN {
            let limit = self.actors[key].traits.external.unwrap_or(u64::MAX);
            let deadline = self.now.saturating_add(limit).saturating_add(1);
            self.mark(deadline);
            return self.actors[key].hand.iter_mut().for_each(|hand| hand.deadline = deadline);
        }
        let failed = answer.deed.failed;
        let deed = if splits { Deed { failed, ..Deed::default() } } else { answer.deed };
        self.actors[key].hand.iter_mut().for_each(|hand| hand.deed = Some(deed.clone()));
        self.before_commit(key, super::Came::Ran);
    }

    /// The first frames of a turn are handled; what is left in hand is the one behind them.
    fn advance(&mut self, key: usize, hand: &Hand, deed: &Deed) {
        let consumed = (deed.consumed as usize).min(hand.frames.len().saturating_sub(1));
        let (done, rest) = hand.frames.split_at(consumed);
        // How full the mailbox is is nothing that can be in hand.
        let rest = if consumed == 0 { rest.strip_prefix(&[Taken::Pressure]).unwrap_or(rest) } else { rest };
        let first = Hand { frames: done.to_vec(), ..hand.clone() };
        let mut effects = Deed { consumed: consumed as u32, failed: None, ..deed.clone() };
        // What would come back stays aside until the message in hand is done.
        effects.stash.retain(|one| *one != StashDeed::Back);
        self.turn_succeeds(key, &first, &effects);
        let (own, behind) = rest.split_at(1.min(rest.len()));
        self.put_back(key, behind);
        self.drop_behind(key);
        let own = own.to_vec();
        self.actors[key].hand.iter_mut().for_each(|hand| hand.frames.clone_from(&own));
    }

    /// The environment of all actors that have one goes: those of this shard end.
    pub fn environment_goes(&mut self, shard: usize) {
        for key in self.live.clone() {
            let mine = self.shard_of(self.actors[key].address) == shard;
            if mine && self.is_external(key) && self.actors[key].expect.is_none() {
                self.kill(key);
            }
        }
    }

    /// The timers of a shard are about to run: handlers that take too long end.
    pub(super) fn handler_overdue(&mut self, key: usize) {
        self.note(|| format!("#{key} takes too long"));
        let deed = Deed { failed: Some(ReasonTag::Deadline), ..Deed::default() };
        self.actors[key].hand.iter_mut().for_each(|hand| hand.deed = Some(deed.clone()));
        self.before_commit(key, super::Came::Ran);
    }
}
