/**
 * Compares this checkout with another revision. The other one is built in a git worktree; both run
 * the suites of *this* checkout, in alternating processes, so that a slow minute of the machine
 * hits both. The answer for a row is the median of the ratios of its pairs, with its interval.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSuite } from './runner.mjs';
import { median, medianInterval, row } from './stats.mjs';

/**
 * @param {string} ref      any revision git knows
 * @param {string} root     this checkout
 * @param {{ suites: string[], pairs: number, quick: boolean }} settings
 */
export async function compareWith(ref, root, settings) {
  // It would load one addon for both.
  delete process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const other = mkdtempSync(join(tmpdir(), 'troupe-against-'));
  const git = (...args) => execFileSync('git', ['-C', root, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    git('worktree', 'add', '--detach', '--force', other, ref);
    build(root, other);
    const rows = [];
    const failures = [];
    for (const suite of settings.suites) {
      try {
        const ratios = await alternate(suite, root, other, settings);
        for (const [name, pairs] of ratios) rows.push(compared(name, ref, pairs));
      } catch (error) {
        failures.push(suite);
        console.error(error.message);
      }
    }
    return { rows, failures };
  } finally {
    git('worktree', 'remove', '--force', other);
    rmSync(other, { recursive: true, force: true });
  }
}

/** What makes a checkout's addon as its own benchmarks want it. */
const RELEASE = "await (await import('./scripts/lib/native.mjs')).ensureRelease()";

/** Same dependencies and the same cargo target directory: only what differs is built. */
function build(root, other) {
  if (!existsSync(join(other, 'node_modules'))) symlinkSync(join(root, 'node_modules'), join(other, 'node_modules'));
  const env = { ...process.env, CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? join(root, 'target') };
  execFileSync('npm', ['run', 'build'], { cwd: other, env, stdio: 'inherit' });
  execFileSync(process.execPath, ['--input-type=module', '--eval', RELEASE], { cwd: other, env, stdio: 'inherit' });
}

/**
 * @returns {Promise<Map<string, { here: number, there: number }[]>>} by row name
 */
async function alternate(suite, root, other, settings) {
  const pairs = new Map();
  for (let index = 0; index < settings.pairs; index += 1) {
    // Whoever goes first may find a cooler machine: take turns.
    const order = index % 2 === 0 ? [root, other] : [other, root];
    const results = new Map();
    for (const at of order) results.set(at, await runSuite(suite, { root: at, repeats: 1, quick: settings.quick }));
    for (const { name, median: here } of results.get(root).rows) {
      const there = results.get(other).rows.find(candidate => candidate.name === name)?.median;
      if (there !== undefined) pairs.set(name, [...(pairs.get(name) ?? []), { here, there }]);
    }
  }
  return pairs;
}

function compared(name, ref, pairs) {
  const ratios = pairs.map(({ here, there }) => here / there);
  const [low, high] = medianInterval(ratios);
  console.log(
    `${name.padEnd(26)} × ${median(ratios).toFixed(3)}  (95 %: ${low.toFixed(3)} … ${high.toFixed(3)}, ${ratios.length} pairs)`,
  );
  return row(name, 'ratio', ratios, `this checkout divided by ${ref}, one process each per pair`);
}
