/** Pools: equal actors with a budget each, and one name. */
import { inspect } from 'node:util';
import { ActorRef, type ActorStatus, coreHere, coreOf } from './actor-ref.js';
import { Branch, type ChildCount, type TreeHost } from './branch.js';
import { mismatch } from './check.js';
import { createError, type ExitReason } from './errors.js';
import { type NativeAddress, type NativePlace, READINESS } from './native.js';
import { ROUTES, type Routed, type Routes } from './receiver.js';
import { RefCore } from './ref-core.js';
import type { RequestOptions, StopOptions } from './request-options.js';
import { type Candidate, mix, Router } from './router.js';
import type { PoolLayout } from './tree-plan.js';

/** A member of a pool, and what it is doing. */
export interface PoolMember<in Message = Uint8Array, out Reply = Uint8Array> extends ActorStatus {
  /** The member. */
  readonly ref: ActorRef<Message, Reply>;
}

/** Equal actors, each restarted by itself. Made by `system.pool`, or below a supervisor. */
export class Pool<in Message = Uint8Array, out Reply = Uint8Array> extends Branch implements Routed<Message, Reply> {
  readonly #layout: PoolLayout;
  readonly #router: Router<ActorRef<Message, Reply>>;
  #candidates: Candidate<ActorRef<Message, Reply>>[] = [];
  /** Addresses of those, three words each. */
  #words = new Uint32Array(0);
  /** How often the members had changed when they were listed. */
  #changes = -1;
  /** References that were given out, by their addresses. */
  #refs = new Map<string, ActorRef<Message, Reply>>();

  /** @internal */
  constructor(host: TreeHost, layout: PoolLayout, number: number, path: string) {
    super(host, number, path);
    this.#layout = layout;
    const { routing, hash } = layout;
    const { random, lookEveryMs } = host;
    this.#router = new Router({ routing, hash, random, lookEveryMs, look: () => this.#look() });
  }

  /** Sends a message to a member and forgets it. When no member takes messages, it is a dead letter. */
  tell(message: Message): void {
    this.#tell(message, member => member.tell(message));
  }

  /**
   * Sends a message to a member; settles when it is in its mailbox. Rejects with `ERR_NO_RESPONDERS` at once when
   * no member takes messages.
   */
  send(message: Message, options?: RequestOptions): Promise<void> {
    return this.#request('send', message, member => member.send(message, options));
  }

  /**
   * Sends a request to a member; resolves with its reply. Rejects with `ERR_NO_RESPONDERS` at once when no member
   * takes messages.
   */
  ask(message: Message, options?: RequestOptions): Promise<Reply> {
    return this.#request('ask', message, member => member.ask(message, options));
  }

  /** @internal How an actor sends to it as itself. */
  get [ROUTES](): Routes<Message, Reply> {
    return {
      tell: (message, tell) => this.#tell(message, tell),
      ask: (message, ask) => this.#request('ask', message, ask),
    };
  }

  /** The members that have not ended. Asked for anew each time: keep it where it is used often. */
  get children(): readonly ActorRef<Message, Reply>[] {
    const { port } = this.host.owner;
    if (port.closed) return [];
    const before = this.#refs;
    const refs = new Map<string, ActorRef<Message, Reply>>();
    for (const { address } of port.native.poolMembers(this.number)) {
      if (address === null) continue;
      const key = keyOf(address);
      refs.set(key, before.get(key) ?? this.#ref(address));
    }
    this.#refs = refs;
    return [...refs.values()];
  }

  /** Starts one more member; resolves when it has come up. */
  async startChild(): Promise<ActorRef<Message, Reply>> {
    const { port } = this.host.owner;
    if (port.closed) throw gone(this.path);
    const { origin } = this.#layout;
    if (origin?.hasHooks) await origin.prepare(undefined);
    let call: { readonly at: NativePlace | undefined; readonly done: Promise<unknown> };
    try {
      call = this.call('startChild', slot => port.native.startMember(this.number, slot));
    } catch (error) {
      origin?.spare();
      throw error;
    }
    const address = call.at?.address;
    const ref = address ? this.#ref(address) : undefined;
    await call.done;
    if (!address || ref === undefined) throw gone(this.path);
    this.#refs.set(keyOf(address), ref);
    this.#router.stale();
    if (origin?.hasHooks) await this.host.hooksSettled(ref.path);
    return ref;
  }

  /** Stops a member, which leaves the pool. Resolves when it has ended. */
  async stopChild(member: ActorRef<Message, Reply>, options?: StopOptions): Promise<ExitReason> {
    const expected = `a member of ${this.path}`;
    const { path } = coreHere(member, this.host.owner, 'member', expected);
    if (!path.startsWith(`${this.path}/`)) throw mismatch('member', expected, member);
    this.#router.stale();
    const reason = await member.stop(options);
    this.#router.stale();
    return reason;
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.#router.stale();
  }

  /** Every member that has not ended, with what it is doing. */
  list(): PoolMember<Message, Reply>[] {
    return this.children.map(ref => ({ ref, ...ref.status() }));
  }

  /** How many members there are, and how many are ready. */
  count(): ChildCount {
    const info = this.info();
    const specs = info?.members ?? 0;
    return { specs, active: info?.ready ?? 0, actors: specs, supervisors: 0 };
  }

  /** Path, state and members, for people. */
  override toString(): string {
    const { specs, active } = this.count();
    return `Pool(${this.path} ${this.state}, ${active} of ${specs} ready)`;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  #tell(message: Message, tell: (member: ActorRef<Message, Reply>) => void): void {
    if (this.host.owner.port.closed) {
      this.host.owner.countLate();
      return;
    }
    const member = this.#router.choose(message);
    if (member === undefined) this.#refuse(message);
    else tell(member);
  }

  #request<T>(
    operation: string,
    message: Message,
    request: (member: ActorRef<Message, Reply>) => Promise<T>,
  ): Promise<T> {
    try {
      if (this.host.owner.port.closed) throw gone(this.path, operation);
      const member = this.#router.choose(message);
      if (member !== undefined) return request(member);
      this.#refuse(message);
    } catch (error) {
      return Promise.reject(error);
    }
    const { specs } = this.count();
    const why = specs === 0 ? 'there is no member' : `none of ${specs} members takes messages now`;
    const text = `${operation} to ${this.path}: ${why}`;
    return Promise.reject(createError('ERR_NO_RESPONDERS', { message: text, actor: this.path }));
  }

  /** Nobody is there to take a message: it is a dead letter. */
  #refuse(message: Message): void {
    const { codec } = this.#layout;
    const payload = codec === undefined ? message : codec.encode(message);
    const bytes = payload instanceof Uint8Array ? payload : new Uint8Array(0);
    this.host.owner.port.native.refuseUnroutable(this.path, bytes);
  }

  /** How the members stand. What was sent before is counted there already. */
  #look(): readonly Candidate<ActorRef<Message, Reply>>[] {
    const { port } = this.host.owner;
    port.flush();
    let standings = port.native.poolStandings(this.number, this.#words);
    if (standings.length === 0) return [];
    if (standings[0] !== this.#changes) {
      this.#list(standings[0]!);
      standings = port.native.poolStandings(this.number, this.#words);
    }
    this.#candidates.forEach((candidate, at) => {
      candidate.readiness = standings[1 + 2 * at] ?? READINESS.gone;
      candidate.queued = standings[2 + 2 * at] ?? 0;
      candidate.sent = 0;
    });
    return this.#candidates;
  }

  /** Lists the members anew; `changes` was counted before. */
  #list(changes: number): void {
    const members = this.children;
    this.#changes = changes;
    this.#words = new Uint32Array(3 * members.length);
    this.#candidates = members.map((target, at) => {
      const { index, tagLo, tagHi, idLo } = coreOf(target);
      this.#words.set([index, tagLo, tagHi], 3 * at);
      return { target, seed: mix(idLo ^ mix(tagHi)), readiness: READINESS.gone, queued: 0, sent: 0 };
    });
  }

  #ref(address: NativeAddress): ActorRef<Message, Reply> {
    const { codec, local, origin } = this.#layout;
    const ref = new ActorRef<Message, Reply>(new RefCore(this.host.owner, address, codec, undefined, undefined, local));
    origin?.meet(ref);
    return ref;
  }
}

function keyOf([index, tagLo, tagHi]: NativeAddress): string {
  return `${index}.${tagLo}.${tagHi}`;
}

function gone(path: string, operation = 'startChild') {
  return createError('ERR_SHUTDOWN', { message: `${operation}: ${path} has ended`, actor: path });
}
