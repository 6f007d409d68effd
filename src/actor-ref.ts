/** References: how an actor is addressed. Cheap, frozen, comparable by `id`, valid across restarts. */
import { inspect } from 'node:util';
import { mismatch } from './check.js';
import type { Duration } from './duration.js';
import type { ExitReason } from './errors.js';
import type { HealthState, HealthStatus } from './health.js';
import { type Monitor, PortMonitor } from './monitor.js';
import { checkName } from './names.js';
import type { NativeCounters, NativeStatus } from './native.js';
import { ASK, SEND } from './port.js';
import type { RefCore, RefOwner } from './ref-core.js';
import {
  DEFAULT_TIMEOUT_MS,
  type RequestOptions,
  requestOptions,
  type StopOptions,
  stopOptions,
} from './request-options.js';
import type { CustomState } from './state.js';
import { every, onceAfter, type Timer, type TimerOptions } from './timer.js';
import type { SubscribeActorOptions } from './topics.js';

/** States that an actor goes through. `terminated` and `failed` are for good. */
export type ActorState =
  | 'creating'
  | 'starting'
  | 'ready'
  | 'restarting'
  | 'draining'
  | 'stopping'
  | 'suspended'
  | 'terminated'
  | 'failed';

/** Sums of one actor since it was spawned; they never go down. */
export type ActorCounters = NativeCounters;

/** What an actor is doing. */
export interface ActorStatus {
  /** Where it is in its life. */
  readonly state: ActorState;
  /** Names from the root, joined by `/`. */
  readonly path: string;
  /** The registered name, if it has one. */
  readonly name: string | undefined;
  /** Which life it is in: 1 at first, one more with each start attempt. */
  readonly incarnation: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Messages in its mailbox. */
  readonly queued: number;
  /** Messages in the hands of its handler. */
  readonly inHand: number;
  /** Length of its present life in milliseconds. */
  readonly uptimeMs: number;
  /** What became of its messages. */
  readonly counters: ActorCounters;
  /** What its last health probe found. */
  readonly health: HealthStatus;
  /** Why it ended, if it has. */
  readonly exit: ExitReason | undefined;
}

/** An actor has ended for good. */
export interface Down {
  /** The actor. */
  readonly ref: ActorRef<never, unknown>;
  /** Why; `no-such-actor` when it had ended before the monitor was set. */
  readonly reason: ExitReason;
  /** Its last life; 0 when it is not known. */
  readonly incarnation: number;
}

const NO_COUNTERS: ActorCounters = Object.freeze({
  offered: 0,
  accepted: 0,
  handled: 0,
  failedInHandler: 0,
  discarded: 0,
  expired: 0,
  aborted: 0,
  refused: 0,
  losses: Object.freeze({}),
});

/** What is known of an actor that nobody has asked. */
const UNKNOWN: HealthStatus = Object.freeze({ status: 'unknown', text: '' });

/** @internal A status in its public form. */
export function statusOf(status: NativeStatus): ActorStatus {
  const { path, incarnation, restarts, queued, inHand, uptimeMs, counters } = status;
  return {
    state: status.state as ActorState,
    path,
    name: status.name ?? undefined,
    incarnation,
    restarts,
    queued,
    inHand,
    uptimeMs,
    counters,
    health: { status: status.health.status as HealthState, text: status.health.text },
    exit: status.exit ?? undefined,
  };
}

/** @internal What stands behind a reference. */
export let coreOf: (ref: ActorRef<never, unknown>) => RefCore;
/** @internal Whether a value is a reference. */
export let isActorRef: (value: unknown) => value is ActorRef;

/** The address of an actor, and what can be done with it. Made by `system.spawn` and `system.find`. */
export class ActorRef<in Message = Uint8Array, out Reply = Uint8Array> {
  readonly #core: RefCore;

  static {
    coreOf = ref => ref.#core;
    isActorRef = (value): value is ActorRef => typeof value === 'object' && value !== null && #core in value;
  }

  /** @internal */
  constructor(core: RefCore) {
    this.#core = core;
    Object.freeze(this);
  }

  /** Never reused within a system; equal for every reference to the same actor. */
  get id(): bigint {
    return this.#core.id;
  }

  /** Names from the root, joined by `/`. */
  get path(): string {
    return this.#core.path;
  }

  /** The registered name, if it has one. */
  get name(): string | undefined {
    return this.#core.name;
  }

  /**
   * Sends a message and forgets it. Never waits, and never throws for what becomes of the message:
   * one that cannot be delivered is a dead letter. A value of the wrong type is a mistake in the
   * program and throws `ERR_VALUE`.
   */
  tell(message: Message): void {
    this.#core.tell(message);
  }

  /** Sends a message; settles when it is in the mailbox, which is how a fast sender is slowed down. */
  send(message: Message, options?: RequestOptions): Promise<void> {
    return this.#request(SEND, message, options) as Promise<void>;
  }

  /** Sends a request; resolves with the reply. Never throws: what goes wrong rejects the promise. */
  ask(message: Message, options?: RequestOptions): Promise<Reply> {
    return this.#request(ASK, message, options) as Promise<Reply>;
  }

  /**
   * Stops the actor after the message in hand; the rest of its mailbox become dead letters, or are
   * handled first with `drain`. Resolves when it has ended. Stopping twice is no mistake.
   */
  async stop(options?: StopOptions): Promise<ExitReason> {
    const { drain, graceMs } = stopOptions(options);
    return this.#core.stop(drain, graceMs);
  }

  /** Ends the actor now, even in the middle of a handler. `false` when it had ended before. */
  kill(): boolean {
    return this.#core.kill();
  }

  /** What the actor is doing. */
  status(): ActorStatus {
    const status = this.#core.status();
    if (status !== undefined) return statusOf(status);
    const { path, name, exit } = this.#core;
    const none = {
      incarnation: 0,
      restarts: 0,
      queued: 0,
      inHand: 0,
      uptimeMs: 0,
      counters: NO_COUNTERS,
      health: UNKNOWN,
    };
    return { state: 'terminated', path, name, exit, ...none };
  }

  /**
   * What the last health probe found (see {@link SpawnOptions.health}); `'unknown'` for an actor that is
   * not probed, was not yet, or does not say. Asks nobody: the answer is what the system knows.
   */
  health(): HealthStatus {
    return this.status().health;
  }

  /** A value beside the actor that survives its restarts (see {@link SpawnOptions.state}). */
  get state(): CustomState {
    return this.#core.state;
  }

  /** Resolves when the actor has ended for good, with the reason. Does not keep the process alive. */
  get stopped(): Promise<ExitReason> {
    return this.#core.stopped;
  }

  /**
   * Calls a function once, when the actor has ended for good: a restart is no end. By then its name is free and
   * its requests are settled. The result takes the monitor back; it may be used with `using`.
   */
  monitor(callback: (down: Down) => unknown): Monitor {
    if (typeof callback !== 'function') throw mismatch('callback', 'a function', callback);
    return new PortMonitor(this.#core, (reason, incarnation) =>
      callback(Object.freeze({ ref: this, reason, incarnation })),
    );
  }

  /**
   * Sends a message once, after a delay. Timers that are set through a reference belong to the actor's place: they
   * survive its restarts, and end when it has ended. No mailbox is too full for what they send, and at
   * most one message of each waits there.
   */
  after(delay: Duration, message: Message, options?: TimerOptions): Timer {
    return this.#core.timer(onceAfter(delay, options), message);
  }

  /** Sends a message again and again, each a period after the last one was handled. See {@link ActorRef.after}. */
  every(period: Duration, message: Message, options?: TimerOptions): Timer {
    return this.#core.timer(every(period, false, options), message);
  }

  /**
   * Sends a message again and again by a schedule, however long handling takes; those that fall due while one waits
   * are left out. See {@link ActorRef.after}.
   */
  everyFixedRate(period: Duration, message: Message, options?: TimerOptions): Timer {
    return this.#core.timer(every(period, true, options), message);
  }

  /**
   * Ties two actors together: when one of them ends abnormally, the life of the other ends with the reason
   * `linked`. An orderly end changes nothing for the other. Linking twice is the same as once.
   */
  link(other: ActorRef<never, unknown>): void {
    this.#core.link(this.#other(other), true);
  }

  /** Undoes {@link ActorRef.link}, whichever of the two it was called on. */
  unlink(other: ActorRef<never, unknown>): void {
    this.#core.link(this.#other(other), false);
  }

  /**
   * Joins a group; `false` when it is in it already. A group is a set of actors under a name like an actor's: it is there while
   * somebody is in it. An actor stays in it over its restarts, and leaves with its end at the latest. One that has
   * stopped cannot join: that throws `ERR_ACTOR_STOPPED`.
   */
  join(group: string): boolean {
    return this.#core.join(checkName(group, 'group'));
  }

  /** Leaves a group; `false` when it is not in it. */
  leave(group: string): boolean {
    return this.#core.leave(checkName(group, 'group'));
  }

  /**
   * Subscribes the actor to the topics that match a pattern, until it ends or {@link ActorRef.unsubscribe} is called:
   * what is published after the call comes into its mailbox. Subscribing twice is the same as once. `false` when
   * the actor has ended.
   */
  subscribe(pattern: string, options?: SubscribeActorOptions): boolean {
    return this.#core.subscribe(pattern, options);
  }

  /**
   * Takes a subscription back that {@link ActorRef.subscribe} or the option `subscribe` made: after the call
   * no message of it begins to be handled. `false` when there was none.
   */
  unsubscribe(pattern: string): boolean {
    return this.#core.unsubscribe(pattern);
  }

  /** The path, as JSON. */
  toJSON(): string {
    return this.path;
  }

  /** Path, state and queue, for people. */
  toString(): string {
    const { path, state, queued } = this.status();
    return `ActorRef(${path} ${state}, ${queued} queued)`;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  #other(other: unknown): RefCore {
    return coreHere(other, this.#core.owner, 'other');
  }

  #request(kind: number, message: Message, options: RequestOptions | undefined): Promise<unknown> {
    if (options === undefined) return this.#core.request(kind, message, DEFAULT_TIMEOUT_MS, undefined);
    try {
      const { timeoutMs, signal, endless } = requestOptions(options);
      if (endless) this.#core.owner.warnOfEndlessAsk(this.path);
      return this.#core.request(kind, message, timeoutMs, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/**
 * @internal What stands behind a reference found at `path` to an actor of this system: in another one, the same address is
 * somebody else's. `expected` says what else might stand there.
 */
export function coreHere(value: unknown, owner: RefOwner, path: string, expected = 'an actor reference'): RefCore {
  if (!isActorRef(value)) throw mismatch(path, expected, value);
  const core = coreOf(value);
  if (core.owner !== owner) throw mismatch(path, 'an actor of this system', value);
  return core;
}
