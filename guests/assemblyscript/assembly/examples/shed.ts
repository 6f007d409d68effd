/** Sheds load: an ask fails with "busy" while more than half of the mailbox is taken, otherwise its answer says how it is. */
import { Actor, capacity, capacityBytes, isHigh, Message, queued, queuedBytes, serve } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class Shed extends Actor {
  allocates: bool = true;

  handle(message: Message): void {
    if (capacity() == 0) message.replyText("not told");
    else if (queued() > capacity() / 2) message.fail("busy");
    else message.replyText(share(queued(), capacity()) + ", " + share(queuedBytes(), capacityBytes()) + (isHigh() ? ", high" : ""));
  }
}

function share(now: u32, most: u32): string {
  return now.toString() + " of " + most.toString();
}

serve(new Shed());
