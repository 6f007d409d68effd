/** Log lines: effects of the turn in which they are written. */
import { print } from './errors.js';

type Sink = (level: number, text: string) => void;

/** While the component is built there is nobody to log to. */
let sink: Sink = () => {};

export function logTo(next: Sink): void {
  sink = next;
}

/** Levels: 0 debug, 1 info, 2 warn, 3 error. */
export function log(level: number, values: unknown[]): void {
  sink(level, values.map(print).join(' '));
}
