/** Product text speaks of the product: no notes about how it came to be, no paths of one machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sources } from './source.mjs';

const FOLDERS = ['crates', 'src', '__test__', 'benches', 'examples', 'guests', 'docs', 'scripts', '.github', '.ci'];
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'package.json',
  'Cargo.toml',
];
const TEXT = /(\.(rs|ts|mjs|js|md|wat|wit|json|toml|ya?ml|as)|\/run)$/;

const UNWANTED = [
  [/(?<![\w.$}])\/(work|root|home\/\w+|Users\/\w+)\//, 'a path of one machine'],
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'a note to do later'],
  [/\b(issue|phase|milestone|sprint|ticket) #?\d+\b/i, 'a task number: it belongs in the commit'],
  [/\bshared\/design\b/, 'a page that is not in the repository'],
];

const own = '__test__/tidy/words.spec.mjs';
const texts = [...sources(FOLDERS, TEXT), ...sources(PAGES, TEXT)].filter(({ path }) => path !== own);

for (const [pattern, what] of UNWANTED) {
  test(`no source holds ${what}`, () => {
    const found = texts.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
    );
    assert.deepEqual(found, []);
  });
}
