/**
 * `tell.*`: one-way messages from JavaScript, until the components have handled them. The mailboxes
 * are unbounded here, since a tell never waits; each batch ends with an ask to every actor, which
 * is answered after all tells before it.
 */
import { batchRate } from './lib/batch.mjs';
import { countedBy, MESSAGE, requireCount, spawnMany } from './lib/guests.mjs';

const ACTORS = 100;
const PER_TICK = 1000;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  await rate(
    bench,
    'tell.100x1000',
    ACTORS,
    PER_TICK,
    bench.scale(100, 5),
    '1,000 tells of 64 bytes a tick over 100 components',
  );
  await rate(bench, 'tell.1', 1, 1, bench.scale(200_000, 2_000), 'one tell of 64 bytes a tick to one component');
}

async function rate(bench, name, actorCount, perTick, ticks, what) {
  const system = await bench.createSystem({ threads: 1 });
  const actors = await spawnMany(bench, system, 'counter', actorCount, { limits: { mailbox: 0, mailboxBytes: 0 } });
  const batch = perTick * ticks;
  let told = 0;
  let asked = 0;
  const round = async () => {
    for (let tick = 0; tick < ticks; tick += 1) {
      for (let index = 0; index < perTick; index += 1) actors[index % actorCount].tell(MESSAGE.payload);
      await null;
    }
    await Promise.all(actors.map(actor => actor.ask(MESSAGE.payload)));
    told += batch;
    asked += actorCount;
  };
  const rates = await bench.repeat(() => batchRate(name, batch, round, { seconds: bench.scale(2, 0.2) }));
  requireCount(name, await countedBy(actors), told + asked);
  bench.report(name, 'per_s', rates, `${what}, until handled, 1 thread, through the bridge, benny`);
  await system.shutdown();
}
