//! What the kernel's own threads do, in steps that anything can come between.

use troupe_actor::interrupt;
use troupe_actor::record;
use troupe_actor::shard::{Job, Outbox, Outcome, Signal, Work};

use super::{Held, World};
use crate::model::{self, Came};

impl World {
    /// A shard takes its inbox over.
    pub(super) fn inbox(&mut self, shard: usize) {
        let handle = &self.system.shards()[shard];
        if !handle.gate.is_filled() {
            return;
        }
        handle.gate.take(&mut self.scratch);
        let Outbox { records, signals } = std::mem::take(&mut self.scratch);
        // One at a time: what follows from each is fixed before it is taken.
        let mut at = 0;
        while let Some(record) = record::read(&records, at) {
            let end = at + record.encoded_len();
            if record.frame.kind == record::kind::LINK_DOWN {
                // What it ends depends on what the records before it began.
                self.check(None);
            }
            self.model.lock().record(&record);
            self.drain(shard, &records[at..end], &mut Vec::new());
            if self.profile.external > 0 {
                let worked = matches!(record.frame.kind, record::kind::WORK_DONE | record::kind::WORK_BEGUN);
                let touched = self.model.lock().find(record.target).filter(|_| worked);
                self.check(touched);
            }
            at = end;
        }
        for signal in signals {
            if matches!(signal, Signal::Sweep(..)) {
                self.check(None);
            }
            self.model.lock().signal(shard, &signal);
            self.drain(shard, &[], &mut vec![signal]);
        }
        self.check(None);
    }

    fn drain(&self, shard: usize, records: &[u8], signals: &mut Vec<Signal>) {
        let (shared, mut state) = (self.system.shared(), self.system.shards()[shard].state.lock());
        state.refresh_clock(shared);
        state.drain(shared, records, signals);
    }

    /// A shard does what is due.
    pub(super) fn timers(&mut self, shard: usize) {
        {
            let mut model = self.model.lock();
            model.expire(shard);
            model.starts_overdue(shard);
            model.graces_over(shard);
            model.life_graces_over(shard);
            model.probes_and_phases(shard);
        }
        let mut state = self.system.shards()[shard].state.lock();
        state.refresh_clock(self.system.shared());
        state.run_timers(self.system.shared());
        drop(state);
        self.ran[shard] = self.now();
        self.check(None);
    }

    /// A thread takes a job of a shard, if it has none.
    pub(super) fn take(&mut self, shard: usize, thread: usize) {
        if self.threads[thread].held.is_some() {
            return;
        }
        let mut job = Job::default();
        let (index, number) = {
            let thread = &mut self.threads[thread];
            thread.number += 1;
            (thread.index, thread.number)
        };
        let mut state = self.system.shards()[shard].state.lock();
        state.refresh_clock(self.system.shared());
        let taken = state.next_job(self.system.shared(), index, number, &mut job);
        drop(state);
        if taken {
            let cell = job.local * self.profile.shards + shard as u32;
            self.hold(shard, thread, cell, job);
        }
        self.check(None);
    }

    fn hold(&mut self, shard: usize, thread: usize, cell: u32, job: Job) {
        let hangs = self.random.permille(self.profile.faults.hang);
        let mut model = self.model.lock();
        let Some(key) = model.occupant(cell) else {
            return model.fail("STOP-2", format!("the vacant cell {cell} has a job"));
        };
        match &job.work {
            // Faults of tests are not part of a run.
            Work::Turn | Work::Fail(_) => model.take_turn(key, job.input.frames()),
            Work::Resume(_) => model.take_again(key),
            Work::Start(..) => model.take_job(key, model::Work::Start),
            Work::Stop => model.take_job(key, model::Work::Stop),
            Work::Health => model.take_job(key, model::Work::Health),
        }
        let number = model.job_of(key).unwrap_or_default();
        drop(model);
        let since = self.now();
        self.threads[thread].held = Some(Held { shard, key, job, since, ran: false, hangs, number, bitten: false });
    }

    /// A thread runs its job, unless it hangs.
    pub(super) fn run_job(&mut self, thread: usize) {
        let now = self.now();
        let thread = &mut self.threads[thread];
        let killed = thread.is_killed();
        let Some(held) = thread.held.as_mut().filter(|held| !held.ran) else { return };
        let late = {
            let mut model = self.model.lock();
            let late = model.job_of(held.key) != Some(held.number);
            let asked = late || model.is_killed(held.key, held.number);
            let key = held.key;
            model.require(asked == killed || (held.bitten && killed), "STOP-4", || {
                format!("#{key} is to be killed: {asked}, its thread knows: {killed}")
            });
            late
        };
        if held.hangs && !killed {
            return;
        }
        if now > held.since {
            thread.slot.mark_slow(thread.number);
        }
        interrupt::install(&thread.slot);
        self.model.lock().late = late;
        held.job.run(&thread.slot, thread.number);
        self.model.lock().late = false;
        held.ran = true;
    }

    /// The watchdog ends the job of a thread that hangs.
    pub(super) fn bite(&mut self, thread: usize) {
        let thread = &mut self.threads[thread];
        let number = thread.number;
        if let Some(held) = thread.held.as_mut().filter(|held| held.hangs && !held.ran) {
            held.bitten = true;
            thread.slot.kill(number);
        }
    }

    /// A thread brings its job back.
    pub(super) fn commit(&mut self, thread: usize) {
        let Some(mut held) = self.threads[thread].held.take_if(|held| held.ran) else { return };
        let came = match held.job.outcome {
            Outcome::Suspended(_) => Came::Suspended,
            Outcome::Declined | Outcome::Pending => Came::Declined,
            _ => Came::Ran,
        };
        // The watchdog looks every millisecond.
        held.job.slow |= self.now() > held.since;
        let late = self.model.lock().job_of(held.key) != Some(held.number);
        if !late {
            self.model.lock().before_commit(held.key, came);
        }
        let mut state = self.system.shards()[held.shard].state.lock();
        state.commit(self.system.shared(), &mut held.job);
        drop(state);
        self.check((!late).then_some(held.key));
    }

    /// A shard sends what it put aside.
    pub(super) fn flush(&mut self, shard: usize) {
        self.system.shards()[shard].state.lock().flush(self.system.shared());
        let current = self.ran[shard] == self.now();
        self.model.lock().flushed(shard, current);
    }

    /// Nothing is under way between shards any more: a request to all of them finds nothing in the
    /// inboxes that the model has not seen.
    pub(super) fn deliver_all(&mut self) {
        loop {
            for shard in 0..self.profile.shards as usize {
                self.flush(shard);
            }
            if !self.system.shards().iter().any(|handle| handle.gate.is_filled()) {
                return;
            }
            for shard in 0..self.profile.shards as usize {
                self.inbox(shard);
            }
        }
    }

    /// Everything runs for a while.
    pub(super) fn progress(&mut self) {
        for _ in 0..1 + self.random.below(6) {
            if !self.round() {
                break;
            }
        }
    }

    /// Each shard does all that a worker's round does; false when nothing was left to do.
    pub(super) fn round(&mut self) -> bool {
        let mut worked = false;
        for shard in 0..self.profile.shards as usize {
            worked |= self.system.shards()[shard].gate.is_filled();
            self.inbox(shard);
            self.timers(shard);
            let first = self.random.below(self.profile.threads) as usize;
            for offset in 0..self.threads.len() {
                let thread = (first + offset) % self.threads.len();
                worked |= self.threads[thread].held.is_none() && self.system.shards()[shard].state.lock().has_work();
                self.take(shard, thread);
                worked |= self.threads[thread].held.as_ref().is_some_and(|held| held.ran || !held.hangs);
                self.run_job(thread);
                worked |= self.threads[thread].held.as_ref().is_some_and(|held| held.ran);
                self.commit(thread);
            }
            worked |= self.answer_all();
            self.hook();
            self.flush(shard);
        }
        worked |= self.system.shards().iter().any(|handle| handle.gate.is_filled());
        worked && self.model.lock().violation.is_none()
    }
}
