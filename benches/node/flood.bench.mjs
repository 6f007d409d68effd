/** `flood.1to1`: one component sends as fast as it can to one other, whose full mailbox holds it up. */
import { countedBy, numbered, requireCount, spawnMany } from './lib/guests.mjs';
import { secondsSince, untilCount } from './lib/latency.mjs';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const system = await bench.createSystem({ threads: 2 });
  const [sink] = await spawnMany(bench, system, 'counter', 1);
  const [source] = await spawnMany(bench, system, 'flood', 1, { peers: { sink } });
  let rate = await flood(system, source, sink, bench.scale(2_000_000, 50_000));
  const rates = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
    rate = await flood(system, source, sink, Math.round(rate * bench.scale(2, 0.1)));
    rates.push(rate);
  }
  bench.report(
    'flood.1to1',
    'per_s',
    rates,
    'component to component, 64 bytes, bounded mailbox, both handlers run; 2 threads, no JavaScript between',
  );
  await system.shutdown();
}

/** Messages the sink handled per second; both guests' counts must agree with what was ordered. */
async function flood(system, source, sink, count) {
  const sentBefore = await countedBy([source]);
  const takenBefore = await countedBy([sink]);
  const handledBefore = sink.status().counters.handled;
  const start = process.hrtime.bigint();
  source.tell(numbered(count));
  await untilCount('flood.1to1', 2, () => sink.status().counters.handled - handledBefore, count);
  const seconds = secondsSince(start);
  requireCount('flood.1to1 (sent)', (await countedBy([source])) - sentBefore, count);
  // The sink counts asks as well: the one that asked before is one of them.
  requireCount('flood.1to1 (taken)', (await countedBy([sink])) - takenBefore - 1, count);
  requireCount('flood.1to1 (refused)', system.audit().refused.total, 0);
  return count / seconds;
}
