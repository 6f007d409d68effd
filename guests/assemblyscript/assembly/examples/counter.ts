/**
 * Counts messages; an ask is answered with the count (u32). The configuration's bytes, if there are
 * any, are the number to begin with in decimal; what is no number fails the start.
 */
import { Actor, Message, serve, user } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class Counter extends Actor {
  count: u32 = 0;

  start(): string | null {
    if (user.length == 0) return null;
    const text = String.UTF8.decode(user.buffer);
    const from = Number.parseInt(text);
    if (isNaN(from)) return "counter: expected a number to begin with, received '" + text + "'";
    this.count = <u32>from;
    return null;
  }

  handle(message: Message): void {
    if (message.isAsk) message.replyWord(this.count);
    else this.count++;
  }
}

serve(new Counter());
