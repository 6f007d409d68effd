#!/usr/bin/env node
/**
 * Builds every guest into `build/guests/NAME.wasm`: the WAT fixtures, the AssemblyScript guests and
 * the TypeScript guests. A guest is built again only when its sources, its builder or a tool's
 * version changed; what no longer has a source is removed.
 *
 *     node scripts/build-guests.mjs [--only NAME]… [--force] [--quiet]
 *
 * The tools are loaded when something has to be built, so a run with nothing to do is quick.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FIXTURES = join(ROOT, '__test__', 'fixtures');
const OUT = join(ROOT, 'build', 'guests');
const STATE = join(OUT, '.state.json');
/** Compilers run as child processes; two of them keep two cores busy. */
const PARALLEL = 2;

/**
 * @typedef {object} Guest
 * @property {string} name
 * @property {string} source      the file it is made from
 * @property {string[]} inputs    files whose content decides whether it is built again
 * @property {string[]} tools     packages whose versions do
 * @property {() => Promise<Uint8Array>} build
 */

/** @returns {string[]} the names of the fixtures, each the name of a behaviour */
export function listFixtures() {
  return namesIn(FIXTURES, '.wat');
}

/** @returns {Guest[]} */
export function listGuests() {
  return [...watGuests(), ...languageGuests('assemblyscript'), ...languageGuests('typescript')];
}

/** @returns {Guest[]} */
function watGuests() {
  return listFixtures().map(name => {
    const source = join(FIXTURES, `${name}.wat`);
    return {
      name,
      source,
      inputs: [source],
      tools: ['@bytecodealliance/jco-transpile'],
      build: () => parseWat(source),
    };
  });
}

async function parseWat(source) {
  const { parse } = await import('@bytecodealliance/jco-transpile/wasm-tools');
  return parse(readFileSync(source, 'utf8'));
}

const LANGUAGES = {
  assemblyscript: { modules: 'assembly', prefix: 'as-', tools: ['assemblyscript', '@bytecodealliance/jco-transpile'] },
  typescript: { modules: '.', prefix: 'ts-', tools: ['componentize-qjs', 'esbuild'] },
};

/** The demo's guests go by their plain names; the others say their language, since the fixtures have the plain ones. */
const DEMO = new Set(['tokenise', 'count']);

/**
 * The guests in a language's `examples`, built by its `build.mjs`. The SDK beside them is an input
 * of each.
 *
 * @param {keyof typeof LANGUAGES} language
 * @returns {Guest[]}
 */
function languageGuests(language) {
  const { modules, prefix, tools } = LANGUAGES[language];
  const folder = join(ROOT, 'guests', language);
  const examples = join(folder, modules, 'examples');
  const builder = join(folder, 'build.mjs');
  const shared = [builder, ...filesIn(join(folder, modules, 'sdk')), ...filesIn(join(ROOT, 'guests', 'wit'))];
  return namesIn(examples, '.ts').map(base => {
    const source = join(examples, `${base}.ts`);
    const build = async () => (await import(pathToFileURL(builder).href)).build(source);
    return { name: DEMO.has(base) ? base : prefix + base, source, inputs: [source, ...shared], tools, build };
  });
}

function namesIn(folder, extension) {
  return readFolder(folder)
    .filter(file => file.endsWith(extension) && !file.endsWith(`.d${extension}`))
    .map(file => basename(file, extension))
    .sort();
}

function filesIn(folder) {
  return readFolder(folder)
    .map(file => join(folder, file))
    .filter(file => statSync(file).isFile())
    .sort();
}

function readFolder(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** What a guest is made of, as one digest. */
function digest(guest, contentOf) {
  const hash = createHash('sha256');
  for (const input of guest.inputs) hash.update(`${relative(ROOT, input)}\0${contentOf(input)}\0`);
  for (const tool of guest.tools) hash.update(`${tool}@${toolVersion(tool)}\0`);
  return hash.digest('hex');
}

const versions = new Map();
function toolVersion(tool) {
  if (!versions.has(tool)) {
    const manifest = join(ROOT, 'node_modules', tool, 'package.json');
    versions.set(tool, JSON.parse(readFileSync(manifest, 'utf8')).version);
  }
  return versions.get(tool);
}

function hashes() {
  const known = new Map();
  return file => {
    if (!known.has(file)) known.set(file, createHash('sha256').update(readFileSync(file)).digest('hex'));
    return known.get(file);
  };
}

function readState() {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'));
  } catch {
    return {};
  }
}

/** Written beside and renamed, so that a reader sees the old file or the new one. */
function writeWhole(file, bytes) {
  const beside = `${file}.${process.pid}.tmp`;
  writeFileSync(beside, bytes);
  renameSync(beside, file);
}

function exists(name) {
  return statSync(join(OUT, `${name}.wasm`), { throwIfNoEntry: false }) !== undefined;
}

/**
 * Builds what is out of date.
 *
 * @param {{ only?: string[], force?: boolean, print?: (line: string) => void }} [options]
 * @returns {Promise<{ built: string[], current: string[] }>}
 */
export async function buildGuests({ only = [], force = false, print = () => {} } = {}) {
  mkdirSync(OUT, { recursive: true });
  const all = listGuests();
  const wanted = only.length === 0 ? all : only.map(name => find(all, name));
  const contentOf = hashes();
  const before = readState();
  const digests = new Map(wanted.map(guest => [guest.name, digest(guest, contentOf)]));
  const stale = wanted.filter(({ name }) => force || before[name] !== digests.get(name) || !exists(name));

  const failures = await inParallel(stale, async (guest, position) => {
    const started = performance.now();
    const bytes = await guest.build();
    writeWhole(join(OUT, `${guest.name}.wasm`), bytes);
    // Read again: another build of other guests may have ended meanwhile.
    writeWhole(STATE, JSON.stringify({ ...readState(), [guest.name]: digests.get(guest.name) }, null, 1));
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    print(`[${position}/${stale.length}] ${guest.name}.wasm ${(bytes.length / 1024).toFixed(1)} KiB, ${seconds} s`);
  });
  if (failures.length > 0) throw new AggregateError(failures, failures.map(error => error.message).join('\n'));
  if (only.length === 0) sweep(new Set(all.map(guest => guest.name)));
  const built = stale.map(guest => guest.name);
  return { built, current: wanted.map(guest => guest.name).filter(name => !built.includes(name)) };
}

function find(all, name) {
  const guest = all.find(candidate => candidate.name === name);
  if (guest === undefined)
    throw new Error(`no guest is called '${name}'; there are: ${all.map(g => g.name).join(', ')}`);
  return guest;
}

async function inParallel(guests, work) {
  const failures = [];
  let next = 0;
  const worker = async () => {
    while (next < guests.length) {
      const guest = guests[next++];
      try {
        await work(guest, next);
      } catch (error) {
        failures.push(new Error(`${relative(ROOT, guest.source)}: ${error?.message ?? error}`, { cause: error }));
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return failures;
}

/** Removes components whose source is gone. */
function sweep(names) {
  const state = readState();
  const gone = namesIn(OUT, '.wasm').filter(name => !names.has(name));
  for (const name of gone) {
    rmSync(join(OUT, `${name}.wasm`), { force: true });
    delete state[name];
  }
  // Only then: another build may be writing down what it has just done.
  if (gone.length > 0) writeWhole(STATE, JSON.stringify(state, null, 1));
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, force: { type: 'boolean' }, quiet: { type: 'boolean' } },
  });
  const print = values.quiet ? () => {} : line => console.log(line);
  try {
    const { built, current } = await buildGuests({ ...values, print });
    print(`guests: ${built.length} built, ${current.length} current`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
