/**
 * Reads files piece by piece and finds their lines. A line is the bytes up to `\n`; a longer one
 * is cut into parts of {@link LINE_LIMIT} bytes, each of which counts as a line; what follows the
 * last `\n` is a line if it is not empty.
 *
 * A block of lines is a buffer with the bounds of each line in it. The buffer is used again for
 * the next block, so whoever keeps a line's bytes copies them.
 *
 * @typedef {object} Block
 * @property {Buffer} bytes
 * @property {Uint32Array} bounds  start and end of line i at 2i and 2i + 1
 * @property {number} count        lines in the block
 * @property {number} read         bytes read from the file for this block
 */
import { closeSync, openSync, readSync } from 'node:fs';

export const LINE_LIMIT = 64 * 1024;
const PIECE = 256 * 1024;

/** Buffers that one reader uses again and again: a piece behind the rest of the line before it. */
export class LineReader {
  #bytes = Buffer.allocUnsafe(LINE_LIMIT + PIECE);
  // Every byte can be an empty line, and one more can end the last piece of a long line.
  #bounds = new Uint32Array(2 * (LINE_LIMIT + PIECE + 1));
  #count = 0;

  /**
   * Opens the file for each call and closes it whatever happens. Reads are synchronous: pieces are
   * small, and a promise per piece costs more than the read.
   *
   * @param {string} path
   * @param {number} limit  bytes to read at most, so that a growing file ends
   * @returns {Generator<Block, void, void>}
   */
  *read(path, limit) {
    const file = openSync(path, 'r');
    try {
      let kept = 0;
      for (let left = limit; left > 0; ) {
        const read = readSync(file, this.#bytes, kept, Math.min(PIECE, left), null);
        if (read === 0) break;
        left -= read;
        const rest = this.#split(kept + read);
        yield this.#block(read);
        this.#bytes.copyWithin(0, rest, kept + read);
        kept = kept + read - rest;
      }
      if (kept > 0) {
        this.#count = 0;
        this.#add(0, kept);
        yield this.#block(0);
      }
    } finally {
      closeSync(file);
    }
  }

  /**
   * Notes the complete lines among the first `length` bytes.
   *
   * @param {number} length
   * @returns {number} where the unfinished rest begins; it is at most {@link LINE_LIMIT} long
   */
  #split(length) {
    const filled = this.#bytes.subarray(0, length);
    this.#count = 0;
    let start = 0;
    for (;;) {
      const found = filled.indexOf(10, start);
      const end = found === -1 ? length : found;
      // A rest of exactly the limit is kept: whether it is a whole line depends on what follows.
      while (end - start > LINE_LIMIT) {
        this.#add(start, start + LINE_LIMIT);
        start += LINE_LIMIT;
      }
      if (end === length) return start;
      this.#add(start, end);
      start = end + 1;
    }
  }

  #add(start, end) {
    const at = 2 * this.#count;
    this.#bounds[at] = start;
    this.#bounds[at + 1] = end;
    this.#count += 1;
  }

  /** @param {number} read */
  #block(read) {
    return { bytes: this.#bytes, bounds: this.#bounds, count: this.#count, read };
  }
}
