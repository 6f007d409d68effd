/**
 * Does what a fresh clone still lacks: packages, the native part, the TypeScript layer, the guests.
 * Each step is skipped when it is current, so a second run costs a fraction of a second. Uses
 * nothing but Node, because it runs before anything is installed.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { buildNative, nativeIsCurrent } from './lib/native.mjs';
import { inRoot, readJson } from './lib/paths.mjs';
import { Step, say, seconds } from './lib/report.mjs';
import { mustSucceed, runNode, runNpm, ToolError } from './lib/run.mjs';
import { dropStamp, hashOf, readStamp, writeStamp } from './lib/stamp.mjs';
import { buildTypeScript, TYPESCRIPT_INPUTS } from './lib/typescript.mjs';

/** The oldest Node of each line that can `require` ES modules. */
export function nodeIsSupported(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  return (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
}

function checkNode() {
  if (nodeIsSupported()) return;
  throw new ToolError(
    `Node ^20.19 or >=22.12 is needed, this is ${process.version}. https://nodejs.org has newer ones.`,
  );
}

/** Whether `node_modules` holds what the lock names; packages for other platforms may be missing. */
function packagesAreCurrent() {
  if (!existsSync(inRoot('node_modules', '.package-lock.json'))) return false;
  const wanted = readJson('package-lock.json').packages;
  const installed = readJson('node_modules/.package-lock.json').packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link) return true;
    const found = installed[path]?.version;
    return found === entry.version || (found === undefined && (entry.optional || entry.devOptional || entry.peer));
  });
}

async function installPackages(step) {
  const result = await runNpm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    onLine: line => step.note(line.slice(0, 60)),
  });
  mustSucceed(result, 'npm ci');
}

const builtFrom = (name, inputs, output) => existsSync(inRoot(output)) && readStamp(name)?.hash === hashOf(inputs);

async function buildDist() {
  dropStamp('typescript');
  const hash = hashOf(TYPESCRIPT_INPUTS);
  await buildTypeScript();
  writeStamp('typescript', { hash });
}

const GUEST_INPUTS = ['guests', '__test__/fixtures', 'scripts/build-guests.mjs', 'package-lock.json'];
const GUEST_OUTPUT = 'build/guests/.state.json';

async function buildGuests(step) {
  dropStamp('guests');
  const hash = hashOf(GUEST_INPUTS);
  const result = await runNode(inRoot('scripts/build-guests.mjs'), [], {
    onLine: line => step.note(line.slice(0, 60)),
  });
  mustSucceed(result, 'The guests build');
  writeStamp('guests', { hash });
}

/** Guests that are published with the package, for the first page and the examples: name there → name among the guests. */
const EXAMPLES = { fragile: 'trap-on-ff', tokenise: 'tokenise', count: 'count' };

const exampleFiles = () =>
  Object.entries(EXAMPLES).map(([name, guest]) => [
    inRoot('build/guests', `${guest}.wasm`),
    inRoot('dist/examples', `${name}.wasm`),
  ]);

const sameFile = ([from, to]) => existsSync(to) && readFileSync(from).equals(readFileSync(to));

async function copyExamples() {
  mkdirSync(inRoot('dist/examples'), { recursive: true });
  for (const [from, to] of exampleFiles()) copyFileSync(from, to);
}

/** In order: each step needs those above it. */
const STEPS = [
  { title: 'Packages (npm ci)', current: packagesAreCurrent, run: installPackages },
  {
    title: 'Native build (the first one compiles wasmtime: some minutes)',
    current: () => nativeIsCurrent(),
    run: step => buildNative('local', step),
  },
  {
    title: 'TypeScript build',
    current: () => builtFrom('typescript', TYPESCRIPT_INPUTS, 'dist/index.js'),
    run: buildDist,
  },
  {
    title: 'Guests build',
    current: () => builtFrom('guests', GUEST_INPUTS, GUEST_OUTPUT),
    run: buildGuests,
  },
  { title: 'Example components', current: () => exampleFiles().every(sameFile), run: copyExamples },
];

/** Brings the checkout up to date. @throws {ToolError} with words for the person at the keyboard */
export async function bootstrap() {
  const started = Date.now();
  checkNode();
  for (const { title, current, run } of STEPS) {
    if (current()) continue;
    const step = new Step(title);
    try {
      await run(step);
      step.done();
    } catch (error) {
      step.failed();
      throw error;
    }
  }
  say(`✓ Up to date (${seconds(Date.now() - started)})`);
}

/** Runs a script's main function: a ToolError is a message and exit code 1, not a stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    say(error instanceof ToolError ? error.message : error.stack);
    process.exitCode = 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main(bootstrap);
