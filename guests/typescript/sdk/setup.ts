/**
 * Replaces globals before any other module runs: the entry imports this module first. Async
 * functions are lowered by the build and look the global `Promise` up at each call, so whatever the
 * bundle holds uses ours.
 */
import { log } from './log.js';
import { enqueue, GuestPromise } from './promise.js';
import { random } from './random.js';
import { GuestTextDecoder, GuestTextEncoder } from './text.js';
import { timers } from './timers.js';

function install(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

async function fromAsync<T, U>(
  items: AsyncIterable<T> | Iterable<T | PromiseLike<T>> | ArrayLike<T | PromiseLike<T>>,
  map?: (item: T, at: number) => U | PromiseLike<U>,
): Promise<(T | U)[]> {
  const result: (T | U)[] = [];
  const source = Symbol.asyncIterator in items || Symbol.iterator in items ? items : Array.from(items);
  for await (const item of source) result.push(map === undefined ? item : await map(item, result.length));
  return result;
}

install(globalThis, 'Promise', GuestPromise);
install(globalThis, 'queueMicrotask', (job: () => void) => {
  if (typeof job !== 'function') throw new TypeError(`queueMicrotask needs a function, received ${typeof job}`);
  enqueue(() => job());
});
install(globalThis, 'setTimeout', (run: unknown, delayMs?: unknown, ...args: unknown[]) =>
  timers('setTimeout').run('setTimeout', run, delayMs, false, args),
);
install(globalThis, 'setInterval', (run: unknown, delayMs?: unknown, ...args: unknown[]) =>
  timers('setInterval').run('setInterval', run, delayMs, true, args),
);
const clear = (number: unknown): void => {
  if (typeof number === 'number') timers('clearTimeout').cancel(number);
};
install(globalThis, 'clearTimeout', clear);
install(globalThis, 'clearInterval', clear);
install(Array, 'fromAsync', fromAsync);
install(Math, 'random', random);
install(globalThis, 'TextEncoder', GuestTextEncoder);
install(globalThis, 'TextDecoder', GuestTextDecoder);
install(globalThis, 'console', {
  debug: (...values: unknown[]) => log(0, values),
  trace: (...values: unknown[]) => log(0, values),
  log: (...values: unknown[]) => log(1, values),
  info: (...values: unknown[]) => log(1, values),
  warn: (...values: unknown[]) => log(2, values),
  error: (...values: unknown[]) => log(3, values),
});
