import { Address } from "./address";
import * as out from "./outbox";

/** The frame in hand: one object for all, its bytes lie in the turn and are gone after it. */
export class Message {
  kind: u32 = 0;
  /** For an answer or a refusal: the tag the actor chose. */
  corr: u32 = 0;
  /** Where the payload lies, and its bytes. */
  data: usize = 0;
  length: u32 = 0;
  next: usize = 0;
  private frame: usize = 0;
  /** Its place in the turn, from 0. */
  position: u32 = 0;

  read(frame: usize): void {
    const length = load<u32>(frame);
    this.length = length;
    this.kind = load<u16>(frame, 4);
    this.corr = load<u32>(frame, 8);
    this.frame = frame;
    this.data = frame + 24;
    this.next = frame + ((length + 31) & ~7);
    if (this.isTopic) {
      // The topic lies in front of the message.
      const head = 4 + ((load<u32>(frame, 24) + 3) & ~3);
      this.data += head;
      this.length -= head;
    }
  }

  get isAsk(): bool {
    return this.kind == 2;
  }

  /** Whether it was published: then it has a topic. */
  get isTopic(): bool {
    return this.kind == 7;
  }

  /** What it was published on; empty for a message that was sent to this actor. */
  get topic(): string {
    return this.isTopic ? String.UTF8.decodeUnsafe(this.frame + 28, load<u32>(this.frame, 24)) : "";
  }

  /** Whether it was published before the subscription began, and kept. */
  get isRetained(): bool {
    return this.isTopic && (load<u16>(this.frame, 6) & 2) != 0;
  }

  /** Whether an ask of this actor failed: the payload is a code (u32) and a text. */
  get isFailure(): bool {
    return this.kind == 4;
  }

  get hasSender(): bool {
    return (load<u32>(this.frame, 16) | load<u32>(this.frame, 20)) != 0;
  }

  get sender(): Address {
    return Address.at(this.frame + 12);
  }

  /** A copy of the payload. */
  bytes(): Uint8Array {
    const copy = new Uint8Array(this.length);
    memory.copy(copy.dataStart, this.data, this.length);
    return copy;
  }

  text(): string {
    return String.UTF8.decodeUnsafe(this.data, this.length);
  }

  /** The word at `at` of the payload; zero past its end. */
  word(at: u32): u32 {
    return at + 4 <= this.length ? load<u32>(this.data + at) : 0;
  }

  /** Of a notice that an actor has ended: why, as one of a closed list, such as `normal`, `killed` or `trap`. */
  get reason(): string {
    const length = this.reasonLength;
    return length == 0 ? "" : String.UTF8.decodeUnsafe(this.data + 4, length);
  }

  /** Of such a notice: its last life, 0 when it had ended before the monitor was set. */
  get lastIncarnation(): u32 {
    return this.word(0);
  }

  /** Bytes of the reason, which a zero ends. */
  private get reasonLength(): u32 {
    let end: u32 = 4;
    while (end < this.length && load<u8>(this.data + end) != 0) end++;
    return end > this.length ? 0 : end - 4;
  }

  /** Whether it is a tick of this actor's timer; `corr` is its key. */
  get isTick(): bool {
    return this.kind == 8;
  }

  /** Of a tick: periods that went by while it waited. */
  get missed(): u32 {
    return this.isTick ? this.word(0) : 0;
  }

  /** Puts this message or ask aside, until `unstash` or the next life: it is not to be answered now. */
  stash(): void {
    out.stash(this.position);
  }

  /** Answers the ask; on a message it does nothing. */
  reply(data: usize, length: u32): void {
    if (this.isAsk) memory.copy(out.answer(out.REPLY, this.corr, length), data, length);
  }

  replyWord(value: u32): void {
    if (this.isAsk) store<u32>(out.answer(out.REPLY, this.corr, 4), value);
  }

  replyText(text: string): void {
    const utf8 = String.UTF8.encode(text);
    this.reply(changetype<usize>(utf8), utf8.byteLength);
  }

  /** Fails the ask with an error of the actor's own. */
  fail(text: string): void {
    if (!this.isAsk) return;
    const utf8 = String.UTF8.encode(text);
    memory.copy(out.answer(out.FAIL, this.corr, utf8.byteLength), changetype<usize>(utf8), utf8.byteLength);
  }
}
