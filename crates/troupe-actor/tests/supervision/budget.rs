//! Budget, backoff and giving up (`INT-1`…`INT-7`, `BO-1`, `BO-2`, `TURN-3`).

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::engine::SupervisorState;
use troupe_actor::supervision::protocol::{Charge, Input, Output, Request};
use troupe_actor::supervision::spec::{BackoffKind, Strategy, SupervisorSpec};

use crate::desk::{BACKOFF, Desk, Start, number, permanent, supervisor};

fn immediate(strategy: Strategy, max_restarts: u32) -> SupervisorSpec {
    let backoff = troupe_actor::supervision::spec::Backoff { kind: BackoffKind::Immediate, ..BACKOFF };
    SupervisorSpec { max_restarts, within_ms: 1_000, backoff, ..supervisor(strategy) }
}

#[test]
fn a_spent_budget_takes_everything_down_in_reverse() {
    for (strategy, log) in [
        (Strategy::OneForOne, "-c -a DOWN(intensity)"),
        (Strategy::RestForOne, "-c -a DOWN(intensity)"),
        (Strategy::OneForAll, "-c -a DOWN(intensity)"),
    ] {
        let mut desk = Desk::up(immediate(strategy, 2), permanent(3));
        desk.crash('a');
        desk.crash('c');
        assert_eq!(desk.engine.budget_used(desk.now), 2);
        assert_eq!(desk.crash('b'), log, "{strategy:?}");
        assert_eq!(desk.engine.state(), SupervisorState::Down);
        assert_eq!(desk.feed(Input::Start), "+a +b +c UP");
        assert_eq!(desk.engine.budget_used(desk.now), 0, "a new life has a fresh budget");
    }
}

#[test]
fn the_reason_of_giving_up_says_what_was_too_much() {
    let mut desk = Desk::up(immediate(Strategy::OneForOne, 0), permanent(1));
    let Input::ChildDown { child, incarnation, mut end } = desk.down('a', ReasonTag::Trap) else { panic!() };
    end.reason.text = "unreachable".to_owned();
    let mut out = Vec::new();
    desk.engine.step(Input::ChildDown { child, incarnation, end }, 0, &mut || 0.0, &mut out);
    let text = "more than 0 restarts within 1000 ms; the last failure: trap: unreachable".to_owned();
    assert_eq!(out, [Output::Down { reason: ExitReason { tag: ReasonTag::Intensity, text } }]);
}

#[test]
fn a_restart_counts_until_exactly_one_window_later() {
    for (at, log) in [(999, "DOWN(intensity)"), (1_000, "+a")] {
        let mut desk = Desk::up(immediate(Strategy::OneForOne, 1), permanent(1));
        assert_eq!(desk.crash('a'), "+a");
        desk.now = at;
        assert_eq!(desk.crash('a'), log, "at {at}");
    }
}

#[test]
fn a_group_is_one_unit_and_so_is_each_start_that_fails() {
    let mut desk = Desk::up(immediate(Strategy::OneForAll, 3), permanent(3));
    desk.starts.insert('b', vec![Start::Fail; 3]);
    assert_eq!(desk.crash('a'), "-c -b +a +b -a +a +b -a +a +b -a DOWN(intensity)");
    assert_eq!(desk.engine.restarts(), 3);
}

#[test]
fn an_unlimited_budget_goes_on_for_ever() {
    let mut desk = Desk::up(immediate(Strategy::OneForOne, u32::MAX), permanent(1));
    for _ in 0..10_000 {
        assert_eq!(desk.crash('a'), "+a");
    }
}

#[test]
fn one_for_one_waits_per_child_and_groups_wait_together() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(2));
    assert_eq!([desk.crash('a'), desk.crash('a'), desk.crash('b')], ["+a", "~100", "+b"]);
    assert_eq!(desk.crash('b'), "~100");
    assert_eq!(desk.wait_all(), "+a +b");
    let mut desk = Desk::up(supervisor(Strategy::OneForAll), permanent(2));
    assert_eq!([desk.crash('a'), desk.crash('b')], ["-b +a +b", "-a ~100"]);
}

#[test]
fn a_healthy_run_forgets_earlier_failures() {
    let spec = |strategy| SupervisorSpec { within_ms: 1, ..supervisor(strategy) };
    // One-for-one looks at the child's own uptime, a group at how long nothing disturbed it.
    let mut desk = Desk::up(spec(Strategy::OneForOne), permanent(2));
    let waits = [0, 14_999, 15_000].map(|uptime| {
        desk.now += 100_000;
        desk.crash_after('a', uptime, Charge::Normal) + &desk.wait_all()
    });
    assert_eq!(waits, ["+a", "~100+a", "+a"]);
    let mut desk = Desk::up(spec(Strategy::OneForAll), permanent(1));
    let waits = [0, 14_999, 15_000].map(|quiet| {
        desk.now += quiet;
        desk.crash_after('a', 99_999, Charge::Normal) + &desk.wait_all()
    });
    assert_eq!(waits, ["+a", "~100+a", "+a"]);
}

#[test]
fn a_failed_start_is_never_a_healthy_run() {
    let spec = SupervisorSpec { reset_after_ms: 0, ..supervisor(Strategy::OneForOne) };
    let mut desk = Desk::up(spec, permanent(1));
    desk.starts.insert('a', vec![Start::Fail; 2]);
    assert_eq!(desk.crash('a') + " " + &desk.wait_all(), "+a ~100 +a ~200 +a");
}

#[test]
fn a_manual_restart_forgets_earlier_failures_and_is_free() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.crash('a');
    desk.crash('a');
    desk.request(1, Request::StopChild(number('a')));
    assert_eq!(desk.request(2, Request::RestartChild(number('a'))), "+a 2=a");
    assert_eq!(desk.engine.budget_used(0), 2);
    assert_eq!(desk.crash('a'), "+a");
}

#[test]
fn a_replay_does_not_wait_and_its_first_culprit_is_free() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut desk = Desk::up(supervisor(strategy), permanent(1));
        desk.crash('a');
        assert_eq!(desk.crash_after('a', 0, Charge::Replay), "+a");
        assert_eq!(desk.crash_after('a', 0, Charge::Free), "+a");
        assert_eq!(desk.engine.budget_used(0), 2);
        assert_eq!(desk.crash_after('a', 0, Charge::Normal), "~200");
    }
}

#[test]
fn a_start_that_always_fails_is_not_retried() {
    for (strategy, log) in [
        (Strategy::OneForOne, "+b -c -a DOWN(start-failed)"),
        (Strategy::RestForOne, "-c +b -a DOWN(start-failed)"),
        (Strategy::OneForAll, "-c -a +a +b -a DOWN(start-failed)"),
    ] {
        let mut desk = Desk::up(supervisor(strategy), permanent(3));
        desk.starts.insert('b', vec![Start::FailAlways]);
        assert_eq!(desk.crash('b'), log, "{strategy:?}");
    }
}

#[test]
fn giving_up_before_the_supervisor_was_up_is_a_failed_start() {
    let mut desk = Desk::new(immediate(Strategy::OneForOne, 0), permanent(3));
    desk.starts.insert('b', vec![Start::Hang]);
    assert_eq!(desk.feed(Input::Start), "+a +b");
    assert_eq!(desk.crash('a'), "-b FAILED(a intensity)");
}

#[test]
fn waits_never_exceed_their_maximum() {
    let spec = SupervisorSpec { max_restarts: u32::MAX, ..supervisor(Strategy::OneForOne) };
    let mut desk = Desk::up(spec, permanent(1));
    let waits: Vec<String> = (0..7).map(|_| desk.crash('a') + &desk.wait_all()).collect();
    assert_eq!(waits, ["+a", "~100+a", "~200+a", "~400+a", "~800+a", "~1000+a", "~1000+a"]);
}
