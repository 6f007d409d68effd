/**
 * Errors as users meet them. A code crosses the bridge, a class does not: {@link createError} is
 * the only place that turns a code and what is known about the failure into an error object.
 */
import { CODE_OF_REASON, ERROR_CODES, type ErrorCode, type ReasonTag } from './error-codes.js';

/** Why an actor ended. */
export interface ExitReason {
  /** One of a closed list, to branch on. */
  readonly tag: ReasonTag;
  /** What happened, as a sentence; empty for an orderly end. */
  readonly text: string;
}

/** What is known about a failure; which fields are there depends on the code. */
export interface ErrorData {
  /** Why the actor ended or crashed. */
  readonly reason?: ExitReason;
  /** The kind of trap in the engine's words, such as `unreachable`. */
  readonly trap?: string;
  /** Guest frames, innermost first, at most 16. */
  readonly backtrace?: readonly string[];
  /** The last kilobytes that the guest wrote to its standard error. */
  readonly stderr?: string;
  /** The bytes of the guest's own error. */
  readonly payload?: Uint8Array;
  /** Where in the options, or in a value, the mistake is: `limits.memory`. */
  readonly path?: string;
  /** How long was waited, in milliseconds. */
  readonly timeoutMs?: number;
  /** Why a request about a child was refused. */
  readonly problem?: ChildProblem;
}

/**
 * Why a request about a child was refused (`STA-4`): it comes up or goes down just now, it runs, it is not known,
 * the name is taken, or the supervisor goes down.
 */
export type ChildProblem = 'restarting' | 'running' | 'not-found' | 'already-present' | 'shutting-down';

/** Copies what is there. Field by field: spreads and rests cost more than the rest of an error. */
function copyData<T extends Writable<ErrorData>>(from: Known, to: T): T {
  if (from.reason) to.reason = from.reason;
  if (from.trap) to.trap = from.trap;
  if (from.backtrace?.length) to.backtrace = from.backtrace;
  if (from.stderr) to.stderr = from.stderr;
  if (from.payload) to.payload = from.payload;
  if (from.path != null) to.path = from.path;
  if (from.timeoutMs != null) to.timeoutMs = from.timeoutMs;
  if (from.problem) to.problem = from.problem;
  return to;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type Known = { readonly [Key in keyof ErrorData]?: ErrorData[Key] | null | undefined };

/** How an error is made. */
export interface ErrorInit extends ErrorData {
  /** One sentence: the actor, the operation, what came, and what to do. */
  readonly message: string;
  /** Path of the actor that it is about. */
  readonly actor?: string | undefined;
  /** What led to it. */
  readonly cause?: unknown;
}

/** Base of every error of this library. Branch on {@link TroupeError.code}. */
export class TroupeError extends Error {
  /** What went wrong, as a stable string. */
  readonly code: ErrorCode;
  /** Path of the actor that the error is about, if it is about one. */
  readonly actor: string | undefined;
  /** What else is known. */
  readonly data: ErrorData;

  /** Errors are made by the library; construct one only to test your own handling. */
  constructor(code: ErrorCode, init: ErrorInit) {
    super(init.message, init.cause === undefined ? undefined : init);
    this.code = code;
    this.actor = init.actor;
    this.data = copyData(init, {});
  }
}

/** No reply came in time (`ERR_ASK_TIMEOUT`). */
export class AskTimeoutError extends TroupeError {
  /** How long was waited, in milliseconds. */
  get timeoutMs(): number | undefined {
    return this.data.timeoutMs;
  }
}

/** The caller's own signal ended the wait (`ERR_ABORTED`). */
export class AbortedError extends TroupeError {}

/** The mailbox is full and its policy refuses (`ERR_MAILBOX_FULL`). */
export class MailboxFullError extends TroupeError {}

/** The actor has ended, gave up, or never was (`ERR_ACTOR_STOPPED`, `ERR_ACTOR_GAVE_UP`, `ERR_NO_SUCH_ACTOR`). */
export class ActorStoppedError extends TroupeError {
  /** Why the actor ended, where that is known. */
  get reason(): ExitReason | undefined {
    return this.data.reason;
  }
}

/** The handler of this request crashed (`ERR_ACTOR_CRASHED`); the trap is the `cause`. */
export class ActorCrashedError extends TroupeError {
  /** Why it crashed. */
  get reason(): ExitReason | undefined {
    return this.data.reason;
  }
}

/** A guest trapped, ran out of time, memory or stack, or broke the protocol. */
export class GuestTrapError extends TroupeError {
  /** The kind of trap in the engine's words, such as `unreachable`. */
  get trap(): string | undefined {
    return this.data.trap;
  }
  /** Guest frames, innermost first, at most 16. */
  get backtrace(): readonly string[] {
    return this.data.backtrace ?? [];
  }
  /** The last kilobytes that the guest wrote to its standard error. */
  get stderr(): string {
    return this.data.stderr ?? '';
  }
}

/** The guest answered with an error of its own (`ERR_GUEST_FAILURE`). */
export class GuestFailureError extends TroupeError {
  /** The bytes of the guest's error. */
  get payload(): Uint8Array {
    return this.data.payload ?? new Uint8Array(0);
  }
}

/** A file is missing, or is no component for actors (`ERR_COMPONENT_INVALID`, `ERR_COMPONENT_NOT_FOUND`). */
export class ComponentError extends TroupeError {}

/** A component imports what it was not granted (`ERR_CAPABILITY_DENIED`). */
export class CapabilityError extends TroupeError {}

/** A supervisor's restart budget is spent (`ERR_RESTART_INTENSITY`). */
export class SupervisorGaveUpError extends TroupeError {
  /** What used it up. */
  get reason(): ExitReason | undefined {
    return this.data.reason;
  }
}

/** A request about a child of a supervisor was refused (`ERR_CHILD`). */
export class ChildError extends TroupeError {
  /** Why, to branch on. */
  get problem(): ChildProblem | undefined {
    return this.data.problem;
  }
}

/** An option is wrong (`ERR_CONFIG`). */
export class ConfigError extends TroupeError {
  /** Where in the options: `limits.memory`. */
  get path(): string {
    return this.data.path ?? '';
  }
}

/** A value does not fit what is expected (`ERR_VALUE`). */
export class ValueError extends TroupeError {
  /** Where in the value. */
  get path(): string {
    return this.data.path ?? '';
  }
}

/** The actor did not come up (`ERR_START_FAILED`, `ERR_START_TIMEOUT`); a trap is the `cause`. */
export class StartError extends TroupeError {
  /** What happened. */
  get reason(): ExitReason | undefined {
    return this.data.reason;
  }
}

/** There is no addon for this platform, or it cannot be loaded (`ERR_NATIVE_UNSUPPORTED`). */
export class NativeLoadError extends TroupeError {}

type ErrorClass = typeof TroupeError;

/** Class of every code: a missing code does not compile. */
export const CLASS_OF_CODE = {
  ERR_ASK_TIMEOUT: AskTimeoutError,
  ERR_ABORTED: AbortedError,
  ERR_MAILBOX_FULL: MailboxFullError,
  ERR_NO_SUCH_ACTOR: ActorStoppedError,
  ERR_ACTOR_STOPPED: ActorStoppedError,
  ERR_ACTOR_CRASHED: ActorCrashedError,
  ERR_GUEST_TRAP: GuestTrapError,
  ERR_GUEST_DEADLINE: GuestTrapError,
  ERR_GUEST_MEMORY: GuestTrapError,
  ERR_GUEST_STACK: GuestTrapError,
  ERR_GUEST_FAILURE: GuestFailureError,
  ERR_COMPONENT_INVALID: ComponentError,
  ERR_CAPABILITY_DENIED: CapabilityError,
  ERR_RESTART_INTENSITY: SupervisorGaveUpError,
  ERR_NAME_TAKEN: TroupeError,
  ERR_NAME_INVALID: TroupeError,
  ERR_TOPIC_INVALID: TroupeError,
  ERR_MESSAGE_TOO_LARGE: TroupeError,
  ERR_ASK_CYCLE: TroupeError,
  ERR_SHUTDOWN: TroupeError,
  ERR_CONFIG: ConfigError,
  ERR_VALUE: ValueError,
  ERR_START_FAILED: StartError,
  ERR_START_TIMEOUT: StartError,
  ERR_COMPONENT_NOT_FOUND: ComponentError,
  ERR_GUEST_PROTOCOL: GuestTrapError,
  ERR_ACTOR_GAVE_UP: ActorStoppedError,
  ERR_NO_RESPONDERS: TroupeError,
  ERR_NATIVE_UNSUPPORTED: NativeLoadError,
  ERR_INTERNAL: TroupeError,
  ERR_CHILD: ChildError,
} as const satisfies Record<ErrorCode, ErrorClass>;

for (const type of new Set<ErrorClass>(Object.values(CLASS_OF_CODE))) {
  // The platform's name for it, so that the usual `error.name === 'AbortError'` holds.
  const name = type === AbortedError ? 'AbortError' : type.name;
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
}

/** Makes the error of a code. */
export function createError(code: ErrorCode, init: ErrorInit): TroupeError {
  return new CLASS_OF_CODE[code](code, init);
}

/** The code of a number on the wire; a number nobody knows is a fault of ours. */
export function codeOfNumber(number: number): ErrorCode {
  const code = ERROR_CODES[number];
  return code === undefined || code === 'OK' ? 'ERR_INTERNAL' : code;
}

/** What the addon says about a failure; everything may be missing. */
export interface NativeFailure {
  readonly message?: string;
  readonly actor?: string | null;
  readonly reason?: ExitReason | null;
  readonly trap?: string | null;
  readonly backtrace?: readonly string[] | null;
  readonly stderr?: string | null;
  /** The bytes of the guest's own error. */
  readonly payload?: Uint8Array;
  readonly problem?: ChildProblem | null;
}

const CRASHES: ReadonlySet<ErrorCode> = new Set(['ERR_ACTOR_CRASHED', 'ERR_START_FAILED', 'ERR_START_TIMEOUT']);

/** Rebuilds an error from its number on the wire and what the addon said; `context` fills the gaps. */
export function errorFromNative(
  number: number,
  failure: NativeFailure,
  context: Partial<ErrorInit> = {},
  message = failure.message || context.message,
): TroupeError {
  const code = codeOfNumber(number);
  const make = (): TroupeError => {
    const actor = failure.actor || context.actor;
    const cause = CRASHES.has(code) ? trapOf(failure, actor) : undefined;
    const init: ErrorInit = { message: message || code, actor, cause: cause ?? context.cause };
    copyData(context, init);
    copyData(failure, init);
    return createError(code, init);
  };
  return CRASHES.has(code) ? withoutStack(make) : make();
}

/** The trap behind a crash, as an error of its own. */
function trapOf(failure: NativeFailure, actor: string | undefined): TroupeError | undefined {
  const { reason } = failure;
  if (!reason || reason.tag === 'start-failed' || reason.tag === 'start-timeout') return undefined;
  const code = CODE_OF_REASON[reason.tag] ?? 'ERR_INTERNAL';
  const init: ErrorInit = { message: reason.text || reason.tag, actor };
  copyData(failure, init);
  return createError(code, init);
}

/**
 * Where JavaScript was says nothing about a crash in a guest: it is where answers are taken in, or the ask itself where
 * the turn ran on this thread, which nobody can know. Finding it out takes a sixth of a restart.
 */
function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error;
  // Refused, not thrown, where somebody froze the constructor.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/** Turns what the addon threw into an error with its class; anything else stays as it is. */
export function rethrown(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TroupeError) return error;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !Object.hasOwn(CLASS_OF_CODE, code)) return error;
  return createError(code as ErrorCode, { message: error.message, cause: error.cause });
}
