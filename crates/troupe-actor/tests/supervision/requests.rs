//! Requests are answered at any moment (`SUP-5`).

use troupe_actor::reason::ReasonTag;
use troupe_actor::supervision::protocol::{Input, Request};
use troupe_actor::supervision::spec::{ChildSpec, Restart, Strategy};

use crate::desk::{Desk, Start, child, number, permanent, supervisor};

fn add() -> Request {
    Request::AddChild(ChildSpec::default())
}

/// The moments at which somebody may ask.
#[derive(Clone, Copy, Debug)]
enum Moment {
    NotStarted,
    Starting,
    Up,
    Ended,
    Waiting,
    ComingUpAgain,
    GroupFalls,
    GroupWaits,
    GroupRises,
    GoingDown,
}

/// A supervisor of `a`, `b` and `c` at that moment, about to be asked about `b`.
fn at(moment: Moment) -> Desk {
    let strategy = match moment {
        Moment::GroupFalls | Moment::GroupWaits | Moment::GroupRises => Strategy::OneForAll,
        _ => Strategy::OneForOne,
    };
    let mut desk = Desk::new(supervisor(strategy), permanent(3));
    if matches!(moment, Moment::NotStarted) {
        return desk;
    }
    if matches!(moment, Moment::Starting) {
        desk.starts.insert('b', vec![Start::Hang]);
    }
    desk.feed(Input::Start);
    match moment {
        Moment::NotStarted | Moment::Starting | Moment::Up => {}
        Moment::Ended => drop(desk.gone('b', ReasonTag::Normal)),
        Moment::Waiting | Moment::GroupWaits => {
            desk.crash('b');
            desk.crash('b');
        }
        Moment::ComingUpAgain | Moment::GroupRises => {
            desk.starts.insert('b', vec![Start::Hang]);
            desk.crash('b');
        }
        Moment::GroupFalls => {
            desk.deaf.insert('c');
            desk.crash('a');
        }
        Moment::GoingDown => {
            desk.deaf.insert('c');
            desk.stop();
        }
    }
    desk
}

#[test]
fn every_request_is_answered_at_every_moment() {
    let table: [(Moment, [&str; 4]); 10] = [
        // moment                      add            stop b         restart b      delete b
        (Moment::NotStarted, /*    */ ["restarting", "restarting", "restarting", "restarting"]),
        (Moment::Starting, /*      */ ["restarting", "ok", "restarting", "restarting"]),
        (Moment::Up, /*            */ ["d", "ok", "running", "running"]),
        (Moment::Ended, /*         */ ["d", "ok", "b", "ok"]),
        (Moment::Waiting, /*       */ ["d", "ok", "restarting", "restarting"]),
        (Moment::ComingUpAgain, /* */ ["d", "ok", "restarting", "restarting"]),
        (Moment::GroupFalls, /*    */ ["restarting", "ok", "running", "running"]),
        (Moment::GroupWaits, /*    */ ["restarting", "ok", "restarting", "restarting"]),
        (Moment::GroupRises, /*    */ ["restarting", "ok", "restarting", "restarting"]),
        (Moment::GoingDown, /*     */ ["shutting-down", "shutting-down", "shutting-down", "shutting-down"]),
    ];
    let b = number('b');
    for (moment, answers) in table {
        let requests = [add(), Request::StopChild(b), Request::RestartChild(b), Request::DeleteChild(b)];
        for (request, expected) in requests.into_iter().zip(answers) {
            let mut desk = at(moment);
            let mut log = desk.request(7, request.clone());
            if !log.contains("7=") {
                // Its turn comes when the member after it is down.
                assert!(matches!(moment, Moment::GroupFalls), "{moment:?} {request:?}: {log}");
                log += " ";
                log += &desk.ends('c', ReasonTag::Shutdown);
            }
            let replies: Vec<&str> = log.split(' ').filter_map(|part| part.strip_prefix("7=")).collect();
            assert_eq!(replies, [expected], "{moment:?} {request:?}: {log}");
        }
        for request in [Request::StopChild(25), Request::RestartChild(25), Request::DeleteChild(25)] {
            let log = at(moment).request(7, request);
            assert!(["7=not-found", "7=restarting", "7=shutting-down"].contains(&log.as_str()), "{log}");
        }
    }
}

#[test]
fn a_child_that_is_added_is_a_child_like_others() {
    let mut desk = Desk::up(supervisor(Strategy::RestForOne), permanent(2));
    assert_eq!(desk.engine.next_child(), number('c'));
    assert_eq!(desk.request(1, add()), "+c 1=c");
    assert_eq!(desk.crash('b'), "-c +b +c");
    desk.stop();
    assert_eq!(desk.feed(Input::Start), "+a +b +c UP");
}

#[test]
fn an_addition_that_does_not_come_up_leaves_nothing_behind() {
    for (how, log) in
        [(Start::Fail, "+c xc 1=failed(start-failed)"), (Start::FailAlways, "+c xc 1=failed(start-failed)")]
    {
        let mut desk = Desk::up(supervisor(Strategy::OneForAll), permanent(2));
        desk.starts.insert('c', vec![how]);
        assert_eq!(desk.request(1, add()), log);
        assert_eq!((desk.children().as_str(), desk.engine.budget_used(0)), ("AB", 0));
        assert_eq!(desk.request(2, add()), "+d 2=d", "numbers are never used again");
    }
}

#[test]
fn an_addition_may_ignore_its_start() {
    for (restart, children) in [(Restart::Permanent, "ABc-"), (Restart::Temporary, "AB")] {
        let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(2));
        desk.starts.insert('c', vec![Start::Ignore]);
        assert_eq!(desk.request(1, Request::AddChild(child(restart))), "+c xc 1=ok");
        assert_eq!(desk.children(), children);
    }
}

#[test]
fn a_restart_on_request_that_fails_leaves_the_child_stopped() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(2));
    desk.request(1, Request::StopChild(number('b')));
    desk.starts.insert('b', vec![Start::Fail]);
    assert_eq!(desk.request(2, Request::RestartChild(number('b'))), "+b xb 2=failed(start-failed)");
    assert_eq!((desk.children().as_str(), desk.engine.budget_used(0)), ("Ab-", 0));
    assert_eq!(desk.request(3, Request::DeleteChild(number('b'))), "3=ok");
    assert_eq!(desk.children(), "A");
}

#[test]
fn stops_of_one_child_join_and_replies_come_when_it_is_down() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(2));
    desk.deaf.insert('b');
    let stop = Request::StopChild(number('b'));
    assert_eq!([desk.request(1, stop.clone()), desk.request(2, stop.clone())], ["-b", ""]);
    assert_eq!(desk.ends('b', ReasonTag::Killed), "xb 1=ok 2=ok");
    assert_eq!(desk.request(3, stop), "3=ok");
}

#[test]
fn a_stop_during_a_wait_is_answered_at_once_and_the_wait_is_void() {
    let mut desk = at(Moment::Waiting);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "xb 1=ok");
    assert_eq!((desk.wait(), desk.engine.stale()), (String::new(), 1));
    let mut desk = at(Moment::GroupWaits);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "xb 1=ok");
    assert_eq!(desk.wait(), "+a +c", "the others come up without it");
}

#[test]
fn a_stop_of_the_member_that_is_coming_up_lets_the_next_one_start() {
    let mut desk = at(Moment::GroupRises);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "-b +c xb 1=ok");
    let mut desk = at(Moment::Starting);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "-b +c xb 1=ok UP");
}

#[test]
fn a_crash_of_a_child_whose_stop_was_asked_for_is_its_stop() {
    let mut desk = at(Moment::GroupFalls);
    assert_eq!(desk.request(1, Request::StopChild(number('b'))), "");
    assert_eq!(desk.crash('b'), "xb 1=ok");
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "+a +c");
}

#[test]
fn an_addition_hit_by_a_group_restart_is_answered_when_it_is_up() {
    for (how, log) in [(Start::Up, "1=d"), (Start::Fail, "xd 1=failed(start-failed)")] {
        let mut desk = Desk::up(supervisor(Strategy::OneForAll), permanent(3));
        desk.starts.insert('d', vec![Start::Hang, how]);
        assert_eq!(desk.request(1, add()), "+d");
        assert_eq!(desk.crash('b'), format!("-d -c -a +a +b +c +d {log}"));
    }
}

#[test]
fn an_addition_hit_by_a_stop_of_all_is_told_so_and_leaves() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.starts.insert('b', vec![Start::Hang]);
    desk.request(1, add());
    assert_eq!(desk.stop(), "1=shutting-down -b xb -a DOWN(shutdown)");
    assert_eq!(desk.children(), "a");
}

#[test]
fn an_addition_that_is_stopped_before_it_is_up_hears_both() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.starts.insert('b', vec![Start::Hang]);
    desk.request(1, add());
    assert_eq!(desk.request(2, Request::StopChild(number('b'))), "-b xb 1=failed(shutdown) 2=ok");
}

#[test]
fn an_addition_that_a_group_restart_took_down_does_not_come_back_in_the_next_life() {
    let mut desk = Desk::up(supervisor(Strategy::RestForOne), permanent(2));
    desk.starts.insert('c', vec![Start::Hang]);
    assert_eq!(desk.request(1, add()), "+c");
    desk.deaf.insert('b');
    assert_eq!(desk.crash('a'), "-c -b");
    assert_eq!(desk.stop(), "1=shutting-down xc");
    desk.deaf.clear();
    assert_eq!(desk.ends('b', ReasonTag::Shutdown), "DOWN(shutdown)");
    assert_eq!(desk.feed(Input::Start), "+a +b UP");
}

#[test]
fn an_addition_that_comes_up_after_it_was_refused_leaves_nothing_behind() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.starts.insert('b', vec![Start::Hang]);
    desk.starts.insert('c', vec![Start::Hang]);
    desk.deaf.insert('c');
    desk.request(1, add());
    desk.request(2, add());
    assert_eq!(desk.stop(), "1=shutting-down 2=shutting-down -c");
    assert_eq!(desk.feed(Input::ChildUp { child: number('b'), incarnation: 1 }), "");
    assert_eq!(desk.ends('c', ReasonTag::Shutdown), "xc -b xb -a DOWN(shutdown)");
    assert_eq!(desk.children(), "a");
}
