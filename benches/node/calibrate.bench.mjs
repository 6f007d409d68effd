/**
 * `calibrate.*`: small fixed pieces of work, in every output, so that two outputs from different
 * machines or minutes can be compared through them.
 */
import { MESSAGE, spawnMany } from './lib/guests.mjs';

const now = process.hrtime.bigint;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const rounds = bench.scale(1_000_000, 10_000);
  bench.report('calibrate.napi', 'ns', await emptyCalls(bench, rounds), 'one empty raw N-API call, no component');
  bench.report(
    'calibrate.memcpy',
    'ns',
    await copies(bench, rounds / 10),
    'copy of 64 KiB in JavaScript, nothing else',
  );
  bench.report(
    'calibrate.component',
    'ns',
    await emptyAsks(bench, rounds / 10),
    'awaited ask without payload to an idle component, through the bridge, mean',
  );
}

/** Nanoseconds per round, one value per repeat. */
function timed(bench, rounds, body) {
  return bench.repeat(async () => {
    const start = now();
    body(rounds);
    return Number(now() - start) / rounds;
  });
}

function emptyCalls(bench, rounds) {
  const { calibrate } = bench.native;
  return timed(bench, rounds, count => {
    for (let round = 0; round < count; round += 1) calibrate();
  });
}

function copies(bench, rounds) {
  const from = new Uint8Array(65536).fill(1);
  const to = new Uint8Array(65536);
  return timed(bench, rounds, count => {
    for (let round = 0; round < count; round += 1) to.set(from);
  });
}

async function emptyAsks(bench, rounds) {
  const system = await bench.createSystem({ threads: 1 });
  try {
    const [echo] = await spawnMany(bench, system, 'echo', 1);
    return await bench.repeat(async () => {
      const start = now();
      for (let round = 0; round < rounds; round += 1) await echo.ask(MESSAGE.empty);
      return Number(now() - start) / rounds;
    });
  } finally {
    await system.shutdown();
  }
}
