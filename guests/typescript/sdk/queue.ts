/** The actor's own mailbox, as far as the host tells: in front of each turn, with the spawn option `pressure`. */
import { type FrameReader, KIND } from './frames.js';
import type { Queued } from './types.js';

/** Stands for no bound. */
const UNBOUNDED = 0xffffffff;
const HIGH = 1;
const HEADER = 24;

/** How the mailbox was when the turn began, and what was taken from it since. */
export class Queue {
  #told = false;
  #high = false;
  #messages = 0;
  #bytes = 0;
  #capacity = 0;
  #capacityBytes = 0;

  /** A frame of the turn was taken. */
  take(frame: FrameReader): void {
    const { kind, payload } = frame;
    if (kind === KIND.pressure) {
      this.#told = true;
      this.#high = (frame.flags & HIGH) !== 0;
      this.#messages = frame.word(0);
      this.#bytes = frame.word(4);
      this.#capacity = bound(frame.word(8));
      this.#capacityBytes = bound(frame.word(12));
    } else if (this.#told) {
      if (kind === KIND.message || kind === KIND.ask || kind === KIND.topic) this.#messages -= 1;
      this.#bytes -= HEADER + ((payload.length + 7) & ~7);
    }
  }

  get now(): Queued | undefined {
    if (!this.#told) return undefined;
    return {
      messages: Math.max(this.#messages, 0),
      bytes: Math.max(this.#bytes, 0),
      capacity: this.#capacity,
      capacityBytes: this.#capacityBytes,
      high: this.#high,
    };
  }
}

function bound(value: number): number {
  return value === UNBOUNDED ? Infinity : value;
}
