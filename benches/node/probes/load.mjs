/** Loads one component in a fresh process: how long it took, and how long the event loop stood still meanwhile. */
import { openContext } from '../lib/context.mjs';
import { watchLoop } from '../lib/loop.mjs';
import { answerProbe } from '../lib/probe.mjs';

answerProbe(async ({ options, path, cache }) => {
  const bench = await openContext(options);
  const system = await bench.createSystem({ threads: 1, cache });
  // What the process needs once, for its first component, is not what this is about.
  await system.load(bench.guest('echo'));
  const watch = watchLoop();
  await new Promise(resolve => setImmediate(resolve));
  const start = process.hrtime.bigint();
  const component = await system.load(path);
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const stall = watch.end().at(-1);
  if (!component.exports.includes('handle'))
    throw new Error(`${path} exports ${component.exports.join(', ')}, not handle`);
  await system.shutdown();
  return { ms, stall };
});
