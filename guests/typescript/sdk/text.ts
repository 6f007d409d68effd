/** UTF-8 for an engine without `TextEncoder` and `TextDecoder`. */

const REPLACEMENT = 0xfffd;

export class GuestTextEncoder {
  readonly encoding = 'utf-8';

  encode(input = ''): Uint8Array<ArrayBuffer> {
    const text = String(input);
    const bytes = new Uint8Array(text.length * 3);
    const { written } = this.encodeInto(text, bytes);
    return bytes.slice(0, written);
  }

  encodeInto(text: string, bytes: Uint8Array): { read: number; written: number } {
    let written = 0;
    let read = 0;
    while (read < text.length) {
      const point = codePoint(text, read);
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (written + size > bytes.length) break;
      read += size === 4 ? 2 : 1;
      if (size === 1) {
        bytes[written++] = point;
        continue;
      }
      bytes[written] = (point >> (6 * (size - 1))) | ((0xf00 >> size) & 0xff);
      for (let at = 1; at < size; at++) bytes[written + at] = ((point >> (6 * (size - 1 - at))) & 0x3f) | 0x80;
      written += size;
    }
    return { read, written };
  }
}

/** A surrogate without its other half is U+FFFD. */
function codePoint(text: string, at: number): number {
  const point = text.codePointAt(at)!;
  return point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
}

export class GuestTextDecoder {
  readonly encoding = 'utf-8';
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false }: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(label))
      throw new RangeError(`only utf-8 can be decoded here, received '${label}'`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string {
    if (options?.stream) throw new TypeError('decoding as a stream is not supported here');
    if (input === undefined) return '';
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const bom = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return this.#decode(bytes, bom ? 3 : 0);
  }

  #decode(bytes: Uint8Array, start: number): string {
    const parts: string[] = [];
    let units: number[] = [];
    for (let at = start; at < bytes.length; ) {
      const first = bytes[at]!;
      if (first < 0x80) {
        units.push(first);
        at += 1;
      } else {
        const { point, size } = sequence(bytes, at);
        if (point < 0 && this.fatal) throw new TypeError(`the bytes are not valid utf-8 (at ${at})`);
        if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
        else units.push(point < 0 ? REPLACEMENT : point);
        at += size;
      }
      if (units.length > 4096) {
        parts.push(String.fromCharCode.apply(null, units));
        units = [];
      }
    }
    parts.push(String.fromCharCode.apply(null, units));
    return parts.length === 1 ? parts[0]! : parts.join('');
  }
}

/** The sequence at `at`; a negative point is a maximal malformed part of `size` bytes. */
function sequence(bytes: Uint8Array, at: number): { point: number; size: number } {
  const first = bytes[at]!;
  const more =
    first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
  if (more === 0) return { point: -1, size: 1 };
  // Bounds of the second byte keep out overlong forms, surrogates and what lies past U+10FFFF.
  let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  let point = first & (0x3f >> more);
  for (let step = 1; step <= more; step++) {
    const next = bytes[at + step];
    if (next === undefined || next < low || next > high) return { point: -1, size: step };
    point = (point << 6) | (next & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return { point, size: more + 1 };
}
