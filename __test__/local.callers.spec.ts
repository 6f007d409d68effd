import { AsyncLocalStorage } from 'node:async_hooks';
import test from 'ava';
import { actor, text } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { guest, systemFor, until } from './helpers/system.js';

const storage = new AsyncLocalStorage<string>();

test("handlers see their caller's asynchronous context, before and after they wait", async t => {
  const system = await systemFor(t);
  const seen: string[] = [];
  const looking = actor({
    codec: text(),
    async handle(message) {
      const before = storage.getStore();
      await new Promise(resolve => setImmediate(resolve));
      seen.push(`${message}: ${before} ${storage.getStore()}`);
      return message;
    },
  });
  const ref = await storage.run('spawn', () => system.spawn(looking));
  storage.run('tell', () => ref.tell('1'));
  await storage.run('send', () => ref.send('2'));
  await storage.run('ask', () => ref.ask('3'));
  await ref.ask('4');
  t.deepEqual(seen, ['1: tell tell', '2: send send', '3: ask ask', '4: undefined undefined']);
});

test('a request of one actor to another carries it on', async t => {
  const system = await systemFor(t);
  const inner = await system.spawn(actor({ codec: text(), handle: () => storage.getStore() ?? 'none' }));
  const outer = await system.spawn(actor({ codec: text(), handle: (message, context) => context.ask(inner, message) }));
  t.is(await storage.run('outermost', () => outer.ask('x')), 'outermost');
});

test('start, stop and messages of other actors see the context of the spawn', async t => {
  const system = await systemFor(t);
  const seen: (string | undefined)[] = [];
  const note = (): void => {
    seen.push(storage.getStore());
  };
  const looking = actor({ start: note, handle: note, stop: note });
  const ref = await storage.run('spawn', () => system.spawn(looking));
  const forward = await system.spawn(await system.load(guest('forward')), { peers: { next: ref } });
  storage.run('tell', () => forward.tell(bytes('x')));
  await until(() => seen.length === 2);
  await storage.run('stop', () => ref.stop());
  t.deepEqual(seen, ['spawn', 'spawn', 'spawn']);
});
