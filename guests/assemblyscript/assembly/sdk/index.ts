/**
 * Actors in AssemblyScript: a module extends `Actor`, hands one to `serve`, and exports
 * `cabi_realloc`, `start`, `handle`, `health` and `stop` from here.
 */
export { cabi_realloc, handle, health, serve, start, stop } from "./abi";
export { Actor } from "./actor";
export { Address } from "./address";
export { incarnation, path, peer, seed, self, state, user } from "./config";
export { Message } from "./message";
export {
  after,
  ask,
  askFor,
  awaitTag,
  cancel,
  crash,
  demonitor,
  every,
  everyFixedRate,
  link,
  log,
  monitor,
  publish,
  publishReported,
  RETAIN,
  subscribe,
  subscribeReported,
  tell,
  tellReported,
  unlink,
  unstash,
  unsubscribe,
} from "./outbox";
export { stop as stopSelf } from "./outbox";
export { capacity, capacityBytes, isHigh, queued, queuedBytes } from "./queue";
