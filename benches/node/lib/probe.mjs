/**
 * Runs a small script in a fresh process and takes the one JSON value it sends back: for what can
 * be measured only once per process.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LIMIT_MS = 5 * 60_000;
const QUIET = ['ignore', 'ignore', 'inherit', 'ipc'];

/**
 * @param {string} name  a file of `benches/node/probes/`, without its extension
 * @param {object} task  handed to the script
 * @returns {Promise<any>}
 */
export function probe(name, task) {
  const file = fileURLToPath(new URL(`../probes/${name}.mjs`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(file, [], { execArgv: ['--expose-gc'], stdio: QUIET, timeout: LIMIT_MS });
    let answer;
    child.once('message', message => {
      answer = message;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (answer !== undefined && answer.failure === undefined) resolve(answer.value);
      else reject(new Error(`probe ${name} failed: ${answer?.failure ?? `ended with ${signal ?? `code ${code}`}`}`));
    });
    child.send(task);
  });
}

/**
 * The other side: runs `body` with the task and sends what it returns.
 *
 * @param {(task: any) => Promise<unknown>} body
 */
export function answerProbe(body) {
  process.once('message', async task => {
    let message;
    try {
      message = { value: await body(task) };
    } catch (error) {
      message = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send(message, undefined, undefined, () => process.exit(message.failure === undefined ? 0 : 1));
  });
}
