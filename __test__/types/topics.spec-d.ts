/** What the compiler must accept of topics, and what it must refuse. Checked, never run. */
import { type ActorRef, actor, json, type Subscription, type TopicMessage } from '../../src/index.js';
import { type Equal, holds, system } from './claims.js';

declare const ref: ActorRef;
declare const bytes: Uint8Array;

export async function publishing(): Promise<void> {
  const nothing = system.publish('a', bytes);
  holds<Equal<typeof nothing, void>>();
  const count = await system.publish('a', bytes, { confirm: true });
  holds<Equal<typeof count, number>>();
  system.publish('a', { n: 1 }, { codec: json<{ n: number }>(), retain: true });
  // @ts-expect-error without a codec a message is bytes
  system.publish('a', 'text');
  // @ts-expect-error a codec decides what a message is
  system.publish('a', { n: 'one' }, { codec: json<{ n: number }>() });
}

export async function subscribing(): Promise<void> {
  const plain = system.subscribe('a.*');
  holds<Equal<typeof plain, Subscription<Uint8Array>>>();
  for await (const { topic, data, publisher, retained } of plain) {
    holds<Equal<typeof topic, string>>();
    holds<Equal<typeof data, Uint8Array>>();
    holds<Equal<typeof publisher, ActorRef<never, unknown> | undefined>>();
    holds<Equal<typeof retained, boolean>>();
  }
  await using typed = system.subscribe(['a', 'b'], { codec: json<never, { n: number }>(), buffer: 10 });
  holds<Equal<typeof typed, Subscription<{ n: number }>>>();
  system.subscribe('a', (message: TopicMessage) => message.data.length, { group: 'g' });
  // @ts-expect-error a callback has no buffer
  system.subscribe('a', () => {}, { buffer: 5 });
}

export function actors(): void {
  const one: boolean = ref.subscribe('a', { group: 'g', once: true });
  const two: boolean = ref.unsubscribe('a');
  void [one, two];
  actor({
    handle(message, { topic, publish, subscribe }) {
      holds<Equal<typeof topic, string | undefined>>();
      publish('a', message);
      subscribe('b');
    },
  });
}
