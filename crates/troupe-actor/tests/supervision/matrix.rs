//! Restart type × cause of end → what becomes of the child (`RST-1`, `RST-2`, `INT-7`).

use troupe_actor::reason::ReasonTag;
use troupe_actor::supervision::protocol::Request;
use troupe_actor::supervision::spec::{Restart, Strategy};

use crate::desk::{Desk, Start, child, number, supervisor};

/// What happens to `b`, the middle one of three.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// Its life ends by itself, with this reason.
    End(ReasonTag),
    /// Somebody stops or kills it past the supervisor, or it stops itself.
    Gone(ReasonTag),
    /// The supervisor is asked to stop it.
    Stopped,
    /// Its restart after a crash fails once.
    RestartFails,
    /// Its restart fails and always will.
    RestartFailsAlways,
    /// It ignores its restart.
    RestartIgnored,
    /// Its sibling `a` crashes, one-for-all.
    Sibling,
    /// The supervisor goes down and comes up again.
    Supervisor,
    /// It ended in order; then the supervisor goes down and comes up again.
    EndThenSupervisor,
    /// It was stopped; then the supervisor goes down and comes up again.
    StoppedThenSupervisor,
}

fn outcome(restart: Restart, cause: Cause) -> String {
    let strategy = if matches!(cause, Cause::Sibling) { Strategy::OneForAll } else { Strategy::OneForOne };
    let others = child(Restart::Permanent);
    let mut desk = Desk::up(supervisor(strategy), vec![others, child(restart), others]);
    let stop = Request::StopChild(number('b'));
    let mut log = vec![match cause {
        Cause::End(tag) => desk.ends('b', tag),
        Cause::Gone(tag) => desk.gone('b', tag),
        Cause::Stopped => desk.request(1, stop),
        Cause::RestartFails | Cause::RestartFailsAlways | Cause::RestartIgnored => {
            let how = match cause {
                Cause::RestartFails => Start::Fail,
                Cause::RestartFailsAlways => Start::FailAlways,
                _ => Start::Ignore,
            };
            desk.starts.insert('b', vec![how]);
            desk.crash('b')
        }
        Cause::Sibling => desk.crash('a'),
        Cause::Supervisor => desk.stop(),
        Cause::EndThenSupervisor => desk.ends('b', ReasonTag::Normal) + " " + &desk.stop(),
        Cause::StoppedThenSupervisor => desk.request(1, stop) + " " + &desk.stop(),
    }];
    log.push(desk.wait_all());
    if log[0].contains("DOWN(shutdown)") {
        log.push(desk.feed(troupe_actor::supervision::protocol::Input::Start));
    }
    let fate = match desk.children() {
        all if all.contains('B') => "up",
        all if all.contains("b-") => "stays down",
        all if all.contains('b') => "gave up",
        _ => "leaves",
    };
    assert_eq!(fate == "gave up", log[0].contains("DOWN(start-failed)"), "{log:?}");
    fate.to_owned()
}

#[test]
fn restart_type_and_cause_of_end_decide_together() {
    use ReasonTag::{Killed, Normal, Shutdown};
    const UP: &str = "up";
    const DOWN: &str = "stays down";
    const LEAVES: &str = "leaves";
    const GAVE_UP: &str = "gave up";
    let table: [(Cause, [&str; 3]); 14] = [
        // cause                         permanent  transient  temporary
        (Cause::End(Normal), /*       */ [UP, DOWN, LEAVES]),
        (Cause::End(Shutdown), /*     */ [UP, DOWN, LEAVES]),
        (Cause::End(Killed), /*       */ [UP, UP, LEAVES]),
        (Cause::Gone(Normal), /*      */ [DOWN, DOWN, LEAVES]),
        (Cause::Gone(Shutdown), /*    */ [DOWN, DOWN, LEAVES]),
        (Cause::Gone(Killed), /*      */ [DOWN, DOWN, LEAVES]),
        (Cause::Stopped, /*           */ [DOWN, DOWN, LEAVES]),
        (Cause::RestartFails, /*      */ [UP, UP, LEAVES]),
        (Cause::RestartFailsAlways, /**/ [GAVE_UP, GAVE_UP, LEAVES]),
        (Cause::RestartIgnored, /*    */ [DOWN, DOWN, LEAVES]),
        (Cause::Sibling, /*           */ [UP, UP, LEAVES]),
        (Cause::Supervisor, /*        */ [UP, UP, UP]),
        (Cause::EndThenSupervisor, /* */ [UP, UP, LEAVES]),
        (Cause::StoppedThenSupervisor, [DOWN, DOWN, LEAVES]),
    ];
    for (cause, outcomes) in table {
        for (restart, expected) in
            [Restart::Permanent, Restart::Transient, Restart::Temporary].into_iter().zip(outcomes)
        {
            assert_eq!(outcome(restart, cause), expected, "{restart:?}, {cause:?}");
        }
    }
}

#[test]
fn every_abnormal_reason_restarts_all_but_temporary_children() {
    for tag in ReasonTag::ALL {
        let abnormal = !matches!(tag, ReasonTag::Normal | ReasonTag::Shutdown);
        assert_eq!(outcome(Restart::Permanent, Cause::End(tag)), "up", "{tag}");
        assert_eq!(outcome(Restart::Transient, Cause::End(tag)), if abnormal { "up" } else { "stays down" }, "{tag}");
        assert_eq!(outcome(Restart::Temporary, Cause::End(tag)), "leaves", "{tag}");
    }
}
