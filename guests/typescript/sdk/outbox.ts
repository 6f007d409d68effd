/** Everything that leaves the actor: effects of the turn, and the asks that are still open. */
import { AskError, print } from './errors.js';
import { Address, EFFECT, type FrameReader, KIND, ResultWriter } from './frames.js';
import { Queue } from './queue.js';
import { Timers } from './timers.js';
import type { AskOptions, Down, Payload, PublishOptions, Refusal, SubscribeOptions, TellOptions } from './types.js';

interface OpenAsk {
  resolve(payload: Uint8Array): void;
  reject(error: AskError): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MAX_TIMEOUT = 0xffffffff;
const NOTHING = new Uint8Array();
/** The upper half of a monitor's number is its life, so that the next life knows its own. */
const MONITORS = 0x10000;

export class Outbox {
  /** Whether the actor can be told of an end. */
  readonly hearsDown: boolean;
  readonly writer = new ResultWriter();
  readonly queue = new Queue();
  readonly timers = new Timers({
    nextTag: () => this.#nextTag(),
    check: verb => this.#mustBeUp(verb),
    effect: (kind, corr, payload) => this.writer.effect(kind, corr, undefined, payload),
  });
  readonly #open = new Map<number, OpenAsk>();
  /** Counts turns: a message can be put aside in the turn that brought it. */
  turn = 0;
  #lastTag = 0;
  #lastMonitor = 0;
  /** Monitors that were taken back in this turn: a notice may be in it already. */
  readonly #unwatched = new Set<number>();
  /** Subscriptions that were taken back in this turn: messages of them may be in it already. */
  readonly #ended = new Set<number>();
  /** Log lines from before the first turn. */
  #early: [number, string][] = [];
  #turns = false;

  constructor(hearsDown: boolean) {
    this.hearsDown = hearsDown;
  }

  /** What a handler may wait for: asks without an answer, and functions that a timer will run. */
  get openTags(): number[] {
    return [...this.#open.keys(), ...this.timers.awaited];
  }
  get waits(): boolean {
    return this.#open.size > 0 || this.timers.awaited.size > 0;
  }

  beginTurn(): void {
    this.writer.clear();
    this.#turns = true;
    this.#unwatched.clear();
    this.#ended.clear();
    this.turn += 1;
    for (const [level, text] of this.#early) this.log(level, text);
    this.#early = [];
  }

  log(level: number, text: string): void {
    if (this.#turns) this.writer.effect(EFFECT.log, level, undefined, encoder.encode(text));
    else this.#early.push([level, text]);
  }

  tell(target: Address, payload: Payload, { tag }: TellOptions = {}): void {
    this.#check('tell', target);
    this.writer.tell(target, bytesOf(payload), tag);
  }

  publish(topic: string, payload: Payload, { retain = false, tag }: PublishOptions = {}): void {
    this.#mustBeUp('publish');
    this.writer.publish(textBytes('publish', topic), bytesOf(payload), retain, tag);
  }

  subscribe(pattern: string, { group = '', once = false, report = false }: SubscribeOptions = {}): number {
    this.#mustBeUp('subscribe');
    const tag = subscriptionTag(pattern, group);
    this.writer.subscribe(tag, textBytes('subscribe', pattern), textBytes('subscribe', group), once, report);
    return tag;
  }

  unsubscribe(pattern: string, { group = '' }: { group?: string } = {}): void {
    this.#mustBeUp('unsubscribe');
    const tag = subscriptionTag(pattern, group);
    this.#ended.add(tag);
    this.writer.effect(EFFECT.unsubscribe, tag, undefined, NOTHING);
  }

  /** Drops a topic message at this place of the turn whose subscription was taken back; false for any other. */
  discards(frame: FrameReader, position: number): boolean {
    const drops = frame.kind === KIND.topic && this.#ended.has(frame.corr);
    if (drops) this.writer.effect(EFFECT.discard, position, undefined, NOTHING);
    return drops;
  }

  answer(kind: number, corr: number, payload: Payload): void {
    this.writer.effect(kind, corr, undefined, bytesOf(payload));
  }

  stash(position: number): void {
    this.writer.effect(EFFECT.stash, position, undefined, new Uint8Array());
  }

  unstash(): void {
    this.writer.effect(EFFECT.unstash, 0, undefined, new Uint8Array());
  }

  stop(): void {
    this.writer.effect(EFFECT.stop, 0, undefined, NOTHING);
  }

  monitor(target: Address, incarnation: number): number {
    if (!this.hearsDown) throw new TypeError('monitor: the actor has no `down` that could be told');
    this.#check('monitor', target);
    this.#lastMonitor = (this.#lastMonitor % (MONITORS - 1)) + 1;
    const tag = (incarnation % MONITORS) * MONITORS + this.#lastMonitor;
    this.writer.effect(EFFECT.monitor, tag, target, NOTHING);
    return tag;
  }

  demonitor(monitor: number): void {
    if (!Number.isInteger(monitor)) throw new TypeError(`demonitor: expected a number, received ${print(monitor)}`);
    this.#unwatched.add(monitor);
    this.writer.effect(EFFECT.demonitor, monitor, undefined, NOTHING);
  }

  /** Links or unlinks. */
  bond(kind: number, verb: string, target: Address): void {
    this.#check(verb, target);
    this.writer.effect(kind, 0, target, NOTHING);
  }

  /** What a down frame says; nothing when its monitor was taken back. */
  down(frame: FrameReader): Down | undefined {
    const address = frame.address();
    if (address === undefined || this.#unwatched.has(frame.corr)) return undefined;
    const [reason = '', text = ''] = decoder.decode(frame.payload.subarray(4)).split('\0', 2);
    return { monitor: frame.corr, address, reason, text, incarnation: frame.word(0) };
  }

  /** Asks on behalf of an ask of this actor, by its correlation; zero for none. */
  ask(request: number, target: Address, payload: Payload, options: AskOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#check('ask', target);
      const tag = this.#nextTag();
      this.writer.ask(tag, target, timeoutOf(options), request, bytesOf(payload));
      this.#open.set(tag, { resolve, reject });
    });
  }

  /** What a send-failed frame says. */
  refusal(frame: FrameReader): Refusal {
    return { tag: frame.corr, code: frame.word(0), message: decoder.decode(frame.payload.subarray(4)) };
  }

  /** Settles the ask a reply or a failure belongs to. Nobody waits for a late one. */
  settle(frame: FrameReader): void {
    const ask = this.#open.get(frame.corr);
    if (ask === undefined) return;
    this.#open.delete(frame.corr);
    if (frame.kind === KIND.reply) ask.resolve(frame.payload);
    else ask.reject(new AskError(frame.word(0), decoder.decode(frame.payload.subarray(4))));
  }

  #nextTag(): number {
    do {
      this.#lastTag = this.#lastTag === 0xffffffff ? 1 : this.#lastTag + 1;
    } while (this.#open.has(this.#lastTag) || this.timers.has(this.#lastTag));
    return this.#lastTag;
  }

  #check(verb: string, target: Address): void {
    if (!(target instanceof Address)) throw new TypeError(`${verb}: expected an address, received ${print(target)}`);
    this.#mustBeUp(verb);
  }

  #mustBeUp(verb: string): void {
    if (!this.#turns) throw new TypeError(`${verb}: an actor can send once it is up, not in start`);
  }
}

export function bytesOf(payload: Payload): Uint8Array {
  if (typeof payload === 'string') return encoder.encode(payload);
  if (payload instanceof Uint8Array) return payload;
  throw new TypeError(`a payload is a Uint8Array or a string, received ${print(payload)}`);
}

function textBytes(verb: string, text: string): Uint8Array {
  if (typeof text === 'string') return encoder.encode(text);
  throw new TypeError(`${verb}: expected a string, received ${print(text)}`);
}

/**
 * The number of a subscription: made of what it is to, so that the next life, which knows nothing of this one,
 * finds it again. The function is FNV-1a, without the bit of numbers that are not the actor's own.
 */
function subscriptionTag(pattern: string, group: string): number {
  let hash = 0x811c9dc5;
  for (const unit of `${pattern}\0${group}`) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01000193);
  return hash & 0x7fffffff;
}

/** The host's default is zero; what a user calls zero is the least that can be said. */
function timeoutOf({ timeout }: AskOptions): number {
  if (timeout === undefined) return 0;
  if (!(timeout >= 0)) throw new RangeError(`timeout: expected milliseconds, received ${print(timeout)}`);
  return Math.min(Math.max(Math.ceil(timeout), 1), MAX_TIMEOUT);
}
