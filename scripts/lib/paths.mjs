/** Where things are: the repository, cargo's target folder, the addon's file name. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** @param {...string} parts path below the repository's root */
export const inRoot = (...parts) => join(ROOT, ...parts);

/**
 * Where cargo puts what it builds. A folder outside the checkout survives a fresh clone, which saves
 * minutes of compiling the engine; it is used only where somebody made it, or on CI machines.
 */
export function cargoTargetDir(env = process.env) {
  if (env.CARGO_TARGET_DIR) return resolve(ROOT, env.CARGO_TARGET_DIR);
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const shared = join(cache, 'wasm-troupe', 'target');
  return env.CI === 'true' || existsSync(shared) ? shared : inRoot('target');
}

function isMusl() {
  if (process.platform !== 'linux') return false;
  const header = /** @type {any} */ (process.report?.getReport())?.header;
  return header !== undefined && header.glibcVersionRuntime === undefined;
}

/** Names of this machine in the words of npm and napi: `linux-x64-gnu`, `darwin-arm64` … */
export function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

/** The addon's file name at the root of the repository and in its platform package. */
export const addonFile = (platform = platformName()) => `troupe.${platform}.node`;

/** What cargo calls the addon. */
export function cargoLibraryFile() {
  if (process.platform === 'win32') return 'troupe_napi.dll';
  return process.platform === 'darwin' ? 'libtroupe_napi.dylib' : 'libtroupe_napi.so';
}

/** @param {string} path below the root */
export const readJson = path => JSON.parse(readFileSync(inRoot(path), 'utf8'));
