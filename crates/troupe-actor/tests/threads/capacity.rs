//! The bound of a mailbox, with many senders on threads of their own (`OVF-3`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use troupe_actor::ask::AskError;
use troupe_actor::spec::Overflow;

use crate::common::{Actor, Settled, World, each, spawn_spec};

const SENDERS: usize = 64;
const EACH: usize = 50;
const CAPACITY: u32 = 100;

#[test]
fn of_sixty_four_racing_senders_exactly_as_many_get_in_as_there_is_room() {
    for overflow in [Overflow::Reject, Overflow::DropNewest] {
        let world = World::threaded(2, 2);
        let open = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&open);
        let mut spec = spawn_spec(Actor::new(move || {
            let gate = Arc::clone(&gate);
            each(move |frame, _| {
                while frame.payload == b"hold" && !gate.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                Ok(())
            })
        }));
        (spec.mailbox.max_messages, spec.mailbox.overflow) = (CAPACITY, overflow);
        let actor = world.spawn(spec);
        world.tell(actor, "hold");
        while world.status(actor).in_hand == 0 {
            std::thread::yield_now();
        }
        let start = Barrier::new(SENDERS);
        let slots: Vec<u32> = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        (0..EACH).map(|_| world.send(actor, "x", 0)).collect::<Vec<u32>>()
                    })
                })
                .collect();
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
        });
        let settled: Vec<Settled> = slots.iter().map(|slot| world.wait(*slot)).collect();
        let accepted = settled.iter().filter(|settled| **settled == Settled::value("")).count();
        let refused = settled.iter().filter(|settled| **settled == Settled::error(AskError::MailboxFull)).count();
        assert_eq!((accepted, refused), (CAPACITY as usize, SENDERS * EACH - CAPACITY as usize));
        assert_eq!(world.status(actor).queued, CAPACITY);
        open.store(true, Ordering::SeqCst);
        world.wait_for_quiet();
        assert_eq!(world.status(actor).counters.handled, u64::from(CAPACITY) + 1);
    }
}
