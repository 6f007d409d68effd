/**
 * The actors of the demo: counters that each keep their share of the words, and tokenisers that cut
 * lines into words and send them there. A tokeniser that meets a bad line traps and is restarted,
 * as often as it takes.
 */
import { existsSync } from 'node:fs';
import { ActorSystem } from 'wasm-troupe';
import { mergeTops, readTop, topRequest } from '../../guests/demo/words.mjs';
import { readable, TOP } from './plain.mjs';

const TOKENISERS = 8;
const COUNTERS = 4;
/** Short, so that what is on its way is little, and a crash has little to put back. */
const TOKENISER_MAILBOX = 256;
/** Together enough for as many different words as a JavaScript Map holds. */
const COUNTER_MEMORY = '512MiB';
const PATIENCE = '5m';
const SETTLE_MS = 2;

const guest = name => new URL(`../../build/guests/${name}.wasm`, import.meta.url);

export class Pool {
  #system;
  #counters;
  /** Messages to tokenisers that are no lines. */
  #barriers = 0;

  /**
   * @param {ActorSystem} system
   * @param {import('wasm-troupe').ActorRef[]} counters
   * @param {import('wasm-troupe').ActorRef[]} tokenisers
   */
  constructor(system, counters, tokenisers) {
    this.#system = system;
    this.#counters = counters;
    this.tokenisers = tokenisers;
  }

  static async start() {
    for (const name of ['tokenise', 'count']) {
      if (!existsSync(guest(name))) throw new Error(`${guest(name).pathname} is missing: npm start builds it`);
    }
    // Hundreds of thousands of restarts are part of this run: they are counted, not logged.
    const system = await ActorSystem.create({ name: 'demo', logger: false, trapBacktrace: false });
    try {
      const Tokenise = await system.load(guest('tokenise'));
      const Count = await system.load(guest('count'));
      const counters = await spawnAll(COUNTERS, index =>
        system.spawn(Count, { name: `count${index}`, limits: { memory: COUNTER_MEMORY } }),
      );
      const peers = Object.fromEntries(counters.map((counter, index) => [`count${index}`, counter]));
      const forever = { restart: 'permanent', maxRestarts: Number.POSITIVE_INFINITY, backoff: 'immediate' };
      const tokenisers = await spawnAll(TOKENISERS, index =>
        system.spawn(Tokenise, { name: `tokenise${index}`, peers, limits: { mailbox: TOKENISER_MAILBOX }, ...forever }),
      );
      return new Pool(system, counters, tokenisers);
    } catch (error) {
      await system.shutdown();
      throw error;
    }
  }

  /**
   * Settles when every line was handled and every word is with its counter: each tokeniser has
   * answered after its last line, so its words are on their way, and then no mailbox holds anything.
   */
  async settle() {
    const nothing = new Uint8Array(0);
    await Promise.all(this.tokenisers.map(tokeniser => tokeniser.ask(nothing, { timeout: PATIENCE })));
    this.#barriers += this.tokenisers.length;
    for (let audit = this.audit(); audit.queued + audit.inHand > 0; audit = this.audit()) {
      await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
    }
  }

  /** What the actors counted; after {@link Pool.settle}. */
  async totals() {
    const request = topRequest(TOP);
    const answers = await Promise.all(this.#counters.map(counter => counter.ask(request, { timeout: PATIENCE })));
    const { words, top } = mergeTops(answers.map(readTop), TOP);
    const statuses = this.tokenisers.map(tokeniser => tokeniser.status());
    const sum = field => statuses.reduce((total, { counters }) => total + counters[field], 0);
    const badLines = sum('failedInHandler');
    return {
      lines: sum('handled') + badLines - this.#barriers,
      badLines,
      words,
      top: readable(top),
      restarts: this.trouble().restarts,
    };
  }

  /** Restarts and failed lines so far. */
  trouble() {
    let restarts = 0;
    let failures = 0;
    for (const status of this.#system.actors()) {
      restarts += status.restarts;
      failures += status.counters.failedInHandler;
    }
    return { restarts, failures };
  }

  audit() {
    return this.#system.audit();
  }

  /** Each actor with its state, for people. */
  actors() {
    return [...this.tokenisers, ...this.#counters].map(ref => {
      const { path, state, restarts, counters } = ref.status();
      return { path, state, handled: counters.handled, failed: counters.failedInHandler, restarts };
    });
  }

  shutdown() {
    return this.#system.shutdown();
  }
}

function spawnAll(count, spawn) {
  return Promise.all(Array.from({ length: count }, (_, index) => spawn(index)));
}
