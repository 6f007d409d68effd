/** Runs suites in child processes and collects their rows. */
import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SUITES = new URL('../', import.meta.url);
const CHILD = new URL('child.mjs', import.meta.url);
const ENDING = '.bench.mjs';
/** No suite takes this long; one that does is stuck. */
const LIMIT_MS = 15 * 60_000;
/** benny announces itself on standard output, which belongs to the rows. */
const QUIET = ['ignore', 'ignore', 'inherit', 'ipc'];

/** Names of all suites. `calibrate` comes first: it tells how to compare two outputs. */
export function allSuites() {
  const names = readdirSync(SUITES)
    .filter(name => name.endsWith(ENDING))
    .map(name => name.slice(0, -ENDING.length))
    .sort();
  return ['calibrate', ...names.filter(name => name !== 'calibrate')];
}

/**
 * @param {string} suite
 * @param {import('./context.mjs').RunOptions} options
 * @returns {Promise<{ rows: import('./stats.mjs').Row[], build: { profile: string } }>}
 */
export function runSuite(suite, options) {
  const file = fileURLToPath(new URL(`${suite}${ENDING}`, SUITES));
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(CHILD), [], { execArgv: ['--expose-gc'], stdio: QUIET, timeout: LIMIT_MS });
    let answer;
    child.once('message', message => {
      answer = message;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (answer?.rows !== undefined && code === 0) resolve(answer);
      else reject(new Error(`suite ${suite} failed: ${answer?.failure ?? `ended with ${signal ?? `code ${code}`}`}`));
    });
    child.send({ file, options });
  });
}
