/** What a supervisor's children are described with. Nothing here starts anything. */
import type { ActorDefinition, AnyDefinition } from './actor.js';
import type { Codec } from './codec.js';
import type { Component } from './component.js';
import type { Duration } from './duration.js';
import type { BackoffKind, BackoffOptions, LocalLimits, RestartType, SpawnOptions } from './options.js';
import type { Routing, RoutingKey } from './router.js';

/** What decides with a supervisor about each of its children. */
export interface ChildRules {
  /** When it is restarted; default the supervisor's `defaults`, else `'permanent'`. */
  readonly restart?: RestartType | undefined;
  /** Whether its end counts for the supervisor's `autoShutdown`; default `false`. Never for a permanent child. */
  readonly significant?: boolean | undefined;
  /** Longest orderly end, then it is killed; default `'5s'`, and `Infinity` for supervisors. */
  readonly shutdownTimeout?: Duration | undefined;
}

/** Options of {@link child}. The budget and the backoff are the supervisor's. */
export interface ChildOptions
  extends ChildRules,
    Omit<SpawnOptions, 'start' | 'restart' | 'maxRestarts' | 'within' | 'backoff'> {}

/**
 * Options of {@link pool}. Budget and backoff are those of each member; each has its own custom state,
 * which begins with the same value.
 */
export interface PoolOptions<Message = Uint8Array> extends Omit<SpawnOptions, 'name' | 'start'> {
  /** Members it begins with; default 1. */
  readonly size?: number | undefined;
  /**
   * How `tell`, `send` and `ask` of the pool choose a member; default `'round-robin'`. With `'hash'` equal keys
   * lead to one member as long as the members are the same, also while it is restarted.
   */
  readonly routing?: Routing | undefined;
  /** The key of a message, with the routing `'hash'`. */
  readonly hash?: ((message: Message) => RoutingKey) | undefined;
  /** Longest orderly end of all members, which stop at the same time; default `'5s'`. */
  readonly shutdownTimeout?: Duration | undefined;
  /** Restarts of all members together before the pool gives up; default no limit. */
  readonly poolBudget?: PoolBudget | undefined;
}

/** Options of {@link ActorSystem.pool}. */
export interface TopPoolOptions<Message = Uint8Array> extends PoolOptions<Message> {
  /** Its name: the first step of its members' paths; default a number of its own. */
  readonly name?: string | undefined;
}

/** Options of actors in JavaScript: the definition has the codec and says what its configuration is. */
export type LocalOptions<Options, Config> = Omit<
  Options,
  'codec' | 'config' | 'inline' | 'limits' | 'stateInConfig'
> & {
  /** Limits of this actor, over those of the system. */
  readonly limits?: LocalLimits | undefined;
  /** For `start`, as it is. */
  readonly config?: Config | undefined;
};

/** A limit on the restarts of all members of a pool together. */
export interface PoolBudget {
  /** Restarts in the time of `within`; default 5. */
  readonly maxRestarts?: number | undefined;
  /** The window that restarts are counted in; default `'60s'`. */
  readonly within?: Duration | undefined;
}

/** Who else is restarted with a child that failed: nobody, all, or those that start after it. */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

/** Whether a supervisor ends with its significant children: not, with the first, or with the last. */
export type AutoShutdown = 'never' | 'any-significant' | 'all-significant';

/** What children have that say nothing themselves. */
export interface ChildDefaults {
  /** When they are restarted; default `'permanent'`. */
  readonly restart?: RestartType | undefined;
  /** Longest start; default `'10s'`. */
  readonly startupTimeout?: Duration | undefined;
  /** Longest orderly end; default `'5s'`. */
  readonly shutdownTimeout?: Duration | undefined;
}

/** A supervisor below another one. */
export interface NestedOptions<C extends Children = Children> extends ChildRules {
  /** Who else is restarted with a child that failed; default `'one-for-one'`. */
  readonly strategy?: Strategy | undefined;
  /** Restarts of all children in the time of `within` before it gives up; default 5, `Infinity` is allowed. */
  readonly maxRestarts?: number | undefined;
  /** The window that restarts are counted in; default `'60s'`. */
  readonly within?: Duration | undefined;
  /** The wait between restarts; default `'exponential'`. */
  readonly backoff?: BackoffKind | BackoffOptions | undefined;
  /** Whether it ends with its significant children; default `'never'`. */
  readonly autoShutdown?: AutoShutdown | undefined;
  /** What children have that say nothing themselves. */
  readonly defaults?: ChildDefaults | undefined;
  /** The children by their names, in the order they start in; they stop in the opposite order. */
  readonly children: C;
}

/** Options of {@link ActorSystem.supervise}. */
export interface SupervisorOptions<C extends Children = Children> extends NestedOptions<C> {
  /** Its name: the first step of its children's paths; default a number of its own. */
  readonly name?: string | undefined;
}

/** What may stand under the name of a child. */
export type ChildEntry = ChildDefinition<never, unknown> | PoolDefinition<never, unknown> | NestedOptions;

/** The children of a supervisor by their names. */
export interface Children {
  readonly [key: string]: ChildEntry;
}

/** What is described with a component, or a definition, and options. */
abstract class Definition<Kind extends string, Options, Message, Reply> {
  /** What it describes. */
  readonly kind: Kind;
  /** What its actors run. */
  readonly component: Component | ActorDefinition<never, unknown, never>;
  /** As they were given. */
  readonly options: Options;
  /** How messages are written and replies read. */
  readonly codec: Codec<Message, Reply> | undefined;

  /** @internal */
  constructor(kind: Kind, component: Component | AnyDefinition, options: Options) {
    this.kind = kind;
    this.component = component;
    this.options = options;
    this.codec = (options as { readonly codec?: unknown } | null)?.codec as Codec<Message, Reply> | undefined;
    Object.freeze(this);
  }
}

/** An actor of a supervisor, as {@link child} describes it. */
export class ChildDefinition<in Message = Uint8Array, out Reply = Uint8Array> extends Definition<
  'actor',
  ChildOptions,
  Message,
  Reply
> {}

/** A pool below a supervisor, as {@link pool} describes it. */
export class PoolDefinition<in Message = Uint8Array, out Reply = Uint8Array> extends Definition<
  'pool',
  PoolOptions<never>,
  Message,
  Reply
> {}

/** Describes an actor of a supervisor. What is wrong with the options is found before anything starts. */
export function child<Message, Reply>(
  component: Component,
  options: ChildOptions & { readonly codec: Codec<Message, Reply> },
): ChildDefinition<Message, Reply>;
export function child(component: Component, options?: ChildOptions): ChildDefinition;
export function child<Message, Reply, Config>(
  definition: ActorDefinition<Message, Reply, Config>,
  options?: LocalOptions<ChildOptions, Config>,
): ChildDefinition<Message, Reply>;
export function child(component: Component | AnyDefinition, options: ChildOptions = {}): unknown {
  return new ChildDefinition('actor', component, options);
}

/** Describes a pool of equal actors below a supervisor. */
export function pool<Message, Reply>(
  component: Component,
  options: PoolOptions<Message> & { readonly codec: Codec<Message, Reply> },
): PoolDefinition<Message, Reply>;
export function pool(component: Component, options?: PoolOptions): PoolDefinition;
export function pool<Message, Reply, Config>(
  definition: ActorDefinition<Message, Reply, Config>,
  options?: LocalOptions<PoolOptions<Message>, Config>,
): PoolDefinition<Message, Reply>;
export function pool(component: Component | AnyDefinition, options: PoolOptions<never> = {}): unknown {
  return new PoolDefinition('pool', component, options);
}
