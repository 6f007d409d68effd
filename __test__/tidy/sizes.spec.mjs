/** Files and functions stay small; what is above the line may only shrink. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { functions, sources, withoutTests } from './source.mjs';

const MAX_FILE_LINES = 500;
const MAX_FUNCTION_LINES = 70;
const FOLDERS = ['crates', 'src', 'scripts', '__test__', 'benches', 'examples', 'guests'];

/** Functions that were longer than the line when it was drawn: `path name` → lines. */
const ratchet = JSON.parse(readFileSync(new URL('ratchet.json', import.meta.url), 'utf8'));

const all = sources(FOLDERS, /\.(rs|ts|mjs|js)$/);

test(`no source file is longer than ${MAX_FILE_LINES} lines`, () => {
  const long = all.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  assert.deepEqual(
    long.filter(({ lines }) => lines > MAX_FILE_LINES),
    [],
  );
});

const rust = all
  .filter(({ path }) => path.endsWith('.rs'))
  .flatMap(({ path, text }) => functions(withoutTests(text)).map(found => ({ ...found, path })));
const script = all
  .filter(({ path }) => !path.endsWith('.rs'))
  .flatMap(({ path, text }) => functions(text, /\bfunction\*? (\w+)/g).map(found => ({ ...found, path })));
const long = [...rust, ...script].filter(({ lines }) => lines > MAX_FUNCTION_LINES);

test(`no function grows beyond ${MAX_FUNCTION_LINES} lines`, () => {
  const grown = long
    .filter(({ path, name, lines }) => lines > (ratchet[`${path} ${name}`] ?? 0))
    .map(({ path, name, line, lines }) => `${path}:${line} ${name} has ${lines} lines`);
  assert.deepEqual(grown, []);
});

test('the list of long functions holds none that is short or gone', () => {
  const now = new Map(long.map(({ path, name, lines }) => [`${path} ${name}`, lines]));
  const stale = Object.entries(ratchet).filter(([key, lines]) => (now.get(key) ?? 0) < lines);
  assert.deepEqual(stale, [], 'lower these numbers in ratchet.json, or remove them');
});

test('the function finder sees functions', () => {
  assert.ok(rust.length > 50, `only ${rust.length} Rust functions found`);
});
