/** Requests that would wait for themselves: refused at once, with the path (`REE-2`, `REE-3`). */
import test, { type ExecutionContext } from 'ava';
import { type ActorRef, type ActorSystem, actor, GuestFailureError, TroupeError, text } from '../src/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, guest, rejection, systemFor } from './helpers/system.js';

/** Actors by the names that messages call them by. */
type Known = Map<string, ActorRef<string, string>>;

/** The same as the guest `ts-ask-on`, in JavaScript. */
function askOn(known: Known) {
  return actor({
    codec: text(),
    async handle(message: string, context): Promise<string | ReturnType<typeof context.fail>> {
      const [first = '', ...rest] = message.split(' ');
      if (first === '') return 'end';
      try {
        return await context.ask(known.get(first)!, rest.join(' '), { timeout: '1h' });
      } catch (error) {
        if (error instanceof GuestFailureError) return context.fail(textOf(error.payload));
        return context.fail(`${(error as TroupeError).code}: ${(error as Error).message}`);
      }
    },
  });
}

async function failureOf(asked: Promise<unknown>): Promise<string> {
  const error = await rejection(asked);
  return error instanceof GuestFailureError ? textOf(error.payload) : error.message;
}

async function cyclesOf(t: ExecutionContext, system: ActorSystem, before: number): Promise<void> {
  const { refused } = await balanced(t, system);
  t.is(refused.byReason['cycle'], before);
}

test('actors in JavaScript: a cycle of one, of two and of three', async t => {
  for (const threads of [1, 2]) {
    const system = await systemFor(t, { threads });
    const known: Known = new Map();
    for (const name of ['a', 'b', 'c', 'd']) known.set(name, await system.spawn(askOn(known), { name }));
    const a = known.get('a')!;
    for (const [message, target, path] of [
      ['a', 'a', '/user/a → /user/a'],
      ['b a', 'a', '/user/a → /user/b → /user/a'],
      ['b c a', 'a', '/user/a → /user/b → /user/c → /user/a'],
      ['b c d c', 'c', '/user/c → /user/d → /user/c'],
    ] as const) {
      const said = `ERR_ASK_CYCLE: ask to /user/${target}: the request would wait for itself: ${path}`;
      t.is(await failureOf(a.ask(message)), said);
    }
    await cyclesOf(t, system, 4);
    t.is(await a.ask('b c d'), 'end');
  }
});

test('TypeScript guests: a cycle of one, of two and of three', async t => {
  const system = await systemFor(t, { threads: 2 });
  const component = await system.load(guest('ts-ask-on'));
  const c = await system.spawn(component, { name: 'c' });
  const b = await system.spawn(component, { name: 'b', peers: { c } });
  const a = await system.spawn(component, { name: 'a', peers: { b, c } });
  for (const peer of ['b', 'c']) await a.send(bytes(`greet ${peer} a`));
  for (const [message, path] of [
    ['self', '/user/a → /user/a'],
    ['b a', '/user/a → /user/b → /user/a'],
    ['b c a', '/user/a → /user/b → /user/c → /user/a'],
  ] as const) {
    t.is(await failureOf(a.ask(bytes(message))), `cycle: the request would wait for itself: ${path}`);
  }
  await cyclesOf(t, system, 3);
  t.is(textOf(await a.ask(bytes('b c'))), 'end');
});

test('a cycle through guests of both kinds and an actor in JavaScript', async t => {
  const system = await systemFor(t, { threads: 2 });
  const known: Known = new Map();
  const script = await system.spawn(askOn(known), { name: 'script' });
  const scripted = await system.spawn(await system.load(guest('as-scripted')), {
    name: 'scripted',
    config: bytes(''),
    peers: { script },
  });
  const first = await system.spawn(await system.load(guest('ts-ask-on')), {
    name: 'first',
    peers: { scripted },
    codec: text(),
  });
  known.set('first', first);
  const path = '/user/first → /user/scripted → /user/script → /user/first';
  const said = `ERR_ASK_CYCLE: ask to /user/first: the request would wait for itself: ${path}`;
  t.true((await failureOf(first.ask('scripted ask script first'))).endsWith(said));
  t.is(await first.ask('scripted ask script '), 'end');
  await cyclesOf(t, system, 1);
});

test('a chain of 32 actors is taken, and one more is refused', async t => {
  const system = await systemFor(t, { threads: 2 });
  const known: Known = new Map();
  for (let at = 0; at < 34; at += 1) known.set(`n${at}`, await system.spawn(askOn(known), { name: `n${at}` }));
  const chain = (length: number): string => Array.from({ length }, (_, at) => `n${at + 1}`).join(' ');
  const first = known.get('n0')!;
  t.is(await first.ask(chain(32)), 'end');
  const said = await failureOf(first.ask(chain(33)));
  t.regex(
    said,
    /ERR_ASK_CYCLE: ask to \/user\/n33: more than 32 actors would wait for each other: \/user\/n0 → .*→ … →/,
  );
});

test('a request that a handler does not make on its own behalf is no cycle', async t => {
  const system = await systemFor(t);
  const known: Known = new Map();
  const b = await system.spawn(askOn(known), { name: 'b' });
  let answer: Promise<string> | undefined;
  // Through its reference, not the context, and without a wait: the actor is free when it is asked back.
  const a = await system.spawn(
    actor({
      codec: text(),
      handle(message: string): string {
        if (message === 'go') answer = b.ask('a from afar');
        return message;
      },
    }),
    { name: 'a' },
  );
  known.set('a', a);
  t.is(await a.ask('go'), 'go');
  t.is(await answer, 'from afar');
});

test('the error says what would wait for what, and its code', async t => {
  const system = await systemFor(t);
  let caught: unknown;
  const own = await system.spawn(
    actor({
      codec: text(),
      async handle(message: string, context) {
        caught = await rejection(context.ask(context.self as ActorRef<string, unknown>, message));
        return 'done';
      },
    }),
    { name: 'own' },
  );
  t.is(await own.ask('x'), 'done');
  t.true(caught instanceof TroupeError);
  const { code, actor: path, message } = caught as TroupeError;
  t.deepEqual([code, path], ['ERR_ASK_CYCLE', '/user/own']);
  t.is(message, 'ask to /user/own: the request would wait for itself: /user/own → /user/own');
});
