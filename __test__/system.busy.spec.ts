/** What an event loop that is blocked for too long is told afterwards (`BP-4`, `GRP-1`). */
import test, { type ExecutionContext } from 'ava';
import { type ActorRef, type ActorSystem, actor, text } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { balanced, systemFor, until } from './helpers/system.js';

const echo = actor({ codec: text(), handle: message => message });

/** Blocks this turn of the event loop until something is so natively. */
function block(t: ExecutionContext, condition: () => boolean): void {
  const end = performance.now() + 20_000;
  while (!condition()) if (performance.now() > end) t.fail('it never was');
}

/** Loses messages in one turn of the event loop until events of them are dropped; how many messages. */
function flood(t: ExecutionContext, system: ActorSystem, gone: ActorRef): number {
  let sent = 0;
  block(t, () => {
    for (let number = 0; number < 1_000; number += 1) gone.tell(bytes('x'));
    sent += 1_000;
    return system.audit().eventsDropped > 0;
  });
  return sent;
}

async function ended(system: ActorSystem): Promise<ActorRef> {
  const gone = await system.spawn(actor({ handle: () => {} }));
  await gone.stop();
  return gone;
}

test('events that a blocked event loop cannot be told are counted, and said where they are missing', async t => {
  const warned: string[] = [];
  const note = (_: unknown, line?: string): void => void warned.push(line ?? '');
  const quiet = (): void => {};
  const system = await systemFor(t, { logger: { debug: quiet, info: quiet, warn: note, error: note } });
  const gone = await ended(system);
  let heard = 0;
  let dropped = 0;
  system.on('deadletter', () => {
    heard += 1;
  });
  system.on('events:dropped', event => {
    t.deepEqual(Object.keys(event), ['count']);
    dropped += event.count;
  });
  const sent = flood(t, system, gone);
  await until(() => heard + dropped === sent);
  t.true(dropped > 0);
  t.is(system.audit().eventsDropped, dropped);
  t.true(warned.some(line => / events were dropped: the event loop was too busy$/.test(line)));
  gone.tell(bytes('heard again'));
  await until(() => heard + dropped === sent + 1);
  t.is(system.audit().eventsDropped, dropped);
  await balanced(t, system);
});

test('the end of an actor with hooks is told even if its event was dropped', async t => {
  const system = await systemFor(t);
  const gone = await ended(system);
  const told: string[] = [];
  const hooks = {
    postStop: ({ path, reason }: { path: string; reason: { tag: string } }) => void told.push(`${path} ${reason.tag}`),
  };
  const [killed, lives] = [
    await system.spawn(echo, { name: 'killed', hooks }),
    await system.spawn(echo, { name: 'lives', hooks }),
  ];
  const off = system.on('deadletter', () => {});
  flood(t, system, gone);
  const before = system.audit().eventsDropped;
  killed.kill();
  block(t, () => killed.status().state === 'terminated' && system.audit().eventsDropped > before);
  await until(() => told.length > 0);
  off();
  t.is(await lives.ask('x'), 'x');
  t.deepEqual(told, ['/user/killed killed']);
  await lives.stop();
  t.deepEqual(told.slice(1), ['/user/lives normal']);
});

test('a watcher of a group that missed changes is told what they come to', async t => {
  const system = await systemFor(t);
  const [stays, leaves, joins, storm] = await Promise.all(
    ['stays', 'leaves', 'joins', 'storm'].map(name => system.spawn(echo, { name })),
  );
  for (const ref of [stays!, leaves!]) ref.join('all');
  const seen: string[] = [];
  const names = (refs: readonly { path: string }[]): string => refs.map(({ path }) => path.slice(6)).join();
  const off = system.watchGroup('all', ({ members, joined, left }) => {
    seen.push(`${names(members)}|${names(joined ? [joined] : [])}|${names(left ? [left] : [])}`);
  });
  t.deepEqual(seen.splice(0), ['stays,leaves||']);
  const rounds = 40_000;
  for (let round = 0; round < rounds; round += 1) {
    storm!.join('all');
    storm!.leave('all');
  }
  leaves!.leave('all');
  joins!.join('all');
  await until(() => seen.at(-1) === 'stays,joins|joins|');
  t.true(seen.length < 2 * rounds, `${seen.length} changes were told one by one`);
  t.is(seen.filter(line => line.endsWith('|leaves')).length, 1);
  seen.length = 0;
  storm!.join('all');
  await until(() => seen.length === 1);
  t.deepEqual(seen, ['stays,joins,storm|storm|']);
  off();
  leaves!.join('all');
  storm!.leave('all');
  t.is(await storm!.ask('x'), 'x');
  t.is(seen.length, 1, 'an end of the watch is one, whatever it missed before');
});
