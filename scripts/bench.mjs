/**
 * `npm run bench -- [SUITE…] [--json FILE] [--repeats N] [--quick] [--check] [--against REF]`
 *
 * Runs benchmark suites, each in a process of its own, and prints their rows beside the goals of
 * `benches/budgets.json`. How to read them: `benches/README.md`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareWith } from '../benches/node/lib/against.mjs';
import { formatRow, HEADING, meets } from '../benches/node/lib/print.mjs';
import { allSuites, runSuite } from '../benches/node/lib/runner.mjs';
import { bootstrap } from './bootstrap.mjs';
import { ensureRelease } from './lib/native.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BUDGETS = JSON.parse(readFileSync(new URL('../benches/budgets.json', import.meta.url), 'utf8'));

const USAGE = `Usage: npm run bench -- [SUITE…] [options]

  SUITE           ${allSuites().join(', ')} or all (the default)
  --json FILE     write the rows to FILE
  --repeats N     repeats of each row (default 5)
  --quick         small and short: shows that everything runs, gives no real numbers
  --check         exit with 1 when a row misses its goal by more than the margin in benches/budgets.json
  --against REF   build another revision beside this one, alternate processes, print median ratios
  --pairs N       pairs of processes for --against (default 10)
`;

class UsageError extends Error {}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      repeats: { type: 'string', default: '5' },
      pairs: { type: 'string', default: '10' },
      against: { type: 'string' },
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const count = (name, least) => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < least) {
      throw new UsageError(`--${name}: expected a whole number of ${least} or more, received '${values[name]}'`);
    }
    return number;
  };
  return { ...values, repeats: count('repeats', 1), pairs: count('pairs', 6), suites: chosenSuites(positionals) };
}

/** The calibration suite is part of every run: two outputs are compared through its rows. */
function chosenSuites(names) {
  const known = allSuites();
  if (names.length === 0 || names.includes('all')) return known;
  for (const name of names) {
    if (!known.includes(name)) throw new UsageError(`no suite '${name}': choose from ${known.join(', ')}`);
  }
  return [...new Set(['calibrate', ...names])];
}

/** Runs the suites one after the other; a failing one does not keep the others from running. */
async function measure(settings) {
  const rows = [];
  const failures = [];
  console.log(HEADING);
  for (const suite of settings.suites) {
    try {
      const result = await runSuite(suite, { root: ROOT, repeats: settings.repeats, quick: settings.quick });
      for (const row of result.rows) console.log(formatRow(row, BUDGETS.goals[row.name]));
      rows.push(...result.rows.map(row => ({ ...row, what: `${row.what}; profile ${result.build.profile}` })));
    } catch (error) {
      failures.push(suite);
      console.error(error.message);
    }
  }
  return { rows, failures };
}

/** Rows that miss their goal by more than the margin. */
function farBelow(rows) {
  return rows.filter(row => {
    const goal = BUDGETS.goals[row.name];
    return goal !== undefined && !meets(row, goal, BUDGETS.margin);
  });
}

async function main() {
  const settings = readArguments();
  if (settings.help) {
    console.log(USAGE);
    return 0;
  }
  console.log(
    `${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  );
  await bootstrap();
  // Numbers are those of the published build; a quick run only shows that everything runs.
  if (!settings.quick && process.env.NAPI_RS_NATIVE_LIBRARY_PATH === undefined) await ensureRelease();
  if (settings.quick) console.log('quick run: sizes are cut down, the numbers say nothing about speed');
  const { rows, failures } =
    settings.against === undefined ? await measure(settings) : await compareWith(settings.against, ROOT, settings);
  if (settings.json !== undefined) writeFileSync(settings.json, `${JSON.stringify(rows, null, 2)}\n`);
  if (failures.length > 0) console.error(`failed: ${failures.join(', ')}`);
  const missed = settings.check ? farBelow(rows) : [];
  for (const row of missed) console.error(`${row.name} misses its goal by more than ${BUDGETS.margin} times`);
  return failures.length + missed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const mistake = error instanceof UsageError || error?.code?.startsWith('ERR_PARSE_ARGS');
  console.error(mistake ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = mistake ? 2 : 1;
}
