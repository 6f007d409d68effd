/**
 * The only file that loads the addon, and the shape of what it exports. Nothing here is public:
 * the protocol is a matter between this version of the addon and this version of the package.
 * Transfer objects are complete: every field present, `null` for absent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Audit } from './audit.js';
import { type Machine, searchNative } from './native-search.js';
import type {
  NativeAddress,
  NativeBudget,
  NativeChild,
  NativeDeadLetter,
  NativeFound,
  NativeMember,
  NativeNode,
  NativePlace,
  NativeSpawnOptions,
  NativeStatus,
  NativeSubscription,
  NativeSupervisor,
  NativeSystemOptions,
  NativeTree,
  NativeVitals,
} from './native-types.js';

export * from './native-types.js';

/** Functions of the hot path: numbers only, memory is shared. */
export interface NativeHot {
  /**
   * Takes the first `bytes` of the submit buffer; they may be overwritten afterwards. `how` is made of {@link FLUSH}:
   * what they lead to for actors of this environment happens at once, some of them publish; with either, the result
   * is 1 if completions wait.
   */
  flush(bytes: number, how: number): number;
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

/** How a timer goes on after its first tick: not at all, or a period after it was handled, or was due. */
export const TIMER_ONCE = 0;
export const TIMER_DELAY = 1;
export const TIMER_RATE = 2;

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
  load(source: string | Uint8Array, slot: number): void;
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
  /** An actor of this environment watches another one; one down frame comes into its mailbox, with the tag. */
  monitorFor(watcher: NativeAddress, target: NativeAddress, tag: number): void;
  demonitorFor(watcher: NativeAddress, tag: number): void;
  /**
   * Sets a timer of an actor's place. The words are the three of the address, delay and period in milliseconds,
   * and one of {@link TIMER_ONCE} and its like. Its number; 0 when the actor has ended; that of an
   * error code, negative, when it is refused.
   */
  setTimer(words: Uint32Array, key: string | null, payload: Uint8Array): number;
  /** `true`: no tick of it is handled from now on. */
  cancelTimer(index: number, tagLo: number, tagHi: number, number: number): boolean;
  /** As `setTimer`, for a life of an actor that this environment runs; two more words are the life and a key. */
  setOwnTimer(words: Uint32Array, payload: Uint8Array): number;
  /** As `cancelTimer`; the words are those of `setOwnTimer`. */
  cancelOwnTimer(words: Uint32Array): boolean;
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
  /**
   * How members of a pool stand, each given by three words of its address: how often the members have changed, then
   * of each its {@link READINESS} and its messages. Empty when the pool is gone.
   */
  poolStandings(pool: number, members: Uint32Array): Uint32Array;
  /** Counts and records a message for which no receiver could be chosen. */
  refuseUnroutable(path: string, payload: Uint8Array): void;
  /** All supervisors and pools, from the root. */
  tree(): NativeTree;
  status(index: number, tagLo: number, tagHi: number): NativeStatus | null;
  find(nameOrPath: string): NativeFound | null;
  actors(): readonly NativeStatus[];
  /**
   * What the holder of a name is to somebody who would have spawned it: 0 it has come up, 1 the slot hears of its start,
   * 2 the slot hears of its end, 3 it has ended.
   */
  joinStart(index: number, tagLo: number, tagHi: number, slot: number): number;
  /** `false` when it is in the group already; throws when it has stopped, or is in too many. */
  joinGroup(index: number, tagLo: number, tagHi: number, group: string): boolean;
  /** `false` when it is not in the group. */
  leaveGroup(index: number, tagLo: number, tagHi: number, group: string): boolean;
  groupMembers(group: string): readonly NativeMember[];
  /** The members; each change afterwards is an event `group` with this number. */
  watchGroup(group: string, watch: number): readonly NativeMember[];
  unwatchGroup(group: string, watch: number): void;
  audit(): Audit;
  deadLetters(): readonly NativeDeadLetter[];
  /** The one with this number, while it is kept. */
  deadLetter(id: number): NativeDeadLetter | null;
  /** Replaces the custom state for an actor's next start; `false` when it has ended. */
  setState(index: number, tagLo: number, tagHi: number, state: Uint8Array): boolean;
  /** Subscribes this environment under a number of its own, or throws. */
  subscribe(tag: number, subscription: NativeSubscription): void;
  /** What was published before may still be on its way. */
  unsubscribe(tag: number): boolean;
  /** Subscribes an actor; `false` when it has ended. */
  subscribeActor(index: number, tagLo: number, tagHi: number, subscription: NativeSubscription): boolean;
  /**
   * Takes the subscriptions to a pattern back that the actor did not make itself; `null` when there was none. Otherwise
   * the number of the turn that this environment has with messages of them, and their tags, if there is one.
   */
  unsubscribeActor(index: number, tagLo: number, tagHi: number, pattern: string): number[] | null;
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
  lossReasons(): string[];
  /** What is legal about a budget and probably not meant (`INT-5`). */
  budgetWarnings(budget: NativeBudget): string[];
  /** What is wrong with a topic; `null` for nothing. */
  checkTopic(topic: string): string | null;
  /** What is wrong with a pattern or the name of a queue group; `null` for nothing. */
  checkPattern(pattern: string, group: string | null): string | null;
  calibrate(): void;
  buildInfo(): { version: string; profile: string; target: string };
  panicForTest(): void;
}

/** {@link NativeHot.flush}: what follows happens on this thread; some of the records publish. */
export const FLUSH = { here: 1, publishes: 2 } as const;
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
/** The slot of published messages: six words, the numbers of the subscriptions, the topic padded to four bytes, the message. */
export const TOPIC_SLOT = 0xfffffffd;
/** Kinds of work. The payload is a head of eight words and then frames. */
export const WORK = { start: 1, turn: 2, stop: 3, abandoned: 4, ended: 5, health: 6 } as const;
/** Bytes of that head: address (index, tag low, tag high), job, incarnation, definition, generation, frames. */
export const WORK_HEAD_BYTES = 32;
/** `Infinity` in a field of 32 bits. */
export const FOREVER = 0xffffffff;

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

/** {@link NativeSystem.listen}: mailboxes that fill up and empty again. */
export const LISTEN_WATER = 32;

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
