//! Planted bugs: each breaks one rule, so that the simulator can show that it would notice.
//!
//! Compiled with `--cfg troupe_planted` only; a build without it contains nothing of this. At most
//! one bug is planted at a time, per thread, so that several runs can go on side by side.

use std::cell::Cell;

use crate::backlog::Backlog;
use crate::cell::Rare;
use crate::mailbox::BufferPool;
use crate::shard::Job;
use crate::spec::MailboxSpec;
use crate::status::Status;

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug for the calling thread, or takes it out again.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted.
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident $rule:literal $text:literal;)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])+ $name,)+ }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The rule that it breaks.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)+ }
            }

            /// Its public name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

bugs! {
    /// A restart still counts exactly one window later.
    WindowTooLong "INT-1" "window-off-by-one";
    /// One restart more than the budget.
    BudgetOneMore "INT-1" "budget-off-by-one";
    /// The culprit that a replay finds is charged although the turn was.
    ReplayChargedTwice "TURN-3" "replay-charged-twice";
    /// The wait grows beyond its maximum.
    BackoffAboveMax "BO-1" "backoff-above-max";
    /// A healthy run forgets nothing.
    BackoffNotReset "BO-2" "backoff-not-reset";
    /// A restart's timer begins a life whatever happened meanwhile.
    StaleTimer "SUP-0" "stale-timer-restarts";
    /// An actor that was asked to stop and crashes comes up again.
    RestartAfterStop "RST-2" "restart-after-stop";
    /// The last of several watchers does not hear of the end.
    DownDropped "MON-1" "down-dropped";
    /// The end of an actor leaves the asks that it held open.
    AskNeverSettled "ASK-5" "held-ask-never-settled";
    /// An actor that gave up keeps its name.
    NameKept "REG-3" "name-on-a-dead-actor";
    /// A spawn that finds its name taken takes it from its holder.
    NameLost "REG-3" "name-released-by-another";
    /// An aborted ask is settled twice.
    AskTwice "ASK-2" "ask-settled-twice";
    /// An ask that was settled in the queue is handled nevertheless.
    ExpiredDelivered "ASK-3" "expired-ask-handled";
    /// An answer reaches the next life of its asker.
    LateReply "ASK-4" "answer-to-an-old-life";
    /// What an actor asked itself reaches its next life when it crashes.
    OwnAnswer "ASK-4" "own-answer-to-the-next-life";
    /// A mailbox takes one message more than its capacity.
    CapacityOneMore "OVF-3" "capacity-off-by-one";
    /// What a turn did not consume goes behind what came meanwhile.
    OrderSwapped "ORD-1" "order-swapped-by-put-back";
    /// A message that made room for another leaves no dead letter.
    LetterMissing "DL-4" "dead-letter-missing";
    /// What a killed actor had in its hands is forgotten.
    MessageForgotten "DLV-2" "message-forgotten-by-kill";
    /// An actor that is in a turn is not killed when its grace is over.
    GraceIgnored "STOP-3" "grace-ignored";
    /// The last message of a drain is not worked off.
    DrainLosesTail "STOP-1" "drain-loses-tail";
    /// A stop works off the queue.
    StopGoesOn "STOP-1" "stop-goes-on";
    /// What a turn sent takes place although it failed.
    CrashedTurnSends "TURN-2" "crashed-turn-sends";
    /// The message that crashed its handler alone is run again.
    PoisonAgain "MBX-3" "poison-run-again";
    /// A replay takes several messages a turn.
    ReplayInBatches "TURN-3" "replay-in-batches";
    /// A sender whose message was refused in the end stays parked.
    ParkedForEver "OVF-2" "sender-parked-for-ever";
    /// A send that waited for room is not confirmed.
    SendUnconfirmed "DLV-3" "send-never-confirmed";
    /// A job that comes back late is committed in the past.
    ClockInThePast "TMR-4" "deadline-in-the-past";
    /// A supervisor that goes down leaves its first child alive.
    Orphan "SUP-7" "orphan-after-supervisor-stop";
    /// Rest-for-one restarts the one alone.
    RestSpared "SUP-1" "rest-for-one-spares-the-rest";
    /// A failed start costs no unit of the budget.
    StartUncharged "INT-2" "failed-start-costs-nothing";
    /// A report about an old life is taken for one about the present life.
    StaleReport "SUP-0" "report-of-an-old-life";
    /// The second of two stops of one child is never answered.
    RequestForgotten "SUP-5" "request-never-answered";
    /// An addition that was refused comes up in the supervisor's next life.
    UnbornReturns "SUP-0" "refused-addition-returns";
    /// A notice does not wait for what the dead actor's messages wait for.
    NoticeOvertakes "MON-3" "down-before-the-last-message";
    /// A notice that is queued comes although its watch was taken back.
    NoticeUnwanted "MON-2" "down-after-demonitor";
    /// A notice for an earlier life's watch comes to the watch that has its tag now.
    NoticeInherited "MON-2" "down-for-an-old-watch";
    /// A crash loses the notices that are queued.
    NoticeLost "MON-1" "down-lost-by-a-crash";
    /// An answer of an environment is taken for whatever job the actor has now.
    WorkLate "ENG-1" "late-answer-of-an-environment";
    /// Nobody ends a handler of an environment that takes too long.
    WorkUnwatched "CAN-4" "handler-never-overdue";
    /// An ask that would wait for itself is let through.
    CycleUnseen "REE-2" "cycle-not-seen";
    /// An ask does not bring along who waits for it.
    ChainLost "REE-2" "chain-lost-on-the-way";
    /// An ask on behalf of another has its own deadline only.
    DeadlineOwn "ASK-1" "deadline-not-inherited";
    /// What runs is judged by when earlier work began.
    ProbeImpatient "HLT-2" "probe-judges-too-early";
    /// Failures of an earlier life's probes count in the next one.
    ProbesAddUp "HLT-1" "health-of-an-old-life";
    /// One failed probe more than allowed.
    ProbeLenient "HLT-1" "probe-failures-off-by-one";
    /// A member that joined a pool on its way down is counted as one that is down.
    SweepMiscounted "SUP-2" "pool-down-with-members-up";
    /// A pool waits for a member that ended before its first life.
    PoolAwaitsDead "SUP-2" "pool-awaits-a-dead-member";
    /// The budget of a pool is one for each of its members.
    PoolBudgetForEach "INT-3" "pool-budget-for-each";
    /// A restart that its member got for nothing is charged to the pool.
    PoolPaysTwice "INT-3" "pool-pays-for-free-restart";
    /// A link that was taken back still ends a life.
    LinkStays "MON-6" "link-survives-unlink";
    /// A subscription loses what comes in the turn in which it takes over from another one.
    TakeoverLoses "TOP-7" "taken-over-tag-loses-messages";
    /// What is queued for a subscription is handled after that has ended.
    HandledUnsubscribed "TOP-7" "handled-after-unsubscribe";
    /// A new subscription does not get the last messages that were kept.
    KeptForgotten "TOP-7" "kept-message-not-handed-out";
    /// A copy that a mailbox refused counts as accepted.
    RefusedCounted "TOP-8" "refused-copy-counted";
    /// The subscriptions of an actor outlive it.
    SubscriptionLeft "TOP-9" "subscription-of-a-dead-actor";
    /// Of a queue group, all members get a message.
    GroupGetsAll "QG-1" "group-delivers-to-all";
    /// What lies behind a running turn is not counted any more when something behind it is dropped.
    BehindUncounted "DLV-2" "queued-behind-a-turn-uncounted";
    /// What was dropped behind a replay counts as a part of it.
    DropEndsReplay "TURN-3" "drop-behind-a-replay-counted";
    /// A tick that is queued is handled although its timer was taken back.
    TickUnwanted "TMR-2" "tick-after-cancel";
    /// A timer that is of a life goes on in the next one.
    TimerInherited "TMR-2" "timer-of-an-old-life";
    /// A timer of a place ends with a life.
    PlaceTimerLost "TMR-2" "place-timer-lost-by-restart";
    /// What a fixed rate missed is not counted.
    MissedUncounted "TMR-3" "missed-ticks-uncounted";
    /// A repetition is due a moment before its time.
    TickEarly "TMR-4" "tick-too-early";
    /// A message that comes gets in before one that has waited longer.
    WaiterOvertaken "OVF-2" "waiter-overtaken";
    /// What waits for room is let in from behind.
    WaitersReversed "OVF-2" "waiters-let-in-backwards";
    /// A restart forgets who waits for room.
    WaitersForgotten "DLV-2" "waiters-forgotten-by-restart";
    /// With one that has waited long enough, all that wait are refused.
    WaitersGiveUp "OVF-2" "waiters-refused-too-early";
    /// After one that has waited long enough, nobody looks at the next.
    WaiterUnwatched "OVF-2" "waiter-never-refused";
    /// A turn lets one in, however much room it makes.
    RoomUnused "OVF-2" "room-left-unused";
    /// A mailbox that is closed lets in who waits in front of it.
    ClosedLetsIn "STOP-1" "closed-mailbox-lets-in";
    /// A sender goes on while its message waits.
    SenderGoesOn "OVF-2" "sender-not-parked";
    /// A mailbox that is full says so with each message.
    WaterAgain "OVF-6" "high-water-said-twice";
    /// A mailbox is said to be empty again as soon as it is not full.
    WaterRestless "OVF-6" "water-without-hysteresis";
    /// A mailbox that fills up by what waited says nothing.
    WaterUnsaid "OVF-6" "high-water-unsaid";
    /// A turn is told how full the mailbox is without its own messages.
    PressureWithoutTurn "OVF-6" "pressure-without-the-turn";
    /// An actor that has ended stays in its groups.
    GroupKeepsDead "GRP-1" "group-keeps-a-dead-member";
    /// Who hears of an end finds the actor in its groups.
    GroupLeftLate "MON-4" "group-left-after-down";
    /// An actor that is to end joins a group.
    GroupTakesClosed "GRP-1" "group-takes-one-that-ends";
    /// Watchers of a group do not hear of who leaves it.
    GroupLeaveUnsaid "GRP-1" "group-leave-unsaid";
    /// Who would have spawned an actor that is to end is told that it is up.
    EndingShared "REG-1" "ending-actor-shared";
    /// A tick that its handler keeps in hand is taken out of the mailbox again.
    TickTwice "TMR-3" "tick-in-hand-taken-twice";
    /// An environment sets timers for a life that is over.
    TimerForOld "TMR-2" "timer-set-for-an-old-life";
    /// A timer with the name of another one leaves that as it is.
    NamedTwice "TMR-1" "named-timer-not-replaced";
    /// What a life had put aside does not come back in the next one.
    StashLeft "STH-1" "stash-left-by-restart";
    /// What was put aside comes back behind everything else.
    StashBehind "STH-1" "stash-back-behind-the-queue";
    /// However much is put aside, it stays there.
    StashUnbounded "STH-1" "stash-without-a-bound";
    /// What comes back during a replay comes together.
    StashUnreplayed "TURN-3" "stash-back-not-replayed";
    /// A published message that a turn dropped counts as handled.
    DropCountsAsHandled "TOP-7" "dropped-message-counts-as-handled";
    /// A turn is told how full the mailbox is without what was put aside.
    PressureWithoutStash "OVF-6" "pressure-without-the-stash";
    /// A kill that comes between two lives waits for the next one.
    KillWaits "STOP-4" "kill-waits-for-the-next-life";
    /// A normal end ends linked lives.
    LinkTooStrong "MON-6" "normal-end-ends-linked";
}

/// What is left of an actor that ends, spoiled by [`Bug::NameKept`] and its like.
pub(crate) fn spoil(mut rare: Box<Rare>, status: Status) -> Box<Rare> {
    if is(Bug::NameKept) && status == Status::Failed {
        rare.name = None;
    }
    if is(Bug::DownDropped) && rare.end_waiters.len() > 1 {
        rare.end_waiters.pop();
    }
    rare.grouped &= !is(Bug::GroupKeepsDead) && !is(Bug::GroupLeftLate);
    rare
}

/// Who waited last comes first, by [`Bug::WaitersReversed`].
pub(crate) fn reverse(backlog: &mut Backlog) {
    let (mut left, mut pool) = (backlog.iter().count(), BufferPool::default());
    let others = backlog.extract(|_, _| {
        left -= 1;
        left > 0
    });
    others.iter().for_each(|(waiting, frame)| backlog.push(*waiting, &frame, &mut pool));
}

/// The bounds of a mailbox, widened by [`Bug::CapacityOneMore`].
pub(crate) fn widen(mut limits: MailboxSpec) -> MailboxSpec {
    limits.max_messages = limits.max_messages.saturating_add(u32::from(is(Bug::CapacityOneMore)));
    limits
}

/// A job whose slowness [`Bug::ClockInThePast`] overlooks.
pub(crate) fn unslow(job: &mut Job) -> &mut Job {
    job.slow &= !is(Bug::ClockInThePast);
    job
}
