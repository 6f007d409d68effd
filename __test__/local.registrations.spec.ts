import test from 'ava';
import { ActorSystem, actor, child, pool, type SupervisorOptions, text } from '../src/index.js';
import { systemSettings } from '../src/options.js';
import { openNative } from '../src/system.js';
import { rejection, until } from './helpers/system.js';

/** A system that says how many definitions it keeps for its trees. */
class CountingSystem extends ActorSystem {
  static open(logger: object | false = false): CountingSystem {
    const settings = systemSettings({ cache: false, logger });
    return new CountingSystem(settings, openNative(settings));
  }

  get kept(): number {
    return this.registrations;
  }
}

const echo = () => actor({ codec: text(), handle: message => message });
const failing = actor({
  start() {
    throw new Error('no');
  },
  handle() {},
});

test('children that are started and deleted, or not even come up, leave nothing behind', async t => {
  const system = CountingSystem.open();
  t.teardown(() => system.shutdown());
  const supervisor = await system.supervise({ name: 'top', children: { first: child(echo()) } });
  t.is(system.kept, 1);
  for (let count = 0; count < 50; count += 1) {
    const ref = await supervisor.startChild('more', child(echo()));
    t.is(await ref.ask('a'), 'a');
    t.is(system.kept, 2);
    await supervisor.stopChild('more');
    t.is(system.kept, 2, 'it can be started again');
    await supervisor.deleteChild('more');
    t.is(system.kept, 1);
  }
  for (let count = 0; count < 20; count += 1) {
    await rejection(supervisor.startChild('wrong', child(failing)));
    const temporary = await supervisor.startChild('brief', child(echo(), { restart: 'temporary' }));
    await temporary.stop();
    await until(() => system.kept === 1);
  }
  await supervisor.startChild('pool', pool(echo(), { size: 2 }));
  await supervisor.startChild('nested', { children: { a: child(echo()), b: child(echo()) } });
  t.is(system.kept, 5 - 1);
  await supervisor.stop();
  await until(() => system.kept === 0);
});

test('trees and pools that have ended or did not come up leave nothing behind', async t => {
  const system = CountingSystem.open();
  t.teardown(() => system.shutdown());
  const wrong: SupervisorOptions = { children: { a: child(echo()), b: child(failing) } };
  for (let count = 0; count < 10; count += 1) {
    await rejection(system.supervise(wrong));
    const workers = await system.pool(echo(), { size: 2 });
    await workers.stop();
  }
  await until(() => system.kept === 0);
  t.is(system.kept, 0);
});

test('definitions that are spawned are not kept at all', async t => {
  const system = CountingSystem.open();
  t.teardown(() => system.shutdown());
  for (let count = 0; count < 50; count += 1) {
    const ref = await system.spawn(echo(), { start: count % 2 === 0 ? 'now' : 'on-first-message' });
    t.is(await ref.ask('a'), 'a');
    await ref.stop();
  }
  t.is(system.kept, 0);
});

test('a budget of a spawn that is probably not meant is warned about, once', async t => {
  const lines: string[] = [];
  const warn = (_: object, line: string) => void lines.push(line);
  const system = CountingSystem.open({ debug: () => {}, info: () => {}, warn, error: () => {} });
  t.teardown(() => system.shutdown());
  const definition = echo();
  await system.spawn(definition, { restart: 'temporary', backoff: 'immediate' });
  await system.spawn(definition);
  t.deepEqual(lines, []);
  for (const name of ['a', 'b', 'c']) await system.spawn(definition, { name, backoff: 'immediate' });
  t.is(lines.length, 1);
  t.regex(lines[0]!, /^spawn a: /);
  await system.spawn(definition, { maxRestarts: Infinity, backoff: 'immediate', peers: {} });
  await system.spawn(echo(), { maxRestarts: Infinity, backoff: 'immediate', peers: {} });
  await system.spawn(definition, { maxRestarts: 100, within: '1s' });
  t.is(lines.length, 3);
});
