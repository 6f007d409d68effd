/** Publish and subscribe, as this environment does it. A message for several subscriptions crosses once. */
import type { ActorRef } from './actor-ref.js';
import { type Check, flag, instance, integer, mismatch, oneOf, shape } from './check.js';
import type { Codec } from './codec.js';
import { inContext } from './context.js';
import { createError, errorFromNative, rethrown, type TroupeError } from './errors.js';
import { parseFailure } from './failures.js';
import type { NativeSubscription } from './native.js';
import type { Address, Port } from './port.js';
import { CONFIRM, PUBLISH, RETAIN } from './publication.js';
import { nameOf } from './ref-core.js';
import type { Slot, Waiter } from './slots.js';
import {
  closeSubscription,
  Subscription,
  type SubscriptionHost,
  type SubscriptionOverflow,
  type TopicMessage,
  takeMessage,
} from './subscription.js';
import { checkGroup, checkPattern, checkTopic, isOrdinary } from './topics.js';

/** Options of {@link ActorSystem.publish}. */
export interface PublishOptions<Message = Uint8Array> {
  /** Resolve with the number of mailboxes and environments that accepted the message; default `false`. */
  readonly confirm?: boolean | undefined;
  /** Keep the message as the last one of its topic, for subscriptions to come; default `false`. */
  readonly retain?: boolean | undefined;
  /** How the message is written; default bytes. */
  readonly codec?: Codec<Message, unknown> | undefined;
}

/** Options of {@link ActorSystem.subscribe} with a callback. */
export interface ListenOptions<Message = Uint8Array> {
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
  /** The queue group: of all its members that match, one gets each message. Default none. */
  readonly group?: string | undefined;
  /** Whether a message that matches several of the patterns comes once; default `false`: once for each. */
  readonly once?: boolean | undefined;
  /** How messages are read; default bytes. */
  readonly codec?: Codec<never, Message> | undefined;
}

/** Options of {@link ActorSystem.subscribe} without a callback. */
export interface SubscribeOptions<Message = Uint8Array> extends ListenOptions<Message> {
  /** Messages that wait at most; default 1,024. */
  readonly buffer?: number | undefined;
  /** What happens to a message for a full buffer; default `'drop-newest'`. */
  readonly overflow?: SubscriptionOverflow | undefined;
}

/** What the environment needs for it. */
export interface BrokerOptions {
  readonly port: Port;
  readonly refTo: (index: number, tagLo: number, tagHi: number) => ActorRef<never, unknown>;
  /** Reports a callback that failed, or a message that a codec could not read. */
  readonly failed: (what: string, error: unknown) => void;
}

/** A subscription, and how its messages are read. */
interface Entry {
  readonly subscription: Subscription<unknown>;
  readonly codec: Codec<never, unknown> | undefined;
  readonly once: boolean;
}

const DEFAULT_BUFFER = 1024;
const MAX_BUFFER = 1_000_000;
const HEAD_WORDS = 6;
/** Topics whose bytes are kept. */
const MAX_TEXTS = 1024;

const codec = instance('a codec: an object with encode and decode', isCodec);
const listenFields = {
  signal: instance('an AbortSignal', (value): value is AbortSignal => value instanceof AbortSignal),
  group: checkGroup,
  once: flag,
  codec,
};
const listenShape = shape(listenFields);
const subscribeShape = shape({
  ...listenFields,
  buffer: integer({ min: 1, max: MAX_BUFFER }),
  overflow: oneOf('drop-newest', 'drop-oldest'),
});
const publishShape = shape({ confirm: flag, retain: flag, codec });

function isCodec(value: unknown): value is Codec<never, unknown> {
  const given = value as Partial<Codec<never, unknown>> | null;
  return typeof given?.encode === 'function' && typeof given.decode === 'function';
}

const patternsOf: Check<string[]> = (value, path) => {
  if (!Array.isArray(value)) return [checkPattern(value, path)];
  if (value.length === 0) throw mismatch(path, 'at least one pattern', value);
  return value.map((pattern: unknown, index) => checkPattern(pattern, `${path}[${index}]`));
};

const encoder = new TextEncoder();

/** Publishes and subscribes for one environment. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #port: Port;
  /** By the numbers that the addon knows; they are not used again. */
  readonly #entries = new Map<number, Entry>();
  #lastTag = 0;
  /** The bytes of topics that are no ordinary ones. */
  readonly #texts = new Map<string, Uint8Array>();
  #inbox = new Inbox(new Uint8Array(0));
  /** Who published the last message. */
  #publisher: LastPublisher = { index: 0, tagLo: 0, tagHi: 0, get: nobody };

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  /** Publishes in the name of `publisher`. What becomes of the message is not told, unless a count is asked for. */
  publish(
    topic: string,
    message: unknown,
    options: PublishOptions<never> | undefined,
    publisher: Address = this.#port.sender,
  ): undefined | Promise<number> {
    const given = options === undefined ? {} : publishShape(options, 'options');
    const text = isOrdinary(topic) ? topic : this.#text(topic);
    const data = bytesOf(topic, message, given.codec as Codec<unknown, unknown> | undefined);
    const kind = PUBLISH | (given.retain ? RETAIN : 0) | (given.confirm ? CONFIRM : 0);
    const publication = { publisher, kind, topic: text, message: data, isLocal: this.#entries.size > 0 };
    if (!given.confirm) {
      if (!this.#port.closed) this.#port.publish(publication, 0);
      return undefined;
    }
    if (this.#port.closed) return Promise.reject(shutDown(`publish on '${topic}'`));
    const start = (slot: number): void => this.#port.publish(publication, slot);
    return this.#port.call(new CountWaiter(topic), start) as Promise<number>;
  }

  /** Subscribes; from the return of the call on no message is missed. */
  subscribe(patterns: unknown, second: unknown, third: unknown): Subscription<unknown> {
    const all = patternsOf(patterns, 'pattern');
    const isCallback = typeof second === 'function';
    if (!isCallback && second !== undefined && (typeof second !== 'object' || second === null)) {
      throw mismatch('callback', 'a function, or an object of options', second);
    }
    const options = isCallback ? third : second;
    const given: ReturnType<typeof subscribeShape> = isCallback
      ? listenShape(options ?? {}, 'options')
      : subscribeShape(options ?? {}, 'options');
    if (this.#port.closed) throw shutDown('subscribe');
    const subscription = new Subscription<unknown>(this.#host, {
      patterns: all,
      group: given.group,
      capacity: given.buffer ?? DEFAULT_BUFFER,
      overflow: given.overflow ?? 'drop-newest',
      signal: given.signal,
      callback: isCallback ? this.#callback(second as (message: unknown) => unknown, all) : undefined,
    });
    if (!subscription.closed) {
      const entry = { subscription, codec: given.codec, once: given.once ?? false };
      for (const pattern of all) this.#enter(entry, { pattern, group: given.group ?? null, once: false });
    }
    return subscription;
  }

  /** Takes a message as the addon wrote it. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const inbox = this.#inboxOf(bytes);
    const count = inbox.word(start, 4);
    const length = inbox.word(start, 5);
    const topicAt = start + (HEAD_WORDS + count) * 4;
    const dataAt = topicAt + ((length + 3) & ~3);
    const topic = inbox.text(topicAt, topicAt + length);
    const publisher = this.#publisherOf(inbox.word(start, 0), inbox.word(start, 1), inbox.word(start, 2));
    const retained = inbox.word(start, 3) === 1;
    let served: Set<Entry> | undefined;
    for (let number = 0; number < count; number += 1) {
      const entry = this.#entries.get(inbox.word(start, HEAD_WORDS + number));
      if (entry === undefined) continue;
      if (entry.once) {
        served ??= new Set();
        if (served.has(entry)) continue;
        served.add(entry);
      }
      this.#deliver(entry, topic, bytes.slice(dataAt, end), publisher, retained);
    }
  }

  /** What reads these bytes: the same as for the last message, which nearly always came in the same buffer. */
  #inboxOf(bytes: Uint8Array): Inbox {
    if (this.#inbox.bytes !== bytes) this.#inbox = new Inbox(bytes);
    return this.#inbox;
  }

  /** Who published, as a function: the same as for the last message, if that one was its publisher's. */
  #publisherOf(index: number, tagLo: number, tagHi: number): Publisher {
    const last = this.#publisher;
    if (last.index === index && last.tagLo === tagLo && last.tagHi === tagHi) return last.get;
    const isActor = index < 0x80000000 && (index | tagLo | tagHi) !== 0;
    const get = isActor ? () => this.#options.refTo(index, tagLo, tagHi) : nobody;
    this.#publisher = { index, tagLo, tagHi, get };
    return get;
  }

  /** The system is at its end, and every subscription with it. */
  close(): void {
    const all = new Set([...this.#entries.values()].map(entry => entry.subscription));
    this.#entries.clear();
    for (const subscription of all) closeSubscription(subscription);
  }

  readonly #host: SubscriptionHost = {
    end: subscription => this.#end(subscription),
    hold: on => this.#port.holdOpen(on),
  };

  #enter(entry: Entry, subscription: NativeSubscription): void {
    this.#lastTag += 1;
    this.#entries.set(this.#lastTag, entry);
    // What was published before belongs before.
    this.#port.flush();
    try {
      this.#port.native.subscribe(this.#lastTag, subscription);
    } catch (error) {
      entry.subscription.unsubscribe();
      throw rethrown(error);
    }
  }

  #end(subscription: Subscription<unknown>): void {
    if (this.#port.closed) return;
    this.#port.flush();
    for (const [tag, entry] of this.#entries) {
      if (entry.subscription !== subscription) continue;
      this.#entries.delete(tag);
      this.#port.native.unsubscribe(tag);
    }
  }

  #deliver(entry: Entry, topic: string, bytes: Uint8Array, publisher: Publisher, retained: boolean): void {
    let data: unknown;
    try {
      data = entry.codec === undefined ? bytes : entry.codec.decode(bytes);
    } catch (error) {
      this.#options.failed(`message on '${topic}'`, error);
      return;
    }
    takeMessage(entry.subscription, new Delivered(topic, data, publisher, retained));
  }

  /** A callback in the context it was given in; what it throws ends neither the subscription nor anything else. */
  #callback(callback: (message: unknown) => unknown, patterns: readonly string[]): (message: unknown) => void {
    const what = `subscription ${patterns.join(', ')}`;
    const bound = inContext(callback);
    const fail = (error: unknown): void => this.#options.failed(what, error);
    return message => {
      try {
        const result = bound(message);
        if (result instanceof Promise) result.catch(fail);
      } catch (error) {
        fail(error);
      }
    };
  }

  /** The bytes of a topic that is no ordinary one. */
  #text(topic: string): Uint8Array {
    const known = this.#texts.get(topic);
    if (known !== undefined) return known;
    const text = encoder.encode(checkTopic(topic, 'topic'));
    if (this.#texts.size >= MAX_TEXTS) this.#texts.clear();
    this.#texts.set(topic, text);
    return text;
  }
}

type Publisher = () => ActorRef<never, unknown> | undefined;

interface LastPublisher extends Address {
  readonly get: Publisher;
}

const nobody: Publisher = () => undefined;

/** The bytes that messages come in. */
class Inbox {
  readonly bytes: Uint8Array;
  readonly #words: DataView;
  readonly #texts: Buffer;
  /** The last text that was read, and where its bytes are. */
  #last = '';
  #lastBytes = new Uint8Array(0);

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The word with this number, from `start` on. */
  word(start: number, number: number): number {
    return this.#words.getUint32(start + number * 4, true);
  }

  /** What lies there; one topic often follows itself, and to compare bytes is cheaper than to read a text. */
  text(start: number, end: number): string {
    const last = this.#lastBytes;
    const length = end - start;
    let same = last.length === length;
    for (let at = 0; same && at < length; at += 1) same = last[at] === this.bytes[start + at];
    if (!same) {
      this.#last = this.#texts.toString('utf8', start, end);
      this.#lastBytes = this.bytes.slice(start, end);
    }
    return this.#last;
  }
}

/** A message; the reference to its publisher is made when somebody looks at it. */
class Delivered implements TopicMessage<unknown> {
  readonly topic: string;
  readonly data: unknown;
  readonly retained: boolean;
  readonly #publisher: Publisher;

  constructor(topic: string, data: unknown, publisher: Publisher, retained: boolean) {
    this.topic = topic;
    this.data = data;
    this.retained = retained;
    this.#publisher = publisher;
  }

  get publisher(): ActorRef<never, unknown> | undefined {
    return this.#publisher();
  }
}

/** Waits for the count of a confirmed publish. */
class CountWaiter implements Waiter {
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  settle(slot: Slot, status: number, bytes: Uint8Array, start: number, end: number): void {
    if (status === 0) {
      slot.resolve(new DataView(bytes.buffer, bytes.byteOffset + start, end - start).getUint32(0, true));
      return;
    }
    const message = `publish on '${this.#topic}': it was refused`;
    slot.reject(errorFromNative(status, parseFailure(status, bytes, start, end), { message }));
  }
}

function bytesOf(topic: string, message: unknown, codec: Codec<unknown, unknown> | undefined): Uint8Array {
  const refused = (what: string, cause?: unknown): TroupeError =>
    createError('ERR_VALUE', { message: `a message on '${topic}' ${what}`, cause });
  let payload = message;
  try {
    if (codec !== undefined) payload = codec.encode(message);
  } catch (cause) {
    throw refused(`cannot be encoded: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (payload instanceof Uint8Array) return payload;
  const hint = codec === undefined ? '; for values give publish a codec, such as json() or text()' : '';
  throw refused(`must be a Uint8Array, received ${nameOf(payload)}${hint}`);
}

function shutDown(operation: string): TroupeError {
  return createError('ERR_SHUTDOWN', { message: `${operation}: the system is shut down` });
}
