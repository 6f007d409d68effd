/**
 * Checks for options. Each takes a value and the path where it was found, and returns what it means
 * or throws `ERR_CONFIG` with the path, what is allowed and what came.
 */
import { inspect } from 'node:util';
import { durationMs, formatDuration, formatSize, sizeBytes } from './duration.js';
import { createError, type TroupeError } from './errors.js';

/** Reads a value found at `path`, or throws. */
export type Check<T> = (value: unknown, path: string) => T;

/** What a checked set of options has: the fields that were given. */
export type Checked<F extends Record<string, Check<unknown>>> = { [K in keyof F]?: ReturnType<F[K]> };

const LONGEST_VALUE = 80;

/** The error for a value that is not allowed. */
export function mismatch(path: string, expected: string, received: unknown): TroupeError {
  return createError('ERR_CONFIG', { message: `${path}: expected ${expected}, received ${show(received)}`, path });
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 1, maxArrayLength: 5, maxStringLength: LONGEST_VALUE, breakLength: Infinity });
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

/** An object with these fields and no others; `undefined` counts as absent. */
export function shape<F extends Record<string, Check<unknown>>>(fields: F): Check<Checked<F>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(path, 'an object', value);
    const checked: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(value)) {
      const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (check === undefined) throw unknownOption(join(path, key), key, Object.keys(fields));
      if (field !== undefined) checked[key] = check(field, join(path, key));
    }
    return checked as Checked<F>;
  };
}

/** A path in the options; the options themselves have none of their own. */
export function join(path: string, key: string): string {
  return path === '' || path === 'options' ? key : `${path}.${key}`;
}

/** The error for an option that does not exist. */
export function unknownOption(path: string, key: string, known: readonly string[]): TroupeError {
  const near = known.find(candidate => distance(key.toLowerCase(), candidate.toLowerCase()) <= 2);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
  return createError('ERR_CONFIG', { message: `${path}: unknown option; ${hint}`, path });
}

/** How many letters must change to make `b` of `a`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change));
    }
    row = next;
  }
  return row[b.length]!;
}

/** One of a list of strings. */
export function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, path) => {
    if (allowed.includes(value as T)) return value as T;
    throw mismatch(path, allowed.map(word => `'${word}'`).join(' | '), value);
  };
}

/** Bounds of a number; `infinite` allows `Infinity` beyond the upper one. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly infinite?: boolean;
}

function within(value: number, { min, max, infinite }: Bounds): boolean {
  return (value >= min && value <= max) || (infinite === true && value === Infinity);
}

/** A length of time, in whole milliseconds, rounded up. */
export function duration(bounds: Bounds): Check<number> {
  const range = `${formatDuration(bounds.min)} … ${bounds.infinite ? 'Infinity' : formatDuration(bounds.max)}`;
  return (value, path) => {
    const ms = durationMs(value);
    if (ms === undefined || !within(Math.ceil(ms), bounds)) {
      throw mismatch(path, `a duration such as 250, '250ms' or '5s' (${range})`, value);
    }
    return Math.ceil(ms);
  };
}

/** An amount of memory, in bytes. */
export function size(bounds: Bounds): Check<number> {
  const range = `${formatSize(bounds.min)} … ${formatSize(bounds.max)}`;
  return (value, path) => {
    const bytes = sizeBytes(value);
    if (bytes === undefined || !within(bytes, bounds)) {
      throw mismatch(path, `a size such as '16MiB' (${range})`, value);
    }
    return bytes;
  };
}

/** A whole number. */
export function integer(bounds: Bounds): Check<number> {
  const range = `${bounds.min} … ${bounds.infinite ? 'Infinity' : bounds.max}`;
  return (value, path) => {
    const whole = Number.isInteger(value) || (bounds.infinite === true && value === Infinity);
    if (!whole || !within(value as number, bounds)) throw mismatch(path, `a whole number (${range})`, value);
    return value as number;
  };
}

/** A number with or without a fraction. */
export function fraction(bounds: Bounds): Check<number> {
  return (value, path) => {
    if (typeof value === 'number' && within(value, bounds)) return value;
    throw mismatch(path, `a number (${bounds.min} … ${bounds.max})`, value);
  };
}

/** `true` or `false`. */
export const flag: Check<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw mismatch(path, 'true | false', value);
};

/** A value as it is, if `matches` says so. */
export function instance<T>(expected: string, matches: (value: unknown) => value is T): Check<T> {
  return (value, path) => {
    if (matches(value)) return value;
    throw mismatch(path, expected, value);
  };
}

/** A value that one of two checks reads: the second if `isSecond` says so. */
export function either<A, B>(first: Check<A>, second: Check<B>, isSecond: (value: unknown) => boolean): Check<A | B> {
  return (value, path) => (isSecond(value) ? second(value, path) : first(value, path));
}

/** Whether a value has fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
