/**
 * Counts test results while a test program runs: reads what `cargo test` and TAP producers (ava,
 * node:test) print, shows failures at once and everything else as a number.
 */

/** @typedef {{ passed: number, failed: number }} Tally */

export const add = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

/** The last line of every test command. @param {Tally} tally */
export const summary = ({ passed, failed }) => `${passed} passed, ${failed} failed`;

/** Reads TAP. Subtests are indented and counted by the summary that node:test prints at its end. */
export class TapReader {
  #step;
  #seen = 0;
  #failed = 0;
  #inFailure = false;
  #totals = new Map();

  /** @param {import('./report.mjs').Step} step */
  constructor(step) {
    this.#step = step;
  }

  /** @param {string} line @param {boolean} isError */
  line(line, isError) {
    if (isError) return this.#step.print(line);
    const total = /^# (pass|fail|cancelled) (\d+)/.exec(line);
    if (total) return void this.#totals.set(total[1], Number(total[2]));
    const result = /^(\s*)(not ok|ok) \d+ - (.*)$/.exec(line);
    if (result) return this.#result(result[2] === 'ok', result[3], /# (SKIP|TO-?DO)/i.test(line));
    if (this.#inFailure) this.#step.print(line);
    if (line.trim() === '...') this.#inFailure = false;
  }

  #result(ok, name, skipped) {
    this.#inFailure = !ok && !skipped;
    if (skipped) return;
    if (ok) this.#seen += 1;
    else this.#failed += 1;
    if (this.#inFailure) this.#step.print(`not ok - ${name}`);
    this.#step.note(`${this.#seen} passed${this.#failed ? `, ${this.#failed} failed` : ''}`);
  }

  /** @param {number} code exit code of the program @returns {Tally} */
  tally(code) {
    const get = key => this.#totals.get(key);
    const passed = get('pass') ?? this.#seen;
    const failed = (get('fail') ?? this.#failed) + (get('cancelled') ?? 0);
    // A program that fails without a failed test has crashed, and that counts.
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
  }
}

/** Reads `cargo test`. */
export class CargoReader {
  #step;
  #passed = 0;
  #failed = 0;
  #finished = { passed: 0, failed: 0 };
  #progress;

  /** @param {import('./report.mjs').Step} step @param {(line: string) => void} progress told what cargo compiles */
  constructor(step, progress) {
    this.#step = step;
    this.#progress = progress;
  }

  /** @param {string} line @param {boolean} isError */
  line(line, isError) {
    const end = /^test result: \S+ (\d+) passed; (\d+) failed/.exec(line);
    if (end) return this.#binaryEnded(Number(end[1]), Number(end[2]));
    const test = /^test (.+) \.\.\. (ok|FAILED|ignored)/.exec(line);
    if (test) return this.#test(test[1], test[2]);
    if (
      isError &&
      /^\s*(Compiling|Checking|Downloaded|Downloading|Updating|Blocking|Finished|Running|Doc-tests|Locking)/.test(line)
    ) {
      return this.#progress(line);
    }
    if (line.trim() !== '' && !/^running \d+ tests?$/.test(line)) this.#step.print(`  ${line}`);
  }

  #test(name, outcome) {
    if (outcome === 'ok') this.#passed += 1;
    else if (outcome === 'FAILED') {
      this.#failed += 1;
      this.#step.print(`not ok - ${name}`);
    }
    this.#step.note(`${this.#finished.passed + this.#passed} passed`);
  }

  #binaryEnded(passed, failed) {
    this.#finished = add(this.#finished, { passed, failed });
    this.#passed = 0;
    this.#failed = 0;
  }

  /** @param {number} code @returns {Tally} */
  tally(code) {
    const whole = add(this.#finished, { passed: this.#passed, failed: this.#failed });
    return { ...whole, failed: code !== 0 && whole.failed === 0 ? 1 : whole.failed };
  }
}
