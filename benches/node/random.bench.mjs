/** `random.NxK`: N components, each sends what it gets to another one drawn at random; K messages under way. */
import { dealRandom, spawnDirectory } from './lib/directory.mjs';
import { spawnMany } from './lib/guests.mjs';
import { measureTraffic } from './lib/traffic.mjs';

/** An actor draws from so many others, themselves drawn at random from all. */
const CHOICES = 64;

const CASES = [
  { actors: 1_000, tokens: 4_000 },
  { actors: 10_000, tokens: 10_000 },
  { actors: 100_000, tokens: 400_000, quick: 5_000 },
];

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  for (const { actors, tokens, quick } of CASES) {
    await randomTraffic(
      bench,
      `random.${actors}x${tokens}`,
      bench.scale(actors, quick ?? actors),
      bench.scale(tokens, (quick ?? tokens / 4) * 4),
    );
  }
}

async function randomTraffic(bench, name, count, tokens) {
  const system = await bench.createSystem({ threads: 2 });
  const directory = await spawnDirectory(bench, system);
  const actors = await spawnMany(bench, system, 'random', count, { peers: { directory } });
  await dealRandom(directory, actors, CHOICES);
  await measureTraffic(bench, {
    name,
    what: `component to component, 64 bytes, ${count} components, each draws from ${CHOICES} random others, ${tokens} messages under way; 2 threads, no JavaScript between`,
    system,
    actors,
    entries: actors,
    tokens,
  });
  await system.shutdown();
}
