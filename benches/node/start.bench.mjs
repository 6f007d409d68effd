/** `start`: a whole process from nothing to its first reply, component precompiled; beside it, a Node process that does nothing. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './lib/stats.mjs';

const SCRIPT = fileURLToPath(new URL('probes/start.mjs', import.meta.url));

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const processes = bench.scale(20, 2);
  const whole = [SCRIPT, join(bench.root, 'dist', 'index.js'), bench.guest('echo')];
  const values = await bench.repeat(async () => medianOf(processes, whole));
  const detail = `median of ${processes} processes a repeat, until they have ended`;
  bench.report(
    'start',
    'ms',
    values,
    `node, import, create, load from the cache, spawn, first reply of the component; ${detail}`,
  );
  const bare = await bench.repeat(async () => medianOf(processes, ['-e', '0']));
  bench.report('start.bare', 'ms', bare, `node that runs nothing; ${detail}`);
}

function medianOf(count, args) {
  return median(Array.from({ length: count }, () => once(args)));
}

function once(args) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 60_000,
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`start: the process ended with ${status}: ${stderr}`);
  return ms;
}
