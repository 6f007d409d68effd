/**
 * Publish and subscribe between components and JavaScript. Run it with `node examples/pubsub.mjs` once the package is
 * built (`npm start` does that); it exits by itself.
 *
 * `fragile.wasm` counts what it is told, topic messages as well, and answers an ask with the same bytes.
 */
import { ActorSystem, actor, json, text } from 'wasm-troupe';

const step = title => console.log(`\n# ${title}`);

const system = await ActorSystem.create({ name: 'pubsub', logger: false });
try {
  const Fragile = await system.load(new URL(import.meta.resolve('wasm-troupe/examples/fragile.wasm')));

  step('A component, an actor in JavaScript and a loop hear of the same orders');
  const ledger = await system.spawn(Fragile, { name: 'ledger', subscribe: ['orders.#'] });
  const mails = [];
  const write = (order, { topic }) => topic && void mails.push(`${topic} is order ${order}`);
  const mailer = await system.spawn(actor({ codec: text(), handle: write }), { subscribe: ['orders.*.new'] });
  const european = system.subscribe('orders.eu.>', { codec: text() });

  for (const [topic, order] of [
    ['orders.eu.new', '17'],
    ['orders.us.new', '18'],
    ['orders.eu.paid', '17'],
  ]) {
    const accepted = await system.publish(topic, order, { codec: text(), confirm: true });
    console.log(`${topic}: taken by ${accepted}`);
  }
  for await (const { topic, data } of european) {
    console.log(`loop: ${topic} ${data}`);
    if (topic === 'orders.eu.paid') break;
  }
  await mailer.ask(''); // answered after what was published before it
  for (const mail of mails) console.log(`mail: ${mail}`);
  await ledger.ask(new Uint8Array());
  console.log(`ledger handled ${ledger.status().counters.handled - 1} orders`);

  step('A queue group: each job goes to one worker');
  const done = [];
  const worker = actor({ codec: text(), handle: job => void done.push(job) });
  const workers = await system.pool(worker, { size: 3, subscribe: [{ topic: 'jobs.>', group: 'workers' }] });
  let taken = 0;
  for (const job of ['a', 'b', 'c', 'd', 'e', 'f']) {
    taken += await system.publish(`jobs.${job}`, job, { codec: text(), confirm: true });
  }
  for (const member of workers.children) await member.stop({ drain: true });
  console.log(`${taken} jobs taken, done: ${done.sort().join(' ')}`);

  step('The last value is kept for those who come later');
  system.publish('config.limits', { pieces: 10 }, { codec: json(), retain: true });
  for await (const { data, retained } of system.subscribe('config.*', { codec: json() })) {
    console.log(`limit: ${data.pieces}, retained: ${retained}`);
    break;
  }

  step('Nobody is left waiting for a topic');
  await ledger.stop();
  console.log(`taken by ${await system.publish('orders.eu.new', '19', { codec: text(), confirm: true })}`);
  console.log(`every message accounted for: ${system.audit().balanced}`);
} finally {
  await system.shutdown();
}
console.log('\nThe system is shut down.');
