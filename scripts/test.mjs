/**
 * `npm test [-- part…]`: brings the checkout up to date and runs the tests; its last line is
 * `N passed, N failed`. Parts: kernel (cargo), tidy, types, node (ava), sdk, docs; all by default.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, main } from './bootstrap.mjs';
import { cargoProgress } from './lib/native.mjs';
import { cargoTargetDir, inRoot } from './lib/paths.mjs';
import { Step, say } from './lib/report.mjs';
import { run, runNode, ToolError } from './lib/run.mjs';
import { filesBelow } from './lib/stamp.mjs';
import { add, CargoReader, summary, TapReader } from './lib/tally.mjs';

const TSC = inRoot('node_modules/typescript/bin/tsc');
const NONE = { passed: 0, failed: 0 };

/** Rust: kernel and host, with the profile that the addon was built with, so the engine is compiled once. */
async function kernel(step) {
  const all = await cargoTest(step, ['--workspace', '--no-fail-fast']);
  return add(all, await schedules(step));
}

/**
 * The kernel's races under a model checker, whose locks it is built with: in a folder of its own, because every flag of the
 * compiler would build everything again. Only the kernel and its few dependencies are built.
 */
function schedules(step) {
  const flags = `${process.env.RUSTFLAGS ?? ''} --cfg troupe_shuttle`.trim();
  const env = { RUSTFLAGS: flags, CARGO_TARGET_DIR: join(cargoTargetDir(), 'shuttle') };
  return cargoTest(step, ['-p', 'troupe-actor', '--test', 'shuttle'], env);
}

async function cargoTest(step, what, env = {}) {
  const reader = new CargoReader(step, cargoProgress(step));
  const { code } = await run('cargo', ['test', '--profile', 'local', '--locked', ...what], {
    env: { ...process.env, CARGO_TARGET_DIR: cargoTargetDir(), ...env },
    onLine: (line, isError) => reader.line(line, isError),
  });
  return reader.tally(code);
}

/** A program that prints TAP. */
async function tap(step, args) {
  const reader = new TapReader(step);
  const { code } = await run(process.execPath, args, { onLine: (line, isError) => reader.line(line, isError) });
  return reader.tally(code);
}

const nodeTest = (step, files) => (files.length === 0 ? NONE : tap(step, ['--test', '--test-reporter=tap', ...files]));

const specsBelow = (path, end) => filesBelow(inRoot(path), file => file.endsWith(end));

const tidy = step => nodeTest(step, specsBelow('__test__/tidy', '.spec.mjs'));
const docs = step => nodeTest(step, specsBelow('__test__/docs', '.spec.mjs'));
const sdk = step => nodeTest(step, specsBelow('guests', '.test.mjs'));

/** Type tests: a file passes when the compiler has nothing to say about it. */
async function types(step) {
  const own = inRoot('__test__/types/tsconfig.json');
  const project = existsSync(own) ? own : inRoot('tsconfig.json');
  if (!existsSync(project)) return NONE;
  const files = readdirSync(inRoot('__test__/types')).filter(name => name.endsWith('.spec-d.ts'));
  const { code, tail } = await runNode(TSC, ['-p', project, '--noEmit', '--pretty', 'false']);
  const wrong = files.filter(name => tail.some(line => line.includes(name)));
  if (code !== 0) for (const line of tail) step.print(line);
  return { passed: files.length - wrong.length, failed: code !== 0 && wrong.length === 0 ? 1 : wrong.length };
}

/** The public API and the guest SDKs: two projects, because the SDKs' tests need no addon. */
const NODE_PROJECTS = ['tsconfig.test.json', '__test__/guests/tsconfig.json'];

async function node(step) {
  rmSync(inRoot('build', 'test'), { recursive: true, force: true });
  for (const project of NODE_PROJECTS.filter(path => existsSync(inRoot(path)))) {
    const compiled = await runNode(TSC, ['-p', project, '--pretty', 'false']);
    if (compiled.code === 0) continue;
    for (const line of compiled.tail) step.print(line);
    return { passed: 0, failed: 1 };
  }
  return tap(step, [inRoot('node_modules/ava/entrypoints/cli.mjs'), '--tap']);
}

const PARTS = { tidy, types, kernel, node, sdk, docs };

async function runPart(name) {
  const step = new Step(`Tests: ${name}`);
  try {
    const tally = await PARTS[name](step);
    if (tally.failed === 0) step.done(`${tally.passed} passed`);
    else step.failed(summary(tally));
    return tally;
  } catch (error) {
    step.failed(error.message);
    return { passed: 0, failed: 1 };
  }
}

function chosenParts() {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.find(name => !(name in PARTS));
  if (unknown !== undefined) {
    throw new ToolError(`unknown part '${unknown}': expected ${Object.keys(PARTS).join(' | ')}`);
  }
  return positionals.length === 0 ? Object.keys(PARTS) : positionals;
}

await main(async () => {
  const parts = chosenParts();
  let total = NONE;
  try {
    await bootstrap();
    for (const part of parts) total = add(total, await runPart(part));
  } catch (error) {
    // A checkout that does not build is a failed test run, and says so in its last line too.
    say(error instanceof ToolError ? error.message : error.stack);
    total = add(total, { passed: 0, failed: 1 });
  }
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
  process.stdout.write(`${summary(total)}\n`);
});
