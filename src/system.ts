/** The actor system: where components are loaded, and actors are spawned, found and counted. */
import { inspect } from 'node:util';
import { type ActorDefinition, type AnyDefinition, codecOf, isDefinition } from './actor.js';
import { ActorRef, type ActorStatus, coreHere, statusOf } from './actor-ref.js';
import { type Audit, addLate } from './audit.js';
import { Broker } from './broker.js';
import { CallWaiter } from './call-waiter.js';
import { isObject, mismatch } from './check.js';
import type { Children, LocalOptions, SupervisorOptions, TopPoolOptions } from './children.js';
import type { Codec } from './codec.js';
import { Component, type ComponentInfo } from './component.js';
import { sourceOf } from './component-source.js';
import { type DeadLetter, type DeadLetterFilter, DeadLetterOffice, type ResendOptions } from './dead-letters.js';
import { createError, rethrown, type TroupeError } from './errors.js';
import { callbackEntries } from './event-callbacks.js';
import { EventHub, type EventName, type TroupeEvents } from './events.js';
import { Groups, type GroupWatcher } from './groups.js';
import type { SystemHealth } from './health.js';
import { Callers } from './local/callers.js';
import { LocalActors } from './local/local-actors.js';
import { EventLog, streamLogger } from './logger.js';
import { checkName } from './names.js';
import { type NativeAddress, type NativeFound, type NativeSystem, native } from './native.js';
import {
  type ShutdownOptions,
  type SpawnOptions,
  type SystemOptions,
  type SystemSettings,
  shutdownDeadlineMs,
  systemSettings,
} from './options.js';
import { Origins } from './origin.js';
import type { Pool } from './pool.js';
import { Port } from './port.js';
import { RefCore, type RefOwner } from './ref-core.js';
import { onSignals } from './signals.js';
import { Spawner } from './spawn.js';
import { SpawnOrGet } from './spawn-or-get.js';
import { States } from './state.js';
import { Supervision } from './supervision.js';
import type { Supervisor } from './supervisor.js';
import { TopicSpace } from './topic-space.js';

/** Status of an actor in a list, with its reference. */
export interface ActorEntry extends ActorStatus {
  /** The actor. */
  readonly ref: ActorRef;
}

/** How to find an actor. */
export interface FindOptions<Message, Reply> {
  /** How messages and replies are written; default bytes. */
  readonly codec: Codec<Message, Reply>;
}

/** Options with a name, which is what {@link ActorSystem.spawnOrGet} goes by. */
export type Named<Options> = Options & {
  /** The name that the actor is registered under. */
  readonly name: string;
};

/** How much longer than its deadline a shutdown may take before this side ends it (`SHUT-2`). */
const SHUTDOWN_SLACK_MS = 900;

/** How old may be what is known of the members of a pool (`QG-2`). */
const LOOK_EVERY_MS = 1;

/** What remains to be known after the end. */
interface Remains {
  readonly audit: Audit;
  readonly deadLetters: readonly DeadLetter[];
}

/** Actors, the threads they run on, and everything that belongs to them. */
export class ActorSystem extends TopicSpace {
  readonly #native: NativeSystem;
  readonly #port: Port;
  readonly #events: EventHub;
  readonly #letters: DeadLetterOffice;
  readonly #groups: Groups;
  readonly #sharing: SpawnOrGet;
  readonly #log: EventLog | undefined;
  readonly #owner: RefOwner;
  readonly #spawner: Spawner;
  readonly #actors: LocalActors;
  readonly #broker: Broker;
  readonly #supervision: Supervision;
  readonly #offSignals: () => void;
  readonly #name: string;
  readonly #states = new States();
  readonly #origins = new Origins();
  #late = 0;
  #warned = false;
  #ending: Promise<void> | undefined;
  #remains: Remains | undefined;

  /** Starts a system. Every option is checked before anything starts. */
  static async create(options?: SystemOptions): Promise<ActorSystem> {
    const settings = systemSettings(options);
    return new ActorSystem(settings, openNative(settings));
  }

  /** @internal */
  protected constructor(settings: SystemSettings, system: NativeSystem) {
    super();
    const { name, hookTimeoutMs } = settings;
    const { inline } = settings.native;
    const logger = settings.logger ?? streamLogger(name, () => process.stderr);
    const callers = new Callers();
    this.#name = name;
    this.#native = system;
    this.#log = logger === false ? undefined : new EventLog(logger);
    this.#letters = new DeadLetterOffice({
      native: system,
      captures: settings.native.capturedBytes > 0,
      isClosed: () => this.#port.closed,
    });
    this.#port = new Port({
      native: system,
      keepAlive: settings.keepAlive,
      inline,
      onEvent: json => this.#events.receive(json),
      onWork: (kind, bytes, start, end) => this.#actors.receive(kind, bytes, start, end),
      onTopic: (bytes, start, end) => this.#broker.receive(bytes, start, end),
      onFault: error => this.#events.fault(error),
    });
    this.#owner = {
      port: this.#port,
      callers,
      countLate: () => {
        this.#late += 1;
      },
      fault: error => this.#events.fault(error),
      hooksOf: core => this.#events.hooksOf(core),
      stateOf: core => {
        if (!this.#states.has(core)) this.#origins.look(core);
        return this.#states.of(core);
      },
      warnOfEndlessAsk: path => this.#warnOfEndlessAsk(path),
      skipTopics: (core, job, tags) => this.#actors.skipTopics(core, job, tags),
    };
    this.#groups = new Groups({
      native: system,
      isClosed: () => this.#port.closed,
      refOf: (address, path) => this.#refOf(address, path, undefined, undefined) as ActorRef,
      guarded: observer => this.#events.observeSafely('watchGroup', observer),
    });
    this.#sharing = new SpawnOrGet(this.#port);
    this.#events = new EventHub({
      log: this.#log,
      onGroup: event => this.#groups.receive(event),
      letters: this.#letters,
      refOf: (address, path) => this.#refOf(address, path, undefined, undefined) as ActorRef<unknown, unknown>,
      meet: (origin, address, path) => this.#origins.meet(origin, address, path),
      limitMs: hookTimeoutMs,
      listen: mask => {
        if (!this.#port.closed) system.listen(mask);
      },
      onFailure: settings.exitOnFailure ? () => this.#exitProcess() : undefined,
    });
    const refTo = (index: number, tagLo: number, tagHi: number): ActorRef =>
      this.#refOf([index, tagLo, tagHi, index, -1], undefined, undefined, undefined) as ActorRef;
    this.#broker = new Broker({
      port: this.#port,
      refTo,
      failed: (what, error) => this.#events.hookFailed(what, error, ''),
    });
    this.#actors = new LocalActors({
      port: this.#port,
      callers,
      broker: this.#broker,
      refTo,
      selfOf: (address, definition) =>
        new ActorRef(new RefCore(this.#owner, address, codecOf(definition), undefined, undefined, true)),
      log: event => this.#events.emit(event),
    });
    const warn = (fields: object, message: string): void => this.#log?.warn(fields, message);
    const beside = { port: this.#port, events: this.#events, states: this.#states, hookTimeoutMs };
    this.#supervision = new Supervision({
      owner: this.#owner,
      context: {
        owner: this.#owner,
        limits: settings.limits,
        inline,
        register: (definition, args) => this.#actors.register(definition, args),
        unregister: number => this.#actors.unregister(number),
        beside,
        origins: this.#origins,
      },
      seed: settings.native.seed,
      // Time that is moved by hand may stand still between two messages.
      lookEveryMs: settings.native.manualClock ? 0 : LOOK_EVERY_MS,
      warn,
    });
    this.#offSignals = onSignals(settings.signals, () => this.shutdown());
    this.#spawner = new Spawner(this.#owner, this.#actors, settings, beside, warn);
    for (const [name, listener] of callbackEntries(settings.events)) this.#events.on(name, listener);
  }

  /** @internal How many definitions of actors in JavaScript can be started. */
  protected get registrations(): number {
    return this.#actors.registered + this.#origins.size;
  }

  /** @internal */
  protected override brokerFor(operation: string): Broker {
    if (operation === 'subscribe') this.#mustRun(operation);
    return this.#broker;
  }

  /** @internal This environment's side of the bridge. */
  protected get port(): Port {
    return this.#port;
  }

  /** Name of the system. */
  get name(): string {
    return this.#name;
  }

  /**
   * Loads a component from a file or from bytes. It is compiled off the event loop, once per
   * content; the compiled form is kept in the cache folder.
   */
  async load(source: URL | string | Uint8Array): Promise<Component> {
    this.#mustRun('load');
    const from = sourceOf(source);
    const what = typeof from === 'string' ? from : `a component of ${from.length} bytes`;
    const waiter = new CallWaiter(info => new Component(this.#owner, info as ComponentInfo), {
      message: `load ${what}: it is no component for actors`,
    });
    return (await this.#port.call(waiter, slot => this.#native.load(from, slot))) as Component;
  }

  /**
   * Spawns an actor of a component, or one in JavaScript; resolves when it has come up. It is restarted after failures as
   * the options say. What goes wrong rejects the promise, and nothing is left behind.
   */
  spawn<Message, Reply>(
    component: Component,
    options: SpawnOptions & { readonly codec: Codec<Message, Reply> },
  ): Promise<ActorRef<Message, Reply>>;
  spawn<Message, Reply, Config>(
    definition: ActorDefinition<Message, Reply, Config>,
    options?: LocalOptions<SpawnOptions, Config>,
  ): Promise<ActorRef<Message, Reply>>;
  spawn(component: Component, options?: SpawnOptions): Promise<ActorRef>;
  spawn(what: Component | ActorDefinition<never, unknown, never>, options?: SpawnOptions): Promise<unknown> {
    try {
      this.#mustRun('spawn');
      return this.#spawner.spawn(what, options);
    } catch (error) {
      return Promise.reject(rethrown(error));
    }
  }

  /**
   * Starts a supervisor with its children, one after the other; resolves when all of them have come
   * up. If one does not, those before it are stopped again and the promise rejects with its path and reason.
   * Every option of the whole tree is checked before anything starts.
   */
  async supervise<const C extends Children>(options: SupervisorOptions<C>): Promise<Supervisor<C>> {
    this.#mustRun('supervise');
    return this.#supervision.supervise(options);
  }

  /** Starts a pool of equal actors, each restarted by itself; resolves when all of them have come up. */
  pool<Message, Reply>(
    component: Component,
    options: TopPoolOptions<Message> & { readonly codec: Codec<Message, Reply> },
  ): Promise<Pool<Message, Reply>>;
  pool(component: Component, options?: TopPoolOptions): Promise<Pool>;
  pool<Message, Reply, Config>(
    definition: ActorDefinition<Message, Reply, Config>,
    options?: LocalOptions<TopPoolOptions<Message>, Config>,
  ): Promise<Pool<Message, Reply>>;
  async pool(what: Component | AnyDefinition, options?: TopPoolOptions<never>): Promise<unknown> {
    this.#mustRun('pool');
    return this.#supervision.pool(what, options);
  }

  /** The live actor with a name or a path, or `undefined`. */
  find<Message, Reply>(nameOrPath: string, options: FindOptions<Message, Reply>): ActorRef<Message, Reply> | undefined;
  find(nameOrPath: string): ActorRef | undefined;
  find(nameOrPath: string, options?: FindOptions<unknown, unknown>): unknown {
    if (typeof nameOrPath !== 'string') throw mismatch('nameOrPath', 'a string', nameOrPath);
    if (this.#port.closed) return undefined;
    const found = this.#native.find(nameOrPath);
    if (found === null) return undefined;
    return this.#refOfFound(found, options?.codec);
  }

  /**
   * The live actor with a name, or a new one: of all who ask at the same time one spawns it, and all get the same
   * reference when it has come up. If its start fails all of them reject, and nothing is left. A plain spawn, a supervised child
   * and a stop of the same name fit in: who has the name is waited for while it comes up, or goes down.
   */
  spawnOrGet<Message, Reply>(
    component: Component,
    options: Named<SpawnOptions> & { readonly codec: Codec<Message, Reply> },
  ): Promise<ActorRef<Message, Reply>>;
  spawnOrGet<Message, Reply, Config>(
    definition: ActorDefinition<Message, Reply, Config>,
    options: Named<LocalOptions<SpawnOptions, Config>>,
  ): Promise<ActorRef<Message, Reply>>;
  spawnOrGet(component: Component, options: Named<SpawnOptions>): Promise<ActorRef>;
  async spawnOrGet(
    what: Component | ActorDefinition<never, unknown, never>,
    options: Named<SpawnOptions>,
  ): Promise<unknown> {
    this.#mustRun('spawnOrGet');
    if (!isObject(options)) throw mismatch('options', 'an object with a name', options);
    const codec = (options.codec ?? (isDefinition(what) ? codecOf(what) : undefined)) as
      | Codec<unknown, unknown>
      | undefined;
    const refOf = (found: NativeFound) => this.#refOfFound(found, codec);
    const name = checkName(options.name, 'name');
    return this.#sharing.get(name, () => this.#spawner.spawn(what, options), refOf);
  }

  /** Who is in a group, in the order in which they joined. See {@link ActorRef.join}. */
  members(group: string): readonly ActorRef[] {
    this.#port.flush();
    return this.#groups.members(group);
  }

  /**
   * Calls a function with how a group is, at once, and then at each change, with neither a gap nor a repetition; the
   * result ends that. Who ends has left before anybody hears of the end.
   */
  watchGroup(group: string, callback: GroupWatcher): () => void {
    this.#port.flush();
    return this.#groups.watch(group, callback);
  }

  /** Every live actor, with what it is doing. */
  actors(): ActorEntry[] {
    if (this.#port.closed) return [];
    this.#port.flush();
    return this.#native.actors().map(status => ({
      ref: this.#refOf(status.address, status.path, status.name ?? undefined, undefined) as ActorRef,
      ...statusOf(status),
    }));
  }

  /**
   * Calls a function at each event of a kind; the result takes it off again. A listener only
   * observes: what it throws becomes the event `hook-failed`.
   */
  on<Name extends EventName>(event: Name, listener: (event: TroupeEvents[Name]) => unknown): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Whether the system runs (`live`) and takes work (`ready`), for the probes of an orchestrator. No actor
   * is asked and no lock is held that a guest could hold up.
   */
  health(): SystemHealth {
    if (this.#port.closed) return { live: false, ready: false, started: true };
    const { live, ready, started } = this.#native.vitals();
    return { live, ready: ready && this.#ending === undefined, started };
  }

  /** What became of every message (`DLV-2`). At rest the sums agree, and `balanced` is true. */
  audit(): Audit {
    this.#port.flush();
    return addLate(this.#remains?.audit ?? this.#native.audit(), this.#late);
  }

  /** The newest messages without a receiver, oldest first; those that the filter lets through. */
  deadLetters(filter?: DeadLetterFilter): readonly DeadLetter[] {
    this.#port.flush();
    return this.#letters.list(filter, this.#remains?.deadLetters);
  }

  /**
   * Sends a dead letter's message again, to the actor it was for or to another one, as a new message; settles when
   * it is in the mailbox. Rejects with `ERR_VALUE` if its payload was not kept: see {@link SystemOptions.captureDeadLetters}.
   */
  async resend(letter: DeadLetter | number, options?: ResendOptions): Promise<void> {
    this.#mustRun('resend');
    const { to, ...rest } = options ?? {};
    this.#port.flush();
    const { payload, address, target } = this.#letters.contents(letter);
    const [index, tagLo, tagHi] = to === undefined ? address : coreHere(to, this.#owner, 'to').address;
    const path = to?.path ?? (target || undefined);
    await this.#refOf([index, tagLo, tagHi, index, -1], path, undefined, undefined).send(payload, rest);
  }

  /**
   * Ends the system: nothing new is accepted, actors work off what they have until the deadline
   * (default 25 s) and are killed then. Calling it again gives the same promise. Afterwards nothing
   * of it keeps the process alive, and every operation fails with `ERR_SHUTDOWN`.
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    if (this.#ending === undefined) {
      let deadlineMs: number;
      try {
        deadlineMs = shutdownDeadlineMs(options);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#ending = this.#end(deadlineMs);
    }
    return this.#ending;
  }

  /** The same as {@link ActorSystem.shutdown}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Name and state, and every supervisor with its children and their states, for people. */
  override toString(): string {
    const state = this.#remains ? 'shut down' : this.#ending ? 'shutting down' : 'running';
    const title = `ActorSystem(${this.#name} ${state})`;
    return this.#port.closed ? title : [title, ...this.#supervision.print()].join('\n');
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  async #end(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<void>(resolve => {
      timer = setTimeout(resolve, deadlineMs + SHUTDOWN_SLACK_MS);
    });
    const waiter = new CallWaiter(() => undefined, { message: 'shutdown: the system did not end' });
    const ended = this.#port.call(waiter, slot => this.#native.shutdown(deadlineMs, slot));
    try {
      await Promise.race([ended, overdue]);
      // The ends are told before anybody waits for the hooks of them.
      this.#port.drainAll();
      await Promise.race([this.#events.hooksSettled(), overdue]);
    } finally {
      clearTimeout(timer);
      this.#close();
      this.#offSignals();
    }
  }

  #close(): void {
    this.#actors.close();
    this.#port.drainAll();
    this.#broker.close();
    this.#remains = { audit: this.#native.audit(), deadLetters: this.#letters.all() };
    this.#port.close(() => shutDown('the wait'));
    this.#native.close();
  }

  /** The root gave up and the process is to end with it; what is being written is written first. */
  #exitProcess(): void {
    const exit = (): void => process.exit(1);
    this.shutdown().then(exit, exit);
  }

  #mustRun(operation: string): void {
    if (this.#ending !== undefined) throw shutDown(operation);
  }

  #refOfFound(found: NativeFound, codec: Codec<unknown, unknown> | undefined): ActorRef<unknown, unknown> {
    const [index, tagLo, tagHi, idLo, idHi, path] = found;
    return this.#refOf([index, tagLo, tagHi, idLo, idHi], path, path.slice(path.lastIndexOf('/') + 1), codec);
  }

  #refOf(
    address: NativeAddress,
    path: string | undefined,
    name: string | undefined,
    codec: Codec<unknown, unknown> | undefined,
  ): ActorRef<unknown, unknown> {
    const isLocal = this.#actors.has(address[0], address[1], address[2]);
    return new ActorRef(new RefCore(this.#owner, address, codec, name, path, isLocal));
  }

  #warnOfEndlessAsk(path: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#log?.warn({ actor: path }, `${path}: a request with the timeout Infinity waits for ever if no reply comes`);
  }
}

/** @internal Starts what is below the surface. */
export function openNative(settings: SystemSettings): NativeSystem {
  try {
    return new (native().NativeSystem)(settings.native);
  } catch (error) {
    throw rethrown(error);
  }
}

function shutDown(operation: string): TroupeError {
  return createError('ERR_SHUTDOWN', { message: `${operation}: the system is shut down` });
}
