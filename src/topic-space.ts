/** The part of a system where messages are published and subscribed to. */
import type { Broker, ListenOptions, PublishOptions, SubscribeOptions } from './broker.js';
import type { Codec } from './codec.js';
import type { Subscription, TopicMessage } from './subscription.js';

/** Publishes and subscribes; a system is one. */
export abstract class TopicSpace {
  /** @internal What does it; throws when the operation comes too late. */
  protected abstract brokerFor(operation: 'publish' | 'subscribe'): Broker;

  /**
   * Publishes a message to everybody who is subscribed to its topic. Never waits, and never throws for what becomes
   * of the message; a topic that is not allowed throws `ERR_TOPIC_INVALID`. With `confirm`, resolves with the number of
   * mailboxes that accepted it, where the subscriptions of one environment count as one.
   */
  publish<Message = Uint8Array>(
    topic: string,
    message: Message,
    options: PublishOptions<Message> & { readonly confirm: true },
  ): Promise<number>;
  publish<Message = Uint8Array>(
    topic: string,
    message: Message,
    options: PublishOptions<Message> & {
      readonly codec: Codec<Message, unknown>;
      readonly confirm?: false | undefined;
    },
  ): void;
  publish(
    topic: string,
    message: Uint8Array,
    options?: PublishOptions & { readonly confirm?: false | undefined },
  ): void;
  publish(topic: string, message: unknown, options?: PublishOptions<never>): undefined | Promise<number> {
    return this.brokerFor('publish').publish(topic, message, options);
  }

  /**
   * Subscribes to the topics that match a pattern, or one of several: no message that is published after the call is
   * missed. What comes waits in a bounded buffer for `for await`; with a callback, that is called for each message.
   * It keeps the process alive until it ends.
   */
  subscribe<Message = Uint8Array>(
    pattern: string | readonly string[],
    callback: (message: TopicMessage<Message>) => unknown,
    options?: ListenOptions<Message>,
  ): Subscription<Message>;
  subscribe<Message = Uint8Array>(
    pattern: string | readonly string[],
    options?: SubscribeOptions<Message>,
  ): Subscription<Message>;
  subscribe(pattern: string | readonly string[], second?: unknown, third?: unknown): Subscription<never> {
    return this.brokerFor('subscribe').subscribe(pattern, second, third) as Subscription<never>;
  }
}
