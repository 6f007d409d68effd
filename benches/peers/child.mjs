/** The process of one contestant: runs every task once and sends the numbers back. */
import { flood, inFlight, sequential } from './work.mjs';

process.once('message', async ({ name, root, sizes }) => {
  let message;
  try {
    const { open } = await import(new URL(`${name}.mjs`, import.meta.url).href);
    const contestant = await open({ root });
    // Each task once for the just-in-time compiler, then once for the clock.
    await inFlight(contestant, sizes.asks / 5);
    await flood(contestant, sizes.tells / 5);
    const { p50, p99 } = await sequential(contestant, sizes.samples);
    const asks = await inFlight(contestant, sizes.asks);
    const tells = await flood(contestant, sizes.tells);
    message = { what: contestant.what, p50, p99, asks, tells };
    await contestant.close();
  } catch (error) {
    message = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send(message, undefined, undefined, () => process.exit(message.failure === undefined ? 0 : 1));
});
