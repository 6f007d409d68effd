/** The header of a record, as it lies in front of the payload. */

/** Where a record goes, or who sends it: an actor, or this environment. */
export interface Address {
  readonly index: number;
  readonly tagLo: number;
  readonly tagHi: number;
}

/** Its bytes. */
export const HEADER_BYTES = 40;

/** Writes a header; `at` counts words. */
export function writeHeader(
  words: Uint32Array,
  at: number,
  target: Address,
  kind: number,
  length: number,
  timeoutMs: number,
  slot: number,
  sender: Address,
): void {
  words[at] = target.index;
  words[at + 1] = target.tagLo;
  words[at + 2] = target.tagHi;
  words[at + 3] = timeoutMs;
  words[at + 4] = length;
  words[at + 5] = kind;
  words[at + 6] = slot;
  words[at + 7] = sender.index;
  words[at + 8] = sender.tagLo;
  words[at + 9] = sender.tagHi;
}
