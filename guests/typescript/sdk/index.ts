/**
 * Actors in TypeScript: a module exports what {@link actor} returns as its default, and
 * `guests/typescript/build.mjs` makes a component of it.
 */
import type { ActorDefinition } from './types.js';

export { AskError, type AskProblem, Failure } from './errors.js';
export { Address } from './frames.js';
export type {
  ActorContext,
  ActorDefinition,
  AskOptions,
  Down,
  Handler,
  Health,
  HealthState,
  Log,
  MessageContext,
  Payload,
  PublishOptions,
  Queued,
  Refusal,
  SubscribeOptions,
  TellOptions,
  Timer,
  TimerOptions,
} from './types.js';

/** Defines an actor. Nothing runs until the component does. */
export function actor<Config = unknown>(definition: ActorDefinition<Config>): ActorDefinition<Config> {
  return definition;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The UTF-8 of a text. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes; throws when they are not. */
export function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
