/** Things that are written down twice say the same. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { inRoot, readJson } from '../../scripts/lib/paths.mjs';
import { rustSources, sources } from './source.mjs';

const read = path => readFileSync(inRoot(path), 'utf8');
const CRATES = ['troupe-actor', 'troupe-broker', 'troupe-host', 'troupe-napi'];
const unique = list => [...new Set(list)].sort();
const codesIn = text => unique([...text.matchAll(/\bERR_[A-Z][A-Z_]*[A-Z]\b/g)].map(match => match[0]));

test('the error codes of Rust, TypeScript and the reference page are the same', () => {
  const rust = codesIn(
    CRATES.flatMap(rustSources)
      .map(({ text }) => text)
      .join('\n'),
  );
  const typescript = codesIn(
    sources(['src'], /\.ts$/)
      .map(({ text }) => text)
      .join('\n'),
  );
  assert.deepEqual(typescript, rust);
  assert.deepEqual(codesIn(read('docs/reference/error-codes.md')), rust);
});

test('numbers and classes of the error codes are those of the reference page', () => {
  const order = [...read('src/error-codes.ts').matchAll(/^ {2}'(ERR_\w+)',$/gm)].map(match => match[1]);
  const classes = new Map(
    [...read('src/errors.ts').matchAll(/^ {2}(ERR_\w+): (\w+),$/gm)].map(match => [match[1], match[2]]),
  );
  const rows = [...read('docs/reference/error-codes.md').matchAll(/^\| (\d+) \| `(\w+)` \| .* \| `(\w+)` \|$/gm)];
  assert.deepEqual(
    rows.map(([, number, code, name]) => [Number(number), code, name]),
    order.map((code, at) => [at + 1, code, classes.get(code)]),
  );
});

test('the frame kinds of the kernel are those of the reference page', () => {
  const frame = read('crates/troupe-actor/src/frame.rs');
  const page = read('docs/reference/frames.md');
  const constants = [...frame.matchAll(/^ {4}pub const (\w+): u16 = (\d+);/gm)].map(match => ({
    name: match[1].toLowerCase().replaceAll('_', '-'),
    value: match[2],
  }));
  assert.ok(constants.length >= 15);
  for (const { name, value } of constants) {
    assert.match(
      page,
      new RegExp(`^\\| ${value} \\| ${name} \\|`, 'm'),
      `${name} = ${value} in docs/reference/frames.md`,
    );
  }
  assert.match(page, new RegExp(`version ${/FORMAT_VERSION: u32 = (\d+)/.exec(frame)[1]}\\b`));
});

test('every option and its default is on the options page', () => {
  const page = read('docs/reference/options.md');
  const fields = ['src/options.ts', 'src/children.ts'].flatMap(path => [
    ...read(path).matchAll(/\/\*\* ([^\n]*) \*\/\n {2}readonly (\w+)\?:/g),
  ]);
  assert.ok(fields.length > 30);
  const missing = fields.filter(([, comment, name]) => {
    const stated = /\bdefault (`[^`]+`|[\d.,]*\d)/.exec(comment)?.[1] ?? '';
    return !page.split('\n').some(line => line.includes(`| \`${name}\` | ${stated}`));
  });
  assert.deepEqual(
    missing.map(([, comment, name]) => `${name}: ${comment}`),
    [],
  );
});

test('every event is on the events page, and no other', () => {
  const names = /^const EVENT_NAMES.*?\{\n(.*?)^\};/ms.exec(read('src/events.ts'))[1];
  const told = [...names.matchAll(/^ {2}'?([a-z:-]+)'?: true,$/gm)].map(([, name]) => name);
  const section = read('docs/reference/events.md').split(/^## /m)[1];
  const listed = [...section.matchAll(/^\| `([a-z:-]+)` \|/gm)].map(([, name]) => name);
  assert.ok(told.length > 20, told.join());
  assert.deepEqual(listed.sort(), told.sort());
});

test('every rule that the code refers to is on the semantics page', () => {
  const page = read('docs/explanation/semantics.md');
  const code = [...CRATES.flatMap(rustSources), ...sources(['src'], /\.ts$/)];
  const named = unique(code.flatMap(({ text }) => [...text.matchAll(/`([A-Z]{2,4}-\d+)`/g)].map(match => match[1])));
  assert.deepEqual(
    named.filter(rule => !page.includes(`- \`${rule}\` `)),
    [],
  );
});

test('every file that the architecture page walks through exists', () => {
  const known = sources(['crates', 'src'], /\.(rs|ts)$/).map(({ path }) => path.replace(/^crates\/|\/src(?=\/)/g, ''));
  const walks = /## Three walks([\s\S]*?)\n## /.exec(read('ARCHITECTURE.md'))[1];
  const stations = unique([...walks.matchAll(/`([\w/-]+\.(?:rs|ts))`/g)].map(match => match[1]));
  assert.ok(stations.length > 15);
  assert.deepEqual(
    stations.filter(station => !known.some(path => `/${path}`.endsWith(`/${station}`))),
    [],
  );
});

test('there is one platform package per target, as napi writes them', () => {
  const { version, name, napi, engines, license } = readJson('package.json');
  const folders = readdirSync(inRoot('npm')).sort();
  assert.deepEqual(folders, napi.targets.map(platformOf).sort());
  for (const folder of folders) {
    const found = readJson(`npm/${folder}/package.json`);
    const file = `troupe.${folder}.node`;
    const libc = folder.startsWith('linux') ? [folder.endsWith('musl') ? 'musl' : 'glibc'] : undefined;
    assert.deepEqual(
      [found.name, found.version, found.main, found.files, found.engines, found.license, found.libc],
      [`${name}-${folder}`, version, file, [file], engines, license, libc],
    );
  }
});

/** `x86_64-unknown-linux-gnu` → `linux-x64-gnu` */
function platformOf(target) {
  const [arch, , system, abi] = target.split('-');
  const cpu = { x86_64: 'x64', aarch64: 'arm64' }[arch];
  if (system === 'darwin') return `darwin-${cpu}`;
  return `${system === 'windows' ? 'win32' : system}-${cpu}-${abi}`;
}

test('package and crates have one version, and the changelog knows it', () => {
  const { version } = readJson('package.json');
  assert.equal(/\[workspace\.package\]\s+version = "([^"]+)"/.exec(read('Cargo.toml'))[1], version);
  assert.match(read('CHANGELOG.md'), new RegExp(`^## ${version.replaceAll('.', '\\.')}\\b`, 'm'));
});

test('the package needs nothing at run time and runs no script when installed', () => {
  const { dependencies, scripts } = readJson('package.json');
  assert.deepEqual(Object.keys(dependencies ?? {}), []);
  assert.deepEqual(
    Object.keys(scripts).filter(name => /^(pre|post)?(install|prepare)$/.test(name)),
    [],
  );
});

test('the lock names no registry', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved":/);
});

test('the lock holds the packages of every platform, or npm ci refuses it elsewhere', () => {
  const { packages } = readJson('package-lock.json');
  const named = new Set(Object.keys(packages).map(path => path.replace(/^.*node_modules\//, '')));
  const missing = Object.values(packages)
    .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    .filter(name => !named.has(name));
  assert.deepEqual(unique(missing), []);
});

test('the licence list of the check is the one of deny.toml', () => {
  assert.match(read('scripts/check-licences.mjs'), /listOf\('licenses', 'allow'\)/);
});

const tests = [
  ...sources(['__test__'], /\.spec\.(ts|mjs)$/),
  ...sources(['crates'], /\.rs$/).filter(({ path, text }) => /\/tests\//.test(path) || /#\[cfg\(test\)\]/.test(text)),
  ...sources(['guests'], /\.test\.mjs$/),
];

test('what the addon exports is what src/native.ts declares', () => {
  const camel = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const exported = rustSources('troupe-napi').flatMap(({ text }) =>
    [...text.matchAll(/#\[napi(\([^\]]*\))?\][^{;]*?\bfn (\w+)/g)]
      .filter(([, options]) => !/constructor/.test(options ?? ''))
      .map(match => camel(match[2])),
  );
  const native = read('src/native.ts');
  const declared = ['NativeSystem', 'NativeBinding'].flatMap(name => {
    const body = new RegExp(`export interface ${name} \\{([\\s\\S]*?)\\n\\}`).exec(native)[1];
    return [...body.matchAll(/^ {2}(\w+)\(/gm)].map(match => match[1]);
  });
  assert.ok(exported.length > 15);
  assert.deepEqual(unique(declared), unique(exported));
});

test('every fixture has a test that names it', () => {
  const fixtures = sources(['__test__', 'crates', 'guests'], /\.wat$/).map(({ path }) => basename(path, '.wat'));
  const alone = fixtures.filter(
    name => !tests.some(({ text }) => new RegExp(`['"\`/]${name}(\\.wat|\\.wasm)?['"\`]`).test(text)),
  );
  assert.deepEqual(alone, []);
});

test('every page that a page links to exists', () => {
  const pages = [
    ...sources(['docs'], /\.md$/),
    ...['README', 'ARCHITECTURE', 'CONTRIBUTING', 'SECURITY', 'CHANGELOG'].map(page),
  ];
  const broken = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .filter(match => !existsSync(inRoot(path, '..', match[1])))
      .map(match => `${path} → ${match[1]}`),
  );
  assert.deepEqual(broken, []);
});

const page = name => ({ path: `${name}.md`, text: read(`${name}.md`) });
