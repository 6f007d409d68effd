/** One message in hand: the context its handler gets, and the answer it owes. */
import { Failure, print } from './errors.js';
import { type Address, EFFECT, KIND } from './frames.js';
import { bytesOf, type Outbox } from './outbox.js';
import type {
  ActorContext,
  AskOptions,
  Log,
  MessageContext,
  Payload,
  PublishOptions,
  Queued,
  SubscribeOptions,
  TellOptions,
  Timer,
  TimerOptions,
} from './types.js';

/** A frame that a handler gets, and where it stands in its turn. */
export interface Received {
  readonly kind: number;
  readonly corr: number;
  readonly sender: Address | undefined;
  readonly missed: number;
  readonly position: number;
}

export class Message implements MessageContext {
  readonly sender: Address | undefined;
  readonly isAsk: boolean;
  topic: string | undefined;
  retained = false;
  readonly #actor: ActorContext;
  readonly #outbox: Outbox;
  readonly #corr: number;
  #answered: boolean;
  /** Kept open when the handler ends. */
  #deferred = false;
  readonly missed: number;
  /** Which frame of which turn it is; a tick cannot be put aside. */
  readonly #position: number;
  readonly #turn: number;
  readonly #isTick: boolean;
  /** It was put aside: another time will answer it. */
  #aside = false;

  constructor(actor: ActorContext, outbox: Outbox, { kind, corr, sender, missed, position }: Received) {
    this.missed = missed;
    this.#position = position;
    this.#turn = outbox.turn;
    this.#isTick = kind === KIND.timer;
    this.sender = sender;
    this.isAsk = kind === KIND.ask;
    this.#actor = actor;
    this.#outbox = outbox;
    this.#corr = corr;
    this.#answered = !this.isAsk;
  }

  get self(): Address {
    return this.#actor.self;
  }
  get path(): string {
    return this.#actor.path;
  }
  get incarnation(): number {
    return this.#actor.incarnation;
  }
  get peers(): Readonly<Record<string, Address>> {
    return this.#actor.peers;
  }
  get state(): unknown {
    return this.#actor.state;
  }
  get log(): Log {
    return this.#actor.log;
  }
  get queued(): Queued | undefined {
    return this.#outbox.queue.now;
  }
  random(): number {
    return this.#actor.random();
  }

  reply(payload: Payload): void {
    this.#answer(EFFECT.reply, payload, 'reply');
  }
  fail(payload: Payload): void {
    this.#answer(EFFECT.fail, payload, 'fail');
  }
  defer(): void {
    this.#deferred = true;
  }
  tell(target: Address, payload: Payload, options?: TellOptions): void {
    this.#outbox.tell(target, payload, options);
  }
  ask(target: Address, payload: Payload, options?: AskOptions): Promise<Uint8Array> {
    // What is asked after the answer is not for whoever asked.
    return this.#outbox.ask(this.#answered ? 0 : this.#corr, target, payload, options);
  }
  publish(topic: string, payload: Payload, options?: PublishOptions): void {
    this.#outbox.publish(topic, payload, options);
  }
  subscribe(pattern: string, options?: SubscribeOptions): number {
    return this.#outbox.subscribe(pattern, options);
  }
  unsubscribe(pattern: string, options?: { group?: string }): void {
    this.#outbox.unsubscribe(pattern, options);
  }
  monitor(target: Address): number {
    return this.#outbox.monitor(target, this.incarnation);
  }
  demonitor(monitor: number): void {
    this.#outbox.demonitor(monitor);
  }
  link(target: Address): void {
    this.#outbox.bond(EFFECT.link, 'link', target);
  }
  unlink(target: Address): void {
    this.#outbox.bond(EFFECT.unlink, 'unlink', target);
  }
  after(delay: number, payload: Payload, options?: TimerOptions): Timer {
    return this.#timer(this.#outbox.timers.after(delay, bytesOf(payload), options));
  }
  every(period: number, payload: Payload, options?: TimerOptions): Timer {
    return this.#timer(this.#outbox.timers.every(period, bytesOf(payload), options));
  }
  everyFixedRate(period: number, payload: Payload, options?: TimerOptions): Timer {
    return this.#timer(this.#outbox.timers.every(period, bytesOf(payload), options, true));
  }
  cancelTimer(key: string): void {
    this.#outbox.timers.cancelKey(key);
  }
  stash(): void {
    if (this.#isTick) throw new TypeError('stash: a message of a timer cannot be put aside; set it again');
    if (this.#outbox.turn !== this.#turn) throw new TypeError('stash: a message is put aside before the first await');
    if (this.#aside) return;
    if (this.isAsk && this.#answered) throw new TypeError('stash: this ask was answered before');
    this.#aside = true;
    this.#answered = true;
    this.#outbox.stash(this.#position);
  }
  unstash(): void {
    this.#outbox.unstash();
  }
  stop(): void {
    this.#outbox.stop();
  }

  /** The handler returned `value`. */
  end(value: unknown): void {
    if (value !== undefined && this.isAsk && !this.#answered) this.reply(payloadOf(value));
    else if (this.isAsk && !this.#answered && !this.#deferred) this.reply('');
  }

  /** The handler threw. True: that is an answer, and the actor goes on. */
  failed(error: unknown): boolean {
    if (!(error instanceof Failure)) return false;
    if (this.#answered) this.log.warn('a failure that no ask is left for:', error.message);
    else this.fail(error.payload);
    return true;
  }

  #timer(number: number): Timer {
    return { cancel: () => this.#outbox.timers.cancel(number) };
  }

  #answer(kind: number, payload: Payload, verb: string): void {
    if (!this.isAsk) throw new TypeError(`${verb}: this message is not an ask, nobody waits for an answer`);
    if (this.#aside) throw new TypeError(`${verb}: this ask was put aside`);
    if (this.#answered) throw new TypeError(`${verb}: this ask was answered before`);
    this.#answered = true;
    this.#outbox.answer(kind, this.#corr, payload);
  }
}

function payloadOf(value: unknown): Payload {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new TypeError(`a handler answers with a Uint8Array or a string, it returned ${print(value)}`);
}
