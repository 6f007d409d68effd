/**
 * `fair.spin.p99`: four components loop on two threads, again and again; what the others' asks take.
 * The run also kills one of the four in the middle of its loop, and must see it end.
 */
import { MESSAGE, spawnMany } from './lib/guests.mjs';
import { pause, sample } from './lib/latency.mjs';
import { percentile } from './lib/stats.mjs';

const SPINNERS = 4;
const FOREVER = { restart: 'permanent', maxRestarts: Number.POSITIVE_INFINITY, backoff: 'immediate' };

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const samples = bench.scale(10_000, 300);
  const rows = await bench.repeat(() => othersWhileSpinning(bench, samples));
  const what = `asks to eight components while ${SPINNERS} others loop (limit 5 ms of CPU, restarted, again); 2 threads, ${samples} samples a repeat`;
  const column = part => rows.map(sorted => percentile(sorted, part) / 1e6);
  bench.report('fair.spin.p50', 'ms', column(0.5), what);
  bench.report('fair.spin.p99', 'ms', column(0.99), what);
}

async function othersWhileSpinning(bench, samples) {
  const system = await bench.createSystem({ threads: 2 });
  const echoes = await spawnMany(bench, system, 'echo', 8);
  const spinners = await spawnMany(bench, system, 'spin', SPINNERS, { ...FOREVER, limits: { handlerTime: '5ms' } });
  let running = true;
  const spin = async ref => {
    while (running) await ref.ask(MESSAGE.bad).catch(() => {});
  };
  const loops = spinners.map(spin);
  await pause(20);
  const sorted = await sample(samples, index => echoes[index % echoes.length].ask(MESSAGE.payload));
  await mustDie(spinners[0]);
  running = false;
  await Promise.all(loops);
  await system.shutdown();
  return sorted;
}

/** A kill works while all threads are busy with loops. */
async function mustDie(ref) {
  ref.tell(MESSAGE.bad);
  ref.kill();
  const { tag } = await ref.stopped;
  if (tag !== 'killed') throw new Error(`the killed actor ended with '${tag}'`);
}
