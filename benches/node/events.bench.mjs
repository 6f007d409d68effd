/**
 * `events.off`: what the events of messages cost while nobody listens. Two builds of the kernel run in
 * turns: this one, and one in which messages cannot be events (`--cfg troupe_no_events`). The row is the
 * difference for a message that is a turn of its own; in a batch the cost is shared.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cargoTargetDir, inRoot } from '../../scripts/lib/paths.mjs';

const PROGRAM = process.platform === 'win32' ? 'events_off.exe' : 'events_off';
/** Processes of each kind for one value; the least counts, because whatever disturbs makes them slower. */
const PROCESSES = 5;
const execute = promisify(execFile);

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  // Two builds of the kernel are more than a look at whether everything runs is worth.
  if (bench.quick) return;
  const profile = 'release';
  const target = cargoTargetDir();
  const withEvents = await build(profile, target, '');
  const without = await build(profile, join(target, 'no-events'), '--cfg troupe_no_events');
  const single = [];
  const batched = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
    const best = { withEvents: [Infinity, Infinity], without: [Infinity, Infinity] };
    for (let round = 0; round < PROCESSES; round += 1) {
      best.without = least(best.without, await measure(without));
      best.withEvents = least(best.withEvents, await measure(withEvents));
    }
    single.push(best.withEvents[0] - best.without[0]);
    batched.push(best.withEvents[1] - best.without[1]);
  }
  const what = 'against a kernel without events of messages, no component, nobody listens';
  bench.report('events.off', 'ns', single, `a message that is a turn of its own ${what}`);
  bench.report('events.off.batch', 'ns', batched, `a message in a turn of 64 ${what}`);
}

async function build(profile, target, flags) {
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  if (flags !== '') env.RUSTFLAGS = `${process.env.RUSTFLAGS ?? ''} ${flags}`.trim();
  const args = ['build', '--profile', profile, '-p', 'troupe-actor', '--example', 'events_off', '--locked'];
  await execute('cargo', args, { cwd: inRoot('.'), env, maxBuffer: 64 << 20 });
  return join(target, profile, 'examples', PROGRAM);
}

/** Nanoseconds a message: alone in its turn, and in a turn of 64. */
async function measure(program) {
  const { stdout } = await execute(program);
  return stdout.trim().split(' ').map(Number);
}

function least(left, right) {
  return left.map((value, index) => Math.min(value, right[index]));
}
