/**
 * A tree that is hurt and heals. Run it with `node examples/supervised.mjs` once the package is
 * built (`npm start` does that); it exits by itself.
 *
 * `fragile.wasm` echoes what it is asked and traps on a message that begins with `0xff`.
 */
import { ActorSystem, child } from 'wasm-troupe';

const TRAP = Uint8Array.of(0xff);
const bytes = text => new TextEncoder().encode(text);
const text = reply => new TextDecoder().decode(reply);
const step = title => console.log(`\n# ${title}`);

const system = await ActorSystem.create({ name: 'supervised', logger: false });
try {
  const Fragile = await system.load(new URL(import.meta.resolve('wasm-troupe/examples/fragile.wasm')));

  step('A tree comes up, in the order of its declaration');
  const shop = await system.supervise({
    name: 'shop',
    strategy: 'one-for-one',
    maxRestarts: 3,
    within: '60s',
    backoff: 'immediate',
    children: {
      visits: child(Fragile),
      mailer: child(Fragile, { restart: 'transient' }),
      checkout: {
        strategy: 'rest-for-one',
        maxRestarts: 1,
        within: '60s',
        backoff: 'immediate',
        children: { cart: child(Fragile), payment: child(Fragile) },
      },
    },
  });
  console.log(String(shop));

  /** Hurts an actor and waits until it, or whoever restarts it, is up again. */
  const hurt = async (ref, event, path) => {
    const healed = new Promise(resolve => {
      const off = system.on(event, happened => {
        if (happened.path !== path) return;
        off();
        resolve(happened);
      });
    });
    ref.tell(TRAP);
    return healed;
  };
  const { visits, checkout } = shop.children;
  const { cart, payment } = checkout.children;

  step('One for one: a crash of visits is nobody else’s business');
  const { reason } = await hurt(visits, 'actor:restarted', '/shop/visits');
  console.log(
    `visits crashed (${reason.tag}) and is up again: ${text(await visits.ask(bytes('still the same reference')))}`,
  );

  step('Rest for one: payment was declared after cart, so it is restarted with it');
  await hurt(cart, 'actor:restarted', '/shop/checkout/payment');
  for (const ref of [cart, payment]) console.log(`${ref.path}: incarnation ${ref.status().incarnation}`);

  step('A second crash is more than checkout may restart: it gives up, and shop restarts it whole');
  await hurt(cart, 'actor:restarted', '/shop/checkout/payment');
  console.log(`cart answers: ${text(await cart.ask(bytes('here again')))}`);
  console.log(String(shop));

  step('What happened');
  for (const { child: key, reason: why, attempt } of shop.history())
    console.log(`${key}: ${why.tag}, attempt ${attempt}`);

  step('Children can be stopped and started again while the rest works');
  await shop.stopChild('mailer');
  console.log(`mailer: ${shop.list().find(each => each.key === 'mailer').state}`);
  await shop.restartChild('mailer');
  console.log(`mailer: ${shop.list().find(each => each.key === 'mailer').state}`);
} finally {
  await system.shutdown();
}
console.log('\nThe system is shut down.');
