/**
 * Contestant: piscina, one thread with as many tasks at once as asked for. It knows tasks, not
 * actors, so the actor is a number in the task, and a tell is a task whose answer nobody awaits.
 */
import { Piscina } from 'piscina';

export const what = 'piscina 5, one thread, one task per message, bytes cloned; a tell is a task not awaited';

/** @returns {Promise<import('./work.mjs').Contestant>} */
export async function open() {
  const pool = new Piscina({
    filename: new URL('piscina.worker.mjs', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1024,
    maxQueue: Number.POSITIVE_INFINITY,
  });
  return {
    what,
    ask: (actor, bytes) => pool.run({ actor, bytes }),
    tell: (actor, bytes) => {
      pool.run({ actor, bytes });
    },
    handled: () => pool.run({ actor: -1 }),
    close: () => pool.destroy(),
  };
}
