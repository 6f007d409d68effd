/**
 * Promises whose jobs the SDK runs itself. A synchronous export of a QuickJS component never runs
 * native promise jobs, so this class takes the place of the global `Promise` before any other module
 * runs, and the runtime drains its queue at the end of each frame.
 *
 * The behaviour is ECMAScript's: the order of jobs, thenables, subclasses, the static functions. A
 * rejection that nobody handles by the time the queue is empty is kept for {@link takeUnhandled}.
 */

type Job = () => void;
type Resolve<T> = (value: T | PromiseLike<T>) => void;
type Reject = (reason?: unknown) => void;
type Executor<T> = (resolve: Resolve<T>, reject: Reject) => void;

const NativePromise = globalThis.Promise;

let queue: Job[] = [];
const unhandled = new Set<GuestPromise<unknown>>();

/** Adds a job behind those already waiting. */
export function enqueue(job: Job): void {
  queue.push(job);
}

/** Runs jobs until none is left. What a job throws is thrown on: the actor ends with it. */
export function drain(): void {
  while (queue.length > 0) {
    const batch = queue;
    queue = [];
    for (const job of batch) job();
  }
}

/** Takes the first rejection that nobody handled, as a box, because a reason may be `undefined`. */
export function takeUnhandled(): { reason: unknown } | undefined {
  for (const promise of unhandled) {
    unhandled.clear();
    return { reason: promise.result };
  }
  return undefined;
}

interface Capability<T> {
  promise: GuestPromise<T>;
  resolve: Resolve<T>;
  reject: Reject;
}

interface Reaction {
  capability: Capability<unknown> | undefined;
  fulfilled: unknown;
  rejected: unknown;
}

type Constructor = new (executor: Executor<unknown>) => GuestPromise<unknown>;

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

export class GuestPromise<T> implements Promise<T> {
  /** @internal */ state = PENDING;
  /** @internal The value or the reason once settled. */
  result: unknown;
  #reactions: Reaction[] | undefined = [];
  #handled = false;

  constructor(executor: Executor<T>) {
    if (typeof executor !== 'function')
      throw new TypeError(`a promise needs an executor function, received ${typeof executor}`);
    const { resolve, reject } = settlers(this as GuestPromise<unknown>);
    try {
      executor(resolve as Resolve<T>, reject);
    } catch (error) {
      reject(error);
    }
  }

  static get [Symbol.species](): typeof GuestPromise {
    return this;
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  // biome-ignore lint/suspicious/noThenProperty: this class is the promise.
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): GuestPromise<A | B> {
    const capability = newCapability<unknown>(speciesOf(this as GuestPromise<unknown>));
    this.react({ capability, fulfilled, rejected });
    return capability.promise as GuestPromise<A | B>;
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): GuestPromise<T | B> {
    return this.then(undefined, rejected);
  }

  finally(done?: (() => void) | null): GuestPromise<T> {
    if (typeof done !== 'function') return this.then(done, done) as GuestPromise<T>;
    const C = speciesOf(this as GuestPromise<unknown>);
    return this.then(
      value => resolveWith(C, done()).then(() => value),
      reason =>
        resolveWith(C, done()).then(() => {
          throw reason;
        }),
    ) as GuestPromise<T>;
  }

  /** @internal */
  react(reaction: Reaction): void {
    this.#handled = true;
    unhandled.delete(this as GuestPromise<unknown>);
    if (this.#reactions === undefined) enqueue(() => runReaction(reaction, this.state, this.result));
    else this.#reactions.push(reaction);
  }

  /** @internal */
  settle(state: number, result: unknown): void {
    const reactions = this.#reactions ?? [];
    this.state = state;
    this.result = result;
    this.#reactions = undefined;
    if (state === REJECTED && !this.#handled) unhandled.add(this as GuestPromise<unknown>);
    for (const reaction of reactions) enqueue(() => runReaction(reaction, state, result));
  }

  static resolve<V>(this: unknown, value?: V): GuestPromise<Awaited<V>> {
    return resolveWith(this as Constructor, value) as GuestPromise<Awaited<V>>;
  }

  static reject<V = never>(this: unknown, reason?: unknown): GuestPromise<V> {
    const { promise, reject } = newCapability<V>(this as Constructor);
    reject(reason);
    return promise;
  }

  static withResolvers<V>(this: unknown): Capability<V> {
    return newCapability<V>(this as Constructor);
  }

  static try<V, A extends unknown[]>(
    this: unknown,
    work: (...args: A) => V | PromiseLike<V>,
    ...args: A
  ): GuestPromise<Awaited<V>> {
    const { promise, resolve, reject } = newCapability<V>(this as Constructor);
    try {
      resolve(work(...args));
    } catch (error) {
      reject(error);
    }
    return promise as GuestPromise<Awaited<V>>;
  }

  static all(this: unknown, values: Iterable<unknown>): GuestPromise<unknown[]> {
    return collect(this as Constructor, values, (at, slot) => ({ fulfilled: slot(at), rejected: undefined }));
  }

  static allSettled(this: unknown, values: Iterable<unknown>): GuestPromise<unknown[]> {
    return collect(this as Constructor, values, (at, slot) => ({
      fulfilled: (value: unknown) => slot(at)({ status: 'fulfilled', value }),
      rejected: (reason: unknown) => slot(at)({ status: 'rejected', reason }),
    }));
  }

  static any(this: unknown, values: Iterable<unknown>): GuestPromise<unknown> {
    const whole = newCapability<unknown>(this as Constructor);
    const none = (errors: unknown[]): void => whole.reject(new AggregateError(errors, 'all promises were rejected'));
    return gather(this as Constructor, values, whole, none, (at, slot) => ({
      fulfilled: whole.resolve,
      rejected: slot(at),
    }));
  }

  static race(this: unknown, values: Iterable<unknown>): GuestPromise<unknown> {
    const { promise, resolve, reject } = newCapability<unknown>(this as Constructor);
    try {
      for (const value of values) resolveThrough(this as Constructor, value).then(resolve, reject);
    } catch (error) {
      reject(error);
    }
    return promise;
  }
}

/** The pair of functions that settle a promise, of which the first call counts. */
function settlers(promise: GuestPromise<unknown>): { resolve: Resolve<unknown>; reject: Reject } {
  let done = false;
  return {
    resolve: value => {
      if (done) return;
      done = true;
      follow(promise, value);
    },
    reject: reason => {
      if (done) return;
      done = true;
      promise.settle(REJECTED, reason);
    },
  };
}

function follow(promise: GuestPromise<unknown>, value: unknown): void {
  if (value === promise) {
    promise.settle(REJECTED, new TypeError('a promise cannot be resolved with itself'));
    return;
  }
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
    promise.settle(FULFILLED, value);
    return;
  }
  if (value instanceof NativePromise) {
    promise.settle(REJECTED, new TypeError(NATIVE));
    return;
  }
  let then: unknown;
  try {
    then = (value as { then?: unknown }).then;
  } catch (error) {
    promise.settle(REJECTED, error);
    return;
  }
  if (typeof then !== 'function') {
    promise.settle(FULFILLED, value);
    return;
  }
  enqueue(() => {
    const { resolve, reject } = settlers(promise);
    try {
      Reflect.apply(then as (...args: unknown[]) => unknown, value, [resolve, reject]);
    } catch (error) {
      reject(error);
    }
  });
}

const NATIVE =
  'this promise was made by the engine (an async function out of eval, new Function or a computed import) and never settles in a guest';

function runReaction({ capability, fulfilled, rejected }: Reaction, state: number, result: unknown): void {
  const handler = state === FULFILLED ? fulfilled : rejected;
  if (typeof handler !== 'function') {
    if (state === FULFILLED) capability?.resolve(result);
    else capability?.reject(result);
    return;
  }
  try {
    const value: unknown = handler(result);
    capability?.resolve(value);
  } catch (error) {
    capability?.reject(error);
  }
}

function newCapability<T>(C: Constructor): Capability<T> {
  if (typeof C !== 'function') throw new TypeError('this function of Promise was called without its class');
  let resolve: Resolve<unknown> | undefined;
  let reject: Reject | undefined;
  const promise = new C((give, refuse) => {
    resolve = give;
    reject = refuse;
  });
  if (typeof resolve !== 'function' || typeof reject !== 'function')
    throw new TypeError('the class did not call its executor');
  return { promise: promise as GuestPromise<T>, resolve: resolve as Resolve<T>, reject };
}

function speciesOf(promise: GuestPromise<unknown>): Constructor {
  const own = promise.constructor as (Constructor & { [Symbol.species]?: Constructor }) | undefined;
  return own === undefined ? GuestPromise : (own[Symbol.species] ?? GuestPromise);
}

function resolveWith(C: Constructor, value: unknown): GuestPromise<unknown> {
  if (value instanceof GuestPromise && value.constructor === C) return value;
  const { promise, resolve } = newCapability<unknown>(C);
  resolve(value);
  return promise;
}

/** Through the class's own `resolve`, which a subclass may have replaced. */
function resolveThrough(C: Constructor, value: unknown): GuestPromise<unknown> {
  return (C as unknown as { resolve(value: unknown): GuestPromise<unknown> }).resolve(value);
}

type Slot = (at: number) => (value: unknown) => void;
type HandlersOf = (at: number, slot: Slot) => { fulfilled: unknown; rejected: unknown };

/** Resolves with all slots once each is filled; what `handlers` leaves undefined rejects the whole. */
function collect(C: Constructor, values: Iterable<unknown>, handlers: HandlersOf): GuestPromise<unknown[]> {
  const whole = newCapability<unknown[]>(C);
  return gather(C, values, whole as Capability<unknown>, whole.resolve, handlers) as GuestPromise<unknown[]>;
}

/** Calls `full` once every value has filled its slot. */
function gather(
  C: Constructor,
  values: Iterable<unknown>,
  whole: Capability<unknown>,
  full: (slots: unknown[]) => void,
  handlers: HandlersOf,
): GuestPromise<unknown> {
  const slots: unknown[] = [];
  let left = 1;
  const finish = (): void => {
    left -= 1;
    if (left === 0) full(slots);
  };
  const slot: Slot = at => {
    let filled = false;
    return value => {
      if (filled) return;
      filled = true;
      slots[at] = value;
      finish();
    };
  };
  try {
    let at = 0;
    for (const value of values) {
      slots.push(undefined);
      left += 1;
      const { fulfilled, rejected } = handlers(at++, slot);
      resolveThrough(C, value).then(fulfilled as never, (rejected ?? whole.reject) as never);
    }
    finish();
  } catch (error) {
    whole.reject(error);
  }
  return whole.promise;
}
