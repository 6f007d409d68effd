import test from 'ava';
import { createTestSystem, type TestContext } from '../src/testing/index.js';
import { runScript } from './helpers/child.js';
import { guest } from './helpers/system.js';

const TESTING = `const { createTestSystem } = await import(${JSON.stringify(new URL('../src/testing/index.js', import.meta.url).href)});
`;

test('the seed is the one that was asked for, or the one of the environment', async t => {
  const system = await createTestSystem({ test: t, seed: 5 });
  t.is(system.seed, 5);
  const ended = await runScript(
    `${TESTING}
    console.log((await createTestSystem()).seed, (await createTestSystem({ seed: 7 })).seed);`,
    { WASM_TROUPE_SEED: '1234' },
  );
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '1234 7\n', '']);
});

test('a seed that is none is refused', async t => {
  await t.throwsAsync(createTestSystem({ seed: -1 }), { code: 'ERR_CONFIG', message: /^seed: / });
  const ended = await runScript(`${TESTING} await createTestSystem().catch(error => console.log(error.message));`, {
    WASM_TROUPE_SEED: 'often',
  });
  t.regex(ended.stdout, /^WASM_TROUPE_SEED: expected a whole number .*, received 'often'\n$/);
});

test('the same seed gives the same waits, another one others', async t => {
  const waits = async (seed: number) => {
    const system = await createTestSystem({ test: t, seed });
    const ref = await system.spawn(await system.load(guest('trap-on-ff')), { maxRestarts: 20, within: '1h' });
    const delays: number[] = [];
    system.on('actor:restarting', ({ delayMs }) => delays.push(delayMs));
    for (let count = 0; count < 8; count += 1) {
      ref.tell(Uint8Array.of(0xff));
      await system.clock.advance('1m');
    }
    // A minute of health forgets earlier failures; crashes in a row are what backs off.
    for (let count = 0; count < 8; count += 1) {
      ref.tell(Uint8Array.of(0xff));
      await system.runUntilIdle();
      await system.clock.next();
    }
    return delays;
  };
  const [first, again, other] = [await waits(1), await waits(1), await waits(2)];
  t.true(first.some(delay => delay > 0));
  t.deepEqual(again, first);
  t.notDeepEqual(other, first);
});

/** Runs a module with a test system for a test that ends like this. */
const afterTest = (context: string, end: string) =>
  runScript(`${TESTING}
    let over = () => {};
    const test = { ${context} };
    const system = await createTestSystem({ test, seed: 42 });
    ${end}
    await over();
    console.log(String(system));`);

for (const [runner, context] of Object.entries({
  ava: "title: 'it works', passed: PASSED, teardown: fn => { over = fn; }",
  'node:test': "name: 'it works', passed: PASSED, after: fn => { over = fn; }",
})) {
  test(`the seed of a failed test is printed with ${runner}, and its system ends`, async t => {
    const failed = await afterTest(context.replace('PASSED', 'false'), '');
    t.regex(failed.stderr, /^wasm-troupe: it works failed; the seed was 42\. createTestSystem\(\{ seed \}\) or/);
    t.is(failed.stdout, 'ActorSystem(test shut down)\n');
    const passed = await afterTest(context.replace('PASSED', 'true'), '');
    t.deepEqual([passed.stderr, passed.stdout], ['', 'ActorSystem(test shut down)\n']);
  });
}

test('the seed of a failed test is printed with vitest', async t => {
  const context = 'onTestFailed: fn => { failed = fn; }, onTestFinished: fn => { over = fn; }';
  const ended = await runScript(`${TESTING}
    let failed, over;
    await createTestSystem({ test: { ${context} }, seed: 42 });
    failed();
    await over();`);
  t.regex(ended.stderr, /the seed was 42/);
  t.is(ended.code, 0);
});

test('without a context the seeds are printed when the process fails', async t => {
  const script = (end: string) => `${TESTING}
    for (const seed of [1, 2]) await (await createTestSystem({ seed })).shutdown();
    ${end}`;
  const failed = await runScript(script('process.exitCode = 1;'));
  t.regex(failed.stderr, /this run failed; the seeds were 1, 2, newest last/);
  const passed = await runScript(script(''));
  t.deepEqual([passed.code, passed.stderr], [0, '']);
});

test('a context that lacks everything is no mistake', async t => {
  const context: TestContext = {};
  const system = await createTestSystem({ test: context });
  await system.shutdown();
  t.is(String(system), 'ActorSystem(test shut down)');
});
