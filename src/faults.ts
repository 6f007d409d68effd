/** Faults to inject, for tests: an option of every spawn, off unless given. */
import { type Check, integer, shape } from './check.js';
import { FOREVER, type NativeSpawnOptions } from './native.js';

/** What is to go wrong with an actor, to see what its supervisor and its callers make of it. For tests. */
export interface Faults {
  /** Start attempts that fail, counted from 1: a number, or several. The first one is that of the spawn. */
  readonly failStart?: number | readonly number[] | undefined;
  /** Messages that crash their handler as a trap does, counted from 1 over all lives: a number, or several. */
  readonly trapOn?: number | readonly number[] | undefined;
}

const ordinal = integer({ min: 1, max: FOREVER });

const ordinals: Check<number[]> = (value, path) =>
  Array.isArray(value) ? value.map((each, index) => ordinal(each, `${path}[${index}]`)) : [ordinal(value, path)];

/** Reads faults. */
export const faultsShape = shape({ failStart: ordinals, trapOn: ordinals });

/** Faults as the addon takes them: complete. */
export function faultsTemplate(
  given: ReturnType<typeof faultsShape> | undefined,
): Pick<NativeSpawnOptions, 'failStarts' | 'trapOn'> {
  return { failStarts: given?.failStart ?? [], trapOn: given?.trapOn ?? [] };
}
