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

/** Kind of the frame that carries an actor's custom state in its configuration. */
const STATE_FRAME = 37;

/** The payload of the state frame in a configuration. */
export function stateIn(config: Uint8Array): unknown {
  const own = config.slice();
  const words = new Uint32Array(own.buffer, 0, own.length >>> 2);
  for (let at = 0; at < own.length; at += (words[at >>> 2]! + 31) & ~7) {
    const length = words[at >>> 2]!;
    if ((words[(at >>> 2) + 1]! & 0xffff) !== STATE_FRAME) continue;
    return JSON.parse(Buffer.from(own.buffer, at + 24, length).toString());
  }
  return undefined;
}
