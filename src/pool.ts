/** Pools: equal actors with a budget each, and one name. */
import { inspect } from 'node:util';
import { ActorRef, type ActorStatus } from './actor-ref.js';
import { Branch, type ChildCount, type TreeHost } from './branch.js';
import { mismatch } from './check.js';
import { createError, type ExitReason } from './errors.js';
import type { NativeAddress } from './native.js';
import { RefCore } from './ref-core.js';
import type { StopOptions } from './request-options.js';
import type { PoolLayout } from './tree-plan.js';

/** A member of a pool, and what it is doing. */
export interface PoolMember<in Message = Uint8Array, out Reply = Uint8Array> extends ActorStatus {
  /** The member. */
  readonly ref: ActorRef<Message, Reply>;
}

/** Equal actors, each restarted by itself. Made by `system.pool`, or below a supervisor. */
export class Pool<in Message = Uint8Array, out Reply = Uint8Array> extends Branch {
  readonly #layout: PoolLayout;
  /** References that were given out, by their addresses. */
  #refs = new Map<string, ActorRef<Message, Reply>>();

  /** @internal */
  constructor(host: TreeHost, layout: PoolLayout, number: number, path: string) {
    super(host, number, path);
    this.#layout = layout;
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
    const call = this.call('startChild', slot => port.native.startMember(this.number, slot));
    await call.done;
    const address = call.at?.address;
    if (!address) throw gone(this.path);
    const ref = this.#ref(address);
    this.#refs.set(keyOf(address), ref);
    return ref;
  }

  /** Stops a member, which leaves the pool. Resolves when it has ended. */
  async stopChild(member: ActorRef<Message, Reply>, options?: StopOptions): Promise<ExitReason> {
    if (!(member instanceof ActorRef) || (member.path !== '' && !member.path.startsWith(`${this.path}/`))) {
      throw mismatch('member', `a member of ${this.path}`, member);
    }
    return member.stop(options);
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

  #ref(address: NativeAddress): ActorRef<Message, Reply> {
    const { codec, local } = this.#layout;
    return new ActorRef(new RefCore(this.host.owner, address, codec, undefined, undefined, local));
  }
}

function keyOf([index, tagLo, tagHi]: NativeAddress): string {
  return `${index}.${tagLo}.${tagHi}`;
}

function gone(path: string) {
  return createError('ERR_SHUTDOWN', { message: `startChild: ${path} has ended`, actor: path });
}
