/**
 * How long settled results may keep JavaScript in one turn of the event loop (`BP-3`). A chain of
 * asks that are answered at once would otherwise never let a timer or a socket have its turn.
 */

/** Longest chain in one turn. */
const BUDGET_MS = 1;
/** Reading the clock costs about as much as a small ask: look only now and then. */
const LOOK_EVERY = 32;

/** Counts what is settled without the event loop having turned. */
export class TurnBudget {
  #count = 0;
  #startedMs = 0;
  #measuring = false;
  #spent = false;

  /** Whether one more result may be settled in this turn. */
  spend(): boolean {
    this.#count = (this.#count + 1) | 0;
    return this.#count % LOOK_EVERY === 0 ? this.#look() : !this.#spent;
  }

  /** Whether the turn's budget is used up. */
  get spent(): boolean {
    return this.#spent;
  }

  #look(): boolean {
    const nowMs = performance.now();
    if (!this.#measuring) {
      this.#measuring = true;
      this.#startedMs = nowMs;
      setImmediate(this.#reset);
    } else if (nowMs - this.#startedMs > BUDGET_MS) {
      this.#spent = true;
    }
    return !this.#spent;
  }

  readonly #reset = (): void => {
    this.#measuring = false;
    this.#spent = false;
  };
}
