/**
 * Introduces actors to each other. An address is a capability, so an actor cannot know one that was
 * spawned after it: each sends a message to the guest `directory`, which then deals addresses.
 */
import { MESSAGE, numberIn, spawnMany } from './guests.mjs';
import { pause } from './latency.mjs';

const RING = 0;
const RANDOM = 1;

/**
 * @param {import('./context.mjs').BenchContext} bench
 * @param {import('wasm-troupe').ActorSystem} system
 */
export async function spawnDirectory(bench, system) {
  const [directory] = await spawnMany(bench, system, 'directory', 1, { limits: { mailbox: 0 } });
  return directory;
}

/**
 * A ring. `as given`: in the order of `actors`, each introduced before the next one is told to.
 * `as introduced`: all are told at once, and the order is that of the introductions.
 *
 * @param {import('wasm-troupe').ActorRef} directory
 * @param {readonly import('wasm-troupe').ActorRef[]} actors
 * @param {'as given' | 'as introduced'} order
 */
export async function dealRing(directory, actors, order) {
  for (const [index, actor] of actors.entries()) {
    actor.tell(MESSAGE.empty);
    if (order === 'as given') await registered(directory, index + 1);
  }
  await registered(directory, actors.length);
  await deal(directory, actors, RING, 1);
}

/** Each actor gets `count` of the others to choose from. */
export async function dealRandom(directory, actors, count) {
  for (const actor of actors) actor.tell(MESSAGE.empty);
  await registered(directory, actors.length);
  await deal(directory, actors, RANDOM, count);
}

async function registered(directory, count) {
  while (numberIn(await directory.ask(MESSAGE.empty)) < count) if (count > 1_000) await pause(1);
}

/** The last deal is in a mailbox when the directory answers; the counts asked for later come after it. */
async function deal(directory, actors, mode, count) {
  const order = new Uint8Array(8);
  const view = new DataView(order.buffer);
  view.setUint32(0, mode, true);
  view.setUint32(4, count, true);
  const dealt = numberIn(await directory.ask(order, { timeout: '1m' }));
  if (dealt !== actors.length) throw new Error(`the directory dealt to ${dealt} actors, expected ${actors.length}`);
}
