/**
 * `topics.*`: a message that one of many subscriptions matches, among a thousand of them and among a million.
 *
 * Both rows have as many actors, so that only the number of subscriptions differs: the broker keeps the routes of a
 * thousand topics; a million are looked up anew, each in cold memory, and so is the subscription at the actor, which
 * has a thousand of them. `cargo bench -p troupe-broker` has the look-up by itself, without kept routes on either side.
 */
import { loadGuest, MESSAGE, requireCount } from './lib/guests.mjs';
import { secondsSince } from './lib/latency.mjs';

const ACTORS = 1_000;
const BATCH = 20_000;
const TICK = 500;
/** A step through all subscriptions that meets each once: prime, and far from the last one. */
const STRIDE = 7_919;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const many = bench.scale(1_000_000, 10_000);
  const small = await measure(bench, 1_000, 'topics.match.1k');
  const large = await measure(bench, many, 'topics.match.1m');
  bench.report(
    'topics.match.ratio',
    'ratio',
    large.map((value, index) => value / small[index]),
    `${many} subscriptions divided by 1,000`,
  );
}

async function measure(bench, subscriptions, row) {
  const system = await bench.createSystem({ threads: 1 });
  const counter = await loadGuest(bench, system, 'counter');
  const actors = [];
  const perActor = subscriptions / ACTORS;
  for (let at = 0; at < subscriptions; at += perActor) {
    const actor = await system.spawn(counter, { limits: { mailbox: 0, mailboxBytes: 0 } });
    for (let index = at; index < at + perActor; index += 1) actor.subscribe(topicOf(index));
    actors.push(actor);
  }
  const batch = bench.scale(BATCH, 1_000);
  let next = 0;
  let published = 0;
  const values = await bench.repeat(async () => {
    const topics = Array.from({ length: batch }, () => {
      next = (next + STRIDE) % subscriptions;
      return topicOf(next);
    });
    const start = process.hrtime.bigint();
    for (let index = 0; index < batch; index += 1) {
      system.publish(topics[index], MESSAGE.payload);
      if (index % TICK === TICK - 1) await null;
    }
    // One thread serves its actors in order: whoever got the last message answers after all others.
    const last = actors[Math.floor(next / perActor)];
    await last.ask(MESSAGE.empty);
    published += batch;
    return (secondsSince(start) * 1e9) / batch;
  });
  let handled = 0;
  for (const actor of actors) {
    await actor.ask(MESSAGE.empty);
    handled += actor.status().counters.handled;
  }
  requireCount(row, handled, published + values.length + 1 + actors.length);
  const what = `publish 64 bytes from JavaScript on one of ${subscriptions} topics in turn, each with one subscription of one of ${ACTORS} components, until handled, ${batch} a repeat, 1 thread, through the bridge`;
  bench.report(row, 'ns', values, what);
  await system.shutdown();
  return values;
}

/** Two levels of tokens, as topics have them. */
function topicOf(index) {
  return `bench.${Math.floor(index / 1_000)}.${index % 1_000}`;
}
