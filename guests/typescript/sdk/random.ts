/**
 * The generator behind `Math.random`. A component is a snapshot of an engine that has run already,
 * so the engine's own generator would draw the same numbers in every instance.
 */

/** sfc32: small, fast, and good enough for everything but secrets. */
const state = new Uint32Array([0x9e3779b9, 0x243f6a88, 0xb7e15162, 1]);

export function seed(low: number, high: number): void {
  state.set([low, high, low ^ 0x9e3779b9, 1]);
  // The first numbers still show the seed.
  for (let round = 0; round < 12; round++) next();
}

function next(): number {
  const [a, b, c, counter] = state as unknown as [number, number, number, number];
  const sum = (a + b + counter) >>> 0;
  state[0] = b ^ (b >>> 9);
  state[1] = c + (c << 3);
  state[2] = ((c << 21) | (c >>> 11)) + sum;
  state[3] = counter + 1;
  return sum;
}

/** A number from 0 up to, not including, 1 with 53 random bits. */
export function random(): number {
  return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
}
