#!/usr/bin/env node
/**
 * Makes a component of a TypeScript actor: esbuild bundles it with the SDK, componentize-qjs puts
 * the bundle into a QuickJS engine and snapshots that.
 *
 *     node guests/typescript/build.mjs ACTOR.ts -o ACTOR.wasm
 */
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from 'componentize-qjs';
import * as esbuild from 'esbuild';
import { command } from '../command.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SDK = join(HERE, 'sdk');
const WIT = join(dirname(HERE), 'wit');
/** In the component a script takes about seven times its size. */
const BIG_BUNDLE = 512 * 1024;

/**
 * Async syntax is lowered, because a synchronous export never runs the engine's own promise jobs;
 * the lowered functions use the global `Promise`, which the SDK replaces. Everything else stays.
 */
const LOWERED = { 'async-await': false, 'async-generator': false, 'for-await': false };

/**
 * @param {string} source  path of the actor's module
 * @returns {Promise<{ script: string, map: string }>}
 */
export async function bundle(source) {
  const result = await esbuild.build({
    stdin: { contents: entry(resolve(source)), resolveDir: HERE, sourcefile: 'entry.ts', loader: 'ts' },
    absWorkingDir: HERE,
    outfile: 'actor.js',
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    supported: LOWERED,
    alias: { 'wasm-troupe/guest': join(SDK, 'index.ts') },
    external: ['wasi:*'],
    keepNames: true,
    sourcemap: 'external',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const text = extension => result.outputFiles.find(file => file.path.endsWith(extension)).text;
  return { script: text('.js'), map: text('.map') };
}

/** The set-up comes first: it replaces globals that the actor's imports use while they load. */
function entry(source) {
  const path = file => JSON.stringify(file.replaceAll('\\', '/'));
  return `import ${path(join(SDK, 'setup.ts'))};
import { serve } from ${path(join(SDK, 'runtime.ts'))};
import definition from ${path(source)};
export const { start, handle, health, stop } = serve(definition);
`;
}

/**
 * @param {string} source
 * @param {{ warn?: (text: string) => void }} [options]
 * @returns {Promise<Uint8Array>} the component
 */
export async function build(source, { warn = console.warn } = {}) {
  const { script } = await bundle(source);
  if (script.length > BIG_BUNDLE) {
    const kib = Math.round(script.length / 1024);
    warn(`${basename(source)}: the bundle has ${kib} KiB, and its component will be some seven times as big`);
  }
  const { component } = await componentize({ witPath: WIT, jsSource: script, sync: true, optSize: true });
  return component;
}

await command(import.meta.url, build);
