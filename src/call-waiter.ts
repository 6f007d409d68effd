/** What waits for the result of a call that is neither a message nor a request. */
import { type ErrorInit, errorFromNative } from './errors.js';
import { parseFailure, parseJson } from './failures.js';
import type { Slot, Waiter } from './slots.js';

/** Reads a result as JSON, and a failure as an error. */
export class CallWaiter implements Waiter {
  readonly #read: (result: unknown, aux: number) => unknown;
  readonly #context: Partial<ErrorInit>;

  /** `context` says what was called, where the addon says nothing. */
  constructor(read: (result: unknown, aux: number) => unknown, context: Partial<ErrorInit>) {
    this.#read = read;
    this.#context = context;
  }

  settle(slot: Slot, status: number, bytes: Uint8Array, start: number, end: number, aux: number): void {
    if (status === 0) slot.resolve(this.#read(end > start ? parseJson(bytes, start, end) : undefined, aux));
    else slot.reject(errorFromNative(status, parseFailure(status, bytes, start, end), this.#context));
  }
}
