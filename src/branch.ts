/** What supervisors and pools have in common: a place in the tree, a state, an end. */
import type { ActorState } from './actor-ref.js';
import { CallWaiter } from './call-waiter.js';
import type { Strategy } from './children.js';
import { type ErrorInit, type ExitReason, rethrown } from './errors.js';
import { FOREVER, type NativeSupervisor } from './native.js';
import type { RefOwner } from './ref-core.js';
import type { PlanContext, Planner } from './tree-plan.js';

/** @internal What a tree's handles need of their system. */
export interface TreeHost {
  readonly owner: RefOwner;
  readonly context: PlanContext;
  /**
   * Tells what is odd about a plan (`INT-5`), makes it ready to be started, and runs the hooks before the
   * start, if there are any.
   */
  commit(planner: Planner): Promise<void> | undefined;
  /** Uniform in [0, 1), from the system's seed. */
  readonly random: () => number;
  /** Shortest time between two looks at how the members of a pool stand, in milliseconds. */
  readonly lookEveryMs: number;
  /** Resolves when the hooks of the actors at and below a path are done with what they were told. */
  hooksSettled(path: string): Promise<void>;
}

/** How a supervisor or a pool is doing. */
export interface SupervisorStats {
  /** Where it is in its life. */
  readonly state: ActorState;
  /** Who else is restarted with a child that failed; `undefined` for a pool. */
  readonly strategy: Strategy | undefined;
  /** Which life it is in: 1 at first. */
  readonly incarnation: number;
  /** Length of its present life in milliseconds. */
  readonly uptimeMs: number;
  /** Restarts of its children so far. */
  readonly restarts: number;
  /** Restarts that count against the budget now. */
  readonly restartsInWindow: number;
  /** The budget; `Infinity` for no limit. */
  readonly maxRestarts: number;
  /** The window of the budget in milliseconds. */
  readonly withinMs: number;
  /** Reports of earlier lives that came too late and were dropped. */
  readonly stale: number;
}

/** How many children a supervisor or a pool has. */
export interface ChildCount {
  /** All that are listed, running or not. */
  readonly specs: number;
  /** Those that are ready. */
  readonly active: number;
  /** Actors among those listed. */
  readonly actors: number;
  /** Supervisors and pools among those listed. */
  readonly supervisors: number;
}

const SHUT_DOWN: ExitReason = Object.freeze({ tag: 'shutdown', text: '' });
const STRATEGIES: readonly Strategy[] = ['one-for-one', 'one-for-all', 'rest-for-one'];

/** A supervisor or a pool. */
export abstract class Branch {
  /** Its name within its parent. */
  readonly name: string;
  /** Names from the root, joined by `/`. */
  readonly path: string;
  /** @internal */
  protected readonly host: TreeHost;
  /** @internal Its number in the addon. */
  protected readonly number: number;
  #exit: ExitReason | undefined;
  readonly #stopped: Promise<ExitReason>;

  /** @internal */
  constructor(host: TreeHost, number: number, path: string) {
    this.host = host;
    this.number = number;
    this.path = path;
    this.name = path.slice(path.lastIndexOf('/') + 1);
    // From the beginning: nobody can be asked after the end.
    const { port } = host.owner;
    this.#stopped = port.closed ? Promise.resolve(SHUT_DOWN) : this.#watch();
  }

  /** Where it is in its life. */
  get state(): ActorState {
    return this.stats().state;
  }

  /** How it is doing. Answers at any time, also during restarts. */
  stats(): SupervisorStats {
    const info = this.info();
    if (info === undefined) return { ...NOTHING, state: this.#exit?.tag === 'intensity' ? 'failed' : 'terminated' };
    const { incarnation, uptimeMs, restarts, budgetUsed, withinMs, stale } = info;
    return {
      state: info.state as ActorState,
      strategy: STRATEGIES[info.strategy],
      incarnation,
      uptimeMs,
      restarts,
      restartsInWindow: budgetUsed,
      maxRestarts: info.maxRestarts === FOREVER ? Infinity : info.maxRestarts,
      withinMs,
      stale,
    };
  }

  /** Stops it with all that is below, whatever it is doing. Resolves when nothing of it is left. Twice is no mistake. */
  async stop(): Promise<void> {
    const { port } = this.host.owner;
    if (port.closed) return;
    await this.call('stop', slot => port.native.supervisorStop(this.number, slot)).done;
    await this.host.hooksSettled(this.path);
  }

  /** Resolves when it has ended for good, with the reason: `intensity` if it gave up. Does not keep the process alive. */
  get stopped(): Promise<ExitReason> {
    return this.#stopped;
  }

  /** The same as {@link Branch.stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal What the addon knows; `undefined` after the end. */
  protected info(): NativeSupervisor | undefined {
    const { port } = this.host.owner;
    if (port.closed) return undefined;
    port.flush();
    return port.native.supervisorInfo(this.number) ?? undefined;
  }

  /** @internal A call to the addon: what it gave at once, and what came of it. */
  protected call<T>(what: string, start: (slot: number) => T): { readonly at: T | undefined; done: Promise<unknown> } {
    return treeCall(this.host.owner, { message: `${what}: ${this.path} did not do it`, actor: this.path }, start);
  }

  #watch(): Promise<ExitReason> {
    const { port } = this.host.owner;
    const waiter = new CallWaiter(
      result => {
        this.#exit = Object.freeze(result as ExitReason);
        return this.#exit;
      },
      { message: `${this.path} cannot be reached`, actor: this.path },
    );
    const ended = port.call(waiter, slot => port.native.supervisorWatch(this.number, slot), false);
    // Only the end of the system rejects it.
    return (ended as Promise<ExitReason>).catch(() => SHUT_DOWN);
  }
}

const NOTHING: SupervisorStats = Object.freeze({
  state: 'terminated',
  strategy: undefined,
  incarnation: 0,
  uptimeMs: 0,
  restarts: 0,
  restartsInWindow: 0,
  maxRestarts: 0,
  withinMs: 0,
  stale: 0,
});

/** @internal A call about a tree: what the addon gave at once, and what came of it. */
export function treeCall<T>(
  owner: RefOwner,
  context: Partial<ErrorInit>,
  start: (slot: number) => T,
): { readonly at: T | undefined; done: Promise<unknown> } {
  let at: T | undefined;
  const done = owner.port.call(new CallWaiter(() => undefined, context), slot => {
    try {
      at = start(slot);
    } catch (error) {
      throw rethrown(error);
    }
  });
  return { at, done };
}
