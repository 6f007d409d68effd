/**
 * The process that runs one suite: told by its parent what to run, it sends the rows back and ends.
 * A suite has a process to itself so that memory, threads and optimised code of one do not colour
 * the next.
 */
import { pathToFileURL } from 'node:url';
import { openContext } from './context.mjs';

process.once('message', async ({ file, options }) => {
  try {
    const suite = await import(pathToFileURL(file).href);
    const context = await openContext(options);
    await suite.run(context);
    await answer({ rows: context.rows, build: context.build });
    process.exit(0);
  } catch (error) {
    await answer({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
});

/** Sent before the process ends, because `exit` does not wait for the channel. */
function answer(message) {
  return new Promise(resolve => process.send(message, undefined, undefined, resolve));
}
