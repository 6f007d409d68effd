/** Prints rows as a table beside their goals. */

const UNITS = { per_s: 'per s', ns: 'ns', us: 'µs', ms: 'ms', bytes: 'bytes', ratio: '×' };
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 3 });

/**
 * @typedef {{ atLeast?: number, atMost?: number }} Goal
 * @param {import('./stats.mjs').Row} row
 * @param {Goal | undefined} goal
 */
export function formatRow(row, goal) {
  const value = number => grouped.format(number).padStart(12);
  const target =
    goal === undefined
      ? ''
      : `${goal.atLeast === undefined ? '≤' : '≥'} ${grouped.format(goal.atLeast ?? goal.atMost)}`;
  const verdict = goal === undefined ? '' : meets(row, goal) ? 'ok' : 'MISSED';
  return `${row.name.padEnd(26)} ${value(row.min)} ${value(row.median)} ${value(row.max)} ${UNITS[row.unit].padEnd(6)} ${String(row.n).padStart(3)}  ${target.padEnd(14)} ${verdict}`.trimEnd();
}

export const HEADING = `${'row'.padEnd(26)} ${'min'.padStart(12)} ${'median'.padStart(12)} ${'max'.padStart(12)} ${'unit'.padEnd(6)} ${'n'.padStart(3)}  ${'goal'}`;

/**
 * Whether the median reaches the goal, or the goal weakened by `margin`.
 *
 * @param {import('./stats.mjs').Row} row
 * @param {Goal} goal
 * @param {number} [margin] 1 or more
 */
export function meets(row, goal, margin = 1) {
  if (goal.atLeast !== undefined) return row.median * margin >= goal.atLeast;
  return goal.atMost === undefined || row.median <= goal.atMost * margin;
}
