/** Timers and the stash in the SDKs: the frames they write, and what ticks do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.mjs';
import { guest } from './support/component.mjs';
import { ask, concat, EFFECT, frame, KIND, message, text, utf8, word, words } from './support/frames.mjs';
import { effectsOf, vector } from './support/golden.mjs';

await buildGuests({ only: ['ts-timers', 'as-timers'] });

const SEED = frame(KIND.seed, words(1, 2));

async function started(name) {
  const it = await guest(name);
  it.start(SEED, frame(KIND.incarnation, words(1)));
  return it;
}

/** A tick; `missed` periods went by while it waited. */
const tick = (key, payload, missed = 0) =>
  frame(KIND.timer, new Uint8Array([...words(missed, 0), ...utf8(payload)]), { corr: key });
const set = effect => [word(effect.payload, 0), word(effect.payload, 4), word(effect.payload, 8)];
const only = ({ effects }, kind) => {
  assert.deepEqual(
    effects.map(effect => effect.kind),
    [kind],
  );
  return effects[0];
};
const seen = it => text(only(it.turn(ask('ticks', 1)), EFFECT.reply).payload);

test('an AssemblyScript guest writes timers and its stash as the golden vectors say', async () => {
  const it = await started('as-timers');
  assert.deepEqual(set(only(it.turn(message('a250')), EFFECT.setTimer)), [250, 0, 0]);
  const every = only(it.turn(message('e1000')), EFFECT.setTimer);
  assert.deepEqual([every.corr, ...set(every), text(every.payload.subarray(12))], [2, 1000, 1000, 1, 'e']);
  assert.deepEqual(set(only(it.turn(message('r7')), EFFECT.setTimer)), [7, 7, 2]);
  assert.deepEqual(effectsOf(it.raw(message('c5'))), vector(/^effect: cancel-timer/));
  assert.deepEqual(effectsOf(it.raw(concat(message('x'), message('x'), message('s1')))), vector(/^effect: stash/));
  assert.deepEqual(effectsOf(it.raw(message('o'))), vector(/^effect: unstash/));
  it.turn(tick(1, 'a'));
  it.turn(vector(/^turn: timer/));
  assert.equal(text(only(it.turn(ask('?', 1)), EFFECT.reply).payload), '1a5h+3');
});

test('a TypeScript guest sets timers by key, and ticks are messages that know what they missed', async () => {
  const it = await started('ts-timers');
  const first = only(it.turn(message('after 250 a')), EFFECT.setTimer);
  assert.deepEqual([...set(first), text(first.payload.subarray(12))], [250, 0, 0, 'tick 0 a']);
  const again = only(it.turn(message('after 50 b')), EFFECT.setTimer);
  assert.equal(again.corr, first.corr, 'the same key is the same timer');
  const every = only(it.turn(message('every 1000')), EFFECT.setTimer);
  assert.deepEqual(set(every), [1000, 1000, 1]);
  assert.deepEqual(set(only(it.turn(message('rate 10')), EFFECT.setTimer)), [10, 10, 2]);
  it.turn(tick(first.corr, 'tick 0 b'));
  it.turn(tick(every.corr, 'tick 0 every', 3));
  assert.equal(seen(it), 'b;every+3;');
  // One that has ticked is gone; the other one is cancelled by its key.
  assert.deepEqual(it.turn(message('cancel 0 after')).effects, []);
  assert.equal(only(it.turn(message('cancel 0 every')), EFFECT.cancelTimer).corr, every.corr);
  it.turn(tick(every.corr, 'tick 0 every'));
  assert.equal(seen(it), 'b;every+3;', 'a tick of a timer that is gone is nothing');
});

test('a handler may sleep: it waits for the tick, and other messages wait for it', async () => {
  const it = await started('ts-timers');
  const turn = it.turn(ask('sleep 30 well', 1), message('after 1 x'));
  assert.equal(turn.consumed, 1);
  const [timer, wait] = turn.effects;
  assert.deepEqual([timer.kind, ...set(timer)], [EFFECT.setTimer, 30, 0, 0]);
  assert.deepEqual([wait.kind, word(wait.payload, 0)], [EFFECT.await, timer.corr]);
  const answer = only(it.turn(tick(timer.corr, '')), EFFECT.reply);
  assert.deepEqual([answer.corr, text(answer.payload)], [1, 'slept well']);
});

test('the quicker of two sleeps wins, and the other one is waited for no more', async () => {
  const it = await started('ts-timers');
  const [slow, quick, wait] = it.turn(ask('race 10', 1)).effects;
  assert.equal(wait.payload.length, 8);
  const answer = only(it.turn(tick(quick.corr, '')), EFFECT.reply);
  assert.equal(text(answer.payload), 'quick');
  assert.deepEqual(it.turn(tick(slow.corr, '')).effects, []);
});

test('setTimeout and setInterval run functions, and what was cleared does not run', async () => {
  const it = await started('ts-timers');
  const later = only(it.turn(message('later 20')), EFFECT.setTimer);
  const interval = only(it.turn(message('interval 5')), EFFECT.setTimer);
  assert.deepEqual(set(interval), [5, 5, 2]);
  it.turn(tick(interval.corr, ''));
  it.turn(tick(later.corr, ''));
  it.turn(tick(interval.corr, ''));
  it.turn(message('clear'));
  it.turn(tick(interval.corr, ''));
  assert.equal(seen(it), 'interval;later;interval;');
  const kinds = it.turn(message('cleared 5')).effects.map(({ kind }) => kind);
  assert.deepEqual(kinds, [EFFECT.setTimer, EFFECT.cancelTimer]);
});

test('one timer more than the host keeps is an error where it is set', async () => {
  const it = await started('ts-timers');
  const [crash] = it.turn(message('many 5')).effects;
  assert.equal(crash.kind, EFFECT.crash);
  assert.match(text(crash.payload), /this actor has 1000 timers, which is the most/);
});

test('a message is put aside where it stands in its turn, and an ask is not answered then', async () => {
  const it = await started('ts-timers');
  const { consumed, effects } = it.turn(message('a'), message('later 5'), ask('b', 9));
  assert.equal(consumed, 3);
  assert.deepEqual(
    effects.map(({ kind, corr }) => [kind, kind === EFFECT.stash ? corr : 0]),
    [
      [EFFECT.stash, 0],
      [EFFECT.setTimer, 0],
      [EFFECT.stash, 2],
    ],
  );
  assert.deepEqual(effectsOf(it.raw(message('open'))), vector(/^effect: unstash/));
  assert.equal(text(only(it.turn(ask('b', 9)), EFFECT.reply).payload), 'b');
});

test('after a wait a message cannot be put aside any more', async () => {
  const it = await started('ts-timers');
  const [timer] = it.turn(message('late-stash')).effects;
  const [crash] = it.turn(tick(timer.corr, '')).effects;
  assert.equal(crash.kind, EFFECT.crash);
  assert.match(text(crash.payload), /a message is put aside before the first await/);
});
