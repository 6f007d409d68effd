//! Who goes down and who comes up, in which order (`SUP-2`, `SUP-3`, `SUP-4`).

use troupe_actor::reason::ReasonTag;
use troupe_actor::supervision::protocol::{Input, Request};
use troupe_actor::supervision::spec::{Restart, Strategy};

use crate::desk::{Desk, Start, child, number, permanent, supervisor};

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll];

#[test]
fn children_start_in_order_and_stop_in_reverse_whatever_the_strategy() {
    for strategy in STRATEGIES {
        let mut desk = Desk::new(supervisor(strategy), permanent(3));
        assert_eq!(desk.feed(Input::Start), "+a +b +c UP");
        assert_eq!(desk.stop(), "-c -b -a DOWN(shutdown)");
        assert_eq!(desk.feed(Input::Start), "+a +b +c UP");
    }
}

#[test]
fn each_start_and_each_stop_is_awaited() {
    let mut desk = Desk::new(supervisor(Strategy::OneForOne), permanent(2));
    desk.starts.insert('a', vec![Start::Hang]);
    desk.deaf.insert('b');
    assert_eq!(desk.feed(Input::Start), "+a");
    assert_eq!(desk.start_now('a', Start::Up), "+b UP");
    assert_eq!(desk.stop(), "-b");
    assert_eq!(desk.ends('b', ReasonTag::Killed), "-a DOWN(shutdown)");
}

#[test]
fn a_supervisor_without_children_is_up_at_once_and_down_at_once() {
    let mut desk = Desk::new(supervisor(Strategy::OneForAll), Vec::new());
    assert_eq!(desk.feed(Input::Start), "UP");
    assert_eq!(desk.stop(), "DOWN(shutdown)");
}

#[test]
fn the_strategy_says_who_else_is_restarted() {
    use Strategy::{OneForAll, OneForOne, RestForOne};
    let table = [
        // strategy, who crashes, the first time, the second time in a row
        (OneForOne, 'a', "+a", "~100 +a"),
        (OneForOne, 'b', "+b", "~100 +b"),
        (OneForOne, 'c', "+c", "~100 +c"),
        (RestForOne, 'a', "-c -b +a +b +c", "-c -b ~100 +a +b +c"),
        (RestForOne, 'b', "-c +b +c", "-c ~100 +b +c"),
        (RestForOne, 'c', "+c", "~100 +c"),
        (OneForAll, 'a', "-c -b +a +b +c", "-c -b ~100 +a +b +c"),
        (OneForAll, 'b', "-c -a +a +b +c", "-c -a ~100 +a +b +c"),
        (OneForAll, 'c', "-b -a +a +b +c", "-b -a ~100 +a +b +c"),
    ];
    for (strategy, who, first, second) in table {
        let mut desk = Desk::up(supervisor(strategy), permanent(3));
        assert_eq!(desk.crash(who), first, "{strategy:?} {who}");
        let again = desk.crash(who) + " " + &desk.wait_all();
        assert_eq!(again, second, "{strategy:?} {who}");
        assert_eq!(desk.children(), "ABC");
        assert_eq!(desk.engine.restarts(), 2);
    }
}

#[test]
fn restarts_are_told_as_they_are_decided_and_done() {
    let mut desk = Desk::up(supervisor(Strategy::RestForOne), permanent(3));
    desk.crash('b');
    desk.crash('b');
    desk.wait_all();
    let expected = ["b: trap, attempt 1, 0 ms", "b up", "c up", "b: trap, attempt 2, 100 ms", "b up", "c up"];
    assert_eq!(desk.events, expected);
}

#[test]
fn members_that_are_down_stay_down_in_a_group_restart() {
    for (strategy, log) in [(Strategy::OneForAll, "-e -b -a +a +b +d +e"), (Strategy::RestForOne, "-e +d +e")] {
        let mut desk = Desk::up(supervisor(strategy), permanent(5));
        assert_eq!(desk.request(1, Request::StopChild(number('c'))), "-c xc 1=ok");
        assert_eq!(desk.crash('d'), log);
        assert_eq!(desk.children(), "ABc-DE");
    }
}

#[test]
fn temporary_members_leave_with_a_group_restart() {
    let mut children = permanent(3);
    children[1] = child(Restart::Temporary);
    let mut desk = Desk::up(supervisor(Strategy::OneForAll), children);
    assert_eq!(desk.crash('a'), "-c -b xb +a +c");
    assert_eq!(desk.children(), "AC");
}

#[test]
fn an_end_that_is_not_restarted_leaves_the_group_alone() {
    for restart in [Restart::Transient, Restart::Temporary] {
        for strategy in STRATEGIES {
            let mut children = permanent(3);
            children[0] = child(restart);
            let mut desk = Desk::up(supervisor(strategy), children);
            assert_eq!(desk.ends('a', ReasonTag::Normal), "xa", "{strategy:?} {restart:?}");
        }
    }
}

/// OTP's rule: the cycle begins again with the member that did not come up.
#[test]
fn a_member_that_does_not_come_up_restarts_the_cycle() {
    use Strategy::{OneForAll, OneForOne, RestForOne};
    let table = [
        // strategy, who crashes, who fails to come up twice, what follows
        (OneForOne, 'b', 'b', "+b ~100 +b ~200 +b"),
        (RestForOne, 'a', 'b', "-d -c -b +a +b ~100 +b ~200 +b +c +d"),
        (RestForOne, 'b', 'b', "-d -c +b ~100 +b ~200 +b +c +d"),
        (RestForOne, 'a', 'd', "-d -c -b +a +b +c +d ~100 +d ~200 +d"),
        (OneForAll, 'c', 'b', "-d -b -a +a +b -a ~100 +a +b -a ~200 +a +b +c +d"),
        (OneForAll, 'a', 'a', "-d -c -b +a ~100 +a ~200 +a +b +c +d"),
        (OneForAll, 'a', 'd', "-d -c -b +a +b +c +d -c -b -a ~100 +a +b +c +d -c -b -a ~200 +a +b +c +d"),
    ];
    for (strategy, crashes, fails, expected) in table {
        let mut desk = Desk::up(supervisor(strategy), permanent(4));
        desk.starts.insert(fails, vec![Start::Fail, Start::Fail]);
        let log = desk.crash(crashes) + " " + &desk.wait_all();
        assert_eq!(log, expected, "{strategy:?}: {crashes} crashes, {fails} does not come up");
        assert_eq!((desk.engine.budget_used(desk.now), desk.children().as_str()), (3, "ABCD"));
    }
}

#[test]
fn a_first_start_that_fails_takes_down_what_had_started() {
    for strategy in STRATEGIES {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            let mut children = permanent(4);
            children[2] = child(restart);
            let mut desk = Desk::new(supervisor(strategy), children);
            desk.starts.insert('c', vec![Start::Fail]);
            assert_eq!(desk.feed(Input::Start), "+a +b +c -b -a FAILED(c start-failed)");
            assert_eq!(desk.engine.budget_used(0), 0);
            desk.starts.insert('a', vec![Start::FailAlways]);
            assert_eq!(desk.feed(Input::Start), "+a FAILED(a start-failed always)");
            assert_eq!(desk.feed(Input::Start), "+a +b +c +d UP", "nothing is forgotten");
        }
    }
}

#[test]
fn a_start_may_be_ignored() {
    let mut desk = Desk::new(supervisor(Strategy::OneForAll), permanent(3));
    desk.starts.insert('b', vec![Start::Ignore]);
    assert_eq!(desk.feed(Input::Start), "+a +b xb +c UP");
    assert_eq!(desk.crash('a'), "-c +a +c");
    assert_eq!(desk.request(1, Request::RestartChild(number('b'))), "+b 1=b");
}

#[test]
fn a_crash_while_others_still_start_is_restarted_by_the_strategy() {
    let table = [
        (Strategy::OneForOne, "+a", "+c UP"),
        (Strategy::RestForOne, "-b +a +b", "+c UP"),
        (Strategy::OneForAll, "-b +a +b", "+c UP"),
    ];
    for (strategy, crash, rest) in table {
        let mut desk = Desk::new(supervisor(strategy), permanent(3));
        desk.starts.insert('b', vec![Start::Hang, Start::Hang]);
        assert_eq!(desk.feed(Input::Start), "+a +b");
        assert_eq!(desk.crash('a'), crash);
        assert_eq!(desk.start_now('b', Start::Up), rest, "{strategy:?}");
        assert_eq!(desk.engine.budget_used(0), 1);
    }
}

#[test]
fn an_earlier_member_that_crashes_widens_a_restart_under_way() {
    // While c is being taken down, while the group waits, and while b comes up again.
    let mut desk = Desk::up(supervisor(Strategy::RestForOne), permanent(3));
    desk.deaf.insert('c');
    assert_eq!(desk.crash('b'), "-c");
    assert_eq!(desk.crash('a'), "", "c is still going down");
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "~100");
    assert_eq!(desk.wait(), "+a +b +c");
    desk.deaf.clear();
    assert_eq!(desk.crash('c'), "~200");
    assert_eq!(desk.crash('b'), "~400");
    assert_eq!((desk.wait(), desk.engine.stale()), (String::new(), 1), "the first wait is over without effect");
    desk.starts.insert('b', vec![Start::Hang]);
    assert_eq!(desk.wait(), "+b");
    assert_eq!(desk.crash('a'), "-b ~800");
    assert_eq!(desk.wait(), "+a +b +c");
}

#[test]
fn a_member_that_falls_by_itself_while_its_group_goes_down_costs_nothing_more() {
    let mut desk = Desk::up(supervisor(Strategy::OneForAll), permanent(3));
    desk.deaf.insert('c');
    assert_eq!(desk.crash('a'), "-c");
    assert_eq!(desk.crash('b'), "");
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "+a +b +c");
    assert_eq!(desk.engine.budget_used(0), 1);
}

#[test]
fn a_transient_member_that_ends_in_order_while_its_group_goes_down_stays_down() {
    let mut children = permanent(3);
    children[1] = child(Restart::Transient);
    let mut desk = Desk::up(supervisor(Strategy::OneForAll), children);
    desk.deaf.insert('c');
    assert_eq!(desk.crash('a'), "-c");
    assert_eq!(desk.ends('b', ReasonTag::Normal), "xb");
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "+a +c");
}
