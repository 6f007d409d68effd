/**
 * Takes completions out of the two buffers that the addon fills in turn, at most 1 ms or 1,024
 * records per turn of the event loop (`BP-3`). A record is four words (payload length, slot,
 * status, aux) and the payload, padded to eight bytes.
 */
import { EVENT_SLOT, LARGE_PAYLOAD, type NativeHot, TOPIC_SLOT, WORK_SLOT } from './native.js';
import type { Slot, Slots } from './slots.js';

/** Size of each of the two buffers. */
export const COMPLETION_BYTES = 256 * 1024;

const HEADER_BYTES = 16;
const MAX_RECORDS_PER_TURN = 1024;
const MAX_MS_PER_TURN = 1;
/** The clock is read once per so many records; so few never take a millisecond. */
const LOOK_EVERY = 64;

/** A buffer that both sides see, as bytes and as words. */
export class SharedBuffer {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;

  constructor(size: number) {
    const memory = new SharedArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
  }
}

/** Takes a piece of work, which lies in `bytes` from `start` to `end` during the call only. */
export type OnWork = (kind: number, bytes: Uint8Array, start: number, end: number) => void;

/** Takes a published message, which lies in `bytes` from `start` to `end` during the call only. */
export type OnTopic = (bytes: Uint8Array, start: number, end: number) => void;

/** What a reader needs. */
export interface CompletionsOptions {
  readonly slots: Slots;
  readonly hot: NativeHot;
  readonly buffers: readonly [SharedBuffer, SharedBuffer];
  /** Takes a slot out of the books after its completion. */
  readonly finish: (slot: Slot) => void;
  readonly onEvent: (json: Uint8Array) => void;
  readonly onWork: OnWork;
  readonly onTopic: OnTopic;
  readonly onFault: (error: unknown) => void;
}

/** Reads completions and settles what waits for them. */
export class Completions {
  readonly #options: CompletionsOptions;
  readonly #hot: NativeHot;
  readonly #slots: Slots;
  /** What is being read: it stays ours until the next call of `drain`. */
  #current: SharedBuffer;
  #at = 0;
  #end = 0;
  #draining = false;
  #resuming = false;
  #closed = false;

  constructor(options: CompletionsOptions) {
    this.#options = options;
    this.#hot = options.hot;
    this.#slots = options.slots;
    this.#current = options.buffers[0];
  }

  /** Reads what is there, within the turn's bounds; the rest has its turn later. */
  drain(): void {
    // A listener that runs in here may come back: its own completions are reached by this loop.
    if (this.#draining || this.#resuming || this.#closed) return;
    this.#draining = true;
    try {
      if (!this.#read()) this.#resumeLater();
    } finally {
      this.#draining = false;
    }
  }

  /** Reads everything that is there, without bounds. */
  drainAll(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (!this.#read());
    } finally {
      this.#draining = false;
    }
  }

  /** Nothing is read any more. */
  close(): void {
    this.#closed = true;
  }

  #resumeLater(): void {
    this.#resuming = true;
    setImmediate(() => {
      this.#resuming = false;
      this.drain();
    });
  }

  /** `false` when the bounds were reached before the end. */
  #read(): boolean {
    let records = 0;
    let deadlineMs = 0;
    for (;;) {
      if (this.#at >= this.#end && !this.#next()) return true;
      while (this.#at < this.#end) {
        this.#one();
        if (this.#closed) return true;
        records += 1;
        if (records >= MAX_RECORDS_PER_TURN) return false;
        if (records % LOOK_EVERY === 0) {
          const nowMs = performance.now();
          if (deadlineMs === 0) deadlineMs = nowMs + MAX_MS_PER_TURN;
          else if (nowMs > deadlineMs) return false;
        }
      }
    }
  }

  /** Exchanges the buffers. */
  #next(): boolean {
    const filled = this.#hot.drain();
    const bytes = filled & 0x7fffffff;
    this.#at = 0;
    this.#end = bytes;
    if (bytes === 0) {
      this.#slots.ranDry();
      return false;
    }
    this.#current = this.#options.buffers[filled >= 0x80000000 || filled < 0 ? 1 : 0];
    return true;
  }

  #one(): void {
    const { bytes, words } = this.#current;
    const word = this.#at >>> 2;
    const length = words[word]!;
    const number = words[word + 1]!;
    const status = words[word + 2]!;
    const aux = words[word + 3]!;
    const start = this.#at + HEADER_BYTES;
    if (status >= LARGE_PAYLOAD) {
      this.#at = start;
      const payload = this.#hot.takeLarge(aux);
      this.#deliver(number, status & 0xffff, payload, 0, payload.length, aux);
      return;
    }
    this.#at = start + ((length + 7) & ~7);
    this.#deliver(number, status, bytes, start, start + length, aux);
  }

  #deliver(number: number, status: number, bytes: Uint8Array, start: number, end: number, aux: number): void {
    try {
      if (number === EVENT_SLOT) {
        this.#options.onEvent(bytes.slice(start, end));
        return;
      }
      if (number === WORK_SLOT) {
        this.#options.onWork(status, bytes, start, end);
        return;
      }
      if (number === TOPIC_SLOT) {
        this.#options.onTopic(bytes, start, end);
        return;
      }
      const slot = this.#slots.find(number);
      // Nobody waits any more: the caller gave up while the answer was on its way.
      if (slot === undefined) return;
      try {
        slot.waiter?.settle(slot, status, bytes, start, end, aux);
      } catch (error) {
        slot.reject(error);
      }
      this.#options.finish(slot);
    } catch (error) {
      this.#options.onFault(error);
    }
  }
}
