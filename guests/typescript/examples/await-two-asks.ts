/** Asks the peers "left" and "right" for a number each, one after the other, and answers with the sum. */
import { actor, decode } from 'wasm-troupe/guest';

export default actor({
  async handle(message, context) {
    const { left, right } = context.peers;
    if (left === undefined || right === undefined) throw new Error('the peers "left" and "right" are missing');
    const first = Number(decode(await context.ask(left, message)));
    const second = Number(decode(await context.ask(right, message)));
    return String(first + second);
  },
});
