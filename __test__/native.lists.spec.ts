import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { LOSS_REASONS } from '../src/dead-letters.js';
import { ERROR_CODES, REASON_TAGS } from '../src/error-codes.js';
import { native } from '../src/native.js';
import { runScript } from './helpers/child.js';
import { ROOT } from './helpers/system.js';

test('both sides of the bridge have the same error codes, in the same order', t => {
  // Number 0 is success, which is no error code.
  t.deepEqual(native().errorCodes(), ERROR_CODES.slice(1));
});

test('both sides of the bridge have the same reasons', t => {
  t.deepEqual([...native().reasonTags()].sort(), [...REASON_TAGS].sort());
});

test('both sides of the bridge have the same reasons of losses, in the same order', t => {
  t.deepEqual(native().lossReasons(), [...LOSS_REASONS]);
});

test('addon and package are of the same version', t => {
  const { version } = createRequire(import.meta.url)(join(ROOT, 'package.json')) as { version: string };
  t.is(native().buildInfo().version, version);
});

test('a panic below becomes an error, and the process goes on', async t => {
  const ended = await runScript(`
    import { native } from ${JSON.stringify(new URL('../src/native.js', import.meta.url).href)};
    try { native().panicForTest(); } catch (error) { console.log(error instanceof Error); }
    const system = await create();
    const ref = await system.spawn(await system.load(guest('echo')));
    console.log((await ref.ask(Uint8Array.of(8)))[0]);
    await system.shutdown();`);
  t.deepEqual([ended.code, ended.stdout], [0, 'true\n8\n']);
});

test('the addon is loaded once', t => {
  t.is(native(), native());
});
