/**
 * The only file that loads the addon, and the shape of what it exports. Nothing here is public:
 * the protocol is a matter between this version of the addon and this version of the package.
 * Transfer objects are complete: every field present, `null` for absent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReasonTag } from './error-codes.js';
import { type Machine, searchNative } from './native-search.js';

/** Options of a system, validated and complete. */
export interface NativeSystemOptions {
  readonly name: string;
  readonly threads: number;
  readonly seed: number;
  readonly deadLetters: number;
  readonly spareThreads: number;
  readonly cacheDir: string | null;
  readonly trapHandling: 'signals' | 'explicit';
  readonly inline: boolean;
  readonly poolMemory: number;
  readonly trapBacktrace: boolean;
  /** Time stands still until {@link NativeSystem.advance} moves it. */
  readonly manualClock: boolean;
}

/** An address that an actor is given for a name. */
export interface NativePeer {
  readonly name: string;
  readonly index: number;
  readonly tagLo: number;
  readonly tagHi: number;
}

/** Options of a spawn, validated and complete. `0xFFFFFFFF` stands for `Infinity`. */
export interface NativeSpawnOptions {
  readonly parent: 'user';
  readonly restart: number;
  readonly maxRestarts: number;
  readonly withinMs: number;
  readonly backoffKind: number;
  readonly backoffInitialMs: number;
  readonly backoffFactor: number;
  readonly backoffMaxMs: number;
  readonly backoffJitter: number;
  readonly resetAfterMs: number;
  readonly mailbox: number;
  readonly mailboxBytes: number;
  readonly overflow: number;
  readonly overflowWaitMs: number;
  readonly messageBytes: number;
  readonly memoryBytes: number;
  readonly tableElements: number;
  readonly instances: number;
  readonly handlerTimeMs: number;
  readonly startTimeoutMs: number;
  readonly stackBytes: number;
  readonly hostCallBytes: number;
  readonly inline: boolean;
  readonly start: number;
  readonly peers: readonly NativePeer[];
  readonly user: Uint8Array;
  /** Start attempts that fail, and messages that trap, in a test. */
  readonly failStarts: readonly number[];
  readonly trapOn: readonly number[];
  /** 0 for no probes. */
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  readonly healthFailures: number;
  readonly healthRestart: boolean;
  /** What is told of it even if nobody listens to the system: {@link OBSERVE_LIFE}, {@link OBSERVE_MESSAGES}. */
  readonly observe: number;
  /** Custom state for each start. */
  readonly state: Uint8Array | null;
}

/** Why an actor ended. */
export interface NativeExit {
  readonly tag: ReasonTag;
  readonly text: string;
}

/** Sums of one actor. */
export interface NativeCounters {
  readonly offered: number;
  readonly accepted: number;
  readonly handled: number;
  readonly failedInHandler: number;
  readonly discarded: number;
  readonly expired: number;
  readonly aborted: number;
  readonly refused: number;
}

/** Index, tag (low, high), id (low, high). */
export type NativeAddress = readonly [index: number, tagLo: number, tagHi: number, idLo: number, idHi: number];

/** Whether the machinery runs. */
export interface NativeVitals {
  readonly live: boolean;
  readonly ready: boolean;
  readonly started: boolean;
}

/** What an actor is doing. */
export interface NativeStatus {
  readonly address: NativeAddress;
  readonly state: string;
  readonly path: string;
  readonly name: string | null;
  readonly incarnation: number;
  readonly restarts: number;
  readonly queued: number;
  readonly inHand: number;
  readonly uptimeMs: number;
  readonly counters: NativeCounters;
  /** What the last probe found. */
  readonly health: { readonly status: string; readonly text: string };
  readonly exit: NativeExit | null;
}

/** An actor found by name: its address, and its path. */
export type NativeFound = readonly [...NativeAddress, path: string];

/** Sums of a system, as the addon counts them. */
export interface NativeAudit {
  readonly balanced: boolean;
  readonly offered: number;
  readonly accepted: number;
  readonly refused: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly handled: number;
  readonly failedInHandler: number;
  readonly discarded: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly expired: number;
  readonly aborted: number;
  readonly queued: number;
  readonly inHand: number;
  readonly lateReplies: number;
  readonly actors: Readonly<Record<string, number>>;
}

/** A dead letter. */
export interface NativeDeadLetter {
  readonly id: number;
  readonly sender: string | null;
  readonly target: string;
  readonly reason: string;
  readonly size: number;
  readonly time: number;
}

/** What happened; which fields are there depends on the event. */
export interface NativeEvent {
  readonly event: string;
  readonly address?: NativeAddress | null;
  readonly path?: string;
  readonly reason?: NativeExit | string | null;
  readonly incarnation?: number;
  readonly uptimeMs?: number;
  readonly attempt?: number;
  readonly delayMs?: number;
  readonly trap?: string;
  readonly backtrace?: readonly string[];
  readonly stderr?: string;
  readonly text?: string;
  readonly level?: number;
  readonly id?: number;
  readonly sender?: string | null;
  readonly target?: string;
  readonly size?: number;
  readonly time?: number;
  readonly from?: string;
  readonly to?: string;
  readonly sizes?: readonly number[];
  readonly latencyMs?: number;
  readonly hook?: string;
}

/** A child to be: an actor, a supervisor, or a pool, by {@link NODE_ACTOR} and its like. */
export interface NativeNode {
  readonly kind: number;
  readonly key: string;
  readonly child: NativeChildRules;
  /** What an actor, or each member of a pool, runs. */
  readonly actor: NativeActorNode | null;
  readonly supervisor: NativeSupervisorRules | null;
  /** Members a pool begins with. */
  readonly size: number;
  /** Restarts of all members together; `null` for no limit. */
  readonly poolMaxRestarts: number | null;
  readonly poolWithinMs: number;
  readonly children: readonly NativeNode[];
}

/** What a child is to its supervisor. */
export interface NativeChildRules {
  readonly restart: number;
  readonly significant: boolean;
  readonly shutdownMs: number;
}

/** What an actor in a tree runs: a component, or the definition of an environment, by its number or -1. */
export interface NativeActorNode {
  readonly component: number;
  readonly definition: number;
  readonly name: string | null;
  readonly options: NativeSpawnOptions;
}

/** A supervisor's own rules. */
export interface NativeSupervisorRules extends NativeBudget {
  readonly strategy: number;
  readonly autoShutdown: number;
}

/** How often and how soon something is restarted. */
export interface NativeBudget {
  readonly maxRestarts: number;
  readonly withinMs: number;
  readonly backoffKind: number;
  readonly backoffInitialMs: number;
  readonly backoffFactor: number;
  readonly backoffMaxMs: number;
  readonly backoffJitter: number;
  readonly resetAfterMs: number;
}

/** Where something that was started is. */
export interface NativePlace {
  readonly key: string;
  readonly kind: number;
  /** Number of a supervisor or a pool. */
  readonly id: number;
  /** Address of an actor. */
  readonly address: NativeAddress | null;
  readonly children: readonly NativePlace[];
}

/** A supervisor or a pool as it stands. */
export interface NativeSupervisor {
  readonly id: number;
  readonly path: string;
  readonly state: string;
  /** -1 for a pool. */
  readonly strategy: number;
  readonly incarnation: number;
  readonly uptimeMs: number;
  readonly budgetUsed: number;
  readonly maxRestarts: number;
  readonly withinMs: number;
  readonly restarts: number;
  readonly stale: number;
  /** Children; of a pool only some are listed. */
  readonly members: number;
  readonly ready: number;
  readonly children: readonly NativeChild[];
  readonly history: readonly NativeHistoryEntry[];
}

/** A child as it stands. */
export interface NativeChild {
  readonly key: string;
  readonly path: string;
  readonly kind: number;
  /** Number of a supervisor or a pool. */
  readonly id: number;
  /** Where an actor is, while it has a place. */
  readonly address: NativeAddress | null;
  readonly state: string;
  readonly restart: number;
  readonly significant: boolean;
  readonly incarnation: number;
  readonly restarts: number;
  readonly uptimeMs: number;
  readonly queued: number;
}

/** Something that happened to a child. */
export interface NativeHistoryEntry {
  readonly time: number;
  readonly child: string;
  readonly reason: NativeExit;
  readonly attempt: number;
  readonly delayMs: number | null;
}

/** A supervisor or a pool, and those below it. */
export interface NativeTree {
  readonly info: NativeSupervisor;
  readonly below: readonly NativeTree[];
}

/** {@link NativeNode.kind}: an actor. */
export const NODE_ACTOR = 0;
/** {@link NativeNode.kind}: a supervisor. */
export const NODE_SUPERVISOR = 1;
/** {@link NativeNode.kind}: a pool. */
export const NODE_POOL = 2;

/** Functions of the hot path: numbers only, memory is shared. */
export interface NativeHot {
  /**
   * Takes the first `bytes` of the submit buffer; they may be overwritten afterwards. With `here` 1, what they lead to
   * for actors of this environment happens at once, and the result is 1 if completions wait.
   */
  flush(bytes: number, here: number): number;
  /** Runs the record in the scratch buffer here if it may; see {@link INLINE_NOT_RUN}. */
  askInline(bytes: number): number;
  /** Gives back the buffer of the last call, and hands over the next: `which << 31 | bytes`. */
  drain(): number;
  /** Waits at most `nanos` for a completion. */
  poll(nanos: number): number;
  /** Spawns what the scratch buffer describes. */
  spawn(spec: number, slot: number): number;
  /** Fetches a payload that was too large for the completion buffer. */
  takeLarge(id: number): Uint8Array;
}

/** An actor system, below the surface. */
export interface NativeSystem {
  attach(
    submit: Uint8Array,
    completeA: Uint8Array,
    completeB: Uint8Array,
    scratch: Uint8Array,
    wake: () => void,
  ): number;
  hot(): NativeHot;
  submitLarge(header: Uint32Array, payload: Uint8Array): void;
  load(source: string | Uint8Array, optionsJson: string, slot: number): void;
  prepare(componentId: number, options: NativeSpawnOptions): number;
  /** As `prepare`, for actors that this environment runs under its own number for them. */
  prepareExternal(definition: number, options: NativeSpawnOptions): number;
  release(spec: number): void;
  stop(index: number, tagLo: number, tagHi: number, drain: boolean, graceMs: number, slot: number): void;
  kill(index: number, tagLo: number, tagHi: number): boolean;
  watch(index: number, tagLo: number, tagHi: number, slot: number): void;
  /** Completes the slot once, with the life it was, when the actor ends; at once if it has. */
  monitor(index: number, tagLo: number, tagHi: number, slot: number): void;
  /** Takes a monitor back. */
  demonitor(index: number, tagLo: number, tagHi: number, slot: number): void;
  link(one: NativeAddress, other: NativeAddress): void;
  unlink(one: NativeAddress, other: NativeAddress): void;
  supervise(node: NativeNode, slot: number): NativePlace;
  startPool(node: NativeNode, slot: number): NativePlace;
  /** `null` when there is no such supervisor; the slot is completed all the same. */
  startChild(supervisor: number, node: NativeNode, slot: number): NativePlace | null;
  startMember(pool: number, slot: number): NativePlace;
  /** Asks something about a child; `what` is one of {@link CHILD_STOP} and its like. */
  childRequest(supervisor: number, what: number, key: string, slot: number): void;
  supervisorStop(supervisor: number, slot: number): void;
  /** Completes the slot when a supervisor or a pool has ended for good. */
  supervisorWatch(supervisor: number, slot: number): void;
  supervisorInfo(supervisor: number): NativeSupervisor | null;
  /** Those that have not ended. */
  poolMembers(pool: number): readonly NativeChild[];
  /** All supervisors and pools, from the root. */
  tree(): NativeTree;
  status(index: number, tagLo: number, tagHi: number): NativeStatus | null;
  find(nameOrPath: string): NativeFound | null;
  actors(): readonly NativeStatus[];
  audit(): NativeAudit;
  deadLetters(): readonly NativeDeadLetter[];
  abortAsk(slot: number): void;
  /** Replaces the custom state for an actor's next start; `false` when it has ended. */
  setState(index: number, tagLo: number, tagHi: number, state: Uint8Array): boolean;
  /** Whether the threads run, and whether the system takes work. */
  vitals(): NativeVitals;
  listen(mask: number): void;
  /** Whether any actor has queued or running work. */
  busy(): boolean;
  shutdown(deadlineMs: number, slot: number): void;
  close(): void;
  /** Milliseconds since the system began, by its clock. */
  now(): number;
  /** Moves a manual clock on; `false` for a system that lives by the machine's. */
  advance(ms: number): boolean;
  /** When something next falls due, by the system's clock. */
  nextMoment(): number | null;
  /** Lets no turn begin until it is called with `false`. */
  hold(on: boolean): void;
  /** Whether nothing is left to do until the clock moves on. */
  isQuiet(): boolean;
  /** Completes the slot once nothing is. */
  whenQuiet(slot: number): void;
}

/** What the addon exports. */
export interface NativeBinding {
  readonly NativeSystem: new (options: NativeSystemOptions) => NativeSystem;
  errorCodes(): string[];
  reasonTags(): string[];
  /** What is legal about a budget and probably not meant (`INT-5`). */
  budgetWarnings(budget: NativeBudget): string[];
  calibrate(): void;
  buildInfo(): { version: string; profile: string; target: string };
  panicForTest(): void;
}

/** {@link NativeHot.askInline}: nothing was done, submit the record as usual. */
export const INLINE_NOT_RUN = -1;
/** {@link NativeHot.askInline}: accepted, the answer comes to the slot. */
export const INLINE_ACCEPTED = -2;
/** Results from here downwards are error numbers: `INLINE_FAILED - number`. */
export const INLINE_FAILED = -16;
/** In a completion's status: the payload waits for {@link NativeHot.takeLarge}. */
export const LARGE_PAYLOAD = 0x10000;
/** Slot of a completion that is an event. */
export const EVENT_SLOT = 0xffffffff;
/** Slot of a completion that is work for an actor that this environment runs; its status is one of {@link WORK}. */
export const WORK_SLOT = 0xfffffffe;
/** Kinds of work. The payload is a head of eight words and then frames. */
export const WORK = { start: 1, turn: 2, stop: 3, abandoned: 4, ended: 5, health: 6 } as const;
/** Bytes of that head: address (index, tag low, tag high), job, incarnation, definition, generation, frames. */
export const WORK_HEAD_BYTES = 32;
/** `Infinity` in a field of 32 bits. */
export const FOREVER = 0xffffffff;

/** {@link NativeSystem.childRequest}: stop it. */
export const CHILD_STOP = 0;
/** {@link NativeSystem.childRequest}: start it again. */
export const CHILD_RESTART = 1;
/** {@link NativeSystem.childRequest}: forget it. */
export const CHILD_DELETE = 2;

/** {@link NativeSystem.listen}: everything. */
export const LISTEN_ALL = 1;
/** {@link NativeSystem.listen}: that the root gave up. */
export const LISTEN_FAILURE = 4;
/** {@link NativeSystem.listen}: what a logger tells: restarts, actors that gave up, log lines of guests, faults of the host. */
export const LISTEN_WARNINGS = 2;
/** {@link NativeSystem.listen}: the lives and messages of actors that are observed themselves. */
export const LISTEN_OBSERVED = 8;
/** {@link NativeSystem.listen}: every message of every actor. */
export const LISTEN_MESSAGES = 16;

/** {@link NativeSpawnOptions.observe}: its life. */
export const OBSERVE_LIFE = 1;
/** {@link NativeSpawnOptions.observe}: its messages. */
export const OBSERVE_MESSAGES = 2;

let binding: NativeBinding | undefined;

/** The addon, loaded once per environment. */
export function native(): NativeBinding {
  binding ??= loadNative();
  return binding;
}

function loadNative(): NativeBinding {
  const require = createRequire(import.meta.url);
  return searchNative({
    machine: thisMachine(),
    override: process.env['NAPI_RS_NATIVE_LIBRARY_PATH'],
    root: packageRoot(),
    exists: existsSync,
    load: require,
  }) as NativeBinding;
}

/** The nearest folder upwards with a package.json: this package, from wherever its files were built to. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return folder;
}

/** The glibc version is looked up only when it is needed: a report takes milliseconds. */
function thisMachine(): Machine {
  const { platform, arch } = process;
  if (platform !== 'linux') return { platform, arch, libc: null };
  const libc = isMusl() ? 'musl' : 'gnu';
  return {
    platform,
    arch,
    libc,
    get glibc() {
      return libc === 'gnu' ? glibcVersion() : undefined;
    },
  };
}

function isMusl(): boolean {
  try {
    return readFileSync('/usr/bin/ldd', 'latin1').includes('musl');
  } catch {
    return glibcVersion() === undefined;
  }
}

function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime;
}
