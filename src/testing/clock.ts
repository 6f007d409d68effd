/** Time that passes only when a test says so. */
import { setImmediate as loopTurn } from 'node:timers/promises';
import { CallWaiter } from '../call-waiter.js';
import { duration } from '../check.js';
import type { Duration } from '../duration.js';
import type { NativeSystem } from '../native.js';
import type { Port } from '../port.js';

const YEAR_MS = 365 * 86_400_000;
const step = duration({ min: 0, max: YEAR_MS });

/**
 * The clock of a system made by {@link createTestSystem}. Deadlines of requests, waits between
 * restarts, windows of restart budgets, grace periods and health probes all go by it. Processor time
 * of a handler does not: it is measured, not waited for.
 */
export class TestClock {
  readonly #native: NativeSystem;
  readonly #port: Port;

  /** @internal */
  constructor(native: NativeSystem, port: Port) {
    this.#native = native;
    this.#port = port;
  }

  /** Milliseconds since the system was created. */
  get now(): number {
    return this.#native.now();
  }

  /**
   * Lets time pass. Whatever falls due on the way is done at its moment and in order, and with it all
   * that follows from it; when the promise resolves, nothing is left to do at the new time.
   */
  async advance(by: Duration): Promise<void> {
    const target = this.now + step(by, 'by');
    await this.settle();
    for (let due = this.#due(); due !== null && due <= target; due = this.#due()) await this.#moveTo(due);
    await this.#moveTo(target);
  }

  /**
   * Lets time pass until something falls due, and does it. Resolves with the milliseconds that passed,
   * or with `undefined` when nothing waits for time.
   */
  async next(): Promise<number | undefined> {
    await this.settle();
    const before = this.now;
    const due = this.#due();
    if (due === null) return undefined;
    await this.#moveTo(due);
    return this.now - before;
  }

  /** @internal Lets time pass up to `deadline`, or until `done` says that it is enough. */
  async reach(deadline: number, done: () => boolean): Promise<void> {
    await this.settle();
    while (!done() && this.now < deadline) {
      const due = this.#due();
      await this.#moveTo(due === null ? deadline : Math.min(due, deadline));
      if (this.#port.closed) return;
    }
  }

  /** @internal Waits until nothing is left to do at this time. */
  async settle(): Promise<void> {
    const port = this.#port;
    while (!port.closed) {
      const waiter = new CallWaiter(() => undefined, { message: 'the wait for quiet' });
      await port.call(waiter, slot => this.#native.whenQuiet(slot));
      // What JavaScript makes of the last answers and events may be new work.
      await loopTurn();
      port.flush();
      if (port.closed || this.#native.isQuiet()) return;
    }
  }

  #due(): number | null {
    return this.#port.closed ? null : this.#native.nextMoment();
  }

  async #moveTo(time: number): Promise<void> {
    if (this.#port.closed) return;
    this.#native.advance(Math.max(0, time - this.now));
    await this.settle();
  }
}
