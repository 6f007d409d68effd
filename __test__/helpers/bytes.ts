/** Bytes for tests. */

/** The UTF-8 form of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of bytes in UTF-8. */
export function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** Little-endian words as bytes. */
export function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** The first word of bytes. */
export function firstWord(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true);
}
