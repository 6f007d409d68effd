/**
 * Passes an ask on to the peer "next" and the answer back, whatever it is; several may be on their
 * way, each with what is left of its asker's deadline. A message is passed on as a message; "stop" stops the actor after that.
 */
import { Actor, Address, askFor, log, Message, peer, serve, stopSelf, tell } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class ForwardAsk extends Actor {
  allocates: bool = true;
  next: Address = new Address(0, 0, 0);
  /** Asks on their way: tag to correlation. */
  open: Map<u32, u32> = new Map();
  last: u32 = 0;

  start(): string | null {
    const next = peer("next");
    if (next == null) return "forward-ask: the peer 'next' is missing";
    this.next = next;
    return null;
  }

  handle(message: Message): void {
    if (!message.isAsk) {
      const text = message.text();
      if (text == "stop") stopSelf();
      log(1, "passing on " + text);
      memory.copy(tell(this.next, message.length), message.data, message.length);
      return;
    }
    this.last++;
    this.open.set(this.last, message.corr);
    memory.copy(askFor(this.next, this.last, 0, message.corr, message.length), message.data, message.length);
  }

  answered(message: Message): void {
    if (!this.open.has(message.corr)) return;
    const asker = new Message();
    asker.kind = 2;
    asker.corr = this.open.get(message.corr);
    this.open.delete(message.corr);
    if (message.isFailure) asker.fail(String.UTF8.decodeUnsafe(message.data + 4, message.length - 4));
    else asker.reply(message.data, message.length);
  }
}

serve(new ForwardAsk());
