//! The conservation law (`DLV-2`): offered = accepted + refused, and
//! accepted = handled + failed in handler + discarded + expired + aborted + queued + in hand.

/// Why a message was not taken, or not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LossReason {
    /// Nobody ever had this address.
    NoSuchActor,
    /// The target has ended.
    Stopped,
    /// The target's restart budget is spent.
    GaveUp,
    /// The mailbox was full.
    MailboxFull,
    /// Its deadline had passed before its turn came.
    Expired,
    /// It crashed its handler.
    Poison,
    /// The system is shut down.
    Shutdown,
    /// The payload is over the limit.
    TooLarge,
    /// The target was killed.
    Killed,
    /// The target's stash was full.
    StashFull,
    /// Nobody subscribes to the topic.
    NoSubscriber,
    /// The asker waits for the target already, through a chain of asks.
    Cycle,
    /// It was published on a topic that is not allowed, or could not be kept as the topic's last value.
    TopicRefused,
    /// Its receiver could not read it.
    Unreadable,
}

impl LossReason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::NoSuchActor,
        Self::Stopped,
        Self::GaveUp,
        Self::MailboxFull,
        Self::Expired,
        Self::Poison,
        Self::Shutdown,
        Self::TooLarge,
        Self::Killed,
        Self::StashFull,
        Self::NoSubscriber,
        Self::Cycle,
        Self::TopicRefused,
        Self::Unreadable,
    ];

    /// The public name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchActor => "no-such-actor",
            Self::Stopped => "stopped",
            Self::GaveUp => "gave-up",
            Self::MailboxFull => "mailbox-full",
            Self::Expired => "expired",
            Self::Poison => "poison",
            Self::Shutdown => "shutdown",
            Self::TooLarge => "too-large",
            Self::Killed => "killed",
            Self::StashFull => "stash-full",
            Self::NoSubscriber => "no-subscriber",
            Self::Cycle => "cycle",
            Self::TopicRefused => "topic-refused",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Sums since the start, of one actor or of many. They never go down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Put into a mailbox.
    pub accepted: u64,
    /// Handled without a crash.
    pub handled: u64,
    /// Their handler crashed.
    pub failed: u64,
    /// Dropped unread after they were accepted, by [`LossReason`].
    pub discarded: [u64; LossReason::ALL.len()],
    /// Asks whose deadline passed in the queue.
    pub expired: u64,
    /// Asks whose caller gave up while they were queued.
    pub aborted: u64,
    /// Not put into a mailbox, by [`LossReason`].
    pub refused: [u64; LossReason::ALL.len()],
}

impl Counters {
    /// Counts a message that was not accepted.
    pub fn refuse(&mut self, reason: LossReason) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// Counts an accepted message that was dropped unread.
    pub fn discard(&mut self, reason: LossReason) {
        if let Some(count) = self.discarded.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// Everything that was offered.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.accepted + self.refused.iter().sum::<u64>()
    }

    /// What must be queued or in hand now, if nothing was lost; `None` if more left than came.
    #[must_use]
    pub fn pending(&self) -> Option<u64> {
        let left = self.handled + self.failed + self.discarded.iter().sum::<u64>() + self.expired + self.aborted;
        self.accepted.checked_sub(left)
    }

    /// Messages that were refused or discarded, by [`LossReason`].
    #[must_use]
    pub fn losses(&self) -> [u64; LossReason::ALL.len()] {
        let mut losses = self.refused;
        for (sum, more) in losses.iter_mut().zip(self.discarded) {
            *sum += more;
        }
        losses
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.handled += other.handled;
        self.failed += other.failed;
        self.expired += other.expired;
        self.aborted += other.aborted;
        for (sum, more) in self.discarded.iter_mut().zip(other.discarded) {
            *sum += more;
        }
        for (sum, more) in self.refused.iter_mut().zip(other.refused) {
            *sum += more;
        }
    }
}
