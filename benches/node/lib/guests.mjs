/**
 * What the suites know about the guests of `__test__/fixtures`: how to spawn them, what to send
 * them, and how to read the counts they keep in their own memory.
 */
import { readFile } from 'node:fs/promises';

const SPAWNS_AT_ONCE = 1_000;
const ASKS_AT_ONCE = 4_096;

/** Payloads. The first byte tells some guests what to do: 0xff traps or loops. */
export const MESSAGE = Object.freeze({
  empty: new Uint8Array(0),
  payload: new Uint8Array(64).fill(7),
  bad: new Uint8Array(64).fill(0xff),
});

/** A payload of 64 bytes that begins with a number, as travelling messages do. */
export function numbered(value) {
  const bytes = new Uint8Array(MESSAGE.payload);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/**
 * @param {import('./context.mjs').BenchContext} bench
 * @param {import('wasm-troupe').ActorSystem} system
 * @param {string} guest
 */
export async function loadGuest(bench, system, guest) {
  return system.load(await readFile(bench.guest(guest)));
}

/**
 * Spawns `count` actors of one guest.
 *
 * @param {import('./context.mjs').BenchContext} bench
 * @param {import('wasm-troupe').ActorSystem} system
 * @param {string} guest
 * @param {number} count
 * @param {import('wasm-troupe').SpawnOptions | ((index: number) => import('wasm-troupe').SpawnOptions)} [options]
 * @returns {Promise<import('wasm-troupe').ActorRef[]>}
 */
export async function spawnMany(bench, system, guest, count, options = {}) {
  const component = await loadGuest(bench, system, guest);
  const optionsOf = typeof options === 'function' ? options : () => options;
  return inChunks(count, SPAWNS_AT_ONCE, index => system.spawn(component, optionsOf(index)));
}

/** Runs `operation(0 … count - 1)`, at most `width` at once. */
export async function inChunks(count, width, operation) {
  const results = [];
  for (let from = 0; from < count; from += width) {
    const size = Math.min(width, count - from);
    results.push(...(await Promise.all(Array.from({ length: size }, (_, index) => operation(from + index)))));
  }
  return results;
}

/** The number in a guest's answer. */
export function numberIn(reply) {
  return new DataView(reply.buffer, reply.byteOffset, reply.byteLength).getUint32(0, true);
}

/**
 * Sum of what the guests have counted. The guest `counter` counts asks too, this one after it was
 * answered; the others count messages only.
 *
 * @param {readonly import('wasm-troupe').ActorRef[]} actors
 */
export async function countedBy(actors) {
  const counts = await inChunks(actors.length, ASKS_AT_ONCE, async index =>
    numberIn(await actors[index].ask(MESSAGE.empty, { timeout: '1m' })),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Fails the benchmark when the guests did not do what is about to be reported. */
export function requireCount(row, counted, expected) {
  if (counted !== expected) throw new Error(`${row}: the guests counted ${counted}, expected ${expected}`);
}
