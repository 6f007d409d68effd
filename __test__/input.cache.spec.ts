import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { platformFolder } from '../src/cache-folder.js';
import { answers, guest, nextEvent, systemFor } from './helpers/system.js';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-cache-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath ?? entry.path, entry.name));
}

/** Loads and runs a component in a system of its own. */
async function load(t: ExecutionContext, dir: string, name = 'echo') {
  const system = await systemFor(t, { cache: { dir } });
  const component = await system.load(guest(name));
  const ref = await system.spawn(component);
  t.not((await ref.ask(Uint8Array.of(1, 2, 3, 4))).length, 0);
  return component;
}

/** A folder that cannot be used is one event, and the component runs all the same. */
async function unusable(t: ExecutionContext, dir: string): Promise<void> {
  const system = await systemFor(t, { cache: { dir } });
  const event = nextEvent(system, 'cache:unusable');
  const component = await system.load(guest('echo'));
  t.true(await answers(await system.spawn(component)));
  t.true((await event).text.includes(dir), (await event).text);
}

test('a component is compiled once per content', async t => {
  const dir = join(await folderFor(t), 'deep', 'inside');
  t.false((await load(t, dir)).fromCache);
  t.true((await load(t, dir)).fromCache);
  t.false((await load(t, dir, 'counter')).fromCache);
});

test('what is kept is readable by its owner only', async t => {
  if (process.platform === 'win32') return t.pass('Windows has no such permissions');
  const dir = await folderFor(t);
  await load(t, dir);
  const files = await filesBelow(dir);
  t.true(files.length > 0);
  for (const file of files) t.is((await stat(file)).mode & 0o077, 0, file);
  return undefined;
});

test('a corrupt entry is compiled again', async t => {
  const dir = await folderFor(t);
  await load(t, dir);
  for (const damage of ['truncated', 'flipped', 'emptied'] as const) {
    for (const file of await filesBelow(dir)) {
      const content = await readFile(file);
      if (damage === 'truncated') await writeFile(file, content.subarray(0, content.length / 2));
      if (damage === 'flipped')
        await writeFile(
          file,
          content.map((byte, at) => (at % 97 === 50 ? byte ^ 0xff : byte)),
        );
      if (damage === 'emptied') await writeFile(file, '');
    }
    t.false((await load(t, dir)).fromCache, damage);
    t.true((await load(t, dir)).fromCache, damage);
  }
});

test('an entry for other content is never taken', async t => {
  const [dir, other] = [await folderFor(t), await folderFor(t)];
  await load(t, dir, 'echo');
  await load(t, other, 'counter');
  const [mine] = await filesBelow(dir);
  const [theirs] = await filesBelow(other);
  await cp(theirs ?? '', mine ?? '');
  t.false((await load(t, dir, 'echo')).fromCache);
});

test('a folder below a regular file is an event', async t => {
  const file = join(await folderFor(t), 'file');
  await writeFile(file, 'not a folder');
  await unusable(t, join(file, 'cache'));
});

test('a folder that nobody can write to is an event', async t => {
  if (process.platform !== 'linux') return t.pass('there is no such folder here');
  await unusable(t, '/proc/self/troupe');
  return undefined;
});

test('a folder that belongs to another user is not used', async t => {
  if (process.getuid?.() !== 0) return t.pass('only root can give a folder away');
  const dir = join(await folderFor(t), 'foreign');
  await mkdir(dir, { mode: 0o777 });
  await chown(dir, 65_534, 65_534);
  await unusable(t, dir);
  t.deepEqual(await filesBelow(dir), []);
  return undefined;
});

test('without a cache nothing is kept', async t => {
  const system = await systemFor(t, { cache: false });
  t.false((await system.load(guest('sum'))).fromCache);
});

test("the folder is the platform's", t => {
  t.is(platformFolder('linux', { XDG_CACHE_HOME: '/x' }), join('/x', 'wasm-troupe'));
  t.regex(platformFolder('linux', { XDG_CACHE_HOME: 'relative' }) ?? '', /\.cache.wasm-troupe$/);
  t.regex(platformFolder('darwin', {}) ?? '', /Library.Caches.wasm-troupe$/);
  t.is(platformFolder('win32', { LOCALAPPDATA: 'C:\\L' }), join('C:\\L', 'wasm-troupe', 'Cache'));
});
