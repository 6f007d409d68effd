/** The AssemblyScript SDK: what its guests make of frames. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.mjs';
import { guest } from './support/component.mjs';
import { dropsWhatHasNoSubscription } from './support/contract.mjs';
import {
  address,
  ask,
  concat,
  EFFECT,
  failed,
  frame,
  KIND,
  message,
  peer,
  reply,
  text,
  utf8,
  word,
  words,
} from './support/frames.mjs';
import { effectsOf, other, vector } from './support/golden.mjs';
import { assertTraps } from './support/traps.mjs';

await buildGuests({ only: ['as-echo', 'as-counter', 'as-forward-ask', 'as-every-effect', 'as-health'] });

async function everyEffect() {
  const it = await guest('as-every-effect');
  it.start(frame(KIND.seed, words(1, 2)), peer('other', other));
  return it;
}

test('effects are the golden vectors, byte for byte', async () => {
  const it = await everyEffect();
  assert.deepEqual(effectsOf(it.raw(message('tell'))), vector(/^effect: tell/));
  const asked = effectsOf(it.raw(message('ask')));
  const expected = vector(/^effect: ask `ping`,/);
  assert.deepEqual(asked.subarray(0, expected.length), expected);
  assert.deepEqual(effectsOf(it.raw(ask('ask for', 42))), vector(/^effect: ask `ping` for the ask 42/));
  const { effects } = it.turn(message('ask'));
  assert.deepEqual([effects[1].kind, word(effects[1].payload)], [EFFECT.await, 3]);
});

test('publishing and subscribing are the golden vectors, and a published message has its topic', async () => {
  const it = await everyEffect();
  for (const wish of ['publish', 'subscribe', 'unsubscribe']) {
    assert.deepEqual(effectsOf(it.raw(message(wish))), vector(new RegExp(`^effect: ${wish}`)));
  }
  const [kept] = it.turn(vector(/^turn: topic/)).effects;
  assert.deepEqual([kept.kind, kept.address, text(kept.payload)], [EFFECT.tell, other, 'orders.eu hi kept']);
});

test('a topic message behind the end of its subscription is dropped, as a golden vector', async () => {
  dropsWhatHasNoSubscription(await everyEffect());
});

test('monitors and links are the golden vectors, and an end is told', async () => {
  const it = await everyEffect();
  for (const wish of ['monitor', 'demonitor', 'link', 'unlink']) {
    assert.deepEqual(effectsOf(it.raw(message(wish))), vector(new RegExp(`^effect: ${wish} `)), wish);
  }
  it.turn(vector(/^turn: down/), frame(KIND.down, words(4), { corr: 7, address: address(9) }));
  assert.equal(text(it.turn(ask('ends', 1)).effects[0].payload), 'other true killed 2;somebody false  4;');
});

test('turns are read as in the golden vectors', async () => {
  const echo = await guest('as-echo');
  echo.start();
  assert.deepEqual(echo.raw(vector(/^turn: message/)), concat(words(1, 1)));
  const [answer] = echo.turn(vector(/^turn: ask `ping`/)).effects;
  assert.deepEqual([answer.kind, answer.corr, text(answer.payload)], [EFFECT.reply, 42, 'ping']);
  const it = await everyEffect();
  const [back] = it.turn(message('hi', other)).effects;
  assert.deepEqual([back.kind, back.address, text(back.payload)], [EFFECT.tell, other, 'back']);
});

test('the result of an answered ask is the golden one', async () => {
  const echo = await guest('as-echo');
  echo.start();
  assert.deepEqual(echo.raw(ask('pong', 42)), vector(/^result: one consumed/));
});

test('every frame is taken, and kinds it does not know are skipped', async () => {
  const echo = await guest('as-echo');
  echo.start();
  const { consumed, effects } = echo.turn(ask('a', 1), frame(77, 'what'), message('b'), ask('', 2));
  assert.equal(consumed, 4);
  assert.deepEqual(
    effects.map(({ corr, payload }) => [corr, text(payload)]),
    [
      [1, 'a'],
      [2, ''],
    ],
  );
});

test('payloads of any length come back whole, large after small and small after large', async () => {
  const echo = await guest('as-echo');
  echo.start();
  for (const length of [0, 1, 7, 8, 9, 30_000, 100_000, 1_000_000, 3]) {
    const payload = Uint8Array.from({ length }, (_, at) => at % 253);
    assert.deepEqual(echo.turn(ask(payload, 9)).effects[0].payload, payload);
  }
});

test('start reads the configuration, and its error is a string', async () => {
  const counter = await guest('as-counter');
  assert.throws(() => counter.start(frame(KIND.user, 'piñata')), /expected a number to begin with, received 'piñata'/);
  counter.start(frame(KIND.user, '41'));
  assert.equal(word(counter.turn(message('x'), ask('?')).effects[0].payload), 42);
});

test('log, stop, fail, crash and a refusal', async () => {
  const it = await everyEffect();
  const { effects } = it.turn(message('log'), ask('fail', 3), message('stop'), message('crash'));
  assert.deepEqual(
    effects.map(({ kind, corr, payload }) => [kind, corr, text(payload)]),
    [
      [EFFECT.log, 3, 'hi'],
      [EFFECT.fail, 3, 'no'],
      [EFFECT.stop, 0, ''],
      [EFFECT.crash, 0, 'Oops\0it broke\0\0'],
    ],
  );
  it.turn(failed(KIND.sendFailed, 3, 'full', 9));
  assert.equal(text(it.turn(ask('refusals', 1)).effects[0].payload), '9 3;');
});

test('asks of an actor are matched with their answers in any order', async () => {
  const it = await guest('as-forward-ask');
  it.start(peer('next', address(9)));
  const asked = it.turn(ask('q', 77), ask('r', 78));
  assert.deepEqual(
    asked.effects.map(({ kind, corr, address, payload }) => [kind, corr, address.index, text(payload.subarray(8))]),
    [
      [EFFECT.ask, 1, 9, 'q'],
      [EFFECT.ask, 2, 9, 'r'],
    ],
  );
  const { effects } = it.turn(failed(KIND.askFailed, 1, 'too late', 2), reply('answer', 1), reply('nobody asked', 5));
  assert.deepEqual(
    effects.map(({ kind, corr, payload }) => [kind, corr, text(payload)]),
    [
      [EFFECT.fail, 78, 'too late'],
      [EFFECT.reply, 77, 'answer'],
    ],
  );
});

test('a guest that makes objects keeps its memory over many turns', async () => {
  const it = await guest('as-forward-ask');
  it.start(peer('next', address(9)));
  const line = utf8('x'.repeat(10_000));
  for (let round = 0; round < 2_000; round++) it.turn(message(line));
  assert.equal(it.turn(message(line)).effects.length, 2);
});

test('a missing peer fails the start', async () => {
  const it = await guest('as-forward-ask');
  assert.throws(() => it.start(), /the peer 'next' is missing/);
});

test('the demo guest traps on a line that is not text, and not on others', async () => {
  await buildGuests({ only: ['tokenise'] });
  const bad = [
    [0],
    [0x80],
    [0xc3],
    [0xc1, 0x81],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xe2, 0x82],
    [97, 0, 98],
  ];
  for (const bytes of bad) {
    const it = await guest('tokenise');
    it.start(peer('count0', address(0)));
    assertTraps(() => it.turn(message('fine'), message(Uint8Array.from(bytes))), /unreachable/);
  }
  const it = await guest('tokenise');
  it.start(peer('count0', address(0)));
  it.turn(message('añ\u{1f600} \ud7ff\ue000\u{10ffff}'));
});

test('a probe is answered with what the actor says of its health', async () => {
  const it = await guest('as-health');
  it.start(frame(KIND.state, 'kept'));
  const probe = said => {
    it.turn(message(said));
    const { kind, corr, payload } = it.health();
    assert.equal(kind, EFFECT.health);
    return [corr, text(payload)];
  };
  assert.deepEqual(probe('0'), [0, '']);
  assert.deepEqual(probe('1slow'), [1, 'slow']);
  assert.deepEqual(probe(`2${'x'.repeat(2000)}`), [2, 'x'.repeat(1024)]);
  assert.equal(text(it.turn(ask('state', 4)).effects[0].payload), 'kept');
  assert.equal((await guest('as-echo')).health().corr, 3, 'unknown unless it says');
});
