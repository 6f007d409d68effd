/** Supervisors: who starts, watches, restarts and stops the actors below them. */
import { inspect } from 'node:util';
import { ActorRef, type ActorState } from './actor-ref.js';
import { Branch, type ChildCount, type TreeHost } from './branch.js';
import { mismatch } from './check.js';
import type { AutoShutdown, ChildDefinition, Children, NestedOptions, PoolDefinition } from './children.js';
import { createError, type ExitReason } from './errors.js';
import {
  CHILD_DELETE,
  CHILD_RESTART,
  CHILD_STOP,
  type NativeChild,
  type NativePlace,
  NODE_POOL,
  NODE_SUPERVISOR,
} from './native.js';
import type { RestartType } from './options.js';
import { Pool } from './pool.js';
import { RefCore } from './ref-core.js';
import { type Layout, Planner, type SupervisorLayout } from './tree-plan.js';
import { findTree, printTree, type TreeEntry, treeEntry } from './tree-view.js';

/** What a child is reached by. */
export type HandleOf<D> =
  D extends ChildDefinition<infer Message, infer Reply>
    ? ActorRef<Message, Reply>
    : D extends PoolDefinition<infer Message, infer Reply>
      ? Pool<Message, Reply>
      : D extends {
            /** The children by their names. */
            readonly children: infer C extends Children;
          }
        ? Supervisor<C>
        : never;

/** The children of a supervisor under their names. */
export type ChildrenOf<C extends Children> = { readonly [K in keyof C]: HandleOf<C[K]> };

/** What any child is reached by. */
export type ChildHandle = ActorRef<never, unknown> | Pool<never, unknown> | Supervisor;

/** A child as it stands. */
export interface ChildStatus {
  /** Its name within its supervisor. */
  readonly key: string;
  /** Names from the root, joined by `/`. */
  readonly path: string;
  /** What it is. */
  readonly kind: 'actor' | 'supervisor' | 'pool';
  /** Where it is in its life. */
  readonly state: ActorState;
  /** When it is restarted. */
  readonly restart: RestartType;
  /** Whether its end counts for its supervisor's `autoShutdown`. */
  readonly significant: boolean;
  /** Which life it is in: 1 at first, one more with each start attempt. */
  readonly incarnation: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Length of its present life in milliseconds. */
  readonly uptimeMs: number;
  /** Messages in its mailbox. */
  readonly queued: number;
}

/** A restart or an end of a child. */
export interface HistoryEntry {
  /** When, in milliseconds since the system was created. */
  readonly time: number;
  /** Name of the child. */
  readonly child: string;
  /** Why. */
  readonly reason: ExitReason;
  /** Failures in a row; 0 for an end. */
  readonly attempt: number;
  /** How long it waits before it comes up again, in milliseconds; `undefined` for an end. */
  readonly delayMs: number | undefined;
}

interface Entry {
  readonly layout: Layout;
  /** What is given out; made when somebody asks for it. */
  handle: ChildHandle | undefined;
  /** Whether the handle's actor has ended for good: there may be a new one. */
  ended: boolean;
  /** What started it later than the supervisor, until nothing can start it again. */
  readonly planner?: Planner;
  /** Nobody restarts it: with its end it is no child any more. */
  readonly temporary?: boolean;
}

/** Owner of children. Made by `system.supervise`, or as a child of another one. */
export class Supervisor<C extends Children = Children> extends Branch {
  /**
   * The children under their names. After {@link Supervisor.restartChild}, or when a child that had ended is
   * started again with the others, the name leads to the new actor.
   */
  readonly children: ChildrenOf<C>;
  readonly #entries = new Map<string, Entry>();
  readonly #autoShutdown: AutoShutdown;

  /** @internal */
  constructor(host: TreeHost, layout: SupervisorLayout, place: NativePlace | NativeChild, path: string) {
    super(host, place.id, path);
    this.#autoShutdown = layout.autoShutdown;
    const places = new Map('children' in place ? place.children.map(below => [below.key, below]) : []);
    const children = Object.create(null) as ChildrenOf<C>;
    for (const [key, below] of layout.children) {
      const entry: Entry = { layout: below, handle: undefined, ended: false };
      this.#entries.set(key, entry);
      const at = places.get(key);
      if (at !== undefined) this.#bind(key, entry, at);
      Object.defineProperty(children, key, { enumerable: true, get: () => this.#handle(key) });
    }
    this.children = Object.freeze(children);
    const release = (): void => {
      for (const { planner } of this.#entries.values()) planner?.release();
    };
    this.stopped.then(release, release);
  }

  /** What a child is reached by, also one that was started later; `undefined` for a name that is not known. */
  find(key: string): ChildHandle | undefined {
    return this.#entries.has(key) ? this.#handle(key) : undefined;
  }

  /** Starts one more child, after the others in the start order. Resolves when it has come up; else nothing is left of it. */
  startChild<Message, Reply>(
    key: string,
    definition: ChildDefinition<Message, Reply>,
  ): Promise<ActorRef<Message, Reply>>;
  startChild<Message, Reply>(key: string, definition: PoolDefinition<Message, Reply>): Promise<Pool<Message, Reply>>;
  startChild<const N extends Children>(key: string, options: NestedOptions<N>): Promise<Supervisor<N>>;
  async startChild(key: string, definition: unknown): Promise<unknown> {
    const { port } = this.#running('startChild');
    const planner = new Planner(this.host.context);
    const plan = planner.child(key, definition, this.#autoShutdown);
    if (this.list().some(child => child.key === key)) {
      const message = `startChild ${key}: ${this.path} has a child of this name; delete it first, or restart it`;
      throw createError('ERR_CHILD', { message, actor: `${this.path}/${key}`, problem: 'already-present' });
    }
    const temporary = plan.node.child.restart === TEMPORARY;
    const entry: Entry = { layout: plan.layout, handle: undefined, ended: false, planner, temporary };
    try {
      const before = this.host.commit(planner);
      if (before !== undefined) await before;
      this.#running('startChild');
      const call = this.call(`startChild ${key}`, slot => port.native.startChild(this.number, plan.node, slot));
      // Nothing was made for a supervisor that is gone; the call says so.
      if (call.at) this.#bind(key, entry, call.at);
      await call.done;
    } catch (error) {
      planner.release();
      throw error;
    }
    this.#forget(key);
    this.#entries.set(key, entry);
    await this.host.hooksSettled(`${this.path}/${key}`);
    return this.#handle(key);
  }

  /** Stops a child in order; it stays listed unless it is temporary, and is not restarted. */
  async stopChild(key: string): Promise<void> {
    await this.#request(CHILD_STOP, 'stopChild', key);
  }

  /** Starts a child again that has ended or was stopped. Its address is a new one. */
  async restartChild<K extends string>(key: K): Promise<K extends keyof C ? HandleOf<C[K]> : ChildHandle> {
    await this.#request(CHILD_RESTART, 'restartChild', key);
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.ended = true;
    return this.#handle(key) as K extends keyof C ? HandleOf<C[K]> : ChildHandle;
  }

  /** Forgets a child that has ended or was stopped. */
  async deleteChild(key: string): Promise<void> {
    await this.#request(CHILD_DELETE, 'deleteChild', key);
    if (!Object.hasOwn(this.children, key)) this.#forget(key);
  }

  /** The children in start order, each with its state. Answers at any time, also during restarts. */
  list(): ChildStatus[] {
    return (this.info()?.children ?? []).map(childStatus);
  }

  /** How many children there are. */
  count(): ChildCount {
    const children = this.list();
    const actors = children.filter(({ kind }) => kind === 'actor').length;
    const active = children.filter(({ state }) => state === 'ready').length;
    return { specs: children.length, active, actors, supervisors: children.length - actors };
  }

  /** The last 100 restarts and ends of its children, oldest first. */
  history(): HistoryEntry[] {
    return (this.info()?.history ?? []).map(({ time, child, reason, attempt, delayMs }) => ({
      time,
      child,
      reason: Object.freeze(reason),
      attempt,
      delayMs: delayMs ?? undefined,
    }));
  }

  /** It and all that is below, as data; `undefined` once it has ended. */
  tree(): TreeEntry | undefined {
    const { port } = this.host.owner;
    const found = port.closed ? undefined : findTree(port.native.tree(), this.number);
    return found && treeEntry(found);
  }

  /** It and all that is below, with states, for people. */
  override toString(): string {
    const tree = this.tree();
    return tree === undefined ? `Supervisor(${this.path} ${this.state})` : printTree(tree);
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  /** A child that was started later is none any more. */
  #forget(key: string): void {
    this.#entries.get(key)?.planner?.release();
    this.#entries.delete(key);
  }

  #running(operation: string) {
    const { owner } = this.host;
    if (owner.port.closed) {
      throw createError('ERR_SHUTDOWN', { message: `${operation}: the system is shut down`, actor: this.path });
    }
    return owner;
  }

  async #request(what: number, operation: string, key: string): Promise<void> {
    if (typeof key !== 'string') throw mismatch('key', 'the name of a child', key);
    const { port } = this.#running(operation);
    await this.call(`${operation} ${key}`, slot => port.native.childRequest(this.number, what, key, slot)).done;
    await this.host.hooksSettled(`${this.path}/${key}`);
  }

  /** What the child is reached by now. */
  #handle(key: string): ChildHandle {
    const entry = this.#entries.get(key)!;
    if (entry.handle === undefined || entry.ended) {
      const found = this.info()?.children.find(child => child.key === key);
      if (found !== undefined && (found.address !== null || found.kind !== 0)) this.#bind(key, entry, found);
    }
    if (entry.handle !== undefined) return entry.handle;
    throw createError('ERR_ACTOR_STOPPED', {
      message: `${this.path}/${key} does not run`,
      actor: `${this.path}/${key}`,
    });
  }

  #bind(key: string, entry: Entry, place: NativePlace | NativeChild): void {
    const path = `${this.path}/${key}`;
    const handle = handleOf(this.host, entry.layout, place, path);
    if (handle === undefined) return;
    entry.handle = handle;
    entry.ended = false;
    const end = (): void => {
      if (entry.handle !== handle) return;
      entry.ended = true;
      if (entry.temporary) entry.planner?.release();
    };
    handle.stopped.then(end, end);
  }
}

/** @internal What reaches something that was started. */
export function handleOf(
  host: TreeHost,
  layout: Layout,
  place: NativePlace | NativeChild,
  path: string,
): ChildHandle | undefined {
  if (layout.kind === 'supervisor') return new Supervisor(host, layout, place, path);
  if (layout.kind === 'pool') return new Pool(host, layout, place.id, path);
  const { address } = place;
  if (address === null) return undefined;
  const ref = new ActorRef(new RefCore(host.owner, address, layout.codec, layout.name, path, layout.local));
  layout.origin?.meet(ref);
  return ref;
}

const TEMPORARY = 2;
const RESTARTS: readonly RestartType[] = ['permanent', 'transient', 'temporary'];

function childStatus(child: NativeChild): ChildStatus {
  const { key, path, significant, incarnation, restarts, uptimeMs, queued } = child;
  return {
    key,
    path,
    kind: child.kind === NODE_POOL ? 'pool' : child.kind === NODE_SUPERVISOR ? 'supervisor' : 'actor',
    state: child.state as ActorState,
    restart: RESTARTS[child.restart] ?? 'permanent',
    significant,
    incarnation,
    restarts,
    uptimeMs,
    queued,
  };
}
