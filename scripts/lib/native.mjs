/** Builds the addon with cargo and puts it at the root of the repository. */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { addonFile, cargoLibraryFile, cargoTargetDir, inRoot, platformName } from './paths.mjs';
import { Step } from './report.mjs';
import { run, ToolError } from './run.mjs';
import { dropStamp, hashOf, readStamp, writeStamp } from './stamp.mjs';

/** Profiles whose addon is good enough to run and test; an unoptimised one is 16 times slower. */
export const PROFILES = ['local', 'bench-dev', 'release'];

const SOURCES = ['crates', 'Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml'];
const isSource = file =>
  /\.(rs|toml|lock|wit|witx|json)$/.test(file) && !/[\\/](tests|benches|troupe-sim)[\\/]/.test(file);

/**
 * Whether the addon at the root was built from these sources, with `profile` if one is given. With
 * `TROUPE_PREBUILT=1` the addon that lies there is taken as it is: CI tests what it will publish.
 */
export function nativeIsCurrent(profile) {
  if (process.env.TROUPE_PREBUILT === '1' && existsSync(inRoot(addonFile()))) return true;
  const stamp = readStamp('native');
  if (!stamp || !existsSync(inRoot(addonFile()))) return false;
  return (profile === undefined || stamp.profile === profile) && stamp.hash === hashOf(SOURCES, isSource);
}

/** Says in words what is missing before cargo says it in its own. */
export async function checkToolchain() {
  const cargo = await run('cargo', ['--version']);
  if (cargo.code === 127) {
    throw new ToolError(
      'Rust is needed to build the native part, and cargo was not found.\n' +
        'Install it from https://rustup.rs (no version to choose: rust-toolchain.toml names it), open a new terminal, try again.',
    );
  }
  const minimum = /rust-version = "(\d+)\.(\d+)/.exec(readFileSync(inRoot('Cargo.toml'), 'utf8')) ?? ['', '1', '95'];
  const found = /cargo (\d+)\.(\d+)/.exec(cargo.tail.join('\n'));
  if (cargo.code !== 0 || !found) {
    throw new ToolError(
      `cargo does not run:\n${cargo.tail.join('\n')}\n"rustup show" tells which toolchain is active.`,
    );
  }
  if (Number(found[2]) < Number(minimum[2])) {
    throw new ToolError(
      `Rust ${minimum[1]}.${minimum[2]} or newer is needed, ${found[0]} was found. "rustup update" brings a new one.`,
    );
  }
  await checkLinker();
}

async function checkLinker() {
  if (process.platform === 'win32') return;
  const compiler = await run(process.env.CC || 'cc', ['--version']);
  if (compiler.code === 0) return;
  const how =
    process.platform === 'darwin'
      ? '"xcode-select --install" brings one.'
      : 'Install one: "apt install build-essential", "dnf install gcc", "apk add build-base" …';
  throw new ToolError(`A C compiler (cc) is needed to link the native part, and none was found. ${how}`);
}

/**
 * Builds and installs the addon, whether it is current or not.
 * @param {string} profile one of PROFILES
 * @param {import('./report.mjs').Step} step told how far it is
 */
export async function buildNative(profile, step) {
  if (!PROFILES.includes(profile)) {
    throw new ToolError(`--profile: expected ${PROFILES.join(' | ')}, received '${profile}'`);
  }
  await checkToolchain();
  const hash = hashOf(SOURCES, isSource);
  const target = cargoTargetDir();
  const result = await run('cargo', ['build', '--profile', profile, '-p', 'troupe-napi', '--locked'], {
    env: { ...process.env, CARGO_TARGET_DIR: target },
    onLine: cargoProgress(step),
  });
  if (result.code !== 0) throw new ToolError(`the native build failed:\n${cargoErrors(result.tail)}`);
  dropStamp('native');
  const built = join(target, profile, cargoLibraryFile());
  install(built, inRoot(addonFile()));
  // The platform package holds the same file, so that it can be packed as it lies there.
  const packageFolder = inRoot('npm', platformName());
  if (existsSync(packageFolder)) install(built, join(packageFolder, addonFile()));
  writeStamp('native', { profile, hash });
}

/** Counts the crates that cargo compiles; a cold build takes minutes. */
export function cargoProgress(step) {
  let compiled = 0;
  return line => {
    const crate = /^\s*(?:Compiling|Checking) (\S+)/.exec(line);
    if (crate) step.note(`${++compiled} crates, now ${crate[1]}`);
    else if (/^\s*(Downloading|Updating|Blocking|info:)/.test(line)) step.note(line.trim());
  };
}

export const cargoErrors = tail =>
  tail
    .filter(line => !/^\s*(Compiling|Checking|Downloaded|Fresh) /.test(line))
    .slice(-120)
    .join('\n');

/** Puts a file in place in one step: a running Node keeps the one that it has mapped. */
function install(from, to) {
  const fresh = `${to}.${process.pid}.new`;
  copyFileSync(from, fresh);
  try {
    renameSync(fresh, to);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new ToolError(`${to} cannot be replaced (${error.code}); does a running Node use it?`);
  }
}

/** Makes the addon the published one: what benchmarks run. The first build takes some minutes. */
export async function ensureRelease() {
  if (nativeIsCurrent('release')) return;
  const step = new Step('Native build, release (the first one compiles wasmtime: some minutes)');
  try {
    await buildNative('release', step);
    step.done();
  } catch (error) {
    step.failed();
    throw error;
  }
}
