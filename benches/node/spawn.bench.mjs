/** `spawn.*`: a real instance from nothing to a reference, and to its first reply; slots are warm. */
import { loadGuest, MESSAGE } from './lib/guests.mjs';
import { micros, sample } from './lib/latency.mjs';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const samples = bench.scale(10_000, 300);
  const system = await bench.createSystem({ threads: 1 });
  const echo = await loadGuest(bench, system, 'echo');
  const measure = body =>
    bench.repeat(async () => {
      let ref;
      const sorted = await sample(
        samples,
        async () => {
          ref = await system.spawn(echo);
          if (body !== undefined) await body(ref);
        },
        () => ref.stop(),
      );
      return micros(sorted, 0.5);
    });
  const detail = `one at a time and stopped again, ${samples} samples a repeat`;
  bench.report('spawn.p50', 'us', await measure(), `await system.spawn(component): a real instance, ${detail}`);
  bench.report(
    'spawn.reply.p50',
    'us',
    await measure(ref => ref.ask(MESSAGE.payload)),
    `spawn and the first ask answered by the component, ${detail}`,
  );
  await system.shutdown();
}
