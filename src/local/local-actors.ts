/**
 * The actors that this environment runs. Work comes as completions and is answered with records;
 * what it means is decided by the kernel, which also ends jobs that take too long. Handlers run here,
 * one message at a time for each actor, within the bounds of a turn of the event loop.
 */
import { AsyncResource } from 'node:async_hooks';
import { type AnyDefinition, codecOf, Failure, functionsOf } from '../actor.js';
import type { ActorRef } from '../actor-ref.js';
import type { Broker } from '../broker.js';
import { WORK } from '../native.js';
import type { Address } from '../port.js';
import { QueueView } from '../queued.js';
import type { Callers } from './callers.js';
import { Job } from './job.js';
import { Life } from './life.js';
import { LocalActor, type Surroundings } from './local-actor.js';
import { LoopBudget } from './loop-budget.js';
import { crashOf, EFFECT, FLAG_SINGLE, healthOf, resultOf, WORK_BEGUN, WORK_DONE } from './result.js';

/** What one actor gets besides its definition. */
export interface LocalArgs {
  readonly config: unknown;
  readonly peers: Readonly<Record<string, ActorRef<never, unknown>>>;
}

/** What the actors of an environment need. */
export interface LocalActorsOptions extends Surroundings {
  readonly callers: Callers;
  readonly broker: Broker;
  /** Makes the reference of an actor to itself. */
  readonly selfOf: (
    address: readonly [number, number, number, number, number],
    definition: AnyDefinition,
  ) => ActorRef<never, unknown>;
}

/** What the addon knows by a number. */
interface Registered extends LocalArgs {
  readonly definition: AnyDefinition;
  readonly scope: AsyncResource;
}

/** An actor that was spawned and has not started yet. */
interface Expected extends Registered {
  readonly tagLo: number;
  readonly tagHi: number;
  readonly self: ActorRef<never, unknown>;
}

const MESSAGE = 1;
const ASK = 2;
/** In front of an ask; the kernel does not count it. */
const CONTEXT = 9;
const TOPIC = 7;
const RETAINED = 2 << 16;
const DOWN = 6;
const TIMER = 8;
/** In front of the turns of actors with the option `pressure`. */
const PRESSURE = 10;
/** Bytes in front of a timer's own payload: missed periods and a zero word. */
const TICK_HEAD_BYTES = 8;
const FRAME_BYTES = 24;
const SCOPE = 'WasmTroupeActor';
const NOTHING = new Uint8Array(0);
/** What stands for the result of a handler that was not called. */
const UNREADABLE = Symbol('unreadable');

/** Number of what is spawned: {@link LocalActors.expect} says of each actor what it is, so nothing is registered. */
export const SPAWNED = 0;

/** Runs them. */
export class LocalActors {
  readonly #options: LocalActorsOptions;
  /** By their numbers, which are never used again: work may be late. */
  readonly #registered = new Map<number, Registered>();
  #lastNumber = SPAWNED;
  /** By index of their address. */
  readonly #expected = new Map<number, Expected>();
  readonly #actors = new Map<number, LocalActor>();
  readonly #budget = new LoopBudget();
  /** Jobs that wait for the next turn of the event loop. */
  #queue: Job[] = [];
  #resuming = false;
  /** Jobs whose function has returned a promise since the event loop last turned. */
  #waiting: Job[] = [];
  #closed = false;

  constructor(options: LocalActorsOptions) {
    this.#options = options;
  }

  /** A number for a definition, whose actors are given `args`. */
  register(definition: AnyDefinition, args: LocalArgs): number {
    const scope = new AsyncResource(SCOPE, { requireManualDestroy: true });
    this.#lastNumber += 1;
    this.#registered.set(this.#lastNumber, { definition, scope, ...args });
    return this.#lastNumber;
  }

  /** Nothing starts under this number any more; actors that live have what they need. */
  unregister(number: number): void {
    this.#registered.delete(number);
  }

  /** How many definitions the addon may start actors of. */
  get registered(): number {
    return this.#registered.size;
  }

  /** Whether this is the address of a live actor that runs here. */
  has(index: number, tagLo: number, tagHi: number): boolean {
    const address = this.#actors.get(index)?.address ?? this.#expected.get(index);
    return address?.tagLo === tagLo && address?.tagHi === tagHi;
  }

  /** Subscriptions of an actor have ended: messages with these tags in the turn with this number are not handled. */
  skipTopics({ index, tagLo, tagHi }: Address, job: number, tags: readonly number[]): void {
    const actor = this.#actors.get(index);
    if (actor?.address.tagLo === tagLo && actor.address.tagHi === tagHi) actor.skipTopics(job, tags);
  }

  /** Says what an actor that was spawned just now gets when it starts. */
  expect(address: Address, self: ActorRef<never, unknown>, definition: AnyDefinition, args: LocalArgs): void {
    const { index, tagLo, tagHi } = address;
    const scope = new AsyncResource(SCOPE, { requireManualDestroy: true });
    this.#expected.set(index, { tagLo, tagHi, self, scope, definition, ...args });
  }

  /** Takes a piece of work. */
  receive(kind: number, bytes: Uint8Array, start: number, end: number): void {
    // The bytes are the addon's again when this call returns.
    const own = bytes.slice(start, end);
    const words = new Uint32Array(own.buffer, 0, own.length >>> 2);
    const index = words[0]!;
    const actor = this.#actors.get(index);
    const known = actor?.address.tagLo === words[1] && actor?.address.tagHi === words[2] ? actor : undefined;
    if (kind === WORK.abandoned || kind === WORK.ended) {
      known?.life?.end();
      if (kind === WORK.ended) this.#forget(known, index, words[1]!, words[2]!);
      return;
    }
    if (this.#closed) return;
    const { keepAlive } = this.#options.port;
    if (!keepAlive.held) keepAlive.hold();
    const life = kind === WORK.start ? this.#newLife(known, words) : known?.life;
    if (life !== undefined) this.#run(new Job(kind, words[3]!, life, own, words));
  }

  /** Nothing runs any more; what still waits learns that it is over. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#waiting = [];
    for (const actor of this.#actors.values()) actor.life?.end();
  }

  #forget(actor: LocalActor | undefined, index: number, tagLo: number, tagHi: number): void {
    if (actor !== undefined) this.#actors.delete(index);
    const expected = this.#expected.get(index);
    if (expected?.tagLo === tagLo && expected.tagHi === tagHi) this.#expected.delete(index);
  }

  #newLife(known: LocalActor | undefined, words: Uint32Array): Life<LocalActor> | undefined {
    known?.life?.end();
    const actor = known ?? this.#newActor(words);
    if (actor === undefined) return undefined;
    actor.life = new Life(actor, words[4]!);
    return actor.life;
  }

  #newActor(words: Uint32Array): LocalActor | undefined {
    const [index, tagLo, tagHi, , , number, generation] = words as unknown as number[];
    const candidate = this.#expected.get(index!);
    const expected = candidate?.tagLo === tagLo && candidate?.tagHi === tagHi ? candidate : undefined;
    if (expected !== undefined) this.#expected.delete(index!);
    const found = expected ?? this.#registered.get(number!);
    if (found === undefined) return undefined;
    const { definition, config, peers, scope } = found;
    const self = expected?.self ?? this.#options.selfOf([index!, tagLo!, tagHi!, index!, generation!], definition);
    const address = { index: index!, tagLo: tagLo!, tagHi: tagHi! };
    const made = {
      address,
      functions: functionsOf(definition),
      codec: codecOf(definition),
      self,
      config,
      peers,
      scope,
    };
    const actor = new LocalActor(made, this.#options);
    this.#actors.set(index!, actor);
    return actor;
  }

  /** Runs a job, or what is left of it; later, when this turn of the event loop is used up. */
  #run(job: Job): void {
    if (job.life.over) return;
    if (!this.#budget.spend()) {
      this.#later(job);
    } else if (job.kind === WORK.turn) {
      this.#turn(job);
    } else {
      this.#call(job);
    }
  }

  #later(job: Job): void {
    this.#queue.push(job);
    if (this.#resuming) return;
    this.#resuming = true;
    setImmediate(this.#resume);
  }

  readonly #resume = (): void => {
    this.#resuming = false;
    const queue = this.#queue;
    this.#queue = [];
    let at = 0;
    while (at < queue.length && !this.#budget.spent) this.#run(queue[at++]!);
    for (; at < queue.length; at += 1) this.#later(queue[at]!);
  };

  /** A start, a stop, or a health probe. */
  #call(job: Job): void {
    const { life, kind } = job;
    const { actor } = life;
    const { start, stop, health } = actor.functions;
    let result: unknown;
    life.within = life.alone;
    life.comesFrom();
    life.missed = 0;
    try {
      if (kind === WORK.start && start !== undefined) {
        result = actor.scope.runInAsyncScope(start, actor.functions, actor.config, life.context as never);
      } else if (kind === WORK.stop && stop !== undefined) {
        result = actor.scope.runInAsyncScope(stop, actor.functions, life.context as never);
      } else if (kind === WORK.health && health !== undefined) {
        result = actor.scope.runInAsyncScope(health, actor.functions, life.context as never);
      }
    } catch (error) {
      this.#failed(job, error);
      return;
    }
    if (isThenable(result)) this.#wait(job, result);
    else this.#settled(job, result);
  }

  #turn(job: Job): void {
    const { life, words } = job;
    while (job.at < job.end) {
      if (!this.#budget.spend()) {
        this.#later(job);
        return;
      }
      const word = job.at >>> 2;
      const kind = words[word + 1]! & 0xffff;
      const length = words[word]!;
      const from = job.at + FRAME_BYTES;
      job.at = from + ((length + 7) & ~7);
      if (kind === CONTEXT) {
        job.context = job.bytes.subarray(from, from + length);
        continue;
      }
      if (kind === PRESSURE) life.queue = new QueueView(words, word + 1, from >>> 2);
      else life.queue?.take(isMessage(kind), length);
      if (!isMessage(kind) && kind !== DOWN && kind !== TIMER) {
        // Nothing that a handler could see.
        job.done += 1;
        continue;
      }
      if (kind === TOPIC && life.actor.skipsTopic(job.number, words[word + 2]!)) {
        job.effects.push({ kind: EFFECT.discard, corr: job.done, payload: NOTHING });
        job.done += 1;
        continue;
      }
      job.ask = kind === ASK ? words[word + 2]! : undefined;
      if (kind === TIMER) life.ticks(words[word + 2]!, words[from >>> 2]!);
      else life.missed = 0;
      life.inHand = kind === TIMER ? 'tick' : kind === DOWN ? 'notice' : 'message';
      life.stashing = [];
      let result: unknown;
      try {
        const start = kind === TIMER ? from + TICK_HEAD_BYTES : from;
        result = kind === DOWN ? this.#down(job, word, from, length) : this.#handle(job, word, start, from + length);
      } catch (error) {
        this.#failed(job, error);
        return;
      }
      // The handler may have killed its own actor.
      if (life.over) return;
      if (isThenable(result)) {
        this.#wait(job, result);
        return;
      }
      if (!this.#handled(job, result)) return;
      if (life.stopping) break;
    }
    this.#finish(job);
  }

  #handle(job: Job, word: number, from: number, to: number): unknown {
    const { life, words, bytes } = job;
    const { actor } = life;
    life.within = job.ask === undefined ? life.alone : job.context;
    const kindWord = words[word + 1]!;
    const isTopic = (kindWord & 0xffff) === TOPIC;
    const topic = isTopic ? topicAt(bytes, from, words[from >>> 2]!) : undefined;
    const retained = isTopic && (kindWord & RETAINED) !== 0;
    life.comesFrom(words[word + 3], words[word + 4], words[word + 5], topic, retained);
    const isPort = life.senderIndex >= 0x80000000;
    const begin = isTopic ? from + 4 + ((words[from >>> 2]! + 3) & ~3) : from;
    const caller = isPort && !isTopic ? this.#options.callers.take(life.senderTagLo) : undefined;
    let message: unknown;
    try {
      message = actor.read(bytes.slice(begin, to));
    } catch (error) {
      // What an actor lets its own timer say is no other's fault.
      if ((kindWord & 0xffff) === TIMER) throw error;
      actor.cannotRead(life, to - begin, error);
      return UNREADABLE;
    }
    return (caller ?? actor.scope).runInAsyncScope(
      actor.functions.handle,
      actor.functions,
      message,
      life.context as never,
    );
  }

  /** A watched actor has ended. */
  #down({ life, words, bytes }: Job, word: number, from: number, length: number): unknown {
    const { actor } = life;
    const { down } = actor.functions;
    const told = actor.readDown(words[word + 2]!, bytes.slice(from, from + length));
    if (down === undefined || told === undefined) return undefined;
    life.within = life.alone;
    life.comesFrom();
    return actor.scope.runInAsyncScope(down, actor.functions, told, life.context as never);
  }

  #wait(job: Job, promise: PromiseLike<unknown>): void {
    job.pending = true;
    promise.then(
      value => this.#settled(job, value),
      error => this.#failed(job, error),
    );
    if (job.begun) return;
    if (this.#waiting.length === 0) setImmediate(this.#begin);
    this.#waiting.push(job);
  }

  /** What still waits after a turn of the event loop waits for something outside: its time begins. */
  readonly #begin = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const job of waiting) {
      if (!job.pending || job.begun || job.life.over) continue;
      // What comes back from the stash would stand in front of the message in hand: it waits for that.
      const later = job.effects.filter(({ kind }) => kind === EFFECT.unstash);
      if (later.length > 0) job.effects = job.effects.filter(({ kind }) => kind !== EFFECT.unstash);
      this.#answer(job, WORK_BEGUN);
      // The frames behind the one in hand are the mailbox's again.
      job.begin();
      job.effects.push(...later);
    }
  };

  #settled(job: Job, value: unknown): void {
    job.pending = false;
    const { life, kind } = job;
    life.within = undefined;
    if (life.over || this.#closed) return;
    if (kind === WORK.turn) {
      if (!this.#handled(job, value)) return;
      if (life.stopping) this.#finish(job);
      else this.#turn(job);
      return;
    }
    if (kind === WORK.start) life.state = value;
    if (kind === WORK.health) job.effects.push(...healthOf(value));
    this.#answer(job, WORK_DONE);
    if (kind === WORK.stop) life.end();
    else if (life.stopping) life.actor.stop();
  }

  /** Notes the reply to a request. `false` when it cannot be written, which is a crash. */
  #handled(job: Job, value: unknown): boolean {
    const { ask, life } = job;
    life.within = undefined;
    life.inHand = undefined;
    for (const kind of life.stashing) job.effects.push({ kind, corr: job.done, payload: NOTHING });
    if (value === UNREADABLE) {
      job.effects.push({ kind: EFFECT.unreadable, corr: job.done, payload: NOTHING });
    } else if (ask !== undefined && !life.stashing.includes(EFFECT.stash)) {
      try {
        const failed = value instanceof Failure;
        const payload = life.actor.write(failed ? value.reason : value);
        job.effects.push({ kind: failed ? EFFECT.fail : EFFECT.reply, corr: ask, payload });
      } catch (error) {
        this.#failed(job, error);
        return false;
      }
    }
    job.done += 1;
    return true;
  }

  #failed(job: Job, error: unknown): void {
    job.pending = false;
    const { life } = job;
    life.within = undefined;
    if (life.over || this.#closed) return;
    if (job.kind === WORK.stop) {
      life.actor.log(life, 2, `stop failed: ${error instanceof Error ? error.message : String(error)}`);
    } else {
      job.effects.push(crashOf(error));
    }
    this.#answer(job, WORK_DONE);
    // A probe that fails is an answer: nothing of the actor was lost by it.
    if (job.kind !== WORK.health) life.end();
    else if (life.stopping) life.actor.stop();
  }

  #finish(job: Job): void {
    if (job.life.stopping) job.effects.push({ kind: EFFECT.stop, corr: 0, payload: NOTHING });
    this.#answer(job, WORK_DONE);
  }

  #answer(job: Job, kind: number): void {
    const single = job.begun && kind === WORK_DONE ? FLAG_SINGLE : 0;
    const payload = resultOf(job.done, job.effects);
    this.#options.port.isAboutLocal = true;
    this.#options.port.submit(job.life.actor.address, kind | single, payload, job.number, 0);
  }
}

function isMessage(kind: number): boolean {
  return kind === MESSAGE || kind === ASK || kind === TOPIC;
}

function topicAt(bytes: Uint8Array, from: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from + 4, length).toString();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function';
}
