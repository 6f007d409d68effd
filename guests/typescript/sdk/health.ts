/** Answers to health probes: one frame with status and text. */
import { describe } from './errors.js';
import { EFFECT } from './frames.js';
import type { Health } from './types.js';

const STATES: readonly string[] = ['healthy', 'degraded', 'unhealthy', 'unknown'];
const UNHEALTHY = 2;
const UNKNOWN = 3;
const HEADER = 24;
const encoder = new TextEncoder();

/** The answer of an actor that does not say. */
export function unknownHealth(): Uint8Array {
  return frame(UNKNOWN, '');
}

/** The answer of an actor that says this. */
export function healthFrame(answer: Health): Uint8Array {
  const { status, text = '' } = typeof answer === 'string' ? { status: answer } : answer;
  const number = STATES.indexOf(status);
  if (number < 0) throw new TypeError(`health must be one of ${STATES.join(', ')}, received ${String(status)}`);
  return frame(number, text);
}

/** The answer of an actor that could not say. */
export function failedHealth(error: unknown): Uint8Array {
  const { name, message } = describe(error);
  return frame(UNHEALTHY, `${name}: ${message}`);
}

function frame(status: number, text: string): Uint8Array {
  const payload = encoder.encode(text);
  const bytes = new Uint8Array(HEADER + ((payload.length + 7) & ~7));
  const words = new Uint32Array(bytes.buffer);
  words[0] = payload.length;
  words[1] = EFFECT.health;
  words[2] = status;
  bytes.set(payload, HEADER);
  return bytes;
}
