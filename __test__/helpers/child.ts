/** Scripts in a process of their own. */
import { spawn } from 'node:child_process';
import { guest } from './system.js';

/** How a script ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The package's entry. */
export const ENTRY = new URL('../../src/index.js', import.meta.url).href;

/** The beginning of every script: the package, and a way to find guests. */
export const PRELUDE = `
import { ActorSystem } from ${JSON.stringify(ENTRY)};
const guest = name => ${JSON.stringify(guest('NAME'))}.replace('NAME', name);
const create = options => ActorSystem.create({ cache: false, logger: false, ...options });
`;

/** Runs a module; nothing ends it from outside, so that it must end by itself. */
export function runScript(source: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []): Promise<Ended> {
  const child = spawn(process.execPath, [...args, '--input-type=module', '--eval', PRELUDE + source], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
