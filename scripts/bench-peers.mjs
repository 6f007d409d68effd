/**
 * `npm run bench:peers [-- --json] [--repeats N] [--quick]`
 *
 * Troupe beside what a Node user could pick instead, on the same work in the same run: each repeat
 * runs every contestant once, in a process of its own, in turns. The work: `benches/peers/work.mjs`.
 */
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { row } from '../benches/node/lib/stats.mjs';
import { bootstrap } from './bootstrap.mjs';
import { ensureRelease } from './lib/native.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CHILD = fileURLToPath(new URL('../benches/peers/child.mjs', import.meta.url));
const CONTESTANTS = ['troupe', 'worker-threads', 'piscina', 'plain'];
const LIMIT_MS = 5 * 60_000;

const FULL = { samples: 10_000, asks: 200_000, tells: 500_000 };
const QUICK = { samples: 1_000, asks: 10_000, tells: 10_000 };

const TASKS = [
  { key: 'p50', name: 'ask.sequential.p50', unit: 'us', heading: 'ask p50, µs' },
  { key: 'p99', name: 'ask.sequential.p99', unit: 'us', heading: 'ask p99, µs' },
  { key: 'asks', name: 'ask.inflight1024', unit: 'per_s', heading: '1,024 asks in flight, per s' },
  { key: 'tells', name: 'tell.100x1000', unit: 'per_s', heading: 'tells handled, per s' },
];

/** Runs one contestant once. */
function runOnce(name, sizes) {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, [], { timeout: LIMIT_MS });
    let answer;
    child.once('message', message => {
      answer = message;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (answer !== undefined && answer.failure === undefined) resolve(answer);
      else reject(new Error(`${name} failed: ${answer?.failure ?? `ended with ${signal ?? `code ${code}`}`}`));
    });
    child.send({ name, root: ROOT, sizes });
  });
}

/** @returns {Promise<Map<string, object[]>>} answers by contestant */
async function runAll(repeats, sizes, onProgress) {
  const answers = new Map(CONTESTANTS.map(name => [name, []]));
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const name of CONTESTANTS) {
      onProgress(`repeat ${repeat} of ${repeats}: ${name}`);
      answers.get(name).push(await runOnce(name, sizes));
    }
  }
  return answers;
}

function toRows(answers) {
  return [...answers].flatMap(([contestant, results]) =>
    TASKS.map(task =>
      row(
        `peers.${task.name}.${contestant}`,
        task.unit,
        results.map(result => result[task.key]),
        results[0].what,
      ),
    ),
  );
}

const grouped = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

function printTable(rows) {
  console.log(`\n${'median of repeats'.padEnd(16)} ${TASKS.map(task => task.heading.padStart(28)).join('')}`);
  for (const contestant of CONTESTANTS) {
    const cells = TASKS.map(task => {
      const find = who => rows.find(candidate => candidate.name === `peers.${task.name}.${who}`).median;
      const ratio = find(contestant) / find('troupe');
      return `${grouped.format(find(contestant))}${contestant === 'troupe' ? '' : `  (× ${grouped.format(ratio)})`}`.padStart(
        28,
      );
    });
    console.log(`${contestant.padEnd(16)} ${cells.join('')}`);
  }
  console.log("\n× is the figure divided by Troupe's. What executed:");
  for (const contestant of CONTESTANTS) {
    console.log(`  ${contestant.padEnd(16)} ${rows.find(candidate => candidate.name.endsWith(`.${contestant}`)).what}`);
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      repeats: { type: 'string', default: '5' },
    },
  });
  const repeats = Number(values.repeats);
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new Error(`--repeats: expected 1 or more, received '${values.repeats}'`);
  const note = text => console.error(text);
  note(
    `${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  );
  await bootstrap();
  if (!values.quick && process.env.NAPI_RS_NATIVE_LIBRARY_PATH === undefined) await ensureRelease();
  const rows = toRows(await runAll(repeats, values.quick ? QUICK : FULL, note));
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else printTable(rows);
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
}
