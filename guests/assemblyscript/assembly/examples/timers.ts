/** Does with timers and its stash what the first byte of a message says; asks are answered with what came. */
import { Actor, after, cancel, every, everyFixedRate, Message, serve, unstash } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

/** The lower-case letter of the first byte, and a number of milliseconds behind it. */
class Timers extends Actor {
  allocates: bool = true;
  private seen: string = "";
  private open: bool = false;

  handle(message: Message): void {
    const text = message.text();
    const verb = text.charAt(0);
    const ms = <u32>parseInt(text.substr(1));
    if (verb == "a") store<u8>(after(1, ms, 1), 0x61);
    else if (verb == "e") store<u8>(every(2, ms, 1), 0x65);
    else if (verb == "r") store<u8>(everyFixedRate(3, ms, 1), 0x72);
    else if (verb == "c") cancel(ms);
    else if (verb == "o") {
      this.open = true;
      unstash();
    } else if (verb == "s" && !this.open) message.stash();
    else {
      if (verb == "s") this.seen += text;
      message.replyText(this.seen);
    }
  }

  ticked(message: Message): void {
    this.seen += message.corr.toString() + String.fromCharCode(load<u8>(message.data + 8));
    if (message.missed > 0) this.seen += "+" + message.missed.toString();
  }
}

serve(new Timers());
