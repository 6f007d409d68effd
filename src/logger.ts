/**
 * Log lines: a restart is never silent (`FAIL-6`), a flood of dead letters never drowns the rest
 * (`DL-2`). Lines go to any object with pino's methods; the default writes to standard error,
 * pretty for people and one JSON object a line for machines.
 */
import { isObject } from './check.js';
import type { NativeEvent } from './native.js';

/** What a logger must have: pino's shape. */
export interface Logger {
  /** For those who look for a fault. */
  debug(fields: object, message: string): void;
  /** Worth knowing. */
  info(fields: object, message: string): void;
  /** Worth a look. */
  warn(fields: object, message: string): void;
  /** Somebody must do something. */
  error(fields: object, message: string): void;
}

type Level = keyof Logger;

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
/** pino's numbers. */
const LEVEL_NUMBERS: Record<Level, number> = { debug: 20, info: 30, warn: 40, error: 50 };
const LEVEL_COLOURS: Record<Level, number> = { debug: 90, info: 36, warn: 33, error: 31 };

/** Whether a value has the methods of a logger. */
export function isLogger(value: unknown): value is Logger {
  return isObject(value) && LEVELS.every(level => typeof value[level] === 'function');
}

/** What the default logger writes to. */
export interface LogStream {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

/** The logger for those who brought none. It leaves `debug` out. `open` gives the stream when there is a line. */
export function streamLogger(system: string, open: () => LogStream): Logger {
  // Opening a standard stream takes time that a process which logs nothing need not spend.
  const at = (level: Level) => (fields: object, message: string) => {
    const stream = open();
    const format = stream.isTTY ? pretty : ndjson;
    stream.write(`${format(level, system, fields, message)}\n`);
  };
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}

function ndjson(level: Level, system: string, fields: object, message: string): string {
  return JSON.stringify({ level: LEVEL_NUMBERS[level], time: Date.now(), system, ...fields, msg: message });
}

function pretty(level: Level, system: string, _fields: object, message: string): string {
  const time = new Date().toISOString().slice(11, 23);
  return `\x1b[90m${time}\x1b[0m \x1b[${LEVEL_COLOURS[level]}m${level.padEnd(5)}\x1b[0m ${system}: ${printable(message)}`;
}

/** A guest's text must not move the cursor or ring the bell. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, character => (character === '\n' ? '\n  ' : ' '));
}

/** Turns events into log lines. */
export class EventLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Writes the line of an event, if it has one. */
  write(event: NativeEvent): void {
    const { path, incarnation, attempt, delayMs } = event;
    const reason = reasonText(event);
    switch (event.event) {
      case 'actor:restarting': {
        const when = delayMs ? `in ${delayMs} ms` : 'at once';
        this.#logger.warn(
          { actor: path, incarnation, attempt, delayMs, reason },
          `${path} crashed (${reason}), restarting ${when}`,
        );
        break;
      }
      case 'actor:failed':
        this.#logger.error({ actor: path, incarnation, reason }, `${path} gave up: ${reason}`);
        break;
      case 'actor:stopped':
        if (isAbnormal(event)) this.#logger.warn({ actor: path, incarnation, reason }, `${path} ended: ${reason}`);
        break;
      case 'supervisor:gave-up':
        this.#logger.error({ supervisor: path, reason }, `${path} gave up: ${reason}`);
        break;
      case 'system:failed':
        this.#logger.error({ reason }, `the system failed, every actor ends: ${reason}`);
        break;
      case 'deadletter':
        this.#deadLetter(event);
        break;
      case 'deadletters-unsaid':
        this.#unsaid(event);
        break;
      case 'hook-failed':
        this.#logger.error({ reason: event.text }, `a listener failed: ${event.text}`);
        break;
      case 'log':
        this.#logger[LEVELS[event.level ?? 1] ?? 'info']({ actor: path }, `${path}: ${event.text}`);
        break;
      case 'actor:long-handler': {
        const { runningMs } = event;
        this.#logger.warn(
          { actor: path, incarnation, runningMs },
          `${path}: a handler has been running for ${runningMs} ms`,
        );
        break;
      }
      case 'actor:queue-age': {
        const { queued, waitedMs } = event;
        const line = `${path}: ${queued} messages wait, the oldest for ${waitedMs} ms`;
        this.#logger.warn({ actor: path, incarnation, queued, waitedMs }, line);
        break;
      }
      case 'crash-unreproduced':
        this.#logger.warn({ actor: path, incarnation }, `${path}: a batch of messages crashed, one by one none does`);
        break;
      case 'events:dropped':
        this.#logger.warn({ count: event.count }, `${event.count} events were dropped: the event loop was too busy`);
        break;
      case 'cache:unusable':
      case 'pool:overflow':
      case 'capability:denied':
      case 'shutdown-overrun':
        this.#logger.warn({ event: event.event }, `${event.event}: ${event.text}`);
        break;
    }
  }

  /** Says something that is no event. */
  warn(fields: object, message: string): void {
    this.#logger.warn(fields, message);
  }

  /** Which of them have a line is decided natively, by the system's clock: those of a flood need not come here. */
  #deadLetter({ target, sender, size, reason, logged }: NativeEvent): void {
    if (!logged) return;
    const from = sender ? ` from ${sender}` : '';
    const text = `dead letter to ${target || 'an unknown actor'}${from}: ${reason}`;
    this.#logger.warn({ target, sender, size, reason }, text);
  }

  #unsaid({ counts = {} }: NativeEvent): void {
    const all = Object.entries(counts);
    const total = all.reduce((sum, [, count]) => sum + count, 0);
    const parts = all.map(([reason, count]) => `${count} ${reason}`).join(', ');
    this.#logger.warn({ count: total, byReason: counts }, `${total} more dead letters: ${parts}`);
  }
}

function reasonText({ reason }: NativeEvent): string {
  if (typeof reason !== 'object' || reason === null) return reason ?? 'unknown';
  return reason.text ? `${reason.tag}: ${reason.text}` : reason.tag;
}

function isAbnormal({ reason }: NativeEvent): boolean {
  if (typeof reason !== 'object' || reason === null) return false;
  return reason.tag !== 'normal' && reason.tag !== 'shutdown' && reason.tag !== 'killed';
}
