/**
 * Shows how far the run is: a bar that redraws itself on a terminal, a plain line every few seconds
 * elsewhere, nothing with `--json`.
 */

const REDRAW_MS = 100;
const LINE_MS = 2_000;
const BAR_WIDTH = 24;

/**
 * @typedef {object} Standing
 * @property {number} bytes     read so far
 * @property {number} lines
 * @property {number} restarts
 * @property {number} failures
 */

export class Progress {
  #stream;
  #total;
  #standing;
  #timer;
  #last = { at: performance.now(), lines: 0 };
  #rate = 0;
  #drawn = false;

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {number} total  bytes that will be read
   * @param {() => Standing} standing
   */
  constructor(stream, total, standing) {
    this.#stream = stream;
    this.#total = total;
    this.#standing = standing;
    this.#timer = setInterval(() => this.#show(), stream.isTTY ? REDRAW_MS : LINE_MS);
    this.#timer.unref();
  }

  /** Stops and leaves the cursor on an empty line. */
  end() {
    clearInterval(this.#timer);
    if (this.#drawn) this.#stream.write('\r\x1b[K');
  }

  #show() {
    const text = this.#text();
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#stream.write(`\r\x1b[K${text.slice(0, Math.max(20, (this.#stream.columns ?? 80) - 1))}`);
    this.#drawn = true;
  }

  #text() {
    const { bytes, lines, restarts, failures } = this.#standing();
    const share = this.#total === 0 ? 1 : Math.min(1, bytes / this.#total);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = this.#stream.isTTY ? `[${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}] ` : '';
    return (
      `${bar}${String(Math.floor(share * 100)).padStart(3)} %  ${whole(lines)} lines  ${whole(this.#linesPerSecond(lines))}/s` +
      `  ${whole(restarts)} restarts  ${whole(failures)} failures`
    );
  }

  /** Smoothed, because single intervals jump with the files. */
  #linesPerSecond(lines) {
    const at = performance.now();
    const rate = ((lines - this.#last.lines) * 1000) / Math.max(1, at - this.#last.at);
    this.#last = { at, lines };
    this.#rate = this.#rate === 0 ? rate : this.#rate * 0.7 + rate * 0.3;
    return this.#rate;
  }
}

const grouping = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** @param {number} number */
export const whole = number => grouping.format(number);
