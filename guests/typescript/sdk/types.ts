/** What the author of an actor writes and is given. */
import type { Address } from './frames.js';

/** Bytes as they are, or text as its UTF-8. */
export type Payload = Uint8Array | string;

export interface AskOptions {
  /** Milliseconds until the ask fails; the host's default when it is left out. What is left for the ask in hand is never exceeded. */
  timeout?: number;
}

export interface TellOptions {
  /** Asks to be told, through `refused`, when the message is not delivered; the tag says which one it was. */
  tag?: number;
}

export interface PublishOptions {
  /** Keep the message as the last one of its topic, for subscriptions to come. */
  retain?: boolean;
  /** Asks to be told, through `refused`, when the topic is not allowed; the tag says which message it was. */
  tag?: number;
}

export interface SubscribeOptions {
  /** The queue group: of all its members that match, one gets each message. */
  group?: string;
  /** A message that matches several of this actor's subscriptions with this option comes once. */
  once?: boolean;
  /** Asks to be told, through `refused`, when the pattern is not allowed; the tag is what `subscribe` returned. */
  report?: boolean;
}

export interface TimerOptions {
  /** A timer with the same key is replaced. */
  key?: string;
}

/** A timer that is set. */
export interface Timer {
  /** No message of it is handled in a later turn. */
  cancel(): void;
}

/** A message of this actor that was not delivered. */
export interface Refusal {
  /** What `tell` was given. */
  readonly tag: number;
  /** The number of the error code, as the reference lists them. */
  readonly code: number;
  readonly message: string;
}

/** An actor that this one watched has ended for good. */
export interface Down {
  /** What `monitor` returned; another number when an earlier life of this actor set the monitor. */
  readonly monitor: number;
  /** Who ended. */
  readonly address: Address;
  /** Why, as one of a closed list, such as `normal`, `killed`, `trap` or `no-such-actor`. */
  readonly reason: string;
  /** The same in words; empty when there is no more to say. */
  readonly text: string;
  /** Its last life; 0 when it had ended before the monitor was set. */
  readonly incarnation: number;
}

export interface Log {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

/** What an actor knows of itself; the same object for its whole life. */
export interface ActorContext {
  /** The actor's own address, to hand out in a peer's stead. */
  readonly self: Address;
  /** Where it stands in the system, as `/user/parser`. */
  readonly path: string;
  /** Which life this is, 1 for the first. */
  readonly incarnation: number;
  /** The addresses it was given, by name. */
  readonly peers: Readonly<Record<string, Address>>;
  /** Its custom state as it was when this life began, if the spawn hands it over; read as the configuration is. */
  readonly state: unknown;
  readonly log: Log;
  /** A number from 0 up to 1, seeded by the host: other numbers in each life of each actor. */
  random(): number;
}

/** What waits in the actor's mailbox behind the message in hand: as it was when the turn began, less what was taken since. */
export interface Queued {
  /** Messages that wait. */
  readonly messages: number;
  /** Bytes of everything that waits, with the header of each message. */
  readonly bytes: number;
  /** Most messages that the mailbox holds; `Infinity` for no bound. */
  readonly capacity: number;
  /** Most bytes that it holds; `Infinity` for no bound. */
  readonly capacityBytes: number;
  /** Whether it was filled to 80 % of one of its bounds, or somebody waited for room in it. */
  readonly high: boolean;
}

/** What a handler is given with a message. */
export interface MessageContext extends ActorContext {
  /** Who sent or published it; undefined when it came from outside of the system. */
  readonly sender: Address | undefined;
  /** Whether an answer is waited for. */
  readonly isAsk: boolean;
  /** What the message was published on; undefined for one that was sent to this actor. */
  readonly topic: string | undefined;
  /** Whether it was published before the subscription began, and kept. */
  readonly retained: boolean;
  /** What waits behind this message, with the spawn option `pressure`; otherwise undefined. */
  readonly queued: Queued | undefined;
  /** Answers the ask, once. Answering a message that is no ask is an error. */
  reply(payload: Payload): void;
  /** Fails the ask with an error of the actor's own, once. */
  fail(payload: Payload): void;
  /** Keeps the ask open when the handler ends: a later message's handler answers it with this context. */
  defer(): void;
  /** Sends a message, one way. */
  tell(target: Address, payload: Payload, options?: TellOptions): void;
  /**
   * Asks and waits for the answer; rejects with an `AskError`. It is made on behalf of this message: it has what is left of
   * its deadline, and fails at once where it would wait for itself.
   */
  ask(target: Address, payload: Payload, options?: AskOptions): Promise<Uint8Array>;
  /** Publishes a message to everybody who is subscribed to its topic. */
  publish(topic: string, payload: Payload, options?: PublishOptions): void;
  /**
   * Subscribes this actor to the topics that match a pattern: over its restarts, until it ends or takes it back. What
   * comes is handled as any message. Returns the number of the subscription: the same in each life.
   */
  subscribe(pattern: string, options?: SubscribeOptions): number;
  /** Takes a subscription back: no message of it begins to be handled any more. The group is that of the subscription. */
  unsubscribe(pattern: string, options?: { group?: string }): void;
  /**
   * Watches an actor: `down` is called once when it has ended for good, soon if it has. A restart is no end. The
   * result is what takes it back. A monitor outlives the life that set it.
   */
  monitor(target: Address): number;
  /** Takes a monitor back: nothing is told of it any more. */
  demonitor(monitor: number): void;
  /** Shares the fate of an actor: an abnormal end of one ends the life of the other, with the reason `linked`. */
  link(target: Address): void;
  /** Ends that. */
  unlink(target: Address): void;
  /** How many periods of its timer went by while this message waited; 0 when it is of no timer. */
  readonly missed: number;
  /** Sends a message to the actor itself after so many milliseconds. A restart cancels timers. */
  after(delay: number, payload: Payload, options?: TimerOptions): Timer;
  /** Sends a message to the actor itself again and again, each a period after the last one was handled. */
  every(period: number, payload: Payload, options?: TimerOptions): Timer;
  /** The same by a schedule, however long handling takes. */
  everyFixedRate(period: number, payload: Payload, options?: TimerOptions): Timer;
  /** Cancels the timer with this key, if there is one. */
  cancelTimer(key: string): void;
  /**
   * Puts this message aside, before the handler waits for anything: it comes again after `unstash`, or in the next
   * life. What the handler returns is no answer then.
   */
  stash(): void;
  /** What was put aside comes next, in its order. */
  unstash(): void;
  /** Stops this actor after the turn. */
  stop(): void;
}

/** Answers an ask with what it returns: with nothing when that is undefined and no answer was given. */
export type Handler = (
  message: Uint8Array,
  context: MessageContext,
) => Payload | undefined | void | Promise<Payload | undefined | void>;

/** How an actor is, and why. */
export type Health = HealthState | { readonly status: HealthState; readonly text?: string };

export type HealthState = 'healthy' | 'degraded' | 'unhealthy' | 'unknown';

export interface ActorDefinition<Config = unknown> {
  /** How `config` reads the user's bytes: parsed as JSON, the default, or as they are. */
  config?: 'json' | 'bytes';
  /** Comes up. What it throws fails the start. It may log, but not send: its address works once it is up. */
  start?(config: Config, context: ActorContext): void | Promise<void>;
  /** Handles one message at a time: the next one waits until what this returned has settled. */
  handle: Handler;
  /** Answers a health probe; what it throws is an unhealthy answer. Without it the actor's health is unknown. */
  health?(context: ActorContext): Health | Promise<Health>;
  /** Is told of a message that had a tag and was not delivered. */
  refused?(refusal: Refusal, context: MessageContext): void | Promise<void>;
  /** Is told that an actor has ended that it watched with `monitor`. */
  down?(down: Down, context: MessageContext): void | Promise<void>;
  /** Goes down in order. */
  stop?(): void | Promise<void>;
}
