/**
 * Throughput between actors. Messages ("tokens") travel from component to component until their
 * hops are used up; JavaScript starts them and then only looks at the host's count of handled
 * messages now and then. The rate is taken between a fifth and three quarters of the run, where
 * every token is under way. At the end the guests' own counters must equal the host's count.
 */
import { countedBy, numbered, requireCount } from './guests.mjs';
import { secondsSince, untilCount } from './latency.mjs';

const LOOK_EVERY_MS = 20;

/**
 * @typedef {object} Traffic
 * @property {string} name
 * @property {string} what
 * @property {import('wasm-troupe').ActorSystem} system
 * @property {readonly import('wasm-troupe').ActorRef[]} actors  every actor that counts
 * @property {readonly import('wasm-troupe').ActorRef[]} entries  who gets the tokens, in turn
 * @property {number} tokens
 * @property {number} [perHop]  messages handled for each hop of a token, 1 unless said
 */

/**
 * Reports one row of messages handled per second.
 *
 * @param {import('./context.mjs').BenchContext} bench
 * @param {Traffic} traffic
 */
export async function measureTraffic(bench, traffic) {
  const seconds = bench.scale(2, 0.1);
  const first = Math.max(2, Math.ceil(bench.scale(400_000, 20_000) / traffic.tokens));
  let { rate } = await travel(traffic, first);
  ({ rate } = await travel(traffic, hopsFor(traffic, rate, seconds / 2)));
  const rates = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
    ({ rate } = await travel(traffic, hopsFor(traffic, rate, seconds)));
    rates.push(rate);
  }
  bench.report(traffic.name, 'per_s', rates, traffic.what);
}

/** Hops of each token for a run of about `seconds`. */
function hopsFor({ tokens }, rate, seconds) {
  return Math.max(4, Math.round((rate * seconds) / tokens));
}

/**
 * One run. `hops` is what a token still has to go when it is handled first, so it is handled
 * `hops + 1` times.
 *
 * @param {Traffic} traffic
 * @param {number} hops
 * @returns {Promise<{ rate: number }>} messages per second
 */
async function travel({ name, system, actors, entries, tokens }, hops) {
  const expected = tokens * (hops + 1);
  const guestsBefore = await countedBy(actors);
  const hostBefore = system.audit().handled;
  const token = numbered(hops);
  const start = process.hrtime.bigint();
  for (let index = 0; index < tokens; index += 1) entries[index % entries.length].tell(token);
  const looks = await watch(name, () => system.audit().handled - hostBefore, start, expected);
  requireCount(name, (await countedBy(actors)) - guestsBefore, expected);
  return { rate: steadyRate(looks, expected) };
}

/**
 * Looks until `expected` messages were handled.
 *
 * @returns {Promise<{ at: number, handled: number }[]>} seconds and counts
 */
async function watch(name, handled, start, expected) {
  const looks = [];
  const look = () => {
    const count = handled();
    looks.push({ at: secondsSince(start), handled: count });
    return count;
  };
  await untilCount(name, LOOK_EVERY_MS, look, expected);
  requireCount(name, looks.at(-1).handled, expected);
  return looks;
}

/** A run too short to look into is taken as a whole. */
function steadyRate(looks, expected) {
  const from = looks.find(look => look.handled >= expected * 0.2);
  const to = looks.findLast(look => look.handled <= expected * 0.75);
  if (from === undefined || to === undefined || to.at - from.at < 0.2) {
    const end = looks.at(-1);
    return end.handled / end.at;
  }
  return (to.handled - from.handled) / (to.at - from.at);
}
