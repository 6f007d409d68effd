/** The builder of the guests. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuests, listGuests } from '../../scripts/build-guests.mjs';
import { ROOT } from './support/component.mjs';

const script = join(ROOT, 'scripts', 'build-guests.mjs');

test('what is current is not built again, though its source was touched', async () => {
  await buildGuests({ only: ['echo'] });
  utimesSync(join(ROOT, '__test__', 'fixtures', 'echo.wat'), new Date(), new Date());
  assert.deepEqual(await buildGuests({ only: ['echo'] }), { built: [], current: ['echo'] });
});

test('WAT and AssemblyScript give the same bytes each time', async () => {
  for (const name of ['ring', 'as-echo']) {
    await buildGuests({ only: [name] });
    const before = readFileSync(join(ROOT, 'build', 'guests', `${name}.wasm`));
    await buildGuests({ only: [name], force: true });
    assert.deepEqual(readFileSync(join(ROOT, 'build', 'guests', `${name}.wasm`)), before, name);
  }
});

test('a run with nothing to do is quick', async () => {
  await buildGuests();
  const started = performance.now();
  const output = execFileSync(process.execPath, [script], { encoding: 'utf8' });
  assert.match(output, /^guests: 0 built, \d+ current\n$/);
  assert.ok(performance.now() - started < 1_000, `${performance.now() - started} ms`);
});

test('no two guests have one name', () => {
  const names = listGuests().map(guest => guest.name);
  assert.equal(new Set(names).size, names.length);
});

test('an unknown name is an error that lists the names', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, '--only', 'nobody'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /no guest is called 'nobody'; there are: .*echo/);
});
