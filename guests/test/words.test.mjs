/** The demo's guests and the plain count agree, word for word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.mjs';
import { eachWord, isBad, mergeTops, readTop, topRequest, WordCount, wordText } from '../demo/words.mjs';
import { guest } from './support/component.mjs';
import { address, ask, message, peer, utf8, word } from './support/frames.mjs';

await buildGuests({ only: ['tokenise', 'count'] });

async function troupe(counters) {
  const tokenise = await guest('tokenise');
  tokenise.start(...Array.from({ length: counters }, (_, at) => peer(`count${at}`, address(at))));
  const counts = [];
  for (let at = 0; at < counters; at++) counts.push(await guest('count'));
  for (const count of counts) count.start();
  return {
    lines(...lines) {
      const { consumed, effects } = tokenise.turn(...lines.map(line => message(line)));
      assert.equal(consumed, lines.length);
      for (const { address, payload } of effects) {
        assert.ok(payload.length <= 25 * 1024, 'a message fits into a turn beside others');
        counts[address.index].turn(message(payload));
      }
      return effects.length;
    },
    top(k) {
      return mergeTops(
        counts.map(count => readTop(count.turn(ask(topRequest(k))).effects[0].payload)),
        k,
      );
    },
  };
}

const wordsOf = line => {
  const found = [];
  eachWord(utf8(line), key => found.push(wordText(key)));
  return found;
};

test('a word is a run of letters, digits, underscores and other characters than ASCII, in lower case', () => {
  assert.deepEqual(wordsOf('The quick_brown FOX-2 jumps; piñata café…'), [
    'the',
    'quick_brown',
    'fox',
    '2',
    'jumps',
    'piñata',
    'café…',
  ]);
  assert.deepEqual(wordsOf(' \t--\r'), []);
  assert.deepEqual(wordsOf('ÄÖ'), ['ÄÖ']);
  assert.deepEqual(wordsOf(`${'a'.repeat(70)} b`), ['a'.repeat(64), 'b']);
});

test('a line is bad when it holds a NUL or is no UTF-8', () => {
  assert.equal(isBad(Uint8Array.of(97, 0)), true);
  assert.equal(isBad(Uint8Array.of(0xc3)), true);
  assert.equal(isBad(utf8('fine é')), false);
  assert.equal(isBad(new Uint8Array()), false);
});

/** Lines of many shapes from a small generator. */
function* randomLines(count) {
  let state = 7;
  const draw = below => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const alphabet = ['a', 'B', 'é', '€', '\u{1f600}', '_', '9', ' ', '-', '\t', 'the ', 'z'.repeat(63), 'Word', '\r'];
  for (let at = 0; at < count; at++) {
    yield utf8(Array.from({ length: draw(40) }, () => alphabet[draw(alphabet.length)]).join(''));
  }
}

for (const counters of [1, 2, 5]) {
  test(`${counters} counters have what the plain count has`, async () => {
    const it = await troupe(counters);
    const plain = new WordCount();
    const batch = [];
    for (const line of randomLines(3_000)) {
      plain.add(line);
      if (batch.push(line) === 20) it.lines(...batch.splice(0));
    }
    it.lines(...batch);
    const { words, distinct, top } = it.top(50);
    assert.deepEqual({ words, distinct, top }, { words: plain.words, distinct: plain.counts.size, top: plain.top(50) });
    assert.equal(plain.badLines, 0);
  });
}

test('a turn sends each counter one message, however many lines it held', async () => {
  const it = await troupe(2);
  assert.equal(it.lines(...Array.from({ length: 60 }, (_, at) => utf8(`some words ${at} and more`))), 2);
  assert.equal(it.lines(utf8('...')), 0);
});

test('a line of 64 KiB is counted, whatever it is made of', async () => {
  const it = await troupe(3);
  const plain = new WordCount();
  for (const line of [
    'x '.repeat(32 * 1024),
    'é'.repeat(32 * 1024),
    Array.from({ length: 12_000 }, (_, at) => `w${at}`)
      .join(' ')
      .slice(0, 65_536),
  ]) {
    plain.add(utf8(line));
    it.lines(utf8(line));
  }
  const { words, distinct } = it.top(0);
  assert.deepEqual({ words, distinct }, { words: plain.words, distinct: plain.counts.size });
});

test('the counter answers with as many words as it has', async () => {
  const it = await troupe(1);
  assert.deepEqual(it.top(10), { words: 0, distinct: 0, top: [] });
  it.lines(utf8('b a b'));
  assert.deepEqual(it.top(10).top, [
    { key: 'b', count: 2 },
    { key: 'a', count: 1 },
  ]);
  assert.deepEqual(it.top(1).top, [{ key: 'b', count: 2 }]);
});

test('an ask to the tokeniser is answered once its line was found good', async () => {
  const tokenise = await guest('tokenise');
  assert.throws(() => tokenise.start(), /the peer 'count0' is missing/);
  tokenise.start(peer('count0', address(0)));
  const { effects } = tokenise.turn(ask('one two', 4));
  assert.deepEqual([effects[0].corr, effects[0].payload.length], [4, 0]);
  assert.equal(word(effects[1].payload) > 0, true);
});
