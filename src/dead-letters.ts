/**
 * Dead letters: records of messages that nobody handled. They are kept natively; here they are listed, heard
 * of and sent again.
 */
import { type ActorRef, isActorRef } from './actor-ref.js';
import { either, flag, integer, isObject, mismatch, shape, size } from './check.js';
import type { Size } from './duration.js';
import { createError } from './errors.js';
import type { NativeAddress, NativeDeadLetter, NativeEvent, NativeSystem } from './native.js';
import type { RequestOptions } from './request-options.js';

/** Why a message was not handled; the order is that of the addon's list. */
export const LOSS_REASONS = [
  'no-such-actor',
  'stopped',
  'gave-up',
  'mailbox-full',
  'expired',
  'poison',
  'shutdown',
  'too-large',
  'killed',
  'stash-full',
  'no-subscriber',
  'cycle',
  'topic-refused',
  'unreadable',
] as const;

/** Why a message was not handled. */
export type LossReason = (typeof LOSS_REASONS)[number];

/** A message that nobody handled. */
export interface DeadLetter {
  /** Number within its system. */
  readonly id: number;
  /** Path of the actor that sent it, or `javascript:` and a number; `undefined` for nobody. */
  readonly sender: string | undefined;
  /** Path of the receiver it was for; empty when nobody knows. */
  readonly target: string;
  /** Why nobody handled it. */
  readonly reason: LossReason;
  /** Bytes of payload. */
  readonly size: number;
  /** Milliseconds since the system was created. */
  readonly time: number;
  /** The message itself, if {@link SystemOptions.captureDeadLetters} keeps it and newer ones did not take its place. */
  readonly payload: Uint8Array | undefined;
}

/** Which dead letters to list; all of them must hold. */
export interface DeadLetterFilter {
  /** For one of these reasons. */
  readonly reason?: LossReason | readonly LossReason[] | undefined;
  /** For this actor, by reference or path. */
  readonly target?: ActorRef<never, unknown> | string | undefined;
  /** From this actor, by reference or path. */
  readonly sender?: ActorRef<never, unknown> | string | undefined;
  /** Newer than the one with this number. */
  readonly after?: number | undefined;
}

/** Options of {@link ActorSystem.resend}. */
export interface ResendOptions extends RequestOptions {
  /** Who gets it; default the actor it was for. */
  readonly to?: ActorRef<never, unknown> | undefined;
}

/** How payloads of dead letters are kept. */
export interface CaptureOptions {
  /** Bytes of all payloads; beyond it the oldest are given up. Default `'8MiB'`. */
  readonly bytes?: Size | undefined;
}

const MIB = 1024 ** 2;
const DEFAULT_CAPTURE_BYTES = 8 * MIB;

/** Reads the option `captureDeadLetters`. */
export const captureShape = either<boolean, { bytes?: number }>(
  (value, path) => {
    if (typeof value === 'boolean') return flag(value, path);
    throw mismatch(path, 'true | false | { bytes }', value);
  },
  shape({ bytes: size({ min: 1, max: 1024 * MIB }) }),
  isObject,
);

/** Bytes of payloads that are kept; 0 for none. */
export function captureBytes(option: ReturnType<typeof captureShape> | undefined): number {
  if (option === undefined || option === false) return 0;
  return option === true ? DEFAULT_CAPTURE_BYTES : (option.bytes ?? DEFAULT_CAPTURE_BYTES);
}

function reasonsOf(value: unknown, path: string): ReadonlySet<string> {
  const reasons: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const reason of reasons) {
    if (LOSS_REASONS.includes(reason as LossReason)) continue;
    throw mismatch(path, LOSS_REASONS.map(word => `'${word}'`).join(' | '), reason);
  }
  return new Set(reasons as string[]);
}

function pathOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (isActorRef(value)) return value.path;
  throw mismatch(path, 'an actor reference or a path', value);
}

const filterShape = shape({
  reason: reasonsOf,
  target: pathOf,
  sender: pathOf,
  after: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
});

/** What is needed for them. */
export interface DeadLetterOptions {
  readonly native: NativeSystem;
  /** Payloads are kept. */
  readonly captures: boolean;
  readonly isClosed: () => boolean;
}

/** The dead letters of one system. */
export class DeadLetterOffice {
  readonly #options: DeadLetterOptions;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  /** Those that are kept, oldest first. */
  list(filter: unknown, kept: readonly DeadLetter[] | undefined): readonly DeadLetter[] {
    const { reason, target, sender, after } = filterShape(filter ?? {}, 'filter');
    const all = kept ?? this.all();
    return all.filter(
      letter =>
        (reason?.has(letter.reason) ?? true) &&
        (target === undefined || letter.target === target) &&
        (sender === undefined || letter.sender === sender) &&
        (after === undefined || letter.id > after),
    );
  }

  /** All that are kept, oldest first. */
  all(): readonly DeadLetter[] {
    return this.#options.native.deadLetters().map(publicForm);
  }

  /** The message and the address of the one with this number; throws when it has no payload. */
  contents(letter: unknown): { payload: Uint8Array; address: NativeAddress; target: string } {
    const id = isObject(letter) ? letter['id'] : letter;
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) {
      throw mismatch('letter', 'a dead letter, or its number', letter);
    }
    const kept = this.#options.native.deadLetter(id);
    if (kept?.payload != null) return { ...kept, payload: kept.payload };
    const why = this.#options.captures
      ? 'newer ones took its place: give captureDeadLetters more bytes, or the option deadLetters more records'
      : 'payloads are not kept: create the system with captureDeadLetters';
    throw createError('ERR_VALUE', { message: `letter: dead letter ${id} has no payload; ${why}`, path: 'letter' });
  }

  /** What an event says of a dead letter, with the path of its sender. */
  complete(event: NativeEvent): NativeEvent {
    const { senderAddress } = event;
    if (!senderAddress || this.#options.isClosed()) return event;
    const [index, tagLo, tagHi] = senderAddress;
    const path = this.#options.native.status(index, tagLo, tagHi)?.path;
    return path === undefined ? event : { ...event, sender: path };
  }

  /** A dead letter as its listeners get it. */
  ofEvent(event: NativeEvent): DeadLetter {
    const { id = 0, sender = null, target = '', reason, size: bytes = 0, time = 0 } = event;
    const { captures, isClosed, native } = this.#options;
    const payload = captures && !isClosed() ? (native.deadLetter(id)?.payload ?? null) : null;
    return publicForm({ id, sender, target, reason: reason as string, size: bytes, time, payload });
  }
}

/** A dead letter in its public form. */
function publicForm(letter: Omit<NativeDeadLetter, 'address'>): DeadLetter {
  const { id, sender, target, reason, size: bytes, time, payload } = letter;
  return Object.freeze({
    id,
    sender: sender || undefined,
    target,
    reason: reason as LossReason,
    size: bytes,
    time,
    payload: payload ?? undefined,
  });
}
