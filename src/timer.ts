/** Timers (`TMR`): messages that come later, once or again and again. */
import { type Check, duration, mismatch, shape } from './check.js';
import { codeOfNumber, createError, type TroupeError } from './errors.js';
import { TIMER_DELAY, TIMER_ONCE, TIMER_RATE } from './native.js';

/** A timer that is set. It does not keep the process alive. */
export interface Timer extends Disposable {
  /**
   * Takes it back. `true` is final: no message of it is handled any more, even if one was in the mailbox.
   * `false`: it was over or replaced, or a message of it is in the actor's hands; none follows that one.
   */
  cancel(): boolean;
}

/** How a timer is set. */
export interface TimerOptions {
  /** A timer with the same key is replaced. */
  readonly key?: string | undefined;
}

/** When a timer ticks, as the addon reads it. */
export interface TimerPlan {
  readonly delayMs: number;
  readonly periodMs: number;
  readonly mode: number;
  readonly key: string | undefined;
}

// The addon counts milliseconds in 32 bits.
const LONGEST_MS = 45 * 86_400_000;
const LONGEST_KEY = 255;

const delay = duration({ min: 0, max: LONGEST_MS });
const period = duration({ min: 1, max: LONGEST_MS });

/** @internal The key of a timer. */
export const timerKey: Check<string> = (value, path) => {
  if (typeof value === 'string' && value.length > 0 && value.length <= LONGEST_KEY) return value;
  throw mismatch(path, `a string of 1 … ${LONGEST_KEY} characters`, value);
};

const optionsShape = shape({ key: timerKey });

/** @internal A timer that ticks once. */
export function onceAfter(after: unknown, options: unknown): TimerPlan {
  const delayMs = delay(after, 'delay');
  return { delayMs, periodMs: 0, mode: TIMER_ONCE, key: optionsShape(options ?? {}, 'options').key };
}

/** @internal A timer that goes on, a period after each tick was handled, or was due. */
export function every(given: unknown, fixedRate: boolean, options: unknown): TimerPlan {
  const periodMs = period(given, 'period');
  const mode = fixedRate ? TIMER_RATE : TIMER_DELAY;
  return { delayMs: periodMs, periodMs, mode, key: optionsShape(options ?? {}, 'options').key };
}

/** @internal The error for a timer that the addon refused with this number. */
export function timerRefused(number: number, path: string): TroupeError {
  const code = codeOfNumber(-number);
  const why =
    code === 'ERR_MESSAGE_TOO_LARGE'
      ? 'the message is over limits.messageBytes, or those of all its timers together are over limits.mailbox'
      : 'it has 1,000 timers already, which is the most';
  return createError(code, { message: `timer for ${path}: ${why}`, actor: path });
}

/** @internal A timer, by how it is cancelled; it is so once. */
export class SetTimer implements Timer {
  #cancel: (() => boolean) | undefined;

  constructor(cancel: (() => boolean) | undefined) {
    this.#cancel = cancel;
  }

  cancel(): boolean {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    return cancel?.() ?? false;
  }

  /** Another one has its place: there is nothing left to cancel. */
  replaced(): void {
    this.#cancel = undefined;
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}
