/**
 * The demo's command line: `npm start [folder] [-- --json]`.
 *
 * @typedef {object} DemoOptions
 * @property {string} folder   absolute path of the folder to read
 * @property {boolean} json    print one JSON object instead of text
 * @property {boolean} help    print the usage and leave
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const USAGE = `Usage: npm start [-- [folder] [--json]]

Counts the words of every file below a folder with WebAssembly components as actors.

  folder    what to read; default: this repository with node_modules.
            Left out everywhere: .git, folders named target, symbolic links,
            and whatever comes after the first 200 MB.
  --json    print one JSON object instead of text
  --help    print this
`;

/** A mistake on the command line: its message is for the user, the exit code is 2. */
export class UsageError extends Error {}

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/**
 * @param {string[]} argv arguments after the script's own name
 * @returns {DemoOptions}
 */
export function parseArguments(argv) {
  const options = { folder: '', json: false, help: false };
  let onlyPaths = false;
  for (const argument of argv) {
    if (onlyPaths || !argument.startsWith('-')) {
      if (options.folder !== '')
        throw new UsageError(`one folder at a time: '${options.folder}' and '${argument}' given`);
      options.folder = argument;
    } else if (argument === '--') onlyPaths = true;
    else if (argument === '--json') options.json = true;
    else if (argument === '--help' || argument === '-h') options.help = true;
    else throw new UsageError(`unknown option '${argument}'`);
  }
  options.folder = resolve(options.folder === '' ? REPOSITORY : options.folder);
  if (!options.help) requireFolder(options.folder);
  return options;
}

/** @param {string} folder */
function requireFolder(folder) {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`no such folder: ${folder}`);
  if (!found.isDirectory()) throw new UsageError(`not a folder: ${folder}`);
}
