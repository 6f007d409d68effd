/**
 * Finds the files to read. In: a folder. Out: paths and sizes in a fixed order, so that two runs
 * over the same folder read the same bytes. Symbolic links are never followed, so the walk cannot
 * leave the folder or go in circles.
 *
 * @typedef {object} Found
 * @property {{ path: string, size: number }[]} files  `size` is how many bytes to read at most
 * @property {number} bytes       sum of the sizes
 * @property {boolean} truncated  whether the limit left something out
 * @property {string[]} unreadable  folders and files that could not be looked at
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** At most so many bytes are read in one run. */
export const BYTE_LIMIT = 200_000_000;

/**
 * @param {string} folder
 * @param {number} [limit] bytes
 * @returns {Found}
 */
export function findFiles(folder, limit = BYTE_LIMIT) {
  const found = { files: [], bytes: 0, truncated: false, unreadable: [] };
  walk(folder, limit, found);
  return found;
}

/**
 * @param {string} folder
 * @param {number} limit
 * @param {Found} found
 */
function walk(folder, limit, found) {
  for (const entry of entriesOf(folder, found)) {
    if (found.truncated) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!isLeftOut(entry.name)) walk(path, limit, found);
    } else if (entry.isFile() && entry.name !== '.git') {
      addFile(path, limit, found);
    }
  }
}

/** History and build output: large, and not what a reader means by the folder's text. */
function isLeftOut(name) {
  return name === '.git' || name === 'target';
}

/**
 * Sorted by code unit: `readdir` promises no order, and a locale's order differs between machines.
 * `node_modules` come last, so that the limit leaves out dependencies and not the project itself.
 *
 * @param {string} folder
 * @param {Found} found
 */
function entriesOf(folder, found) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort(
      (a, b) => Number(isDependencies(a)) - Number(isDependencies(b)) || (a.name < b.name ? -1 : 1),
    );
  } catch {
    found.unreadable.push(folder);
    return [];
  }
}

function isDependencies(entry) {
  return entry.name === 'node_modules' && entry.isDirectory();
}

/**
 * The file that crosses the limit is read up to it, so one huge file still gives a run.
 *
 * @param {string} path
 * @param {number} limit
 * @param {Found} found
 */
function addFile(path, limit, found) {
  const size = sizeOf(path);
  if (size === null) {
    found.unreadable.push(path);
    return;
  }
  const room = limit - found.bytes;
  if (size > room) found.truncated = true;
  const taken = Math.min(size, room);
  if (size > 0 && taken === 0) return;
  found.files.push({ path, size: taken });
  found.bytes += taken;
}

/** @param {string} path */
function sizeOf(path) {
  try {
    return lstatSync(path).size;
  } catch {
    return null;
  }
}
