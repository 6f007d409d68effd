/** What a guest's own code throws and catches. */

/** Why an ask was not answered, to branch on. */
export type AskProblem =
  | 'timeout'
  | 'mailbox-full'
  | 'no-such-actor'
  | 'stopped'
  | 'crashed'
  | 'handler-error'
  | 'too-large'
  | 'cycle'
  | 'shutdown'
  | 'unreadable'
  | 'gave-up'
  | 'no-responders'
  | 'other';

/** By the number of the error code. */
const PROBLEMS: { readonly [code: number]: AskProblem } = {
  1: 'timeout',
  3: 'mailbox-full',
  4: 'no-such-actor',
  5: 'stopped',
  6: 'crashed',
  11: 'handler-error',
  18: 'too-large',
  19: 'cycle',
  20: 'shutdown',
  22: 'unreadable',
  27: 'gave-up',
  28: 'no-responders',
};

/** An ask of this actor that was not answered: refused, timed out, or failed by the other side. */
export class AskError extends Error {
  override readonly name = 'AskError';
  /** The number of the error code, as the reference lists them. */
  readonly code: number;

  /** What it means; `handler-error` is an error of the other actor's own, which the message says. */
  get problem(): AskProblem {
    return PROBLEMS[this.code] ?? 'other';
  }

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Thrown while an ask is handled, it fails that ask and the actor goes on; anything else thrown is a crash. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** What the asker gets as the error's payload. */
  readonly payload: Uint8Array | string;

  constructor(payload: Uint8Array | string) {
    super(typeof payload === 'string' ? payload : `${payload.length} bytes`);
    this.payload = payload;
  }
}

/** Name, message and stack of whatever was thrown, with the causes behind it. */
export function describe(thrown: unknown): { name: string; message: string; stack: string } {
  if (!(thrown instanceof Error)) return { name: 'Thrown', message: print(thrown), stack: '' };
  return { name: String(thrown.name), message: String(thrown.message), stack: stackOf(thrown, 0) };
}

function stackOf(error: Error, depth: number): string {
  const own = String(error.stack ?? '');
  if (!(error.cause instanceof Error) || depth === 8) return own;
  return `${own}caused by ${error.cause.name}: ${error.cause.message}\n${stackOf(error.cause, depth + 1)}`;
}

/** One value for a log line or an error message. */
export function print(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return `${value.name}: ${value.message}\n${stackOf(value, 0)}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return (
      JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? String(value)
    );
  } catch {
    return Object.prototype.toString.call(value);
  }
}
