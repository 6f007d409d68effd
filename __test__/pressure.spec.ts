/** Actors that are told how full their mailbox is (`OVF-6`). */
import test from 'ava';
import { actor, child, pool, type Queued, text } from '../src/index.js';
import { balanced, guest, rejection, systemFor, until } from './helpers/system.js';

for (const name of ['ts-shed', 'as-shed']) {
  test(`${name} sheds load while its mailbox is deep, and answers again when it is not`, async t => {
    const system = await systemFor(t);
    const component = await system.load(guest(name));
    const options = { codec: text(), pressure: true, limits: { mailbox: 20 } };
    const ref = await system.spawn(component, options);
    t.regex(await ref.ask('alone'), /^0 of 20, \d+ of 8388608$/);
    // How many of a burst are in the mailbox when a turn begins is the worker's: sooner or later, more than ten.
    let shed = 0;
    for (let round = 0; shed === 0 && round < 200; round += 1) {
      const asks = await Promise.allSettled(Array.from({ length: 20 }, () => ref.ask('many')));
      for (const ask of asks) {
        if (ask.status === 'fulfilled') {
          const [, waiting] = /^(\d+) of 20, \d+ of 8388608(?:, high)?$/.exec(ask.value) ?? [];
          t.true(Number(waiting) <= 10, ask.value);
        } else {
          t.is(ask.reason.code, 'ERR_GUEST_FAILURE');
          shed += 1;
        }
      }
      t.true(
        asks.slice(-11).every(({ status }) => status === 'fulfilled'),
        'nine at most are too many',
      );
    }
    t.true(shed > 0);
    t.regex(await ref.ask('alone'), /^0 of 20, \d+ of 8388608$/);
    t.is(await (await system.spawn(component, { codec: text() })).ask('?'), 'not told');
    await balanced(t, system);
  });
}

/** Notes what it is told of its mailbox with each message. */
function noting(seen: (Queued | undefined)[]) {
  return actor({
    codec: text(),
    async handle(message, context) {
      if (message === 'wait') await new Promise(resolve => setImmediate(resolve));
      seen.push(context.queued);
    },
  });
}

test('an actor in JavaScript sees what waits behind the message in hand', async t => {
  const system = await systemFor(t);
  const seen: (Queued | undefined)[] = [];
  const limits = { mailbox: 5, mailboxBytes: 0 };
  const ref = await system.spawn(noting(seen), { pressure: true, limits });
  for (const message of ['a', '123456789', 'wait', 'd']) ref.tell(message);
  await until(() => seen.length === 4);
  t.deepEqual(
    seen.map(queued => [queued?.messages, queued?.bytes, queued?.high]),
    [
      [3, 40 + 32 + 32, true],
      [2, 32 + 32, true],
      [1, 32, true],
      // What was behind a handler that waited came in another turn.
      [0, 0, false],
    ],
  );
  t.deepEqual([seen[0]?.capacity, seen[0]?.capacityBytes], [5, Infinity]);
  t.true(Object.isFrozen(seen[0]));
  await balanced(t, system);
});

test('children and members of pools are told too, and nobody who did not ask', async t => {
  const system = await systemFor(t);
  const seen: (Queued | undefined)[] = [];
  const definition = noting(seen);
  const told = { pressure: true };
  const shop = await system.supervise({
    name: 'shop',
    children: { one: child(definition, told), two: child(definition) },
  });
  shop.children.one.tell('a');
  await until(() => seen.length === 1);
  shop.children.two.tell('a');
  await until(() => seen.length === 2);
  const workers = await system.pool(definition, { size: 2, ...told });
  workers.tell('a');
  await until(() => seen.length === 3);
  const nested = await system.supervise({ name: 'nested', children: { many: pool(definition, told) } });
  nested.children.many.tell('a');
  await until(() => seen.length === 4);
  t.deepEqual(
    seen.map(queued => queued?.capacity),
    [1000, undefined, 1000, 1000],
  );
  await balanced(t, system);
});

test('the option is a yes or a no, wherever it stands', async t => {
  const system = await systemFor(t);
  const definition = noting([]);
  const wrong = { pressure: 'yes' as never };
  const cases: [() => Promise<unknown>, string][] = [
    [() => system.spawn(definition, wrong), 'pressure'],
    [() => system.supervise({ children: { one: child(definition, wrong) } }), 'children.one.pressure'],
    [() => system.supervise({ children: { many: pool(definition, wrong) } }), 'children.many.pressure'],
    [() => system.pool(definition, wrong), 'pressure'],
  ];
  for (const [start, path] of cases) {
    const { code, message } = (await rejection(start())) as Error & { code: string };
    t.is(code, 'ERR_CONFIG');
    t.is(message, `${path}: expected true | false, received 'yes'`);
  }
});
