/** Runs other programs: line by line, with the output kept for the case that they fail. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ROOT } from './paths.mjs';

const KEPT_LINES = 400;

/** A program that could not do its job; the message is for the person at the keyboard. */
export class ToolError extends Error {}

/**
 * @typedef {object} RunResult
 * @property {number} code     exit code; 127 when the program does not exist, 1 when a signal ended it
 * @property {string[]} tail   its last lines, stdout and stderr mixed
 */

/**
 * Runs a program to its end; never rejects.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, onLine?: (line: string, isError: boolean) => void }} [options]
 * @returns {Promise<RunResult>}
 */
export function run(program, args, { cwd = ROOT, env = process.env, onLine } = {}) {
  return new Promise(resolve => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    const tail = [];
    const take = isError => line => {
      tail.push(line);
      if (tail.length > KEPT_LINES) tail.shift();
      onLine?.(line, isError);
    };
    createInterface({ input: child.stdout }).on('line', take(false));
    createInterface({ input: child.stderr }).on('line', take(true));
    child.on('error', error => {
      tail.push(error.message);
      resolve({ code: 127, tail });
    });
    child.on('close', code => resolve({ code: code ?? 1, tail }));
  });
}

/** Runs a JavaScript file with this Node. */
export const runNode = (script, args = [], options = {}) => run(process.execPath, [script, ...args], options);

/** Runs npm itself, the one that started us if there is one. */
export function runNpm(args, options = {}) {
  const own = process.env.npm_execpath;
  if (own?.endsWith('.js')) return runNode(own, args, options);
  return process.platform === 'win32'
    ? run('cmd', ['/d', '/s', '/c', 'npm', ...args], options)
    : run('npm', args, options);
}

/** @param {RunResult} result @param {string} what fails */
export function mustSucceed(result, what) {
  if (result.code === 0) return;
  throw new ToolError(`${what} failed (exit code ${result.code}):\n${result.tail.slice(-60).join('\n')}`);
}
