//! Stop, kill and automatic shutdown at any moment (`RST-2`, `BO-3`, `STOP-5`, `SUP-6`).

use troupe_actor::reason::ReasonTag;
use troupe_actor::supervision::engine::SupervisorState;
use troupe_actor::supervision::protocol::{Input, Request};
use troupe_actor::supervision::spec::{AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec};

use crate::desk::{Desk, Start, number, permanent, supervisor};

#[test]
fn a_stop_ends_a_start_that_is_under_way() {
    let mut desk = Desk::new(supervisor(Strategy::OneForOne), permanent(3));
    desk.starts.insert('b', vec![Start::Hang]);
    desk.feed(Input::Start);
    assert_eq!(desk.stop(), "-b -a DOWN(shutdown)");
}

#[test]
fn whatever_a_start_came_to_meanwhile_the_stop_goes_on() {
    for (how, log) in [(Start::Up, ""), (Start::Fail, "-a DOWN(shutdown)"), (Start::Ignore, "-a DOWN(shutdown)")] {
        let mut desk = Desk::new(supervisor(Strategy::OneForOne), permanent(3));
        desk.starts.insert('b', vec![Start::Hang]);
        desk.deaf.insert('b');
        desk.feed(Input::Start);
        assert_eq!(desk.stop(), "-b");
        assert_eq!(desk.start_now('b', how), log);
        if how == Start::Up {
            assert_eq!(desk.ends('b', ReasonTag::Shutdown), "-a DOWN(shutdown)");
        }
    }
}

#[test]
fn a_stop_during_a_wait_cancels_it() {
    for strategy in [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll] {
        let mut desk = Desk::up(supervisor(strategy), permanent(1));
        desk.crash('a');
        assert_eq!(desk.crash('a'), "~100");
        assert_eq!(desk.stop(), "DOWN(shutdown)", "{strategy:?}");
        assert_eq!(desk.wait(), "");
        assert_eq!(desk.engine.stale(), 1);
    }
}

#[test]
fn a_stop_during_a_group_restart_ends_it() {
    let mut desk = Desk::up(supervisor(Strategy::OneForAll), permanent(3));
    desk.deaf.insert('c');
    assert_eq!(desk.crash('b'), "-c");
    assert_eq!(desk.stop(), "");
    assert_eq!(desk.engine.state(), SupervisorState::Stopping);
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "-a DOWN(shutdown)");
    desk.deaf.clear();
    desk.feed(Input::Start);
    desk.starts.insert('b', vec![Start::Hang]);
    assert_eq!(desk.crash('c'), "-b -a +a +b");
    assert_eq!(desk.stop(), "-b -a DOWN(shutdown)");
}

#[test]
fn a_child_that_falls_by_itself_while_all_go_down_is_just_down() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(3));
    desk.deaf.insert('c');
    assert_eq!(desk.stop(), "-c");
    assert_eq!([desk.crash('a'), desk.crash('b')], ["", ""]);
    assert_eq!(desk.crash('c'), "DOWN(shutdown)");
    assert_eq!(desk.engine.restarts(), 0);
}

#[test]
fn a_second_stop_joins_and_one_that_comes_too_late_does_nothing() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.deaf.insert('a');
    assert_eq!([desk.stop(), desk.stop()], ["-a", ""]);
    assert_eq!(desk.ends('a', ReasonTag::Shutdown), "DOWN(shutdown)");
    assert_eq!(desk.stop(), "");
    assert_eq!(desk.feed(Input::Kill), "");
}

#[test]
fn a_stop_while_giving_up_joins_that() {
    let spec = SupervisorSpec { max_restarts: 0, ..supervisor(Strategy::OneForOne) };
    let mut desk = Desk::up(spec, permanent(2));
    desk.deaf.insert('b');
    assert_eq!(desk.crash('a'), "-b");
    assert_eq!(desk.stop(), "");
    assert_eq!(desk.ends('b', ReasonTag::Shutdown), "DOWN(intensity)");
}

#[test]
fn a_kill_ends_every_life_at_once() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(3));
    assert_eq!(desk.feed(Input::Kill), "!c !b !a DOWN(killed)");
    desk.feed(Input::Start);
    desk.deaf.insert('c');
    assert_eq!(desk.stop(), "-c");
    assert_eq!(desk.feed(Input::Kill), "!c !b !a DOWN(killed)", "the grace of c is over");
}

#[test]
fn children_that_were_stopped_stay_down_in_the_next_life() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(3));
    desk.request(1, Request::StopChild(number('a')));
    desk.gone('b', ReasonTag::Normal);
    desk.stop();
    assert_eq!(desk.feed(Input::Start), "+c UP");
    assert_eq!(desk.request(2, Request::RestartChild(number('b'))), "+b 2=b");
}

fn significant(restart: Restart) -> ChildSpec {
    ChildSpec { restart, significant: true, ..ChildSpec::default() }
}

fn auto(auto_shutdown: AutoShutdown) -> Desk {
    let spec = SupervisorSpec { auto_shutdown, ..supervisor(Strategy::OneForOne) };
    let children =
        vec![ChildSpec::default(), significant(Restart::Transient), significant(Restart::Temporary), permanent(1)[0]];
    Desk::up(spec, children)
}

#[test]
fn significant_children_take_the_supervisor_along() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    let down = |last: &str| format!("x{last} -d -{} -a DOWN(shutdown)", if last == "b" { "c" } else { "b" });
    assert_eq!(auto(Never).ends('b', ReasonTag::Normal), "xb");
    assert_eq!(auto(AnySignificant).ends('b', ReasonTag::Normal), down("b"));
    assert_eq!(auto(AnySignificant).ends('c', ReasonTag::Trap), down("c"), "any end of a temporary child");
    assert_eq!(auto(AnySignificant).crash('b'), "+b", "it is restarted");
    assert_eq!(auto(AnySignificant).ends('a', ReasonTag::Normal), "+a", "it is not significant");
    for order in [['b', 'c'], ['c', 'b']] {
        let mut desk = auto(AllSignificant);
        assert_eq!(desk.ends(order[0], ReasonTag::Normal), format!("x{}", order[0]));
        assert_eq!(desk.ends(order[1], ReasonTag::Normal), format!("x{} -d -a DOWN(shutdown)", order[1]));
    }
}

#[test]
fn only_the_supervisors_own_doing_does_not_count_as_a_significant_end() {
    for cause in [ReasonTag::Normal, ReasonTag::Shutdown, ReasonTag::Killed] {
        assert_eq!(auto(AutoShutdown::AnySignificant).gone('b', cause), "-d -c -a DOWN(shutdown)");
    }
    let mut desk = auto(AutoShutdown::AnySignificant);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "-b xb 1=ok");
    let mut desk = auto(AutoShutdown::AllSignificant);
    desk.request(1, Request::StopChild(number('b')));
    assert_eq!(desk.ends('c', ReasonTag::Normal), "xc -d -a DOWN(shutdown)", "b is down, however that came");
}

#[test]
fn an_automatic_shutdown_may_come_before_the_supervisor_is_up() {
    let spec = SupervisorSpec { auto_shutdown: AutoShutdown::AnySignificant, ..supervisor(Strategy::OneForOne) };
    let mut desk = Desk::new(spec, vec![significant(Restart::Transient), ChildSpec::default()]);
    desk.starts.insert('b', vec![Start::Hang]);
    desk.feed(Input::Start);
    assert_eq!(desk.ends('a', ReasonTag::Normal), "xa -b DOWN(shutdown)");
}
