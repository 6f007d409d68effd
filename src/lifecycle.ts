/**
 * Hooks: functions of the user's that are told of one actor's life. They observe: what one throws, or
 * how long it takes, decides nothing about the actor (`FAIL-4`). The hooks of an actor run one at a
 * time, in the order of what they are told of; each has a time limit.
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { ActorRef } from './actor-ref.js';
import { isObject, mismatch, unknownOption } from './check.js';
import { formatDuration } from './duration.js';
import type { ReasonTag } from './error-codes.js';
import type { ExitReason } from './errors.js';
import type { HealthState } from './health.js';
import { type NativeEvent, OBSERVE_LIFE, OBSERVE_MESSAGES } from './native.js';
import type { CustomState } from './state.js';

/** What every hook is told. */
export interface HookContext {
  /** The actor. */
  readonly ref: ActorRef<never, unknown>;
  /** Its path. */
  readonly path: string;
  /** Which life it is about. */
  readonly incarnation: number;
  /** Its custom state, which outlives its lives. */
  readonly state: CustomState;
}

/** What `preStart` is told: the actor is not there yet. */
export interface PreStartContext {
  /** The name that it will have, if any. */
  readonly name: string | undefined;
  /** Its custom state. */
  readonly state: CustomState;
}

/** What the hooks of ends and failures are told. */
export interface HookEndContext extends HookContext {
  /** Why. */
  readonly reason: ExitReason;
}

/** What `onError` is told. */
export interface HookErrorContext extends HookEndContext {
  /** The kind of trap in the engine's words; empty when it was none. */
  readonly trap: string;
  /** Guest frames, innermost first. */
  readonly backtrace: readonly string[];
  /** The last kilobytes that the guest wrote to its standard error. */
  readonly stderr: string;
}

/** What `onRestart` is told. */
export interface HookRestartContext extends HookEndContext {
  /** Failures in a row. */
  readonly attempt: number;
  /** How long it waited, in milliseconds. */
  readonly delayMs: number;
}

/** What the hooks of messages are told. */
export interface HookMessageContext extends HookContext {
  /** Bytes of payload. */
  readonly size: number;
}

/** What `onMessageProcessed` is told. */
export interface HookProcessedContext extends HookMessageContext {
  /** How long its handler took, in milliseconds. */
  readonly latencyMs: number;
}

/** What `onHealthChanged` is told. */
export interface HookHealthContext extends HookContext {
  /** How it was. */
  readonly from: HealthState;
  /** How it is. */
  readonly to: HealthState;
  /** Why, in its own words. */
  readonly text: string;
}

/**
 * Functions that are told of one actor's life; each may be asynchronous. What they return is of no
 * interest, and what they throw becomes the event `hook-failed`.
 */
export interface LifecycleHooks {
  /** Before it comes up for the first time; the spawn waits for it, at most for the time limit. */
  readonly preStart?: ((context: PreStartContext) => unknown) | undefined;
  /** It came up for the first time. */
  readonly postStart?: ((context: HookContext) => unknown) | undefined;
  /** It begins to go down in order: it was asked to, or stops itself. */
  readonly preStop?: ((context: HookContext) => unknown) | undefined;
  /** It has ended for good. */
  readonly postStop?: ((context: HookEndContext) => unknown) | undefined;
  /** A message is given to its handler. An actor with this hook handles one message a turn. */
  readonly onMessageReceived?: ((context: HookMessageContext) => unknown) | undefined;
  /** A message was handled. An actor with this hook handles one message a turn. */
  readonly onMessageProcessed?: ((context: HookProcessedContext) => unknown) | undefined;
  /** A turn, a probe or a start failed. */
  readonly onError?: ((context: HookErrorContext) => unknown) | undefined;
  /** It came up again. */
  readonly onRestart?: ((context: HookRestartContext) => unknown) | undefined;
  /** Its health has changed. */
  readonly onHealthChanged?: ((context: HookHealthContext) => unknown) | undefined;
}

/** Name of a hook. */
export type HookName = keyof LifecycleHooks;

const HOOK_NAMES = [
  'preStart',
  'postStart',
  'preStop',
  'postStop',
  'onMessageReceived',
  'onMessageProcessed',
  'onError',
  'onRestart',
  'onHealthChanged',
] as const satisfies readonly HookName[];

/** Calls that wait for a hook of the same actor; more are dropped, and said to be. */
const MAX_WAITING = 1024;
/** What a timer of Node can take. */
const LONGEST_TIMER_MS = 0x7fffffff;

/** Reads the option. */
export function hooksShape(value: unknown, path: string): LifecycleHooks {
  if (!isObject(value) || Array.isArray(value)) throw mismatch(path, 'an object of functions', value);
  for (const [name, hook] of Object.entries(value)) {
    if (!HOOK_NAMES.includes(name as HookName)) throw unknownOption(`${path}.${name}`, name, HOOK_NAMES);
    if (hook !== undefined && typeof hook !== 'function') throw mismatch(`${path}.${name}`, 'a function', hook);
  }
  return value;
}

/** What the addon has to tell for these hooks. */
export function observeBits(hooks: LifecycleHooks | undefined): number {
  if (hooks === undefined) return 0;
  const messages = hooks.onMessageReceived !== undefined || hooks.onMessageProcessed !== undefined;
  return OBSERVE_LIFE | (messages ? OBSERVE_MESSAGES : 0);
}

/** Waits for what an observer returned; `done` is told once, with what went wrong if anything did. */
export function within(result: PromiseLike<unknown>, limitMs: number, done: (...failure: [unknown?]) => void): void {
  let timer: NodeJS.Timeout | undefined;
  let open = true;
  const close = (...failure: [unknown?]): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done(...failure);
  };
  if (limitMs !== Number.POSITIVE_INFINITY) {
    const late = (): void => close(new Error(`it took longer than ${formatDuration(limitMs)}`));
    // An observer that waits for ever does not keep the process alive.
    timer = setTimeout(late, Math.min(limitMs, LONGEST_TIMER_MS)).unref();
  }
  Promise.resolve(result).then(() => close(), close);
}

/** Whether a value is to be waited for. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && typeof value['then'] === 'function';
}

/** Which actor's hook the current code runs in. */
const current = new AsyncLocalStorage<HookRunner>();

/** What a runner needs. */
export interface RunnerOptions {
  readonly hooks: LifecycleHooks;
  readonly limitMs: number;
  /** Reports a hook that failed. */
  readonly failed: (hook: string, error: unknown, path: string) => void;
}

/** Runs the hooks of one actor. */
export class HookRunner {
  /** Path of its actor, as far as it is known. */
  path = '';
  readonly #options: RunnerOptions;
  /** Hooks run in the context of the spawn, whatever they are told of. */
  readonly #resource = new AsyncResource('WasmTroupeHooks');
  readonly #waiting: { readonly name: string; readonly call: () => unknown }[] = [];
  #busy = false;
  #dropped = 0;
  #up = false;
  #ended = false;
  readonly #idle: (() => void)[] = [];
  readonly #atStart: (() => void)[] = [];
  readonly #atEnd: (() => void)[] = [];
  #begun = false;
  #attempt = { attempt: 0, delayMs: 0 };

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Whether anything was told of its actor. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Calls a hook when those before it are done. */
  run<Name extends HookName>(name: Name, context: Parameters<NonNullable<LifecycleHooks[Name]>>[0]): void {
    const hook = this.#options.hooks[name] as ((context: unknown) => unknown) | undefined;
    if (hook === undefined) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#drop(name);
      return;
    }
    this.#waiting.push({ name, call: () => hook.call(this.#options.hooks, context) });
    this.#next();
  }

  /** Tells the hooks what the addon told. */
  tell(event: NativeEvent, context: HookContext): void {
    this.path = context.path;
    this.#begun = true;
    const reason = Object.freeze(event.reason ?? { tag: 'normal' satisfies ReasonTag, text: '' }) as ExitReason;
    switch (event.event) {
      case 'actor:started':
        this.run('postStart', context);
        this.#up = true;
        if (!this.#busy) this.#release();
        break;
      case 'actor:stopping':
        this.run('preStop', context);
        break;
      case 'actor:crashed': {
        const { trap = '', backtrace = [], stderr = '' } = event;
        this.run('onError', { ...context, reason, trap, backtrace, stderr });
        break;
      }
      case 'actor:restarting':
        this.#attempt = { attempt: event.attempt ?? 0, delayMs: event.delayMs ?? 0 };
        break;
      case 'actor:restarted':
        this.run('onRestart', { ...context, reason, ...this.#attempt });
        break;
      case 'actor:health': {
        const { from = 'unknown', to = 'unknown', text = '' } = event;
        this.run('onHealthChanged', { ...context, from: from as HealthState, to: to as HealthState, text });
        break;
      }
      case 'message:received':
        for (const size of event.sizes ?? []) this.run('onMessageReceived', { ...context, size });
        break;
      case 'message:processed':
        for (const size of event.sizes ?? []) {
          this.run('onMessageProcessed', { ...context, size, latencyMs: event.latencyMs ?? 0 });
        }
        break;
      case 'actor:stopped':
      case 'actor:failed':
        this.run('postStop', { ...context, reason });
        this.end();
        break;
    }
  }

  /** Its actor has ended, and nothing more will be told. */
  end(): void {
    this.#ended = true;
    if (!this.#busy) this.#release();
  }

  /**
   * Resolves when the actor has ended and its hooks are done; at once within one of them, which would
   * wait for itself. `holds` keeps the process alive meanwhile.
   */
  ended(holds: boolean): Promise<void> {
    return this.#reached(this.#ended, this.#atEnd, holds);
  }

  /** Resolves when the actor has come up and its hooks are done. */
  up(): Promise<void> {
    if (this.#options.hooks.postStart === undefined) return Promise.resolve();
    return this.#reached(this.#up || this.#ended, this.#atStart, true);
  }

  #reached(is: boolean, waiting: (() => void)[], holds: boolean): Promise<void> {
    if ((is && !this.#busy) || current.getStore() === this) return Promise.resolve();
    return new Promise(resolve => {
      // A hook of this length is given up; whatever else is missing then is not waited for.
      const timer = setTimeout(resolve, Math.min(this.#options.limitMs, LONGEST_TIMER_MS));
      if (!holds) timer.unref();
      waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Resolves when every hook that was told of something is done; at once within one of its own. */
  settled(): Promise<void> {
    if (!this.#busy || current.getStore() === this) return Promise.resolve();
    return new Promise(resolve => this.#idle.push(resolve));
  }

  #next(): void {
    while (!this.#busy) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#busy = true;
      this.#call(next.name, next.call);
    }
    if (!this.#busy) this.#release();
  }

  #call(name: string, call: () => unknown): void {
    try {
      const result = this.#resource.runInAsyncScope(() => current.run(this, call));
      if (!isPromise(result)) {
        this.#busy = false;
        return;
      }
      within(result, this.#options.limitMs, (...failure) => {
        if (failure.length > 0) this.#options.failed(name, failure[0], this.path);
        this.#busy = false;
        this.#next();
      });
    } catch (error) {
      this.#options.failed(name, error, this.path);
      this.#busy = false;
    }
  }

  #release(): void {
    this.#sayDropped();
    const done = this.#idle.splice(0);
    if (this.#up || this.#ended) done.push(...this.#atStart.splice(0));
    if (this.#ended) done.push(...this.#atEnd.splice(0));
    for (const resolve of done) resolve();
  }

  #drop(name: string): void {
    this.#dropped += 1;
    if (this.#dropped > 1) return;
    const text = `${MAX_WAITING} calls wait for a hook of this actor: further ones are dropped until it is done`;
    this.#options.failed(name, new Error(text), this.path);
  }

  #sayDropped(): void {
    if (this.#dropped < 2) {
      this.#dropped = 0;
      return;
    }
    const text = `${this.#dropped} calls of hooks were dropped`;
    this.#dropped = 0;
    this.#options.failed('hooks', new Error(text), this.path);
  }
}
