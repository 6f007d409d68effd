/** The golden vectors of the frame format, from the reference. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './component.mjs';

const golden = JSON.parse(readFileSync(join(ROOT, 'docs', 'reference', 'frames.golden.json'), 'utf8'));

/** The address in them. */
export const other = { index: golden.address.index, tagLo: golden.address.tagLow, tagHi: golden.address.tagHigh };

/**
 * The bytes of one vector.
 *
 * @param {RegExp} what  matches its description, and no other's
 */
export function vector(what) {
  const found = golden.vectors.filter(candidate => what.test(candidate.what));
  if (found.length !== 1) throw new Error(`${found.length} golden vectors match ${what}`);
  return new Uint8Array(Buffer.from(found[0].bytes, 'hex'));
}

/** The vectors an SDK is tested with: what it is asked for, and the effects it must write, byte for byte. */
export const WISHES = { tell: /^effect: tell/, ask: /^effect: ask/ };

/** The effects of a result that are not log lines, as they stand in it. */
export function effectsOf(result) {
  return result.subarray(8);
}
