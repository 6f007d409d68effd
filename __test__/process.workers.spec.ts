import test from 'ava';
import { PRELUDE, runScript } from './helpers/child.js';

/** Runs a module in a worker thread and waits for its messages. */
const WORKER = `
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
const inWorker = body => new Worker(new URL('data:text/javascript,' + encodeURIComponent(
  ${JSON.stringify(PRELUDE)} + "import { parentPort } from 'node:worker_threads';\\n" + body)));
`;

const ECHO = `
  const system = await create({ threads: 1 });
  const ref = await system.spawn(await system.load(guest('echo')));
`;

test('the addon works in worker threads, several at a time, beside the main thread', async t => {
  const ended = await runScript(`${WORKER}
    const body = \`${ECHO}
      let sum = 0;
      for (let count = 0; count < 1000; count += 1) sum += (await ref.ask(Uint8Array.of(1)))[0];
      await system.shutdown();
      parentPort.postMessage(sum);\`;
    const workers = [inWorker(body), inWorker(body), inWorker(body)];
    ${ECHO}
    const sums = await Promise.all(workers.map(async worker => (await once(worker, 'message'))[0]));
    console.log(...sums, (await ref.ask(Uint8Array.of(5)))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '1000 1000 1000 5\n', '']);
});

test('only a worker loads the addon and ends, and the process goes on', async t => {
  const ended = await runScript(`${WORKER}
    const worker = inWorker(\`${ECHO}
      parentPort.postMessage((await ref.ask(Uint8Array.of(3)))[0]);\`);
    console.log((await once(worker, 'message'))[0]);
    await once(worker, 'exit');
    ${ECHO}
    console.log((await ref.ask(Uint8Array.of(4)))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '3\n4\n', '']);
});

test('workers that are terminated under load harm nobody', async t => {
  const ended = await runScript(`${WORKER}
    const body = \`${ECHO}
      parentPort.postMessage('ready');
      for (;;) await Promise.all(Array.from({ length: 100 }, () => ref.ask(Uint8Array.of(1))));\`;
    for (let round = 0; round < 5; round += 1) {
      const workers = [inWorker(body), inWorker(body)];
      await Promise.all(workers.map(worker => once(worker, 'message')));
      await Promise.all(workers.map(worker => worker.terminate()));
    }
    ${ECHO}
    console.log((await ref.ask(Uint8Array.of(6)))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, '6\n', '']);
});

test('a worker that crashes actors in a loop is terminated cleanly', async t => {
  const ended = await runScript(`${WORKER}
    const worker = inWorker(\`
      const system = await create({ threads: 1 });
      const component = await system.load(guest('trap-on-ff'));
      const ref = await system.spawn(component, { maxRestarts: Infinity, backoff: 'immediate' });
      let crashes = 0;
      system.on('actor:crashed', () => {
        crashes += 1;
        if (crashes === 20) parentPort.postMessage('crashes');
      });
      for (;;) await ref.ask(Uint8Array.of(255)).catch(() => {});\`);
    await once(worker, 'message');
    await worker.terminate();
    console.log('over');`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, 'over\n', '']);
});

test('a worker whose system idles exits by itself', async t => {
  const ended = await runScript(`${WORKER}
    const worker = inWorker(\`${ECHO}
      await ref.ask(Uint8Array.of(1));\`);
    const [code] = await once(worker, 'exit');
    console.log(code);`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '0\n', '']);
});

test('a hundred worker threads with a system each, terminated under load, harm nobody', async t => {
  const ended = await runScript(`${WORKER}
    const body = \`${ECHO}
      const go = new Promise(resolve => parentPort.once('message', resolve));
      parentPort.postMessage('ready');
      await go;
      parentPort.postMessage('going');
      for (;;) await Promise.all(Array.from({ length: 10 }, () => ref.ask(Uint8Array.of(1))));\`;
    const workers = [];
    // In groups: a hundred environments that start at the same time would only wait for each other.
    for (let group = 0; group < 10; group += 1) {
      const started = Array.from({ length: 10 }, () => inWorker(body));
      await Promise.all(started.map(worker => once(worker, 'message')));
      workers.push(...started);
    }
    const going = workers.map(worker => once(worker, 'message'));
    for (const worker of workers) worker.postMessage('go');
    await Promise.all(going);
    const codes = await Promise.all(workers.map(worker => worker.terminate()));
    ${ECHO}
    console.log(codes.length, (await ref.ask(Uint8Array.of(6)))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, '100 6\n', '']);
});
