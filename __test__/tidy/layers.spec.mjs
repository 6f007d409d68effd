/** The layers are a straight line: actor ← broker ← host ← napi ← src/native.ts ← src. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { inRoot } from '../../scripts/lib/paths.mjs';
import { codeOnly, rustSources, sources } from './source.mjs';

const ALLOWED_EDGES = {
  'troupe-actor': [],
  'troupe-broker': ['troupe-actor'],
  'troupe-host': ['troupe-actor', 'troupe-broker'],
  'troupe-napi': ['troupe-actor', 'troupe-broker', 'troupe-host'],
};

for (const [crate, allowed] of Object.entries(ALLOWED_EDGES)) {
  test(`${crate} depends on lower layers only`, () => {
    const manifest = readFileSync(inRoot('crates', crate, 'Cargo.toml'), 'utf8');
    const found = [...manifest.matchAll(/^(troupe-\w+)[ .=]/gm)].map(match => match[1]);
    assert.deepEqual(
      found.filter(name => !allowed.includes(name)),
      [],
    );
  });
}

const FORBIDDEN = {
  'troupe-actor': /\w*(wasm|napi|javascript|cranelift)\w*/gi,
  'troupe-broker': /\w*(wasm|napi|javascript|cranelift)\w*/gi,
  'troupe-host': /\w*(napi|javascript)\w*/gi,
};

for (const [crate, words] of Object.entries(FORBIDDEN)) {
  test(`${crate} does not name what belongs to a higher layer`, () => {
    const found = rustSources(crate).flatMap(({ path, text }) =>
      [...codeOnly(text).matchAll(words)].map(match => `${path}: ${match[0]}`),
    );
    assert.deepEqual(found, []);
  });
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^;'"]*?\sfrom\s)?['"](\.[^'"]+)['"]/g;
const typescript = sources(['src'], /\.ts$/);
const graph = new Map(
  typescript.map(({ path, text }) => [
    path,
    [...text.matchAll(IMPORT)].map(match => join(dirname(path), match[1]).replace(/\.js$/, '.ts')),
  ]),
);

test('the TypeScript layer has no import cycles', () => {
  const done = new Set();
  const cycles = [];
  const visit = (path, trail) => {
    if (trail.includes(path)) return void cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(cycles, []);
});

test('every relative import of the TypeScript layer names a file that exists', () => {
  const missing = [...graph].flatMap(([path, targets]) =>
    targets.filter(target => !graph.has(target)).map(target => `${path} → ${target}`),
  );
  assert.deepEqual(missing, []);
});

test('only src/native.ts loads the addon', () => {
  const loaders = typescript
    .filter(({ text }) => /createRequire|process\.dlopen|\.node['"`]|\brequire\(/.test(text))
    .map(({ path }) => path);
  assert.deepEqual(
    loaders.filter(path => !/^src\/native(\.|\/|-)/.test(path)),
    [],
  );
});

test('nothing in src imports anything but src and Node, save an entry of its own for what it needs', () => {
  // Whoever imports the entry has installed the package.
  const own = new Map([['src/cbor.ts', /^cborg(\/|$)/]]);
  const foreign = typescript.flatMap(({ path, text }) =>
    [...text.matchAll(/from\s+['"]([^.'"][^'"]*)['"]/g)]
      .map(match => match[1])
      .filter(name => !name.startsWith('node:') && !own.get(path)?.test(name))
      .map(name => `${path} → ${name}`),
  );
  assert.deepEqual(foreign, []);
  const importers = typescript.filter(
    ({ path, text }) => path !== 'src/cbor.ts' && /['"][./]*\/cbor\.js['"]/.test(text),
  );
  assert.deepEqual(importers, []);
});
