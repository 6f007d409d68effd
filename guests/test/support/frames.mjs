/**
 * Frames in plain JavaScript, written against the reference page and not shared with any SDK: what
 * the SDKs are tested with.
 *
 * @typedef {{ index: number, tagLo: number, tagHi: number }} Address
 * @typedef {{ kind: number, flags: number, corr: number, address: Address, payload: Uint8Array }} Frame
 * @typedef {{ version: number, consumed: number, effects: Frame[] }} Result
 */

/** @type {Address} */
export const NO_ADDRESS = { index: 0, tagLo: 0, tagHi: 0 };

export const KIND = {
  message: 1,
  ask: 2,
  reply: 3,
  askFailed: 4,
  sendFailed: 5,
  topic: 7,
  down: 6,
  timer: 8,
  pressure: 10,
  seed: 32,
  incarnation: 33,
  peer: 34,
  self: 35,
  user: 36,
  state: 37,
};

export const EFFECT = {
  reply: 1,
  fail: 2,
  tell: 3,
  ask: 4,
  publish: 9,
  subscribe: 10,
  monitor: 5,
  demonitor: 6,
  link: 7,
  unlink: 8,
  log: 11,
  stop: 12,
  crash: 13,
  await: 14,
  unsubscribe: 15,
  setTimer: 16,
  cancelTimer: 17,
  stash: 18,
  unstash: 19,
  discard: 20,
  health: 48,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** @param {Uint8Array} bytes */
export const text = bytes => decoder.decode(bytes);

/** @param {string} value */
export const utf8 = value => encoder.encode(value);

/** @param {number[]} values */
export function words(...values) {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, at) => view.setUint32(at * 4, value, true));
  return bytes;
}

/** @param {Uint8Array} bytes */
export const word = (bytes, at = 0) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

/** @param {Uint8Array[]} parts */
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts));

/** An address that only tests have. */
export const address = index => ({ index, tagLo: index * 7 + 1, tagHi: index * 13 });

/**
 * One frame; what is left out is zero. A string is its UTF-8.
 *
 * @param {number} kind
 * @param {Uint8Array | string} [payload]
 * @param {{ corr?: number, flags?: number, address?: Address }} [head]
 */
export function frame(kind, payload = '', { corr = 0, flags = 0, address = NO_ADDRESS } = {}) {
  const bytes = typeof payload === 'string' ? utf8(payload) : payload;
  const header = words(bytes.length, kind | (flags << 16), corr, address.index, address.tagLo, address.tagHi);
  return concat(header, bytes, new Uint8Array(-bytes.length & 7));
}

export const message = (payload, from = NO_ADDRESS) => frame(KIND.message, payload, { address: from });
export const ask = (payload, corr = 0, from = NO_ADDRESS) => frame(KIND.ask, payload, { corr, address: from });
export const reply = (payload, corr) => frame(KIND.reply, payload, { corr });
export const peer = (name, to) => frame(KIND.peer, name, { address: to });
export const self = (path, at) => frame(KIND.self, path, { address: at });
export const failed = (kind, code, reason, corr) => frame(kind, concat(words(code), utf8(reason)), { corr });

/**
 * @param {Uint8Array} bytes
 * @returns {Frame[]}
 */
export function readFrames(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = [];
  let at = 0;
  while (at < bytes.length) {
    const length = view.getUint32(at, true);
    const end = at + 24 + length + (-length & 7);
    if (end > bytes.length) throw new Error(`the frame at ${at} ends at ${end}, past ${bytes.length}`);
    const kind = view.getUint32(at + 4, true);
    frames.push({
      kind: kind & 0xffff,
      flags: kind >>> 16,
      corr: view.getUint32(at + 8, true),
      address: {
        index: view.getUint32(at + 12, true),
        tagLo: view.getUint32(at + 16, true),
        tagHi: view.getUint32(at + 20, true),
      },
      payload: bytes.slice(at + 24, at + 24 + length),
    });
    at = end;
  }
  return frames;
}

/**
 * The one frame that a probe is answered with.
 *
 * @param {Uint8Array} bytes
 * @returns {Frame}
 */
export function readFrame(bytes) {
  const [only, ...rest] = readFrames(bytes);
  if (only === undefined || rest.length > 0) throw new Error(`expected one frame in ${bytes.length} bytes`);
  return only;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Result}
 */
export function readResult(bytes) {
  if (bytes.length < 8) throw new Error(`a result has at least 8 bytes, this one ${bytes.length}`);
  return { version: word(bytes), consumed: word(bytes, 4), effects: readFrames(bytes.subarray(8)) };
}
