/** What the compiler knows about actors in JavaScript. */
import { type ActorDefinition, type ActorRef, actor, json, type Pool, type Queued, text } from '../../src/index.js';
import { type Equal, holds, system } from './claims.js';

declare const workers: Pool<string, number>;

interface Order {
  readonly item: string;
  readonly count: number;
}
interface Receipt {
  readonly total: number;
}

// Without a codec messages and replies are bytes.
const plain = actor({ handle: message => message.subarray(1) });
holds<Equal<typeof plain, ActorDefinition<Uint8Array, Uint8Array, unknown>>>();
const plainRef = await system.spawn(plain);
holds<Equal<typeof plainRef, ActorRef<Uint8Array, Uint8Array>>>();
// @ts-expect-error without a codec a reply is bytes
actor({ handle: () => 'text' });

// With one they are what it says; the state is what start returns, the configuration what it takes.
const shop = actor({
  codec: json<Order, Receipt>(),
  start: async (config: { readonly price: number }) => ({ price: config.price, sold: 0 }),
  handle(order, context) {
    holds<Equal<typeof order, Order>>();
    holds<Equal<typeof context.state, { price: number; sold: number }>>();
    context.state.sold += order.count;
    context.self.tell({ item: order.item, count: 1 });
    // @ts-expect-error no such field
    context.state.nothing;
    context.tell(workers, 'text');
    holds<Equal<ReturnType<typeof askWorkers>, Promise<number>>>();
    const askWorkers = () => context.ask(workers, 'text');
    // @ts-expect-error members take texts
    context.tell(workers, 1);
    holds<Equal<typeof context.queued, Queued | undefined>>();
    return { total: order.count * context.state.price };
  },
  stop: ({ state }) => state.sold.toFixed(),
});
const shopRef = await system.spawn(shop, { name: 'shop', config: { price: 3 }, restart: 'transient' });
holds<Equal<typeof shopRef, ActorRef<Order, Receipt>>>();
holds<Equal<Awaited<ReturnType<typeof shopRef.ask>>, Receipt>>();
// @ts-expect-error the configuration has a price
system.spawn(shop, { config: { prize: 3 } });
// @ts-expect-error the codec is the definition's
system.spawn(shop, { codec: text() });

actor({
  // @ts-expect-error a reply is a receipt
  codec: json<Order, Receipt>(),
  handle: () => ({ sum: 1 }),
});

// Nothing, a failure, and promises of them are replies as well.
actor({ codec: text(), handle() {} });
actor({ codec: text(), handle: async (message, context) => (message === '' ? context.fail('empty') : message) });

// Messages and replies of others are typed by their references.
actor({
  codec: text(),
  async handle(message, context) {
    const receipt = await context.ask(shopRef, { item: message, count: 1 });
    holds<Equal<typeof receipt, Receipt>>();
    // @ts-expect-error that is no order
    context.tell(shopRef, message);
    return String(receipt.total);
  },
});

// What concerns guests only is none of its options.
await system.spawn(plain, { limits: { handlerTime: '1s', messageBytes: '2MiB', mailbox: 10, mailboxBytes: '1MiB' } });
// @ts-expect-error it has no memory of its own
await system.spawn(plain, { limits: { memory: '1MiB' } });
// @ts-expect-error it always runs on the thread of its system
await system.pool(plain, { inline: false });
