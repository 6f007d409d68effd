/**
 * Requests and what can become of them: a reply, a refusal, a crash, no time left, a change of mind. Run it with
 * `node examples/request-response.mjs` once the package is built (`npm start` does that); it exits by itself.
 *
 * `fragile.wasm` echoes what it is asked and traps on a message that begins with `0xff`.
 */
import { ActorSystem, actor, json, text } from 'wasm-troupe';

const step = title => console.log(`\n# ${title}`);
const bytes = words => new TextEncoder().encode(words);
/** Waits for a request that cannot be answered, and prints why. */
const failed = async (what, request) => {
  const error = await request.catch(reason => reason);
  console.log(`${what}: ${error.name === 'AbortError' ? error.name : error.code}`);
  return error;
};

const system = await ActorSystem.create({ name: 'request-response', logger: false });
try {
  const Fragile = await system.load(new URL(import.meta.resolve('wasm-troupe/examples/fragile.wasm')));

  step('A component answers');
  const echo = await system.spawn(Fragile, { name: 'echo', codec: text() });
  console.log(await echo.ask('hello'));

  step('Its handler crashes: this request fails, the next one is answered by the next life');
  const raw = system.find('echo');
  await failed('a message that traps', raw.ask(Uint8Array.of(0xff)));
  console.log(`${await echo.ask('here again')}, after ${echo.status().restarts} restart`);

  step('An actor on this side asks the component while it handles a request, and may say no');
  const desk = await system.spawn(
    actor({
      codec: json(),
      handle: async ({ order, pieces }, { ask, fail, peers }) => {
        if (pieces > 10) return fail(`${pieces} pieces of ${order} are too many`);
        const label = await ask(peers.echo, `${pieces} × ${order}`);
        return { label };
      },
    }),
    { name: 'desk', peers: { echo } },
  );
  console.log(await desk.ask({ order: 'bolts', pieces: 3 }));
  const refused = await failed('an order that is too large', desk.ask({ order: 'bolts', pieces: 30 }));
  console.log(`why: ${new TextDecoder().decode(refused.payload)}`);

  step('Nobody waits for ever');
  const slow = await system.spawn(
    actor({ handle: (_, { signal }) => new Promise(resolve => signal.addEventListener('abort', resolve)) }),
    { name: 'slow' },
  );
  await failed('no reply in time', slow.ask(bytes('now?'), { timeout: '20ms' }));
  const controller = new AbortController();
  const waiting = slow.ask(bytes('and now?'), { signal: controller.signal });
  controller.abort();
  await failed('the caller gave up', waiting);
  slow.kill();
  await failed('the actor is gone', slow.ask(bytes('anybody?')));

  step('Two actors that would wait for each other are told so');
  const asks = other =>
    actor({
      codec: text(),
      handle: (message, { ask }) => ask(system.find(other, { codec: text() }), message).catch(error => error.message),
    });
  const left = await system.spawn(asks('right'), { name: 'left' });
  await system.spawn(asks('left'), { name: 'right' });
  console.log(await left.ask('who waits for whom?'));

  step('A thousand at once');
  const replies = await Promise.all(Array.from({ length: 1000 }, (_, number) => echo.ask(`request ${number}`)));
  console.log(`${replies.length} replies, the last one: ${replies.at(-1)}`);
} finally {
  await system.shutdown();
}
console.log('\nThe system is shut down.');
