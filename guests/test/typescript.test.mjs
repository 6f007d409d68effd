/** The TypeScript SDK in a QuickJS component: awaiting, failing, logging, and the frames it writes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.mjs';
import { build, bundle } from '../typescript/build.mjs';
import { compile, guest } from './support/component.mjs';
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
  readResult,
  reply,
  self,
  text,
  utf8,
  word,
  words,
} from './support/frames.mjs';
import { effectsOf, other, vector } from './support/golden.mjs';
import { sdkModule } from './support/sdk.mjs';

await buildGuests({
  only: ['ts-echo', 'ts-counter', 'ts-await-two-asks', 'ts-throws', 'ts-every-effect', 'ts-health'],
});

const SEED = frame(KIND.seed, words(1, 2));

async function everyEffect(seed = SEED) {
  const it = await guest('ts-every-effect');
  it.start(seed, frame(KIND.incarnation, words(3)), peer('other', other), self('/user/every', address(6)));
  const [early] = it.turn(ask('path', 1)).effects;
  assert.deepEqual([early.kind, early.corr, text(early.payload)], [EFFECT.log, 2, 'from start {"n":1}']);
  return it;
}

/** Kind, correlation and text of each effect. */
const told = ({ effects }) => effects.map(({ kind, corr, payload }) => [kind, corr, text(payload)]);

/** Name, message and stack of a turn's crash, which stands alone. */
function crashOf({ effects }) {
  assert.deepEqual(
    effects.map(effect => effect.kind),
    [EFFECT.crash],
  );
  const [name, message, stack, rest] = text(effects[0].payload).split('\0');
  assert.equal(rest, '');
  return { name, message, stack };
}

test('effects are the golden vectors, byte for byte', async () => {
  const it = await everyEffect();
  assert.deepEqual(effectsOf(it.raw(message('tell'))), vector(/^effect: tell/));
  // Tags count up from 1, and the vector's is 3: two asks first that nobody waits for any more.
  it.turn(ask('all', 1));
  it.turn(reply('1', 1), reply('2', 2));
  const expected = vector(/^effect: ask `ping` for the ask 42/);
  assert.deepEqual(effectsOf(it.raw(ask('all', 42))).subarray(0, expected.length), expected);
});

test('an ask says on whose behalf it is made: the message in hand, and nobody once that is answered', async () => {
  const it = await everyEffect();
  const requests = turn =>
    turn.effects.filter(({ kind }) => kind === EFFECT.ask).map(({ flags, payload }) => [flags, word(payload, 4)]);
  assert.deepEqual(requests(it.turn(ask('all', 7))), [
    [2, 7],
    [2, 7],
  ]);
  it.turn(reply('1', 1), reply('2', 2));
  assert.deepEqual(requests(it.turn(message('all'))), [
    [2, 0],
    [2, 0],
  ]);
  it.turn(reply('1', 3), reply('2', 4));
  assert.deepEqual(requests(it.turn(ask('answer first', 8))), [[2, 0]]);
});

test('publishing and subscribing are the golden vectors', async () => {
  const it = await everyEffect();
  assert.deepEqual(effectsOf(it.raw(message('publish'))), vector(/^effect: publish/));
  // The number of a subscription is made of what it is to: the same in each life.
  const subscribe = effectsOf(it.raw(message('subscribe'))).slice();
  const tag = word(subscribe, 8);
  new DataView(subscribe.buffer).setUint32(8, 1234, true);
  assert.deepEqual(subscribe, vector(/^effect: subscribe/));
  assert.deepEqual(told((await everyEffect()).turn(message('subscribe')))[0][1], tag);
  assert.deepEqual(told(it.turn(message('unsubscribe'))), [[EFFECT.unsubscribe, tag, '']]);
});

test('a published message has its topic', async () => {
  const it = await everyEffect();
  const [kept] = it.turn(vector(/^turn: topic/)).effects;
  assert.deepEqual([kept.kind, kept.address, text(kept.payload)], [EFFECT.tell, other, 'orders.eu hi kept']);
  it.turn(failed(KIND.sendFailed, 17, 'no', 9));
  assert.deepEqual(told(it.turn(ask('refusals', 1))), [[EFFECT.reply, 1, '9 17 no;']]);
});

test('a topic message behind the end of its subscription is dropped, as a golden vector', async () => {
  dropsWhatHasNoSubscription(await everyEffect());
});

test('monitors and links are the golden vectors, and an end is told once', async () => {
  const it = await everyEffect();
  for (const wish of ['monitor', 'demonitor', 'link', 'unlink']) {
    assert.deepEqual(effectsOf(it.raw(message(wish))), vector(new RegExp(`^effect: ${wish} `)), wish);
  }
  it.turn(message('monitor'));
  const ends = () => text(it.turn(ask('ends', 1)).effects[0].payload);
  it.turn(vector(/^turn: down/));
  assert.equal(ends(), 'other false killed  2;', 'of an earlier monitor');
  // Taken back in the turn that has the notice already.
  const down = frame(KIND.down, concat(words(1), utf8('normal\0')), { corr: 0x30002, address: other });
  it.turn(message('demonitor'), down);
  assert.equal(ends(), 'other false killed  2;');
  it.turn(message('monitor'));
  it.turn(frame(KIND.down, concat(words(4), utf8('trap\0oh no')), { corr: 0x30003, address: address(9) }));
  assert.equal(ends(), 'other false killed  2;somebody true trap oh no 4;');
});

test('an actor that cannot be told of an end may not watch', async () => {
  const { serve } = await sdkModule('runtime');
  const { handle } = serve({ handle: (_, context) => void context.monitor(context.self) });
  const { effects } = readResult(handle(message('x')));
  assert.equal(effects[0].kind, EFFECT.crash);
  assert.match(text(effects[0].payload), /monitor: the actor has no `down`/);
});

test('awaiting two asks at once names both tags, as in the golden vector', async () => {
  const it = await everyEffect();
  it.turn(ask('all', 1));
  it.turn(reply('1', 1), reply('2', 2));
  const result = effectsOf(it.raw(ask('all', 1)));
  const expected = vector(/^effect: await/);
  assert.deepEqual(result.subarray(-expected.length), expected);
});

test('turns are read, and results written, as in the golden vectors', async () => {
  const echo = await guest('ts-echo');
  echo.start(SEED);
  assert.deepEqual(echo.raw(ask('pong', 42)), vector(/^result: one consumed/));
  assert.deepEqual(echo.raw(vector(/^turn: message/)), concat(words(1, 1)));
  assert.deepEqual(told(echo.turn(vector(/^turn: ask `ping`/))), [[EFFECT.reply, 42, 'ping']]);
  const it = await everyEffect();
  const [back] = it.turn(vector(/^turn: message/)).effects;
  assert.deepEqual([back.kind, back.address, text(back.payload)], [EFFECT.tell, other, 'hi']);
});

test('a handler that awaits two asks takes three turns', async () => {
  const it = await guest('ts-await-two-asks');
  it.start(SEED, peer('left', address(3)), peer('right', address(4)));
  const first = it.turn(ask('q', 77), ask('q', 78));
  assert.equal(first.consumed, 1, 'the second ask waits');
  assert.deepEqual(
    [first.effects[0].kind, first.effects[0].address, text(first.effects[0].payload.subarray(8))],
    [EFFECT.ask, address(3), 'q'],
  );
  assert.deepEqual([first.effects[1].kind, word(first.effects[1].payload)], [EFFECT.await, 1]);
  const second = it.turn(reply('20', 1));
  assert.deepEqual([second.effects[0].address, second.effects[1].kind], [address(4), EFFECT.await]);
  assert.deepEqual(told(it.turn(reply('22', 2))), [[EFFECT.reply, 77, '42']]);
});

test('an ask that fails rejects what awaits it', async () => {
  const it = await everyEffect();
  it.turn(ask('caught', 5));
  assert.deepEqual(told(it.turn(failed(KIND.askFailed, 1, 'no reply in time', 1))), [
    [EFFECT.reply, 5, 'timeout: no reply in time'],
  ]);
  const two = await guest('ts-await-two-asks');
  two.start(SEED, peer('left', address(3)), peer('right', address(4)));
  two.turn(ask('q', 1));
  const { name, message: what } = crashOf(two.turn(failed(KIND.askFailed, 1, 'no reply in time', 1)));
  assert.deepEqual([name, what], ['AskError', 'no reply in time']);
});

test('answers that come after a race are dropped', async () => {
  const it = await everyEffect();
  it.turn(ask('race', 5));
  assert.deepEqual(told(it.turn(reply('won', 2), reply('late', 1))), [[EFFECT.reply, 5, 'won']]);
  assert.deepEqual(told(it.turn(failed(KIND.askFailed, 1, 'late', 3), ask('path', 6))), [
    [EFFECT.reply, 6, '/user/every'],
  ]);
});

test('answers and the next message may come in one turn', async () => {
  const it = await everyEffect();
  it.turn(ask('race', 5));
  assert.deepEqual(told(it.turn(reply('won', 1), ask('path', 6))), [
    [EFFECT.reply, 5, 'won'],
    [EFFECT.reply, 6, '/user/every'],
  ]);
});

test('whatever is thrown is a crash with name, message and stack', async () => {
  for (const [way, name, pattern] of [
    ['sync', 'OrderError', /^out of order$/],
    ['async', 'OrderError', /^later out of order$/],
    ['floating', 'OrderError', /^nobody looks$/],
    ['microtask', 'OrderError', /^in a microtask$/],
    ['string', 'Thrown', /^just a string$/],
    ['stuck', 'TypeError', /nothing can settle/],
    ['native', 'TypeError', /made by the engine/],
  ]) {
    const it = await guest('ts-throws');
    it.start(SEED);
    const crash = crashOf(it.turn(ask('fine', 1), ask(way, 2)));
    assert.equal(crash.name, name, way);
    assert.match(crash.message, pattern);
    if (way === 'sync') assert.match(crash.stack, /caused by RangeError: too far/);
  }
});

test('a failure answers the ask and the actor goes on', async () => {
  const it = await guest('ts-throws');
  it.start(SEED);
  assert.deepEqual(told(it.turn(ask('failure', 1), ask('fine', 2))), [
    [EFFECT.fail, 1, 'not today'],
    [EFFECT.reply, 2, 'fine'],
  ]);
  assert.equal(it.turn(message('failure')).effects[0].kind, EFFECT.log);
});

test('recursion without end traps', async () => {
  const it = await guest('ts-throws');
  it.start(SEED);
  assert.throws(() => it.turn(message('deep')));
});

test('replying twice and returning no payload are mistakes with a message', async () => {
  assert.match(crashOf((await everyEffect()).turn(ask('twice', 1))).message, /answered before/);
});

test('log lines, stop, fail and refusals', async () => {
  const it = await everyEffect();
  const { effects } = it.turn(message('log'), ask('fail', 2), message('stop'));
  assert.deepEqual(
    effects.map(({ kind, corr }) => [kind, corr]),
    [
      [EFFECT.log, 3],
      [EFFECT.fail, 2],
      [EFFECT.stop, 0],
    ],
  );
  assert.deepEqual(told(it.turn(failed(KIND.sendFailed, 3, 'full', 9), ask('refusals', 3))), [
    [EFFECT.reply, 3, '9 3 full;'],
  ]);
});

test('an ask that a handler does not answer is answered with nothing', async () => {
  const it = await everyEffect();
  assert.deepEqual(told(it.turn(ask('whatever', 8))), [[EFFECT.reply, 8, '']]);
});

test('random numbers come from the seed', async () => {
  const draw = async seed => told((await everyEffect(seed)).turn(ask('random', 1)))[0][2];
  const other = frame(KIND.seed, words(3, 4));
  assert.equal(await draw(SEED), await draw(SEED));
  assert.notEqual(await draw(SEED), await draw(other));
});

test('the clock runs', async () => {
  const [[, , now]] = told((await everyEffect()).turn(ask('clock', 1)));
  assert.ok(Math.abs(Number(now) - Date.now()) < 60_000, now);
});

test('the configuration is JSON, and what is not fails the start', async () => {
  const it = await guest('ts-counter');
  it.start(SEED, frame(KIND.user, '{"from":7}'));
  assert.deepEqual(told(it.turn(message('x'), ask('?', 1))), [[EFFECT.reply, 1, '8']]);
  const fresh = await guest('ts-counter');
  assert.throws(() => fresh.start(frame(KIND.user, '{from')), /SyntaxError/);
});

/** Builds an actor from source text. */
async function made(source, run) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-troupe-ts-'));
  try {
    const file = join(folder, 'made.ts');
    writeFileSync(file, source);
    return await run(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('async generators, for await, classes and deferred answers work', async () => {
  const source = `
    import { actor, decode, type MessageContext } from 'wasm-troupe/guest';
    class Later extends Promise<string> {}
    async function* numbers(to: number) { for (let n = 1; n <= to; n++) { await null; yield n; } }
    let kept: MessageContext | undefined;
    const order: string[] = [];
    export default actor({
      async handle(message, context) {
        const wish = decode(message);
        if (wish === 'keep') { kept = context; context.defer(); return; }
        if (wish === 'now') { kept?.reply('kept'); return; }
        if (wish === 'order') {
          queueMicrotask(() => order.push('micro'));
          Promise.resolve().then(() => order.push('then'));
          order.push('sync');
          await 0; await 0; await 0;
          return order.join();
        }
        let sum = 0;
        for await (const n of numbers(4)) sum += n;
        const all = await Array.fromAsync(numbers(3), n => n * 2);
        const later = await new Later(resolve => resolve('late')).finally(() => { sum += 100; });
        return [sum, all.join('+'), later, await Later.resolve(1) instanceof Later].join(' ');
      },
    });`;
  const component = await made(source, file => build(file));
  const it = (await compile(component))();
  it.start(SEED);
  assert.deepEqual(told(it.turn(ask('go', 1))), [[EFFECT.reply, 1, '110 2+4+6 late false']]);
  assert.deepEqual(told(it.turn(ask('order', 1))), [[EFFECT.reply, 1, 'sync,micro,then']]);
  assert.deepEqual(told(it.turn(ask('keep', 2), message('now'))), [[EFFECT.reply, 2, 'kept']]);
});

test('mistakes are build errors', async () => {
  await assert.rejects(made('export const a = await 1;', bundle), /[Tt]op-level await/);
  await assert.rejects(
    made('export const a = 1;', file => build(file)),
    /default/,
  );
  await assert.rejects(made("import './missing.js'; export default { handle() {} };", bundle), /missing\.js/);
});

test('nothing sends in start, and a start that waits is an error', async () => {
  const source = `
    import { actor } from 'wasm-troupe/guest';
    export default actor<string>({ start: config => config === 'wait' ? new Promise(() => {}) : Promise.resolve(), handle() {} });`;
  const instance = await compile(await made(source, file => build(file)));
  assert.throws(
    () => instance().start(frame(KIND.user, '"wait"')),
    /start waits for a promise that nothing can settle/,
  );
  instance().start(frame(KIND.user, '"go"'));
});

test('a probe is answered with what the actor says of its health, and with what it throws', async () => {
  const it = await guest('ts-health');
  it.start(SEED, frame(KIND.incarnation, words(2)), frame(KIND.state, '{"count":5}'));
  const probe = said => {
    if (said !== undefined) it.turn(message(said));
    const { kind, corr, payload } = it.health();
    assert.equal(kind, EFFECT.health);
    return [corr, text(payload)];
  };
  assert.deepEqual(probe(), [0, '']);
  assert.deepEqual(probe('degraded slow'), [1, 'slow']);
  assert.deepEqual(probe('unhealthy'), [2, '']);
  assert.deepEqual(probe('throw'), [2, 'RangeError: no health in life 2']);
  assert.deepEqual(told(it.turn(ask('state', 4))), [[EFFECT.reply, 4, '{"count":5}']]);
});

test('an actor that does not say is of unknown health', async () => {
  const it = await guest('ts-counter');
  it.start(SEED);
  assert.equal(it.health().corr, 3);
});
