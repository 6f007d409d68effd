import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type ActorSystem, ComponentError, TroupeError } from '../src/index.js';
import { answers, balanced, guest, systemFor } from './helpers/system.js';

/** Nothing of the failed attempt is left, and the system goes on. */
async function goesOn(t: Parameters<typeof systemFor>[0], system: ActorSystem): Promise<void> {
  t.deepEqual(system.actors(), []);
  t.true(await answers(await system.spawn(await system.load(guest('echo')))));
  await balanced(t, system);
}

test('a path that does not exist is named', async t => {
  const system = await systemFor(t);
  const error = await t.throwsAsync(system.load('./no/such/parser.wasm'), { instanceOf: ComponentError });
  t.is((error as TroupeError).code, 'ERR_COMPONENT_NOT_FOUND');
  t.regex(error?.message ?? '', /no\/such\/parser\.wasm/);
  await t.throwsAsync(system.load(new URL('file:///no/such/component.wasm')), { code: 'ERR_COMPONENT_NOT_FOUND' });
  await goesOn(t, system);
});

test('a folder is no component', async t => {
  const system = await systemFor(t);
  await t.throwsAsync(system.load(tmpdir()), { instanceOf: ComponentError });
  await goesOn(t, system);
});

test('what is no source at all is a wrong argument', async t => {
  const system = await systemFor(t);
  for (const source of [undefined, 5, '', 'a\0b', new URL('https://example.com/x.wasm'), {}]) {
    await t.throwsAsync(system.load(source as string), { code: 'ERR_CONFIG', message: /^source: / });
  }
});

test('bytes that are no component are refused', async t => {
  const system = await systemFor(t);
  const echo = await readFile(guest('echo'));
  const cases: Record<string, Uint8Array> = {
    'no bytes': new Uint8Array(),
    text: new TextEncoder().encode('export function handle() {}'),
    zeros: new Uint8Array(4096),
    'only a header': echo.subarray(0, 8),
    truncated: echo.subarray(0, echo.length / 2),
    corrupted: echo.map((byte, index) => (index > 40 && index < 80 ? byte ^ 0xa5 : byte)),
  };
  for (const [name, content] of Object.entries(cases)) {
    await t.throwsAsync(system.load(content), { code: 'ERR_COMPONENT_INVALID', instanceOf: ComponentError }, name);
  }
  await goesOn(t, system);
});

test('a truncated file is refused', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'half.wasm');
  const echo = await readFile(guest('echo'));
  await writeFile(path, echo.subarray(0, echo.length - 10));
  const system = await systemFor(t);
  await t.throwsAsync(system.load(path), { code: 'ERR_COMPONENT_INVALID' });
  await goesOn(t, system);
});

test('a core module is named as what it is', async t => {
  const system = await systemFor(t);
  await t.throwsAsync(system.load(guest('core-module')), {
    code: 'ERR_COMPONENT_INVALID',
    message: /core WebAssembly module/,
  });
  await goesOn(t, system);
});

test('a component without handle says which export is missing, and what was found', async t => {
  const system = await systemFor(t);
  const error = await t.throwsAsync(system.load(guest('no-handle')), { code: 'ERR_COMPONENT_INVALID' });
  t.regex(error?.message ?? '', /handle/);
  t.regex(error?.message ?? '', /answer/);
  await goesOn(t, system);
});

test('a handle of another type is refused', async t => {
  const system = await systemFor(t);
  await t.throwsAsync(system.load(guest('wrong-handle-type')), { code: 'ERR_COMPONENT_INVALID', message: /handle/ });
  await goesOn(t, system);
});

test('exports that no world knows are ignored', async t => {
  const system = await systemFor(t);
  t.true(await answers(await system.spawn(await system.load(guest('unknown-exports')))));
});

test('an import that nobody provides is named', async t => {
  const system = await systemFor(t);
  const attempt = async () => system.spawn(await system.load(guest('import-unknown')));
  const error = await t.throwsAsync(attempt, { code: 'ERR_CAPABILITY_DENIED' });
  t.regex(error?.message ?? '', /some:thing\/x/);
  await goesOn(t, system);
});

test('a component that needs more than its limits does not come up, whatever the limit', async t => {
  const system = await systemFor(t);
  for (const [name, limits] of [
    ['memory-too-large', {}],
    ['table-heavy', {}],
  ] as const) {
    const component = await system.load(guest(name));
    const error = await t.throwsAsync(system.spawn(component, { limits, name }), { instanceOf: TroupeError }, name);
    t.not((error as TroupeError).code, 'ERR_INTERNAL', error?.message);
    t.is(system.find(name), undefined);
  }
  await goesOn(t, system);
});

test('what is no component of this library cannot be spawned', async t => {
  const system = await systemFor(t);
  for (const value of [undefined, {}, 'echo', await readFile(guest('echo'))]) {
    await t.throwsAsync(system.spawn(value as never), { code: 'ERR_CONFIG', message: /^component: / });
  }
});
