/**
 * `npm run ready [-- --no-tests]`: everything CI checks, cheapest first. Each check counts as one
 * passed or failed; the last line adds the tests: `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { bootstrap, main } from './bootstrap.mjs';
import { cargoProgress } from './lib/native.mjs';
import { cargoTargetDir, inRoot } from './lib/paths.mjs';
import { Step, say } from './lib/report.mjs';
import { run, runNode } from './lib/run.mjs';
import { add, summary } from './lib/tally.mjs';

const bin = path => inRoot('node_modules', path);
const cargoEnv = { ...process.env, CARGO_TARGET_DIR: cargoTargetDir() };

const node =
  (path, ...args) =>
  options =>
    runNode(path, args, options);
const cargo =
  (...args) =>
  (options, step) =>
    run('cargo', args, { ...options, env: cargoEnv, onLine: cargoProgress(step) });

/** @type {{ title: string, fix?: string, run: (options: object, step: Step) => Promise<import('./lib/run.mjs').RunResult> }[]} */
const CHECKS = [
  { title: 'Rust format', fix: 'npm run format', run: cargo('fmt', '--all', '--check', '--', '--color', 'never') },
  {
    title: 'JavaScript and TypeScript format and lint',
    fix: 'npx biome check --write',
    run: node(bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '--max-diagnostics=50'),
  },
  {
    title: 'Spelling',
    fix: 'correct it, or add the word to .cspell-words.txt',
    run: node(bin('cspell/bin.mjs'), '--no-progress', '--no-summary', '--dot'),
  },
  { title: 'Licences and sources', run: node(inRoot('scripts/check-licences.mjs')) },
  { title: 'Package contents', run: node(bin('publint/src/cli.js'), '--strict') },
  {
    title: 'Package types',
    run: node(bin('@arethetypeswrong/cli/dist/index.js'), '--pack', '.', '--profile', 'esm-only', '--no-emoji'),
  },
  { title: 'API reference is complete', run: node(bin('typedoc/bin/typedoc'), '--emit', 'none') },
  {
    title: 'The simulator finds every planted bug',
    fix: 'npm run simulate -- --planted',
    run: node(inRoot('scripts/simulate.mjs'), '--planted'),
  },
  {
    title: 'Clippy',
    run: cargo('clippy', '--profile', 'local', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings'),
  },
];

async function check({ title, fix, run: work }) {
  const step = new Step(title);
  const { code, tail } = await work({}, step);
  if (code === 0) {
    step.done();
    return { passed: 1, failed: 0 };
  }
  for (const line of tail.filter(text => !/^\s*(Compiling|Checking) /.test(text)).slice(-80)) step.print(`  ${line}`);
  step.failed(fix ? `to fix: ${fix}` : '');
  return { passed: 0, failed: 1 };
}

/** Runs the tests as a person would, and takes the numbers from their last line. */
async function tests() {
  let last = '';
  const { code } = await runNode(inRoot('scripts/test.mjs'), [], {
    onLine: line => {
      last = line;
      say(line);
    },
  });
  const numbers = /^(\d+) passed, (\d+) failed$/.exec(last);
  if (!numbers) return { passed: 0, failed: 1 };
  const failed = Number(numbers[2]);
  return { passed: Number(numbers[1]), failed: code !== 0 && failed === 0 ? 1 : failed };
}

const treeState = async () => (await run('git', ['status', '--porcelain'])).tail.join('\n');

await main(async () => {
  const { values } = parseArgs({ options: { 'no-tests': { type: 'boolean', default: false } } });
  const before = await treeState();
  let total = { passed: 0, failed: 0 };
  await bootstrap();
  for (const one of CHECKS) total = add(total, await check(one));
  if (!values['no-tests']) total = add(total, await tests());
  // Whatever is generated is committed, or ignored: building and testing must not change the tree.
  const clean = {
    title: 'The build leaves the tree as it was',
    run: async () => treeChange(before, await treeState()),
  };
  total = add(total, await check(clean));
  if (total.failed > 0) process.exitCode = 1;
  process.stdout.write(`${summary(total)}\n`);
});

function treeChange(before, after) {
  if (before === after) return { code: 0, tail: [] };
  const known = new Set(before.split('\n'));
  return { code: 1, tail: after.split('\n').filter(line => !known.has(line)) };
}
