/**
 * `load.*`: a TypeScript component of about 1 MB. `cached`: from the disk cache, in a process that
 * has not seen it. `new.stall`: compiled new, the longest time the event loop stands still.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe } from './lib/probe.mjs';

const GUEST = 'ts-echo';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-load-'));
  const options = { root: bench.root, repeats: 1, quick: bench.quick };
  try {
    const cache = { dir: join(folder, 'cache') };
    const path = bench.guest(GUEST);
    const size = readFileSync(path).length;
    await probe('load', { options, path, cache });
    const cached = [];
    const stalls = [];
    for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
      cached.push((await probe('load', { options, path, cache })).ms);
      const unseen = join(folder, `unseen-${repeat}.wasm`);
      writeFileSync(unseen, withMark(readFileSync(path), `${process.pid}-${repeat}`));
      stalls.push((await probe('load', { options, path: unseen, cache })).stall);
    }
    bench.report(
      'load.cached',
      'ms',
      cached,
      `await system.load of a TypeScript component of ${size} bytes from the disk cache, fresh process; no handler runs`,
    );
    bench.report(
      'load.new.stall',
      'ms',
      stalls,
      `longest gap between two turns of the event loop while the same component is compiled new; fresh process`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same component with one more custom section: other bytes, so nothing cached fits. */
function withMark(component, mark) {
  const name = Buffer.from('bench');
  const body = Buffer.concat([Buffer.from([name.length]), name, Buffer.from(mark)]);
  return Buffer.concat([component, Buffer.from([0, body.length]), body]);
}
