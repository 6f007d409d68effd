/** Counts messages; an ask is answered with the count, in decimal. The configuration may say where to begin. */
import { actor } from 'wasm-troupe/guest';

let count = 0;

export default actor<{ from?: number } | undefined>({
  start(config) {
    count = config?.from ?? 0;
  },
  handle(_message, context) {
    if (context.isAsk) return String(count);
    count += 1;
  },
});
