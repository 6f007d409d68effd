/** Pools: equal actors with a budget each, and one name. */
import { inspect } from 'node:util';
import { ActorRef, type ActorStatus } from './actor-ref.js';
import { Branch, type TreeHost } from './branch.js';
import { mismatch } from './check.js';
import { createError, type ExitReason } from './errors.js';
import type { NativeAddress, NativePlace } from './native.js';
import { RefCore } from './ref-core.js';
import type { StopOptions } from './request-options.js';
import type { PoolLayout } from './tree-plan.js';

/** How many members a pool has. */
export interface PoolCount {
  /** Members that have not ended. */
  readonly members: number;
  /** Members that are ready. */
  readonly ready: number;
}

/** A member of a pool, and what it is doing. */
export interface PoolMember<in Message = Uint8Array, out Reply = Uint8Array> extends ActorStatus {
  /** The member. */
  readonly ref: ActorRef<Message, Reply>;
}

/** Equal actors, each restarted by itself. Made by `system.pool`, or below a supervisor. */
export class Pool<in Message = Uint8Array, out Reply = Uint8Array> extends Branch {
  readonly #layout: PoolLayout;
  readonly #members = new Set<ActorRef<Message, Reply>>();

  /** @internal */
  constructor(host: TreeHost, layout: PoolLayout, place: Pick<NativePlace, 'id' | 'addresses'>, path: string) {
    super(host, place.id, path);
    this.#layout = layout;
    for (const address of place.addresses) this.#add(address);
  }

  /** The members that have not ended, oldest first. */
  get children(): readonly ActorRef<Message, Reply>[] {
    return [...this.#members];
  }

  /** Starts one more member; resolves when it has come up. */
  async startChild(): Promise<ActorRef<Message, Reply>> {
    const { port } = this.host.owner;
    if (port.closed) throw gone(this.path);
    const call = this.call('startChild', slot => port.native.startMember(this.number, slot));
    await call.done;
    const [address] = call.at?.addresses ?? [];
    if (address === undefined) throw gone(this.path);
    return this.#add(address);
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
  count(): PoolCount {
    const states = this.list().map(({ state }) => state);
    return { members: states.length, ready: states.filter(state => state === 'ready').length };
  }

  /** Path, state and members, for people. */
  override toString(): string {
    const { members, ready } = this.count();
    return `Pool(${this.path} ${this.state}, ${ready} of ${members} ready)`;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  #add(address: NativeAddress): ActorRef<Message, Reply> {
    const core = new RefCore(this.host.owner, address, this.#layout.codec, undefined, undefined, this.#layout.local);
    const ref = new ActorRef<Message, Reply>(core);
    this.#members.add(ref);
    const leave = (): void => void this.#members.delete(ref);
    ref.stopped.then(leave, leave);
    return ref;
  }
}

function gone(path: string) {
  return createError('ERR_SHUTDOWN', { message: `startChild: ${path} has ended`, actor: path });
}
