/** Watches the event loop. */

const now = process.hrtime.bigint;

/**
 * Notes the longest time between two turns of the event loop, from now until `end()`.
 *
 * @returns {{ end: () => number }} milliseconds
 */
export function watchLoop() {
  let longest = 0;
  let last = now();
  let running = true;
  const turn = () => {
    const at = now();
    longest = Math.max(longest, Number(at - last) / 1e6);
    last = at;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    end: () => {
      running = false;
      turn();
      return longest;
    },
  };
}
