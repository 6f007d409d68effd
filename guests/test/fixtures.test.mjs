/** Every fixture does what its first line says, as far as one guest alone can show it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuests, listFixtures } from '../../scripts/build-guests.mjs';
import { guest, ROOT } from './support/component.mjs';
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
  self,
  text,
  utf8,
  word,
  words,
} from './support/frames.mjs';
import { assertTraps } from './support/traps.mjs';

await buildGuests();

const FF = Uint8Array.of(0xff);
const EMPTY = new Uint8Array();
const covered = new Set();

/** A test of one fixture; its name is the fixture's. */
function fixture(name, run) {
  covered.add(name);
  test(name, async () => run(await guest(name)));
}

/** A fixture that this process must not run, or that is no component: what it declares is looked at. */
function declares(name, pattern) {
  covered.add(name);
  test(name, () => assert.match(readFileSync(join(ROOT, '__test__', 'fixtures', `${name}.wat`), 'utf8'), pattern));
}

const only = ({ effects }) => {
  assert.equal(effects.length, 1);
  return effects[0];
};
const kinds = ({ effects }) => effects.map(effect => effect.kind);
const assertEchoes = it => {
  const { version, consumed, effects } = it.turn(
    ask('one', 1),
    message('two'),
    frame(99, 'what is this'),
    ask('three', 3),
    ask('', 4),
  );
  assert.deepEqual([version, consumed], [1, 5]);
  assert.deepEqual(
    effects.map(({ kind, corr, payload }) => [kind, corr, text(payload)]),
    [
      [EFFECT.reply, 1, 'one'],
      [EFFECT.reply, 3, 'three'],
      [EFFECT.reply, 4, ''],
    ],
  );
};

fixture('echo', it => {
  assertEchoes(it);
  assert.equal(only(it.turn(ask(new Uint8Array(64_000)))).payload.length, 64_000);
  assertTraps(() => it.turn(ask(new Uint8Array(65_000))), /unreachable/);
});
fixture('echo-large', it => {
  assertEchoes(it);
  assert.equal(only(it.turn(ask(new Uint8Array(2 << 20)))).payload.length, 2 << 20);
});
fixture('counter', it => {
  const { consumed, effects } = it.turn(
    message('a'),
    ask('?', 1),
    message('b'),
    message('c'),
    ask('?', 2),
    frame(3, 'late'),
  );
  assert.equal(consumed, 6);
  assert.deepEqual(
    effects.map(({ corr, payload }) => [corr, word(payload)]),
    [
      [1, 1],
      [2, 4],
    ],
  );
});
fixture('sum', it => {
  assert.equal(word(only(it.turn(ask(words(1, 2, 4_000_000_000), 5))).payload), 4_000_000_003);
});
fixture('forward', it => {
  it.start(peer('next', address(5)));
  const { effects } = it.turn(message('on', address(3)), ask('?', 1));
  assert.deepEqual([effects[0].kind, effects[0].address, text(effects[0].payload)], [EFFECT.tell, address(5), 'on']);
  assert.equal(word(effects[1].payload), 1);
});
fixture('ring', it => {
  it.start(frame(KIND.seed, words(1, 2)), peer('directory', address(4)), peer('next', address(5)));
  const { consumed, effects } = it.turn(
    message(words(3, 77)),
    message(words(0)),
    message(''),
    message(words(1)),
    ask('?', 4),
    message(words(9)),
  );
  assert.equal(consumed, 5, 'an ask ends the turn');
  assert.deepEqual(
    effects.map(effect => effect.address),
    [address(5), address(4), address(5), { index: 0, tagLo: 0, tagHi: 0 }],
  );
  assert.deepEqual([word(effects[0].payload), word(effects[0].payload, 4), word(effects[3].payload)], [2, 77, 3]);
  const dealt = it.turn(message(words(0xffffffff, 8, 88, 888)), message(words(1)));
  assert.deepEqual(only(dealt).address, { index: 8, tagLo: 88, tagHi: 888 });
});
fixture('ping-pong', it => {
  it.start(peer('partner', address(5)));
  const { effects } = it.turn(
    message(words(3), address(3)),
    message(words(4)),
    message(words(0), address(3)),
    message(''),
  );
  assert.deepEqual(
    effects.map(effect => [effect.address.index, word(effect.payload)]),
    [
      [3, 2],
      [5, 3],
    ],
  );
});
fixture('random', it => {
  const others = Array.from({ length: 10 }, (_, at) => peer(String(at), address(at)));
  it.start(frame(KIND.seed, words(1, 2)), ...others, peer('directory', address(99)));
  const targets = it
    .turn(...Array.from({ length: 60 }, () => message(words(7))))
    .effects.map(effect => effect.address.index);
  assert.equal(targets.length, 60);
  assert.ok(new Set(targets).size > 5, `60 messages went to ${new Set(targets).size} of 10`);
  const deal = message(words(0xffffffff, ...[1, 2, 3].flatMap(index => [index, index, index])));
  assert.equal(it.turn(message(''), deal).consumed, 1, 'a deal waits until what was sent is out');
  assert.equal(it.turn(message(words(0)), deal, message(words(2))).consumed, 2, 'a deal ends the turn');
  for (const { address } of it.turn(...Array.from({ length: 20 }, () => message(words(1)))).effects)
    assert.ok(address.index <= 3);
  assert.equal(word(only(it.turn(ask('?'))).payload), 81);
});
fixture('directory', it => {
  it.start(frame(KIND.seed, words(5, 6)), self('/user/d', address(1000)));
  it.turn(...Array.from({ length: 5 }, (_, at) => message('', address(at))));
  assert.equal(word(only(it.turn(ask(''))).payload), 5);
  const ring = it.turn(ask(words(0, 1), 7));
  assert.deepEqual(
    ring.effects
      .slice(0, 5)
      .map(({ address, payload }) => [address.index, word(payload), word(payload, 4), word(payload, 8)]),
    [0, 1, 2, 3, 4].map(at => [at, 0xffffffff, (at + 1) % 5, address((at + 1) % 5).tagLo]),
  );
  assert.deepEqual([ring.effects[5].kind, ring.effects[5].corr, word(ring.effects[5].payload)], [EFFECT.reply, 7, 5]);
  const pairs = it.turn(ask(words(2, 1), 8));
  assert.deepEqual(
    pairs.effects.slice(0, 4).map(({ payload }) => word(payload, 4)),
    [1, 0, 3, 2],
  );
});
test('directory deals to many over several turns', async () => {
  const it = await guest('directory');
  it.start(frame(KIND.seed, words(5, 6)), self('/user/d', address(1000)));
  const all = Array.from({ length: 1000 }, (_, at) => message('', address(at)));
  for (let at = 0; at < all.length; at += 50) it.turn(...all.slice(at, at + 50));
  const dealt = [];
  let result = it.turn(ask(words(1, 64), 9));
  while (result.effects.at(-1).kind === EFFECT.tell) {
    assert.deepEqual(result.effects.at(-1).address, address(1000));
    dealt.push(...result.effects.slice(0, -1));
    result = it.turn(message(Uint8Array.of(0)));
  }
  dealt.push(...result.effects.slice(0, -1));
  assert.deepEqual(
    dealt.map(effect => effect.address.index),
    all.map((_, at) => at),
  );
  for (const { payload } of dealt) assert.equal(payload.length, 4 + 64 * 12);
  const drawn = new Set(
    dealt.flatMap(({ payload }) => Array.from({ length: 64 }, (_, at) => word(payload, 4 + at * 12))),
  );
  assert.equal(drawn.size, 1000);
});
fixture('flood', it => {
  it.start(peer('sink', address(5)), self('/user/f', address(6)));
  const rest = new Array(15).fill(7);
  const first = it.turn(message(words(125, ...rest)), message(words(1)));
  assert.deepEqual([first.consumed, first.effects.length], [1, 61]);
  assert.deepEqual(
    [word(first.effects[0].payload), word(first.effects[59].payload), word(first.effects[60].payload)],
    [124, 65, 65],
  );
  assert.deepEqual([first.effects[59].address, first.effects[60].address], [address(5), address(6)]);
  assert.equal(it.turn(message(words(5, ...rest))).effects.length, 5);
  assert.equal(word(only(it.turn(ask('?'))).payload), 65);
  const large = it.turn(message(concat(words(500), new Uint8Array(10_000))));
  assert.ok(large.effects.length > 1 && large.effects.length < 8, 'as many as fit into the page');
});
fixture('inner-ask', it => {
  it.start(peer('peer', address(5)));
  let result = it.turn(ask(words(3), 40), ask(words(1), 41));
  assert.deepEqual(kinds(result), [EFFECT.ask, EFFECT.fail]);
  assert.deepEqual(
    [result.effects[0].address, result.effects[0].payload.length, text(result.effects[1].payload)],
    [address(5), 72, 'busy'],
  );
  result = it.turn(reply('x', result.effects[0].corr));
  result = it.turn(reply('x', only(result).corr));
  result = it.turn(reply('x', only(result).corr));
  assert.deepEqual([only(result).kind, only(result).corr, word(only(result).payload)], [EFFECT.reply, 40, 3]);
  it.turn(ask(words(3), 42));
  result = it.turn(failed(KIND.askFailed, 1, 'too late', 3));
  assert.deepEqual(
    [only(result).kind, only(result).corr, text(only(result).payload.subarray(4))],
    [EFFECT.fail, 42, 'too late'],
  );
});
fixture('burst-1000', it => {
  it.start(peer('sink', address(5)));
  const { effects } = it.turn(ask('go', 3), ask('go', 4));
  assert.equal(effects.length, 1001);
  assert.deepEqual([word(effects[999].payload), word(effects[1000].payload), effects[1000].corr], [999, 1000, 3]);
});
fixture('publish-1000', it => {
  const { effects } = it.turn(ask('go', 3), ask('go', 4));
  assert.equal(effects.length, 1001);
  const last = effects[999].payload;
  assert.deepEqual([last.length, word(last), word(last.subarray(12)), effects[1000].corr], [76, 7, 999, 3]);
});
fixture('self-flood', it => {
  it.start(self('/user/s', address(6)));
  const { effects } = it.turn(message(words(3)), message(words(0)), ask('?'));
  assert.deepEqual(
    effects.map(effect => [effect.address.index, word(effect.payload)]),
    [
      [6, 2],
      [6, 2],
      [0, 2],
    ],
  );
});
fixture('slow', it => assert.equal(only(it.turn(ask(words(10), 1))).corr, 1));

for (const [name, trap] of [
  ['divide-by-zero', /divide by zero/],
  ['out-of-bounds', /out of bounds/],
  ['stack-overflow', /Maximum call stack|stack overflow/],
]) {
  fixture(name, it => {
    assertEchoes(it);
    assertTraps(() => it.turn(message(FF)), trap);
  });
}
fixture('trap-on-ff', it => {
  const { consumed, effects } = it.turn(message('a'), ask('q', 1), ask('', 2), message('b'));
  assert.deepEqual([consumed, text(effects[0].payload), word(effects[1].payload)], [3, 'q', 1]);
  assertTraps(() => it.turn(message('a'), message(FF)), /unreachable/);
});
fixture('spin', assertEchoes);
fixture('wasi-stderr', it => {
  assertEchoes(it);
  assertTraps(() => it.turn(message(FF)), /unreachable/);
});
fixture('exhaust-memory', assertEchoes);
fixture('grow-memory', it => {
  assert.equal(word(only(it.turn(ask(words(2)))).payload), 1);
  assert.equal(word(only(it.turn(ask(words(0)))).payload), 3);
  assert.equal(word(only(it.turn(ask(words(70_000)))).payload), 0xffffffff);
});
fixture('memory-too-large', assertEchoes);
fixture('table-heavy', assertEchoes);

fixture('start-ok', it => {
  const config = [frame(KIND.seed, words(1, 2)), frame(KIND.user, '{"a":1}')];
  it.start(...config);
  assert.deepEqual(only(it.turn(ask('', 1))).payload, concat(...config));
});
fixture('start-fails', it => assert.throws(() => it.start(), /no/));
fixture('start-fails-first', it => {
  assert.throws(() => it.start(frame(KIND.incarnation, words(1))), /not yet/);
  it.start(frame(KIND.incarnation, words(2)));
  assertEchoes(it);
});
fixture('start-traps', it => assertTraps(() => it.start(), /unreachable/));
fixture('health-says', it => {
  assert.deepEqual([it.health().kind, it.health().corr], [EFFECT.health, 0]);
  it.turn(message(concat(Uint8Array.of(1), utf8('slow disk'))));
  const { corr, payload } = it.health();
  assert.deepEqual([corr, text(payload)], [1, 'slow disk']);
  assertEchoes(it);
});
fixture('health-traps', it => assertTraps(() => it.health(), /unreachable/));
fixture('health-malformed', it => assert.throws(() => it.health(), /expected one frame in 0 bytes/));
declares('health-spins', /\(loop \$ever \(br \$ever\)\)/);
declares('health-wrong-type', /\(func \(export "health"\) \(result u32\)/);
fixture('stop-ok', it => assert.equal(it.stop(), undefined));
fixture('stop-traps', it => assertTraps(() => it.stop(), /unreachable/));
declares('exit', /"wasi:cli\/exit@0\.2\.0"/);
declares('start-spins', /"start".*loop \$forever/);
declares('stop-spins', /"stop".*loop \$forever/);
declares('start-section-spins', /\(start \$forever\)/);
covered.add('start-section-traps');
test('start-section-traps', () => assert.rejects(guest('start-section-traps'), /unreachable/));

fixture('no-handle', it => assert.deepEqual(it.exports, ['answer']));
fixture('unknown-exports', it => {
  assert.ok(it.exports.includes('answer'));
  assertEchoes(it);
});
declares('wrong-handle-type', /\(func \(export "handle"\) \(param "turn" u32\) \(result u32\)/);
declares('core-module', /^\(module\)$/m);
declares('import-unknown', /\(import "some:thing\/x"/);

const header = bytes => [word(bytes), word(bytes, 4)];
fixture('bad-version', it => assert.deepEqual(header(it.raw(ask('x'))), [2, 1]));
fixture('truncated-result', it => assert.equal(it.raw(ask('x')).length, 4));
fixture('empty-result', it => assert.equal(it.raw(ask('x')).length, 0));
fixture('consumed-zero', it => assert.deepEqual(header(it.raw(concat(ask('x'), ask('y')))), [1, 0]));
fixture('consumed-too-many', it => assert.deepEqual(header(it.raw(concat(ask('x'), ask('y')))), [1, 3]));
fixture('effect-past-end', it => assert.throws(() => it.turn(ask('x')), /past/));
declares('result-outside-memory', /\(i32\.const 65528\)\)\n.*\(i32\.const 64\)\)/);

fixture('unknown-effect', it => assert.deepEqual(kinds(it.turn(ask('x'), message('y'))), [999, EFFECT.reply]));
fixture('crash-effect', it => {
  assert.equal(text(only(it.turn(message('x'), message('y'))).payload), 'Oops\0it broke\0at guest.ts:3\0');
});
fixture('fail-effect', it => {
  const { kind, corr, payload } = only(it.turn(ask('why', 6)));
  assert.deepEqual([kind, corr, text(payload)], [EFFECT.fail, 6, 'why']);
});
fixture('stop-effect', it => {
  const result = it.turn(ask('bye', 6), ask('more', 7));
  assert.deepEqual([result.consumed, kinds(result)], [1, [EFFECT.reply, EFFECT.stop]]);
});
fixture('log-effect', it => {
  const { effects } = it.turn(ask('x', 6));
  assert.deepEqual(
    effects.slice(0, 4).map(({ kind, corr, payload }) => [kind, corr, text(payload)]),
    ['debug', 'info', 'warn', 'error'].map((level, at) => [EFFECT.log, at, level]),
  );
  assert.deepEqual([effects[4].kind, text(effects[4].payload)], [EFFECT.reply, 'x']);
});
fixture('never-replies', it =>
  assert.deepEqual(it.turn(ask('x'), message('y')), { version: 1, consumed: 2, effects: [] }),
);
fixture('late-reply', it => {
  assert.equal(it.turn(ask('x', 6)).effects.length, 0);
  const { corr, payload } = only(it.turn(message('now'), message('again')));
  assert.deepEqual([corr, text(payload)], [6, 'late']);
});
fixture('double-reply', it => assert.deepEqual(kinds(it.turn(ask('x'))), [EFFECT.reply, EFFECT.reply]));
fixture('unknown-tag-reply', it => assert.equal(only(it.turn(ask('x', 6))).corr, 0x7fffffff));
fixture('forge-address', it => {
  const forged = only(it.turn(message(words(1, 2, 3))));
  assert.deepEqual(
    [forged.kind, forged.flags, forged.corr, forged.address],
    [EFFECT.tell, 1, 77, { index: 1, tagLo: 2, tagHi: 3 }],
  );
  assert.equal(text(forged.payload), 'forged');
  it.turn(failed(KIND.sendFailed, 4, 'nobody there', 77));
  assert.equal(text(only(it.turn(ask(EMPTY))).payload.subarray(4)), 'nobody there');
});
fixture('report-refusals', it => {
  it.start(peer('next', address(5)));
  assert.equal(only(it.turn(message('x'))).flags, 1);
  it.turn(failed(KIND.sendFailed, 3, 'full', 0), failed(KIND.sendFailed, 3, 'full', 0));
  assert.equal(word(only(it.turn(ask('?'))).payload), 2);
});
fixture('await-never', it => {
  const result = it.turn(ask('x'), ask('y'));
  assert.deepEqual([result.consumed, only(result).kind, word(only(result).payload)], [1, EFFECT.await, 7]);
});
fixture('consume-one', it => {
  const result = it.turn(ask('x', 1), ask('y', 2));
  assert.deepEqual([result.consumed, only(result).corr], [1, 1]);
});
fixture('post-return', it => {
  it.turn(ask('x'));
  it.turn(ask('y'));
  assert.equal(word(only(it.turn(ask(''))).payload), 2);
});
fixture('big-reply', it => {
  const { payload } = only(it.turn(ask('x')));
  assert.equal(payload.length, 200 * 1024);
  assert.ok(payload.every((byte, at) => byte === at % 251));
});

test('every fixture has a test here', () => {
  assert.deepEqual(
    listFixtures().filter(name => !covered.has(name)),
    [],
  );
  assert.deepEqual(
    [...covered].filter(name => !listFixtures().includes(name)),
    [],
  );
});
