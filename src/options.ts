/**
 * Options: validated and defaulted here, once and completely, before anything starts. What goes
 * down to the addon has every field; nothing below has a default.
 */
import { availableParallelism } from 'node:os';
import type { ActorRef } from './actor-ref.js';
import type { BesideOptions } from './beside.js';
import { type CacheFolder, cacheFolder } from './cache-folder.js';
import {
  type Checked,
  duration,
  either,
  flag,
  fraction,
  instance,
  integer,
  isObject,
  join,
  mismatch,
  oneOf,
  shape,
  size,
} from './check.js';
import type { Codec } from './codec.js';
import { type CaptureOptions, captureBytes, captureShape } from './dead-letters.js';
import type { Duration, Size } from './duration.js';
import { callbacksShape, type EventCallbacks } from './event-callbacks.js';
import { type Faults, faultsShape, faultsTemplate } from './faults.js';
import { type HealthCheckConfig, healthShape, healthTemplate } from './health.js';
import type { KeepAliveMode } from './keep-alive.js';
import { hooksShape, type LifecycleHooks, observeBits } from './lifecycle.js';
import { refuseGuestOptions } from './local/local-options.js';
import { isLogger, type Logger } from './logger.js';
import { checkName } from './names.js';
import { FOREVER, type NativeSpawnOptions, type NativeSystemOptions } from './native.js';
import { forever } from './request-options.js';
import { type HandledSignal, signalsOption } from './signals.js';
import { stateBytes } from './state.js';
import { subscribeShape, type TopicSubscription } from './topics.js';

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;

/** What an actor may use; each can be set for a whole system and for one actor. */
export interface Limits {
  /** Memory of the guest; default `'16MiB'`. */
  readonly memory?: Size | undefined;
  /** Elements of the guest's tables; default 10,000. */
  readonly tableElements?: number | undefined;
  /** Core instances that the component is made of; default 64. */
  readonly instances?: number | undefined;
  /** The guest's stack; default `'256KiB'`. */
  readonly stack?: Size | undefined;
  /** Processor time for one message; default `'5s'`, `Infinity` is allowed. */
  readonly handlerTime?: Duration | undefined;
  /** Payload of one message; default `'1MiB'`, and never more than half of a guest's `memory`. */
  readonly messageBytes?: Size | undefined;
  /** Messages in the mailbox; default 1,000, 0 for no bound. */
  readonly mailbox?: number | undefined;
  /** Bytes in the mailbox; default `'8MiB'`, 0 for no bound. */
  readonly mailboxBytes?: Size | undefined;
  /** Bytes that one call from the guest to the host may carry; default `messageBytes` and 64 KiB more. */
  readonly hostCallBytes?: Size | undefined;
}

/** What an actor in JavaScript may use: it has no memory, stack or instances of its own. */
export type LocalLimits = Omit<Limits, 'memory' | 'tableElements' | 'instances' | 'stack' | 'hostCallBytes'>;

/** Where compiled components are kept: nowhere, or in this folder. */
export type CacheOptions = false | CacheFolder;

/** When an event and a log line say that something takes long; `Infinity` for never. */
export interface WarnAfter {
  /** A handler has been running, or waiting for its promise; default `'1s'`. */
  readonly handler?: Duration | undefined;
  /** The oldest message of a mailbox has been waiting; default `'10s'`. */
  readonly queued?: Duration | undefined;
}

/** Options of {@link ActorSystem.create}. */
export interface SystemOptions {
  /** Name of the system, for logs; default `'troupe'`. */
  readonly name?: string | undefined;
  /** Worker threads; default `'auto'`, as many as the machine runs at a time. */
  readonly threads?: number | 'auto' | undefined;
  /** Limits of every actor unless it has its own. */
  readonly limits?: Limits | undefined;
  /** What keeps the Node process running; default `'busy'`. */
  readonly keepAlive?: KeepAliveMode | undefined;
  /** Where log lines go: any object with pino's methods, or `false`; default standard error. */
  readonly logger?: Logger | false | undefined;
  /** Where compiled components are kept; default `wasm-troupe` in the user's cache folder. */
  readonly cache?: CacheOptions | undefined;
  /** Whether an idle actor may answer on the JavaScript thread; default `true`. */
  readonly inline?: boolean | undefined;
  /** How traps are noticed: by signals, or by checks in the compiled code, which is slower; default `'signals'`. */
  readonly trapHandling?: 'signals' | 'explicit' | undefined;
  /** Whether traps carry the guest's frames; default `true`. */
  readonly trapBacktrace?: boolean | undefined;
  /** How many dead letters are kept; default 1,000. */
  readonly deadLetters?: number | undefined;
  /** Whether dead letters keep their messages, so that they can be sent again: `true`, or how many bytes; default `false`. */
  readonly captureDeadLetters?: boolean | CaptureOptions | undefined;
  /** Whether a message that nobody is subscribed to is a dead letter, `no-subscriber`; default `false`. */
  readonly unheardDeadLetters?: boolean | undefined;
  /** Functions that are told of all its actors; default none. */
  readonly events?: EventCallbacks | undefined;
  /** Longest wait for what a hook or a listener returned; default `'5s'`, `Infinity` is allowed. */
  readonly hookTimeout?: Duration | undefined;
  /** What is long enough for a warning. */
  readonly warnAfter?: WarnAfter | undefined;
  /** Seed of the system's random numbers; default a random one. */
  readonly seed?: number | undefined;
  /** Signals that shut the system down, then end the process; default `false`, `true` is SIGTERM and SIGINT. */
  readonly handleSignals?: boolean | readonly HandledSignal[] | undefined;
  /** What happens to the process when the root gives up; default `'stay'`. */
  readonly onRootFailure?: 'stay' | 'exit' | undefined;
}

/** When an actor is restarted: always, after a failure, or never. */
export type RestartType = 'permanent' | 'transient' | 'temporary';

/** How the wait between restarts grows. */
export type BackoffKind = 'immediate' | 'linear' | 'exponential';

/** The wait between restarts; the first restart after a healthy run comes at once. */
export interface BackoffOptions {
  /** How it grows; default `'exponential'`. */
  readonly kind?: BackoffKind | undefined;
  /** The first wait; default `'100ms'`. */
  readonly initial?: Duration | undefined;
  /** Growth from one wait to the next; default 2. */
  readonly factor?: number | undefined;
  /** The longest wait; default `'30s'`. */
  readonly max?: Duration | undefined;
  /** Share of a wait that chance may take off; default 0.2. */
  readonly jitter?: number | undefined;
  /** A healthy run of this length starts anew; default half of `initial` and `max` together. */
  readonly resetAfter?: Duration | undefined;
}

/** What happens to a message for a full mailbox. */
export type OverflowPolicy = 'wait' | 'reject' | 'drop-newest' | 'drop-oldest';

/** Options of {@link ActorSystem.spawn}. */
export interface SpawnOptions {
  /** Registered name, unique among live actors. */
  readonly name?: string | undefined;
  /** For the guest's start: bytes as they are, any other value as JSON. */
  readonly config?: unknown;
  /** Addresses that the guest may send to, by name. */
  readonly peers?: Readonly<Record<string, ActorRef<never, unknown>>> | undefined;
  /** When to instantiate; default `'now'`. */
  readonly start?: 'now' | 'on-first-message' | undefined;
  /** Longest start; default `'10s'`. */
  readonly startupTimeout?: Duration | undefined;
  /** When to restart; default `'permanent'`. */
  readonly restart?: RestartType | undefined;
  /** Restarts in the time of `within` before the actor gives up; default 5, `Infinity` is allowed. */
  readonly maxRestarts?: number | undefined;
  /** The window that restarts are counted in; default `'60s'`. */
  readonly within?: Duration | undefined;
  /** The wait between restarts; default `'exponential'`. */
  readonly backoff?: BackoffKind | BackoffOptions | undefined;
  /** What happens to a message for a full mailbox; default `'wait'`. */
  readonly overflow?: OverflowPolicy | undefined;
  /** Whether it is told how full its mailbox is: `context.queued`, in guests too; default `false`. */
  readonly pressure?: boolean | undefined;
  /** Limits of this actor, over those of the system. */
  readonly limits?: Limits | undefined;
  /** How messages and replies are written; default bytes. */
  readonly codec?: Codec<never, unknown> | undefined;
  /** Whether it may answer on the JavaScript thread; default the system's. */
  readonly inline?: boolean | undefined;
  /** How its health is probed: an object, or `true` for the defaults; default `false`. */
  readonly health?: HealthCheckConfig | boolean | undefined;
  /** Functions that are told of its life; default none. */
  readonly hooks?: LifecycleHooks | undefined;
  /** Longest wait for what one of its hooks returned; default the system's. */
  readonly hookTimeout?: Duration | undefined;
  /** First value of its custom state, `ref.state`; default none. */
  readonly state?: unknown;
  /** Whether each start of the guest is given the state as it is then; default `false`. */
  readonly stateInConfig?: boolean | undefined;
  /** Topics it is subscribed to, from before its start until its end; default none. */
  readonly subscribe?: readonly (string | TopicSubscription)[] | undefined;
  /** What is to go wrong, in a test; default nothing. */
  readonly faults?: Faults | undefined;
}

/** Options of {@link ActorSystem.shutdown}. */
export interface ShutdownOptions {
  /** Actors that have not ended by then are killed; default `'25s'`. */
  readonly deadline?: Duration | undefined;
}

const MAX_U32 = FOREVER - 1;

const warnLimit = duration({ min: 1, max: DAY_MS, infinite: true });
const hookLimit = duration({ min: 1, max: DAY_MS, infinite: true });

const limits = shape({
  memory: size({ min: 64 * KIB, max: 4 * GIB }),
  tableElements: integer({ min: 0, max: 10_000_000 }),
  instances: integer({ min: 1, max: 10_000 }),
  stack: size({ min: 64 * KIB, max: 8 * MIB }),
  handlerTime: duration({ min: 1, max: DAY_MS, infinite: true }),
  messageBytes: size({ min: 1, max: 64 * MIB }),
  mailbox: integer({ min: 0, max: MAX_U32 }),
  mailboxBytes: size({ min: 0, max: 64 * GIB }),
  hostCallBytes: size({ min: 64 * KIB, max: GIB }),
});

/** Limits that were given. */
export type CheckedLimits = ReturnType<typeof limits>;

const backoffObject = shape({
  kind: oneOf('immediate', 'linear', 'exponential'),
  initial: duration({ min: 0, max: DAY_MS }),
  factor: fraction({ min: 1, max: 1000 }),
  max: duration({ min: 0, max: DAY_MS }),
  jitter: fraction({ min: 0, max: 1 }),
  resetAfter: duration({ min: 0, max: DAY_MS }),
});

const backoffKind = oneOf('immediate', 'linear', 'exponential');

/** What every actor may be given, wherever in the tree it is. */
export const actorFields = {
  config: (value: unknown) => value,
  peers: instance('an object of actor references by name', isObject),
  startupTimeout: duration({ min: 1, max: DAY_MS, infinite: true }),
  restart: oneOf('permanent', 'transient', 'temporary'),
  overflow: oneOf('wait', 'reject', 'drop-newest', 'drop-oldest'),
  pressure: flag,
  limits,
  codec: instance('a codec: an object with encode and decode', isCodec),
  inline: flag,
  health: healthShape,
  hooks: hooksShape,
  hookTimeout: hookLimit,
  state: (value: unknown) => value,
  stateInConfig: flag,
  faults: faultsShape,
  subscribe: subscribeShape,
};

/** How often and how soon something is restarted. */
export const budgetFields = {
  maxRestarts: integer({ min: 0, max: MAX_U32, infinite: true }),
  within: duration({ min: 1, max: DAY_MS }),
  backoff: either((value, path) => ({ kind: backoffKind(value, path) }), backoffObject, isObject),
};

const spawnShape = shape({
  name: checkName,
  ...actorFields,
  ...budgetFields,
  start: oneOf('now', 'on-first-message'),
});

const systemShape = shape({
  name: checkName,
  threads: either<'auto', number>(
    (value, path) => {
      if (value === 'auto') return value;
      throw mismatch(path, "'auto' or a whole number (1 … 256)", value);
    },
    integer({ min: 1, max: 256 }),
    value => typeof value === 'number',
  ),
  limits,
  keepAlive: oneOf('busy', 'always', 'never'),
  logger: instance('false or an object with the methods debug, info, warn and error', isLoggerOption),
  cache: either<false, { dir?: string }>(
    (value, path) => {
      if (value === false) return value;
      throw mismatch(path, 'false or { dir }', value);
    },
    shape({ dir: instance('the path of a folder', isFilled) }),
    isObject,
  ),
  inline: flag,
  trapHandling: oneOf('signals', 'explicit'),
  trapBacktrace: flag,
  deadLetters: integer({ min: 0, max: 1_000_000 }),
  captureDeadLetters: captureShape,
  unheardDeadLetters: flag,
  events: callbacksShape,
  hookTimeout: hookLimit,
  warnAfter: shape({ handler: warnLimit, queued: warnLimit }),
  seed: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  handleSignals: signalsOption,
  onRootFailure: oneOf('stay', 'exit'),
});

function isCodec(value: unknown): value is Codec<unknown, unknown> {
  return isObject(value) && typeof value['encode'] === 'function' && typeof value['decode'] === 'function';
}

function isLoggerOption(value: unknown): value is Logger | false {
  return value === false || isLogger(value);
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** Options of a system, complete. */
export interface SystemSettings {
  readonly name: string;
  readonly native: NativeSystemOptions;
  readonly keepAlive: KeepAliveMode;
  readonly logger: Logger | false | undefined;
  readonly limits: CheckedLimits;
  readonly signals: readonly HandledSignal[];
  readonly exitOnFailure: boolean;
  readonly events: EventCallbacks;
  readonly hookTimeoutMs: number;
}

/** Slots that the pools of instances have at most; more live actors are instantiated on demand. */
const POOL_SLOTS = 100_000;
const MIN_SPARE_THREADS = 4;

/** Reads the options of a system, whose clock is moved by hand if `manualClock` says so. */
export function systemSettings(options: unknown, manualClock = false): SystemSettings {
  const given = systemShape(options ?? {}, 'options');
  const threads = given.threads === undefined || given.threads === 'auto' ? availableParallelism() : given.threads;
  return {
    name: given.name ?? 'troupe',
    native: {
      threads,
      seed: given.seed ?? Math.floor(Math.random() * Number.MAX_SAFE_INTEGER),
      deadLetters: given.deadLetters ?? 1000,
      capturedBytes: captureBytes(given.captureDeadLetters),
      spareThreads: Math.max(MIN_SPARE_THREADS, threads),
      cacheDir: given.cache === false ? null : cacheFolder(given.cache?.dir),
      trapHandling: given.trapHandling ?? 'signals',
      inline: given.inline ?? true,
      poolMemory: POOL_SLOTS,
      trapBacktrace: given.trapBacktrace ?? true,
      manualClock,
      unheardLetters: given.unheardDeadLetters ?? false,
      longHandlerMs: given.warnAfter?.handler ?? 1000,
      longQueueMs: given.warnAfter?.queued ?? 10_000,
    },
    keepAlive: given.keepAlive ?? 'busy',
    logger: given.logger,
    limits: given.limits ?? {},
    signals: given.handleSignals ?? [],
    exitOnFailure: given.onRootFailure === 'exit',
    events: given.events ?? {},
    hookTimeoutMs: given.hookTimeout ?? 5000,
  };
}

/** The part of a spawn that is the same for many actors. */
export type SpawnTemplate = Omit<NativeSpawnOptions, 'peers' | 'user'>;

/** Reads the options of a spawn; all that is wrong with them is found here. */
export function spawnTemplate(options: unknown, defaults: ActorDefaults): SpawnTemplate {
  const given = spawnShape(options ?? {}, 'options');
  return {
    ...actorTemplate(given, defaults, ''),
    budget: budgetTemplate(given, ''),
    start: given.start === 'on-first-message' ? 1 : 0,
  };
}

/** What lies beside an actor in this environment, of options that are right; `undefined` when nothing does. */
export function besideOptions(options: BesideFields): BesideOptions | undefined {
  const { hooks, state, stateInConfig, hookTimeout } = options;
  if (hooks === undefined && state === undefined && stateInConfig !== true) return undefined;
  const hookTimeoutMs = hookTimeout === undefined ? undefined : hookLimit(hookTimeout, 'hookTimeout');
  return { hooks, state, stateInConfig, hookTimeoutMs };
}

type BesideFields = Pick<SpawnOptions, 'hooks' | 'hookTimeout' | 'state' | 'stateInConfig'>;
type CheckedActor = Checked<typeof actorFields>;
type CheckedBudget = Checked<typeof budgetFields>;

/** The number of a restart type on the wire. */
export function restartNumber(restart: RestartType): number {
  return ['permanent', 'transient', 'temporary'].indexOf(restart);
}

/** What an actor has that says nothing itself. */
export interface ActorDefaults {
  readonly limits: CheckedLimits;
  readonly inline: boolean;
  /** Whether it is one in JavaScript. */
  readonly local: boolean;
}

/** What all actors have, with defaults; `path` is where the options were found. */
export function actorTemplate(given: CheckedActor, { limits, inline, local }: ActorDefaults, path: string) {
  if (local) refuseGuestOptions(given, path);
  return {
    restart: restartNumber(given.restart ?? 'permanent'),
    overflow: ['wait', 'reject', 'drop-newest', 'drop-oldest'].indexOf(given.overflow ?? 'wait'),
    overflowWaitMs: 5000,
    ...limitsTemplate({ ...limits, ...given.limits }, local),
    startTimeoutMs: forever(given.startupTimeout ?? 10_000),
    inline: inline && (given.inline ?? true),
    ...healthTemplate(given.health),
    observe: observeBits(given.hooks),
    origin: 0,
    state: given.stateInConfig ? stateBytes(given.state, join(path, 'state')) : null,
    ...faultsTemplate(given.faults),
    subscribe: given.subscribe ?? [],
    pressure: given.pressure ?? false,
  };
}

/** A restart budget, with defaults; `path` is where the options were found. */
export function budgetTemplate(given: CheckedBudget, path: string) {
  return {
    maxRestarts: forever(given.maxRestarts ?? 5),
    withinMs: given.within ?? 60_000,
    ...backoffTemplate(given.backoff ?? {}, join(path, 'backoff.max')),
  };
}

function backoffTemplate(given: ReturnType<typeof backoffObject>, path: string) {
  const initialMs = given.initial ?? 100;
  const maxMs = given.max ?? 30_000;
  if (maxMs < initialMs) throw mismatch(path, `at least backoff.initial (${initialMs} ms)`, maxMs);
  return {
    backoffKind: ['immediate', 'linear', 'exponential'].indexOf(given.kind ?? 'exponential'),
    backoffInitialMs: initialMs,
    backoffFactor: given.factor ?? 2,
    backoffMaxMs: maxMs,
    backoffJitter: given.jitter ?? 0.2,
    resetAfterMs: given.resetAfter ?? Math.ceil((initialMs + maxMs) / 2),
  };
}

function limitsTemplate(given: CheckedLimits, local: boolean) {
  const memoryBytes = given.memory ?? 16 * MIB;
  // A message must fit into a guest; in JavaScript there is nothing it must fit into.
  const mostBytes = local ? Infinity : Math.floor(memoryBytes / 2);
  const messageBytes = Math.min(given.messageBytes ?? MIB, mostBytes);
  return {
    mailbox: given.mailbox ?? 1000,
    mailboxBytes: given.mailboxBytes ?? 8 * MIB,
    messageBytes,
    memoryBytes,
    tableElements: given.tableElements ?? 10_000,
    instances: given.instances ?? 64,
    handlerTimeMs: forever(given.handlerTime ?? 5000),
    stackBytes: given.stack ?? 256 * KIB,
    hostCallBytes: given.hostCallBytes ?? messageBytes + 64 * KIB,
  };
}

const shutdownShape = shape({ deadline: duration({ min: 0, max: DAY_MS }) });

/** Reads the options of a shutdown. */
export function shutdownDeadlineMs(options: unknown): number {
  return shutdownShape(options ?? {}, 'options').deadline ?? 25_000;
}
