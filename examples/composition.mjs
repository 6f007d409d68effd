/**
 * A pipeline of components with an actor in JavaScript at its end. Run it with `node examples/composition.mjs` once
 * the package is built (`npm start` does that); it exits by itself.
 *
 * `tokenise.wasm` cuts lines into words and sends each to the counter that its hash picks; `count.wasm` counts them.
 * What they send each other never enters JavaScript. The tokeniser traps on a line with a NUL in it, on purpose.
 */
import { ActorSystem, actor, json, text } from 'wasm-troupe';

const LINES = [
  'the quick brown fox jumps over the lazy dog',
  'the dog sleeps',
  'a broken\0line',
  'the fox jumps again',
];

const component = name => system.load(new URL(import.meta.resolve(`wasm-troupe/examples/${name}.wasm`)));
/** A request for the `limit` most frequent words of a counter. */
const topRequest = limit => new Uint8Array(Uint32Array.of(limit).buffer);

/** What a counter answers: how many words, and the most frequent ones. */
function readCounts(reply) {
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  const top = [];
  for (let at = 12; at < reply.byteLength; ) {
    const length = view.getUint8(at + 4);
    const word = new TextDecoder().decode(reply.subarray(at + 5, at + 5 + length));
    top.push([word, view.getUint32(at, true)]);
    at += 5 + length;
  }
  return { words: view.getUint32(0, true), top };
}

const system = await ActorSystem.create({ name: 'composition', logger: false });
try {
  const [Tokenise, Count] = await Promise.all([component('tokenise'), component('count')]);

  // From the end to the beginning: an actor has the addresses that it is given as peers, and no others.
  const count0 = await system.spawn(Count, { name: 'count0' });
  const count1 = await system.spawn(Count, { name: 'count1' });
  const tokenise = await system.spawn(Tokenise, { name: 'tokenise', codec: text(), peers: { count0, count1 } });
  const report = await system.spawn(
    actor({
      codec: json(),
      handle: async ({ limit }, { ask, peers }) => {
        const replies = await Promise.all([ask(peers.count0, topRequest(limit)), ask(peers.count1, topRequest(limit))]);
        const counts = replies.map(readCounts);
        const words = counts.reduce((sum, each) => sum + each.words, 0);
        const top = counts.flatMap(each => each.top).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
        return { words, top: top.slice(0, limit) };
      },
    }),
    { name: 'report', peers: { count0, count1 } },
  );

  for (const line of LINES) await tokenise.send(line); // waits while the tokeniser's mailbox is full
  await tokenise.ask(''); // answered after the lines before it

  const { words, top } = await report.ask({ limit: 4 });
  console.log(`${words} words`);
  for (const [word, times] of top) console.log(`${times} × ${word}`);

  const { failedInHandler, balanced } = system.audit();
  console.log(
    `lines that could not be read: ${failedInHandler}, tokeniser restarted ${tokenise.status().restarts} time`,
  );
  console.log(`every message accounted for: ${balanced}`);
} finally {
  await system.shutdown();
}
