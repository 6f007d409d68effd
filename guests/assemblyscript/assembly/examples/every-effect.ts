/** Sends one of each effect to the peer "other": what the golden vectors of the frame format are compared with. */
import {
  Actor,
  Address,
  ask,
  askFor,
  awaitTag,
  crash,
  log,
  Message,
  peer,
  publishReported,
  RETAIN,
  serve,
  stopSelf,
  subscribeReported,
  tell,
  tellReported,
  unsubscribe,
} from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class EveryEffect extends Actor {
  allocates: bool = true;
  other: Address = new Address(0, 0, 0);
  refusals: string = "";

  start(): string | null {
    const other = peer("other");
    if (other == null) return "every-effect: the peer 'other' is missing";
    this.other = other;
    return null;
  }

  handle(message: Message): void {
    const wish = message.text();
    if (message.isTopic) {
      const line = message.topic + " " + wish + (message.isRetained ? " kept" : "");
      write(tell(this.other, line.length), line);
    } else if (wish == "publish") write(publishReported("orders.eu", RETAIN, 9, 2), "hi");
    else if (wish == "subscribe") subscribeReported(1234, "orders.*", "workers");
    else if (wish == "unsubscribe") unsubscribe(1234);
    else if (wish == "tell") write(tellReported(this.other, 9, 2), "hi");
    else if (wish == "ask") {
      write(ask(this.other, 3, 250, 4), "ping");
      awaitTag(3);
    } else if (wish == "ask for") write(askFor(this.other, 3, 250, message.corr, 4), "ping");
    else if (wish == "refusals") message.replyText(this.refusals);
    else if (wish == "log") log(3, "hi");
    else if (wish == "stop") stopSelf();
    else if (wish == "fail") message.fail("no");
    else if (wish == "crash") crash("Oops", "it broke");
    else if (message.hasSender) write(tell(message.sender, 4), "back");
  }

  refused(message: Message): void {
    this.refusals += message.corr.toString() + " " + message.word(0).toString() + ";";
  }
}

function write(to: usize, ascii: string): void {
  for (let i = 0; i < ascii.length; i++) store<u8>(to + i, ascii.charCodeAt(i));
}

serve(new EveryEffect());
