/**
 * Contestant: actors as plain JavaScript objects in the same thread. No isolation, no limits, no
 * other core, and the bytes are handed over without a copy: the least an actor can cost in Node.
 */
import { ACTORS } from './work.mjs';

export const what = 'plain JavaScript objects with a queue each, same thread, no isolation, no copy';

class PlainActor {
  handled = 0;
  #queue = [];
  #scheduled = false;

  tell(bytes) {
    this.#add({ bytes, reply: undefined });
  }

  ask(bytes) {
    return new Promise(reply => this.#add({ bytes, reply }));
  }

  #add(message) {
    this.#queue.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#turn());
  }

  #turn() {
    const queue = this.#queue;
    this.#queue = [];
    this.#scheduled = false;
    for (const { bytes, reply } of queue) {
      this.handled += 1;
      reply?.(bytes);
    }
  }
}

/** @returns {Promise<import('./work.mjs').Contestant>} */
export async function open() {
  const actors = Array.from({ length: ACTORS }, () => new PlainActor());
  return {
    what,
    ask: (actor, bytes) => actors[actor].ask(bytes),
    tell: (actor, bytes) => actors[actor].tell(bytes),
    handled: async () => actors.reduce((sum, actor) => sum + actor.handled, 0),
    close: async () => {},
  };
}
