/**
 * What keeps the Node process running (`SHUT-5`). A busy system holds it with one timer, which also
 * looks whether the system is still busy: soon at first, so that a short script ends at once, and
 * ever more rarely while work goes on. An idle system has no timer at all.
 */

/** `'busy'`: while something asked for is unsettled, or an accepted message or what it set off is unhandled. */
export type KeepAliveMode = 'busy' | 'always' | 'never';

const FIRST_LOOK_MS = 1;
const LONGEST_PAUSE_MS = 50;
const FOREVER_MS = 0x7fffffff;

/** Holds the process, or lets it go. */
export class KeepAlive {
  /** Whether there is nothing to do: the hot path reads this before it calls {@link hold}. */
  held: boolean;
  readonly #isBusy: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_LOOK_MS;

  constructor(mode: KeepAliveMode, isBusy: () => boolean) {
    this.#isBusy = isBusy;
    this.held = mode !== 'busy';
    if (mode === 'always') this.#timer = setInterval(() => {}, FOREVER_MS);
  }

  /** Holds the process until the system is idle. */
  hold(): void {
    if (this.held) return;
    this.held = true;
    this.#pauseMs = FIRST_LOOK_MS;
    this.#timer = setTimeout(this.#look, FIRST_LOOK_MS);
  }

  /** Lets the process go for good. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.held = true;
  }

  readonly #look = (): void => {
    if (!this.#isBusy()) {
      this.#timer = undefined;
      this.held = false;
      return;
    }
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#timer = setTimeout(this.#look, this.#pauseMs);
  };
}
