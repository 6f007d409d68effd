/**
 * Progress for people: one line a step, always. On a terminal the running step redraws its line;
 * elsewhere a long step says every ten seconds that it still runs. Everything goes to stderr, so
 * that a script's own output stays clean.
 */
const QUIET_MS = 10_000;
const terminal = process.stderr.isTTY === true && !process.env.CI;
const paint = (code, text) => (terminal ? `\x1b[${code}m${text}\x1b[0m` : text);

export const green = text => paint('32', text);
export const red = text => paint('31', text);
export const dim = text => paint('2', text);

/** @param {string} text a whole line */
export const say = text => process.stderr.write(`${text}\n`);

export const seconds = ms => (ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`);

/** A step that runs now. `note` tells how far it is. */
export class Step {
  #title;
  #started = Date.now();
  #spoke = Date.now();
  #note = '';
  #timer;

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
    if (!terminal) say(`… ${title}`);
    this.#timer = setInterval(() => this.#tick(), terminal ? 200 : 1_000);
    this.#timer.unref();
  }

  /** @param {string} text how far it is */
  note(text) {
    this.#note = text;
  }

  /** Prints a line above the running one. @param {string} line */
  print(line) {
    this.#clear();
    say(line);
    this.#spoke = Date.now();
  }

  /** @param {string} [text] what came out */
  done(text = '') {
    this.#end(green('✓'), text);
  }

  /** @param {string} [text] what went wrong */
  failed(text = '') {
    this.#end(red('✗'), text);
  }

  #tick() {
    const elapsed = Date.now() - this.#started;
    if (terminal) {
      const line = `… ${this.#title} ${dim(`${this.#note} ${seconds(elapsed)}`)}`;
      process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns || 80) + 8)}`);
    } else if (Date.now() - this.#spoke >= QUIET_MS) {
      this.#spoke = Date.now();
      say(`  ${this.#title}: ${this.#note ? `${this.#note}, ` : ''}${seconds(elapsed)}`);
    }
  }

  #clear() {
    if (terminal) process.stderr.write('\r\x1b[2K');
  }

  #end(mark, text) {
    clearInterval(this.#timer);
    this.#clear();
    say(`${mark} ${this.#title}${text ? `: ${text}` : ''} ${dim(`(${seconds(Date.now() - this.#started)})`)}`);
  }
}
