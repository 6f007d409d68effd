import test from 'ava';
import { type ActorSystem, actor } from '../src/index.js';
import { runScript } from './helpers/child.js';
import { answers, guest, systemFor } from './helpers/system.js';

const MANY = 10_000;
/** Spawns under way at a time. */
const BATCH = 100;
const MIB = 1024 ** 2;

/** Fails to spawn so many times, always under one of the same names. */
async function failToSpawn(count: number, spawn: (name: string) => Promise<unknown>): Promise<Set<string>> {
  const codes = new Set<string>();
  for (let done = 0; done < count; done += BATCH) {
    const attempts = Array.from({ length: BATCH }, (_, index) => spawn(`failing-${index}`));
    for (const attempt of await Promise.allSettled(attempts)) {
      codes.add(attempt.status === 'fulfilled' ? 'it came up' : attempt.reason.code);
    }
  }
  return codes;
}

/** What a system holds that a spawn could have left behind. */
function remains(system: ActorSystem) {
  const { accepted, offered, queued, inHand, balanced } = system.audit();
  const names = Array.from({ length: BATCH }, (_, index) => system.find(`failing-${index}`)).filter(Boolean);
  return { actors: system.actors().length, names: names.length, accepted, offered, queued, inHand, balanced };
}

const NOTHING = { actors: 0, names: 0, accepted: 0, offered: 0, queued: 0, inHand: 0, balanced: true };

test('ten thousand failed spawns in a row leave no name, no store and no counter', async t => {
  const system = await systemFor(t);
  const [failing, trapping] = await Promise.all([system.load(guest('start-fails')), system.load(guest('start-traps'))]);
  const echo = await system.load(guest('echo'));
  const throwing = actor({
    start: () => {
      throw new Error('it does not start');
    },
    handle: () => undefined,
  });
  const kinds: ((name: string) => Promise<unknown>)[] = [
    name => system.spawn(failing, { name }),
    name => system.spawn(trapping, { name }),
    name => system.spawn(echo, { name, faults: { failStart: 1 } }),
    name => system.spawn(throwing, { name }),
  ];
  // What is made once and kept, such as warm instances, is there after the first round.
  for (const spawn of kinds) await failToSpawn(BATCH, spawn);
  const before = process.memoryUsage().rss;
  for (const spawn of kinds) {
    t.deepEqual([...(await failToSpawn(MANY / kinds.length, spawn))], ['ERR_START_FAILED']);
    t.deepEqual(remains(system), NOTHING);
  }
  // Ten thousand stores would be ten thousand memories of 64 KiB at least.
  const grown = (process.memoryUsage().rss - before) / MIB;
  t.true(grown < 200, `${Math.round(grown)} MiB more`);
  t.true(await answers(await system.spawn(echo, { name: 'failing-0' })));
});

test('a name that is taken is refused ten thousand times, and stays with its holder', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const holder = await system.spawn(echo, { name: 'failing-0' });
  const codes = await failToSpawn(MANY, () => system.spawn(echo, { name: 'failing-0' }));
  t.deepEqual([...codes], ['ERR_NAME_TAKEN']);
  t.is(system.find('failing-0')?.id, holder.id);
  t.is(system.actors().length, 1);
  t.true(await answers(holder));
});

test('a script whose spawns all failed exits by itself', async t => {
  const ended = await runScript(`
    const system = await create();
    const component = await system.load(guest('start-fails'));
    let failed = 0;
    for (let count = 0; count < 1000; count += 1) await system.spawn(component).catch(() => { failed += 1; });
    console.log(failed);`);
  t.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, '1000\n', '']);
});
