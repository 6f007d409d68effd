/**
 * What a suite is given: the library under test, its built guests, and where rows go. The library
 * is found through `root`, so the same suites measure another checkout too.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addonFile } from '../../../scripts/lib/paths.mjs';
import { row } from './stats.mjs';

const require = createRequire(import.meta.url);

/** Profiles whose numbers mean nothing: an unoptimised engine answers 16 times slower. */
const UNOPTIMISED = new Set(['debug', 'dev', 'test']);

/**
 * @typedef {object} RunOptions
 * @property {string} root      checkout whose `dist/`, addon and `build/guests/` are measured
 * @property {number} repeats
 * @property {boolean} quick    smaller and shorter, to see that everything runs; no real numbers
 */

export class BenchContext {
  /** @type {import('./stats.mjs').Row[]} */
  rows = [];

  /**
   * @param {RunOptions} options
   * @param {typeof import('wasm-troupe')} troupe
   * @param {{ version: string, profile: string, target: string }} build
   * @param {{ calibrate: () => void }} native
   */
  constructor(options, troupe, build, native) {
    this.root = options.root;
    this.repeats = options.repeats;
    this.quick = options.quick;
    this.troupe = troupe;
    this.build = build;
    this.native = native;
  }

  /**
   * Notes a row: one value per repeat.
   *
   * @param {string} name
   * @param {import('./stats.mjs').Row['unit']} unit
   * @param {number[]} values
   * @param {string} what
   */
  report(name, unit, values, what) {
    this.rows.push(row(name, unit, values, what));
  }

  /** A count for a full run, or a smaller one for `--quick`. */
  scale(full, quick) {
    return this.quick ? quick : full;
  }

  /** Path of a built guest, given without its extension. */
  guest(name) {
    const path = join(this.root, 'build', 'guests', `${name}.wasm`);
    if (!existsSync(path)) throw new Error(`${path} is missing: build the guests first (npm run build:guests)`);
    return path;
  }

  /**
   * A system for one suite: quiet, with a process-wide cache like a user's, and a fixed seed.
   *
   * @param {import('wasm-troupe').SystemOptions} [options]
   */
  createSystem(options = {}) {
    return this.troupe.ActorSystem.create({ name: 'bench', seed: 1, logger: false, ...options });
  }

  /**
   * Runs `body` once to warm up and then once per repeat.
   *
   * @template T
   * @param {(repeat: number) => Promise<T>} body
   * @returns {Promise<T[]>}
   */
  async repeat(body) {
    await body(-1);
    const results = [];
    for (let index = 0; index < this.repeats; index += 1) {
      globalThis.gc?.();
      results.push(await body(index));
    }
    return results;
  }
}

/**
 * Loads the library of `options.root` and refuses a build that would give misleading numbers.
 *
 * @param {RunOptions} options
 */
export async function openContext(options) {
  const troupe = await import(pathToFileURL(join(options.root, 'dist', 'index.js')).href);
  const native = require(process.env.NAPI_RS_NATIVE_LIBRARY_PATH || join(options.root, addonFile()));
  const build = native.buildInfo();
  if (UNOPTIMISED.has(build.profile)) {
    throw new Error(`the addon was built with profile '${build.profile}', which is not optimised: build another first`);
  }
  return new BenchContext(options, troupe, build, native);
}
