/** A pool of many children comes up and goes down; tells microseconds a child. */
import { openContext } from '../lib/context.mjs';
import { loadGuest, requireCount } from '../lib/guests.mjs';
import { secondsSince } from '../lib/latency.mjs';
import { answerProbe } from '../lib/probe.mjs';

const WARM_UP = 1_000;

answerProbe(async ({ options, count }) => {
  const bench = await openContext(options);
  const system = await bench.createSystem({ threads: 2 });
  const component = await loadGuest(bench, system, 'echo');
  await (await system.pool(component, { size: Math.min(WARM_UP, count) })).stop();
  const begun = process.hrtime.bigint();
  const pool = await system.pool(component, { size: count });
  const start = secondsSince(begun);
  requireCount('supervise.start: children that are up', pool.count().active, count);
  const ending = process.hrtime.bigint();
  await pool.stop();
  const stop = secondsSince(ending);
  requireCount('supervise.stop: actors left', system.actors().length, 0);
  await system.shutdown();
  return { start: (start * 1e6) / count, stop: (stop * 1e6) / count };
});
