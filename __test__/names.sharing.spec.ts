import test from 'ava';
import { type ActorRef, actor, child, text } from '../src/index.js';
import type { NativeFound } from '../src/native.js';
import type { Port } from '../src/port.js';
import { tableFull } from '../src/slots.js';
import { SpawnOrGet } from '../src/spawn-or-get.js';
import { createTestSystem } from '../src/testing/index.js';
import { guest, systemFor, until } from './helpers/system.js';

const echo = actor({ codec: text(), handle: (message: string) => message });

test('of many who want a name one spawns the actor, and all get it', async t => {
  const system = await systemFor(t);
  let starts = 0;
  const shared = actor({
    codec: text(),
    start: async () => {
      starts += 1;
      await null;
    },
    handle: (message: string) => message,
  });
  const all = await Promise.all(Array.from({ length: 50 }, () => system.spawnOrGet(shared, { name: 'one' })));
  t.is(new Set(all.map(({ id }) => id)).size, 1);
  t.is(starts, 1);
  const later = await system.spawnOrGet(shared, { name: 'one' });
  t.is(later.id, all[0]!.id);
  t.is(await later.ask('typed'), 'typed');
  t.is(starts, 1);
});

test('whoever comes while a plain spawn is under way waits for it', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-ok'));
  const plain = system.spawn(component, { name: 'early' });
  const ref = await system.spawnOrGet(component, { name: 'early' });
  t.is(ref.id, (await plain).id);
});

test('a supervised child is found by its name', async t => {
  const system = await systemFor(t);
  await system.supervise({ children: { kept: child(echo, { name: 'kept' }) } });
  const ref = await system.spawnOrGet(echo, { name: 'kept' });
  t.is(ref.id, system.find('kept')!.id);
  t.is(system.actors().length, 1);
});

test('a start that fails rejects for all, and leaves nothing', async t => {
  const system = await systemFor(t);
  let fails = true;
  const shaky = actor({
    codec: text(),
    start: () => {
      if (fails) throw new Error('not yet');
    },
    handle: (message: string) => message,
  });
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => system.spawnOrGet(shaky, { name: 'shaky' })));
  for (const result of all) {
    t.is(result.status === 'rejected' ? (result.reason as { code: string }).code : '', 'ERR_START_FAILED');
  }
  t.is(system.find('shaky'), undefined);
  t.is(system.actors().length, 0);
  fails = false;
  t.is(await (await system.spawnOrGet(shaky, { name: 'shaky' })).ask('up'), 'up');
});

test('a holder that goes down is waited for, and replaced', async t => {
  const system = await systemFor(t);
  let finish: (() => void) | undefined;
  const slow = actor({
    codec: text(),
    handle: (message: string) => message,
    stop: () =>
      new Promise<void>(resolve => {
        finish = resolve;
      }),
  });
  const first = await system.spawnOrGet(slow, { name: 'held' });
  const gone = first.stop();
  await until(() => finish !== undefined);
  const waiting = Promise.all([1, 2, 3].map(() => system.spawnOrGet(echo, { name: 'held' })));
  finish?.();
  await gone;
  const next = await waiting;
  t.not(next[0]?.id, first.id);
  t.is(new Set(next.map(({ id }) => id)).size, 1);
  t.is(await next[0]?.ask('new'), 'new');
});

test('a name is needed, and a legal one', async t => {
  const system = await systemFor(t);
  await t.throwsAsync(system.spawnOrGet(echo, {} as never), {
    code: 'ERR_CONFIG',
    message: /^name: expected a string/,
  });
  await t.throwsAsync(system.spawnOrGet(echo, undefined as never), { code: 'ERR_CONFIG', message: /^options: / });
  await t.throwsAsync(system.spawnOrGet(echo, { name: 'a b' }), { code: 'ERR_NAME_INVALID' });
});

test('a group is watched from how it is, change by change, and its members leave with their end', async t => {
  const system = await systemFor(t);
  const [one, two] = await Promise.all(['one', 'two'].map(name => system.spawn(echo, { name })));
  t.true(one!.join('all'));
  t.false(one!.join('all'));
  const seen: string[] = [];
  const paths = (refs: readonly ActorRef[]) => refs.map(({ name, path }) => name ?? path).join();
  const off = system.watchGroup('all', ({ members, joined, left }) => {
    seen.push(`${paths(members)}|${joined?.path ?? ''}|${left?.path ?? ''}`);
  });
  t.deepEqual(seen, ['/user/one||']);
  two!.join('all');
  t.deepEqual(
    system.members('all').map(({ id }) => id),
    [one!.id, two!.id],
  );
  await until(() => seen.length === 2);
  let whenDown = '';
  one!.monitor(() => {
    whenDown = `${seen.length} seen, ${system.members('all').length} in it`;
  });
  await one!.stop();
  await until(() => whenDown !== '');
  t.is(whenDown, '3 seen, 1 in it');
  t.true(two!.leave('all'));
  t.false(two!.leave('all'));
  await until(() => seen.length === 4);
  off();
  two!.join('all');
  t.deepEqual(seen.slice(1), ['/user/one,/user/two|/user/two|', '/user/two||/user/one', '||/user/two']);
  t.throws(() => one!.join('all'), { code: 'ERR_ACTOR_STOPPED' });
  t.throws(() => two!.join('a b'), { code: 'ERR_NAME_INVALID', message: /^group: / });
  t.throws(() => system.watchGroup('all', 5 as never), { code: 'ERR_CONFIG', message: /^callback: / });
});

test('an actor in JavaScript joins and leaves by itself', async t => {
  const system = await systemFor(t);
  const member = await system.spawn(
    actor({
      codec: text(),
      handle: (word: string, { join, leave }) => String(word === 'in' ? join('self') : leave('self')),
    }),
  );
  t.is(await member.ask('in'), 'true');
  t.is(system.members('self').length, 1);
  t.is(await member.ask('out'), 'true');
  t.is(system.members('self').length, 0);
});

test('a mailbox tells when it fills up and when it is empty enough, if anybody listens', async t => {
  const system = await createTestSystem({ test: t });
  const ref = await system.spawn(echo, { name: 'busy', limits: { mailbox: 10 } });
  const seen: string[] = [];
  const fill = () =>
    system.together(() => {
      for (let count = 0; count < 10; count += 1) ref.tell('x');
    });
  await fill();
  const off = system.on('actor:high-water', ({ path, queued, capacity }) => seen.push(`${path} ${queued}/${capacity}`));
  system.on('actor:low-water', ({ queued }) => seen.push(`low ${queued <= 5}`));
  await fill();
  t.deepEqual(seen, ['/user/busy 8/10', 'low true']);
  off();
});

test('who cannot be waited for is not taken to have come up', async t => {
  const found: NativeFound = [1, 2, 3, 4, 5, '/user/shared'];
  const native = { find: () => found, joinStart: () => t.fail('the call was refused before') };
  const port = { native, flush() {}, call: () => Promise.reject(tableFull()) };
  const sharing = new SpawnOrGet(port as unknown as Port);
  const never = () => Promise.reject(new Error('nobody is spawned, and nobody is found'));
  const error = await t.throwsAsync(sharing.get('shared', never, never as never), { code: 'ERR_MAILBOX_FULL' });
  t.regex(String(error?.message), /requests wait for an answer/);
});
