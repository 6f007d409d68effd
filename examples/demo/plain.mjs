/** The comparison: one loop on this thread over the same lines, timed by itself. */
import { WordCount, wordText } from '../../guests/demo/words.mjs';

/** Words shown at the end. */
export const TOP = 20;

export class PlainCount {
  /** Time spent counting, without reading and sending. */
  seconds = 0;
  #count = new WordCount();

  /** @param {import('./lines.mjs').Block} block */
  count({ bytes, bounds, count }) {
    const start = process.hrtime.bigint();
    for (let line = 0; line < count; line += 1) {
      this.#count.add(bytes.subarray(bounds[2 * line], bounds[2 * line + 1]));
    }
    this.seconds += Number(process.hrtime.bigint() - start) / 1e9;
  }

  get lines() {
    return this.#count.lines;
  }

  get badLines() {
    return this.#count.badLines;
  }

  get words() {
    return this.#count.words;
  }

  top() {
    return readable(this.#count.top(TOP));
  }
}

/** @param {{ key: string, count: number }[]} words */
export function readable(words) {
  return words.map(({ key, count }) => ({ word: wordText(key), count }));
}
