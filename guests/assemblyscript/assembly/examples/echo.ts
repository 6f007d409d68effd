/** Answers every ask with its own payload. */
import { Actor, Message, serve } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class Echo extends Actor {
  handle(message: Message): void {
    message.reply(message.data, message.length);
  }
}

serve(new Echo());
