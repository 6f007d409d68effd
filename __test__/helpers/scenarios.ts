/** The table of scenarios (`__test__/scenarios`), and what runs one through the public API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ActorRef, Component, SpawnOptions, TroupeError } from '../../src/index.js';
import type { TestSystem } from '../../src/testing/index.js';
import { bytes, textOf } from './bytes.js';
import { type Made, type TreeOptions, Trees, treeOptions } from './scenario-trees.js';
import { ROOT } from './system.js';

/** What a scenario says about an actor. */
export interface ActorOptions extends Omit<SpawnOptions, 'peers' | 'config'> {
  /** How its start attempts go, one word each. */
  readonly starts?: string;
  /** Actors it may send to. */
  readonly peers?: readonly string[];
  /** Most messages in its mailbox. */
  readonly mailbox?: number;
}

type Step = readonly [verb: string, ...arguments: unknown[]];

/** Something that is to happen, and what is to come of it. */
export interface Scenario {
  readonly name: string;
  readonly runners?: readonly string[];
  readonly actors?: Readonly<Record<string, ActorOptions>>;
  readonly trees?: Readonly<Record<string, TreeOptions>>;
  readonly steps: readonly Step[];
}

interface Row {
  readonly cause: string;
  readonly runners?: readonly string[];
  readonly starts?: string;
  readonly end: readonly Step[];
  readonly reason: string;
}

const read = <T>(file: string): T[] => JSON.parse(readFileSync(join(ROOT, '__test__', 'scenarios', file), 'utf8'));

/** The scenarios for one kind of actor. */
export function scenariosFor(runner: 'component' | 'javascript'): Scenario[] {
  const files = ['starting', 'messages', 'restarts', 'ending', 'trees'];
  const all = [...files.flatMap(file => read<Scenario>(`${file}.json`)), ...matrix()];
  return all.filter(({ runners }) => runners === undefined || runners.includes(runner));
}

function matrix(): Scenario[] {
  return read<Row & Record<'permanent' | 'transient' | 'temporary', string>>('restart-matrix.json').flatMap(row =>
    (['permanent', 'transient', 'temporary'] as const).map(restart => ({
      name: `a ${restart} actor after ${row.cause}`,
      ...(row.runners && { runners: row.runners }),
      actors: { a: { restart, starts: row.starts ?? '' } },
      steps: [
        ['spawn', 'a'],
        ['watch', 'w', 'a'],
        ...row.end,
        ['state', 'a', row[restart]],
        ['expect', 'w', row[restart] === 'ready' ? null : { ended: row.reason }],
      ] as Step[],
    })),
  );
}

/** Makes the actor of the scenarios with these options. */
export type MakeScripted = (
  system: TestSystem,
  options: SpawnOptions,
  script: { readonly starts: string; readonly peers: Readonly<Record<string, ActorRef>> },
) => Promise<Made> | Made;

const ERRORS: Readonly<Record<string, string>> = {
  ERR_ASK_TIMEOUT: 'timeout',
  ERR_MAILBOX_FULL: 'mailbox-full',
  ERR_NO_SUCH_ACTOR: 'no-such-actor',
  ERR_ACTOR_STOPPED: 'stopped',
  ERR_ACTOR_CRASHED: 'crashed',
  ERR_ACTOR_GAVE_UP: 'gave-up',
  ERR_GUEST_FAILURE: 'handler-error',
  ERR_START_FAILED: 'start-failed',
  ERR_NAME_TAKEN: 'name-taken',
};

const NOW = new Set(['tell', 'ask', 'send', 'stop', 'drain', 'kill', 'watch', 'stop-tree', 'request']);

/** Runs a scenario; rejects with the step that did not go as it says. */
export async function runScenario(scenario: Scenario, system: TestSystem, make: MakeScripted): Promise<void> {
  const run = new Run(scenario, system, make);
  let pending: Step[] = [];
  for (const [at, step] of scenario.steps.entries()) {
    if (NOW.has(step[0])) {
      pending.push(step);
      continue;
    }
    const together = pending;
    pending = [];
    await system.together(() => together.forEach(each => run.act(each)));
    const wrong = await run.step(step);
    if (wrong !== undefined) throw new Error(`step ${at + 1} ${JSON.stringify(step)}: ${wrong}`);
  }
  await system.together(() => pending.forEach(each => run.act(each)));
  await run.end();
}

class Run {
  readonly #scenario: Scenario;
  readonly #system: TestSystem;
  readonly #make: MakeScripted;
  readonly #refs = new Map<string, ActorRef>();
  /** Registered names. */
  readonly #names = new Map<string, string>();
  readonly #trees = new Trees();
  /** What became of a slot; `null` while it is open. */
  readonly #slots = new Map<string, unknown>();
  readonly #order: string[] = [];
  readonly #logs: [path: string, line: string][] = [];
  readonly #events: [path: string, line: string][] = [];
  #letters = 0;

  constructor(scenario: Scenario, system: TestSystem, make: MakeScripted) {
    this.#scenario = scenario;
    this.#system = system;
    this.#make = make;
    system.on('log', ({ path, text }) => this.#logs.push([path, text]));
    const note = (path: string, line: string) => this.#events.push([path, line]);
    system.on('actor:started', ({ path }) => note(path, 'started'));
    system.on('actor:crashed', ({ path }) => note(path, 'crashed'));
    system.on('actor:restarting', ({ path, attempt, delayMs }) => note(path, `restarting #${attempt} in ${delayMs}`));
    system.on('actor:restarted', ({ path, incarnation }) => note(path, `restarted @${incarnation}`));
    system.on('actor:stopped', ({ path, reason }) => note(path, `stopped ${reason.tag}`));
    system.on('actor:failed', ({ path, reason }) => note(path, `failed ${reason.tag}`));
    system.on('crash-unreproduced', ({ path }) => note(path, 'unreproduced'));
  }

  /** A step that happens at once. */
  act([verb, ...args]: Step): void {
    const [first, second, third, fourth] = args as [string, string, string, number | undefined];
    const ref = this.#refs.get(verb === 'tell' || verb === 'kill' ? first : second)!;
    const timeout = fourth ?? 5000;
    if (verb === 'stop-tree') this.#fill(first, this.#trees.of(second).stop(), () => 'done');
    else if (verb === 'request') this.#request(first, second, third, args[3] as string);
    else if (verb === 'tell') ref.tell(bytes(second));
    else if (verb === 'kill') ref.kill();
    else if (verb === 'ask') this.#fill(first, ref.ask(bytes(third), { timeout }), value => ({ value: textOf(value) }));
    else if (verb === 'send') this.#fill(first, ref.send(bytes(third), { timeout }), () => 'sent');
    else if (verb === 'watch') this.#fill(first, ref.stopped, ({ tag }) => ({ ended: tag }));
    else {
      const grace = (args[2] as number | undefined) ?? 5000;
      this.#fill(first, ref.stop({ drain: verb === 'drain', grace }), ({ tag }) => ({ ended: tag }));
    }
  }

  /** A step after which nothing is left to do; what went wrong, if something did. */
  async step([verb, ...args]: Step): Promise<string | undefined> {
    const first = args[0] as string;
    if (verb === 'spawn') return this.#start(first, args[1] as string | undefined);
    if (verb === 'supervise') return this.#supervise(first, args[1] as string | undefined);
    if (verb === 'advance') {
      await this.#system.clock.advance(args[0] as number);
      return undefined;
    }
    await this.#system.runUntilIdle();
    const expected = args.at(-1);
    if (verb === 'order') return this.#inOrder(expected as string[]);
    const found = this.#look(verb, first, expected);
    if (isDeepStrictEqual(found, expected)) return undefined;
    return `expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
  }

  /** After the end every slot is settled and the sums agree. */
  async end(): Promise<void> {
    await this.#system.shutdown({ deadline: 0 });
    const open = [...this.#slots].filter(([, outcome]) => outcome === null).map(([slot]) => slot);
    if (open.length > 0) throw new Error(`never settled: ${open.join(', ')}`);
    const audit = this.#system.audit();
    if (!audit.balanced || audit.queued + audit.inHand > 0) throw new Error(`out of balance: ${JSON.stringify(audit)}`);
  }

  async #start(actor: string, slot: string | undefined): Promise<string | undefined> {
    const given = this.#scenario.actors![actor]!;
    if (given.name !== undefined) this.#names.set(actor, given.name);
    const { source, options } = await this.#made(given);
    const spawned = this.#system.spawn(source as Component, options);
    if (slot !== undefined) this.#fill(slot, spawned, () => 'started');
    const ref = await spawned.catch((error: Error) => error);
    await this.#system.runUntilIdle();
    if (!(ref instanceof Error)) this.#refs.set(actor, ref);
    else if (slot === undefined) return `it did not come up: ${ref.message}`;
    return undefined;
  }

  /** What an actor with these options is made from. */
  async #made({ starts = '', peers = [], mailbox, backoff, ...rest }: ActorOptions): Promise<Made> {
    const options: SpawnOptions = {
      ...rest,
      backoff: { ...(typeof backoff === 'string' ? { kind: backoff } : backoff), jitter: 0 },
      limits: mailbox === undefined ? {} : { mailbox },
    };
    const refs = Object.fromEntries(peers.map(peer => [peer, this.#refs.get(peer)!]));
    return this.#make(this.#system, options, { starts, peers: refs });
  }

  async #supervise(key: string, slot: string | undefined): Promise<string | undefined> {
    const tree = this.#scenario.trees![key]!;
    this.#nameAll(tree);
    const options = await treeOptions(tree, given => this.#made(given));
    const up = this.#trees.supervise(this.#system, key, options, (name, ref) => this.#refs.set(name, ref));
    if (slot !== undefined) this.#fill(slot, up, () => 'done');
    const error = await up.then(
      () => undefined,
      (reason: Error) => reason,
    );
    await this.#system.runUntilIdle();
    return error !== undefined && slot === undefined ? `it did not come up: ${error.message}` : undefined;
  }

  #nameAll({ children }: TreeOptions): void {
    for (const [key, options] of Object.entries(children)) {
      if ('children' in options) this.#nameAll(options as TreeOptions);
      else if ('name' in options) this.#names.set(key, options.name as string);
    }
  }

  #request(slot: string, verb: string, key: string, name: string): void {
    const done = this.#trees.request(verb, key, name);
    this.#fill(slot, done, ref => {
      if (ref !== undefined) this.#refs.set(name, ref);
      return 'done';
    });
  }

  #fill<T>(slot: string, promise: Promise<T>, read: (value: T) => unknown): void {
    this.#slots.set(slot, null);
    const settle = (outcome: unknown) => {
      this.#slots.set(slot, outcome);
      this.#order.push(slot);
    };
    promise.then(
      value => settle(read(value)),
      (error: TroupeError & { payload?: Uint8Array; problem?: string }) =>
        settle({
          error: error.problem ?? ERRORS[error.code] ?? error.code,
          ...(error.payload && { text: textOf(error.payload) }),
        }),
    );
  }

  #look(verb: string, first: string, expected: unknown): unknown {
    const ref = this.#refs.get(first);
    switch (verb) {
      case 'expect':
        return outcomeLike(this.#slots.get(first), expected);
      case 'state':
        return ref!.status().state;
      case 'life':
        return ref!.status().incarnation;
      case 'restarts':
        return ref!.status().restarts;
      case 'counts': {
        const { counters, queued } = ref!.status();
        const all: Record<string, number> = {
          handled: counters.handled,
          failed: counters.failedInHandler,
          queued,
        };
        return Object.fromEntries(Object.keys(expected as object).map(key => [key, all[key]]));
      }
      case 'log':
        return take(this.#logs, ref!.path);
      case 'events':
        return take(this.#events, ref!.path);
      case 'letters':
        return this.#newLetters();
      case 'named':
        return this.#system.find(this.#names.get(first)!) !== undefined;
      case 'children':
        return this.#trees
          .of(first)
          .list()
          .map(({ key, state }) => [key, state]);
      case 'sequence':
        return this.#events.splice(0).map(([path, line]) => `${path.slice(path.lastIndexOf('/') + 1)} ${line}`);
      default:
        throw new Error(`there is no step ${verb}`);
    }
  }

  #newLetters(): [string, string][] {
    const letters = this.#system.deadLetters().filter(({ id }) => id > this.#letters);
    this.#letters = letters.at(-1)?.id ?? this.#letters;
    const nameOf = (path: string) => [...this.#refs].find(([, ref]) => ref.path === path)?.[0] ?? path;
    return letters.map(({ target, reason }) => [nameOf(target), reason]);
  }

  #inOrder(slots: string[]): string | undefined {
    const places = slots.map(slot => this.#order.indexOf(slot));
    const sorted = places.every((place, at) => place >= 0 && (at === 0 || place > places[at - 1]!));
    return sorted ? undefined : `they were settled at ${places.join(', ')}`;
  }
}

/** The text of an error counts only where the scenario names it. */
function outcomeLike(outcome: unknown, expected: unknown): unknown {
  const wanted = expected as { text?: string } | null;
  if (typeof outcome !== 'object' || outcome === null || wanted?.text !== undefined) return outcome;
  const { text: _, ...rest } = outcome as { text?: string };
  return rest;
}

function take(lines: [string, string][], path: string): string[] {
  const taken = lines.filter(([of]) => of === path).map(([, line]) => line);
  lines.splice(0, lines.length, ...lines.filter(([of]) => of !== path));
  return taken;
}
