/**
 * Skips what is current: a step's inputs are hashed, and the hash of its last success is kept in
 * `build/stamps`. Contents count, not times, so a fresh checkout or a touched file changes nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { inRoot, ROOT } from './paths.mjs';

const SKIPPED = new Set(['node_modules', 'target', 'build', 'dist', 'out', '.git']);

/** Every file below `path` (or the file itself), in a stable order; missing paths count as empty. */
export function filesBelow(path, wanted = () => true) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return wanted(path) ? [path] : [];
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap(entry => {
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(join(path, entry.name), wanted);
    const file = join(path, entry.name);
    return entry.isFile() && wanted(file) ? [file] : [];
  });
}

/** @param {string[]} paths files and folders below the root @param {(file: string) => boolean} [wanted] */
export function hashOf(paths, wanted) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(path => filesBelow(inRoot(path), wanted))) {
    const bytes = readFileSync(file);
    hash.update(`${relative(ROOT, file).split(sep).join('/')}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

const stampFile = name => inRoot('build', 'stamps', `${name}.json`);

/** What was written after the step's last success, or `undefined`. */
export function readStamp(name) {
  try {
    return JSON.parse(readFileSync(stampFile(name), 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeStamp(name, value) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), `${JSON.stringify(value)}\n`);
}

/** Forgets a step, so that a failure half-way is never taken for a success. */
export const dropStamp = name => rmSync(stampFile(name), { force: true });
