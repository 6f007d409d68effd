/** What the addon says about failures, read out of shared buffers. */
import { ERROR_CODES } from './error-codes.js';
import type { NativeFailure } from './errors.js';

const GUEST_FAILURE = ERROR_CODES.indexOf('ERR_GUEST_FAILURE');
/** What failed in these ways is told by the kernel itself, in a sentence. */
const TOLD: ReadonlySet<number> = new Set([
  ERROR_CODES.indexOf('ERR_ASK_TIMEOUT'),
  ERROR_CODES.indexOf('ERR_ASK_CYCLE'),
]);

/** Reads what the addon says about a failure: nothing, JSON, a sentence, or the bytes of the guest's own error. */
export function parseFailure(number: number, bytes: Uint8Array, start: number, end: number): NativeFailure {
  if (number === GUEST_FAILURE) return { payload: bytes.slice(start, end) };
  if (end === start) return {};
  if (TOLD.has(number)) return { message: textOf(bytes, start, end) };
  return parseJson(bytes, start, end) as NativeFailure;
}

/** Reads JSON out of a shared buffer. */
export function parseJson(bytes: Uint8Array, start: number, end: number): unknown {
  return JSON.parse(textOf(bytes, start, end));
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}
