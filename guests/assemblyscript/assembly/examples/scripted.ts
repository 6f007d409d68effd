/**
 * Does what its messages say: the actor of the scenarios, whose README has the list. The
 * configuration's words say how start attempts go: ok, fail or trap; those beyond the list go well.
 */
import {
  Actor,
  Address,
  ask,
  awaitTag,
  incarnation,
  log,
  Message,
  peer,
  serve,
  stopSelf,
  tell,
  user,
} from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

/** The tag of the one ask that is open. */
const TAG: u32 = 1;

/** The text up to the first blank, and what is behind it. */
function head(text: string): string {
  const at = text.indexOf(" ");
  return at < 0 ? text : text.substring(0, at);
}

function tail(text: string): string {
  const at = text.indexOf(" ");
  return at < 0 ? "" : text.substring(at + 1);
}

function addressOf(name: string): Address {
  const address = peer(name);
  if (address == null) unreachable();
  return address!;
}

class Scripted extends Actor {
  allocates: bool = true;
  count: u32 = 0;
  /** Whether an ask, and which, waits for the answer to the open one. */
  isAsked: bool = false;
  asker: u32 = 0;

  start(): string | null {
    const words = String.UTF8.decode(user.buffer).split(" ");
    const word = incarnation <= <u32>words.length ? words[incarnation - 1] : "ok";
    if (word == "trap") unreachable();
    return word == "fail" ? "it does not start" : null;
  }

  handle(message: Message): void {
    const text = message.text();
    const verb = head(text);
    const rest = tail(text);
    if (verb == "note") {
      log(1, rest);
      message.replyText(rest);
    } else if (verb == "count") message.replyText(this.count.toString());
    else if (verb == "life") message.replyText(incarnation.toString());
    else if (verb == "fail") message.fail(rest);
    else if (verb == "keep") log(1, rest);
    else if (verb == "stop") {
      log(1, "stop");
      message.replyText("stopping");
      stopSelf();
    } else if (verb == "tell") {
      const bytes = String.UTF8.encode(tail(rest));
      memory.copy(tell(addressOf(head(rest)), bytes.byteLength), changetype<usize>(bytes), bytes.byteLength);
      message.replyText("told");
    } else if (verb == "ask") {
      const bytes = String.UTF8.encode(tail(rest));
      memory.copy(ask(addressOf(head(rest)), TAG, 0, bytes.byteLength), changetype<usize>(bytes), bytes.byteLength);
      awaitTag(TAG);
      this.isAsked = message.isAsk;
      this.asker = message.corr;
    } else if (verb == "spin") {
      for (;;) this.count++;
    } else unreachable(); // "boom", and what no actor of the scenarios knows
    this.count++;
  }

  answered(message: Message): void {
    if (!this.isAsked) return;
    this.isAsked = false;
    const asker = new Message();
    asker.kind = 2;
    asker.corr = this.asker;
    // The payload of a failure begins with its number.
    if (message.isFailure) asker.fail(String.UTF8.decodeUnsafe(message.data + 4, message.length - 4));
    else asker.reply(message.data, message.length);
  }
}

serve(new Scripted());
