/**
 * What stands behind a reference: the address, the codec, and how replies and failures of one actor
 * become values and errors. A reference is a thin frozen face of it.
 */
import { CallWaiter } from './call-waiter.js';
import type { Codec } from './codec.js';
import { formatDuration } from './duration.js';
import type { ErrorCode } from './error-codes.js';
import {
  codeOfNumber,
  createError,
  type ExitReason,
  errorFromNative,
  type NativeFailure,
  rethrown,
  type TroupeError,
} from './errors.js';
import { parseFailure } from './failures.js';
import type { Callers } from './local/callers.js';
import type { NativeAddress, NativeStatus } from './native.js';
import { type Address, ASK, CHAINED_ASK, type Port, SEND, type Target, TELL } from './port.js';
import { SchemaError } from './schema.js';
import type { Slot } from './slots.js';
import type { StateCell } from './state.js';
import { SetTimer, type Timer, type TimerPlan, timerRefused } from './timer.js';
import { actorSubscription, checkPattern } from './topics.js';

/** The hooks of an actor, as a reference knows them. */
export interface EndHooks {
  /** Resolves when those of the end are done. */
  ended(holds: boolean): Promise<void>;
}

/** What all references of a system share. */
export interface RefOwner {
  readonly port: Port;
  /** Keeps the asynchronous context of callers of actors that run here. */
  readonly callers: Callers;
  /** Counts a message that came after the end. */
  countLate(): void;
  /** Reports what went wrong in code that only observes. */
  readonly fault: (error: unknown) => void;
  /** The hooks of an actor that lives. */
  hooksOf(core: RefCore): EndHooks | undefined;
  /** The custom state of an actor, made when it is first asked for. */
  stateOf(core: RefCore): StateCell;
  /** Says once that a request without a deadline may wait for ever. */
  warnOfEndlessAsk(path: string): void;
  /** Messages with these tags are not handled any more, though this environment has them in this turn of the actor. */
  skipTopics(core: RefCore, job: number, tags: readonly number[]): void;
}

/** An actor of this environment that sends. */
export interface LocalSender {
  readonly port: Port;
  readonly address: Address;
}

const SHUT_DOWN: ExitReason = Object.freeze({ tag: 'shutdown', text: '' });

/** What a failure means, where the addon says no more than its code. */
const SAID: Partial<Record<ErrorCode, string>> = {
  ERR_MAILBOX_FULL: 'the mailbox is full; wait for earlier messages, or give it a larger limits.mailbox',
  ERR_NO_SUCH_ACTOR: 'there is no such actor',
  ERR_ACTOR_STOPPED: 'the actor has stopped',
  ERR_ACTOR_GAVE_UP: 'the actor gave up: its restart budget is spent',
  ERR_ACTOR_CRASHED: 'the handler crashed',
  ERR_MESSAGE_TOO_LARGE: 'the message is over limits.messageBytes',
  ERR_GUEST_FAILURE: 'the actor answered with an error',
  ERR_SHUTDOWN: 'the system is shut down',
  ERR_VALUE: 'the actor could not read the message',
};

/** One actor as its sender sees it. */
export class RefCore implements Target {
  readonly owner: RefOwner;
  readonly index: number;
  readonly tagLo: number;
  readonly tagHi: number;
  open = 0;
  readonly idLo: number;
  /** -1 until somebody wants to know. */
  #idHi: number;
  /** The actor runs in this environment: it sees the asynchronous context of its callers. */
  readonly isLocal: boolean;
  readonly codec: Codec<unknown, unknown> | undefined;
  readonly name: string | undefined;
  #path: string | undefined;
  #exit: ExitReason | undefined = undefined;
  #stopped: Promise<ExitReason> | undefined = undefined;
  #state: StateCell | undefined = undefined;

  constructor(
    owner: RefOwner,
    address: NativeAddress,
    codec: Codec<unknown, unknown> | undefined,
    name: string | undefined,
    path: string | undefined,
    isLocal = false,
  ) {
    this.owner = owner;
    this.index = address[0];
    this.tagLo = address[1];
    this.tagHi = address[2];
    this.idLo = address[3];
    this.#idHi = address[4];
    this.isLocal = isLocal;
    this.codec = codec;
    this.name = name;
    this.#path = path;
  }

  get id(): bigint {
    if (this.#idHi < 0) this.#idHi = this.status()?.address[4] ?? 0;
    return (BigInt(this.#idHi) << 32n) | BigInt(this.idLo);
  }

  get path(): string {
    this.#path ??= this.status()?.path ?? `/user/${this.name ?? `$${this.id}`}`;
    return this.#path;
  }

  /** What the addon knows; `undefined` for an actor that nobody remembers. */
  status(): NativeStatus | undefined {
    const { port } = this.owner;
    if (port.closed) return undefined;
    port.flush();
    return port.native.status(this.index, this.tagLo, this.tagHi) ?? undefined;
  }

  /** Why it ended, as far as somebody asked for it. */
  get exit(): ExitReason | undefined {
    return this.#exit;
  }

  tell(message: unknown): void {
    const payload = this.#payload(message);
    const { owner } = this;
    if (owner.port.closed) owner.countLate();
    else owner.port.submit(this, TELL, payload, 0, 0, this.#caller(owner.port.sender));
  }

  /** Sends a message whose sender is an actor of this environment; in another system it comes from outside. */
  tellFrom({ port, address }: LocalSender, incarnation: number, message: unknown): void {
    const { owner } = this;
    if (port !== owner.port) {
      this.tell(message);
      return;
    }
    const payload = this.#payload(message);
    if (port.closed) owner.countLate();
    else port.submit(this, TELL, payload, incarnation, 0, address);
  }

  /**
   * Sends a request of an actor of this environment. `context` is that of the request on whose behalf it is made: its
   * deadline, and who waits for it, which mean nothing in another system.
   */
  askFrom(
    { port }: LocalSender,
    message: unknown,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    context: Uint8Array | undefined,
  ): Promise<unknown> {
    if (port !== this.owner.port) return this.request(ASK, message, timeoutMs, signal);
    return this.request(ASK, message, timeoutMs, signal, port.onBehalf, context);
  }

  request(
    kind: number,
    message: unknown,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    sender: Address = this.owner.port.sender,
    context?: Uint8Array,
  ): Promise<unknown> {
    const { owner } = this;
    let payload: Uint8Array;
    try {
      payload = this.#payload(message);
      if (context !== undefined) payload = joined(context, payload);
    } catch (error) {
      return Promise.reject(error);
    }
    const record = context === undefined ? kind : CHAINED_ASK;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (owner.port.closed) return Promise.reject(this.#afterShutdown(kind));
    if (kind === SEND || this.isLocal) {
      return owner.port.request(this, kind, payload, timeoutMs, signal, this.#caller(sender), record);
    }
    return owner.port.ask(this, payload, timeoutMs, signal, sender, record);
  }

  stop(drain: boolean, graceMs: number): Promise<ExitReason> {
    const { port } = this.owner;
    if (port.closed) return Promise.resolve(this.#exit ?? SHUT_DOWN);
    const { index, tagLo, tagHi } = this;
    return this.#afterHooks(
      this.#exits(slot => port.native.stop(index, tagLo, tagHi, drain, graceMs, slot), true),
      true,
    );
  }

  kill(): boolean {
    const { port } = this.owner;
    if (port.closed) return false;
    port.flush();
    return port.native.kill(this.index, this.tagLo, this.tagHi);
  }

  /** Subscribes the actor; `false` when it has ended. */
  subscribe(pattern: unknown, options: unknown): boolean {
    const subscription = actorSubscription(pattern, options);
    const { port } = this.owner;
    if (port.closed) return false;
    port.flush();
    try {
      return port.native.subscribeActor(this.index, this.tagLo, this.tagHi, subscription);
    } catch (error) {
      throw rethrown(error);
    }
  }

  /** Takes what {@link subscribe} did back; `false` when there was nothing. */
  unsubscribe(pattern: unknown): boolean {
    const checked = checkPattern(pattern, 'pattern');
    const { port } = this.owner;
    if (port.closed) return false;
    port.flush();
    const ended = port.native.unsubscribeActor(this.index, this.tagLo, this.tagHi, checked);
    if (ended === null) return false;
    const [job, ...tags] = ended;
    if (job !== undefined) this.owner.skipTopics(this, job, tags);
    return true;
  }

  /** Sets a timer whose ticks are messages to this actor. */
  timer({ delayMs, periodMs, mode, key }: TimerPlan, message: unknown): Timer {
    const payload = this.#payload(message);
    const { owner, index, tagLo, tagHi } = this;
    const { port } = owner;
    if (port.closed) {
      owner.countLate();
      return new SetTimer(undefined);
    }
    port.flush();
    const words = Uint32Array.of(index, tagLo, tagHi, delayMs, periodMs, mode);
    const number = port.native.setTimer(words, key ?? null, payload);
    if (number < 0) throw timerRefused(number, this.path);
    return new SetTimer(() => number > 0 && !port.closed && port.native.cancelTimer(index, tagLo, tagHi, number));
  }

  link(other: RefCore, together: boolean): void {
    const { port } = this.owner;
    if (port.closed) return;
    port.flush();
    if (together) port.native.link(this.address, other.address);
    else port.native.unlink(this.address, other.address);
  }

  join(group: string): boolean {
    const { port } = this.owner;
    const message = `join ${group}: ${this.path}`;
    if (port.closed)
      throw createError('ERR_SHUTDOWN', { message: `${message}: the system is shut down`, actor: this.path });
    port.flush();
    try {
      return port.native.joinGroup(this.index, this.tagLo, this.tagHi, group);
    } catch (error) {
      throw rethrown(error);
    }
  }

  leave(group: string): boolean {
    const { port } = this.owner;
    if (port.closed) return false;
    port.flush();
    return port.native.leaveGroup(this.index, this.tagLo, this.tagHi, group);
  }

  /** Where it is; the id is left out, which nothing here needs. */
  get address(): NativeAddress {
    return [this.index, this.tagLo, this.tagHi, 0, 0];
  }

  get stopped(): Promise<ExitReason> {
    const { port } = this.owner;
    if (this.#stopped === undefined) {
      const { index, tagLo, tagHi } = this;
      this.#stopped = port.closed
        ? Promise.resolve(this.#exit ?? SHUT_DOWN)
        : this.#afterHooks(
            this.#exits(slot => port.native.watch(index, tagLo, tagHi, slot), false).catch(endedUnseen),
            false,
          );
    }
    return this.#stopped;
  }

  settle(slot: Slot, status: number, bytes: Uint8Array, start: number, end: number): void {
    if (status !== 0) {
      slot.reject(this.failure(status, parseFailure(status, bytes, start, end), slot.kind, slot.timeoutMs));
    } else if (slot.kind === ASK) {
      slot.resolve(this.reply(bytes, start, end));
    } else {
      slot.resolve(undefined);
    }
  }

  reply(bytes: Uint8Array, start: number, end: number): unknown {
    const copy = ownCopy(bytes, start, end);
    const { codec } = this;
    if (codec === undefined) return copy;
    try {
      return codec.decode(copy);
    } catch (cause) {
      throw this.#valueError(`the reply of ${this.path} (${copy.length} bytes) cannot be decoded`, cause);
    }
  }

  failure(number: number, failure: NativeFailure, kind: number, timeoutMs: number): TroupeError {
    const operation = kind === ASK ? 'ask to' : 'send to';
    const code = codeOfNumber(number);
    const actor = failure.actor || this.path;
    const late = code === 'ERR_ASK_TIMEOUT';
    const said =
      failure.message || (late ? `no reply within ${formatDuration(timeoutMs)}` : undefined) || SAID[code] || code;
    const message = `${operation} ${actor}: ${said}`;
    // Where it says more, the wait was not as long as it might have been.
    return errorFromNative(number, failure, late && !failure.message ? { actor, timeoutMs } : { actor }, message);
  }

  /** Its custom state. */
  get state(): StateCell {
    this.#state ??= this.owner.stateOf(this);
    return this.#state;
  }

  /** An end is told after its hooks were (`STOP-2`). */
  #afterHooks(exit: Promise<ExitReason>, holds: boolean): Promise<ExitReason> {
    const runner = this.owner.hooksOf(this);
    if (runner === undefined) return exit;
    return exit.then(async reason => {
      await runner.ended(holds);
      return reason;
    });
  }

  /** A call that ends when the actor has ended. */
  #exits(start: (slot: number) => void, holds: boolean): Promise<ExitReason> {
    const waiter = new CallWaiter(
      result => {
        this.#exit = Object.freeze(result as ExitReason);
        return this.#exit;
      },
      { message: `${this.name ?? this.id}: the actor cannot be reached`, actor: this.#path },
    );
    return this.owner.port.call(waiter, start, holds) as Promise<ExitReason>;
  }

  #payload(message: unknown): Uint8Array {
    const { codec } = this;
    if (codec === undefined) {
      if (message instanceof Uint8Array) return message;
      throw this.#valueError(
        `a message to ${this.path} must be a Uint8Array, received ${nameOf(message)}; ` +
          'for values give spawn a codec, such as json() or text()',
      );
    }
    let payload: unknown;
    try {
      payload = codec.encode(message);
    } catch (cause) {
      throw this.#valueError(`a message to ${this.path} cannot be encoded`, cause);
    }
    if (payload instanceof Uint8Array) return payload;
    throw this.#valueError(`the codec of ${this.path} must encode to a Uint8Array, it returned ${nameOf(payload)}`);
  }

  /** The sender of a message from here: this environment, with the caller's context where it can be seen. */
  #caller(sender: Address): Address {
    if (!this.isLocal) return sender;
    const { port, callers } = this.owner;
    port.isAboutLocal = true;
    return { index: sender.index, tagLo: callers.capture(), tagHi: sender.tagHi };
  }

  #valueError(message: string, cause?: unknown): TroupeError {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    const where = cause instanceof SchemaError ? { path: cause.path } : {};
    return createError('ERR_VALUE', { message: message + why, actor: this.path, cause, ...where });
  }

  #afterShutdown(kind: number): TroupeError {
    const operation = kind === ASK ? 'ask to' : 'send to';
    return createError('ERR_SHUTDOWN', {
      message: `${operation} ${this.path}: the system is shut down`,
      actor: this.path,
    });
  }
}

/** Nobody can say any more why it ended. */
function endedUnseen(error: unknown): ExitReason {
  const { code } = error as { code?: unknown };
  if (code === 'ERR_SHUTDOWN') return SHUT_DOWN;
  throw error;
}

/** Bytes that belong to the caller. A large payload came as a copy already. */
function ownCopy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const whole = start === 0 && end === bytes.length;
  return whole && !(bytes.buffer instanceof SharedArrayBuffer) ? bytes : bytes.slice(start, end);
}

function joined(context: Uint8Array, payload: Uint8Array): Uint8Array {
  const both = new Uint8Array(context.length + payload.length);
  both.set(context);
  both.set(payload, context.length);
  return both;
}

/** What a value is, for a message: never its content, which may be long or private. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `a ${value.constructor?.name || 'object'}`;
}
