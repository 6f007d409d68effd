import test from 'ava';
import { MAX_SLOTS, type Slot, Slots } from '../src/slots.js';

const waiter = { settle: () => {} };

function taken(slots: Slots): Slot {
  const slot = slots.take();
  if (slot === undefined) throw new Error('the table is full');
  slot.waiter = waiter;
  return slot;
}

test('a slot is found under its number while it waits', t => {
  const slots = new Slots();
  const slot = taken(slots);
  t.not(slot.number, 0);
  t.is(slots.find(slot.number), slot);
  const { number } = slot;
  slots.free(slot);
  t.is(slots.find(number), undefined);
});

test('a late completion does not reach the next wait in the same slot', t => {
  const slots = new Slots();
  const first = taken(slots);
  const { number } = first;
  slots.free(first);
  const second = taken(slots);
  t.is(second, first);
  t.not(second.number, number);
  t.is(slots.find(number), undefined);
});

test('a slot that was given up is not used again before the buffers have run dry', t => {
  const slots = new Slots();
  const first = taken(slots);
  slots.retire(first);
  t.not(taken(slots), first);
  slots.ranDry();
  t.is(taken(slots), first);
});

test('the number that is looked at is the one that is taken', t => {
  const slots = new Slots();
  for (let round = 0; round < 3; round += 1) {
    const number = slots.peek();
    const slot = taken(slots);
    t.is(slot.number, number);
    if (round === 1) slots.free(slot);
  }
});

test('numbers stay below 2³¹ however often a slot is used', t => {
  const slots = new Slots();
  for (let round = 0; round < 2000; round += 1) {
    const slot = taken(slots);
    t.true(slot.number > 0 && slot.number < 2 ** 31);
    slots.free(slot);
  }
});

test('index 0 and numbers that nobody gave find nothing', t => {
  const slots = new Slots();
  t.is(slots.find(0), undefined);
  t.is(slots.find(MAX_SLOTS), undefined);
  t.is(slots.find(0x7fffffff), undefined);
});
