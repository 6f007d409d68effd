/**
 * Actors in JavaScript: the same mailbox, supervision and addresses as any other actor, with
 * handlers that run on the thread of the system they belong to.
 */
import type { ActorRef, Down } from './actor-ref.js';
import { isObject, mismatch } from './check.js';
import type { Codec } from './codec.js';
import type { Duration } from './duration.js';
import type { HealthAnswer } from './health.js';
import type { Monitor } from './monitor.js';
import type { Queued } from './queued.js';
import type { Receiver } from './receiver.js';
import type { RequestOptions } from './request-options.js';
import type { Timer, TimerOptions } from './timer.js';
import type { TopicSpace } from './topic-space.js';
import type { SubscribeActorOptions } from './topics.js';

/** Writes log lines of an actor; they become `log` events. */
export interface ActorLog {
  /** For whoever looks for a fault. */
  debug(text: string): void;
  /** For whoever wants to know what goes on. */
  info(text: string): void;
  /** Something to look at. */
  warn(text: string): void;
  /** Something is wrong. */
  error(text: string): void;
}

/**
 * What an actor knows and can do. One object for each life; `sender` is that of the message in hand.
 * All of it may be taken out: `(message, { state, sender, tell }) => …`.
 */
export interface ActorContext<State = undefined, Message = never> {
  /** What `start` returned. It may be replaced; the next life begins with a new one. */
  state: State;
  /** The actor that sent the message, without a codec; `undefined` for a message from outside, or for a request. */
  readonly sender: ActorRef | undefined;
  /** The topic of a published message; `undefined` for one that was sent to the actor. */
  readonly topic: string | undefined;
  /** Whether it was published before the subscription began, and kept. */
  readonly retained: boolean;
  /** What waits in its mailbox behind the message in hand, with the option `pressure`; otherwise `undefined`. */
  readonly queued: Queued | undefined;
  /** The actor itself. */
  readonly self: ActorRef<Message, unknown>;
  /** Which life this is: 1 for the first. */
  readonly incarnation: number;
  /** The references given in the option `peers`. */
  readonly peers: Readonly<Record<string, ActorRef<never, unknown>>>;
  /** Aborted when this life is over: killed, crashed, over its time, or stopped. Hand it to whatever waits. */
  readonly signal: AbortSignal;
  /** Writes log lines. */
  readonly log: ActorLog;
  /**
   * Sends a message at once, with this actor as its sender; to an actor of another system, as from outside. A pool passes it to
   * a member, as `pool.tell` does.
   */
  tell<Request>(target: Receiver<Request, unknown>, message: Request): void;
  /**
   * Sends a request; it ends with this life at the latest. Made while a function of the actor is at work, it is made on
   * behalf of the request in hand: it has what is left of that one's deadline, and rejects with `ERR_ASK_CYCLE` if it
   * would wait for itself. The actor is taken to wait for it; `target.ask` is a request that it does not wait for. A pool
   * passes it to a member, as `pool.ask` does.
   */
  ask<Request, Answer>(target: Receiver<Request, Answer>, message: Request, options?: RequestOptions): Promise<Answer>;
  /** Joins a group, as {@link ActorRef.join} does. */
  join(group: string): boolean;
  /** Leaves a group. */
  leave(group: string): boolean;
  /** Publishes at once, as `system.publish` does, with this actor as the publisher. */
  readonly publish: TopicSpace['publish'];
  /** Subscribes the actor, as `ref.subscribe` does: over its restarts, until its end. */
  subscribe(pattern: string, options?: SubscribeActorOptions): boolean;
  /** Takes a subscription back, as `ref.unsubscribe` does. */
  unsubscribe(pattern: string): boolean;
  /**
   * Watches an actor: the function `down` is called once, as a message is handled, when it has ended for good; soon
   * if it has. A restart is no end. A monitor outlives the life that set it.
   */
  monitor(target: ActorRef<never, unknown>): Monitor;
  /** Shares the fate of an actor: an abnormal end of one ends the life of the other, with the reason `linked`. */
  link(target: ActorRef<never, unknown>): void;
  /** Ends that. */
  unlink(target: ActorRef<never, unknown>): void;
  /**
   * Sends a message to the actor itself once, after a delay. Timers that are set here belong to this life: a restart
   * cancels them, and `start` may set them anew.
   */
  after(delay: Duration, message: Message, options?: TimerOptions): Timer;
  /** Sends a message to the actor itself again and again, each a period after the last one was handled. */
  every(period: Duration, message: Message, options?: TimerOptions): Timer;
  /** Sends a message to the actor itself again and again, by a schedule. */
  everyFixedRate(period: Duration, message: Message, options?: TimerOptions): Timer;
  /** Cancels the timer of this life that has this key; see {@link Timer.cancel}. */
  cancelTimer(key: string): boolean;
  /** How many periods of its timer went by while the message in hand waited; 0 for a message of no timer. */
  readonly missed: number;
  /**
   * Puts the message in hand aside: it counts as not handled, and comes again after {@link ActorContext.unstash},
   * or in the next life. What the handler returns is no reply then.
   */
  stash(): void;
  /** What was put aside comes next, in its order, once the message or the notice in hand is done. */
  unstash(): void;
  /** Stops the actor after the message in hand, or when `start`, `health` or `down` is done; at once where none of them is at work. */
  stop(): void;
  /** A reply that says no: return it, and the request rejects with `ERR_GUEST_FAILURE`. The actor goes on. */
  fail(reason: unknown): Failure;
}

/** What {@link ActorContext.fail} makes. */
export class Failure {
  /** What the caller is told, as the codec writes it. */
  readonly reason: unknown;

  /** @internal */
  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/** What a handler may return: the reply to a request, or nothing. */
export type Handled<Reply> = Reply | Failure | void | Promise<Reply | Failure | void>;

/** What an actor does. One message at a time: the next one waits until `handle` has returned, or its promise is settled. */
export interface ActorFunctions<Message, Reply, State, Config> {
  /** Comes up; what it returns is the state. What it throws fails the start. */
  readonly start?: (config: Config, context: ActorContext<undefined, Message>) => State | Promise<State>;
  /** Handles a message; the result is the reply to a request. What it throws is a crash. */
  readonly handle: (message: Message, context: ActorContext<State, Message>) => Handled<Reply>;
  /**
   * Answers a health probe, if the option `health` asks for probes: a state, or a state and a text;
   * nothing for "unknown". What it throws is an unhealthy answer.
   */
  readonly health?: (context: ActorContext<State, Message>) => HealthAnswer | Promise<HealthAnswer>;
  /** Is told that an actor has ended that it watches with `context.monitor`; one notice or message at a time. */
  readonly down?: (down: Down, context: ActorContext<State, Message>) => unknown;
  /** Goes down in order: after a stop, a drain or a shutdown, not after a crash or a kill. */
  readonly stop?: (context: ActorContext<State, Message>) => unknown;
}

/** @internal */
export type AnyFunctions = ActorFunctions<unknown, unknown, unknown, unknown>;
/** @internal */
export type AnyCodec = Codec<unknown, unknown>;
/** @internal */
export type AnyDefinition = ActorDefinition<never, unknown, never>;
/** @internal */
export let functionsOf: (definition: AnyDefinition) => AnyFunctions;
/** @internal */
export let codecOf: (definition: AnyDefinition) => AnyCodec | undefined;
/** @internal */
export let isDefinition: (value: unknown) => value is AnyDefinition;

/** What to make actors of: given to `system.spawn`. Made by {@link actor}. */
export class ActorDefinition<in Message = Uint8Array, out Reply = Uint8Array, in Config = unknown> {
  /** For the compiler: what its actors take and give. */
  declare protected readonly types: (message: Message, config: Config) => Reply;
  readonly #functions: AnyFunctions;
  readonly #codec: AnyCodec | undefined;

  static {
    functionsOf = definition => definition.#functions;
    codecOf = definition => definition.#codec;
    isDefinition = (value): value is AnyDefinition => typeof value === 'object' && value !== null && #codec in value;
  }

  /** @internal */
  constructor(functions: AnyFunctions, codec: AnyCodec | undefined) {
    this.#functions = functions;
    this.#codec = codec;
    Object.freeze(this);
  }
}

/**
 * Defines an actor in JavaScript. Messages and replies are bytes; with a codec they are values. The
 * codec is used in both directions, so it must read what it writes, as `json()` and `text()` do, or say how
 * ({@link Codec.served}).
 */
export function actor<Message, Reply, State = undefined, Config = unknown>(
  definition: ActorFunctions<Message, Reply, State, Config> & { readonly codec: Codec<Message, Reply> },
): ActorDefinition<Message, Reply, Config>;
export function actor<State = undefined, Config = unknown>(
  definition: ActorFunctions<Uint8Array, Uint8Array, State, Config> & { readonly codec?: undefined },
): ActorDefinition<Uint8Array, Uint8Array, Config>;
export function actor(definition: object): unknown {
  const given: unknown = definition;
  if (!isObject(given)) throw mismatch('definition', 'an object with a function handle', given);
  const known = ['start', 'handle', 'stop', 'health', 'down', 'codec'];
  for (const [key, value] of Object.entries(given)) {
    if (!known.includes(key)) throw mismatch(`definition.${key}`, `one of ${known.join(', ')}`, value);
  }
  const { start, handle, stop, health, down, codec } = given as unknown as AnyFunctions & { readonly codec?: AnyCodec };
  for (const [name, value] of Object.entries({ start, handle, stop, health, down })) {
    const isFunction = typeof value === 'function' || (name !== 'handle' && value === undefined);
    if (!isFunction) throw mismatch(`definition.${name}`, 'a function', value);
  }
  const isCodec = codec === undefined || (typeof codec?.encode === 'function' && typeof codec.decode === 'function');
  if (!isCodec) throw mismatch('definition.codec', 'a codec: an object with encode and decode', codec);
  const optional = Object.entries({ start, stop, health, down }).filter(([, value]) => value !== undefined);
  const functions = { handle, ...Object.fromEntries(optional) };
  return new ActorDefinition(functions, codec);
}
