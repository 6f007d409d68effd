/**
 * The addon's side of the protocol in JavaScript, for tests of the buffers and the promise table
 * without actors. A `handler` decides what becomes of each record.
 */
import type { Audit } from '../../src/audit.js';
import type { NativeHot, NativeNode, NativePlace, NativeSystem, NativeTree, NativeVitals } from '../../src/native.js';

const HEADER_BYTES = 40;

/** A record as it crossed. */
export interface FakeRecord {
  readonly index: number;
  readonly timeoutMs: number;
  readonly kind: number;
  readonly flags: number;
  readonly slot: number;
  readonly payload: Uint8Array;
}

type Handler = (record: FakeRecord, native: FakeNative) => void;

const ABORT = 272;

export class FakeNative implements NativeSystem {
  /** What crossed, in order. */
  readonly records: FakeRecord[] = [];
  /** Bytes of each crossing. */
  readonly flushes: number[] = [];
  readonly aborted: number[] = [];
  /** Trees that were started. */
  readonly started: NativeNode[] = [];
  polls = 0;
  isBusy = false;
  /** What an inline request gives: a reply, `undefined` for "not run", or a result of the protocol. */
  inline: (record: FakeRecord) => Uint8Array | number | undefined = () => undefined;
  readonly #handler: Handler;
  #submit: Uint8Array = new Uint8Array();
  #scratch: Uint8Array = new Uint8Array();
  #buffers: Uint8Array[] = [];
  #wake = (): void => {};
  #current = 1;
  #queue: Uint8Array[] = [];
  #large = new Map<number, Uint8Array>();

  constructor(handler: Handler = () => {}) {
    this.#handler = handler;
  }

  setState(): boolean {
    return true;
  }

  vitals(): NativeVitals {
    return { live: true, ready: true, started: true };
  }

  attach(submit: Uint8Array, first: Uint8Array, second: Uint8Array, scratch: Uint8Array, wake: () => void): number {
    this.#submit = submit;
    this.#buffers = [first, second];
    this.#scratch = scratch;
    this.#wake = wake;
    return 7;
  }

  hot(): NativeHot {
    return {
      flush: bytes => this.#flush(bytes),
      askInline: () => this.#askInline(),
      drain: () => this.#drain(),
      poll: () => {
        this.polls += 1;
        return this.#queue.length > 0 ? 1 : 0;
      },
      spawn: () => -1,
      takeLarge: id => this.#large.get(id) ?? new Uint8Array(),
    };
  }

  /** Completes a slot; `wake` tells the event loop. */
  complete(slot: number, status: number, payload: Uint8Array = new Uint8Array(), wake = true): void {
    const record = new Uint8Array(16 + ((payload.length + 7) & ~7));
    new Uint32Array(record.buffer).set([payload.length, slot, status, 0]);
    record.set(payload, 16);
    this.#push(record, wake);
  }

  /** Completes a slot with a payload that is fetched apart. */
  completeLarge(slot: number, payload: Uint8Array): void {
    const id = this.#large.size + 1;
    this.#large.set(id, payload);
    const record = new Uint8Array(16);
    new Uint32Array(record.buffer).set([payload.length, slot, 0x10000, id]);
    this.#push(record, true);
  }

  submitLarge(header: Uint32Array, payload: Uint8Array): void {
    this.#take(header, 0, payload.slice());
  }

  busy(): boolean {
    return this.isBusy;
  }

  #push(record: Uint8Array, wake: boolean): void {
    this.#queue.push(record);
    if (wake) setImmediate(() => this.#wake());
  }

  #flush(bytes: number): number {
    this.flushes.push(bytes);
    const words = new Uint32Array(this.#submit.buffer);
    for (let at = 0; at < bytes; ) {
      const length = words[at / 4 + 4] ?? 0;
      const start = at + HEADER_BYTES;
      this.#take(words, at / 4, this.#submit.slice(start, start + length));
      at = start + ((length + 7) & ~7);
    }
    return 0;
  }

  #take(words: Uint32Array, at: number, payload: Uint8Array): void {
    const record = recordAt(words, at, payload);
    if (record.kind === ABORT) {
      this.aborted.push(record.slot);
      return;
    }
    this.records.push(record);
    this.#handler(record, this);
  }

  #askInline(): number {
    const words = new Uint32Array(this.#scratch.buffer);
    const payload = this.#scratch.slice(HEADER_BYTES, HEADER_BYTES + (words[4] ?? 0));
    const result = this.inline(recordAt(words, 0, payload));
    if (result === undefined) return -1;
    if (typeof result === 'number') {
      // A failure about which there is nothing to say.
      words[0] = 0;
      return result;
    }
    this.#scratch.set(result);
    return result.length;
  }

  #drain(): number {
    if (this.#queue.length === 0) return 0;
    this.#current = 1 - this.#current;
    const buffer = this.#buffers[this.#current] ?? new Uint8Array();
    let at = 0;
    while (this.#queue[0] !== undefined && at + this.#queue[0].length <= buffer.length) {
      const record = this.#queue.shift() ?? new Uint8Array();
      buffer.set(record, at);
      at += record.length;
    }
    return ((this.#current << 31) | at) >>> 0;
  }

  load(): void {}
  prepare(): number {
    return 1;
  }
  prepareExternal(): number {
    return 0;
  }
  release(): void {}
  stop(): void {}
  kill(): boolean {
    return false;
  }
  watch(): void {}
  monitor(): void {}
  demonitor(): void {}
  setTimer(): number {
    return 0;
  }
  cancelTimer(): boolean {
    return false;
  }
  setOwnTimer(): number {
    return 0;
  }
  cancelOwnTimer(): boolean {
    return false;
  }
  link(): void {}
  unlink(): void {}
  subscribe(): void {}
  unsubscribe(): boolean {
    return false;
  }
  subscribeActor(): boolean {
    return false;
  }
  unsubscribeActor(): null {
    return null;
  }
  supervise(node: NativeNode): NativePlace {
    this.started.push(node);
    return placeOf(node);
  }
  startPool(node: NativeNode): NativePlace {
    return this.supervise(node);
  }
  startChild(_supervisor: number, node: NativeNode): NativePlace {
    return this.supervise(node);
  }
  startMember(): NativePlace {
    throw new Error('the fake has no pools');
  }
  childRequest(): void {}
  supervisorStop(): void {}
  supervisorWatch(): void {}
  supervisorInfo(): null {
    return null;
  }
  poolMembers(): [] {
    return [];
  }
  tree(): NativeTree {
    throw new Error('the fake has no tree');
  }
  status(): null {
    return null;
  }
  find(): null {
    return null;
  }
  actors(): [] {
    return [];
  }
  poolStandings(): Uint32Array {
    return new Uint32Array(0);
  }
  refuseUnroutable(): void {}
  monitorFor(): void {}
  demonitorFor(): void {}
  audit(): Audit {
    throw new Error('the fake counts nothing');
  }
  joinStart(): number {
    return 3;
  }

  joinGroup(): boolean {
    return true;
  }

  leaveGroup(): boolean {
    return true;
  }

  groupMembers(): [] {
    return [];
  }

  watchGroup(): [] {
    return [];
  }

  unwatchGroup(): void {}

  deadLetter(): null {
    return null;
  }

  deadLetters(): [] {
    return [];
  }
  listen(): void {}
  shutdown(): void {}
  now(): number {
    return 0;
  }
  advance(): boolean {
    return false;
  }
  nextMoment(): null {
    return null;
  }
  hold(): void {}
  isQuiet(): boolean {
    return true;
  }
  whenQuiet(): void {}
  close(): void {}
}

/** A place for every node, at an address of its own. */
function placeOf(node: NativeNode): NativePlace {
  const { key, kind, children } = node;
  const address = kind === 0 ? ([++places, 0, 0, places, 0] as const) : null;
  return { key, kind, id: ++places, address, children: children.map(placeOf) };
}

let places = 0;

function recordAt(words: Uint32Array, at: number, payload: Uint8Array): FakeRecord {
  const kind = words[at + 5] ?? 0;
  return {
    index: words[at] ?? 0,
    timeoutMs: words[at + 3] ?? 0,
    kind: kind & 0xffff,
    flags: kind >>> 16,
    slot: words[at + 6] ?? 0,
    payload,
  };
}
