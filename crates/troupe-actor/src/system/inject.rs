//! Records that come from outside: sorted by shard, and handed over or dealt with at once.

use super::ActorSystem;
use crate::quiet::tell_if_quiet;
use crate::record;
use crate::shard::Outbox;
use crate::worker::ShardHandle;

impl ActorSystem {
    /// Hands records of a port to the shards of their targets. Returns how many bytes were whole
    /// records.
    pub fn inject(&self, records: &[u8]) -> usize {
        if self.shared.is_closing() {
            return self.inject_late(records);
        }
        if let [only] = &*self.shards {
            only.gate.push_records(records);
            return records.len();
        }
        let (mut outboxes, at) = self.sorted(records);
        for (handle, outbox) in self.shards.iter().zip(&mut outboxes) {
            if !outbox.is_empty() {
                handle.gate.push(outbox);
            }
        }
        at
    }

    /// Records by shard, and how many bytes were whole records.
    fn sorted(&self, records: &[u8]) -> (Vec<Outbox>, usize) {
        let mut outboxes: Vec<Outbox> = self.shards.iter().map(|_| Outbox::default()).collect();
        let mut at = 0;
        while let Some(record) = record::read(records, at) {
            let end = at + record.encoded_len();
            let shard = record.target.index as usize % self.shards.len();
            if let (Some(outbox), Some(bytes)) = (outboxes.get_mut(shard), records.get(at..end)) {
                outbox.records.extend_from_slice(bytes);
            }
            at = end;
        }
        (outboxes, at)
    }

    /// As [`ActorSystem::inject`], for records about actors that the caller's environment runs: what
    /// they lead to for such actors happens on this thread, where no worker is at it already.
    pub fn inject_here(&self, records: &[u8]) {
        if self.shared.is_closing() {
            self.inject_late(records);
            return;
        }
        if let [only] = &*self.shards {
            return self.serve_here(only, records);
        }
        for (handle, outbox) in self.shards.iter().zip(self.sorted(records).0) {
            if !outbox.is_empty() {
                self.serve_here(handle, &outbox.records);
            }
        }
    }

    pub(super) fn serve_here(&self, handle: &ShardHandle, records: &[u8]) {
        let free = handle.state.try_lock().filter(|_| !self.shared.quiet.is_held());
        let Some(mut shard) = free else { return handle.gate.push_records(records) };
        shard.refresh_clock(&self.shared);
        let due = shard.next_due();
        handle.drain_inbox(&mut shard, &self.shared, &mut Outbox::default());
        shard.drain(&self.shared, records, &mut Vec::new());
        // A request whose deadline has passed is not handed out (`ASK-3`).
        shard.run_timers(&self.shared);
        shard.serve_external(&self.shared);
        shard.flush(&self.shared);
        let wanted = shard.has_work() || shard.next_due() != due || shard.is_unwatched();
        drop(shard);
        if wanted {
            handle.gate.ring();
        }
        if self.shared.quiet.is_wanted() {
            tell_if_quiet(&self.shared, &self.shards);
        }
    }
}
