/** A million requests that time out leave nothing behind. */
import test from 'ava';
import { runScript } from './helpers/child.js';

const TESTING = new URL('../src/testing/index.js', import.meta.url).href;

/** So many are open at a time, in so many rounds. */
const OPEN = 65_536;
const ROUNDS = 16;
/** Rounds before the measurement begins. */
const WARM_UP = 6;
/** Bytes that may be in use beyond those before. */
const GROWTH = 5 * 1024 * 1024;

test('a million requests that time out leave an empty table, and no more memory in use than before', async t => {
  const { code, stdout, stderr } = await runScript(
    `
      import { createTestSystem } from ${JSON.stringify(TESTING)};
      // Where each request was made is of no interest, and would take most of the time.
      Error.stackTraceLimit = 0;
      const system = await createTestSystem({ cache: false });
      const never = await system.spawn(await system.load(guest('never-replies')), { limits: { mailbox: 0, mailboxBytes: 0 } });
      const x = new Uint8Array(8);
      let late = 0;
      const count = error => { late += error.code === 'ERR_ASK_TIMEOUT' ? 1 : 0; };
      const round = async () => {
        for (let at = 0; at < ${OPEN}; at += 1) never.ask(x, { timeout: 1000 }).catch(count);
        await system.clock.advance(1001);
      };
      const resident = async () => {
        for (let at = 0; at < 3; at += 1) {
          gc();
          await new Promise(resolve => setTimeout(resolve, 20));
        }
        // Of V8's heap what is alive: the pages that it keeps for later are its own affair.
        const { rss, heapTotal, heapUsed } = process.memoryUsage();
        return rss - heapTotal + heapUsed;
      };
      // What is compiled, and what is touched for the first time, comes with the first rounds and stays: it is no request's.
      for (let at = 0; at < ${WARM_UP}; at += 1) await round();
      const before = await resident();
      late = 0;
      for (let at = 0; at < ${ROUNDS}; at += 1) await round();
      const timedOut = late;
      // Pages that the allocator has not given back yet are no leak: one more round uses them again, a leak grows.
      let after = await resident();
      for (let at = 0; at < 4 && after - before >= ${GROWTH}; at += 1) {
        await round();
        after = await resident();
      }
      const { handled, accepted, queued, inHand, balanced } = system.audit();
      console.log(JSON.stringify({ late: timedOut, grown: after - before, queued, inHand, balanced, lost: accepted - handled, due: await system.clock.next() ?? null }));
      await system.shutdown();
    `,
    {},
    ['--expose-gc'],
  );
  t.is(code, 0, stderr);
  const { grown, ...rest } = JSON.parse(stdout) as { grown: number };
  t.deepEqual(rest, { late: OPEN * ROUNDS, queued: 0, inHand: 0, balanced: true, lost: 0, due: null } as never);
  t.true(grown < GROWTH, `${grown} bytes more are in use`);
});
