import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import test from 'ava';
import { ActorSystem } from '../src/index.js';
import { bytes, firstWord, textOf } from './helpers/bytes.js';
import { answers, balanced, guest, systemFor } from './helpers/system.js';

test('a component is loaded from a URL, a path, or bytes, and is readable', async t => {
  const system = await systemFor(t);
  const path = guest('echo');
  const content = await readFile(path);
  const loaded = await Promise.all([system.load(pathToFileURL(path)), system.load(path), system.load(content)]);
  const [first] = loaded;
  for (const component of loaded) {
    t.is(component.hash, first?.hash);
    t.regex(component.hash, /^[0-9a-f]{64}$/);
    t.deepEqual(component.exports, ['handle']);
    t.deepEqual(component.imports, []);
    t.is(component.bytes, content.length);
    t.true(Object.isFrozen(component) && Object.isFrozen(component.exports));
    t.regex(inspect(component), /^Component\([0-9a-f]{12}, \d+ bytes, exports handle\)$/);
  }
});

test('an actor answers, takes messages, and can be found', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const ref = await system.spawn(echo, { name: 'parser' });
  t.is(textOf(await ref.ask(bytes('hello'))), 'hello');
  ref.tell(bytes('x'));
  await ref.send(bytes('y'));
  for (const key of ['parser', '/user/parser']) {
    const found = system.find(key);
    t.is(found?.id, ref.id);
    t.is(found?.path, '/user/parser');
  }
  t.is(system.find('nobody'), undefined);
  t.is(system.find(''), undefined);
  const audit = await balanced(t, system);
  t.is(audit.handled, 3);
});

test('a reference is frozen, printable, and no promise', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const ref = await system.spawn(echo, { name: 'printed' });
  t.true(Object.isFrozen(ref));
  t.is(await ref, ref);
  t.is(String(ref), 'ActorRef(/user/printed ready, 0 queued)');
  t.is(inspect(ref), String(ref));
  t.is(JSON.stringify({ ref }), '{"ref":"/user/printed"}');
  const other = await system.spawn(echo);
  t.not(other.id, ref.id);
  t.is(other.name, undefined);
  t.true(other.path.startsWith('/user/'));
});

test('every actor is listed with its status', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const refs = await Promise.all(['a', 'b', 'c'].map(name => system.spawn(echo, { name })));
  await Promise.all(refs.map(ref => ref.ask(bytes('x'))));
  const listed = system.actors();
  t.deepEqual(listed.map(({ path }) => path).sort(), ['/user/a', '/user/b', '/user/c']);
  for (const { ref, state, counters } of listed) {
    t.is(state, 'ready');
    t.is(counters.handled, 1);
    t.true(refs.some(known => known.id === ref.id));
  }
});

test('configuration reaches the guest as bytes, or as JSON', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-ok'));
  const configOf = async (config: unknown) => {
    const ref = await system.spawn(component, { config });
    return Buffer.from(await ref.ask(bytes('?')));
  };
  t.true((await configOf(bytes('raw bytes'))).includes('raw bytes'));
  t.true((await configOf({ locale: 'en' })).includes('{"locale":"en"}'));
  // Seed and address are random bytes and may hold any single character.
  t.false((await configOf(undefined)).includes('{"locale"'));
  await t.throwsAsync(system.spawn(component, { config: () => {} }), { code: 'ERR_CONFIG', message: /^config: / });
  await t.throwsAsync(system.spawn(component, { config: 1n }), { code: 'ERR_CONFIG', message: /^config: .*JSON/ });
});

test('peers are addresses that the guest may send to', async t => {
  const system = await systemFor(t);
  const [forward, counter] = await Promise.all([system.load(guest('forward')), system.load(guest('counter'))]);
  const next = await system.spawn(counter);
  const first = await system.spawn(forward, { peers: { next } });
  for (let count = 0; count < 10; count += 1) first.tell(bytes('x'));
  t.is(firstWord(await first.ask(bytes('?'))), 10);
  t.is(firstWord(await next.ask(bytes('?'))), 10);
  await balanced(t, system);
});

test('an actor may be registered now and instantiated with its first message', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { start: 'on-first-message' });
  t.true(await answers(ref));
});

test('several systems in one process do not notice each other', async t => {
  const systems = await Promise.all([systemFor(t), systemFor(t)]);
  const refs = await Promise.all(
    systems.map(async system => system.spawn(await system.load(guest('echo')), { name: 'same' })),
  );
  await systems[0]?.shutdown();
  t.true(await answers(refs[1]!));
  await t.throwsAsync(refs[0]!.ask(bytes('x')), { code: 'ERR_SHUTDOWN' });
  t.is(systems[1]?.audit().handled, 1);
});

test('what belongs to another system is refused', async t => {
  const [one, other] = await Promise.all([systemFor(t), systemFor(t)]);
  const foreign = await other.load(guest('echo'));
  const stranger = await other.spawn(foreign);
  await t.throwsAsync(one.spawn(foreign), {
    code: 'ERR_CONFIG',
    message: /^component: it was loaded by another system/,
  });
  const own = await one.load(guest('forward'));
  await t.throwsAsync(one.spawn(own, { peers: { next: stranger } }), { code: 'ERR_CONFIG', message: /^peers\.next: / });
});

test('shutdown runs once, and everything fails afterwards', async t => {
  const system = await ActorSystem.create({ cache: false, logger: false });
  const echo = await system.load(guest('echo'));
  const ref = await system.spawn(echo, { name: 'late' });
  const { stopped } = ref;
  await ref.ask(bytes('x'));
  const first = system.shutdown();
  t.is(system.shutdown({ deadline: 5 }), first);
  await first;
  t.is((await stopped).tag, 'shutdown');
  ref.tell(bytes('nobody hears'));
  await t.throwsAsync(ref.ask(bytes('x')), { code: 'ERR_SHUTDOWN' });
  await t.throwsAsync(ref.send(bytes('x')), { code: 'ERR_SHUTDOWN' });
  await t.throwsAsync(system.load(guest('echo')), { code: 'ERR_SHUTDOWN' });
  await t.throwsAsync(system.spawn(echo), { code: 'ERR_SHUTDOWN' });
  t.is(system.find('late'), undefined);
  t.deepEqual(system.actors(), []);
  t.is((await ref.stop()).tag, 'shutdown');
  t.false(ref.kill());
  t.is(ref.status().state, 'terminated');
  t.is(String(system), 'ActorSystem(troupe shut down)');
  const audit = system.audit();
  t.true(audit.balanced);
  t.is(audit.refused.byReason['shutdown'], 1);
  t.is(audit.handled, 1);
});

test('shutdown works off what was accepted', async t => {
  const system = await ActorSystem.create({ cache: false, logger: false });
  const slow = await system.spawn(await system.load(guest('slow')));
  const replies = Array.from({ length: 20 }, () => slow.ask(Uint8Array.of(200, 0, 0, 0)));
  await system.shutdown();
  t.is((await Promise.all(replies)).length, 20);
  t.true(system.audit().balanced);
  t.is(system.audit().handled, 20);
});

test('shutdown kills what does not end before the deadline', async t => {
  const system = await ActorSystem.create({ cache: false, logger: false, limits: { handlerTime: Infinity } });
  const spinning = await system.spawn(await system.load(guest('spin')), { inline: false });
  const reply = t.throwsAsync(spinning.ask(Uint8Array.of(0xff), { timeout: Infinity }));
  await system.shutdown({ deadline: '50ms' });
  await reply;
  t.true(system.audit().balanced);
});

test('await using ends a system', async t => {
  let ref: Awaited<ReturnType<ActorSystem['spawn']>>;
  {
    await using system = await ActorSystem.create({ cache: false, logger: false });
    ref = await system.spawn(await system.load(guest('echo')));
    t.true(await answers(ref));
  }
  await t.throwsAsync(ref.ask(bytes('x')), { code: 'ERR_SHUTDOWN' });
});
