/** Options of the calls on a reference, and how they are read. */
import { duration, flag, instance, shape } from './check.js';
import type { Duration } from './duration.js';
import { FOREVER } from './native.js';

/** How long to wait. */
export interface RequestOptions {
  /** Longest wait; default 5 s. `Infinity` is allowed. */
  readonly timeout?: Duration | undefined;
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How to stop. */
export interface StopOptions {
  /** Work off what is in the mailbox first; default `false`. */
  readonly drain?: boolean | undefined;
  /** After this the actor is killed; default 5 s. */
  readonly grace?: Duration | undefined;
}

/** Longest wait for a reply, or for room in a mailbox, unless told otherwise (`ASK-1`). */
export const DEFAULT_TIMEOUT_MS = 5000;
/** Longest orderly end unless told otherwise (`STOP-3`). */
export const DEFAULT_GRACE_MS = 5000;

const DAY_MS = 86_400_000;
const anyDuration = duration({ min: 0, max: DAY_MS, infinite: true });

const requestShape = shape({ timeout: anyDuration, signal: instance('an AbortSignal', isSignal) });
const stopShape = shape({ drain: flag, grace: anyDuration });

function isSignal(value: unknown): value is AbortSignal {
  return value instanceof AbortSignal;
}

/** `Infinity` as the addon writes it. */
export function forever(value: number): number {
  return value === Infinity ? FOREVER : value;
}

/** Reads the options of an ask or a send. */
export function requestOptions(options: unknown) {
  const given = requestShape(options, 'options');
  const ms = given.timeout ?? DEFAULT_TIMEOUT_MS;
  // A wait of 0 ms would stand for the default further down; it is over within a millisecond.
  return { timeoutMs: Math.max(1, forever(ms)), signal: given.signal, endless: ms === Infinity };
}

/** Reads the options of a stop. */
export function stopOptions(options: unknown) {
  const given = stopShape(options ?? {}, 'options');
  return { drain: given.drain ?? false, graceMs: forever(given.grace ?? DEFAULT_GRACE_MS) };
}
