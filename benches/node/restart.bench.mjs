/** `restart.*`: a component traps; how long until its next incarnation has handled a message, and how many a second. */
import { MESSAGE, requireCount, spawnMany } from './lib/guests.mjs';
import { micros, sample, secondsSince } from './lib/latency.mjs';

const ACTORS = 64;
const FOREVER = { restart: 'permanent', maxRestarts: Number.POSITIVE_INFINITY, backoff: 'immediate' };

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  await latency(bench, 'restart', {});
  await rate(bench, 'restart', {});
  // Without signals a trap is a call and no exception of the processor; handlers run a little slower.
  await latency(bench, 'restart.explicit', { trapHandling: 'explicit' });
  await rate(bench, 'restart.explicit', { trapHandling: 'explicit' });
}

async function latency(bench, name, options) {
  const samples = bench.scale(10_000, 200);
  const system = await bench.createSystem({ threads: 1, ...options });
  const [faulty] = await spawnMany(bench, system, 'trap-on-ff', 1, FOREVER);
  const repeats = await bench.repeat(() =>
    sample(samples, async () => {
      await faulty.ask(MESSAGE.bad).then(mustNotReply, ignore);
      await faulty.ask(MESSAGE.payload);
    }),
  );
  requireCount(`${name}.p50`, faulty.status().restarts, samples * repeats.length + samples);
  const how = options.trapHandling ?? 'signals';
  const what = `ask that traps (${how}), its rejection, and an ask answered by the next incarnation; component, through the bridge, ${samples} samples a repeat`;
  bench.report(
    `${name}.p50`,
    'us',
    repeats.map(sorted => micros(sorted, 0.5)),
    what,
  );
  bench.report(
    `${name}.p99`,
    'us',
    repeats.map(sorted => micros(sorted, 0.99)),
    what,
  );
  await system.shutdown();
}

async function rate(bench, name, options) {
  const perActor = bench.scale(2_000, 20);
  const system = await bench.createSystem({ threads: 2, ...options });
  const actors = await spawnMany(bench, system, 'trap-on-ff', ACTORS, { ...FOREVER, limits: { mailbox: 0 } });
  const restarts = () => actors.reduce((sum, actor) => sum + actor.status().restarts, 0);
  const rates = await bench.repeat(async () => {
    const before = restarts();
    const failedBefore = system.audit().failedInHandler;
    const start = process.hrtime.bigint();
    for (let index = 0; index < perActor; index += 1) for (const actor of actors) actor.tell(MESSAGE.bad);
    await Promise.all(actors.map(actor => actor.ask(MESSAGE.payload, { timeout: '2m' })));
    const seconds = secondsSince(start);
    requireCount(`${name}.rate`, system.audit().failedInHandler - failedBefore, perActor * ACTORS);
    return (restarts() - before) / seconds;
  });
  bench.report(
    `${name}.rate`,
    'per_s',
    rates,
    `${ACTORS} components that trap on every message (${options.trapHandling ?? 'signals'}), 2 threads, restarted at once`,
  );
  await system.shutdown();
}

function mustNotReply() {
  throw new Error('the guest answered where it should have trapped');
}

function ignore() {}
