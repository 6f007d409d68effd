/**
 * The asynchronous context of whoever sent a message (`AsyncLocalStorage`), kept while the message
 * is on its way to an actor of the same environment. The table is a ring: contexts of messages that
 * nobody handles are overwritten in time, and a message that waited behind very many others is
 * handled without its sender's context.
 */
import { AsyncResource } from 'node:async_hooks';

/** Contexts on their way at a time. */
const SIZE = 16_384;
const NAME = 'WasmTroupeMessage';
const OPTIONS = { requireManualDestroy: true };

/** Keeps contexts by number. */
export class Callers {
  readonly #ids = new Uint32Array(SIZE);
  readonly #contexts: (AsyncResource | undefined)[] = [];
  #last = 0;

  /** Keeps the present context; never 0. */
  capture(): number {
    this.#last = this.#last === 0xffffffff ? 1 : this.#last + 1;
    const place = this.#last % SIZE;
    this.#ids[place] = this.#last;
    this.#contexts[place] = new AsyncResource(NAME, OPTIONS);
    return this.#last;
  }

  /** Takes the context with this number, if it is still there. */
  take(id: number): AsyncResource | undefined {
    const place = id % SIZE;
    if (id === 0 || this.#ids[place] !== id) return undefined;
    const context = this.#contexts[place];
    this.#ids[place] = 0;
    this.#contexts[place] = undefined;
    return context;
  }
}
