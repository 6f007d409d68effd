/** One life of an actor that this environment runs, and what its functions see of it. */
import { type ActorContext, type ActorLog, Failure } from '../actor.js';
import { type ActorRef, coreHere, coreOf } from '../actor-ref.js';
import type { Broker, PublishOptions } from '../broker.js';
import type { Duration } from '../duration.js';
import { createError, type TroupeError } from '../errors.js';
import type { Monitor } from '../monitor.js';
import type { Address, Port } from '../port.js';
import type { Queued, QueueView } from '../queued.js';
import { type Receiver, routesOf } from '../receiver.js';
import type { RefCore } from '../ref-core.js';
import { type RequestOptions, requestOptions } from '../request-options.js';
import { every, onceAfter, type Timer, type TimerOptions, type TimerPlan, timerKey } from '../timer.js';
import type { SubscribeActorOptions } from '../topics.js';
import { LifeTimers } from './life-timers.js';
import { EFFECT } from './result.js';

/** Both halves of a deadline that never comes. */
const NEVER = 0xffffffff;
/** What cannot be put aside, and why. */
const NO_STASH = {
  tick: 'a message of its own timer cannot be put aside; set it again',
  notice: 'the notice of an end cannot be put aside',
  nothing: 'stash and unstash are for handle, while a message is in hand; unstash is for down, too',
};

/** The actor whose life it is. */
export interface LifeOwner {
  readonly broker: Broker;
  readonly address: Address;
  readonly self: ActorRef<never, unknown>;
  readonly peers: Readonly<Record<string, ActorRef<never, unknown>>>;
  /** Sets a monitor of its own. */
  monitor(target: RefCore): Monitor;
  readonly port: Port;
  refTo(index: number, tagLo: number, tagHi: number): ActorRef;
  write(value: unknown): Uint8Array;
  log(life: Life, level: number, text: string): void;
  /** Stops the actor, as whoever has a reference to it can. */
  stop(): void;
}

/** A life: its state, and whether it is over. */
export class Life<Owner extends LifeOwner = LifeOwner> {
  readonly actor: Owner;
  readonly incarnation: number;
  readonly context: ActorContext<unknown, never>;
  readonly startedMs = performance.now();
  state: unknown;
  /** No effect of it counts any more. */
  over = false;
  /** It stops after the message in hand. */
  stopping = false;
  /**
   * What requests that are made now bring along: the deadline and the chain of the request in hand; `undefined` while no
   * function of the actor is at work.
   */
  within: Uint8Array | undefined = undefined;
  #alone: Uint8Array | undefined;
  /** Address words of the sender of the message in hand. */
  senderIndex = 0;
  senderTagLo = 0;
  senderTagHi = 0;
  /** What the message in hand was published on. */
  topic: string | undefined;
  /** It was published before the subscription began. */
  retained = false;
  /** What is in hand, if anything is: a message, a tick of its own timer, or the notice of an end. */
  inHand: 'message' | 'tick' | 'notice' | undefined = undefined;
  /** Periods that went by while the tick in hand waited. */
  missed = 0;
  /** Its mailbox, if it is told of it. */
  queue: QueueView | undefined = undefined;
  /** What the handler wants with its stash: kinds of effects, in order. */
  stashing: number[] = [];
  #timers: LifeTimers | undefined;
  #controller: AbortController | undefined;

  constructor(actor: Owner, incarnation: number) {
    this.actor = actor;
    this.incarnation = incarnation;
    this.context = new Context(this);
  }

  /** The context of work that is no request: no deadline, and nobody waits but the actor itself. */
  get alone(): Uint8Array {
    if (this.#alone === undefined) {
      const { index, tagLo, tagHi } = this.actor.address;
      this.#alone = new Uint8Array(Uint32Array.of(NEVER, NEVER, 1, 0, index, tagLo, tagHi, 0).buffer);
    }
    return this.#alone;
  }

  /** Where what is taken in hand comes from; what comes from nobody was published on nothing either. */
  comesFrom(index = 0, tagLo = 0, tagHi = 0, topic: string | undefined = undefined, retained = false): void {
    this.senderIndex = index;
    this.senderTagLo = tagLo;
    this.senderTagHi = tagHi;
    this.topic = topic;
    this.retained = retained;
  }

  get timers(): LifeTimers {
    this.#timers ??= new LifeTimers(this, this.actor.port);
    return this.#timers;
  }

  /** A tick of its own timer comes into its hands. */
  ticks(number: number, missed: number): void {
    this.missed = missed;
    this.#timers?.ticked(number);
  }

  /** It stops when the function at work is done; without one, nothing would come to look, so it is asked to. */
  stop(): void {
    if (this.over || this.stopping) return;
    this.stopping = true;
    if (this.within === undefined) this.actor.stop();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.over) this.#controller.abort(this.overError());
    }
    return this.#controller.signal;
  }

  /** The life is over: whatever it still waits for may give up. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.#controller?.abort(this.overError());
  }

  overError(): TroupeError {
    const { path } = this.actor.self;
    return createError('ERR_ACTOR_STOPPED', { message: `${path}: life ${this.incarnation} is over`, actor: path });
  }
}

/** The public face of a life. What it can do are fields, so that a handler may take them out of it. */
class Context implements ActorContext<unknown, never> {
  readonly #life: Life;
  readonly fail = fail;

  constructor(life: Life) {
    this.#life = life;
  }

  get state(): unknown {
    return this.#life.state;
  }

  set state(state: unknown) {
    this.#life.state = state;
  }

  get sender(): ActorRef | undefined {
    const { actor, senderIndex, senderTagLo, senderTagHi } = this.#life;
    const isPort = senderIndex >= 0x80000000;
    const isNobody = senderIndex === 0 && senderTagLo === 0 && senderTagHi === 0;
    return isPort || isNobody ? undefined : actor.refTo(senderIndex, senderTagLo, senderTagHi);
  }

  get topic(): string | undefined {
    return this.#life.topic;
  }

  get retained(): boolean {
    return this.#life.retained;
  }

  get queued(): Queued | undefined {
    return this.#life.queue?.now;
  }

  get self(): ActorRef<never, unknown> {
    return this.#life.actor.self;
  }

  get incarnation(): number {
    return this.#life.incarnation;
  }

  get peers(): Readonly<Record<string, ActorRef<never, unknown>>> {
    return this.#life.actor.peers;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  get missed(): number {
    return this.#life.missed;
  }

  get log(): ActorLog {
    const write = (level: number) => (text: string) => this.#life.actor.log(this.#life, level, String(text));
    return { debug: write(0), info: write(1), warn: write(2), error: write(3) };
  }

  readonly tell = <Request>(target: Receiver<Request, unknown>, message: Request): void => {
    const life = this.#life;
    const routes = routesOf(target);
    if (life.over) throw life.overError();
    const { actor, incarnation } = life;
    if (routes === undefined) coreOf(target as ActorRef<Request, unknown>).tellFrom(actor, incarnation, message);
    else routes.tell(message, member => coreOf(member).tellFrom(actor, incarnation, message));
  };

  readonly ask = <Request, Answer>(
    target: Receiver<Request, Answer>,
    message: Request,
    options: RequestOptions = {},
  ): Promise<Answer> => {
    const life = this.#life;
    try {
      const routes = routesOf(target);
      if (life.over) throw life.overError();
      const { timeoutMs, signal, endless } = requestOptions(options);
      const both = signal === undefined ? life.signal : AbortSignal.any([signal, life.signal]);
      const ask = (ref: ActorRef<never, unknown>): Promise<Answer> => {
        const core = coreOf(ref);
        if (endless) core.owner.warnOfEndlessAsk(core.path);
        return core.askFrom(life.actor, message, timeoutMs, both, life.within) as Promise<Answer>;
      };
      return routes === undefined ? ask(target as ActorRef<Request, Answer>) : routes.ask(message, ask);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  readonly join = (group: string): boolean => {
    const life = this.#life;
    if (life.over) throw life.overError();
    return life.actor.self.join(group);
  };

  readonly leave = (group: string): boolean => this.#life.actor.self.leave(group);

  readonly publish = (topic: string, message: unknown, options?: PublishOptions<never>): never => {
    const { actor, over } = this.#life;
    if (over) throw this.#life.overError();
    return actor.broker.publish(topic, message, options, actor.address) as never;
  };

  readonly subscribe = (pattern: string, options?: SubscribeActorOptions): boolean => {
    if (this.#life.over) throw this.#life.overError();
    return this.#life.actor.self.subscribe(pattern, options);
  };

  readonly unsubscribe = (pattern: string): boolean => {
    if (this.#life.over) throw this.#life.overError();
    return this.#life.actor.self.unsubscribe(pattern);
  };

  readonly monitor = (target: ActorRef<never, unknown>): Monitor => {
    return this.#life.actor.monitor(this.#other(target));
  };

  readonly link = (target: ActorRef<never, unknown>): void => {
    coreOf(this.self).link(this.#other(target), true);
  };

  readonly unlink = (target: ActorRef<never, unknown>): void => {
    coreOf(this.self).link(this.#other(target), false);
  };

  #other(target: ActorRef<never, unknown>): RefCore {
    const core = coreHere(target, coreOf(this.self).owner, 'target');
    if (this.#life.over) throw this.#life.overError();
    return core;
  }

  readonly after = (delay: Duration, message: never, options?: TimerOptions): Timer =>
    this.#set(onceAfter(delay, options), message);

  readonly every = (period: Duration, message: never, options?: TimerOptions): Timer =>
    this.#set(every(period, false, options), message);

  readonly everyFixedRate = (period: Duration, message: never, options?: TimerOptions): Timer =>
    this.#set(every(period, true, options), message);

  readonly cancelTimer = (key: string): boolean => {
    timerKey(key, 'key');
    return this.#life.timers.cancel(key);
  };

  #set(plan: TimerPlan, message: unknown): Timer {
    const life = this.#life;
    if (life.over) throw life.overError();
    return life.timers.set(plan, life.actor.write(message));
  }

  readonly stash = (): void => {
    const { inHand = 'nothing', stashing } = this.#life;
    if (inHand !== 'message') throw this.#cannotStash(NO_STASH[inHand]);
    if (!stashing.includes(EFFECT.stash)) stashing.push(EFFECT.stash);
  };

  readonly unstash = (): void => {
    const { inHand, stashing } = this.#life;
    if (inHand === undefined) throw this.#cannotStash(NO_STASH.nothing);
    stashing.push(EFFECT.unstash);
  };

  #cannotStash(why: string): TroupeError {
    const { path } = this.#life.actor.self;
    return createError('ERR_VALUE', { message: `${path}: ${why}`, actor: path });
  }

  readonly stop = (): void => {
    this.#life.stop();
  };
}

function fail(reason: unknown): Failure {
  return new Failure(reason);
}
