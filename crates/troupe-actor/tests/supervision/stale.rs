//! Reports about what is over are dropped and counted (`SUP-0`).

use troupe_actor::reason::{ExitReason, ReasonTag};
use troupe_actor::supervision::protocol::{Input, Request};
use troupe_actor::supervision::spec::Strategy;

use crate::desk::{Desk, Start, number, permanent, supervisor};

#[test]
fn reports_about_an_earlier_life_do_nothing() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    let old = desk.down('a', ReasonTag::Trap);
    assert_eq!(desk.feed(old.clone()), "+a");
    let reports = [
        old,
        Input::ChildUp { child: 0, incarnation: 1 },
        Input::ChildIgnored { child: 0, incarnation: 1 },
        Input::ChildStartFailed {
            child: 0,
            incarnation: 1,
            reason: ExitReason::plain(ReasonTag::StartFailed),
            deterministic: true,
        },
        Input::ChildUp { child: 0, incarnation: 3 },
        Input::ChildUp { child: 9, incarnation: 1 },
        Input::Due { timer: 99 },
        Input::Start,
    ];
    let count = reports.len() as u64;
    for report in reports {
        assert_eq!(desk.feed(report), "");
    }
    assert_eq!((desk.engine.stale(), desk.children().as_str()), (count, "A"));
}

#[test]
fn a_second_report_about_one_life_does_nothing() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    desk.crash('a');
    desk.crash('a');
    assert_eq!(desk.crash('a'), "", "it waits");
    assert_eq!(desk.wait(), "+a");
    let (child, incarnation) = (0, desk.life('a'));
    assert_eq!(desk.feed(Input::ChildUp { child, incarnation }), "");
    assert_eq!(desk.start_now('a', Start::Fail), "");
    assert_eq!(desk.engine.stale(), 3);
}

#[test]
fn an_end_on_request_counts_although_the_next_life_was_ordered() {
    let mut desk = Desk::up(supervisor(Strategy::OneForOne), permanent(1));
    let last = desk.life('a');
    desk.starts.insert('a', vec![Start::Hang]);
    desk.crash('a');
    // It was stopped during the restart, before the order to begin reached it.
    let gone = Input::ChildGone { child: 0, incarnation: last, reason: ExitReason::plain(ReasonTag::Normal) };
    assert_eq!(desk.feed(gone.clone()), "");
    assert_eq!(desk.children(), "a-");
    assert_eq!(desk.request(1, Request::RestartChild(number('a'))), "+a 1=a");
    assert_eq!(desk.feed(gone), "", "that was about the place before");
    assert_eq!((desk.children().as_str(), desk.engine.stale()), ("A", 1));
}

#[test]
fn a_child_may_be_gone_before_its_first_life() {
    let mut desk = Desk::new(supervisor(Strategy::OneForOne), permanent(3));
    desk.starts.insert('a', vec![Start::Hang]);
    desk.feed(Input::Start);
    assert_eq!(desk.gone('b', ReasonTag::Killed), "");
    assert_eq!(desk.start_now('a', Start::Up), "+c UP");
}
