/**
 * Numbers about numbers: percentiles, the row that every suite reports, and the interval of a
 * median. Pure.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {'per_s'|'ns'|'us'|'ms'|'bytes'|'ratio'} unit
 * @property {number} min
 * @property {number} median
 * @property {number} max
 * @property {number} n      repeats
 * @property {string} what   what executed
 */

/**
 * The value that `share` of the samples do not exceed (nearest rank).
 *
 * @param {ArrayLike<number>} sorted ascending, not empty
 * @param {number} share 0 … 1
 */
export function percentile(sorted, share) {
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1];
}

/** @param {Iterable<number>} values */
export function ascending(values) {
  return Float64Array.from(values).sort();
}

/** @param {Iterable<number>} values */
export function median(values) {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {string} name
 * @param {Row['unit']} unit
 * @param {number[]} values one per repeat
 * @param {string} what
 * @returns {Row}
 */
export function row(name, unit, values, what) {
  if (values.length === 0 || !values.every(Number.isFinite)) {
    throw new Error(`${name}: repeats gave [${values.join(', ')}], expected finite numbers`);
  }
  const sorted = ascending(values);
  return {
    name,
    unit,
    min: tidy(sorted[0]),
    median: tidy(median(sorted)),
    max: tidy(sorted[sorted.length - 1]),
    n: sorted.length,
    what,
  };
}

/** Four significant digits for small values, whole numbers for large ones: the rest is noise. */
function tidy(value) {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

/**
 * The interval that holds the true median with at least 95 % confidence, from order statistics
 * (no assumption about the distribution): between the k-th smallest and the k-th largest value,
 * where k is the largest with P(fewer than k of n below the median) at most 2.5 %.
 *
 * @param {number[]} values at least 6
 * @returns {[low: number, high: number]}
 */
export function medianInterval(values) {
  const sorted = ascending(values);
  let tail = 0;
  let k = 0;
  let chance = 0.5 ** sorted.length;
  while (tail + chance <= 0.025) {
    tail += chance;
    chance *= (sorted.length - k) / (k + 1);
    k += 1;
  }
  const at = Math.max(0, k - 1);
  return [sorted[at], sorted[sorted.length - 1 - at]];
}
