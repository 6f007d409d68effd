/**
 * One run from the first file to the summary. Reading, sending and the plain count take turns on
 * this thread; the actors work on theirs.
 */
import { Feeder } from './feed.mjs';
import { LineReader } from './lines.mjs';
import { PlainCount } from './plain.mjs';
import { Pool } from './pool.mjs';
import { Progress } from './progress.mjs';
import { findFiles } from './walk.mjs';

/**
 * @param {import('./args.mjs').DemoOptions} options
 * @param {AbortSignal} stop  ends the run early, with a summary of what was done
 * @returns {Promise<import('./report.mjs').Summary>}
 */
export async function runDemo(options, stop) {
  const found = findFiles(options.folder);
  const pool = await Pool.start();
  const plain = new PlainCount();
  const read = { files: 0, bytes: 0, unreadable: found.unreadable };
  const progress = options.json
    ? undefined
    : new Progress(process.stdout, found.bytes, () => standing(read, plain, pool));
  const start = performance.now();
  try {
    await readAll(found.files, read, plain, pool, stop);
    await pool.settle();
    const seconds = (performance.now() - start) / 1000;
    return {
      folder: options.folder,
      ...(await summarise({ found, read, plain, pool, seconds })),
      interrupted: stop.aborted,
    };
  } finally {
    progress?.end();
    await pool.shutdown();
  }
}

/** Reads file after file; back-pressure comes from `feed`. */
async function readAll(files, read, plain, pool, stop) {
  const reader = new LineReader();
  const feeder = new Feeder(pool.tokenisers);
  for (const { path, size } of files) {
    if (stop.aborted) break;
    try {
      await readOne(reader.read(path, size), read, plain, feeder, stop);
      read.files += 1;
    } catch (error) {
      // A file that vanished or may not be read is told about, anything else ends the run.
      if (error.syscall === undefined) throw error;
      read.unreadable.push(path);
    }
  }
  await feeder.finish();
}

/** Each block is counted twice, here and by the actors: whatever was read goes to both. */
async function readOne(blocks, read, plain, feeder, stop) {
  for (const block of blocks) {
    read.bytes += block.read;
    plain.count(block);
    await feeder.feed(block);
    if (stop.aborted) return;
  }
}

function standing(read, plain, pool) {
  const { restarts, failures } = pool.trouble();
  return { bytes: read.bytes, lines: plain.lines, restarts, failures };
}

async function summarise({ found, read, plain, pool, seconds }) {
  const counted = await pool.totals();
  const audit = pool.audit();
  const same = key => counted[key] === plain[key];
  return {
    files: read.files,
    bytes: read.bytes,
    truncated: found.truncated,
    unreadable: read.unreadable,
    ...counted,
    failedInHandler: audit.failedInHandler,
    refused: audit.refused.total,
    discarded: audit.discarded.total,
    plain: {
      lines: plain.lines,
      badLines: plain.badLines,
      words: plain.words,
      seconds: plain.seconds,
      top: plain.top(),
    },
    equal: same('lines') && same('badLines') && same('words') && sameTop(counted.top, plain.top()),
    balanced: audit.balanced,
    seconds,
    linesPerSecond: seconds > 0 ? Math.round(plain.lines / seconds) : 0,
    audit,
    actors: pool.actors(),
  };
}

function sameTop(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
