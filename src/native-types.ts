/** Transfer objects: what crosses the bridge besides numbers and bytes. Every field is present, `null` for absent. */
import type { ReasonTag } from './error-codes.js';

/** Options of a system, validated and complete. */
export interface NativeSystemOptions {
  readonly threads: number;
  readonly seed: number;
  readonly deadLetters: number;
  /** Bytes of payloads of dead letters that are kept; 0 for none. */
  readonly capturedBytes: number;
  readonly spareThreads: number;
  readonly cacheDir: string | null;
  readonly trapHandling: 'signals' | 'explicit';
  readonly inline: boolean;
  readonly poolMemory: number;
  readonly trapBacktrace: boolean;
  /** Time stands still until {@link NativeSystem.advance} moves it. */
  readonly manualClock: boolean;
  /** A message published on a topic without subscribers becomes a dead letter. */
  readonly unheardLetters: boolean;
  /** From when on an event says that a handler runs, or a message waits, for long. */
  readonly longHandlerMs: number;
  readonly longQueueMs: number;
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
  readonly restart: number;
  readonly budget: NativeBudget;
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
  /** What it is made from, by this environment's number; 0 for nothing that is looked up. */
  readonly origin: number;
  /** Custom state for each start. */
  readonly state: Uint8Array | null;
  /** Topics that it is subscribed to. */
  readonly subscribe: readonly NativeSubscription[];
  /** Each of its turns begins with a frame that says how full its mailbox is. */
  readonly pressure: boolean;
}

/** A subscription. */
export interface NativeSubscription {
  readonly pattern: string;
  readonly group: string | null;
  readonly once: boolean;
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
  /** Those that were refused or discarded, by reason. */
  readonly losses: Readonly<Record<string, number>>;
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
  /** {@link NativeSpawnOptions.origin} */
  readonly origin: number;
}

/** An actor found by name: its address, and its path. */
export type NativeFound = readonly [...NativeAddress, path: string];

/** An actor in a group. */
export interface NativeMember {
  readonly address: NativeAddress;
  readonly path: string;
}

/** A dead letter. */
export interface NativeDeadLetter {
  readonly id: number;
  readonly sender: string | null;
  readonly target: string;
  readonly reason: string;
  readonly size: number;
  readonly time: number;
  /** Whom it was for; the id is left out. */
  readonly address: NativeAddress;
  readonly payload: Uint8Array | null;
}

/** What happened; which fields are there depends on the event. */
export interface NativeEvent {
  readonly event: string;
  /** {@link NativeSpawnOptions.origin} of an actor that is observed itself. */
  readonly origin?: number;
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
  /** The sender of a dead letter, if it is an actor. */
  readonly senderAddress?: NativeAddress | null;
  /** A log has a line for this dead letter. */
  readonly logged?: boolean;
  /** Dead letters that it had none for, by reason. */
  readonly counts?: Readonly<Record<string, number>>;
  readonly size?: number;
  readonly time?: number;
  readonly from?: string;
  readonly to?: string;
  readonly sizes?: readonly number[];
  readonly latencyMs?: number;
  readonly runningMs?: number;
  readonly queued?: number;
  readonly waitedMs?: number;
  readonly hook?: string;
  readonly capacity?: number;
  /** Number of a watch of a group, and whether somebody joined. */
  readonly watch?: number;
  readonly joined?: boolean;
  /** The watch missed changes, and is told of none any more. */
  readonly behind?: boolean;
  /** Events that were dropped. */
  readonly count?: number;
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
export interface NativeSupervisorRules {
  readonly budget: NativeBudget;
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

/** What a message to a member of a pool would meet, from the worst to the best; see {@link NativeSystem.poolStandings}. */
export const READINESS = { gone: 0, waiting: 1, coming: 2, full: 3, ready: 4 } as const;

/** {@link NativeNode.kind}: an actor. */
export const NODE_ACTOR = 0;
/** {@link NativeNode.kind}: a supervisor. */
export const NODE_SUPERVISOR = 1;
/** {@link NativeNode.kind}: a pool. */
export const NODE_POOL = 2;

/** {@link NativeSystem.childRequest}: stop it. */
export const CHILD_STOP = 0;
/** {@link NativeSystem.childRequest}: start it again. */
export const CHILD_RESTART = 1;
/** {@link NativeSystem.childRequest}: forget it. */
export const CHILD_DELETE = 2;
