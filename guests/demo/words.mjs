/**
 * The demo's definition of a word in plain JavaScript, for the count the actors are compared with.
 * `guests/README.md` has it in words; `tokenise.ts` and `count.ts` do the same in components.
 */
import { isUtf8 } from 'node:buffer';

export const KEY_LIMIT = 64;

/** For each byte: 0 between words, else the byte in lower case. */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return byte;
  const letter = String.fromCharCode(byte);
  return /\w/.test(letter) ? letter.toLowerCase().charCodeAt(0) : 0;
});

/**
 * Whether the tokeniser traps on this line: it holds a NUL, or bytes that are no UTF-8.
 *
 * @param {Uint8Array} line  without its `\n`
 */
export function isBad(line) {
  return line.includes(0) || !isUtf8(line);
}

/**
 * Calls `each` with the key of every word of a good line: a string with a character per byte, see
 * {@link wordText}.
 *
 * @param {Uint8Array} line
 * @param {(key: string) => void} each
 * @returns {number} how many words there were
 */
export function eachWord(line, each) {
  let count = 0;
  for (let at = 0; at < line.length; ) {
    if (LOWER[line[at]] === 0) {
      at += 1;
      continue;
    }
    let key = '';
    const start = at;
    for (; at < line.length && LOWER[line[at]] !== 0; at++) {
      if (at - start < KEY_LIMIT) key += String.fromCharCode(LOWER[line[at]]);
    }
    each(key);
    count += 1;
  }
  return count;
}

/** What the actors counted and what this counts, in one shape. */
export class WordCount {
  lines = 0;
  badLines = 0;
  words = 0;
  /** @type {Map<string, number>} */
  counts = new Map();

  /** @param {Uint8Array} line */
  add(line) {
    this.lines += 1;
    if (isBad(line)) {
      this.badLines += 1;
      return;
    }
    this.words += eachWord(line, key => this.counts.set(key, (this.counts.get(key) ?? 0) + 1));
  }

  /** @param {number} k */
  top(k) {
    return topOf(
      [...this.counts].map(([key, count]) => ({ key, count })),
      k,
    );
  }
}

/**
 * The k most frequent, the lower one by its bytes first where they are equally so.
 *
 * @param {{ key: string, count: number }[]} words
 * @param {number} k
 */
export function topOf(words, k) {
  return words.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).slice(0, k);
}

/** The text of a key, for people: a character cut in two at the limit is U+FFFD. */
export function wordText(key) {
  return Buffer.from(key, 'latin1').toString('utf8');
}

/**
 * The payload of an ask for the k most frequent words of a counter.
 *
 * @param {number} k
 */
export function topRequest(k) {
  const request = new Uint8Array(4);
  new DataView(request.buffer).setUint32(0, k, true);
  return request;
}

/**
 * Reads a counter's answer.
 *
 * @param {Uint8Array} reply
 * @returns {{ words: number, distinct: number, top: { key: string, count: number }[] }}
 */
export function readTop(reply) {
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  const top = [];
  let at = 12;
  for (let left = view.getUint32(8, true); left > 0; left--) {
    const end = at + 5 + view.getUint8(at + 4);
    const key = Buffer.from(reply.buffer, reply.byteOffset + at + 5, end - at - 5).toString('latin1');
    top.push({ key, count: view.getUint32(at, true) });
    at = end;
  }
  return { words: view.getUint32(0, true), distinct: view.getUint32(4, true), top };
}

/**
 * Puts the answers of several counters together: no word is at two of them.
 *
 * @param {ReturnType<typeof readTop>[]} answers
 * @param {number} k
 */
export function mergeTops(answers, k) {
  const sum = field => answers.reduce((total, answer) => total + answer[field], 0);
  return {
    words: sum('words'),
    distinct: sum('distinct'),
    top: topOf(
      answers.flatMap(answer => answer.top),
      k,
    ),
  };
}
