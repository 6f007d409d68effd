/** Runs a built guest in this process's own engine, so that guests are tested without the addon. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { WASIShim } from '@bytecodealliance/preview2-shim/instantiation';
import { concat, readFrame, readResult } from './frames.mjs';

// The engine of Node 20 has arithmetic in constant expressions, which QuickJS components use, behind a flag.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-extended-const');

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * @typedef {object} Guest
 * @property {(...frames: Uint8Array[]) => import('./frames.mjs').Result} turn  feeds frames as one turn
 * @property {(turn: Uint8Array) => Uint8Array} raw  the same, in bytes
 * @property {(...frames: Uint8Array[]) => void} start
 * @property {() => import('./frames.mjs').Frame} health  the answer to a probe
 * @property {() => void} stop
 * @property {string[]} exports
 */

/** @type {Map<string, Promise<(imports?: object) => Guest>>} */
const programs = new Map();

/**
 * A fresh instance of `build/guests/NAME.wasm`.
 *
 * @param {string} name
 * @returns {Promise<Guest>}
 */
export async function guest(name) {
  if (!programs.has(name)) programs.set(name, compile(readFileSync(join(ROOT, 'build', 'guests', `${name}.wasm`))));
  return (await programs.get(name))();
}

/** @param {Uint8Array} bytes */
export async function compile(bytes) {
  const { files } = await transpileBytes(bytes, {
    name: 'guest',
    instantiation: 'sync',
    emitTypescriptDeclarations: false,
  });
  const entries = Object.entries(files);
  const cores = new Map(
    entries
      .filter(([path]) => path.endsWith('.wasm'))
      .map(([path, content]) => [basename(path), new WebAssembly.Module(content)]),
  );
  const [, source] = entries.find(([path]) => path.endsWith('.js'));
  const { instantiate } = await importSource(source);
  return () => wrap(instantiate(path => cores.get(path), new WASIShim().getImportObject()));
}

async function importSource(source) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-troupe-guest-'));
  try {
    const file = join(folder, 'guest.mjs');
    writeFileSync(file, source);
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function wrap(exports) {
  return {
    turn: (...frames) => readResult(exports.handle(concat(...frames))),
    raw: turn => exports.handle(turn),
    start: (...frames) => exports.start(concat(...frames)),
    health: () => readFrame(exports.health()),
    stop: () => exports.stop(),
    exports: Object.keys(exports),
  };
}
