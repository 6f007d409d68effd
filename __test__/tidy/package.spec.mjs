/** What is published: a few files of code, one module instance behind both entries, errors that keep their names. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inRoot } from '../../scripts/lib/paths.mjs';

const code = readdirSync(inRoot('dist'), { recursive: true })
  .map(path => String(path).replaceAll('\\', '/'))
  .filter(path => path.endsWith('.js'))
  .sort();

/** Runs a module beside the package, so that it imports it by its name. */
function runModule(text) {
  const args = ['--enable-source-maps', '--input-type=module', '--eval', text];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: inRoot(), encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('the code is one file for each entry and what they share', () => {
  const shared = code.filter(path => /^shared-\w+\.js$/.test(path));
  assert.ok(shared.length >= 1 && shared.length <= 4, `shared: ${shared.join(', ')}`);
  assert.deepEqual(
    code.filter(path => !shared.includes(path)),
    ['cbor.js', 'index.js', 'testing/index.js'],
  );
});

test('each file of code has a source map with the sources in it', () => {
  for (const path of code) {
    const map = JSON.parse(readFileSync(inRoot('dist', `${path}.map`), 'utf8'));
    assert.equal(map.sources.length, map.sourcesContent.length, path);
    assert.match(readFileSync(inRoot('dist', path), 'utf8'), /\n\/\/# sourceMappingURL=[\w-]+\.js\.map\s*$/);
  }
});

test('an error from the testing entry is an instance of the class from the main entry, and its stack names the source', () => {
  const printed = runModule(`
    import * as main from 'wasm-troupe';
    import { createTestSystem } from 'wasm-troupe/testing';
    const error = await createTestSystem({ clock: 'sundial' }).catch(error => error);
    console.log(error instanceof main.ConfigError, error.name, error.stack.includes('src/testing/test-system.ts'));
  `);
  assert.equal(printed.trim(), 'true ConfigError true');
});

test('every error class is called what it is exported as', () => {
  const printed = runModule(`
    import * as main from 'wasm-troupe';
    const wrong = Object.entries(main).filter(([name, value]) => name.endsWith('Error') && value.name !== name);
    console.log(JSON.stringify(wrong.map(([name]) => name)));
  `);
  assert.equal(printed.trim(), '[]');
});
