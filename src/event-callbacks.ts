/** Callbacks for all actors of a system, as one object in its options. */
import { isObject, mismatch, unknownOption } from './check.js';
import type { EventName, TroupeEvents } from './events.js';

/** Functions that are told of the actors of a system; each does what `system.on` with one event does. */
export interface EventCallbacks {
  /** A message is given to its handler: the event `message:received`. */
  readonly onMessageReceived?: ((event: TroupeEvents['message:received']) => unknown) | undefined;
  /** A message was handled: the event `message:processed`. */
  readonly onMessageProcessed?: ((event: TroupeEvents['message:processed']) => unknown) | undefined;
  /** A turn, a probe or a start failed: the event `actor:crashed`. */
  readonly onError?: ((event: TroupeEvents['actor:crashed']) => unknown) | undefined;
  /** An actor came up again: the event `actor:restarted`. */
  readonly onRestart?: ((event: TroupeEvents['actor:restarted']) => unknown) | undefined;
  /** An actor's health has changed: the event `actor:health`. */
  readonly onHealthChanged?: ((event: TroupeEvents['actor:health']) => unknown) | undefined;
}

const EVENTS = {
  onMessageReceived: 'message:received',
  onMessageProcessed: 'message:processed',
  onError: 'actor:crashed',
  onRestart: 'actor:restarted',
  onHealthChanged: 'actor:health',
} as const satisfies { readonly [K in keyof EventCallbacks]-?: EventName };

/** Reads the option. */
export function callbacksShape(value: unknown, path: string): EventCallbacks {
  if (!isObject(value) || Array.isArray(value)) throw mismatch(path, 'an object of functions', value);
  for (const [name, callback] of Object.entries(value)) {
    if (!Object.hasOwn(EVENTS, name)) throw unknownOption(`${path}.${name}`, name, Object.keys(EVENTS));
    if (callback !== undefined && typeof callback !== 'function') {
      throw mismatch(`${path}.${name}`, 'a function', callback);
    }
  }
  return value;
}

/** The events that these callbacks listen to. */
export function callbackEntries(callbacks: EventCallbacks): [EventName, unknown][] {
  const entries = Object.entries(callbacks).filter(([, callback]) => callback !== undefined);
  return entries.map(([name, callback]) => [EVENTS[name as keyof EventCallbacks], callback]);
}
