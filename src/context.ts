/** The asynchronous context (`AsyncLocalStorage`) of whoever gave a function. */
import { AsyncResource } from 'node:async_hooks';

/**
 * A function that runs in the context in which it was given, whatever calls it. The same as `AsyncResource.bind`,
 * which costs several times as much a call: it matters to whoever is called for every message.
 */
export function inContext<Args extends unknown[], Result>(run: (...args: Args) => Result): (...args: Args) => Result {
  const scope = new AsyncResource('WasmTroupeCallback', { requireManualDestroy: true });
  return (...args) => scope.runInAsyncScope(run, undefined, ...args);
}
