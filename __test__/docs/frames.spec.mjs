/** The golden vectors of the frame format: the page, the file and an encoder of its own agree. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inRoot, readJson } from '../../scripts/lib/paths.mjs';

const golden = readJson('docs/reference/frames.golden.json');
const page = readFileSync(inRoot('docs/reference/frames.md'), 'utf8');

/** Encodes by the words of the page, independently of every implementation. */
function encode({ result, kind, flags, corr, addressed, payload }) {
  const { index, tagLow, tagHigh } = golden.address;
  const bytes = Buffer.from(payload, 'hex');
  const address = addressed ? [index, tagLow, tagHigh] : [0, 0, 0];
  const words = [bytes.length, kind + flags * 65_536, corr, ...address];
  const front = result ? [result.version, result.consumed] : [];
  const header = Buffer.alloc((front.length + words.length) * 4);
  for (const [at, word] of [...front, ...words].entries()) header.writeUInt32LE(word, at * 4);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 7)]).toString('hex');
}

for (const vector of golden.vectors) {
  test(`golden vector: ${vector.what}`, () => {
    assert.equal(encode(vector), vector.bytes);
    const words = vector.bytes.replace(/.{8}(?=.)/g, '$& ');
    assert.ok(page.includes(`| ${vector.what} | \`${words}\` |`), 'the page shows the same bytes');
  });
}
