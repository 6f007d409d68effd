/**
 * Contestant: Troupe with one thread, as the others have one. Each actor is a WebAssembly component
 * with a memory of its own, supervised, with limits. The bytes are copied in and out.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { countedBy } from '../node/lib/guests.mjs';
import { ACTORS, PAYLOAD_BYTES } from './work.mjs';

export const what = 'Troupe, one thread, WebAssembly components as supervised actors, bytes copied, limits on';

/**
 * Asks go to actors that answer with the same bytes: a reply of the right length is the proof that
 * a handler ran. Tells go to actors that count.
 *
 * @param {{ root: string }} options
 * @returns {Promise<import('./work.mjs').Contestant>}
 */
export async function open({ root }) {
  const { ActorSystem } = await import(pathToFileURL(join(root, 'dist', 'index.js')).href);
  const system = await ActorSystem.create({ name: 'peers', threads: 1, logger: false });
  const spawnAll = async guest => {
    const component = await system.load(pathToFileURL(join(root, 'build', 'guests', `${guest}.wasm`)));
    return Promise.all(Array.from({ length: ACTORS }, () => system.spawn(component, { limits: { mailbox: 0 } })));
  };
  const echoes = await spawnAll('echo');
  const counters = await spawnAll('counter');
  let replies = 0;
  let queries = 0;
  return {
    what,
    ask: async (actor, bytes) => {
      const reply = await echoes[actor].ask(bytes);
      if (reply.length === PAYLOAD_BYTES) replies += 1;
      return reply;
    },
    tell: (actor, bytes) => counters[actor].tell(bytes),
    handled: async () => {
      const counted = (await countedBy(counters)) - queries * ACTORS;
      queries += 1;
      return counted + replies;
    },
    close: () => system.shutdown(),
  };
}
