/**
 * The table of what waits for a completion. A slot number is an index in its lower bits and a
 * generation above, so that a completion for a wait that was given up finds nothing. Entries are
 * kept and reused: a wait allocates nothing but its promise.
 */

import { createError, type TroupeError } from './errors.js';

const INDEX_BITS = 22;
const INDEX_MASK = (1 << INDEX_BITS) - 1;
/** Index and generation together stay below 2³¹, where numbers need no box. */
const GENERATIONS = 1 << (31 - INDEX_BITS);
/** Most waits at a time; one more is refused. */
export const MAX_SLOTS = INDEX_MASK;

/** What becomes of a completion. */
export interface Waiter {
  /**
   * Settles the slot's promise; what it throws rejects it. `status` is 0 or an error number; the payload lies in `bytes` from
   * `start` to `end` and is valid during the call only.
   */
  settle(slot: Slot, status: number, bytes: Uint8Array, start: number, end: number, aux: number): void;
}

/** One entry. Its fields mean something from {@link Slots.take} to {@link Slots.free}. */
export class Slot {
  readonly index: number;
  generation = 0;
  waiter: Waiter | undefined = undefined;
  resolve: (value: unknown) => void = nothing;
  reject: (reason: unknown) => void = nothing;
  /** Kind of the record that the wait is about; 0 for a call. */
  kind = 0;
  /** What was granted, for the error message. */
  timeoutMs = 0;
  /** Whether the wait keeps the process alive. */
  holds = false;
  /** Takes the listener off the caller's signal. */
  release: (() => void) | undefined = undefined;

  constructor(index: number) {
    this.index = index;
  }

  /** The number that goes over the wire. */
  get number(): number {
    return (this.generation << INDEX_BITS) | this.index;
  }
}

function nothing(): void {}

/** The table. Index 0 is never used: number 0 means that nothing waits. */
export class Slots {
  readonly #slots: Slot[] = [new Slot(0)];
  readonly #free: Slot[] = [];
  /** Given up while a completion may be on its way; reused only after the buffers have run dry. */
  readonly #retired: Slot[] = [];

  /** Number that the next {@link take} will have, without taking it; 0 when the table is full. */
  peek(): number {
    const free = this.#free;
    let slot = free[free.length - 1];
    if (slot === undefined) {
      slot = this.#grow();
      if (slot === undefined) return 0;
      free.push(slot);
    }
    return slot.number;
  }

  /** Takes an entry, or `undefined` when the table is full. */
  take(): Slot | undefined {
    return this.#free.pop() ?? this.#grow();
  }

  /** The entry that waits under `number`, if it still does. */
  find(number: number): Slot | undefined {
    const slot = this.#slots[number & INDEX_MASK];
    return slot !== undefined && slot.waiter !== undefined && slot.number === number ? slot : undefined;
  }

  /** Gives an entry back after its completion has come. */
  free(slot: Slot): void {
    clear(slot);
    this.#free.push(slot);
  }

  /** Gives an entry back whose completion may still come. */
  retire(slot: Slot): void {
    clear(slot);
    this.#retired.push(slot);
  }

  /** No completion is on its way: retired entries may be used again. */
  ranDry(): void {
    if (this.#retired.length === 0) return;
    for (const slot of this.#retired) this.#free.push(slot);
    this.#retired.length = 0;
  }

  /** Every entry that waits. */
  waiting(): Slot[] {
    return this.#slots.filter(slot => slot.waiter !== undefined);
  }

  #grow(): Slot | undefined {
    if (this.#slots.length > MAX_SLOTS) return undefined;
    const slot = new Slot(this.#slots.length);
    this.#slots.push(slot);
    return slot;
  }
}

function clear(slot: Slot): void {
  slot.generation = (slot.generation + 1) % GENERATIONS;
  slot.waiter = undefined;
  slot.resolve = nothing;
  slot.reject = nothing;
  slot.release = undefined;
}

/** The error for one wait too many. */
export function tableFull(): TroupeError {
  return createError('ERR_MAILBOX_FULL', {
    message: `${MAX_SLOTS} requests wait for an answer, more cannot be kept: await some of them first`,
  });
}
