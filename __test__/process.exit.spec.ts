import test from 'ava';
import { ENTRY, runScript } from './helpers/child.js';

const SPAWN = `
const system = await create(OPTIONS);
const ref = await system.spawn(await system.load(guest('NAME')));
`;

const spawning = (name: string, options = '{}') => SPAWN.replace('NAME', name).replace('OPTIONS', options);

test('a script that shut its system down exits by itself', async t => {
  const ended = await runScript(`${spawning('echo')}
    console.log(String(await ref.ask(Uint8Array.of(65))));
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '65\n', '']);
});

test('a script that forgot to exits by itself too, after its messages were handled', async t => {
  const ended = await runScript(`${spawning('slow')}
    for (let count = 0; count < 50; count += 1) ref.tell(Uint8Array.of(100, 0, 0, 0));
    process.on('exit', () => {
      const { handled, queued, inHand } = system.audit();
      console.log(handled, queued, inHand);
    });`);
  t.deepEqual([ended.code, ended.stdout], [0, '50 0 0\n']);
});

test('what a message sets off keeps the process alive as well', async t => {
  const ended = await runScript(`${spawning('slow')}
    const chain = await system.load(guest('forward'));
    const first = await system.spawn(chain, { peers: { next: await system.spawn(chain, { peers: { next: ref } }) } });
    for (let count = 0; count < 20; count += 1) first.tell(Uint8Array.of(100, 0, 0, 0));
    process.on('exit', () => console.log(system.audit().handled));`);
  t.deepEqual([ended.code, ended.stdout], [0, '60\n']);
});

test('an open ask keeps the process alive until it is answered', async t => {
  const ended = await runScript(`${spawning('slow')}
    ref.ask(Uint8Array.of(200, 100, 0, 0), { timeout: Infinity }).then(() => console.log('answered'));`);
  t.deepEqual([ended.code, ended.stdout], [0, 'answered\n']);
});

test("with keepAlive 'never' an open ask does not", async t => {
  const ended = await runScript(`const timer = setInterval(() => {}, 1000);
    ${spawning('never-replies', "{ keepAlive: 'never' }")}
    clearInterval(timer);
    ref.ask(Uint8Array.of(1), { timeout: Infinity }).then(() => console.log('answered'));`);
  t.deepEqual([ended.code, ended.stdout], [0, '']);
});

test("with keepAlive 'always' an idle system does, until it is shut down", async t => {
  const ended = await runScript(`${spawning('echo', "{ keepAlive: 'always' }")}
    setTimeout(() => system.shutdown().then(() => console.log('shut down')), 200).unref();`);
  t.deepEqual([ended.code, ended.stdout], [0, 'shut down\n']);
});

const TREES = `const { actor, child } = await import(${JSON.stringify(ENTRY)});`;
const TREE = `${TREES}
const system = await create();
const echo = await system.load(guest('echo'));
const shop = await system.supervise({
  name: 'shop',
  strategy: 'rest-for-one',
  children: {
    one: child(echo),
    two: child(actor({ handle: message => message })),
    below: { strategy: 'one-for-all', children: { three: child(echo), four: child(echo) } },
  },
});
const answer = await shop.children.below.children.four.ask(Uint8Array.of(4));
console.log(answer[0], (await shop.children.two.ask(Uint8Array.of(2)))[0]);
`;

test('a script that spawned a tree and returns exits by itself', async t => {
  const ended = await runScript(TREE);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, '4 2\n', '']);
});

test('a script that shut its tree down exits by itself', async t => {
  const ended = await runScript(`${TREE} await system.shutdown(); console.log(String(system));`);
  t.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, '']);
  t.regex(ended.stdout, /^4 2\n.*shut down/);
});

test('a script whose tree gave up at the root goes on, and exits by itself', async t => {
  const ended = await runScript(`${TREES}
    const system = await create();
    const bad = await system.load(guest('trap-on-ff'));
    const top = await system.supervise({ name: 'top', maxRestarts: 0, children: { bad: child(bad) } });
    const failed = new Promise(resolve => system.on('system:failed', resolve));
    const hurt = setInterval(() => top.children.bad.tell(Uint8Array.of(255)), 5);
    await failed;
    clearInterval(hurt);
    console.log('the process goes on');`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, 'the process goes on\n', '']);
});

test('process.exit in the middle of everything is clean', async t => {
  const ended = await runScript(`${spawning('echo', '{ inline: false }')}
    for (let count = 0; count < 100000; count += 1) ref.ask(Uint8Array.of(1)).catch(() => {});
    setImmediate(() => process.exit(7));`);
  t.deepEqual([ended.code, ended.signal, ended.stderr], [7, null, '']);
});

test('an actor that spins does not keep the process from exiting', async t => {
  const ended = await runScript(`${spawning('spin', '{ limits: { handlerTime: Infinity }, inline: false }')}
    system.on('message:received', () => process.exit(3));
    ref.tell(Uint8Array.of(255));`);
  t.deepEqual([ended.code, ended.signal], [3, null]);
});

test('two systems shut down one after the other', async t => {
  const ended = await runScript(`
    for (let round = 0; round < 20; round += 1) {
      const system = await create({ threads: 2 });
      const ref = await system.spawn(await system.load(guest('echo')));
      await ref.ask(Uint8Array.of(round));
      await system.shutdown();
    }
    console.log('done');`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'done\n', '']);
});

test('an addon that is no addon is one clear error', async t => {
  const ended = await runScript(
    `await create().catch(error => console.log(error.code, error.name, /cannot be loaded/.test(error.message)));`,
    { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/troupe.node' },
  );
  t.deepEqual([ended.code, ended.stdout], [0, 'ERR_NATIVE_UNSUPPORTED NativeLoadError true\n']);
});

test('an unsupported platform is one clear error', async t => {
  const ended = await runScript(`
    Object.defineProperty(process, 'platform', { value: 'sunos' });
    await create().catch(error => console.log(error.code, /platform sunos/.test(error.message)));`);
  t.deepEqual([ended.code, ended.stdout], [0, 'ERR_NATIVE_UNSUPPORTED true\n']);
});

test('a deep stack of JavaScript under an inline ask is no matter', async t => {
  const ended = await runScript(`${spawning('echo')}
    const deep = n => (n === 0 ? ref.ask(Uint8Array.of(9)) : deep(n - 1));
    for (let round = 0; round < 50; round += 1) await deep(5000);
    console.log((await deep(7000))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.stdout], [0, '9\n']);
});
