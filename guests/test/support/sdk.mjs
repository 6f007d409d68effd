/** Modules of the TypeScript SDK, bundled and loaded into this process, to be tested without an engine around them. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './component.mjs';

/** @param {string} module  its name in `guests/typescript/sdk` */
export async function sdkModule(module) {
  const result = await build({
    entryPoints: [join(ROOT, 'guests', 'typescript', 'sdk', `${module}.ts`)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  });
  const script = Buffer.from(result.outputFiles[0].contents).toString('base64');
  return import(`data:text/javascript;base64,${script}`);
}
