/** Watches the event loop. */

const now = process.hrtime.bigint;

/**
 * Notes every time between two turns of the event loop, from now until `end()`.
 *
 * @returns {{ end: () => Float64Array }} milliseconds, ascending
 */
export function watchLoop() {
  const times = [];
  let last = now();
  let running = true;
  const turn = () => {
    const at = now();
    times.push(Number(at - last) / 1e6);
    last = at;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    end: () => {
      running = false;
      turn();
      return Float64Array.from(times).sort();
    },
  };
}
