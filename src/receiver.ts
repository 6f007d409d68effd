/** Who takes messages of an actor: another actor, or what passes them on to one. */
import { type ActorRef, isActorRef } from './actor-ref.js';
import { mismatch } from './check.js';

/** How messages are passed on. */
export const ROUTES: unique symbol = Symbol('routes');

/** Has a message sent to a member that is chosen for it. */
export interface Routes<in Message, out Reply> {
  /** Without a member that takes messages it is a dead letter. */
  tell(message: Message, tell: (member: ActorRef<Message, Reply>) => void): void;
  /** Rejects without a member that takes messages. */
  ask<Result>(message: Message, ask: (member: ActorRef<Message, Reply>) => Promise<Result>): Promise<Result>;
}

/** What passes messages on to members, as a pool does. */
export interface Routed<in Message, out Reply> {
  /** How it does so. */
  readonly [ROUTES]: Routes<Message, Reply>;
}

/** Who takes messages of an actor: another one, or a pool. */
export type Receiver<Message, Reply> = ActorRef<Message, Reply> | Routed<Message, Reply>;

/** @internal How a receiver that is no actor itself passes messages on; nothing for an actor. */
export function routesOf<Message, Reply>(target: Receiver<Message, Reply>): Routes<Message, Reply> | undefined {
  if (isActorRef(target)) return undefined;
  const routes = (target as Partial<Routed<Message, Reply>> | null | undefined)?.[ROUTES];
  if (routes === undefined) throw mismatch('target', 'an actor reference or a pool', target);
  return routes;
}
