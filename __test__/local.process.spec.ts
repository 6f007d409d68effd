import test from 'ava';
import { PRELUDE, runScript } from './helpers/child.js';

const ENTRY = new URL('../src/index.js', import.meta.url).href;
const ACTOR = `import { actor } from ${JSON.stringify(ENTRY)};\n`;

test('handlers that wait keep the process alive until they are done, an idle actor does not', async t => {
  const ended = await runScript(`${ACTOR}
    const system = await create();
    const ref = await system.spawn(actor({ handle: () => new Promise(resolve => setTimeout(resolve, 20).unref()) }));
    for (let count = 0; count < 5; count += 1) ref.tell(Uint8Array.of(1));
    process.on('exit', () => console.log(system.audit().handled));`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '5\n', '']);
});

test('what a component sends keeps the process alive as well', async t => {
  const ended = await runScript(`${ACTOR}
    const system = await create();
    let handled = 0;
    const next = await system.spawn(actor({ handle: async () => { await new Promise(r => setTimeout(r, 5).unref()); handled += 1; } }));
    const forward = await system.spawn(await system.load(guest('forward')), { peers: { next } });
    for (let count = 0; count < 10; count += 1) forward.tell(Uint8Array.of(1));
    process.on('exit', () => console.log(handled));`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '10\n', '']);
});

test('a script that shut its system down exits by itself, whatever its handlers wait for', async t => {
  const ended = await runScript(`${ACTOR}
    const system = await create();
    const ref = await system.spawn(actor({ handle: () => new Promise(() => {}) }));
    ref.tell(Uint8Array.of(1));
    await system.shutdown({ deadline: 50 });
    console.log('over');`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'over\n', '']);
});

test('in worker threads, terminated under load', async t => {
  const ended = await runScript(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const body = ${JSON.stringify(`${ACTOR}${PRELUDE}
      import { parentPort } from 'node:worker_threads';
      const system = await create({ threads: 1 });
      const next = await system.spawn(actor({ handle: async m => m }));
      const forward = await system.spawn(await system.load(guest('forward')), { peers: { next } });
      await next.ask(Uint8Array.of(1));
      parentPort.postMessage('ready');
      for (;;) {
        for (let count = 0; count < 100; count += 1) forward.tell(Uint8Array.of(1));
        await next.ask(Uint8Array.of(1));
      }`)};
    for (let round = 0; round < 4; round += 1) {
      const workers = [0, 1].map(() => new Worker(new URL('data:text/javascript,' + encodeURIComponent(body))));
      await Promise.all(workers.map(worker => once(worker, 'message')));
      await Promise.all(workers.map(worker => worker.terminate()));
    }
    console.log('over');`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, 'over\n', '']);
});
