/** Reads turns and writes results: frames of a 24-byte header of six `u32` words and a payload padded to eight. */

/** Frames that come in: in a turn, and from 32 on in the configuration. */
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
} as const;

/** Frames that go out. */
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
} as const;

const HEADER = 24;
const RESULT_HEADER = 8;
const VERSION = 1;
/** On a tell, a publish or a subscribe: a refusal comes back. */
const REPORT = 1 << 16;
/** On an ask: its second word says for which ask it is made. */
const FOR = 2 << 16;
/** On a publish: keep the message. On what comes in: it was kept. */
const RETAIN = 2 << 16;
const RETAINED = 2;
const ONCE = 1;

/** Where messages go: a capability that can be kept, compared and sent to, and not made up. */
export class Address {
  readonly #index: number;
  readonly #low: number;
  readonly #high: number;

  /** @internal */
  constructor(index: number, low: number, high: number) {
    this.#index = index;
    this.#low = low;
    this.#high = high;
  }

  /** Whether both are the same actor's. */
  equals(other: Address): boolean {
    return this.#index === other.#index && this.#low === other.#low && this.#high === other.#high;
  }

  /** Hides the capability: what is printed may be read by others. */
  toString(): string {
    return `actor#${this.#index}`;
  }

  /** @internal */
  write(words: Uint32Array, at: number): void {
    words[at] = this.#index;
    words[at + 1] = this.#low;
    words[at + 2] = this.#high;
  }
}

/** The frame a reader stands on; its fields change with {@link FrameReader.next}. */
export class FrameReader {
  kind = 0;
  flags = 0;
  corr = 0;
  payload = new Uint8Array();
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #frame = 0;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next frame; false at the end. */
  next(): boolean {
    const at = this.#next;
    if (at + HEADER > this.#bytes.length) return false;
    const length = this.#view.getUint32(at, true);
    this.#frame = at;
    this.kind = this.#view.getUint16(at + 4, true);
    this.flags = this.#view.getUint16(at + 6, true);
    this.corr = this.#view.getUint32(at + 8, true);
    this.payload = this.#bytes.subarray(at + HEADER, at + HEADER + length) as Uint8Array<ArrayBuffer>;
    this.#next = at + HEADER + ((length + 7) & ~7);
    return true;
  }

  /** The frame's address; undefined when there is none. */
  address(): Address | undefined {
    const at = this.#frame;
    const low = this.#view.getUint32(at + 16, true);
    const high = this.#view.getUint32(at + 20, true);
    return low === 0 && high === 0 ? undefined : new Address(this.#view.getUint32(at + 12, true), low, high);
  }

  /** A published message: what it was published on, and what it is. */
  published(): { topic: Uint8Array; message: Uint8Array<ArrayBuffer>; retained: boolean } {
    const length = this.word(0);
    const topic = this.payload.subarray(4, 4 + length);
    const message = this.payload.subarray(4 + ((length + 3) & ~3)) as Uint8Array<ArrayBuffer>;
    return { topic, message, retained: (this.flags & RETAINED) !== 0 };
  }

  /** A word of the payload. */
  word(at: number): number {
    return this.#view.getUint32(this.#frame + HEADER + at, true);
  }
}

/** Collects a turn's effects in one buffer that is used again for the next turn. */
export class ResultWriter {
  #bytes = new Uint8Array(4096);
  #words = new Uint32Array(this.#bytes.buffer);
  #end = RESULT_HEADER;

  /** Forgets all effects. */
  clear(): void {
    this.#end = RESULT_HEADER;
  }

  effect(kind: number, corr: number, address: Address | undefined, payload: Uint8Array): void {
    const at = this.#open(kind, corr, address, payload.length);
    this.#bytes.set(payload, at);
  }

  /** With a tag, a refusal comes back under it. */
  tell(address: Address, payload: Uint8Array, tag: number | undefined): void {
    this.effect(tag === undefined ? EFFECT.tell : EFFECT.tell | REPORT, tag ?? 0, address, payload);
  }

  /**
   * An ask's payload begins with its timeout in milliseconds, zero for the default, and the correlation of the ask on whose
   * behalf it is made, zero for none.
   */
  ask(corr: number, address: Address, timeoutMs: number, request: number, payload: Uint8Array): void {
    const at = this.#open(EFFECT.ask | FOR, corr, address, payload.length + 8);
    this.#words[at >> 2] = timeoutMs;
    this.#words[(at >> 2) + 1] = request;
    this.#bytes.set(payload, at + 8);
  }

  /** With a tag, a refusal comes back under it. */
  publish(topic: Uint8Array, payload: Uint8Array, retain: boolean, tag: number | undefined): void {
    const head = 4 + ((topic.length + 3) & ~3);
    const flags = (retain ? RETAIN : 0) | (tag === undefined ? 0 : REPORT);
    const at = this.#open(EFFECT.publish | flags, tag ?? 0, undefined, head + payload.length);
    this.#words.fill(0, at >> 2, (at + head) >> 2);
    this.#words[at >> 2] = topic.length;
    this.#bytes.set(topic, at + 4);
    this.#bytes.set(payload, at + head);
  }

  subscribe(tag: number, pattern: Uint8Array, group: Uint8Array, once: boolean, report: boolean): void {
    const head = 8 + ((pattern.length + 3) & ~3);
    const at = this.#open(EFFECT.subscribe | (report ? REPORT : 0), tag, undefined, head + group.length);
    this.#words.fill(0, at >> 2, (at + head) >> 2);
    this.#words[at >> 2] = pattern.length;
    this.#words[(at >> 2) + 1] = once ? ONCE : 0;
    this.#bytes.set(pattern, at + 8);
    this.#bytes.set(group, at + head);
  }

  await(tags: Iterable<number>): void {
    const words = Uint32Array.from(tags);
    this.effect(EFFECT.await, 0, undefined, new Uint8Array(words.buffer));
  }

  /** The result; valid until the next effect. */
  finish(consumed: number): Uint8Array {
    this.#words[0] = VERSION;
    this.#words[1] = consumed;
    return this.#bytes.subarray(0, this.#end);
  }

  #open(kind: number, corr: number, address: Address | undefined, length: number): number {
    const start = this.#end;
    const end = start + HEADER + ((length + 7) & ~7);
    this.#reserve(end);
    const at = start >> 2;
    // The last words of the payload are its padding.
    this.#words.fill(0, at + 3, end >> 2);
    this.#words[at] = length;
    this.#words[at + 1] = kind;
    this.#words[at + 2] = corr;
    address?.write(this.#words, at + 3);
    this.#end = end;
    return start + HEADER;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    bigger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = bigger;
    this.#words = new Uint32Array(bigger.buffer);
  }
}
