/** What the SDKs tell an actor of its own mailbox. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.mjs';
import { guest } from './support/component.mjs';
import { ask, concat, EFFECT, frame, KIND, message, text, utf8, words } from './support/frames.mjs';
import { vector } from './support/golden.mjs';

await buildGuests({ only: ['ts-shed', 'as-shed'] });

for (const name of ['ts-shed', 'as-shed']) {
  const started = async () => {
    const it = await guest(name);
    it.start(frame(KIND.seed, words(1, 2)), frame(KIND.incarnation, words(1)));
    return it;
  };
  const told = ({ consumed, effects }) => [consumed, ...effects.map(({ kind, payload }) => [kind, text(payload)])];

  test(`${name}: without the option an actor is told nothing`, async () => {
    const it = await started();
    assert.deepEqual(told(it.turn(ask('?', 1))), [1, [EFFECT.reply, 'not told']]);
  });

  test(`${name}: an actor sees what waits behind the message in hand, as in the golden vector`, async () => {
    const it = await started();
    const topic = frame(KIND.topic, concat(words(1), utf8('a\0\0\0'), utf8('hi')));
    const turn = concat(vector(/^turn: pressure/), ask('a', 1), message('123456789'), topic, ask('b', 2));
    // Each frame is 24 bytes and its payload, padded to eight; of six messages that fit, more than three are many.
    const left = 256 - 32 - 40 - 40 - 32;
    const expected = [5, [EFFECT.fail, 'busy'], [EFFECT.reply, `1 of 6, ${left} of 8388608, high`]];
    assert.deepEqual(told(it.turn(turn)), expected);
  });

  test(`${name}: each turn brings new numbers, and answers are no messages`, async () => {
    const it = await started();
    it.turn(concat(vector(/^turn: pressure/), ask('a', 1)));
    const next = frame(KIND.pressure, words(1, 1000, 10, 0xffffffff));
    const late = frame(KIND.reply, utf8('late'), { corr: 9 });
    const most = name === 'ts-shed' ? 'Infinity' : String(0xffffffff);
    assert.deepEqual(told(it.turn(concat(next, late, ask('b', 2)))), [
      3,
      [EFFECT.reply, `0 of 10, ${1000 - 32 - 32} of ${most}`],
    ]);
  });
}
