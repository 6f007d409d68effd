/**
 * Contestant: `node:worker_threads`. One worker holds all actors, as one Troupe thread does; a
 * message is one `postMessage`, an ask finds its promise by number. The bytes are cloned by Node.
 */
import { Worker } from 'node:worker_threads';
import { ACTORS } from './work.mjs';

export const what = 'node:worker_threads, one worker, one postMessage per message, bytes cloned';

/** @returns {Promise<import('./work.mjs').Contestant>} */
export async function open() {
  const worker = new Worker(new URL('worker-threads.worker.mjs', import.meta.url), { workerData: { actors: ACTORS } });
  const waiting = new Map();
  let last = 0;
  worker.on('message', ({ id, value }) => {
    waiting.get(id)(value);
    waiting.delete(id);
  });
  const request = message =>
    new Promise(resolve => {
      last += 1;
      waiting.set(last, resolve);
      worker.postMessage({ ...message, id: last });
    });
  return {
    what,
    ask: (actor, bytes) => request({ actor, bytes }),
    tell: (actor, bytes) => worker.postMessage({ actor, bytes, id: 0 }),
    handled: () => request({ actor: -1 }),
    close: () => worker.terminate(),
  };
}
