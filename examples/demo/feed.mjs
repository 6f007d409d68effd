/**
 * Sends lines to the pool of tokenisers, round robin, one message per line. `send` settles when the
 * message is in the mailbox, so a window of unsettled sends is the back-pressure: full counters
 * hold up tokenisers, full tokenisers hold up this loop, and this loop holds up the reading.
 */

/** Unsettled sends at most: two halves, one filling while the other settles. */
const WINDOW = 1024;
/** Longer than any actor is held up by the ones behind it; a send that waits this long fails the run. */
const PATIENCE = '2m';

export class Feeder {
  #tokenisers;
  #next = 0;
  /** @type {Promise<void>[]} */
  #filling = [];
  /** @type {Promise<unknown>} */
  #settling = Promise.resolve();

  /** @param {readonly import('wasm-troupe').ActorRef[]} tokenisers */
  constructor(tokenisers) {
    this.#tokenisers = tokenisers;
  }

  /**
   * Settles when all lines of the block are on their way and at most a window is unsettled. The
   * block's buffer may be used again right away: a message is copied when it is sent.
   *
   * @param {import('./lines.mjs').Block} block
   */
  async feed({ bytes, bounds, count }) {
    for (let line = 0; line < count; line += 1) {
      const message = bytes.subarray(bounds[2 * line], bounds[2 * line + 1]);
      this.#filling.push(this.#tokenisers[this.#next].send(message, { timeout: PATIENCE }));
      this.#next = (this.#next + 1) % this.#tokenisers.length;
      if (this.#filling.length >= WINDOW / 2) await this.#turnOver();
    }
  }

  /** Settles when every line is in a mailbox. */
  async finish() {
    await this.#turnOver();
    await this.#turnOver();
  }

  async #turnOver() {
    const before = this.#settling;
    this.#settling = Promise.all(this.#filling);
    // Awaited one half later; a failure until then is not unhandled.
    this.#settling.catch(() => {});
    this.#filling = [];
    await before;
  }
}
