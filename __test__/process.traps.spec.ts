import test from 'ava';
import { runScript } from './helpers/child.js';

/** A module for V8 that reads far out of bounds, and one that recurses without end. */
const V8 = `
const v8Module = new WebAssembly.Module(Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 9, 2, 96, 1, 127, 1, 127, 96, 0, 0,
  3, 3, 2, 0, 1,
  5, 3, 1, 0, 1,
  7, 18, 2, 4, 114, 101, 97, 100, 0, 0, 7, 114, 101, 99, 117, 114, 115, 101, 0, 1,
  10, 14, 2, 7, 0, 32, 0, 40, 2, 0, 11, 4, 0, 16, 1, 11));
const { read, recurse } = new WebAssembly.Instance(v8Module).exports;
const v8Traps = () => {
  let count = 0;
  for (const address of [65536, 1 << 24, -4]) {
    try { read(address); } catch (error) { count += error instanceof WebAssembly.RuntimeError ? 1 : 0; }
  }
  try { recurse(); } catch (error) { count += error instanceof RangeError ? 1 : 0; }
  return count;
};
`;

const OURS = `
const KINDS = ['trap-on-ff', 'out-of-bounds', 'divide-by-zero', 'stack-overflow'];
const refs = [];
const start = async options => {
  const system = await create(options);
  for (const kind of KINDS) {
    refs.push(await system.spawn(await system.load(guest(kind)), { maxRestarts: Infinity, backoff: 'immediate' }));
  }
  return system;
};
const ourTraps = async () => {
  let count = 0;
  for (const ref of refs) {
    await ref.ask(Uint8Array.of(255)).catch(error => { count += error.code === 'ERR_ACTOR_CRASHED' ? 1 : 0; });
  }
  return count;
};
`;

for (const options of ['{}', '{ inline: false }', "{ trapHandling: 'explicit' }"]) {
  test(`V8's traps come first, ours after, with ${options}`, async t => {
    const ended = await runScript(`${V8}${OURS}
      const first = v8Traps();
      const system = await start(${options});
      console.log(first, await ourTraps(), v8Traps(), await ourTraps());
      await system.shutdown();
      console.log(v8Traps());`);
    t.deepEqual([ended.code, ended.signal, ended.stdout], [0, null, '4 4 4 4\n4\n']);
  });

  test(`ours come first, V8's after, with ${options}`, async t => {
    const ended = await runScript(`${V8}${OURS}
      const system = await start(${options});
      const first = await ourTraps();
      console.log(first, v8Traps(), await ourTraps(), v8Traps());
      for (let round = 0; round < 100; round += 1) if ((await ourTraps()) + v8Traps() !== 8) console.log('round', round);
      await system.shutdown();`);
    t.deepEqual([ended.code, ended.signal, ended.stdout], [0, null, '4 4 4 4\n']);
  });
}
