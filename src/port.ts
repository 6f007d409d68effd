/**
 * One environment's side of the bridge: records go out through a shared buffer, in one crossing per
 * turn, and completions come back through two others. Requests to idle actors may be answered on
 * the spot, but only while nothing of this environment is on its way to the same actor or from it:
 * that keeps the order of what one caller sends (`ORD-1`) and of what it is answered (`ORD-3`).
 */
import { COMPLETION_BYTES, Completions, type OnTopic, type OnWork, SharedBuffer } from './completions.js';
import type { NativeFailure, TroupeError } from './errors.js';
import { parseFailure } from './failures.js';
import { KeepAlive, type KeepAliveMode } from './keep-alive.js';
import { FLUSH, INLINE_ACCEPTED, INLINE_FAILED, type NativeHot, type NativeSystem } from './native.js';
import { isObserving } from './observing.js';
import { lengthOf, type Publication, payloadOf, writePublication } from './publication.js';
import { type Address, HEADER_BYTES, writeHeader } from './record-header.js';
import { type Slot, Slots, tableFull, type Waiter } from './slots.js';
import { TurnBudget } from './turn-budget.js';

/** Where a record goes, and what becomes of its completion. */
export interface Target extends Address, Waiter {
  /** Requests and sends to it that wait. */
  open: number;
  /** The value of a reply; throws when it cannot be read. */
  reply(bytes: Uint8Array, start: number, end: number): unknown;
  /** The error of a failed ask or send. */
  failure(number: number, failure: NativeFailure, kind: number, timeoutMs: number): TroupeError;
}

export type { Address } from './record-header.js';

/** What a port needs. */
export interface PortOptions {
  readonly native: NativeSystem;
  readonly keepAlive: KeepAliveMode;
  readonly inline: boolean;
  readonly onEvent: (json: Uint8Array) => void;
  /** Takes work for an actor that this environment runs; see {@link WORK_SLOT}. */
  readonly onWork: OnWork;
  /** Takes a published message; see {@link TOPIC_SLOT}. */
  readonly onTopic: OnTopic;
  readonly onFault: (error: unknown) => void;
}

/** A message; nobody waits. */
export const TELL = 1;
/** A message whose acceptance somebody waits for. */
export const SEND = 1 | (4 << 16);
/** A request. */
export const ASK = 2;
/** Takes a request back (`CAN-1`). */
const ABORT = 272;
/** A request whose payload begins with the context of the one on whose behalf it is made. */
export const CHAINED_ASK = 273;

const SUBMIT_BYTES = 256 * 1024;
const SCRATCH_BYTES = 128 * 1024;
/** A larger payload crosses in a call of its own. */
const MAX_RECORD_PAYLOAD = 64 * 1024;
const FLUSH_BYTES = 64 * 1024;
const FLUSH_RECORDS = 1024;
/** How long JavaScript waits for an answer that is about to come, after it sent a request. */
const LINGER_NANOS = 5000;
/** Waiting goes on while it pays: a hit earns a credit, a miss costs one. */
const MAX_CREDIT = 16;
const PROBE_EVERY = 64;
/**
 * Requests made one after the other without waiting are better served by a worker, which takes them
 * in one turn while this thread makes more. So many are run here before the rest of a burst goes there.
 */
const MAX_STREAK = 8;
/**
 * With more requests than this under way a worker serves them faster, in batches; with fewer, an
 * idle actor is not made to wait for the thread that another one keeps busy.
 */
const MAX_OPEN = 16;

const TICK = Promise.resolve();
const EMPTY = new Uint8Array(0);

let lastResolve: (value: unknown) => void;
let lastReject: (reason: unknown) => void;
/** Shared by all promises: one closure less for each. */
const keepHandles = (resolve: (value: unknown) => void, reject: (reason: unknown) => void): void => {
  lastResolve = resolve;
  lastReject = reject;
};

/** One environment's side of the bridge. */
export class Port {
  readonly native: NativeSystem;
  readonly hot: NativeHot;
  /** For calls that carry more than numbers, in both directions. */
  readonly scratch = new SharedBuffer(SCRATCH_BYTES);
  readonly slots = new Slots();
  readonly keepAlive: KeepAlive;
  closed = false;
  /** Some of what was appended is published. */
  #publishes = false;
  /** What was appended is about actors of this environment: it may be dealt with on this thread. */
  isAboutLocal = false;
  readonly #submit = new SharedBuffer(SUBMIT_BYTES);
  readonly #completions: Completions;
  readonly #budget = new TurnBudget();
  readonly #inline: boolean;
  /** This environment, as the sender of a record. */
  readonly self: Address;
  /** The same, while it observes dead letters: what it sends then is not told to observers when it is lost. */
  readonly #observer: Address;
  /** The same, on behalf of an actor that it runs: what that one sends while it is drained is not refused. */
  readonly onBehalf: Address;
  #used = 0;
  #records = 0;
  #scheduled = false;
  /** Asks and sends that wait. */
  #open = 0;
  /** Waits that keep the process alive. */
  #holding = 0;
  #credit = MAX_CREDIT;
  /** Requests run inline since the microtask queue last ran. */
  #streak = 0;
  #skipped = 0;

  constructor(options: PortOptions) {
    const { native, onEvent, onWork, onTopic, onFault } = options;
    this.native = native;
    this.#inline = options.inline;
    const buffers = [new SharedBuffer(COMPLETION_BYTES), new SharedBuffer(COMPLETION_BYTES)] as const;
    const wake = (): void => this.#completions.drain();
    const index = native.attach(this.#submit.bytes, buffers[0].bytes, buffers[1].bytes, this.scratch.bytes, wake);
    this.self = { index: (0x80000000 | index) >>> 0, tagLo: 0, tagHi: 0 };
    this.onBehalf = { ...this.self, tagHi: 1 };
    this.#observer = { ...this.self, tagHi: 2 };
    this.hot = native.hot();
    const finish = (slot: Slot): void => this.#finish(slot);
    this.#completions = new Completions({
      slots: this.slots,
      hot: this.hot,
      buffers,
      finish,
      onEvent,
      onWork,
      onTopic,
      onFault,
    });
    this.keepAlive = new KeepAlive(options.keepAlive, () => this.#isBusy());
  }

  /** Appends a message; it crosses at the end of this turn at the latest. */
  submit(
    target: Address,
    kind: number,
    payload: Uint8Array,
    timeoutMs: number,
    slot: number,
    sender: Address = this.self,
  ): void {
    if (!this.keepAlive.held) this.keepAlive.hold();
    const { length } = payload;
    if (length > MAX_RECORD_PAYLOAD) {
      this.#submitLarge(target, kind, payload, timeoutMs, slot, sender);
      return;
    }
    const at = this.#begin(target, kind, length, timeoutMs, slot, sender);
    this.#submit.bytes.set(payload, at);
    this.#end(at + length);
  }

  /** Writes the header of a record; its payload lies at the place that comes back. */
  #begin(target: Address, kind: number, length: number, timeoutMs: number, slot: number, sender: Address): number {
    const at = this.#used;
    writeHeader(this.#submit.words, at >>> 2, target, kind, length, timeoutMs, slot, sender);
    return at + HEADER_BYTES;
  }

  /** A record is written, up to `end`. */
  #end(end: number): void {
    this.#used = (end + 7) & ~7;
    this.#records += 1;
    if (this.#used >= FLUSH_BYTES || this.#records >= FLUSH_RECORDS) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      TICK.then(this.#onTick);
    }
  }

  /** This environment, as the sender of what runs now. */
  get sender(): Address {
    return isObserving() ? this.#observer : this.self;
  }

  /** Appends something to publish. */
  publish(publication: Publication, slot: number): void {
    const { publisher, kind } = publication;
    this.#publishes = true;
    if (publication.isLocal) this.isAboutLocal = true;
    const length = lengthOf(publication);
    if (length > MAX_RECORD_PAYLOAD) {
      this.submit(publisher, kind, payloadOf(publication), 0, slot);
      return;
    }
    if (!this.keepAlive.held) this.keepAlive.hold();
    const at = this.#begin(publisher, kind, length, 0, slot, this.self);
    writePublication(publication, this.#submit.bytes, at);
    this.#end(at + length);
  }

  /** Keeps the process alive for a subscription, or no longer. */
  holdOpen(on: boolean): void {
    this.#holding += on ? 1 : -1;
    if (on && !this.keepAlive.held) this.keepAlive.hold();
  }

  /** Hands over what was appended. Whatever must come after it does this first. */
  flush(): void {
    if (this.#used > 0) this.#cross(0);
  }

  /** As {@link flush}, but what this leads to for actors of this environment happens here. Whether it did anything. */
  #flushHere(): boolean {
    return this.#used > 0 && this.#cross(FLUSH.here) === 1;
  }

  #cross(where: number): number {
    const used = this.#used;
    const how = this.#publishes ? where | FLUSH.publishes : where;
    this.#used = 0;
    this.#records = 0;
    this.isAboutLocal = false;
    this.#publishes = false;
    return this.closed ? 0 : this.hot.flush(used, how);
  }

  /** Sends a request and waits for the reply; `record` is {@link ASK} or {@link CHAINED_ASK}. */
  ask(
    target: Target,
    payload: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    sender: Address = this.self,
    record: number = ASK,
  ): Promise<unknown> {
    if (
      this.#open <= MAX_OPEN &&
      target.open === 0 &&
      this.#used === 0 &&
      this.#inline &&
      sender !== this.#observer &&
      this.#streak < MAX_STREAK &&
      payload.length <= MAX_RECORD_PAYLOAD
    ) {
      return this.#askInline(target, payload, timeoutMs, signal, sender, record);
    }
    return this.request(target, ASK, payload, timeoutMs, signal, sender, record);
  }

  /** Sends a record and waits for its completion; `record` is its kind where that is not the wait's. */
  request(
    target: Target,
    kind: number,
    payload: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    sender: Address = this.self,
    record: number = kind,
  ): Promise<unknown> {
    const slot = this.slots.take();
    if (slot === undefined) return Promise.reject(tableFull());
    const promise = this.#enter(slot, target, kind, timeoutMs);
    this.submit(target, record, payload, timeoutMs, slot.number, sender);
    if (signal !== undefined) this.#abortable(slot, signal);
    return promise;
  }

  /** Makes a call whose result comes as a completion; `holds` says whether it keeps the process alive. */
  call(waiter: Waiter, start: (slot: number) => void, holds = true): Promise<unknown> {
    const slot = this.slots.take();
    if (slot === undefined) return Promise.reject(tableFull());
    const promise = this.#enter(slot, waiter, 0, 0, holds);
    this.flush();
    try {
      start(slot.number);
    } catch (error) {
      slot.reject(error);
      this.#leave(slot);
      this.slots.free(slot);
    }
    return promise;
  }

  /** Gives up a wait that {@link call} began; `tell` lets the addon know, before anything else crosses. */
  cancel(number: number, tell: () => void): void {
    const slot = this.slots.find(number);
    if (slot === undefined) return;
    this.flush();
    tell();
    this.#leave(slot);
    this.slots.retire(slot);
  }

  /** What the addon left in the scratch buffer about a failure. */
  scratchFailure(number: number): NativeFailure {
    const length = this.scratch.words[0]!;
    return parseFailure(number, this.scratch.bytes, 8, 8 + length);
  }

  /** Rejects what still waits, and lets the process go. */
  close(reason: (slot: Slot) => unknown): void {
    this.closed = true;
    this.#completions.close();
    this.keepAlive.close();
    this.#used = 0;
    for (const slot of this.slots.waiting()) {
      slot.reject(reason(slot));
      this.#leave(slot);
      this.slots.retire(slot);
    }
  }

  /** Reads everything that has come, for the last time. */
  drainAll(): void {
    this.#completions.drainAll();
  }

  #askInline(
    target: Target,
    payload: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    sender: Address,
    record: number,
  ): Promise<unknown> {
    this.#streak += 1;
    if (this.#streak === MAX_STREAK) TICK.then(this.#endStreak);
    const slotNumber = this.slots.peek();
    if (slotNumber === 0) return Promise.reject(tableFull());
    if (!this.keepAlive.held) this.keepAlive.hold();
    const { bytes, words } = this.scratch;
    writeHeader(words, 0, target, record, payload.length, timeoutMs, slotNumber, sender);
    bytes.set(payload, HEADER_BYTES);
    const result = this.hot.askInline(HEADER_BYTES + ((payload.length + 7) & ~7));
    if (result >= 0) return this.#replied(target, result);
    if (result <= INLINE_FAILED) {
      const number = INLINE_FAILED - result;
      const error = target.failure(number, this.scratchFailure(number), ASK, timeoutMs);
      return this.#inTurn(Promise.reject(error));
    }
    if (result !== INLINE_ACCEPTED) return this.request(target, ASK, payload, timeoutMs, signal, sender, record);
    // The entry that was looked at above: nothing ran in between.
    const slot = this.slots.take()!;
    const promise = this.#enter(slot, target, ASK, timeoutMs);
    if (signal !== undefined) this.#abortable(slot, signal);
    return promise;
  }

  /** A reply that lies in the scratch buffer. */
  #replied(target: Target, length: number): Promise<unknown> {
    let value: unknown;
    try {
      value = target.reply(this.scratch.bytes, 0, length);
    } catch (error) {
      return this.#inTurn(Promise.reject(error));
    }
    if (this.#budget.spend()) return Promise.resolve(value);
    return new Promise(resolve => {
      setImmediate(resolve, value);
    });
  }

  #inTurn(rejected: Promise<never>): Promise<unknown> {
    if (this.#budget.spend()) return rejected;
    const { promise, resolve } = later();
    setImmediate(resolve, rejected);
    // It is handled by whoever waits for `promise`.
    rejected.catch(() => {});
    return promise;
  }

  #enter(slot: Slot, waiter: Waiter, kind: number, timeoutMs: number, holds = true): Promise<unknown> {
    const promise = new Promise(keepHandles);
    slot.resolve = lastResolve;
    slot.reject = lastReject;
    slot.waiter = waiter;
    slot.kind = kind;
    slot.timeoutMs = timeoutMs;
    slot.holds = holds;
    if (kind !== 0) {
      this.#open += 1;
      (waiter as Target).open += 1;
    }
    if (holds) {
      this.#holding += 1;
      if (!this.keepAlive.held) this.keepAlive.hold();
    }
    return promise;
  }

  #leave(slot: Slot): void {
    if (slot.kind !== 0) {
      this.#open -= 1;
      (slot.waiter as Target).open -= 1;
    }
    if (slot.holds) this.#holding -= 1;
    slot.release?.();
  }

  #finish(slot: Slot): void {
    this.#leave(slot);
    this.slots.free(slot);
  }

  /** Lets the caller's signal end the wait: the caller is released at once (`CAN-1`, `CAN-2`). */
  #abortable(slot: Slot, signal: AbortSignal): void {
    const { number } = slot;
    const target = slot.waiter as Target;
    const onAbort = (): void => {
      if (this.slots.find(number) !== slot) return;
      if (slot.kind === ASK) this.submit(target, ABORT, EMPTY, 0, number);
      slot.reject(signal.reason);
      this.#leave(slot);
      this.slots.retire(slot);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    slot.release = () => signal.removeEventListener('abort', onAbort);
  }

  #submitLarge(
    target: Address,
    kind: number,
    payload: Uint8Array,
    timeoutMs: number,
    slot: number,
    sender: Address,
  ): void {
    this.flush();
    const header = new Uint32Array(HEADER_BYTES / 4);
    writeHeader(header, 0, target, kind, payload.length, timeoutMs, slot, sender);
    this.native.submitLarge(header, payload);
  }

  readonly #endStreak = (): void => {
    this.#streak = 0;
  };

  readonly #onTick = (): void => {
    this.#scheduled = false;
    // Bounded like any settled result: a chain of handlers must leave turns of the event loop to others.
    if (this.isAboutLocal && this.#budget.spend() && this.#flushHere()) {
      this.#completions.drain();
      return;
    }
    this.flush();
    if (this.#open > 0 && !this.closed) this.#linger();
  };

  /** Waits for an answer that is about to come: it saves the wake-up through the event loop. */
  #linger(): void {
    if (!this.#budget.spend()) return;
    if (this.#credit === 0) {
      this.#skipped += 1;
      if (this.#skipped < PROBE_EVERY) return;
      this.#skipped = 0;
    }
    if (this.hot.poll(LINGER_NANOS) === 1) {
      this.#credit = Math.min(this.#credit + 1, MAX_CREDIT);
      this.#completions.drain();
    } else if (this.#credit > 0) {
      this.#credit -= 1;
    }
  }

  #isBusy(): boolean {
    if (this.closed) return false;
    if (this.#holding > 0 || this.#used > 0 || this.native.busy()) return true;
    // What happened until now is told before the process may end: its wake-up does not hold it.
    this.#completions.drain();
    return this.#holding > 0 || this.#used > 0;
  }
}

function later(): { promise: Promise<unknown>; resolve: (value: unknown) => void } {
  const promise = new Promise(keepHandles);
  return { promise, resolve: lastResolve };
}
