/** Seeds: chosen once, and told when a test fails, so that it can be run again in the same way. */
import { mismatch } from '../check.js';

/** The environment variable that sets the seed of every test system. */
const VARIABLE = 'WASM_TROUPE_SEED';
/** Seeds that are remembered for the end of the process. */
const MAX_REMEMBERED = 20;

/** What a test runner gives to a test, as far as it is used: ava, `node:test` and vitest have enough of it. */
export interface TestContext {
  /** What the test is called. */
  readonly title?: string | undefined;
  /** The same, as other runners call it. */
  readonly name?: string | undefined;
  /** Whether it has passed so far. */
  readonly passed?: boolean | undefined;
  /** Registers what runs after the test (ava). */
  teardown?(after: () => unknown): void;
  /** Registers what runs after the test (`node:test`). */
  after?(after: () => unknown): void;
  /** Registers what runs after the test (vitest). */
  onTestFinished?(after: () => unknown): void;
  /** Registers what runs after a test that failed (vitest). */
  onTestFailed?(after: () => unknown): void;
}

/** The seed of a new system: what was asked for, or the environment's, or a random one. */
export function chooseSeed(wanted: number | undefined): number {
  if (wanted !== undefined) return wanted;
  const text = process.env[VARIABLE];
  if (text === undefined || text === '') return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw mismatch(VARIABLE, `a whole number (0 … ${Number.MAX_SAFE_INTEGER})`, text);
}

/** Tells the seed if the test fails, and calls `after` when it is over. */
export function watchTest(test: TestContext | undefined, seed: number, after: () => unknown): void {
  if (test === undefined) {
    remember(seed);
    return;
  }
  const tell = (): void => print(`${test.title ?? test.name ?? 'a test'} failed`, [seed]);
  test.onTestFailed?.(tell);
  const over = (): unknown => {
    if (test.onTestFailed === undefined && test.passed === false) tell();
    return after();
  };
  if (test.teardown) test.teardown(over);
  else if (test.after) test.after(over);
  else if (test.onTestFinished) test.onTestFinished(over);
  else remember(seed);
}

const remembered: number[] = [];

/** For tests that gave no context: when the process fails, its newest seeds are told. */
function remember(seed: number): void {
  if (remembered.length === 0) {
    process.once('exit', code => {
      if (code !== 0) print('this run failed', remembered);
    });
  }
  remembered.push(seed);
  if (remembered.length > MAX_REMEMBERED) remembered.shift();
}

function print(what: string, seeds: readonly number[]): void {
  const which = seeds.length === 1 ? `the seed was ${seeds[0]}` : `the seeds were ${seeds.join(', ')}, newest last`;
  process.stderr.write(
    `wasm-troupe: ${what}; ${which}. createTestSystem({ seed }) or ${VARIABLE} gives the same random numbers again.\n`,
  );
}
