/**
 * Builds `dist`: declarations file by file from the compiler, code as one file for each entry and one
 * that they share. Importing sixty small files took Node as long as starting itself.
 */
import { rmSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { mustSucceed, runNode, ToolError } from './run.mjs';

/** What users import; the keys of `exports` in package.json. */
const ENTRIES = ['src/index.ts', 'src/testing/index.ts', 'src/cbor.ts'];

/** What `dist` is built from. */
export const TYPESCRIPT_INPUTS = [
  'src',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/lib/typescript.mjs',
  'package-lock.json',
];

/**
 * Fetches Node's own modules as `require` would. An `import` of one evaluates whatever it exports:
 * for node:fs that is all of Node's streams, which this package never touches.
 */
const BUILTINS = {
  name: 'builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin', sideEffects: false }));
    build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
  },
};

/** Builds `dist` from nothing. */
export async function buildTypeScript() {
  rmSync(inRoot('dist'), { recursive: true, force: true });
  const compiler = inRoot('node_modules/typescript/bin/tsc');
  mustSucceed(await runNode(compiler, ['-p', 'tsconfig.build.json']), 'The TypeScript build');
  // Installed by an earlier step, so it cannot be imported at the top.
  const { build } = await import('esbuild');
  try {
    await build({
      entryPoints: ENTRIES.map(path => inRoot(path)),
      outdir: inRoot('dist'),
      outbase: inRoot('src'),
      bundle: true,
      // Common code goes into a file of its own: both entries see the same classes and the same addon.
      splitting: true,
      chunkNames: 'shared-[hash]',
      format: 'esm',
      platform: 'node',
      plugins: [BUILTINS],
      // Installed by whoever imports `wasm-troupe/cbor`.
      external: ['cborg', 'cborg/*'],
      target: 'node20.19',
      tsconfig: inRoot('tsconfig.build.json'),
      // Not minified: a stack trace shows names, lines and, with `--enable-source-maps`, the sources.
      sourcemap: true,
      legalComments: 'none',
      logLevel: 'silent',
    });
  } catch (error) {
    throw new ToolError(`The bundling of src failed: ${error.message}`);
  }
}
