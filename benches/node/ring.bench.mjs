/**
 * `ring.1000x100`: 1,000 components in a ring, 100 messages under way. The ring has the order in
 * which the actors introduced themselves, so neighbours mostly share a thread.
 * `ring.crossing`: the same in the order of their spawning, where they mostly do not.
 */
import { dealRing, spawnDirectory } from './lib/directory.mjs';
import { spawnMany } from './lib/guests.mjs';
import { measureTraffic } from './lib/traffic.mjs';

const ACTORS = 1_000;
const TOKENS = 100;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  await ring(
    bench,
    'ring.1000x100',
    'as introduced',
    'in the order of their introductions (messages come to travel in bunches)',
  );
  await ring(bench, 'ring.crossing', 'as given', 'in the order of their spawning: most hops change the thread');
}

async function ring(bench, name, order, detail) {
  const system = await bench.createSystem({ threads: 2 });
  const directory = await spawnDirectory(bench, system);
  const actors = await spawnMany(bench, system, 'ring', ACTORS, { peers: { directory } });
  await dealRing(directory, actors, order);
  await measureTraffic(bench, {
    name,
    what: `component to component, 64 bytes, 1,000 in a ring ${detail}, 100 messages under way; 2 threads, no JavaScript between`,
    system,
    actors,
    entries: actors.filter((_, index) => index % (ACTORS / TOKENS) === 0),
    tokens: TOKENS,
  });
  await system.shutdown();
}
