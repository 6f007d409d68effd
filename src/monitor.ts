/** Monitors: one notice when an actor has ended for good (`MON-1`). */
import { inContext } from './context.js';
import type { ExitReason } from './errors.js';
import { parseJson } from './failures.js';
import type { RefCore } from './ref-core.js';
import type { Slot, Waiter } from './slots.js';

/** Waits for the end of an actor. It does not keep the process alive. */
export interface Monitor extends Disposable {
  /** Takes it back: from now on it is not called, even if the actor has ended already (`MON-2`). */
  stop(): void;
}

type OnEnd = (reason: ExitReason, incarnation: number) => unknown;

const SHUT_DOWN: ExitReason = Object.freeze({ tag: 'shutdown', text: '' });

/** @internal Calls back once, when the actor has ended. */
export class PortMonitor implements Monitor, Waiter {
  readonly #core: RefCore;
  #callback: OnEnd | undefined;
  #slot = 0;

  constructor(core: RefCore, callback: OnEnd) {
    this.#core = core;
    // It is called in the context that it was set in, whatever ended the actor.
    this.#callback = inContext(callback);
    this.#watch();
  }

  #watch(): void {
    const { port } = this.#core.owner;
    if (port.closed) {
      queueMicrotask(() => this.#down(SHUT_DOWN, 0));
      return;
    }
    const { index, tagLo, tagHi } = this.#core;
    const start = (slot: number): void => {
      this.#slot = slot;
      port.native.monitor(index, tagLo, tagHi, slot);
    };
    // What rejects it is the end of the system, which is the end of the actor too.
    port.call(this, start, false).catch(() => this.#down(SHUT_DOWN, 0));
  }

  settle(slot: Slot, status: number, bytes: Uint8Array, start: number, end: number, incarnation: number): void {
    slot.resolve(undefined);
    if (status !== 0) {
      this.#down(SHUT_DOWN, 0);
      return;
    }
    this.#down(Object.freeze(parseJson(bytes, start, end) as ExitReason), incarnation);
  }

  stop(): void {
    if (this.#callback === undefined) return;
    this.#callback = undefined;
    const { port } = this.#core.owner;
    if (port.closed || this.#slot === 0) return;
    const { index, tagLo, tagHi } = this.#core;
    port.cancel(this.#slot, () => port.native.demonitor(index, tagLo, tagHi, this.#slot));
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #down(reason: ExitReason, incarnation: number): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    this.#callback = undefined;
    const { fault } = this.#core.owner;
    try {
      const result = callback(reason, incarnation);
      if (result instanceof Promise) result.catch(fault);
    } catch (error) {
      fault(error);
    }
  }
}
