/** A system for tests: time by hand, a known seed, and a way to wait until everything is done. */
import type { ActorRef } from '../actor-ref.js';
import { mismatch, oneOf } from '../check.js';
import type { Codec } from '../codec.js';
import type { DeadLetter } from '../dead-letters.js';
import type { NativeSystem } from '../native.js';
import {
  type ShutdownOptions,
  type SystemOptions,
  type SystemSettings,
  shutdownDeadlineMs,
  systemSettings,
} from '../options.js';
import { ActorSystem, openNative } from '../system.js';
import { TestClock } from './clock.js';
import { Inbox, Probe, type ProbeOptions, probeDefinition } from './probe.js';
import { chooseSeed, type TestContext, watchTest } from './seed.js';

/** Options of {@link createTestSystem}: those of a system, with what tests need besides. */
export interface TestSystemOptions extends SystemOptions {
  /** Whether time passes by hand or by itself; default `'manual'`. */
  readonly clock?: 'manual' | 'real' | undefined;
  /** The running test: the system ends with it, and if it fails its seed is printed. */
  readonly test?: TestContext | undefined;
}

/**
 * A system for one test. Unless told otherwise it has one worker thread, logs nothing, and takes its
 * seed from the environment variable `WASM_TROUPE_SEED` or at random.
 */
export async function createTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  if (typeof options !== 'object' || options === null) throw mismatch('options', 'an object', options);
  const { clock = 'manual', test, ...rest } = options;
  const manual = oneOf('manual', 'real')(clock, 'clock') === 'manual';
  const seed = chooseSeed(rest.seed);
  const settings = systemSettings({ name: 'test', threads: 1, logger: false, ...rest, seed }, manual);
  const system = new TestSystem(settings, openNative(settings));
  watchTest(test, seed, () => system.shutdown());
  return system;
}

/** An actor system whose clock a test moves. Made by {@link createTestSystem}. */
export class TestSystem extends ActorSystem {
  /** The system's time. With a real clock only its reading is of use. */
  readonly clock: TestClock;
  /** Seed of the system's random numbers. */
  readonly seed: number;
  readonly #native: NativeSystem;
  readonly #manual: boolean;
  #ended: Promise<void> | undefined;

  /** @internal */
  constructor(settings: SystemSettings, system: NativeSystem) {
    super(settings, system);
    this.#native = system;
    this.#manual = settings.native.manualClock;
    this.seed = settings.native.seed;
    this.clock = new TestClock(system, this.port);
  }

  /**
   * Waits until nothing is left to do at this time: every message has been handled or waits for time
   * to pass, and so does every restart. A handler in JavaScript that waits for something outside
   * (a socket, a timer of Node) is not waited for.
   */
  async runUntilIdle(): Promise<void> {
    await this.clock.settle();
  }

  /**
   * Calls `send`, and lets no actor run meanwhile: what it sends is in the mailboxes as a whole before
   * the first message is handled. Then waits until nothing is left to do.
   */
  async together(send: () => void): Promise<void> {
    await this.clock.settle();
    this.#native.hold(true);
    try {
      send();
      this.port.flush();
    } finally {
      this.#native.hold(false);
    }
    await this.clock.settle();
  }

  /** Spawns a probe: an actor that keeps what it is sent. */
  probe<Message, Reply>(
    options: ProbeOptions<Message, Reply> & { readonly codec: Codec<Message, Reply> },
  ): Promise<Probe<Message, Reply>>;
  probe(options?: ProbeOptions<Uint8Array, Uint8Array> & { readonly codec?: undefined }): Promise<Probe>;
  async probe(options: object = {}): Promise<unknown> {
    const inbox = new Inbox<unknown>();
    const given = options as ProbeOptions<unknown, unknown>;
    const ref = await this.spawn(probeDefinition(inbox, given), { name: given.name });
    const { clock, seed } = this;
    return new Probe(ref, inbox, { clock, seed, manual: this.#manual });
  }

  /** The dead letters that were for an actor, oldest first. */
  deadLettersOf(actor: ActorRef<never, unknown> | string): readonly DeadLetter[] {
    const path = typeof actor === 'string' ? actor : actor.path;
    return this.deadLetters().filter(letter => letter.target === path);
  }

  /**
   * Ends the system as {@link ActorSystem.shutdown} does. With a manual clock the deadline comes as
   * soon as nothing else is left to do: an actor that waits for time does not hold up the test.
   */
  override shutdown(options?: ShutdownOptions): Promise<void> {
    this.#ended ??= this.#finish(super.shutdown(options), options);
    return this.#ended;
  }

  async #finish(ended: Promise<void>, options: ShutdownOptions | undefined): Promise<void> {
    if (this.#manual) {
      const waited = ended.catch(() => {});
      const pace = this.clock.advance(shutdownDeadlineMs(options) + 1).catch(() => {});
      await Promise.race([waited, pace]);
    }
    await ended;
  }
}
