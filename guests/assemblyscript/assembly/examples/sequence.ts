/**
 * Numbers on their way: what the test of order counts with. The configuration is two bytes, a role and a number. A sender (0)
 * answers a message [from u32, count u32] with so many messages [its number u32, sequence u32] to the peer "next"; a relay (1)
 * passes those on; a witness (2) sees that the sequences of each sender only rise, and answers an ask with [seen u32, out of order
 * u32]. Senders and relays trap at some of the numbers, always the same ones.
 */
import { Actor, Address, Message, peer, serve, tell, user } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

const SENDER: u8 = 0;
const RELAY: u8 = 1;
const SENDERS = 16;

/** Whether there is a trap at this number; one in `every` has one. */
function isTrap(sender: u32, sequence: u32, every: u32): bool {
  return ((sender * 0x9e3779b1) ^ (sequence * 0x85ebca6b)) % every == 0;
}

class Sequence extends Actor {
  role: u8 = 0;
  id: u32 = 0;
  next: Address = new Address(0, 0, 0);
  last: StaticArray<u32> = new StaticArray<u32>(SENDERS);
  seen: u32 = 0;
  wrong: u32 = 0;

  start(): string | null {
    if (user.length != 2) return "sequence: the configuration is not two bytes";
    this.role = user[0];
    this.id = user[1];
    const next = peer("next");
    if (next != null) this.next = next;
    else if (this.role <= RELAY) return "sequence: the peer 'next' is missing";
    return null;
  }

  handle(message: Message): void {
    const first = message.word(0);
    const second = message.word(4);
    if (this.role == SENDER) this.send(first, second);
    else if (this.role == RELAY) {
      if (isTrap(first, second, 20011)) unreachable();
      memory.copy(tell(this.next, 8), message.data, 8);
    } else if (message.isAsk) this.report(message);
    else this.note(first, second);
  }

  send(from: u32, count: u32): void {
    if (isTrap(this.id, from, 41)) unreachable();
    for (let at: u32 = 0; at < count; at++) {
      const to = tell(this.next, 8);
      store<u32>(to, this.id);
      store<u32>(to, from + at, 4);
    }
  }

  note(sender: u32, sequence: u32): void {
    if (sequence <= this.last[sender]) this.wrong++;
    this.last[sender] = sequence;
    this.seen++;
  }

  report(message: Message): void {
    const words = new StaticArray<u32>(2);
    words[0] = this.seen;
    words[1] = this.wrong;
    message.reply(changetype<usize>(words), 8);
  }
}

serve(new Sequence());
