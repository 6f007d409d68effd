/** Trees of a system: starts supervisors and pools, and shows all of them. */
import { type Branch, type TreeHost, treeCall } from './branch.js';
import type { Children, SupervisorOptions } from './children.js';
import { type NativeNode, type NativePlace, type NativeSystem, native } from './native.js';
import { Pool } from './pool.js';
import type { RefOwner } from './ref-core.js';
import { randomFrom } from './router.js';
import { Supervisor } from './supervisor.js';
import { type PlanContext, Planner } from './tree-plan.js';
import { branchLines, treeEntry } from './tree-view.js';

/** What trees need of their system. */
export interface SupervisionOptions {
  readonly owner: RefOwner;
  readonly context: PlanContext;
  /** Of the system's random numbers. */
  readonly seed: number;
  /** Shortest time between two looks at how the members of a pool stand, in milliseconds. */
  readonly lookEveryMs: number;
  /** Says something that is probably not meant. */
  readonly warn: (fields: object, message: string) => void;
}

/** The trees of one system. */
export class Supervision {
  readonly #options: SupervisionOptions;
  readonly #native: NativeSystem;
  readonly #host: TreeHost;
  #unnamed = 0;

  constructor(options: SupervisionOptions) {
    const { owner, context, warn, seed, lookEveryMs } = options;
    this.#options = options;
    this.#native = owner.port.native;
    this.#host = {
      owner,
      context,
      random: randomFrom(seed),
      lookEveryMs,
      hooksSettled: path => context.beside.events.hooksSettled(path),
      commit: planner => {
        planner.commit();
        for (const { path, rules } of planner.budgets) {
          for (const warning of native().budgetWarnings(rules)) {
            warn({ options: path }, path === '' ? warning : `${path}: ${warning}`);
          }
        }
        return planner.isObserved ? planner.before() : undefined;
      },
    };
  }

  /** Starts a tree; resolves when all of it has come up. */
  async supervise<C extends Children>(options: SupervisorOptions<C>): Promise<Supervisor<C>> {
    const planner = new Planner(this.#options.context);
    const { node, layout } = planner.supervisor(options, this.#nextName('supervisor'));
    const start = (slot: number): NativePlace => this.#native.supervise(node, slot);
    return this.#start(planner, node, start, (place, path) => new Supervisor<C>(this.#host, layout, place, path));
  }

  /** Starts a pool; resolves when all its members have come up. */
  async pool(component: unknown, options: unknown): Promise<Pool<unknown, unknown>> {
    const planner = new Planner(this.#options.context);
    const { node, layout } = planner.pool(component, options, this.#nextName('pool'));
    const start = (slot: number): NativePlace => this.#native.startPool(node, slot);
    return this.#start(planner, node, start, (place, path) => new Pool(this.#host, layout, place.id, path));
  }

  /** All trees, as lines for people. */
  print(): string[] {
    return branchLines(treeEntry(this.#native.tree()));
  }

  /** The handle is made at once: it must not miss an end that comes right after the start. */
  async #start<T extends Branch>(
    planner: Planner,
    { key }: NativeNode,
    start: (slot: number) => NativePlace,
    make: (place: NativePlace, path: string) => T,
  ): Promise<T> {
    const release = (): void => planner.release();
    try {
      // Without hooks nothing may come between: what was called next belongs after.
      const before = this.#host.commit(planner);
      if (before !== undefined) await before;
      const path = `/${key}`;
      const { at, done } = treeCall(this.#options.owner, { message: `${path} did not come up`, actor: path }, start);
      const handle = at && make(at, path);
      handle?.stopped.then(release, release);
      await done;
      await this.#host.hooksSettled(path);
      return handle!;
    } catch (error) {
      release();
      throw error;
    }
  }

  #nextName(kind: string): string {
    this.#unnamed += 1;
    return `${kind}-${this.#unnamed}`;
  }
}
