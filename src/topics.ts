/** The grammar of topics and patterns. The addon knows it; what is plainly right is not asked for. */
import { type Check, flag, isObject, mismatch, shape } from './check.js';
import { createError } from './errors.js';
import { type NativeSubscription, native } from './native.js';

/** One entry of the option `subscribe`: a pattern, and how to be subscribed to it. */
export interface TopicSubscription {
  /** Which topics: `*` stands for one token, `>` at the end for one or more, `#` at the end for any number. */
  readonly topic: string;
  /** The queue group: of all its members that match, one gets each message. Default none. */
  readonly group?: string | undefined;
  /** Whether a message that matches several of the actor's subscriptions with this option comes once. Default `false`. */
  readonly once?: boolean | undefined;
}

/** Options of `ref.subscribe`. */
export type SubscribeActorOptions = Omit<TopicSubscription, 'topic'>;

const MAX_BYTES = 512;
/** Topics and patterns without anything special, of at most 32 tokens. */
const ORDINARY = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*){0,31}$/;

/** Returns the topic found at `path`, or throws `ERR_TOPIC_INVALID`. */
export function checkTopic(value: unknown, path: string): string {
  if (typeof value !== 'string') throw mismatch(path, 'a string', value);
  if (!isOrdinary(value)) refuse(native().checkTopic(value), path);
  return value;
}

/** Returns the pattern found at `path`, or throws `ERR_TOPIC_INVALID`. */
export function checkPattern(value: unknown, path: string): string {
  if (typeof value !== 'string') throw mismatch(path, 'a string', value);
  if (!isOrdinary(value)) refuse(native().checkPattern(value, null), path);
  return value;
}

/** Returns the name of a queue group found at `path`, or throws `ERR_TOPIC_INVALID`. */
export const checkGroup: Check<string> = (value, path) => {
  if (typeof value !== 'string') throw mismatch(path, 'a string', value);
  refuse(native().checkPattern('a', value), path);
  return value;
};

/** Whether this is plainly a topic, and a pattern too; each of its characters is one byte. */
export function isOrdinary(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_BYTES && ORDINARY.test(value);
}

function refuse(why: string | null, path: string): void {
  if (why !== null) throw createError('ERR_TOPIC_INVALID', { message: `${path}: ${why}`, path });
}

const entry = shape({ topic: checkPattern, group: checkGroup, once: flag });
const actorOptions = shape({ group: checkGroup, once: flag });

/** Reads the option `subscribe`. */
export const subscribeShape: Check<NativeSubscription[]> = (value, path) => {
  if (!Array.isArray(value)) throw mismatch(path, "an array of patterns or of objects such as { topic: 'a.*' }", value);
  return value.map((one: unknown, index) => {
    const at = `${path}[${index}]`;
    if (typeof one === 'string') return subscription(checkPattern(one, at), {});
    if (!isObject(one)) throw mismatch(at, "a pattern or an object such as { topic: 'a.*' }", one);
    const { topic, ...options } = entry(one, at);
    if (topic === undefined) throw mismatch(`${at}.topic`, 'a string', undefined);
    return subscription(topic, options);
  });
};

/** Reads a pattern and the options of a subscription of an actor. */
export function actorSubscription(pattern: unknown, options: unknown): NativeSubscription {
  return subscription(checkPattern(pattern, 'pattern'), actorOptions(options ?? {}, 'options'));
}

function subscription(pattern: string, options: ReturnType<typeof actorOptions>): NativeSubscription {
  return { pattern, group: options.group ?? null, once: options.once ?? false };
}
