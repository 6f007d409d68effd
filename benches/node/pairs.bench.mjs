/** `pairs.500`: 500 pairs of components that send one message back and forth. */
import { loadGuest, spawnMany } from './lib/guests.mjs';
import { measureTraffic } from './lib/traffic.mjs';

const PAIRS = 500;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const system = await bench.createSystem({ threads: 2 });
  const pongs = await spawnMany(bench, system, 'ping-pong', PAIRS);
  const component = await loadGuest(bench, system, 'ping-pong');
  const pings = await Promise.all(pongs.map(partner => system.spawn(component, { peers: { partner } })));
  await measureTraffic(bench, {
    name: 'pairs.500',
    what: 'component to component, 64 bytes, 500 pairs, one message under way in each; 2 threads, no JavaScript between',
    system,
    actors: [...pings, ...pongs],
    entries: pings,
    tokens: PAIRS,
  });
  await system.shutdown();
}
