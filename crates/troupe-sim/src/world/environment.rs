//! The environment of a run: it has jobs of the actors that it runs, and answers them in any order.

use troupe_actor::frame::{Frame, Frames};
use troupe_actor::id::Address;
use troupe_actor::record::{FLAG_SINGLE, Record, kind};

use super::{World, attach};
use crate::model::Task;

impl World {
    /// What environments are given is seen in the step that gives it.
    pub(super) fn flush_work(&mut self) {
        if self.profile.external > 0 {
            (0..self.profile.shards as usize).for_each(|shard| self.flush(shard));
        }
    }

    /// The environment answers one of its jobs; seldom one that is over.
    pub(super) fn answer(&mut self) {
        let count = self.model.lock().tasks.len() as u32;
        if count > 0 {
            let at = self.random.below(count) as usize;
            self.answer_task(at);
        }
    }

    fn answer_task(&mut self, at: usize) {
        let mut model = self.model.lock();
        let task = model.tasks.remove(at);
        let answer = model.answer_task(&task);
        model.note(|| format!("the environment answers job {} of #{}, {:?}", task.number, task.key, answer.kind));
        if answer.kind == kind::WORK_BEGUN {
            model.tasks.push(begun(&task, answer.consumed()));
        } else if self.random.permille(100) {
            // It forgets that it has answered.
            model.tasks.push(task.clone());
        }
        let flags = if answer.single { FLAG_SINGLE } else { 0 };
        let payload = answer.bytes.clone();
        let frame = Frame { kind: answer.kind, flags, corr: 0, address: Address::NONE, payload: &payload };
        let record = Record { target: task.address, word: task.number, frame };
        let mut bytes = Vec::new();
        record.write_to(&mut bytes);
        model.answers.push((task.address, task.number, answer));
        let closing = model.closing;
        drop(model);
        if closing {
            // It is taken at once, after what lies in the inbox.
            self.deliver_all();
            self.model.lock().record(&record);
        }
        self.system.inject(&bytes);
        if closing {
            self.check(Some(task.key));
        }
    }

    /// Answers every job that is not over; false when there was none.
    pub(super) fn answer_all(&mut self) -> bool {
        let mut answered = false;
        loop {
            let live = {
                let model = self.model.lock();
                model.tasks.iter().position(|task| {
                    let waits =
                        !model.answers.iter().any(|(to, number, _)| (*to, *number) == (task.address, task.number));
                    waits && model.job_of(task.key) == Some(task.job)
                })
            };
            let Some(at) = live else { return answered };
            answered = true;
            self.answer_task(at);
        }
    }

    /// The environment goes: its actors end. Another one comes.
    pub(super) fn detach(&mut self) {
        if self.profile.external == 0 || self.model.lock().closing {
            return;
        }
        // As the system does it, but with a look at what one shard's part means for the others.
        self.system.shared().detach(self.environment);
        for shard in 0..self.profile.shards as usize {
            self.deliver_all();
            self.model.lock().environment_goes(shard);
            let (shared, handle) = (self.system.shared(), &self.system.shards()[shard]);
            let mut state = handle.state.lock();
            state.refresh_clock(shared);
            state.end_external(shared, self.environment);
            drop(state);
            self.check(None);
        }
        self.environment = attach(&self.system, &self.model, false).port().unwrap_or_default();
    }
}

/// What is left of a job whose handler waits: the frame in its hands.
fn begun(task: &Task, consumed: usize) -> Task {
    let mut frames = Vec::new();
    let is_message = |frame: &Frame<'_>| consumed > 0 || frame.kind != troupe_actor::frame::kind::PRESSURE;
    Frames::new(&task.frames).skip(consumed).filter(is_message).take(1).for_each(|frame| frame.write_to(&mut frames));
    Task { frames, begun: true, ..task.clone() }
}
