/**
 * Hooks and custom state of actors that supervisors and pools make: of children and of members. One
 * origin is what all actors of one child, or of one pool, have beside them; the addon names it by
 * number in their events and their status, because it makes such actors without asking.
 */
import { AsyncResource } from 'node:async_hooks';
import { type ActorRef, coreOf } from './actor-ref.js';
import { Beside, type BesideOptions, type BesideOwner } from './beside.js';
import type { NativeAddress } from './native.js';
import type { RefCore } from './ref-core.js';

/** Makes the reference of an actor of an origin. */
type RefOf = (address: NativeAddress, path: string | undefined) => ActorRef<never, unknown>;

/** What the actors of one child, or of one pool, have beside them. */
export class Origin {
  /** The addon's number for it; 0 while it has none. */
  number = 0;
  readonly refOf: RefOf;
  readonly #owner: BesideOwner;
  readonly #options: BesideOptions;
  /** Hooks run in the context of whoever described the actor, whatever made it. */
  readonly #scope = new AsyncResource('WasmTroupeOrigin', { requireManualDestroy: true });
  /** Of actors that are about to be made: the hook before their start has run. */
  readonly #prepared: Beside[] = [];
  readonly #met = new Set<Beside>();
  #release: (() => void) | undefined;

  constructor(owner: BesideOwner, options: BesideOptions, refOf: RefOf) {
    this.#owner = owner;
    this.#options = options;
    this.refOf = refOf;
  }

  get hasHooks(): boolean {
    return this.#options.hooks !== undefined;
  }

  /** From now on nothing of its actors is missed. */
  open(number: number): void {
    this.number = number;
    if (this.hasHooks) this.#release = this.#owner.events.reserve();
  }

  /** Runs the hook before the start for an actor that is about to be made; what it is given then, or `null`. */
  async prepare(name: string | undefined): Promise<Uint8Array | null> {
    const beside = this.#make();
    this.#prepared.push(beside);
    await beside.before(name);
    return beside.stateBytes();
  }

  /** An actor that was prepared will not be made. */
  spare(): void {
    this.#prepared.pop()?.end();
  }

  /** An actor of it has an address. One that nobody was asked about before is told of its start now. */
  meet(ref: ActorRef<never, unknown>): void {
    const { states } = this.#owner;
    if (states.has(coreOf(ref))) return;
    let beside = this.#prepared.shift();
    if (beside === undefined) {
      beside = this.#make();
      beside.tellStart(undefined);
    }
    const met = beside;
    met.attach(ref);
    this.#met.add(met);
    const forget = (): void => {
      this.#met.delete(met);
    };
    ref.stopped.then(forget, forget);
  }

  /** Nothing makes an actor of it any more; one that never came up ends without an event. */
  close(): void {
    this.#release?.();
    this.#release = undefined;
    for (const beside of this.#prepared.splice(0)) beside.end();
    for (const beside of this.#met) beside.endUnlessBegun();
  }

  #make(): Beside {
    return this.#scope.runInAsyncScope(() => new Beside(this.#owner, this.#options));
  }
}

/** The origins that a system may make actors of. */
export class Origins {
  readonly #origins = new Map<number, Origin>();
  #last = 0;

  /** Gives an origin its number. */
  add(origin: Origin): void {
    this.#last += 1;
    origin.open(this.#last);
    this.#origins.set(this.#last, origin);
  }

  /** Nothing makes an actor of it any more. */
  remove(origin: Origin): void {
    this.#origins.delete(origin.number);
    origin.close();
  }

  /** The addon told of an actor. */
  meet(number: number, address: NativeAddress, path: string): void {
    const origin = this.#origins.get(number);
    origin?.meet(origin.refOf(address, path));
  }

  /** Somebody wants the state of an actor that nobody has told of yet. */
  look(core: RefCore): void {
    if (this.#origins.size === 0) return;
    const status = core.status();
    if (status !== undefined && status.origin !== 0) this.meet(status.origin, status.address, status.path);
  }

  /** How many there are. */
  get size(): number {
    return this.#origins.size;
  }
}
