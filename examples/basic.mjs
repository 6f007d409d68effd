import { ActorSystem } from 'wasm-troupe';

const bytes = text => new TextEncoder().encode(text);
const text = reply => new TextDecoder().decode(reply);

const system = await ActorSystem.create({ name: 'example' });
try {
  const Fragile = await system.load(new URL(import.meta.resolve('wasm-troupe/examples/fragile.wasm')));
  const actor = await system.spawn(Fragile, { name: 'fragile' });

  actor.tell(bytes('a message')); // one way, never throws
  await actor.send(bytes('another')); // settles once it is in the mailbox
  console.log(text(await actor.ask(bytes('hello')))); // hello

  const error = await actor.ask(Uint8Array.of(0xff)).catch(reason => reason);
  console.log(error.code); // ERR_ACTOR_CRASHED

  // Restarted: another instance, the same reference.
  console.log(text(await actor.ask(bytes('still here')))); // still here
  console.log(actor.status().restarts); // 1
} finally {
  await system.shutdown();
}
