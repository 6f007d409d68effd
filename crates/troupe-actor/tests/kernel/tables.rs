//! The parts on their own, against simple models: mailbox, ask table.

use std::collections::{BTreeMap, VecDeque};

use troupe_actor::ask::{AskError, AskTable};
use troupe_actor::frame::{Frame, Frames, kind};
use troupe_actor::id::Address;
use troupe_actor::mailbox::{BufferPool, Mailbox, Verdict};

use crate::common::Random;

fn frame(corr: u32, payload: &[u8]) -> Frame<'_> {
    Frame { kind: kind::MESSAGE, flags: 0, corr, address: Address::NONE, payload }
}

fn correlations(bytes: &[u8]) -> Vec<u32> {
    Frames::new(bytes).map(|frame| frame.corr).collect()
}

/// Pushes, takes, puts parts back, drops the oldest and extracts, beside a plain queue.
#[test]
fn a_mailbox_is_a_queue() {
    for (seed, splits) in [(1, false), (2, true), (3, false), (4, true)] {
        let (mut random, mut pool) = (Random::new(seed), BufferPool::default());
        let (mut mailbox, mut model) = (Mailbox::new(splits), VecDeque::new());
        let mut next = 0;
        let payload = vec![1u8; 5_000];
        for _ in 0..20_000 {
            match random.below(10) {
                0..5 => {
                    let len = if random.below(20) == 0 { random.below(5_000) } else { random.below(50) };
                    mailbox.push(&frame(next, &payload[..len as usize]), &mut pool);
                    model.push_back(next);
                    next += 1;
                }
                5..8 => {
                    let limit = 1 + random.below(64);
                    let Some(input) = mailbox.take(limit, 30 * 1024, &mut pool, |_, _| Verdict::Take) else {
                        assert!(model.is_empty());
                        continue;
                    };
                    let taken = correlations(input.frames());
                    assert_eq!(taken.len(), input.count as usize);
                    assert!(taken.len() <= limit as usize);
                    let expected: Vec<u32> = model.drain(..taken.len()).collect();
                    assert_eq!(taken, expected);
                    // More may come, and old ones may be dropped, while the turn is out.
                    mailbox.push(&frame(next, b"meanwhile"), &mut pool);
                    model.push_back(next);
                    next += 1;
                    if splits && random.below(2) == 0 {
                        assert!(mailbox.drop_oldest(|_| true));
                        model.pop_front();
                    }
                    let consumed = random.below(input.count + 1);
                    let end = input.offset_after(consumed);
                    let returned = input.count - consumed;
                    mailbox.put_back(input, end, returned, &mut pool);
                    taken[consumed as usize..].iter().rev().for_each(|corr| model.push_front(*corr));
                }
                8 => {
                    let mut out = Vec::new();
                    let moved = mailbox.extract(&mut out, |frame| frame.corr % 5 == 0);
                    let expected: Vec<u32> = model.iter().copied().filter(|corr| corr % 5 == 0).collect();
                    assert_eq!((correlations(&out), moved as usize), (expected.clone(), expected.len()));
                    model.retain(|corr| corr % 5 != 0);
                }
                _ if splits => {
                    let odd = |frame: &Frame<'_>| frame.corr % 2 == 1;
                    let expected = model.iter().position(|corr| corr % 2 == 1);
                    assert_eq!(mailbox.drop_oldest(odd), expected.is_some());
                    expected.map(|at| model.remove(at));
                }
                _ => {}
            }
            assert_eq!((mailbox.len() as usize, mailbox.is_empty()), (model.len(), model.is_empty()));
        }
        let (mut rest, mut bytes) = (Vec::new(), 0);
        let queued = mailbox.bytes();
        mailbox.drain(|frame| {
            rest.push(frame.corr);
            bytes += frame.encoded_len();
        });
        assert_eq!((Vec::from(model), queued), (rest, bytes));
        assert_eq!((mailbox.len(), mailbox.bytes()), (0, 0));
    }
}

/// Inserts, settles, removes and expires, beside a map of deadlines.
#[test]
fn an_ask_table_never_expires_early_or_twice_and_forgets_nothing() {
    let mut random = Random::new(5);
    let (mut table, mut model) = (AskTable::default(), BTreeMap::<u32, u64>::new());
    let (mut now, mut due) = (0u64, Vec::new());
    for step in 0..200_000u32 {
        match random.below(8) {
            0..4 => {
                let wait = match random.below(4) {
                    0 => u64::from(random.below(30_000)),
                    1 => 0,
                    _ => u64::from(random.below(300)),
                };
                let deadline = if random.below(20) == 0 { u64::MAX } else { now + wait };
                let number = table.insert(1, Address::NONE, 0, step, deadline).unwrap();
                assert!(model.insert(number, deadline).is_none(), "a number in use was given out again");
            }
            4..6 => {
                if let Some(number) = model.keys().next().copied() {
                    model.remove(&number);
                    assert!(table.remove(number).is_some());
                    assert!(table.remove(number).is_none());
                }
            }
            6 => {
                if let Some(number) = model.keys().next().copied() {
                    model.remove(&number);
                    // Settled while queued: it leaves the wheel, and its place when it is reached.
                    assert!(table.settle(number, AskError::Aborted).is_some());
                    assert!(table.settle(number, AskError::Timeout).is_none());
                    table.remove(number);
                }
            }
            _ => {
                let first = model.values().copied().filter(|at| *at != u64::MAX).min();
                assert_eq!(table.next_due().is_some(), first.is_some());
                assert!(table.next_due() <= first, "{:?} {first:?}", table.next_due());
                let longest = if random.below(50) == 0 { 20_000 } else { 40 };
                now += u64::from(random.below(longest));
                table.expire(now, &mut due);
                due.sort_unstable();
                let mut expected: Vec<u32> =
                    model.iter().filter(|(_, at)| **at <= now).map(|(number, _)| *number).collect();
                expected.sort_unstable();
                assert_eq!(due, expected, "at {now}");
                for number in due.drain(..) {
                    model.remove(&number);
                    table.remove(number);
                }
            }
        }
        assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
    }
}
