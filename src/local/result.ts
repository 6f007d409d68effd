/** What an environment answers to a piece of work: a result with effects, in the format of a guest's. */
import { inspect } from 'node:util';

const FORMAT_VERSION = 1;
const RESULT_BYTES = 8;
const FRAME_BYTES = 24;
/** Most characters of a crash's message and of its stack. */
const MAX_TEXT = 8 * 1024;
const MAX_LINES = 16;

/** Effects of a result; the kernel's numbers. */
export const EFFECT = {
  reply: 1,
  fail: 2,
  stop: 12,
  crash: 13,
  stash: 18,
  unstash: 19,
  discard: 20,
  /** A discard with a flag: the message cannot be read. */
  unreadable: 20 | (1 << 16),
  health: 48,
} as const;

/** Kinds of records that carry results; the kernel's numbers. */
export const WORK_DONE = 260;
export const WORK_BEGUN = 261;
/** On work that is done: handlers wait, so the next turn is to hold one message. */
export const FLAG_SINGLE = 8 << 16;

/** One effect. */
export interface Effect {
  readonly kind: number;
  readonly corr: number;
  readonly payload: Uint8Array;
}

/** A result without effects, by how much it consumed, for the small numbers. */
const PLAIN = Array.from({ length: 65 }, (_, consumed) => write(consumed, []));
const encoder = new TextEncoder();

/** The bytes of a result. */
export function resultOf(consumed: number, effects: readonly Effect[]): Uint8Array {
  return (effects.length === 0 ? PLAIN[consumed] : undefined) ?? write(consumed, effects);
}

function write(consumed: number, effects: readonly Effect[]): Uint8Array {
  let size = RESULT_BYTES;
  for (const { payload } of effects) size += FRAME_BYTES + ((payload.length + 7) & ~7);
  const memory = new ArrayBuffer(size);
  const words = new Uint32Array(memory);
  const bytes = new Uint8Array(memory);
  words[0] = FORMAT_VERSION;
  words[1] = consumed;
  let at = RESULT_BYTES;
  for (const { kind, corr, payload } of effects) {
    const word = at >>> 2;
    words[word] = payload.length;
    words[word + 1] = kind;
    words[word + 2] = corr;
    bytes.set(payload, at + FRAME_BYTES);
    at += FRAME_BYTES + ((payload.length + 7) & ~7);
  }
  return bytes;
}

/** The crash that something thrown means: name, message and stack, each ended by NUL. */
export function crashOf(thrown: unknown): Effect {
  const [name, message, stack] = describe(thrown);
  const text = [name, message, stack].map(part => `${part.slice(0, MAX_TEXT).replaceAll('\0', ' ')}\0`).join('');
  return { kind: EFFECT.crash, corr: 0, payload: encoder.encode(text) };
}

const HEALTH_STATES: readonly unknown[] = ['healthy', 'degraded', 'unhealthy', 'unknown'];

/** What a probe's answer means; nothing for an actor that does not say. */
export function healthOf(answer: unknown): Effect[] {
  if (answer === undefined) return [];
  const given =
    typeof answer === 'object' && answer !== null ? (answer as { status?: unknown; text?: unknown }) : undefined;
  const corr = HEALTH_STATES.indexOf(given === undefined ? answer : given.status);
  const text = corr < 0 ? `health returned ${inspect(answer, { depth: 1 }).slice(0, MAX_TEXT)}` : (given?.text ?? '');
  return [{ kind: EFFECT.health, corr: corr < 0 ? 2 : corr, payload: encoder.encode(String(text)) }];
}

/** Whatever was thrown, even something that throws when it is looked at. */
function describe(thrown: unknown): [name: string, message: string, stack: string] {
  try {
    if (!(thrown instanceof Error)) return ['Thrown', inspect(thrown, { depth: 1 }), ''];
    const { name, message, stack = '' } = thrown;
    const frames = String(stack)
      .split('\n')
      .filter(line => /^\s+at /.test(line));
    return [String(name), String(message), frames.slice(0, MAX_LINES).join('\n')];
  } catch {
    return ['Thrown', 'a value that cannot be shown', ''];
  }
}
