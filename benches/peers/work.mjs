/**
 * The work every contestant does. A handler gets 64 bytes, counts them, and answers an ask with
 * the same bytes; nothing else. The tasks are:
 *
 * - `ask.sequential`: one ask after the other to an idle actor, each awaited;
 * - `ask.inflight1024`: asks to 64 actors with 1,024 unanswered at any time;
 * - `tell.100x1000`: 1,000 messages a tick over 100 actors, until all were handled.
 *
 * @typedef {object} Contestant
 * @property {string} what                                   what executes, for the output
 * @property {(actor: number, bytes: Uint8Array) => Promise<unknown>} ask
 * @property {(actor: number, bytes: Uint8Array) => unknown} tell
 * @property {() => Promise<number>} handled                 messages and asks counted by the handlers
 * @property {() => Promise<unknown>} close
 */
import { micros, pause, sample, secondsSince } from '../node/lib/latency.mjs';

export const ACTORS = 100;
export const PAYLOAD_BYTES = 64;
const ASKED = 64;
const IN_FLIGHT = 1024;
const PER_TICK = 1000;
const PAYLOAD = new Uint8Array(PAYLOAD_BYTES).fill(7);

/**
 * @param {Contestant} contestant
 * @param {number} asks  samples of the sequential task
 * @returns {Promise<{ p50: number, p99: number }>} microseconds
 */
export async function sequential(contestant, asks) {
  await sample(Math.ceil(asks / 5), () => contestant.ask(0, PAYLOAD));
  const sorted = await sample(asks, () => contestant.ask(0, PAYLOAD));
  return { p50: micros(sorted, 0.5), p99: micros(sorted, 0.99) };
}

/**
 * @param {Contestant} contestant
 * @param {number} total
 * @returns {Promise<number>} asks per second
 */
export async function inFlight(contestant, total) {
  const before = await contestant.handled();
  const start = process.hrtime.bigint();
  let next = 0;
  const lane = async () => {
    while (next < total) {
      const actor = next % ASKED;
      next += 1;
      await contestant.ask(actor, PAYLOAD);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const seconds = secondsSince(start);
  requireCount('ask.inflight1024', (await contestant.handled()) - before, total);
  return total / seconds;
}

/**
 * @param {Contestant} contestant
 * @param {number} total  a multiple of 1,000
 * @returns {Promise<number>} messages per second
 */
export async function flood(contestant, total) {
  const before = await contestant.handled();
  const start = process.hrtime.bigint();
  for (let sent = 0; sent < total; sent += PER_TICK) {
    for (let index = 0; index < PER_TICK; index += 1) contestant.tell(index % ACTORS, PAYLOAD);
    await null;
  }
  while ((await contestant.handled()) - before < total) await pause(1);
  const seconds = secondsSince(start);
  requireCount('tell.100x1000', (await contestant.handled()) - before, total);
  return total / seconds;
}

/** The handlers' own count is the proof that the work was done. */
function requireCount(task, counted, expected) {
  if (counted !== expected) throw new Error(`${task}: the handlers counted ${counted} messages, expected ${expected}`);
}
