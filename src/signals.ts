/** Ending a system when the process is told to end. Only on request: a library does not own signals (`SHUT-4`). */
import { type Check, mismatch } from './check.js';

/** Signals that end a process unless somebody handles them. */
export type HandledSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGBREAK';

const SIGNALS: readonly HandledSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGBREAK'];
const USUAL: readonly HandledSignal[] = ['SIGTERM', 'SIGINT'];

/** Reads the option `handleSignals`. */
export const signalsOption: Check<readonly HandledSignal[]> = (value, path) => {
  const listed = Array.isArray(value) && value.every(each => SIGNALS.includes(each));
  if (!listed && typeof value !== 'boolean') {
    throw mismatch(path, `true | false | a list of ${SIGNALS.map(name => `'${name}'`).join(' | ')}`, value);
  }
  const signals: readonly HandledSignal[] = Array.isArray(value) ? [...new Set(value)] : value === true ? USUAL : [];
  if (signals.length > 0 && !isMainThread()) throw mismatch(path, 'false: signals reach the main thread only', value);
  return signals;
};

/** Fetched only when somebody wants signals: this module of Node's takes longer to load than half of this package. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

/**
 * Shuts down at the first signal, and then lets it do what it does without a handler, unless the
 * program handles it too. A second signal does that at once. The result takes the handlers off.
 */
export function onSignals(signals: readonly HandledSignal[], shutdown: () => Promise<void>): () => void {
  let ended = false;
  let received: HandledSignal | undefined;
  const off = (): void => {
    for (const signal of signals) process.off(signal, handle);
  };
  const raise = (signal: HandledSignal): void => {
    off();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const handle = (signal: NodeJS.Signals): void => {
    const own = signal as HandledSignal;
    if (received !== undefined) {
      raise(own);
      return;
    }
    received = own;
    const over = (): void => raise(own);
    shutdown().then(over, over);
  };
  for (const signal of signals) process.on(signal, handle);
  return () => {
    if (ended) return;
    ended = true;
    // The shutdown that a signal began raises it again when it is over.
    if (received === undefined) off();
  };
}
