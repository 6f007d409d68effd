/** What waits in an actor's mailbox, as the actor itself sees it (`OVF-6`). */

/**
 * What waits behind the message in hand: as the mailbox was when this message was handed out, less what has been taken
 * from it since.
 */
export interface Queued {
  /** Messages that wait. */
  readonly messages: number;
  /** Bytes of everything that waits, with the header of each message. */
  readonly bytes: number;
  /** Most messages that the mailbox holds; `Infinity` for no bound. */
  readonly capacity: number;
  /** Most bytes that it holds; `Infinity` for no bound. */
  readonly capacityBytes: number;
  /** Whether it was filled to 80 % of one of its bounds, or somebody waited for room in it. */
  readonly high: boolean;
}

/** Stands for no bound. */
const UNBOUNDED = 0xffffffff;
/** On the frame: the mailbox is high. */
const HIGH = 1 << 16;
const FRAME_BYTES = 24;

/** @internal The mailbox over one turn: the frame that said how it was, and what was taken since. */
export class QueueView {
  readonly #high: boolean;
  readonly #capacity: number;
  readonly #capacityBytes: number;
  #messages: number;
  #bytes: number;

  /** Reads the frame whose kind is at `kindAt`, and its payload at `at`. */
  constructor(words: Uint32Array, kindAt: number, at: number) {
    this.#high = (words[kindAt]! & HIGH) !== 0;
    this.#messages = words[at]!;
    this.#bytes = words[at + 1]!;
    this.#capacity = bound(words[at + 2]!);
    this.#capacityBytes = bound(words[at + 3]!);
  }

  /** A frame with a payload of this length does not wait any more. */
  take(isMessage: boolean, length: number): void {
    if (isMessage) this.#messages -= 1;
    this.#bytes -= FRAME_BYTES + ((length + 7) & ~7);
  }

  /** How it is now. */
  get now(): Queued {
    return Object.freeze({
      messages: Math.max(this.#messages, 0),
      bytes: Math.max(this.#bytes, 0),
      capacity: this.#capacity,
      capacityBytes: this.#capacityBytes,
      high: this.#high,
    });
  }
}

function bound(value: number): number {
  return value === UNBOUNDED ? Infinity : value;
}
