/** A piece of work under way. */
import { WORK_HEAD_BYTES } from '../native.js';
import type { Life } from './life.js';
import type { LocalActor } from './local-actor.js';
import type { Effect } from './result.js';

/** A start, a stop, or a turn of several messages. */
export class Job {
  readonly kind: number;
  /** The kernel's number for it. */
  readonly number: number;
  readonly life: Life<LocalActor>;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Where the next frame begins. */
  at = WORK_HEAD_BYTES;
  end: number;
  /** Frames that are done and not yet told. */
  done = 0;
  /** Number of the request in hand; `undefined` for a message. */
  ask: number | undefined = undefined;
  /** What requests that are made on behalf of the request in hand bring along. */
  context: Uint8Array | undefined = undefined;
  effects: Effect[] = [];
  /** A promise of the function in hand is not settled yet. */
  pending = false;
  /** The kernel knows that it waits. */
  begun = false;

  constructor(kind: number, number: number, life: Life<LocalActor>, bytes: Uint8Array, words: Uint32Array) {
    this.kind = kind;
    this.number = number;
    this.life = life;
    this.bytes = bytes;
    this.words = words;
    this.end = bytes.length;
  }

  /** From now on it is about the frame in hand only. */
  begin(): void {
    this.begun = true;
    this.end = this.at;
    this.done = 0;
    this.effects = [];
  }
}
