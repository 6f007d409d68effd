/**
 * `kill.*`: a component that loops without end. `p50` and `p99`: until its limit of 2 ms of CPU has
 * stopped it. `others`: what its neighbours notice.
 */
import { MESSAGE, spawnMany } from './lib/guests.mjs';
import { pause, sample } from './lib/latency.mjs';
import { percentile } from './lib/stats.mjs';

const FOREVER = { restart: 'permanent', maxRestarts: Number.POSITIVE_INFINITY, backoff: 'immediate' };

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  await untilStopped(bench);
  await neighbours(bench);
}

async function untilStopped(bench) {
  const samples = bench.scale(10_000, 50);
  const system = await bench.createSystem({ threads: 1 });
  const [faulty] = await spawnMany(bench, system, 'spin', 1, { ...FOREVER, limits: { handlerTime: '2ms' } });
  const stopped = () => faulty.ask(MESSAGE.bad).then(mustNotReply, requireDeadline);
  await sample(20, stopped);
  const repeats = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) repeats.push(await sample(samples, stopped));
  const what = `ask to a component that loops, handler limit 2 ms of CPU, until rejected; ${samples} samples a repeat`;
  bench.report(
    'kill.p50',
    'ms',
    repeats.map(sorted => percentile(sorted, 0.5) / 1e6),
    what,
  );
  bench.report(
    'kill.p99',
    'ms',
    repeats.map(sorted => percentile(sorted, 0.99) / 1e6),
    what,
  );
  await system.shutdown();
}

/** Asks go to eight neighbours in turn, so that some share the spinning actor's thread. */
async function neighbours(bench) {
  const samples = bench.scale(10_000, 500);
  const ratios = await bench.repeat(async () => {
    const quiet = await othersP99(bench, samples, false);
    const busy = await othersP99(bench, samples, true);
    return busy / quiet;
  });
  bench.report(
    'kill.others.p99',
    'ratio',
    ratios,
    `p99 of asks to eight components while another one loops (limit 5 ms, restarted, again), divided by the same without; 2 threads, ${samples} samples each`,
  );
}

async function othersP99(bench, samples, spinning) {
  const system = await bench.createSystem({ threads: 2 });
  const echoes = await spawnMany(bench, system, 'echo', 8);
  const [faulty] = await spawnMany(bench, system, 'spin', 1, { ...FOREVER, limits: { handlerTime: '5ms' } });
  let running = spinning;
  const spin = async () => {
    while (running) await faulty.ask(MESSAGE.bad).catch(() => {});
  };
  const spinner = spin();
  if (spinning) await pause(20);
  const sorted = await sample(samples, index => echoes[index % echoes.length].ask(MESSAGE.payload));
  running = false;
  await spinner;
  await system.shutdown();
  return percentile(sorted, 0.99);
}

function mustNotReply() {
  throw new Error('the guest answered where it should have been stopped');
}

/** Anything but the deadline would be a fast failure that looks like a good number. */
function requireDeadline(error) {
  const codes = [error.code, error.cause?.code];
  if (!codes.includes('ERR_GUEST_DEADLINE')) throw error;
}
