/**
 * The actor's timers: messages to itself, and functions for `setTimeout` and `setInterval`. The host keeps the
 * time; what is set or cancelled in a turn happens when the turn has succeeded.
 */
import { print } from './errors.js';
import { EFFECT, type FrameReader } from './frames.js';
import type { TimerOptions } from './types.js';

/** Most timers that the host keeps for an actor. */
const MAX_TIMERS = 1000;
const MAX_MS = 0xffffffff;
/** Bytes in front of what a timer was set with: delay, period, mode. */
const SET_HEAD = 12;
const ONCE = 0;
const DELAY = 1;
const RATE = 2;

const NOTHING = new Uint8Array();

interface Timer {
  readonly repeats: boolean;
  readonly key: string | undefined;
  /** For `setTimeout` and its like; a message has none. */
  readonly run: (() => void) | undefined;
}

/** Where effects and numbers come from. */
export interface TimerHost {
  /** A number that neither an ask nor a timer has. */
  nextTag(): number;
  /** Throws unless the actor is up. */
  check(verb: string): void;
  effect(kind: number, corr: number, payload: Uint8Array): void;
}

export class Timers {
  readonly #host: TimerHost;
  readonly #timers = new Map<number, Timer>();
  readonly #numbers = new Map<string, number>();
  /** Those that run a function: a promise may wait for one. */
  readonly #functions = new Set<number>();

  constructor(host: TimerHost) {
    this.#host = host;
  }

  has(number: number): boolean {
    return this.#timers.has(number);
  }

  /** Numbers of the timers that a handler may be waiting for. */
  get awaited(): ReadonlySet<number> {
    return this.#functions;
  }

  /** A message to the actor itself, after a delay. */
  after(delayMs: number, payload: Uint8Array, { key }: TimerOptions = {}): number {
    return this.#set('after', [millisecondsOf('delay', delayMs, 0), 0, ONCE], payload, {
      repeats: false,
      key,
      run: undefined,
    });
  }

  /** A message to the actor itself, again and again. */
  every(periodMs: number, payload: Uint8Array, { key }: TimerOptions = {}, fixedRate = false): number {
    const period = millisecondsOf('period', periodMs, 1);
    const words = [period, period, fixedRate ? RATE : DELAY];
    return this.#set('every', words, payload, { repeats: true, key, run: undefined });
  }

  /** What `setTimeout` and `setInterval` do; a delay that makes no sense is the shortest. */
  run(verb: string, run: unknown, delayMs: unknown, repeats: boolean, args: unknown[]): number {
    if (typeof run !== 'function') throw new TypeError(`${verb} needs a function, received ${print(run)}`);
    const least = repeats ? 1 : 0;
    const given = Math.ceil(Number(delayMs));
    const delay = given >= least ? Math.min(given, MAX_MS) : least;
    const words = repeats ? [delay, delay, RATE] : [delay, 0, ONCE];
    const number = this.#set(verb, words, NOTHING, { repeats, key: undefined, run: () => run(...args) });
    this.#functions.add(number);
    return number;
  }

  cancel(number: number): void {
    if (!this.#timers.has(number)) return;
    this.#forget(number);
    this.#host.effect(EFFECT.cancelTimer, number, NOTHING);
  }

  cancelKey(key: string): void {
    const number = this.#numbers.get(key);
    if (number !== undefined) this.cancel(number);
  }

  /** Whether a tick with this number is a message to the actor. */
  isMessage(number: number): boolean {
    const timer = this.#timers.get(number);
    return timer !== undefined && timer.run === undefined;
  }

  /** What a tick is for; nothing when its timer is gone. */
  tick(frame: FrameReader): Timer | undefined {
    const timer = this.#timers.get(frame.corr);
    if (timer !== undefined && !timer.repeats) this.#forget(frame.corr);
    return timer;
  }

  #set(verb: string, words: number[], payload: Uint8Array, timer: Timer): number {
    this.#host.check(verb);
    const { key } = timer;
    if (key !== undefined && typeof key !== 'string')
      throw new TypeError(`${verb}: expected a string as key, received ${print(key)}`);
    const known = key === undefined ? undefined : this.#numbers.get(key);
    if (known === undefined && this.#timers.size >= MAX_TIMERS)
      throw new RangeError(`${verb}: this actor has ${MAX_TIMERS} timers, which is the most`);
    const number = known ?? this.#host.nextTag();
    const body = new Uint8Array(SET_HEAD + payload.length);
    const view = new DataView(body.buffer);
    for (const [at, word] of words.entries()) view.setUint32(at * 4, word, true);
    body.set(payload, SET_HEAD);
    this.#timers.set(number, timer);
    if (key !== undefined) this.#numbers.set(key, number);
    this.#host.effect(EFFECT.setTimer, number, body);
    return number;
  }

  #forget(number: number): void {
    const key = this.#timers.get(number)?.key;
    if (key !== undefined) this.#numbers.delete(key);
    this.#timers.delete(number);
    this.#functions.delete(number);
  }
}

function millisecondsOf(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && value <= MAX_MS) return Math.ceil(value);
  throw new RangeError(`${name}: expected milliseconds from ${least} to ${MAX_MS}, received ${print(value)}`);
}

/** The timers of the actor that runs; the global functions use them. */
let current: Timers | undefined;

export function useTimers(timers: Timers): void {
  current = timers;
}

export function timers(verb: string): Timers {
  if (current === undefined) throw new TypeError(`${verb}: an actor can set timers once it is up`);
  return current;
}
