/** An actor that this environment runs, over all its lives. */
import type { AsyncResource } from 'node:async_hooks';
import type { AnyCodec, AnyFunctions } from '../actor.js';
import { ActorRef, coreOf, type Down } from '../actor-ref.js';
import type { Broker } from '../broker.js';
import { servedBy } from '../codec.js';
import type { ReasonTag } from '../error-codes.js';
import type { Monitor } from '../monitor.js';
import type { NativeEvent } from '../native.js';
import type { Address, Port } from '../port.js';
import { nameOf, type RefCore } from '../ref-core.js';
import { DEFAULT_GRACE_MS } from '../request-options.js';
import type { Life, LifeOwner } from './life.js';

/** What its environment does for it. */
export interface Surroundings {
  /** Publishes and subscribes. */
  readonly broker: Broker;
  readonly port: Port;
  /** A reference to the sender of a message. */
  refTo(index: number, tagLo: number, tagHi: number): ActorRef;
  /** Takes a log line as an event. */
  log(event: NativeEvent): void;
}

/** What an actor is made of. */
export interface LocalActorInit {
  readonly address: Address;
  readonly functions: AnyFunctions;
  readonly codec: AnyCodec | undefined;
  readonly self: ActorRef<never, unknown>;
  readonly config: unknown;
  readonly peers: Readonly<Record<string, ActorRef<never, unknown>>>;
  /** Where it was spawned: what its functions run in unless a message brings its sender's context. */
  readonly scope: AsyncResource;
}

const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder();

/** An actor. */
export class LocalActor implements LifeOwner {
  readonly address: Address;
  readonly functions: AnyFunctions;
  readonly codec: AnyCodec | undefined;
  readonly self: ActorRef<never, unknown>;
  readonly config: unknown;
  readonly peers: Readonly<Record<string, ActorRef<never, unknown>>>;
  readonly scope: AsyncResource;
  readonly #surroundings: Surroundings;
  /** Whom it watches, by the tags of its monitors, over all its lives. */
  readonly #monitors = new Map<number, RefCore>();
  #lastMonitor = 0;
  life: Life<LocalActor> | undefined = undefined;
  /** Tags of subscriptions that ended while a turn had messages of them, and that turn (`TOP-7`). */
  #ended: { readonly job: number; readonly tags: Set<number> } | undefined;

  /** The life in which a message could not be read. */
  #complained: Life | undefined;

  constructor(init: LocalActorInit, surroundings: Surroundings) {
    this.address = init.address;
    this.functions = init.functions;
    this.codec = init.codec;
    this.self = init.self;
    this.config = init.config;
    this.peers = init.peers;
    this.scope = init.scope;
    this.#surroundings = surroundings;
  }

  get broker(): Broker {
    return this.#surroundings.broker;
  }

  monitor(target: RefCore): Monitor {
    if (this.functions.down === undefined) {
      throw new TypeError(`${this.self.path}: monitor: the actor has no function down that could be told`);
    }
    const self = coreOf(this.self);
    const { port } = self.owner;
    this.#lastMonitor += 1;
    const tag = this.#lastMonitor;
    this.#monitors.set(tag, target);
    if (!port.closed) {
      // What it sent before belongs before.
      port.flush();
      port.native.monitorFor(self.address, target.address, tag);
    }
    const stop = (): void => {
      if (this.#monitors.delete(tag) && !port.closed) port.native.demonitorFor(self.address, tag);
    };
    return { stop, [Symbol.dispose]: stop };
  }

  /** What a notice says; nothing when its monitor was taken back. */
  readDown(tag: number, bytes: Uint8Array): Down | undefined {
    const target = this.#monitors.get(tag);
    if (target === undefined || !this.#monitors.delete(tag)) return undefined;
    const [reason = '', text = ''] = decoder.decode(bytes.subarray(4)).split('\0', 2);
    const incarnation = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const ref = new ActorRef<never, unknown>(target);
    return Object.freeze({ ref, reason: Object.freeze({ tag: reason as ReasonTag, text }), incarnation });
  }

  stop(): void {
    // Whoever waits for the end has a reference; what may go wrong here is the end of the system, which is one.
    coreOf(this.self)
      .stop(false, DEFAULT_GRACE_MS)
      .catch(() => {});
  }

  /** Messages with these tags have no subscription any more, in the turn with this number: others have none of them. */
  skipTopics(job: number, tags: readonly number[]): void {
    const known = this.#ended?.job === job ? this.#ended.tags : [];
    this.#ended = { job, tags: new Set([...known, ...tags]) };
  }

  /** Whether a message of a turn has lost its subscription since the turn came. */
  skipsTopic(job: number, tag: number): boolean {
    return this.#ended?.job === job && this.#ended.tags.has(tag);
  }

  get port(): Port {
    return this.#surroundings.port;
  }

  refTo(index: number, tagLo: number, tagHi: number): ActorRef {
    return this.#surroundings.refTo(index, tagLo, tagHi);
  }

  log(life: Life, level: number, text: string): void {
    const { index, tagLo, tagHi } = this.address;
    const { id, path } = this.self;
    const address = [index, tagLo, tagHi, index, Number(id >> 32n)] as const;
    const uptimeMs = Math.floor(performance.now() - life.startedMs);
    const { incarnation } = life;
    this.#surroundings.log({ event: 'log', address, path, incarnation, uptimeMs, level, text });
  }

  /** Says of the first message of a life that cannot be read why; each of them is a dead letter. */
  cannotRead(life: Life, size: number, error: unknown): void {
    if (this.#complained === life) return;
    this.#complained = life;
    const why = error instanceof Error ? error.message : String(error);
    this.log(life, 2, `a message of ${size} bytes cannot be read: ${why}`);
  }

  /** The message in these bytes, which become its own. */
  read(bytes: Uint8Array): unknown {
    return this.codec === undefined ? bytes : servedBy(this.codec).decode(bytes);
  }

  /** The bytes of a reply; none for `undefined`. */
  write(value: unknown): Uint8Array {
    if (value === undefined) return EMPTY;
    const bytes = this.codec === undefined ? value : servedBy(this.codec).encode(value as never);
    if (bytes instanceof Uint8Array) return bytes;
    const what = this.codec === undefined ? 'handle, without a codec,' : 'encode of the codec';
    throw new TypeError(`${this.self.path}: ${what} must return a Uint8Array, it returned ${nameOf(bytes)}`);
  }
}
