/** Throws in as many ways as there are: the message's text says which. Anything else is echoed. */
import { actor, decode, Failure } from 'wasm-troupe/guest';

class OrderError extends Error {
  override name = 'OrderError';
}

const ways: Record<string, () => unknown> = {
  sync: () => {
    throw new OrderError('out of order', { cause: new RangeError('too far') });
  },
  async: async () => {
    await undefined;
    throw new OrderError('later out of order');
  },
  floating: () => {
    void Promise.reject(new OrderError('nobody looks'));
  },
  microtask: () =>
    queueMicrotask(() => {
      throw new OrderError('in a microtask');
    }),
  string: () => {
    throw 'just a string';
  },
  failure: () => {
    throw new Failure('not today');
  },
  stuck: () => new Promise(() => {}),
  native: () => new Function('return (async () => 1)()')(),
  deep: () => deep(),
};

export default actor({
  handle(message) {
    const way = ways[decode(message)];
    return way === undefined ? message : (way() as Promise<undefined>);
  },
});

function deep(): number {
  return deep() + 1;
}
