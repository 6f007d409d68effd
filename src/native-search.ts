/**
 * Finds the addon that fits this machine, and says in our own words why there is none.
 * Pure: what the machine is and how a file is loaded come in, so that every outcome can be tested.
 */
import { join } from 'node:path';
import { createError, type TroupeError } from './errors.js';

/** What decides which addon fits. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Which C library; `null` where there is no choice. */
  readonly libc: 'gnu' | 'musl' | null;
  /** Version of glibc, where there is one. */
  readonly glibc?: string | undefined;
}

/** Where to look. */
export interface SearchOptions {
  readonly machine: Machine;
  /** Path that the user set in `NAPI_RS_NATIVE_LIBRARY_PATH`. */
  readonly override: string | undefined;
  /** Folder of this package. */
  readonly root: string;
  readonly exists: (path: string) => boolean;
  /** Loads a path or a package; throws as `require` does. */
  readonly load: (request: string) => unknown;
}

const TARGETS: ReadonlySet<string> = new Set([
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
]);

/** The name that the addon's file and package carry for a machine. */
export function targetOf({ platform, arch, libc }: Machine): string {
  if (platform === 'win32') return `${platform}-${arch}-msvc`;
  return libc === null ? `${platform}-${arch}` : `${platform}-${arch}-${libc}`;
}

/** Loads the addon: the user's own path, then a local build, then the platform's package. */
export function searchNative(options: SearchOptions): unknown {
  const { machine, override, root, exists, load } = options;
  if (override) return attempt(machine, override, load, 'NAPI_RS_NATIVE_LIBRARY_PATH');
  const target = targetOf(machine);
  const local = join(root, `troupe.${target}.node`);
  if (exists(local)) return attempt(machine, local, load, 'the local build');
  if (!TARGETS.has(target)) throw unsupported(machine, target);
  const name = `wasm-troupe-${target}`;
  try {
    return load(name);
  } catch (error) {
    throw isMissing(error, name) ? notInstalled(machine, name, error) : loadFailed(machine, name, error);
  }
}

function attempt(machine: Machine, path: string, load: (request: string) => unknown, origin: string): unknown {
  try {
    return load(path);
  } catch (error) {
    throw loadFailed(machine, `${path} (${origin})`, error);
  }
}

/** Whether `name` itself is missing, not something that it needs. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'MODULE_NOT_FOUND' && typeof message === 'string' && message.includes(`'${name}'`);
}

function describe({ platform, arch, libc }: Machine): string {
  return `platform ${platform}, architecture ${arch}${libc === null ? '' : `, C library ${libc}`}`;
}

function unsupported(machine: Machine, target: string): TroupeError {
  return createError('ERR_NATIVE_UNSUPPORTED', {
    message:
      `wasm-troupe has no addon for ${describe(machine)} (${target}). ` +
      `There are addons for ${[...TARGETS].join(', ')}. ` +
      'Run a 64-bit Node.js on one of these, or build the addon yourself and set NAPI_RS_NATIVE_LIBRARY_PATH to its file.',
  });
}

function notInstalled(machine: Machine, name: string, cause: unknown): TroupeError {
  return createError('ERR_NATIVE_UNSUPPORTED', {
    message: `wasm-troupe needs the package '${name}' on this machine (${describe(machine)}), and it is not installed. The usual causes:
  1. the lockfile was made on another platform (npm/cli#4828): delete node_modules and package-lock.json, then run npm install;
  2. optional dependencies were left out: install without --omit=optional or --no-optional;
  3. node_modules was copied from another platform, or into another container image: run npm install there.
Or set NAPI_RS_NATIVE_LIBRARY_PATH to the file of an addon that fits.`,
    cause,
  });
}

function loadFailed(machine: Machine, what: string, cause: unknown): TroupeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const libc = machine.glibc === undefined ? '' : `, glibc ${machine.glibc} found`;
  return createError('ERR_NATIVE_UNSUPPORTED', {
    message:
      `The addon ${what} is there but cannot be loaded (${describe(machine)}${libc}): ${reason}\n` +
      'Install the package for this machine again, or set NAPI_RS_NATIVE_LIBRARY_PATH to the file of an addon that fits.',
    cause,
  });
}
