import test from 'ava';
import { runScript } from './helpers/child.js';

const posix = process.platform === 'win32' ? test.skip : test;

posix('a handled signal shuts the system down, and then ends the process as usual', async t => {
  const ended = await runScript(`
    const system = await create({ handleSignals: true, keepAlive: 'always' });
    const ref = await system.spawn(await system.load(guest('echo')));
    ref.stopped.then(({ tag }) => console.log(tag));
    process.kill(process.pid, 'SIGTERM');`);
  t.deepEqual([ended.code, ended.signal, ended.stdout], [null, 'SIGTERM', 'shutdown\n']);
});

posix('a program that handles the signal itself ends itself', async t => {
  const ended = await runScript(`
    process.on('SIGINT', () => console.log('mine'));
    const system = await create({ handleSignals: ['SIGINT'], keepAlive: 'always' });
    process.kill(process.pid, 'SIGINT');
    system.on('system:shutdown', () => console.log('down'));`);
  t.deepEqual([ended.code, ended.signal, ended.stdout], [0, null, 'mine\ndown\n']);
});

posix('a second signal does not wait', async t => {
  const ended = await runScript(`
    const system = await create({ handleSignals: true });
    const ref = await system.spawn(await system.load(guest('never-replies')));
    const busy = await system.spawn(await system.load(guest('spin')), { limits: { handlerTime: '60s' } });
    busy.tell(Uint8Array.of(255));
    system.on('system:shutdown', () => process.kill(process.pid, 'SIGTERM'));
    process.kill(process.pid, 'SIGTERM');`);
  t.deepEqual([ended.code, ended.signal], [null, 'SIGTERM']);
});

test('no signal is touched unless asked for, nor after the shutdown', async t => {
  const ended = await runScript(`
    const count = () => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    const quiet = await create();
    const system = await create({ handleSignals: true });
    const during = count();
    await Promise.all([system.shutdown(), quiet.shutdown()]);
    console.log(during, count());`);
  t.deepEqual([ended.code, ended.stdout], [0, '2 0\n']);
});

test('a wrong list of signals is refused', async t => {
  const ended = await runScript(`
    for (const handleSignals of ['SIGTERM', ['SIGKILL'], 1]) {
      await create({ handleSignals }).catch(error => console.log(error.code, error.path));
    }`);
  t.is(ended.stdout, 'ERR_CONFIG handleSignals\n'.repeat(3));
});

/** A system whose root gives up: supervisors without a budget pass each failure on. */
const FAILING = `
  import { child } from ${JSON.stringify(new URL('../src/index.js', import.meta.url).href)};
  const failing = async options => {
    const system = await create(options);
    const Trap = await system.load(guest('trap-on-ff'));
    const tree = await system.supervise({ maxRestarts: 0, children: { a: child(Trap) } });
    const other = await system.spawn(Trap);
    const failed = new Promise(resolve => system.on('system:failed', resolve));
    const ended = Promise.all([tree.stopped, tree.children.a.stopped, other.stopped]);
    const again = setInterval(() => tree.children.a.tell(Uint8Array.of(255)), 5);
    ended.then(() => clearInterval(again));
    return { system, failed, ended, other };
  };`;

test('a root that gives up ends every actor, and the process goes on', async t => {
  const ended = await runScript(`${FAILING}
    const { system, failed, ended, other } = await failing();
    const gone = ['ERR_ACTOR_STOPPED', 'ERR_SHUTDOWN'];
    console.log((await failed).reason.tag, (await ended).map(({ tag }) => tag).join());
    console.log(await other.ask(Uint8Array.of(1)).catch(error => gone.includes(error.code)), other.status().state);
    console.log(await system.spawn(await system.load(guest('echo'))).catch(error => error.code));
    await system.shutdown();
    console.log('alive');`);
  t.deepEqual([ended.code, ended.stderr], [0, '']);
  t.is(ended.stdout, 'intensity intensity,intensity,shutdown\ntrue terminated\nERR_SHUTDOWN\nalive\n');
});

test("with onRootFailure: 'exit' the process ends with it", async t => {
  const ended = await runScript(`${FAILING}
    await failing({ onRootFailure: 'exit', keepAlive: 'always' });`);
  t.deepEqual([ended.code, ended.stdout], [1, '']);
});
