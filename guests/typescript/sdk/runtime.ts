/**
 * Runs an actor's handlers on the frames of a turn. At most one handler is pending: while it waits
 * for asks of its own, the turn ends after its message and names the answers it waits for. Whatever
 * is thrown and not caught ends the turn with a crash that says what it was.
 */
import { describe } from './errors.js';
import { Address, EFFECT, FrameReader, KIND } from './frames.js';
import { failedHealth, healthFrame, unknownHealth } from './health.js';
import { logTo } from './log.js';
import { Message } from './message.js';
import { Outbox } from './outbox.js';
import { drain, takeUnhandled } from './promise.js';
import { random, seed } from './random.js';
import { useTimers } from './timers.js';
import type { ActorContext, ActorDefinition, Log, MessageContext } from './types.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes in front of a timer's own payload. */
const TICK_HEAD = 8;
const STUCK =
  'waits for a promise that nothing can settle: only answers to asks and ticks of timers arrive from outside, no promises of the engine itself';

/** The exports of the component. */
export interface Exports {
  start(config: Uint8Array): void;
  handle(turn: Uint8Array): Uint8Array;
  health(): Uint8Array;
  stop(): void;
}

class Actor implements ActorContext {
  self = new Address(0, 0, 0);
  path = '';
  incarnation = 0;
  peers: Readonly<Record<string, Address>> = Object.freeze({});
  state: unknown = undefined;
  readonly log: Log = console;
  random(): number {
    return random();
  }
}

class Runtime<Config> implements Exports {
  readonly #definition: ActorDefinition<Config>;
  readonly #actor = new Actor();
  readonly #outbox: Outbox;
  #pending = false;

  constructor(definition: ActorDefinition<Config>) {
    this.#definition = definition;
    this.#outbox = new Outbox(definition.down !== undefined);
    useTimers(this.#outbox.timers);
    logTo((level, text) => this.#outbox.log(level, text));
  }

  start(config: Uint8Array): void {
    const user = this.#configure(config);
    if (this.#definition.start === undefined) return;
    const definition = this.#definition;
    try {
      this.#complete('start', () => definition.start?.(this.#parse(user), this.#actor));
    } catch (error) {
      const { name, message, stack } = describe(error);
      // The error of `start` is a string in the world.
      throw `${name}: ${message}\n${stack}`;
    }
  }

  handle(turn: Uint8Array): Uint8Array {
    const reader = new FrameReader(turn);
    this.#outbox.beginTurn();
    let consumed = 0;
    try {
      while (reader.next()) {
        if (this.#outbox.discards(reader, consumed)) {
          this.#outbox.queue.take(reader);
          consumed += 1;
          continue;
        }
        const handler = this.#handlerOf(reader);
        if (handler !== undefined && this.#pending) break;
        consumed += 1;
        this.#outbox.queue.take(reader);
        if (handler !== undefined) this.#begin(reader, handler, consumed - 1);
        else if (reader.kind === KIND.timer) this.#outbox.timers.tick(reader)?.run?.();
        else if (reader.kind === KIND.reply || reader.kind === KIND.askFailed) this.#outbox.settle(reader);
        this.#drain();
      }
      if (this.#pending) this.#wait();
    } catch (error) {
      this.#crash(error);
    }
    return this.#outbox.writer.finish(consumed);
  }

  health(): Uint8Array {
    const definition = this.#definition;
    if (definition.health === undefined) return unknownHealth();
    let answer = unknownHealth();
    try {
      this.#complete('health', async () => {
        // Not of this object: a definition may use its own.
        answer = healthFrame((await definition.health?.(this.#actor)) ?? 'unknown');
      });
      return answer;
    } catch (error) {
      return failedHealth(error);
    }
  }

  stop(): void {
    const definition = this.#definition;
    if (definition.stop !== undefined) this.#complete('stop', () => definition.stop?.());
  }

  /** What the actor has for this frame; answers to its asks go to who waits for them instead. */
  #handlerOf(reader: FrameReader): ((context: MessageContext) => unknown) | undefined {
    const { kind, payload } = reader;
    const definition = this.#definition;
    if (kind === KIND.message || kind === KIND.ask) return context => definition.handle(payload, context);
    if (kind === KIND.topic) {
      const { message } = reader.published();
      return context => definition.handle(message, context);
    }
    if (kind === KIND.down && definition.down !== undefined) {
      const down = this.#outbox.down(reader);
      return down && (context => definition.down?.(down, context));
    }
    if (kind === KIND.timer && this.#outbox.timers.isMessage(reader.corr))
      return context => definition.handle(payload.subarray(TICK_HEAD), context);
    if (kind !== KIND.sendFailed || definition.refused === undefined) return undefined;
    const refusal = this.#outbox.refusal(reader);
    return context => definition.refused?.(refusal, context);
  }

  #begin(reader: FrameReader, handler: (context: MessageContext) => unknown, position: number): void {
    const { kind, corr } = reader;
    const missed = kind === KIND.timer ? reader.word(0) : 0;
    if (kind === KIND.timer) this.#outbox.timers.tick(reader);
    const message = new Message(this.#actor, this.#outbox, { kind, corr, sender: reader.address(), missed, position });
    if (kind === KIND.topic) {
      const { topic, retained } = reader.published();
      message.topic = decoder.decode(topic);
      message.retained = retained;
    }
    let value: unknown;
    try {
      value = handler(message);
    } catch (error) {
      if (!message.failed(error)) throw error;
      return;
    }
    if (!isThenable(value)) {
      message.end(value);
      return;
    }
    this.#pending = true;
    Promise.resolve(value).then(
      result => {
        this.#pending = false;
        message.end(result);
      },
      error => {
        this.#pending = false;
        if (!message.failed(error)) throw error;
      },
    );
  }

  /** Runs what is queued; a rejection that nobody handles is a crash. */
  #drain(): void {
    drain();
    const unhandled = takeUnhandled();
    if (unhandled !== undefined) throw unhandled.reason;
  }

  #wait(): void {
    if (!this.#outbox.waits) throw new TypeError(`handle ${STUCK}`);
    this.#outbox.writer.await(this.#outbox.openTags);
  }

  #crash(error: unknown): void {
    const { name, message, stack } = describe(error);
    const text = [name, message, stack].map(part => `${part.replaceAll('\0', '\ufffd')}\0`).join('');
    this.#outbox.writer.clear();
    this.#outbox.writer.effect(EFFECT.crash, 0, undefined, encoder.encode(text));
  }

  /** Runs what must end by itself: outside of a turn no answer can arrive. */
  #complete(verb: string, work: () => void | Promise<void>): void {
    let done = false;
    Promise.resolve(work()).then(() => {
      done = true;
    });
    this.#drain();
    if (!done) throw new TypeError(`${verb} ${STUCK}`);
  }

  #configure(config: Uint8Array): Uint8Array {
    const reader = new FrameReader(config);
    const peers: Record<string, Address> = Object.create(null);
    let user = new Uint8Array();
    let state: Uint8Array | undefined;
    while (reader.next()) {
      const address = reader.address();
      if (reader.kind === KIND.seed) seed(reader.word(0), reader.word(4));
      else if (reader.kind === KIND.incarnation) this.#actor.incarnation = reader.word(0);
      else if (reader.kind === KIND.peer && address) peers[decoder.decode(reader.payload)] = address;
      else if (reader.kind === KIND.self && address) {
        this.#actor.self = address;
        this.#actor.path = decoder.decode(reader.payload);
      } else if (reader.kind === KIND.user) user = reader.payload;
      else if (reader.kind === KIND.state) state = reader.payload;
    }
    this.#actor.peers = Object.freeze(peers);
    if (state !== undefined) this.#actor.state = this.#parse(state);
    return user;
  }

  #parse(user: Uint8Array): Config {
    if (this.#definition.config === 'bytes') return user as Config;
    return (user.length === 0 ? undefined : JSON.parse(decoder.decode(user))) as Config;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Turns what `actor` returned into the component's exports. */
export function serve<Config>(definition: ActorDefinition<Config>): Exports {
  if (typeof definition?.handle !== 'function')
    throw new TypeError('the module must export what actor({ handle }) returns, as its default');
  const runtime = new Runtime(definition);
  // Jobs of the modules' own top level; what is rejected there fails the build.
  drain();
  const unhandled = takeUnhandled();
  if (unhandled !== undefined) throw unhandled.reason;
  return {
    start: config => runtime.start(config),
    handle: turn => runtime.handle(turn),
    health: () => runtime.health(),
    stop: () => runtime.stop(),
  };
}
