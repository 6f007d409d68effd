/** `addon.size`: the native binary as it is published, without symbols. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const name = readdirSync(bench.root).find(file => /^troupe\..*\.node$/.test(file));
  if (name === undefined) throw new Error(`no addon in ${bench.root}: build it first`);
  const { bytes, how } = strippedSize(join(bench.root, name));
  bench.report('addon.size', 'bytes', [bytes], `${name}, ${how}; nothing executed`);
}

/** Daily builds keep their symbols; a copy without them is what a user would download. */
function strippedSize(path) {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-size-'));
  try {
    const copy = join(folder, 'addon.node');
    copyFileSync(path, copy);
    execFileSync('strip', ['--strip-unneeded', copy], { stdio: 'ignore' });
    return { bytes: statSync(copy).size, how: 'stripped' };
  } catch {
    return { bytes: statSync(path).size, how: 'as built (no strip tool here)' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
