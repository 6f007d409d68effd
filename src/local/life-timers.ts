/** The timers that one life of an actor has set for itself (`TMR-2`). */
import type { Address, Port } from '../port.js';
import { SetTimer, type Timer, type TimerPlan, timerRefused } from '../timer.js';

/** Whose timers they are. */
export interface TimedLife {
  readonly actor: { readonly address: Address; readonly self: { readonly path: string } };
  readonly incarnation: number;
  readonly over: boolean;
}

/** A timer with a key. */
interface Keyed {
  readonly number: number;
  readonly timer: SetTimer;
}

/** By their keys, as far as they have one. Those without are known to the addon alone. */
export class LifeTimers {
  readonly #life: TimedLife;
  readonly #port: Port;
  readonly #keyed = new Map<string, Keyed>();
  /** Keys of those that tick once, by their numbers: they are forgotten with their tick. */
  readonly #once = new Map<number, string>();
  #last = 0;

  constructor(life: TimedLife, port: Port) {
    this.#life = life;
    this.#port = port;
  }

  set(plan: TimerPlan, payload: Uint8Array): Timer {
    const { key, periodMs } = plan;
    const old = key === undefined ? undefined : this.#keyed.get(key);
    // The addon replaces the timer with the same number.
    const number = old?.number ?? (this.#last + 1) >>> 0;
    const set = this.#port.native.setOwnTimer(this.#words(plan, number), payload);
    if (set < 0) throw timerRefused(set, this.#life.actor.self.path);
    if (old === undefined) this.#last = number;
    old?.timer.replaced();
    const timer = new SetTimer(() => this.#cancel(number, key));
    this.#once.delete(number);
    if (key !== undefined) {
      this.#keyed.set(key, { number, timer });
      if (periodMs === 0) this.#once.set(number, key);
    }
    return timer;
  }

  cancel(key: string): boolean {
    return this.#keyed.get(key)?.timer.cancel() ?? false;
  }

  /** A tick is in hand. */
  ticked(number: number): void {
    const key = this.#once.get(number);
    if (key !== undefined) this.#forget(number, key);
  }

  #cancel(number: number, key: string | undefined): boolean {
    if (key !== undefined) this.#forget(number, key);
    const none = { delayMs: 0, periodMs: 0, mode: 0, key };
    return !this.#life.over && !this.#port.closed && this.#port.native.cancelOwnTimer(this.#words(none, number));
  }

  #forget(number: number, key: string): void {
    this.#once.delete(number);
    if (this.#keyed.get(key)?.number === number) this.#keyed.delete(key);
  }

  #words({ delayMs, periodMs, mode }: TimerPlan, number: number): Uint32Array {
    const { actor, incarnation } = this.#life;
    const { index, tagLo, tagHi } = actor.address;
    return Uint32Array.of(index, tagLo, tagHi, delayMs, periodMs, mode, incarnation, number);
  }
}
