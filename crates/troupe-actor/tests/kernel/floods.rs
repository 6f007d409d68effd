//! Floods of asks: what a million of them leave behind.

use troupe_actor::ask::{AskError, AskTable, MAX_ASKS};
use troupe_actor::chain::Chain;
use troupe_actor::id::Address;

use crate::common::{Actor, Log, Settled, World, puppet, spawn_spec};

#[test]
fn a_million_asks_that_time_out_leave_the_table_empty_and_its_memory_free() {
    let mut table = AskTable::default();
    let before = table.memory();
    let list = [Address { index: 1, tag: 1 }, Address { index: 2, tag: 2 }];
    let mut first = Vec::new();
    for round in 0..3u32 {
        for at in 0..MAX_ASKS as u32 {
            let number = table.insert(1, Address::NONE, 0, at, u64::from(round) * 1_000 + u64::from(at % 500)).unwrap();
            if at % 16 == 0 {
                table.set_chain(number, Chain::List(&list), true);
            }
            if at == 0 {
                assert!(!first.contains(&number), "an old number was given out again");
                first.push(number);
            }
        }
        assert!(table.insert(1, Address::NONE, 0, 0, 0).is_none(), "one more than there may be");
        assert_eq!(table.len(), MAX_ASKS);
        let mut due = Vec::new();
        table.expire(u64::from(round) * 1_000 + 999, &mut due);
        assert_eq!(due.len(), MAX_ASKS);
        for number in due {
            assert!(table.remove(number).is_some());
        }
        assert!(table.is_empty());
        assert_eq!((table.memory(), table.next_due()), (before, None));
        assert!(table.get_mut(first[round as usize]).is_none());
    }
}

#[test]
fn an_actor_may_keep_very_many_asks_open() {
    // Going through all of them at every turn would take minutes.
    let world = World::new();
    let mut spec = spawn_spec(Actor::new(|| puppet(&Log::default())));
    spec.mailbox.max_messages = u32::MAX;
    spec.mailbox.max_bytes = usize::MAX;
    let actor = world.spawn(spec);
    let slots: Vec<u32> = (0..200_000).map(|_| world.ask(actor, "keep", 1_000)).collect();
    world.run();
    assert_eq!(world.status(actor).counters.handled, 200_000);
    world.advance(1_001);
    for slot in slots {
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Timeout)));
    }
    assert_eq!(world.system.next_due(), None);
}

#[test]
fn many_asks_of_a_port_are_given_up_in_one_walk() {
    let world = World::new();
    let log = Log::default();
    let noted = log.clone();
    let mut spec = spawn_spec(Actor::new(move || puppet(&noted)));
    spec.mailbox.max_messages = u32::MAX;
    spec.mailbox.max_bytes = usize::MAX;
    let actor = world.spawn(spec);
    let slots: Vec<u32> = (0..50_000).map(|_| world.ask(actor, "x", 1_000)).collect();
    let kept = world.ask(actor, "kept", 1_000);
    world.abort_all(actor, &slots);
    world.run();
    for slot in slots {
        assert_eq!(world.settled(slot), Some(Settled::error(AskError::Aborted)));
    }
    assert_eq!((world.settled(kept), log.take()), (Some(Settled::value("kept")), vec!["kept".to_owned()]));
    assert_eq!(world.status(actor).counters.aborted, 50_000);
}
