/** `fanout.*`: one message for many subscribers, until all of them have handled it. */
import { loadGuest, MESSAGE, requireCount } from './lib/guests.mjs';
import { micros, sample } from './lib/latency.mjs';

const SUBSCRIBERS = 100;
const THREADS = 2;
const TOPIC = 'bench.fanout';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const system = await bench.createSystem({ threads: THREADS });
  const samples = bench.scale(10_000, 200);
  const counter = await loadGuest(bench, system, 'counter');
  const actors = [];
  for (let index = 0; index < SUBSCRIBERS; index += 1) {
    actors.push(await system.spawn(counter, { subscribe: [TOPIC] }));
  }
  // Spawned in turns on the threads, each of which serves its actors in order: whoever comes last there answers last.
  const last = actors.slice(-THREADS);
  let published = 0;
  const round = async () => {
    published += 1;
    system.publish(TOPIC, MESSAGE.payload);
    await Promise.all(last.map(actor => actor.ask(MESSAGE.empty)));
  };
  const repeats = await bench.repeat(() => sample(samples, round));
  for (const actor of actors) {
    const asked = last.includes(actor) ? published : 0;
    requireCount('fanout.100', actor.status().counters.handled, published + asked);
  }
  const what = `publish 64 bytes from JavaScript to ${SUBSCRIBERS} components on ${THREADS} threads, until the last of each thread has answered an ask, ${samples} samples a repeat`;
  bench.report(
    'fanout.100.p50',
    'us',
    repeats.map(sorted => micros(sorted, 0.5)),
    what,
  );
  bench.report(
    'fanout.100.p99',
    'us',
    repeats.map(sorted => micros(sorted, 0.99)),
    what,
  );
  await system.shutdown();
}
