/**
 * The demo: every file below a folder, line by line, through WebAssembly components as actors.
 * Files are read in pieces, each line is one message to a tokeniser, each tokeniser sends what it
 * found to the counters, and a plain loop counts the same lines for comparison.
 */
import process from 'node:process';
import { parseArguments, USAGE, UsageError } from './args.mjs';
import { toJson, toText } from './report.mjs';
import { runDemo } from './run.mjs';

/** What shells expect of a program ended by Ctrl-C. */
const INTERRUPTED = 130;

async function main() {
  const options = parseArguments(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const stop = new AbortController();
  const onInterrupt = () => {
    // The second Ctrl-C means it.
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const summary = await runDemo(options, stop.signal);
    process.stdout.write(`${options.json ? toJson(summary) : toText(summary)}\n`);
    if (summary.interrupted) return INTERRUPTED;
    return summary.equal && summary.balanced ? 0 : 1;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const mistake = error instanceof UsageError;
  process.stderr.write(`${mistake ? `${error.message}\n\n${USAGE}` : (error.stack ?? error)}\n`);
  process.exitCode = mistake ? 2 : 1;
}
