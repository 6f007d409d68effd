/**
 * `lookup.*`: an actor by its name, among a million. The kernel's own table by itself, in a program without
 * JavaScript, and `system.find`, which crosses the bridge and makes a reference.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cargoTargetDir, inRoot } from '../../scripts/lib/paths.mjs';
import { inChunks, loadGuest } from './lib/guests.mjs';
import { secondsSince } from './lib/latency.mjs';

const PROGRAM = process.platform === 'win32' ? 'lookup.exe' : 'lookup';
const SPAWNS_AT_ONCE = 1_000;
const STRIDE = 7_919;
const execute = promisify(execFile);

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  // Another build of the kernel is more than a look at whether everything runs is worth.
  if (!bench.quick) await kernel(bench);
  await bridge(bench);
}

async function kernel(bench) {
  const target = cargoTargetDir();
  const args = ['build', '--release', '-p', 'troupe-actor', '--example', 'lookup', '--locked'];
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  await execute('cargo', args, { cwd: inRoot('.'), env, maxBuffer: 64 << 20 });
  const values = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
    const { stdout } = await execute(join(target, 'release', 'examples', PROGRAM));
    values.push(stdout.trim().split(' ').map(Number));
  }
  const what = 'name to address among 1,000,000, the kernel alone, 2,000,000 look-ups a round, median of 5 rounds';
  bench.report(
    'lookup.1m.hot',
    'ns',
    values.map(([hot]) => hot),
    `${what}, 256 names in turn`,
  );
  bench.report(
    'lookup.1m.random',
    'ns',
    values.map(([, random]) => random),
    `${what}, random names`,
  );
}

async function bridge(bench) {
  const count = bench.scale(1_000_000, 5_000);
  const lookups = bench.scale(100_000, 1_000);
  const system = await bench.createSystem({ threads: 1 });
  const echo = await loadGuest(bench, system, 'echo');
  await inChunks(count, SPAWNS_AT_ONCE, async index => {
    await system.spawn(echo, { name: `actor-${index}`, start: 'on-first-message' });
  });
  let at = 0;
  const values = await bench.repeat(async () => {
    const names = Array.from({ length: lookups }, () => {
      at = (at + STRIDE) % count;
      return `actor-${at}`;
    });
    const start = process.hrtime.bigint();
    for (const name of names) {
      if (system.find(name)?.name !== name) throw new Error(`lookup.1m.find: ${name} was not found`);
    }
    return (secondsSince(start) * 1e9) / lookups;
  });
  bench.report(
    'lookup.1m.find',
    'ns',
    values,
    `system.find(name) to a reference among ${count} registered actors, through the bridge, ${lookups} a repeat`,
  );
  await system.shutdown({ deadline: '20s' });
}
