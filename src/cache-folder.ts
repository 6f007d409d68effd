/** Where compiled components are kept when nobody says otherwise. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** A folder for compiled components. */
export interface CacheFolder {
  /** Its path; default `wasm-troupe` in the user's cache folder. */
  readonly dir?: string | undefined;
}

const FOLDER = 'wasm-troupe';

/** The folder that `dir` names, or the user's cache folder as the platform has it; `null` for neither. */
export function cacheFolder(dir: string | undefined): string | null {
  return dir === undefined ? platformFolder(process.platform, process.env) : resolve(dir);
}

/** The user's cache folder for this library. */
export function platformFolder(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = env;
  // The XDG rules: a relative path is ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, FOLDER);
  if (platform === 'win32' && local) return join(local, FOLDER, 'Cache');
  try {
    const parts = platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
    return join(homedir(), ...parts, FOLDER);
  } catch {
    // A user without a home has no cache either.
    return null;
  }
}
