/** A probe: an actor that keeps what it is sent, for a test to look at. */
import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import { ActorDefinition, type AnyCodec, type AnyFunctions } from '../actor.js';
import type { ActorRef } from '../actor-ref.js';
import { duration } from '../check.js';
import type { Codec } from '../codec.js';
import type { Duration } from '../duration.js';
import type { TestClock } from './clock.js';

const DAY_MS = 86_400_000;
/** With a real clock: how long to wait for a message, and how long for none. */
const EXPECT_MS = 3000;
const EXPECT_NONE_MS = 100;
const wait = duration({ min: 0, max: DAY_MS });

/** Options of {@link TestSystem.probe}. */
export interface ProbeOptions<Message, Reply> {
  /** Registered name. */
  readonly name?: string | undefined;
  /** How messages and replies are written; default bytes. */
  readonly codec?: Codec<Message, Reply> | undefined;
  /** What it answers to requests; default nothing, which is an empty reply. */
  readonly reply?: ((message: Message) => Reply) | undefined;
}

/** How long a probe waits. */
export interface WithinOptions {
  /**
   * With a manual clock, how far time is moved at most; default not at all. With a real one, how long
   * to wait: default 3 s for a message, 100 ms for none.
   */
  readonly within?: Duration | undefined;
}

/** A message that a probe was sent. */
export interface Received<Message> {
  /** What was sent. */
  readonly message: Message;
  /** The actor that sent it; `undefined` for a message from outside, or for a request. */
  readonly sender: ActorRef | undefined;
}

/** What a message must be: equal to a value, or such that a function returns `true`. */
export type Expected<Message> = Message | ((message: Message) => boolean);

/** What a probe needs of its system. */
interface ProbeOwner {
  readonly clock: TestClock;
  readonly seed: number;
  readonly manual: boolean;
}

/** An actor that keeps what it is sent. Made by {@link TestSystem.probe}. */
export class Probe<Message = Uint8Array, Reply = Uint8Array> {
  /** The probe as an actor: to be given to whoever is to send to it. */
  readonly ref: ActorRef<Message, Reply>;
  readonly #inbox: Inbox<Message>;
  readonly #owner: ProbeOwner;

  /** @internal */
  constructor(ref: ActorRef<Message, Reply>, inbox: Inbox<Message>, owner: ProbeOwner) {
    this.ref = ref;
    this.#inbox = inbox;
    this.#owner = owner;
  }

  /** What came and was not taken yet, oldest first. */
  get waiting(): readonly Received<Message>[] {
    return [...this.#inbox.queue];
  }

  /** Takes the next message, which must be as expected, or be there at all if nothing is said about it. */
  async expect(expected?: Expected<Message>, options?: WithinOptions): Promise<Received<Message>> {
    await this.#more(options?.within, EXPECT_MS);
    const [received] = this.#inbox.queue;
    const wanted = expected === undefined ? 'a message' : nameOf(expected);
    if (received === undefined) throw this.#failed(`expected ${wanted}, nothing came`, expected, undefined);
    if (expected !== undefined && !matches(received.message, expected)) {
      const { message } = received;
      throw this.#failed(`expected ${wanted}, received ${show(message)}`, expected, message);
    }
    this.#inbox.queue.shift();
    return received;
  }

  /** Takes messages until one is as expected, and returns that one; those before it are dropped. */
  async fish(expected: Expected<Message>, options?: WithinOptions): Promise<Received<Message>> {
    const passed: Message[] = [];
    const deadline = this.#deadline(options?.within, EXPECT_MS);
    for (;;) {
      await this.#moreUntil(deadline);
      const received = this.#inbox.queue.shift();
      if (received === undefined) {
        const others = passed.length === 0 ? 'nothing came' : `only ${passed.map(show).join(', ')} came`;
        throw this.#failed(`expected ${nameOf(expected)}, ${others}`, expected, passed);
      }
      if (matches(received.message, expected)) return received;
      passed.push(received.message);
    }
  }

  /** Nothing is there and nothing comes. */
  async expectNone(options?: WithinOptions): Promise<void> {
    await this.#more(options?.within, EXPECT_NONE_MS);
    const { queue } = this.#inbox;
    if (queue.length === 0) return;
    const messages = queue.map(({ message }) => message);
    throw this.#failed(`expected no message, received ${messages.map(show).join(', ')}`, [], messages);
  }

  #more(within: Duration | undefined, realMs: number): Promise<void> {
    return this.#moreUntil(this.#deadline(within, realMs));
  }

  /** The end of a wait, by the clock it goes by. */
  #deadline(within: Duration | undefined, realMs: number): number {
    const { manual, clock } = this.#owner;
    if (manual) return clock.now + (within === undefined ? 0 : wait(within, 'within'));
    return performance.now() + (within === undefined ? realMs : wait(within, 'within'));
  }

  /** Waits until a message is there, or the wait is over. */
  async #moreUntil(deadline: number): Promise<void> {
    const { manual, clock } = this.#owner;
    if (manual) await clock.reach(deadline, () => this.#inbox.queue.length > 0);
    else await this.#inbox.arrival(deadline - performance.now());
  }

  #failed(what: string, expected: unknown, actual: unknown): AssertionError {
    const message = `probe ${this.ref.path}: ${what} (seed ${this.#owner.seed})`;
    return new AssertionError({ message, expected, actual, operator: 'probe' });
  }
}

/** What came, and who waits for more. */
export class Inbox<Message> {
  readonly queue: Received<Message>[] = [];
  #wake: (() => void) | undefined;

  /** @internal */
  push(received: Received<Message>): void {
    this.queue.push(received);
    this.#wake?.();
  }

  /** @internal Resolves when something is there, or after `ms`. */
  async arrival(ms: number): Promise<void> {
    if (this.queue.length > 0 || ms <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>(resolve => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

/** @internal The actor behind a probe. */
export function probeDefinition(
  inbox: Inbox<unknown>,
  { codec, reply }: ProbeOptions<unknown, unknown>,
): ActorDefinition<unknown, unknown> {
  const functions: AnyFunctions = {
    handle: (message, { sender }) => {
      inbox.push(Object.freeze({ message, sender }));
      return reply?.(message);
    },
  };
  return new ActorDefinition(functions, codec as AnyCodec | undefined);
}

function matches<Message>(message: Message, expected: Expected<Message>): boolean {
  if (typeof expected === 'function') return (expected as (message: Message) => boolean)(message);
  return isDeepStrictEqual(message, expected);
}

function nameOf(expected: unknown): string {
  if (typeof expected !== 'function') return show(expected);
  return `a message for which ${expected.name || 'the function'} is true`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 3, breakLength: Infinity, maxArrayLength: 16, maxStringLength: 200 });
}
