/** What keeps a fault from ending the user's process. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inRoot } from '../../scripts/lib/paths.mjs';
import { codeOnly, functions, rustSources, sources } from './source.mjs';

for (const crate of ['troupe-actor', 'troupe-broker']) {
  test(`${crate} forbids unsafe code`, () => {
    assert.match(readFileSync(inRoot('crates', crate, 'src/lib.rs'), 'utf8'), /^#!\[forbid\(unsafe_code\)\]/m);
  });
}

const bridge = rustSources('troupe-napi');

/** Attributes that export a function or method; those on types export nothing that runs. */
function napiExports({ path, text }) {
  const pattern =
    /#\[napi(\([^\]]*\))?\]((?:\s*#\[[^\]]*\]|\s*\/\/[^\n]*)*)\s*(?:pub(?:\([^)]*\))? )?(?:async )?(?:unsafe )?fn (\w+)/g;
  return [...text.matchAll(pattern)].map(match => ({ where: `${path} ${match[3]}`, options: match[1] ?? '' }));
}

test('every napi export catches unwinding', () => {
  const bare = bridge.flatMap(napiExports).filter(({ options }) => !/\bcatch_unwind\b/.test(options));
  assert.deepEqual(
    bare.map(({ where }) => where),
    [],
    'write #[napi(catch_unwind)]',
  );
});

test('every raw function that Node calls catches unwinding', () => {
  const bare = bridge.flatMap(({ path, text }) =>
    externFunctions(text)
      .filter(({ body }) => !/\b(guard(?:ed)?|catch_unwind)\b/.test(body))
      .map(({ name }) => `${path} ${name}`),
  );
  assert.deepEqual(bare, []);
});

/** `extern "C" fn`: the ABI is a literal, so it is looked for before literals are blanked. */
function externFunctions(text) {
  const starts = new Set([...text.matchAll(/extern\s+"(?:C|system)(?:-unwind)?"\s+fn (\w+)/g)].map(match => match[1]));
  return functions(text).filter(({ name }) => starts.has(name));
}

test('every unsafe block and function says why it is sound', () => {
  const silent = ['troupe-host', 'troupe-napi'].flatMap(rustSources).flatMap(({ path, text }) => {
    const lines = text.split('\n');
    const code = codeOnly(text).split('\n');
    return code.flatMap((line, at) => {
      if (!/\bunsafe\s*(\{|impl\b)|\bunsafe\s*$/.test(line)) return [];
      const above = lines.slice(Math.max(0, at - 8), at + 1).join('\n');
      return /SAFETY:/.test(above) ? [] : [`${path}:${at + 1}`];
    });
  });
  assert.deepEqual(silent, []);
});

test('panics stay caught: no profile aborts', () => {
  assert.doesNotMatch(readFileSync(inRoot('Cargo.toml'), 'utf8'), /^panic = "abort"/m);
});

test('every allowed lint has its reason', () => {
  const silent = sources(['crates'], /\.rs$/).flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at, lines) => {
      if (!/#!?\[(allow|expect)\(/.test(line)) return [];
      const around = lines.slice(Math.max(0, at - 2), at + 3).join('\n');
      return /reason\s*=|\/\//.test(around) ? [] : [`${path}:${at + 1}`];
    }),
  );
  assert.deepEqual(silent, []);
});
