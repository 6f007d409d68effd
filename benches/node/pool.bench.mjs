/**
 * `pool.*`: one-way messages from JavaScript to a pool of eight components, until they are handled, for
 * each way to choose a member: what choosing costs over `tell`.
 */
import { batchRate } from './lib/batch.mjs';
import { countedBy, loadGuest, MESSAGE, requireCount } from './lib/guests.mjs';

const MEMBERS = 8;
const PER_TICK = 1000;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  for (const routing of ['round-robin', 'least-queued', 'hash']) await rate(bench, routing);
}

async function rate(bench, routing) {
  const name = `pool.${routing}`;
  const system = await bench.createSystem({ threads: 1 });
  const component = await loadGuest(bench, system, 'counter');
  const hash = routing === 'hash' ? { hash: payload => payload.length } : {};
  const limits = { mailbox: 0, mailboxBytes: 0 };
  const pool = await system.pool(component, { size: MEMBERS, routing, limits, ...hash });
  const members = pool.children;
  const ticks = bench.scale(100, 5);
  const batch = PER_TICK * ticks;
  let told = 0;
  const round = async () => {
    for (let tick = 0; tick < ticks; tick += 1) {
      for (let index = 0; index < PER_TICK; index += 1) pool.tell(MESSAGE.payload);
      await null;
    }
    await Promise.all(members.map(member => member.ask(MESSAGE.payload)));
    told += batch + MEMBERS;
  };
  const rates = await bench.repeat(() => batchRate(name, batch, round, { seconds: bench.scale(2, 0.2) }));
  requireCount(name, await countedBy(members), told);
  const what = `1,000 tells of 64 bytes a tick to a pool of ${MEMBERS} components, ${routing}`;
  bench.report(name, 'per_s', rates, `${what}, until handled, 1 thread, through the bridge, benny`);
  await system.shutdown();
}
