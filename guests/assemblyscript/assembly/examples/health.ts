/** Its health is what the last message said: a digit for the status, and a text. Asks get its custom state. */
import { Actor, Message, serve, state } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class Patient extends Actor {
  allocates: bool = true;
  said: string = "0";

  handle(message: Message): void {
    if (message.isAsk) message.replyText(String.UTF8.decode(state.buffer));
    else this.said = message.text();
  }

  health(): u32 {
    return this.said.charCodeAt(0) - 48;
  }

  healthText(): string {
    return this.said.slice(1);
  }
}

serve(new Patient());
