import test from 'ava';
import { NativeLoadError } from '../src/errors.js';
import { type Machine, searchNative, targetOf } from '../src/native-search.js';

const LINUX: Machine = { platform: 'linux', arch: 'x64', libc: 'gnu', glibc: '2.36' };

function missing(name: string): never {
  throw Object.assign(new Error(`Cannot find module '${name}'\nRequire stack:\n- x`), { code: 'MODULE_NOT_FOUND' });
}

function search(options: Partial<Parameters<typeof searchNative>[0]>): unknown {
  return searchNative({
    machine: LINUX,
    override: undefined,
    root: '/p',
    exists: () => false,
    load: missing,
    ...options,
  });
}

test('a machine has one target', t => {
  t.is(targetOf(LINUX), 'linux-x64-gnu');
  t.is(targetOf({ platform: 'linux', arch: 'arm64', libc: 'musl' }), 'linux-arm64-musl');
  t.is(targetOf({ platform: 'darwin', arch: 'arm64', libc: null }), 'darwin-arm64');
  t.is(targetOf({ platform: 'win32', arch: 'x64', libc: null }), 'win32-x64-msvc');
});

test("the user's own path comes first, then a local build, then the platform's package", t => {
  const load = (request: string) => request;
  t.is(search({ override: '/own.node', exists: () => true, load }), '/own.node');
  t.is(search({ exists: path => path.endsWith('troupe.linux-x64-gnu.node'), load }), '/p/troupe.linux-x64-gnu.node');
  t.is(search({ load }), 'wasm-troupe-linux-x64-gnu');
});

test('an unsupported platform is named, with the platforms that are supported', t => {
  const machine: Machine = { platform: 'sunos', arch: 'x64', libc: null };
  const error = t.throws(() => search({ machine }), { instanceOf: NativeLoadError });
  t.is(error?.code, 'ERR_NATIVE_UNSUPPORTED');
  t.regex(error?.message ?? '', /platform sunos, architecture x64 .*linux-x64-gnu.*NAPI_RS_NATIVE_LIBRARY_PATH/s);
});

test('32-bit machines are unsupported', t => {
  const machine: Machine = { platform: 'win32', arch: 'ia32', libc: null };
  t.throws(() => search({ machine }), { instanceOf: NativeLoadError, message: /win32-ia32-msvc/ });
});

test('a package that is not installed is named, with the three usual causes', t => {
  const error = t.throws(() => search({}), { instanceOf: NativeLoadError });
  const message = error?.message ?? '';
  t.regex(message, /'wasm-troupe-linux-x64-gnu'.*platform linux, architecture x64, C library gnu/);
  t.regex(message, /1\. the lockfile .*2\. optional dependencies .*3\. node_modules was copied/s);
});

test('an addon that cannot be loaded says why, and which glibc was found', t => {
  const load = () => {
    throw new Error("/lib/libc.so.6: version `GLIBC_2.99' not found");
  };
  const error = t.throws(() => search({ load }), { instanceOf: NativeLoadError });
  t.regex(error?.message ?? '', /glibc 2\.36 found.*GLIBC_2\.99' not found/);
  t.true(error?.cause instanceof Error);
});

test('a module that the package itself misses is not taken for the package', t => {
  const load = () => missing('./troupe.node');
  t.throws(() => search({ load }), { instanceOf: NativeLoadError, message: /cannot be loaded/ });
});

test("the user's own path is never passed over", t => {
  const error = t.throws(() => search({ override: '/nowhere.node', exists: () => true }), {
    instanceOf: NativeLoadError,
  });
  t.regex(error?.message ?? '', /\/nowhere\.node \(NAPI_RS_NATIVE_LIBRARY_PATH\)/);
});
