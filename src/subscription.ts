/**
 * Subscriptions of this environment: messages wait in a bounded buffer until a loop takes them, or a
 * callback is called for each. Subscribing and unsubscribing are done when the call returns.
 */
import type { ActorRef } from './actor-ref.js';

/** A published message. */
export interface TopicMessage<Data = Uint8Array> {
  /** What it was published on. */
  readonly topic: string;
  /** The message: bytes, or what the codec made of them. */
  readonly data: Data;
  /** The actor that published it; `undefined` for a message from JavaScript outside of actors. */
  readonly publisher: ActorRef<never, unknown> | undefined;
  /** It was published before the subscription began, and kept. */
  readonly retained: boolean;
}

/** What happens to a message for a full buffer. */
export type SubscriptionOverflow = 'drop-newest' | 'drop-oldest';

/** @internal What a subscription does with its environment. */
export interface SubscriptionHost {
  /** Ends it below. */
  end(subscription: Subscription<unknown>): void;
  /** Keeps the process alive for it, or no longer. */
  hold(on: boolean): void;
}

/** @internal How a subscription is made. */
export interface SubscriptionInit {
  readonly patterns: readonly string[];
  readonly group: string | undefined;
  readonly capacity: number;
  readonly overflow: SubscriptionOverflow;
  readonly signal: AbortSignal | undefined;
  /** Called for each message instead of keeping it for a loop. */
  readonly callback: ((message: TopicMessage<unknown>) => void) | undefined;
}

/** Somebody who waits for the next message. */
interface Taker<Data> {
  resolve(result: IteratorResult<TopicMessage<Data>, undefined>): void;
  reject(reason: unknown): void;
}

/** @internal */
export let takeMessage: (subscription: Subscription<unknown>, message: TopicMessage<unknown>) => void;
/** @internal */
export let closeSubscription: (subscription: Subscription<unknown>) => void;

/**
 * A subscription, made by `system.subscribe`. Without a callback it is looped over:
 * `for await (const { topic, data } of subscription)`. It ends with {@link Subscription.unsubscribe}, with
 * its loop, with the signal that was given, and with the system.
 */
export class Subscription<Data = Uint8Array>
  implements AsyncIterableIterator<TopicMessage<Data>, undefined>, Disposable
{
  /** What it is subscribed to. */
  readonly patterns: readonly string[];
  /** The queue group, if it is in one. */
  readonly group: string | undefined;
  readonly #host: SubscriptionHost;
  readonly #init: SubscriptionInit;
  /** A ring that grows up to the capacity. */
  #queue: (TopicMessage<Data> | undefined)[] = [];
  #first = 0;
  #takers: Taker<Data>[] = [];
  #dropped = 0;
  #closed = false;
  #failure: { readonly reason: unknown } | undefined;
  #offSignal: (() => void) | undefined;

  static {
    takeMessage = (subscription, message) => subscription.#take(message);
    closeSubscription = subscription => subscription.#close();
  }

  /** @internal */
  constructor(host: SubscriptionHost, init: SubscriptionInit) {
    this.patterns = Object.freeze([...init.patterns]);
    this.group = init.group;
    this.#host = host;
    this.#init = init;
    const { signal } = init;
    host.hold(true);
    if (signal === undefined) return;
    const onAbort = (): void => {
      this.#failure = { reason: signal.reason };
      this.#end();
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.#offSignal = () => signal.removeEventListener('abort', onAbort);
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Messages that wait to be taken. */
  get queued(): number {
    return this.#queue.length - this.#first;
  }

  /** Messages for which the buffer had no room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Ends it: no message is handed out afterwards, not even one that waits. Twice is no mistake. */
  unsubscribe(): void {
    this.#end();
  }

  /** The next message; `done` after the end. Rejects with the signal's reason after an abort. */
  next(): Promise<IteratorResult<TopicMessage<Data>, undefined>> {
    const message = this.#queue[this.#first];
    if (message !== undefined) {
      this.#shift();
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.reason);
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
    });
  }

  /** Ends it; a loop that is left does this. */
  return(): Promise<IteratorResult<TopicMessage<Data>, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The subscription itself: there is one buffer, however often it is looped over. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same as {@link Subscription.unsubscribe}, for `using`. */
  [Symbol.dispose](): void {
    this.#end();
  }

  /** The same as {@link Subscription.unsubscribe}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  #take(message: TopicMessage<unknown>): void {
    if (this.#closed) return;
    const { callback, capacity, overflow } = this.#init;
    if (callback !== undefined) {
      callback(message);
      return;
    }
    const value = message as TopicMessage<Data>;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker.resolve({ done: false, value });
      return;
    }
    if (this.queued >= capacity) {
      this.#dropped += 1;
      if (overflow === 'drop-newest') return;
      this.#shift();
    }
    this.#queue.push(value);
  }

  /** Takes the first message out; what is behind it moves up when half of the room in front is empty. */
  #shift(): void {
    this.#queue[this.#first] = undefined;
    this.#first += 1;
    if (this.#first * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }

  #end(): void {
    if (this.#closed) return;
    this.#host.end(this as Subscription<unknown>);
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#first = 0;
    this.#offSignal?.();
    this.#host.hold(false);
    const takers = this.#takers;
    this.#takers = [];
    for (const taker of takers) {
      if (this.#failure === undefined) taker.resolve({ done: true, value: undefined });
      else taker.reject(this.#failure.reason);
    }
  }
}
