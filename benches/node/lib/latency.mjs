/**
 * Latency samples of single operations, with the timer's own cost left in: two reads of
 * `process.hrtime.bigint()` around each operation, about 0.1 µs.
 */
import { percentile } from './stats.mjs';

const now = process.hrtime.bigint;
/** A run that does not move for so long has lost something. */
const STALLED_S = 30;

/**
 * Awaits `operation(i)` again and again; `between` runs outside of the measured time.
 *
 * @param {number} count
 * @param {(index: number) => unknown} operation
 * @param {(index: number) => unknown} [between]
 * @returns {Promise<Float64Array>} nanoseconds, ascending
 */
export async function sample(count, operation, between) {
  const samples = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const start = now();
    await operation(index);
    samples[index] = Number(now() - start);
    if (between !== undefined) await between(index);
  }
  return samples.sort();
}

/**
 * @param {Float64Array} sorted nanoseconds
 * @param {number} share
 */
export const micros = (sorted, share) => percentile(sorted, share) / 1e3;

/** @param {bigint} start */
export const secondsSince = start => Number(now() - start) / 1e9;

/** @param {number} ms */
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

/**
 * Looks every few milliseconds until a count is reached.
 *
 * @param {string} row          for the message when it never does
 * @param {number} stepMs
 * @param {() => number} count  has to grow within half a minute
 * @param {number} expected
 */
export async function untilCount(row, stepMs, count, expected) {
  let last = -1;
  let moved = now();
  for (let counted = count(); counted < expected; counted = count()) {
    if (counted !== last) moved = now();
    last = counted;
    if (secondsSince(moved) > STALLED_S) throw new Error(`${row}: stuck at ${counted} of ${expected} messages`);
    await pause(stepMs);
  }
}
