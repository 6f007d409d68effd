/**
 * Spawns many actors and tells how much memory each of them takes outside of V8's own heap: the
 * references are dropped, because how a user keeps them is the user's choice.
 */
import { openContext } from '../lib/context.mjs';
import { inChunks, loadGuest, MESSAGE, requireCount } from '../lib/guests.mjs';
import { answerProbe } from '../lib/probe.mjs';

const WIDTH = 1_000;

answerProbe(async ({ options, count, live }) => {
  const bench = await openContext(options);
  const system = await bench.createSystem({ threads: 2 });
  const component = await loadGuest(bench, system, 'echo');
  const one = async spawnOptions => {
    const ref = await system.spawn(component, spawnOptions);
    if (live)
      requireCount('memory.live: bytes in the reply', (await ref.ask(MESSAGE.payload)).length, MESSAGE.payload.length);
  };
  const spawnOptions = { start: live ? 'now' : 'on-first-message' };
  await inBatches(WIDTH, () => one(spawnOptions));
  const before = outsideOfHeap();
  await inBatches(count, () => one(spawnOptions));
  const after = outsideOfHeap();
  return (after - before) / count;
});

/** Results are dropped batch by batch. */
async function inBatches(count, operation) {
  for (let from = 0; from < count; from += WIDTH) await inChunks(Math.min(WIDTH, count - from), WIDTH, operation);
}

/** Resident memory without the pages V8 holds for JavaScript objects. */
function outsideOfHeap() {
  globalThis.gc();
  globalThis.gc();
  const { rss, heapTotal } = process.memoryUsage();
  return rss - heapTotal;
}
