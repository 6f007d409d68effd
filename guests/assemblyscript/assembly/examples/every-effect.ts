/** Sends one of each effect to the peer "other": what the golden vectors of the frame format are compared with. */
import {
  Actor,
  Address,
  ask,
  askFor,
  awaitTag,
  crash,
  demonitor,
  link,
  log,
  Message,
  monitor,
  peer,
  publishReported,
  RETAIN,
  serve,
  stopSelf,
  subscribeReported,
  tell,
  tellReported,
  unlink,
  unsubscribe,
} from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

class EveryEffect extends Actor {
  allocates: bool = true;
  other: Address = new Address(0, 0, 0);
  refusals: string = "";
  ends: string = "";

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
    else if (wish == "monitor") monitor(this.other, 0x30001);
    else if (wish == "demonitor") demonitor(0x30001);
    else if (wish == "link") link(this.other);
    else if (wish == "unlink") unlink(this.other);
    else if (wish == "ends") message.replyText(this.ends);
    else if (wish == "log") log(3, "hi");
    else if (wish == "stop") stopSelf();
    else if (wish == "fail") message.fail("no");
    else if (wish == "crash") crash("Oops", "it broke");
    else if (message.hasSender) write(tell(message.sender, 4), "back");
  }

  down(message: Message): void {
    const who = message.sender.equals(this.other) ? "other" : "somebody";
    const own = message.corr == 0x30001;
    this.ends += who + " " + own.toString() + " " + message.reason + " " + message.lastIncarnation.toString() + ";";
  }

  refused(message: Message): void {
    this.refusals += message.corr.toString() + " " + message.word(0).toString() + ";";
  }
}

function write(to: usize, ascii: string): void {
  for (let i = 0; i < ascii.length; i++) store<u8>(to + i, ascii.charCodeAt(i));
}

serve(new EveryEffect());
