/**
 * How much of one turn of the event loop handlers may take: 1 ms or 1,024 messages (`BP-3`). The
 * rest waits for the next turn, so that a flood of messages never starves timers and I/O.
 */

const MAX_MS = 1;
const MAX_MESSAGES = 1024;
/** Reading the clock costs about as much as a small handler: quick ones are counted in groups. */
const STRIDE = 4;
const QUICK_MS = 0.02;

/** Counts messages and time until the event loop has turned. */
export class LoopBudget {
  #left = 1;
  #stride = 1;
  #messages = 0;
  #startedMs = 0;
  #lookedMs = 0;
  #measuring = false;
  #spent = false;

  /** Whether nothing more may be handled in this turn. */
  get spent(): boolean {
    return this.#spent;
  }

  /** Whether one more message may be handled in this turn. */
  spend(): boolean {
    this.#left -= 1;
    return this.#left > 0 ? !this.#spent : this.#look();
  }

  #look(): boolean {
    const nowMs = performance.now();
    if (!this.#measuring) {
      this.#measuring = true;
      this.#startedMs = nowMs;
      this.#lookedMs = nowMs;
      this.#left = 1;
      setImmediate(this.#reset);
      return true;
    }
    this.#messages += this.#stride;
    this.#spent = nowMs - this.#startedMs >= MAX_MS || this.#messages > MAX_MESSAGES;
    this.#stride = (nowMs - this.#lookedMs) / this.#stride < QUICK_MS ? STRIDE : 1;
    this.#lookedMs = nowMs;
    this.#left = this.#stride;
    return !this.#spent;
  }

  readonly #reset = (): void => {
    this.#measuring = false;
    this.#spent = false;
    this.#messages = 0;
    this.#stride = 1;
    this.#left = 1;
  };
}
