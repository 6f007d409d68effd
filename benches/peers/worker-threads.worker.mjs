/** The worker of `worker-threads.mjs`: counts per actor, answers what has a number. */
import { parentPort, workerData } from 'node:worker_threads';

const counts = new Uint32Array(workerData.actors);

parentPort.on('message', ({ actor, bytes, id }) => {
  if (actor === -1) {
    parentPort.postMessage({ id, value: counts.reduce((sum, count) => sum + count, 0) });
    return;
  }
  counts[actor] += 1;
  if (id !== 0) parentPort.postMessage({ id, value: bytes });
});
