/** A fake guest: an actor in JavaScript in the place of a component, which keeps what happened to it. */
import { ActorDefinition, type ActorFunctions, type AnyCodec, type AnyFunctions, actor } from '../actor.js';
import type { Codec } from '../codec.js';

/** What a fake guest does; what is left out does nothing. */
export type FakeGuestFunctions<Message, Reply, State = undefined> = Partial<
  ActorFunctions<Message, Reply, State, unknown>
>;

/** A message that a fake guest was given. */
export interface FakeMessage<Message> {
  /** What was sent. */
  readonly message: Message;
  /** Which life handled it. */
  readonly incarnation: number;
}

/**
 * An actor in the place of a component: the same mailbox, supervision and addresses, in JavaScript.
 * It is given to `system.spawn`, `child` or `system.pool` as the component would be.
 */
export class FakeGuest<Message = Uint8Array, Reply = Uint8Array> extends ActorDefinition<Message, Reply> {
  readonly #record: Record<Message>;

  /** @internal */
  constructor(functions: FakeGuestFunctions<Message, Reply, unknown>, codec: AnyCodec | undefined) {
    const record: Record<Message> = { messages: [], starts: 0, stops: 0 };
    super(recorded(functions as Partial<AnyFunctions>, record as Record<unknown>), codec);
    this.#record = record;
  }

  /** What its actors were given, oldest first. */
  get messages(): readonly FakeMessage<Message>[] {
    return this.#record.messages;
  }

  /** How often one of its actors was started. */
  get starts(): number {
    return this.#record.starts;
  }

  /** How often one of its actors went down in order. */
  get stops(): number {
    return this.#record.stops;
  }
}

interface Record<Message> {
  readonly messages: FakeMessage<Message>[];
  starts: number;
  stops: number;
}

/**
 * Makes a fake guest. Without functions it takes everything and answers nothing.
 */
export function fakeGuest<Message, Reply, State = undefined>(
  functions: FakeGuestFunctions<Message, Reply, State> & { readonly codec: Codec<Message, Reply> },
): FakeGuest<Message, Reply>;
export function fakeGuest<State = undefined>(
  functions?: FakeGuestFunctions<Uint8Array, Uint8Array, State> & { readonly codec?: undefined },
): FakeGuest;
export function fakeGuest(functions: object = {}): unknown {
  const { codec, ...rest } = functions as FakeGuestFunctions<unknown, unknown, unknown> & { readonly codec?: AnyCodec };
  // An actor has a handler; whatever else is wrong with the functions is refused as an actor's would be.
  actor({ handle: () => {}, ...functions } as never);
  return new FakeGuest(rest, codec);
}

function recorded(functions: Partial<AnyFunctions>, record: Record<unknown>): AnyFunctions {
  return {
    ...functions,
    start: (config, context) => {
      record.starts += 1;
      return functions.start?.(config, context);
    },
    handle: (message, context) => {
      record.messages.push(Object.freeze({ message, incarnation: context.incarnation }));
      return functions.handle?.(message, context);
    },
    stop: context => {
      record.stops += 1;
      return functions.stop?.(context);
    },
  };
}
