/** The command line of a language's `build.mjs`: `node build.mjs ACTOR.ts [-o ACTOR.wasm]`. */
import { writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Builds what the command line names, if the module at `url` is the program that runs.
 *
 * @param {string} url
 * @param {(source: string) => Promise<Uint8Array>} build
 */
export async function command(url, build) {
  const path = fileURLToPath(url);
  if (process.argv[1] !== path) return;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' } },
  });
  const [source] = positionals;
  if (source === undefined) {
    const program = `guests/${basename(dirname(path))}/${basename(path)}`;
    console.error(`usage: node ${program} ACTOR.ts [-o ACTOR.wasm]`);
    process.exitCode = 2;
    return;
  }
  writeFileSync(values.output ?? source.replace(/\.[cm]?[jt]s$/, '.wasm'), await build(source));
}
