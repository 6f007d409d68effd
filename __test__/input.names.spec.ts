import test from 'ava';
import { ActorStoppedError } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { answers, balanced, guest, systemFor } from './helpers/system.js';

test('a name that is taken is refused, and its holder is left alone', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const holder = await system.spawn(echo, { name: 'parser' });
  const error = await t.throwsAsync(system.spawn(echo, { name: 'parser' }), { code: 'ERR_NAME_TAKEN' });
  t.regex(error?.message ?? '', /parser/);
  t.is(system.find('parser')?.id, holder.id);
  t.is(system.actors().length, 1);
  t.true(await answers(holder));
  await balanced(t, system);
});

test('of many who want a name at once, one gets it', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-ok'));
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, () => system.spawn(component, { name: 'only', inline: false })),
  );
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  t.is(system.actors().length, 1);
});

test('a name is free again after its holder has ended', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const first = await system.spawn(echo, { name: 'again' });
  await first.stop();
  t.is(system.find('again'), undefined);
  const second = await system.spawn(echo, { name: 'again' });
  t.not(second.id, first.id);
  await t.throwsAsync(first.ask(bytes('x')), { instanceOf: ActorStoppedError });
  t.true(await answers(second));
});

test('an illegal name is refused with the reason', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  for (const name of ['', 'a b', 'a*', 'a..b', '$sys', '_INBOX.x', 'a/b', 'x'.repeat(256)]) {
    await t.throwsAsync(system.spawn(echo, { name }), { code: 'ERR_NAME_INVALID', message: /^name: / }, name);
  }
  t.deepEqual(system.actors(), []);
});

test('names in any script work', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const ref = await system.spawn(echo, { name: 'Müller.名前' });
  t.is(system.find('Müller.名前')?.id, ref.id);
  t.is(ref.path, '/user/Müller.名前');
  t.is(ref.status().path, ref.path);
});

test('a start that fails leaves no name behind', async t => {
  const system = await systemFor(t);
  const failing = await system.load(guest('start-fails'));
  await t.throwsAsync(system.spawn(failing, { name: 'mine', restart: 'temporary' }), { code: 'ERR_START_FAILED' });
  t.is(system.find('mine'), undefined);
  const echo = await system.load(guest('echo'));
  t.true(await answers(await system.spawn(echo, { name: 'mine' })));
});
