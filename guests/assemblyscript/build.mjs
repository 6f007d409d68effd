#!/usr/bin/env node
/**
 * Makes a component of an AssemblyScript actor: asc compiles it to a core module, which is then
 * given the world and wrapped.
 *
 *     node guests/assemblyscript/build.mjs ACTOR.ts -o ACTOR.wasm
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { command } from '../command.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const WIT = join(dirname(HERE), 'wit');
const run = promisify(execFile);
const asc = join(dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')), 'bin', 'asc.js');

/** Own options of a guest, one per line at its top: `// asc: --initialMemory 4`. */
function ownOptions(source) {
  return [...readFileSync(source, 'utf8').matchAll(/^\/\/ asc: (.+)$/gm)].flatMap(([, options]) =>
    options.trim().split(/\s+/),
  );
}

/** Paths are relative to this folder, so that the module does not depend on where the checkout lies. */
async function compile(source, output) {
  const options = ['--runtime', 'minimal', '-O3', '--use', 'abort=assembly/sdk/abi/fail'];
  try {
    await run(process.execPath, [asc, relative(HERE, source), '-o', output, ...options, ...ownOptions(source)], {
      cwd: HERE,
    });
  } catch (error) {
    throw new Error(error.stderr || error.message, { cause: error });
  }
  return readFileSync(output);
}

/**
 * @param {string} source  path of the actor's module
 * @returns {Promise<Uint8Array>} the component
 */
export async function build(source) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-troupe-asc-'));
  try {
    const binary = await compile(resolve(source), join(folder, 'core.wasm'));
    // Strings of the language are UTF-16, so the error of `start` passes as it is.
    return await componentNew(await componentEmbed({ binary, witPath: WIT, stringEncoding: 'utf16' }), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await command(import.meta.url, build);
