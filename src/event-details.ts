/** What an event carries besides the actor that it is about. */
import type { ReasonTag } from './error-codes.js';
import { FOREVER, type NativeEvent } from './native.js';

/** The fields of an event in their public form. */
export function detailsOf(event: NativeEvent): object {
  const reason = Object.freeze(event.reason ?? { tag: 'normal' satisfies ReasonTag, text: '' });
  switch (event.event) {
    case 'actor:crashed': {
      const { trap = '', backtrace = [], stderr = '' } = event;
      return { reason, trap, backtrace, stderr };
    }
    case 'actor:restarting':
      return { reason, attempt: event.attempt, delayMs: event.delayMs };
    case 'actor:health':
      return { from: event.from, to: event.to, text: event.text };
    case 'actor:high-water':
    case 'actor:low-water': {
      const { queued, capacity = 0 } = event;
      return { queued, capacity: capacity === FOREVER ? Infinity : capacity };
    }
    case 'actor:long-handler':
      return { runningMs: event.runningMs };
    case 'actor:queue-age':
      return { queued: event.queued, waitedMs: event.waitedMs };
    case 'message:received':
      return { size: event.size };
    case 'message:processed':
      return { size: event.size, latencyMs: event.latencyMs };
    case 'log':
      return { level: ['debug', 'info', 'warn', 'error'][event.level ?? 1], text: event.text };
    case 'actor:started':
    case 'crash-unreproduced':
      return {};
    default:
      return { reason };
  }
}
