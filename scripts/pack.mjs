/**
 * `npm run pack:check [-- --profile release] [-- --keep]`: packs the package and the platform package
 * of this machine, installs both into an empty folder with no Rust on the PATH, and runs the
 * README's example there, as a user would.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, main } from './bootstrap.mjs';
import { buildNative, nativeIsCurrent } from './lib/native.mjs';
import { addonFile, inRoot, platformName } from './lib/paths.mjs';
import { Step, say } from './lib/report.mjs';
import { mustSucceed, run, runNode, runNpm, ToolError } from './lib/run.mjs';

const MAX_ADDON_BYTES = 16 * 1024 * 1024;

async function step(title, work) {
  const line = new Step(title);
  try {
    line.done((await work(line)) ?? '');
  } catch (error) {
    line.failed();
    throw error;
  }
}

/** Packs one folder and returns the tarball's path. */
async function pack(folder, out) {
  const json = [];
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out, '--loglevel=error'];
  const onLine = (line, isError) => {
    if (!isError) json.push(line);
  };
  mustSucceed(await runNpm(args, { cwd: folder, onLine }), `npm pack in ${folder}`);
  const report = JSON.parse(json.join('\n'));
  // An array, or since npm 12 an object by package name.
  const [{ filename, files }] = Array.isArray(report) ? report : Object.values(report);
  return { tarball: join(out, filename), files: files.map(({ path }) => path) };
}

/** The platform package, with the addon put where its manifest expects it. */
function packPlatform(out) {
  const folder = inRoot('npm', platformName());
  if (!existsSync(folder)) throw new ToolError(`there is no package for ${platformName()}`);
  copyFileSync(inRoot(addonFile()), join(folder, addonFile()));
  return pack(folder, out);
}

/** The environment of a user without Rust: a PATH that holds node and nothing else. */
function withoutRust(bin) {
  mkdirSync(bin);
  if (process.platform !== 'win32') symlinkSync(process.execPath, join(bin, 'node'));
  const env = { ...process.env, PATH: process.platform === 'win32' ? dirname(process.execPath) : bin };
  for (const name of Object.keys(env)) if (/^(npm_|CARGO|RUST|Path$)/.test(name)) delete env[name];
  return env;
}

const EXAMPLE = /^```js runnable\n([\s\S]*?)^```$/m;

async function tryOut(folder, tarballs) {
  const env = withoutRust(join(folder, 'bin'));
  const cargo = await run('cargo', ['--version'], { env, cwd: folder });
  if (cargo.code !== 127) throw new ToolError('cargo can still be found; this would prove nothing');
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs];
  const options = { env, cwd: folder };
  mustSucceed(await runNode(npmScript(), install, options), 'npm install');
  const example = EXAMPLE.exec(readFileSync(inRoot('README.md'), 'utf8'))?.[1];
  if (example === undefined) throw new ToolError('the README has no runnable example');
  writeFileSync(join(folder, 'example.mjs'), example);
  const printed = [];
  const onLine = (line, isError) => {
    if (!isError) printed.push(line);
  };
  mustSucceed(await run(process.execPath, ['example.mjs'], { ...options, onLine }), "the README's example");
  const expected = [...example.matchAll(/console\.log\(.*\);\s*\/\/ (.+)$/gm)].map(match => match[1].trim());
  if (printed.join('\n') !== expected.join('\n')) {
    throw new ToolError(`the example printed\n${printed.join('\n')}\ninstead of\n${expected.join('\n')}`);
  }
  return printed.join(' · ');
}

/** npm's own script: there is no npm on the PATH that we leave. */
function npmScript() {
  const script = process.env.npm_execpath;
  if (!script?.endsWith('.js')) throw new ToolError('run this with npm: npm run pack:check');
  return script;
}

const mega = bytes => `${(bytes / 1e6).toFixed(1)} MB`;

await main(async () => {
  const { values } = parseArgs({
    options: { profile: { type: 'string', default: 'release' }, keep: { type: 'boolean', default: false } },
  });
  await bootstrap();
  if (!nativeIsCurrent(values.profile))
    await step(`Native build (profile ${values.profile})`, line => buildNative(values.profile, line));
  const out = inRoot('build', 'pack');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const tarballs = [];
  await step('Pack', async () => {
    const root = await pack(inRoot(), out);
    if (!root.files.includes('dist/index.js')) throw new ToolError('dist/index.js is not in the package');
    const platform = await packPlatform(out);
    tarballs.push(root.tarball, platform.tarball);
    return tarballs.map(path => `${path.slice(out.length + 1)} ${mega(statSync(path).size)}`).join(', ');
  });
  await step("The README's example in an empty folder, without Rust", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-pack-'));
    try {
      return await tryOut(folder, tarballs);
    } finally {
      if (values.keep) say(`kept ${folder}`);
      else rmSync(folder, { recursive: true, force: true });
    }
  });
  const size = statSync(inRoot(addonFile())).size;
  say(`addon: ${mega(size)}`);
  if (values.profile === 'release' && size > MAX_ADDON_BYTES)
    throw new ToolError(`the addon is larger than ${mega(MAX_ADDON_BYTES)}`);
});
