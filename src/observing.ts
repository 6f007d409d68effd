/**
 * Whether what runs now follows from observing dead letters. What is sent then and lost is told to nobody who
 * observes them: a listener that cannot deliver would hear of itself for ever (`DL-3`). It is the context of a
 * call and no state; all systems share it, lest the listeners of two make each other hear.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Made with the first observer: until then nobody pays for it. */
let storage: AsyncLocalStorage<true> | undefined;

/** Runs `observe` so, and what follows from it. */
export function asObserver<Args extends unknown[]>(observe: (...args: Args) => unknown): (...args: Args) => unknown {
  storage ??= new AsyncLocalStorage();
  const own = storage;
  return (...args) => own.run(true, observe, ...args);
}

/** Whether that is so now. Asked for every message that is sent. */
export function isObserving(): boolean {
  return storage !== undefined && storage.getStore() === true;
}
