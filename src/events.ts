/**
 * What observers are told (`system.on`, and channels of `node:diagnostics_channel`). An event
 * decides nothing: a listener that throws becomes an event of its own (`FAIL-4`).
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import { type ActorRef, coreOf } from './actor-ref.js';
import { inContext } from './context.js';
import type { DeadLetter, DeadLetterOffice } from './dead-letters.js';
import { createError, type ExitReason } from './errors.js';
import { detailsOf } from './event-details.js';
import type { HealthState } from './health.js';
import { type HookRunner, isPromise, within } from './lifecycle.js';
import type { EventLog } from './logger.js';
import {
  LISTEN_ALL,
  LISTEN_FAILURE,
  LISTEN_MESSAGES,
  LISTEN_OBSERVED,
  LISTEN_WARNINGS,
  LISTEN_WATER,
  type NativeAddress,
  type NativeEvent,
} from './native.js';
import { asObserver } from './observing.js';

/** Something that happened to an actor. */
export interface ActorEvent {
  /** The actor. */
  readonly ref: ActorRef<unknown, unknown>;
  /** Its path. */
  readonly path: string;
  /** Which life it is about. */
  readonly incarnation: number;
  /** Length of that life in milliseconds. */
  readonly uptimeMs: number;
}

/** An actor ended, or its life did. */
export interface ActorEndEvent extends ActorEvent {
  /** Why. */
  readonly reason: ExitReason;
}

/** A turn or a start failed. */
export interface ActorCrashEvent extends ActorEndEvent {
  /** The kind of trap in the engine's words; empty when it was none. */
  readonly trap: string;
  /** Guest frames, innermost first. */
  readonly backtrace: readonly string[];
  /** The last kilobytes that the guest wrote to its standard error. */
  readonly stderr: string;
}

/** An actor will come up again. */
export interface ActorRestartEvent extends ActorEndEvent {
  /** Failures in a row. */
  readonly attempt: number;
  /** How long it waits first, in milliseconds. */
  readonly delayMs: number;
}

/** An actor's health has changed. */
export interface ActorHealthEvent extends ActorEvent {
  /** How it was. */
  readonly from: HealthState;
  /** How it is. */
  readonly to: HealthState;
  /** Why, in its own words. */
  readonly text: string;
}

/** A mailbox has filled up, or emptied again. */
export interface ActorWaterEvent extends ActorEvent {
  /** Messages in the mailbox. */
  readonly queued: number;
  /** Messages that it holds at most; `Infinity` when only its bytes are bounded. */
  readonly capacity: number;
}

/** A message of an actor. */
export interface MessageEvent extends ActorEvent {
  /** Bytes of payload. */
  readonly size: number;
}

/** A message that was handled. */
export interface MessageProcessedEvent extends MessageEvent {
  /** From the moment its turn began until the turn's effects had taken place, in milliseconds. */
  readonly latencyMs: number;
}

/** A handler takes long. */
export interface LongHandlerEvent extends ActorEvent {
  /** For how long it has been running, or waiting for its promise, in milliseconds. */
  readonly runningMs: number;
}

/** Messages wait for long. */
export interface QueueAgeEvent extends ActorEvent {
  /** Messages in the mailbox. */
  readonly queued: number;
  /** How long the oldest of them has waited at least, in milliseconds. */
  readonly waitedMs: number;
}

/** Something about the machinery around the actors. */
export interface HostEvent {
  /** What happened, and where. */
  readonly text: string;
}

/** Something that happened to a supervisor. */
export interface SupervisorEvent {
  /** Its path; `/` is the system's own. */
  readonly path: string;
  /** Why. */
  readonly reason: ExitReason;
}

/** A hook or a listener failed. */
export interface HookFailedEvent extends HostEvent {
  /** Name of the hook, or of the event that was listened to. */
  readonly hook: string;
  /** Path of the actor whose hook it is; empty for a listener to the system. */
  readonly path: string;
}

/** Events that this environment was too busy to take. */
export interface EventsDroppedEvent {
  /** How many. */
  readonly count: number;
}

/** A line that a guest logged. */
export interface LogEvent extends ActorEvent {
  /** How important it is. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** The line. */
  readonly text: string;
}

/** Every event, and what its listeners receive. */
export interface TroupeEvents {
  /** An actor came up for the first time. */
  'actor:started': ActorEvent;
  /** An actor ended in order, or was killed, or crashed and is not restarted. */
  'actor:stopped': ActorEndEvent;
  /** An actor's restart budget is spent. */
  'actor:failed': ActorEndEvent;
  /** A turn or a start failed. */
  'actor:crashed': ActorCrashEvent;
  /** An actor will come up again. */
  'actor:restarting': ActorRestartEvent;
  /** An actor came up again. */
  'actor:restarted': ActorEndEvent;
  /** An actor's health has changed. */
  'actor:health': ActorHealthEvent;
  /** Its mailbox is filled to 80 % of one of its bounds. Only while somebody listens to it or to `actor:low-water`. */
  'actor:high-water': ActorWaterEvent;
  /** Its mailbox has emptied to half of its bounds after that. */
  'actor:low-water': ActorWaterEvent;
  /** A handler takes longer than the option `warnAfter.handler`; told once for each time. */
  'actor:long-handler': LongHandlerEvent;
  /** The oldest message of a mailbox waits longer than the option `warnAfter.queued`; told once until the actor keeps up. */
  'actor:queue-age': QueueAgeEvent;
  /** A message is given to its handler. Only while somebody listens. */
  'message:received': MessageEvent;
  /** A message was handled. Only while somebody listens. */
  'message:processed': MessageProcessedEvent;
  /** A message without a receiver. */
  deadletter: DeadLetter;
  /** A batch of messages crashed, one by one none of them does. */
  'crash-unreproduced': ActorEvent;
  /** A hook or a listener threw, rejected, or took too long. */
  'hook-failed': HookFailedEvent;
  /** Events were dropped here, because too many waited for a busy event loop. */
  'events:dropped': EventsDroppedEvent;
  /** Compiled components cannot be kept, or what was kept was thrown away. */
  'cache:unusable': HostEvent;
  /** More live actors than pooled instances. */
  'pool:overflow': HostEvent;
  /** A component imports what it was not granted. */
  'capability:denied': HostEvent;
  /** A supervisor's or a pool's restart budget is spent; its own supervisor decides what follows. */
  'supervisor:gave-up': SupervisorEvent;
  /** The restart budget of the whole system is spent: every actor ends. The process goes on. */
  'system:failed': SupervisorEvent;
  /** A guest logged a line. */
  log: LogEvent;
  /** A part of the shutdown took too long; names the actors that had not finished (`SHUT-2`). */
  'shutdown-overrun': HostEvent;
  /** The system begins to shut down. */
  'system:shutdown': HostEvent;
}

/** Name of an event. */
export type EventName = keyof TroupeEvents;

const EVENT_NAMES: { readonly [K in EventName]: true } = {
  'actor:started': true,
  'actor:stopped': true,
  'actor:failed': true,
  'actor:crashed': true,
  'actor:restarting': true,
  'actor:restarted': true,
  'actor:health': true,
  'actor:high-water': true,
  'actor:low-water': true,
  'actor:long-handler': true,
  'actor:queue-age': true,
  'message:received': true,
  'message:processed': true,
  deadletter: true,
  'crash-unreproduced': true,
  'hook-failed': true,
  'events:dropped': true,
  'cache:unusable': true,
  'pool:overflow': true,
  'capability:denied': true,
  'supervisor:gave-up': true,
  'system:failed': true,
  'shutdown-overrun': true,
  log: true,
  'system:shutdown': true,
};

/** Events that there are only while somebody listens to them. */
const MESSAGE_EVENTS = ['message:received', 'message:processed'] as const;
/** The same, of mailboxes. */
const WATER_EVENTS = ['actor:high-water', 'actor:low-water'] as const;

/** An actor with hooks. */
interface Observed {
  readonly ref: ActorRef<never, unknown>;
  readonly runner: HookRunner;
}

type Listener = (event: unknown) => unknown;

/** What a hub needs. */
export interface EventHubOptions {
  readonly log: EventLog | undefined;
  readonly letters: DeadLetterOffice;
  /** Takes a change of a group. */
  readonly onGroup: (event: NativeEvent) => void;
  /** Makes the reference of an address. */
  readonly refOf: (address: NativeAddress, path: string) => ActorRef<unknown, unknown>;
  /** An actor of a number was met that may have hooks (see {@link NativeEvent.origin}). */
  readonly meet: (origin: number, address: NativeAddress, path: string) => void;
  /** Longest wait for what a listener returned. */
  readonly limitMs: number;
  /** Tells the addon which events are wanted. */
  readonly listen: (mask: number) => void;
  /** Called when the root gave up, if that is to have a consequence. */
  readonly onFailure: (() => void) | undefined;
}

/** Hands events to the log, to listeners, and to diagnostics channels. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #channels = new Map<string, Channel>();
  readonly #observed = new Map<string, Observed>();
  /** Runners of hooks that may be busy. */
  readonly #runners = new Set<HookRunner>();
  /** Spawns under way of actors with hooks. */
  #reserved = 0;
  #mask = 0;

  constructor(options: EventHubOptions) {
    this.#options = options;
    for (const name of Object.keys(EVENT_NAMES)) this.#channels.set(name, channel(`wasm-troupe:${name}`));
    this.#tell();
  }

  /** Adds a listener; the result takes it off again. */
  on(name: string, listener: unknown): () => void {
    if (!Object.hasOwn(EVENT_NAMES, name)) {
      const known = Object.keys(EVENT_NAMES).join(', ');
      throw createError('ERR_CONFIG', { message: `event: there is no '${name}'; there are ${known}`, path: 'event' });
    }
    if (typeof listener !== 'function') {
      throw createError('ERR_CONFIG', {
        message: `listener: expected a function, received ${typeof listener}`,
        path: 'listener',
      });
    }
    // A listener runs in the context it was added in, whatever caused the event.
    const own = name === 'deadletter' ? asObserver(listener as Listener) : (listener as Listener);
    const bound: Listener = inContext(own);
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(bound));
    this.#tell();
    return () => {
      set.delete(bound);
      if (set.size === 0 && this.#listeners.get(name) === set) this.#listeners.delete(name);
      this.#tell();
    };
  }

  /** Takes an event as the addon wrote it. */
  receive(json: Uint8Array): void {
    this.emit(JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString()) as NativeEvent);
  }

  /** Hands an event to whoever wants it. */
  emit(told: NativeEvent): void {
    const { event: name } = told;
    if (name === 'group') {
      this.#options.onGroup(told);
      return;
    }
    const event = name === 'deadletter' ? this.#options.letters.complete(told) : told;
    this.#guarded(name, () => this.#options.log?.write(event));
    if (name === 'system:failed') this.#options.onFailure?.();
    if (name === 'events:dropped') this.#endMissed();
    if ((event.origin || this.#observed.size > 0) && event.address) this.#tellHooks(event, event.address);
    const listeners = this.#listeners.get(name);
    const published = this.#channels.get(name);
    if (listeners === undefined && !published?.hasSubscribers) return;
    // What concerns several messages at a time is told message by message.
    for (const one of event.sizes?.map(size => ({ ...event, size })) ?? [event]) {
      const value = this.#publicForm(one);
      if (name === 'deadletter') asObserver(() => published?.publish(value))();
      else published?.publish(value);
      for (const listener of listeners ?? []) this.#call(name, listener, value);
    }
  }

  /** Makes sure that nothing of an actor that is about to come up is missed; the result takes that back. */
  reserve(): () => void {
    this.#reserved += 1;
    this.#tell();
    return () => {
      this.#reserved -= 1;
      this.#tell();
    };
  }

  /**
   * Resolves when the hooks of all actors, or of those at and below a path, are done with what they were
   * told, and those that ended are.
   */
  async hooksSettled(path?: string): Promise<void> {
    if (this.#runners.size === 0) return;
    const all = [...this.#runners];
    const concerned = path === undefined ? all : all.filter(each => `${each.path}/`.startsWith(`${path}/`));
    await Promise.all(concerned.map(runner => runner.settled()));
  }

  /** Tells the hooks of an actor of its life from now on; the actor's end ends that. */
  observe(ref: ActorRef<never, unknown>, runner: HookRunner): void {
    this.#observed.set(keyOf(coreOf(ref)), { ref, runner });
    runner.path = ref.path;
    this.#runners.add(runner);
    this.#tell();
  }

  /** Tells them of nothing more. */
  forget(ref: ActorRef<never, unknown>): void {
    const key = keyOf(coreOf(ref));
    const runner = this.#observed.get(key)?.runner;
    this.#observed.delete(key);
    if (runner !== undefined) this.#runners.delete(runner);
    this.#tell();
  }

  /** The hooks of an actor, if it has any and lives. */
  hooksOf(core: { readonly index: number; readonly tagLo: number; readonly tagHi: number }): HookRunner | undefined {
    return this.#observed.size === 0 ? undefined : this.#observed.get(keyOf(core))?.runner;
  }

  /** Reports a hook that failed. */
  hookFailed(hook: string, error: unknown, path: string): void {
    this.#failed(hook, error, path);
  }

  #tellHooks(event: NativeEvent, address: NativeAddress): void {
    const key = keyOf({ index: address[0], tagLo: address[1], tagHi: address[2] });
    if (event.origin && !this.#observed.has(key)) this.#options.meet(event.origin, address, event.path ?? '');
    const observed = this.#observed.get(key);
    if (observed === undefined) return;
    const { ref, runner } = observed;
    const { path = ref.path, incarnation = 0 } = event;
    runner.tell(event, Object.freeze({ ref, path, incarnation, state: ref.state }));
    if (event.event !== 'actor:stopped' && event.event !== 'actor:failed') return;
    this.#observed.delete(key);
    // Its last hooks may still run.
    void runner.settled().then(() => this.#runners.delete(runner));
    this.#tell();
  }

  /** Events were dropped: of observed actors whose end was among them the hooks are told even so. */
  #endMissed(): void {
    for (const { ref } of [...this.#observed.values()]) {
      const { state, exit, incarnation } = ref.status();
      if (state !== 'terminated' && state !== 'failed') continue;
      const { index, tagLo, tagHi } = coreOf(ref);
      const address: NativeAddress = [index, tagLo, tagHi, index, Number(ref.id >> 32n)];
      const event = state === 'failed' ? 'actor:failed' : 'actor:stopped';
      this.#tellHooks({ event, path: ref.path, incarnation, reason: exit ?? null }, address);
    }
  }

  #call(name: string, listener: Listener, value: object): void {
    this.#guarded(name, () => {
      const result = listener(value);
      if (!isPromise(result)) return;
      within(result, this.#options.limitMs, (...failure) => {
        if (failure.length > 0) this.#failed(name, failure[0]);
      });
    });
  }

  /** Reports what went wrong in code that only observes. */
  fault(error: unknown): void {
    this.#failed('completion', error);
  }

  /** Calls an observer of something that is no event. */
  observeSafely(name: string, observer: () => unknown): void {
    this.#call(name, observer, {});
  }

  #guarded(name: string, observer: () => void): void {
    try {
      observer();
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: string, error: unknown, path?: string): void {
    // A listener for failures that fails itself must not call itself again.
    if (name === 'hook-failed') return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.emit({ event: 'hook-failed', hook: name, text: `on '${name}': ${text}`, ...(path ? { path } : {}) });
  }

  /** Tells the addon what is wanted, if that has changed. */
  #tell(): void {
    const watched = this.#listeners.size > 0 || [...this.#channels.values()].some(each => each.hasSubscribers);
    const { log, onFailure } = this.#options;
    const isHeard = (name: string) => this.#listeners.has(name) || this.#channels.get(name)?.hasSubscribers;
    const messages = MESSAGE_EVENTS.some(isHeard);
    const water = WATER_EVENTS.some(isHeard);
    const mask =
      (watched ? LISTEN_ALL : 0) |
      (log ? LISTEN_WARNINGS : 0) |
      (onFailure ? LISTEN_FAILURE : 0) |
      (this.#observed.size + this.#reserved > 0 ? LISTEN_OBSERVED : 0) |
      (messages ? LISTEN_MESSAGES : 0) |
      (water ? LISTEN_WATER : 0);
    if (mask === this.#mask) return;
    this.#mask = mask;
    this.#options.listen(mask);
  }

  #publicForm(event: NativeEvent): object {
    const { address, path = '' } = event;
    const { event: name } = event;
    if (name === 'deadletter') return this.#options.letters.ofEvent(event);
    if (name === 'supervisor:gave-up' || name === 'system:failed') return Object.freeze({ path, ...detailsOf(event) });
    if (name === 'events:dropped') return Object.freeze({ count: event.count ?? 0 });
    if (event.event === 'hook-failed') return Object.freeze({ text: event.text ?? '', hook: event.hook ?? '', path });
    if (!address) return Object.freeze({ text: event.text ?? '' });
    const { incarnation, uptimeMs } = event;
    const subject = { ref: this.#options.refOf(address, path), path, incarnation, uptimeMs };
    return Object.freeze({ ...subject, ...detailsOf(event) });
  }
}

/** Names an actor in a table: its address without what may change. */
function keyOf({ index, tagLo, tagHi }: { index: number; tagLo: number; tagHi: number }): string {
  return `${index}:${tagLo}:${tagHi}`;
}
