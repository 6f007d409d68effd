/**
 * From the options of a tree to what goes down to the addon. Everything is checked here, the whole
 * tree at once: when a plan has been made, nothing about the options can be wrong any more.
 */

import { type AnyDefinition, codecOf, isDefinition } from './actor.js';
import { ActorRef } from './actor-ref.js';
import type { BesideOwner } from './beside.js';
import { type Checked, duration, flag, instance, integer, isObject, join, mismatch, oneOf, shape } from './check.js';
import { type AutoShutdown, ChildDefinition, PoolDefinition } from './children.js';
import type { Codec } from './codec.js';
import { componentCore, isComponent } from './component.js';
import { createError } from './errors.js';
import type { LocalArgs } from './local/local-actors.js';
import { checkName, nameFault } from './names.js';
import {
  type NativeActorNode,
  type NativeBudget,
  type NativeNode,
  type NativeSupervisorRules,
  NODE_ACTOR,
  NODE_POOL,
  NODE_SUPERVISOR,
} from './native.js';
import {
  actorFields,
  actorTemplate,
  besideOptions,
  budgetFields,
  budgetTemplate,
  type CheckedLimits,
  type RestartType,
  restartNumber,
} from './options.js';
import { Origin, type Origins } from './origin.js';
import { RefCore, type RefOwner } from './ref-core.js';
import { forever } from './request-options.js';
import type { Routing } from './router.js';
import { configBytes, nativePeers } from './spawn.js';

const EMPTY = new Uint8Array(0);
const DAY_MS = 86_400_000;
const MAX_POOL = 1_000_000;
/** Supervisors below each other. A tree that is its own child ends here. */
const MAX_DEPTH = 32;

/** What a plan is made with. */
export interface PlanContext {
  readonly owner: RefOwner;
  /** Gives a JavaScript actor's definition, with what its lives are given, a number. */
  readonly register: (definition: AnyDefinition, args: LocalArgs) => number;
  /** Nothing can start an actor under this number any more. */
  readonly unregister: (number: number) => void;
  /** What hooks and custom state of actors need. */
  readonly beside: BesideOwner;
  readonly origins: Origins;
  readonly limits: CheckedLimits;
  readonly inline: boolean;
}

/** What a reference knows of its actor besides the address. */
interface Addressed {
  readonly codec: Codec<unknown, unknown> | undefined;
  /** Whether it runs here, in JavaScript. */
  readonly local: boolean;
  readonly name: string | undefined;
}

/** What the references of an actor need. */
interface ActorLayout extends Omit<Addressed, 'name'> {
  /** What lies beside it, if anything does. */
  readonly origin: Origin | undefined;
}

/** How a pool spreads messages. */
interface PoolRouting {
  readonly routing: Routing;
  readonly hash: ((message: never) => unknown) | undefined;
}

/** How the handles of what was started are made. */
export type Layout =
  | ({ readonly kind: 'actor'; readonly name: string | undefined } & ActorLayout)
  | ({ readonly kind: 'pool' } & ActorLayout & PoolRouting)
  | {
      readonly kind: 'supervisor';
      readonly autoShutdown: AutoShutdown;
      readonly children: ReadonlyMap<string, Layout>;
    };

/** A part of a tree, ready to be started. */
export interface Plan<L extends Layout = Layout> {
  readonly node: NativeNode;
  readonly layout: L;
}

export type SupervisorLayout = Extract<Layout, { kind: 'supervisor' }>;
export type PoolLayout = Extract<Layout, { kind: 'pool' }>;

const restart = oneOf('permanent', 'transient', 'temporary');
const shutdownTimeout = duration({ min: 0, max: DAY_MS, infinite: true });
const startupTimeout = duration({ min: 1, max: DAY_MS, infinite: true });
const ruleFields = { restart, significant: flag, shutdownTimeout };

const childShape = shape({ ...actorFields, ...ruleFields, name: checkName });
const poolFields = {
  ...actorFields,
  ...budgetFields,
  shutdownTimeout,
  size: integer({ min: 0, max: MAX_POOL }),
  routing: oneOf('round-robin', 'random', 'least-queued', 'hash'),
  hash: instance('a function from a message to its key', isFunction),
  poolBudget: shape({ maxRestarts: budgetFields.maxRestarts, within: budgetFields.within }),
};
const topPoolShape = shape({ ...poolFields, name: key });
const poolShape = shape(poolFields);
const supervisorFields = {
  ...budgetFields,
  ...ruleFields,
  strategy: oneOf('one-for-one', 'one-for-all', 'rest-for-one'),
  autoShutdown: oneOf('never', 'any-significant', 'all-significant'),
  defaults: shape({ restart, startupTimeout, shutdownTimeout }),
  children: instance('an object of children by name', isRecord),
};
const nestedShape = shape(supervisorFields);
const topShape = shape({ ...supervisorFields, name: key });

type CheckedActor = Checked<typeof actorFields>;
type CheckedRules = Checked<typeof ruleFields>;
type CheckedSupervisor = Checked<typeof supervisorFields>;

/** Where an actor's options were found, and what else belongs to it. */
interface Whence {
  readonly at: string;
  readonly path: string;
  readonly name: string | undefined;
  /** Of a pool: the budget of each member, and how many there are at first. */
  readonly pool?: { readonly budget: NativeBudget; readonly size: number };
}

/** What lies beside the actors of a child or a pool, and where that is written for the addon. */
interface Origination {
  readonly origin: Origin;
  readonly options: { origin: number; state: Uint8Array | null };
  readonly name: string | undefined;
  /** Members; `undefined` for a child. */
  readonly count: number | undefined;
}

/** What a child inherits from its supervisor, and where it was found. */
interface Place {
  readonly key: string;
  readonly path: string;
  readonly depth: number;
  readonly defaults: NonNullable<CheckedSupervisor['defaults']>;
  readonly autoShutdown: AutoShutdown;
}

function isFunction(value: unknown): value is (message: never) => unknown {
  return typeof value === 'function';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value);
}

/** A name within a supervisor: one step of a path. */
function key(value: unknown, path: string): string {
  if (typeof value !== 'string') throw mismatch(path, 'a string', value);
  const fault = nameFault(value);
  if (fault !== undefined) throw wrong(path, `the name ${JSON.stringify(value)} ${fault}`);
  return value;
}

function wrong(path: string, what: string) {
  return createError('ERR_CONFIG', { message: `${path}: ${what}`, path });
}

/** Makes plans; one for each call that starts something. */
export class Planner {
  readonly #context: PlanContext;
  /** Registered names, and where each was given. */
  readonly #names = new Map<string, string>();
  /** Budgets that are legal and probably not meant, for the log (`INT-5`). */
  readonly budgets: { readonly path: string; readonly rules: ReturnType<typeof budgetTemplate> }[] = [];

  readonly #definitions: (() => number)[] = [];
  readonly #numbers: number[] = [];
  readonly #origins: Origination[] = [];

  constructor(context: PlanContext) {
    this.#context = context;
  }

  /** Before the start: nothing about the plan can be wrong any more, so its definitions get their numbers. */
  commit(): void {
    for (const register of this.#definitions) this.#numbers.push(register());
    for (const { origin, options } of this.#origins) {
      this.#context.origins.add(origin);
      options.origin = origin.number;
    }
  }

  /** Whether there is something to be done before the start. */
  get isObserved(): boolean {
    return this.#origins.some(({ origin }) => origin.hasHooks);
  }

  /**
   * Runs the hooks before the start, in the order of the start. A guest that is given its state gets what
   * the hook made of it; the members of a pool get the same, so theirs reaches them with their next start.
   */
  async before(): Promise<void> {
    for (const { origin, options, name, count } of this.#origins) {
      if (!origin.hasHooks) continue;
      for (let made = 0; made < (count ?? 1); made += 1) {
        const state = await origin.prepare(name);
        if (count === undefined) options.state = state;
      }
    }
  }

  /** Nothing can start an actor of the plan any more: its definitions give their numbers back. */
  release(): void {
    for (const number of this.#numbers.splice(0)) this.#context.unregister(number);
    for (const { origin } of this.#origins.splice(0)) this.#context.origins.remove(origin);
  }

  /** A top-level supervisor. */
  supervisor(options: unknown, fallbackName: string): Plan<SupervisorLayout> {
    const given = topShape(options, 'options');
    const place = topPlace(given.name ?? fallbackName);
    return this.#supervisor(given, place);
  }

  /** A top-level pool. */
  pool(component: unknown, options: unknown, fallbackName: string): Plan<PoolLayout> {
    const given = topPoolShape(options ?? {}, 'options');
    return this.#pool(component, given, topPlace(given.name ?? fallbackName), 'component');
  }

  /** One more child of a supervisor that runs already. */
  child(name: unknown, entry: unknown, autoShutdown: AutoShutdown): Plan {
    return this.#entry(entry, { key: key(name, 'key'), path: 'child', depth: 1, defaults: {}, autoShutdown });
  }

  #entry(entry: unknown, place: Place): Plan {
    const { path } = place;
    if (entry instanceof ChildDefinition) return this.#actor(entry, place);
    if (entry instanceof PoolDefinition) {
      return this.#pool(entry.component, poolShape(entry.options, path), place, join(path, 'component'));
    }
    if (isComponent(entry)) throw wrong(path, 'expected child(component), received the component itself');
    if (isRecord(entry) && 'children' in entry) return this.#supervisor(nestedShape(entry, path), place);
    throw mismatch(path, 'child(…), pool(…), or a supervisor: an object with children', entry);
  }

  #actor(entry: ChildDefinition<never, unknown>, place: Place): Plan {
    const { path, defaults } = place;
    const given = childShape(entry.options, path);
    const name = given.name;
    if (name !== undefined) this.#claim(name, join(path, 'name'));
    const inherited = { ...defaults, ...given };
    const { actor, ...layout } = this.#behavior(entry.component, inherited, {
      at: join(path, 'component'),
      path,
      name,
    });
    const node = { ...emptyNode(place, rules(inherited, place, 5000)), actor };
    return { node, layout: { kind: 'actor', name, ...layout } };
  }

  #pool(component: unknown, given: ReturnType<typeof poolShape>, place: Place, at: string): Plan<PoolLayout> {
    const { path } = place;
    const inherited = { ...place.defaults, ...given };
    const template = budgetTemplate(given, path);
    this.budgets.push({ path, rules: template });
    const { actor, ...layout } = this.#behavior(component, inherited, {
      at,
      path,
      name: undefined,
      pool: { budget: template, size: given.size ?? 1 },
    });
    const { poolBudget } = given;
    // To its supervisor a pool is permanent: its members are what `restart` is about.
    const own = { restart: 0, significant: false, shutdownMs: forever(inherited.shutdownTimeout ?? 5000) };
    const node: NativeNode = {
      ...emptyNode(place, own),
      kind: NODE_POOL,
      actor,
      size: given.size ?? 1,
      poolMaxRestarts: poolBudget === undefined ? null : forever(poolBudget.maxRestarts ?? 5),
      poolWithinMs: poolBudget?.within ?? 60_000,
    };
    return { node, layout: { kind: 'pool', ...layout, ...routingOf(given, path) } };
  }

  #supervisor(given: CheckedSupervisor, place: Place): Plan<SupervisorLayout> {
    const { path, depth } = place;
    if (depth > MAX_DEPTH) throw wrong(path, `supervisors are nested more than ${MAX_DEPTH} deep`);
    if (given.children === undefined)
      throw mismatch(join(path, 'children'), 'an object of children by name', undefined);
    const template = budgetTemplate(given, path);
    this.budgets.push({ path, rules: template });
    const children = new Map<string, Layout>();
    const nodes: NativeNode[] = [];
    const autoShutdown = given.autoShutdown ?? 'never';
    const defaults = given.defaults ?? {};
    for (const [name, entry] of Object.entries(given.children)) {
      const below = join(join(path, 'children'), name);
      const plan = this.#entry(entry, {
        key: childKey(name, below),
        path: below,
        depth: depth + 1,
        defaults,
        autoShutdown,
      });
      children.set(name, plan.layout);
      nodes.push(plan.node);
    }
    const { strategy = 'one-for-one' } = given;
    const supervisor: NativeSupervisorRules = {
      budget: template,
      strategy: ['one-for-one', 'one-for-all', 'rest-for-one'].indexOf(strategy),
      autoShutdown: ['never', 'any-significant', 'all-significant'].indexOf(autoShutdown),
    };
    const node = {
      ...emptyNode(place, rules(given, place, Infinity)),
      kind: NODE_SUPERVISOR,
      supervisor,
      children: nodes,
    };
    return { node, layout: { kind: 'supervisor', autoShutdown, children } };
  }

  /** What an actor runs, and what it is given; `at` is where the component was found. */
  #behavior(
    what: unknown,
    given: CheckedActor,
    { at, path, name, pool }: Whence,
  ): ActorLayout & { readonly actor: NativeActorNode } {
    const { owner, limits, inline } = this.#context;
    const local = isDefinition(what);
    const peers = (given.peers ?? {}) as LocalArgs['peers'];
    const options = {
      ...actorTemplate(given, { limits, inline, local }, path),
      budget: pool?.budget ?? budgetTemplate({}, path),
      start: 0,
      peers: nativePeers(owner, peers, join(path, 'peers')),
      // A JavaScript actor gets its configuration as it is.
      user: local ? EMPTY : configBytes(given.config, join(path, 'config')),
    };
    const actor = { component: -1, definition: -1, name: name ?? null, options };
    const codec = given.codec ?? (local ? codecOf(what) : undefined);
    if (local) {
      const { config } = given;
      this.#definitions.push(() => {
        actor.definition = this.#context.register(what, { config, peers });
        return actor.definition;
      });
    } else {
      actor.component = this.#component(what, at);
    }
    const origin = this.#origin(given, { codec, local, name });
    if (origin !== undefined) this.#origins.push({ origin, options, name, count: pool?.size });
    return { actor, codec, local, origin };
  }

  /** What lies beside the actors of a child or a pool. */
  #origin(given: CheckedActor, { codec, local, name }: Addressed): Origin | undefined {
    const options = besideOptions(given);
    if (options === undefined) return undefined;
    const { owner, beside } = this.#context;
    return new Origin(
      beside,
      options,
      (address, path) => new ActorRef<never, unknown>(new RefCore(owner, address, codec, name, path, local)),
    );
  }

  #component(what: unknown, at: string): number {
    if (!isComponent(what)) throw mismatch(at, 'a component made by system.load, or an actor made by actor()', what);
    const core = componentCore(what);
    if (core.owner !== this.#context.owner) throw wrong(at, 'it was loaded by another system');
    return core.id;
  }

  /** Two children of one tree cannot have the same registered name. */
  #claim(name: string, path: string): void {
    const holder = this.#names.get(name);
    if (holder !== undefined) throw wrong(path, `the name '${name}' is given at ${holder} already`);
    this.#names.set(name, path);
  }
}

/** How a pool spreads messages; what contradicts itself is refused. */
function routingOf({ routing = 'round-robin', hash }: ReturnType<typeof poolShape>, path: string): PoolRouting {
  const at = join(path, 'hash');
  if (routing === 'hash' && hash === undefined) throw mismatch(at, 'a function from a message to its key', hash);
  if (routing !== 'hash' && hash !== undefined) throw wrong(at, "it means nothing here; set routing to 'hash'");
  return { routing, hash };
}

const WHOLE_NUMBER = /^\d+$/;

/** A name among children that are listed in an object: JavaScript moves whole numbers to the front. */
function childKey(name: string, path: string): string {
  if (WHOLE_NUMBER.test(name)) {
    throw wrong(path, `the name '${name}' is a number: objects list numbers first, which would change the start order`);
  }
  return key(name, path);
}

function topPlace(name: string): Place {
  if (name === 'user') throw wrong('name', "the name 'user' belongs to the pool of spawned actors");
  return { key: name, path: '', depth: 1, defaults: {}, autoShutdown: 'never' };
}

function emptyNode({ key }: Place, child: NativeNode['child']): NativeNode {
  return {
    kind: NODE_ACTOR,
    key,
    child,
    actor: null,
    supervisor: null,
    size: 0,
    poolMaxRestarts: null,
    poolWithinMs: 0,
    children: [],
  };
}

/** What a child is to its supervisor; what contradicts itself is refused (`SUP-6`). */
function rules(given: CheckedRules, place: Place, graceMs: number): NativeNode['child'] {
  const type: RestartType = given.restart ?? place.defaults.restart ?? 'permanent';
  const significant = given.significant ?? false;
  const at = join(place.path, 'significant');
  if (significant && type === 'permanent') {
    throw wrong(
      at,
      "a permanent child cannot be significant, it never ends by itself; set restart to 'transient' or 'temporary'",
    );
  }
  if (significant && place.autoShutdown === 'never') {
    throw wrong(
      at,
      "it means nothing here; set the supervisor's autoShutdown to 'any-significant' or 'all-significant'",
    );
  }
  return { restart: restartNumber(type), significant, shutdownMs: forever(given.shutdownTimeout ?? graceMs) };
}
