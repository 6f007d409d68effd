/**
 * Durations and sizes as people write them, turned into milliseconds and bytes.
 * Inside the library numbers end in `Ms` and `Bytes`; only the public surface knows units.
 */

/** A length of time: milliseconds, or a number with a unit such as `'250ms'`, `'5s'`, `'2m'`, `'1h'`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`;

/** An amount of memory: bytes, or a number with a unit such as `'512B'`, `'64KiB'`, `'16MiB'`, `'2GiB'`. */
export type Size = number | `${number}B` | `${number}KiB` | `${number}MiB` | `${number}GiB`;

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const BYTES_PER_UNIT: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

const WITH_UNIT = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/;

/** Milliseconds of `value`, or `undefined` when it is no duration. `Infinity` is one. */
export function durationMs(value: unknown): number | undefined {
  return amount(value, MS_PER_UNIT);
}

/** Whole bytes of `value`, or `undefined` when it is no size. */
export function sizeBytes(value: unknown): number | undefined {
  const bytes = amount(value, BYTES_PER_UNIT);
  return bytes !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
}

function amount(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const [, digits, unit] = WITH_UNIT.exec(value) ?? [];
  if (digits === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  return Number(digits) * (units[unit] ?? Number.NaN);
}

const DURATION_UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

const SIZE_UNITS = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const;

/** The shortest exact way to write `ms`: `5000` is `'5s'`. */
export function formatDuration(ms: number): string {
  return format(ms, DURATION_UNITS, 'ms');
}

/** The shortest exact way to write `bytes`: `65536` is `'64KiB'`. */
export function formatSize(bytes: number): string {
  return format(bytes, SIZE_UNITS, 'B');
}

function format(value: number, units: readonly (readonly [string, number])[], smallest: string): string {
  if (!Number.isFinite(value)) return String(value);
  for (const [unit, factor] of units) {
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  }
  return `${value}${smallest}`;
}
